"""What `SeparationCurves` says below its figure; every label is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from critwin_widgets.export.curve_data import SeparationCurve
from critwin_widgets.theory import MixtureTree


def explanation(words: str) -> str:
    """A paragraph as HTML."""
    return f'<div class="critwin-curves-words">{escape(words)}</div>'


def readout_table(
    tree: MixtureTree, curves: Sequence[SeparationCurve], inks: Sequence[str], where: str, time: float
) -> str:
    """The curves' values at one time as an HTML table, with what its columns mean.

    Args:
        tree: The tree, at the ε of the thresholds.
        curves: Its curves.
        inks: Their colours as ``#rrggbb``.
        where: The time in words.
        time: The same as OU time.
    """
    eps, method = tree.eps, str(tree.curves.attrs.get("overlap_method", "estimated"))
    head = "".join(
        f'<th scope="col" title="{escape(about)}">{escape(name)}</th>'
        for name, about in (
            ("part", "a vertex of the tree"),
            (
                "overlap with the rest",
                f"1 − total variation between this part and all others at this time, with its interval ({method})",
            ),
            ("separated?", f"whether that overlap is at most ε² = {eps**2:.3g}"),
            ("largest distance inside", "largest total variation between two of its components at this time"),
            ("still one?", f"whether that distance is at most ε = {eps:.3g}"),
        )
    )
    rows = "".join(_row(tree, curve, ink, time) for curve, ink in zip(curves, inks, strict=True))
    meaning = (
        f"Separated: overlap with the rest ({method}) at most ε² = {eps**2:.3g}. "
        f"Still one: no two of its components further apart than ε = {eps:.3g}. Both at once: a plateau."
    )
    table = f"<table><caption>at {escape(where)}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<div class="critwin-curves-readout">{table}</div>{explanation(meaning)}'


def _row(tree: MixtureTree, curve: SeparationCurve, ink: str, time: float) -> str:
    times = np.asarray(tree.times)

    def at(values: np.ndarray) -> float:
        logs = np.log10(np.maximum(np.nan_to_num(values), 1e-300))
        return float(10.0 ** np.interp(time, times, logs))

    value, low, high = at(curve.overlap), at(curve.overlap_low), at(curve.overlap_high)
    alone = len(curve.subset) == 1
    inside = 0.0 if alone else at(curve.within)
    told, ends = short(value), (short(low), short(high))
    if ends != (told, told):
        told = f"{told} [{', '.join(ends)}]"
    cells = (told, _yes(value <= tree.eps**2), "–" if alone else short(inside), _yes(inside <= tree.eps))
    name = f'<th scope="row"><i style="background:{ink}"></i>{escape(curve.label)}</th>'
    return f"<tr>{name}{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


def _yes(holds: bool) -> str:
    return "✓ yes" if holds else "no"


def short(value: float) -> str:
    """A probability in two digits; what is below 1e-30 is no more than that."""
    if value < 1e-30:
        return "< 1e−30" if value > 0 else "0"
    return f"{value:.2g}" if value >= 1e-3 else f"{value:.1e}".replace("e-0", "e−").replace("e-", "e−")
