"""Results of samplers in a few words."""

import numpy as np

_LISTED = 8
"""Most components or times that are listed one by one."""


def at_times(times: np.ndarray) -> str:
    """Return "t=0.5", "t=0.1, 0.5", or for many times their number and range."""
    listed = np.atleast_1d(times)
    if len(listed) <= _LISTED // 2:
        return f"t={', '.join(f'{t:.4g}' for t in listed)}"
    return f"{len(listed)} times t={listed.min():.4g} to {listed.max():.4g}"


def by_method(method: str, steps: np.ndarray | int) -> str:
    """Return the method, with its integration steps unless it takes none."""
    low, high = int(np.min(steps)), int(np.max(steps))
    if method == "exact":
        return method
    return f"{method} in {low} steps" if low == high else f"{method} in {low} to {high} steps"


def shares(kept: np.ndarray) -> str:
    """Return the retention at one or several times as percentages."""
    listed = [f"{100 * share:.3g} %" for share in np.atleast_1d(kept)]
    if len(listed) <= _LISTED // 2:
        return ", ".join(listed)
    return f"{listed[int(np.argmin(kept))]} to {listed[int(np.argmax(kept))]}"


def label_counts(component: np.ndarray) -> str:
    """Return how many samples `(n,)` each component has, the largest first where there are many."""
    counts = np.bincount(component)
    order = np.argsort(-counts, kind="stable")[:_LISTED] if len(counts) > _LISTED else np.arange(len(counts))
    listed = ", ".join(f"{k}: {counts[k]}" for k in order)
    return listed + (", ..." if len(counts) > _LISTED else "")


def table(counts: np.ndarray) -> str:
    """Return label counts `(K, K)` as aligned text, source components down and those come back across; "" if large."""
    if len(counts) > _LISTED:
        return ""
    names = [str(k) for k in range(len(counts))]
    rows = [["from \\ to", *names], *([name, *map(str, row)] for name, row in zip(names, counts, strict=True))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in rows)
