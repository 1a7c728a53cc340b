"""Adaptive Gauss-Kronrod quadrature on a log scale, in one and two dimensions.

Integrands are given by their logarithms, so that an integral of 1e-1000 is as ordinary as one of
1. Panels are halved where the 15-point Kronrod and the 7-point Gauss rule differ most; a kink (two
densities crossing) costs a few halvings, a smooth panel none. Nodes: Kronrod 1965, as tabulated in
QUADPACK (Piessens et al. 1983).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

_HALF_NODES = np.array(
    [
        0.991455371120812639206854697526329,
        0.949107912342758524526189684047851,
        0.864864423359769072789712788640926,
        0.741531185599394439863864773280788,
        0.586087235467691130294144691693013,
        0.405845151377397166906606412076961,
        0.207784955007898467600689403773245,
        0.0,
    ]
)
_HALF_KRONROD = np.array(
    [
        0.022935322010529224963732008058970,
        0.063092092629978553290700663189204,
        0.104790010322250183839876322541518,
        0.140653259715525918745189590510238,
        0.169004726639267902826583426598550,
        0.190350578064785409913256402421014,
        0.204432940075298892414161999234649,
        0.209482141084727828012999174891714,
    ]
)
_HALF_GAUSS = np.array(
    [
        0.0,
        0.129484966168869693270611432679082,
        0.0,
        0.279705391489276667901467771423780,
        0.0,
        0.381830050505118944950369775488975,
        0.0,
        0.417959183673469387755102040816327,
    ]
)
NODES = np.concatenate([-_HALF_NODES[:-1], _HALF_NODES[::-1]])
KRONROD = np.concatenate([_HALF_KRONROD[:-1], _HALF_KRONROD[::-1]])
GAUSS = np.concatenate([_HALF_GAUSS[:-1], _HALF_GAUSS[::-1]])

SPOTS = np.array([-9.0, -6.0, -4.0, -2.5, -1.2, 0.0, 1.2, 2.5, 4.0, 6.0, 9.0])
"""Edges of first panels around a centre, in its standard deviations."""


class Integral(NamedTuple):
    """Logarithm of an integral, with its estimated relative error (infinite when not converged)."""

    log_value: float
    relative_error: float


def integrate(
    log_f: Callable[[np.ndarray], np.ndarray], edges: np.ndarray, tolerance: float, limit: int = 40_000
) -> Integral:
    """Return `ln int f` over the panels between sorted `edges`.

    Args:
        log_f: logarithm of a non-negative integrand at points `(N,)`; `-inf` stands for zero.
        edges: sorted ends of the first panels, `(E,)`.
        tolerance: wanted relative error.
        limit: evaluations allowed; the error reached is returned when they are spent.
    """
    low, high = edges[:-1], edges[1:]
    starts, ends, logs = low[:0], low[:0], np.zeros((0, len(NODES)))
    spent = 0
    while True:
        middle, half = (low + high) / 2, (high - low) / 2
        points = middle[:, None] + half[:, None] * NODES
        fresh = np.asarray(log_f(points.ravel())).reshape(points.shape)
        spent += points.size
        starts, ends = np.concatenate([starts, low]), np.concatenate([ends, high])
        logs = np.concatenate([logs, fresh])
        top = logs.max(initial=-np.inf)
        if not np.isfinite(top):
            return Integral(-np.inf, 0.0) if top == -np.inf else Integral(np.nan, np.inf)
        widths = (ends - starts) / 2
        scaled = np.exp(logs - top)
        values, errors = widths * (scaled @ KRONROD), widths * np.abs(scaled @ (KRONROD - GAUSS))
        total, error = values.sum(), errors.sum()
        if error <= tolerance * total or spent >= limit:
            return Integral(float(top + np.log(total)), float(error / total))
        # Panels too narrow to halve hold no more than rounding.
        worst = (errors > 0.5 * tolerance * total / len(errors)) & (middle_of(starts, ends) > starts)
        if not worst.any():
            return Integral(float(top + np.log(total)), float(error / total))
        split_low, split_high = starts[worst], ends[worst]
        centre = middle_of(split_low, split_high)
        starts, ends, logs = starts[~worst], ends[~worst], logs[~worst]
        low, high = np.concatenate([split_low, centre]), np.concatenate([centre, split_high])


def middle_of(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return midpoints."""
    return low + (high - low) / 2


class Boxes(NamedTuple):
    """Integrals of several functions over a rectangle, `(M,)`, with absolute errors, `(M,)`."""

    values: np.ndarray
    errors: np.ndarray


def integrate_boxes(
    f: Callable[[np.ndarray], np.ndarray],
    first: np.ndarray,
    second: np.ndarray,
    tolerance: float,
    floor: float,
    limit: int = 4_000_000,
) -> Boxes:
    """Return `int f` over a rectangle, for a function with `M` components, by halving boxes.

    Args:
        f: values at points `(N, 2)`, shape `(N, M)`.
        first, second: sorted edges of the first boxes on each axis.
        tolerance: wanted error of every component, relative to its value.
        floor: absolute error that is small enough whatever the value.
        limit: evaluations allowed; the error reached is returned when they are spent.
    """
    u, v = (axis.ravel() for axis in np.meshgrid(np.arange(len(first) - 1), np.arange(len(second) - 1)))
    pending = np.stack([first[u], first[u + 1], second[v], second[v + 1]], axis=1)
    boxes, values, across = pending[:0], None, None
    spent = 0
    while True:
        fresh_values, fresh_across = _rules(f, pending)
        spent += len(pending) * len(NODES) ** 2
        boxes = np.concatenate([boxes, pending])
        values = fresh_values if values is None else np.concatenate([values, fresh_values])
        across = fresh_across if across is None else np.concatenate([across, fresh_across], axis=1)
        errors = across.max(0)  # (boxes, M)
        total = values.sum(0)
        wanted = np.maximum(tolerance * np.abs(total), floor)
        open_ = errors.sum(0) > wanted
        if not open_.any() or spent >= limit:
            return Boxes(total, errors.sum(0))
        worst = (errors > 0.5 * wanted / len(boxes))[:, open_].any(1)
        bad, ratio = boxes[worst], (across[:, worst] / wanted).max(-1)
        boxes, values, across = boxes[~worst], values[~worst], across[:, ~worst]
        # Halve along the axis that is resolved worse; both where they are alike.
        pending = _split(bad, ratio)


def _split(boxes: np.ndarray, errors: np.ndarray) -> np.ndarray:
    for axis in (0, 1):
        along = errors[axis] > 0.2 * errors[1 - axis]
        boxes, errors = _halve(boxes, errors, along, axis)
    return boxes


def _halve(boxes: np.ndarray, errors: np.ndarray, along: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    lower, upper = boxes[along].copy(), boxes[along].copy()
    lower[:, 2 * axis + 1] = upper[:, 2 * axis] = middle_of(lower[:, 2 * axis], lower[:, 2 * axis + 1])
    kept = errors[:, along]
    return (
        np.concatenate([boxes[~along], lower, upper]),
        np.concatenate([errors[:, ~along], kept, kept], axis=1),
    )


def _rules(f, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return Kronrod values `(N, M)` and the differences to Gauss along each axis, `(2, N, M)`."""
    size = len(NODES)
    values, across = [], []
    for block in np.array_split(boxes, max(1, len(boxes) // 400)):
        half = (block[:, 1::2] - block[:, ::2]) / 2
        centre = middle_of(block[:, ::2], block[:, 1::2])
        u = centre[:, :1] + half[:, :1] * NODES
        v = centre[:, 1:] + half[:, 1:] * NODES
        points = np.stack(np.broadcast_arrays(u[:, :, None], v[:, None, :]), axis=-1)
        found = f(points.reshape(-1, 2)).reshape(len(block), size, size, -1)
        rows, areas = np.einsum("nuvm,v->num", found, KRONROD), half.prod(1)[:, None]
        values.append(areas * np.einsum("num,u->nm", rows, KRONROD))
        by_u = np.abs(np.einsum("num,u->nm", rows, KRONROD - GAUSS))
        by_v = np.abs(np.einsum("nuvm,u,v->nm", found, KRONROD, KRONROD - GAUSS))
        across.append(np.stack([areas * by_u, areas * by_v]))
    return np.concatenate(values), np.concatenate(across, axis=1)


def integrate_log_boxes(
    log_f: Callable[[np.ndarray], np.ndarray], axes: list[np.ndarray], tolerance: float, limit: int = 6_000_000
) -> Integral:
    """Return `ln int f` over a rectangle, for `log_f` at points `(N, 2)`; `axes` are the first edges."""
    points = [np.linspace(axis[:-1], axis[1:], 5, endpoint=False).ravel() for axis in axes]
    highest = top = np.max(log_f(np.stack(np.meshgrid(*points), axis=-1).reshape(-1, 2)))
    if not np.isfinite(top):
        return Integral(-np.inf, 0.0) if top == -np.inf else Integral(np.nan, np.inf)

    def scaled(points: np.ndarray) -> np.ndarray:
        nonlocal highest
        logs = log_f(points)
        highest = max(highest, np.max(logs))
        return np.exp(np.minimum(logs - top, 600.0))[:, None]

    while True:
        found = integrate_boxes(scaled, *axes, tolerance=tolerance, floor=0.0, limit=limit)
        # A peak far above every point of the first grid: once more, on its scale.
        if highest - top < 300.0:
            value, error = found.values[0], found.errors[0]
            return Integral(float(top + np.log(value)), float(error / value))
        top = highest


def thinned(spots: np.ndarray, gaps: np.ndarray) -> np.ndarray:
    """Return sorted edges from candidates, each at least its own gap beyond the one before; the ends stay."""
    order = np.argsort(spots, axis=None)
    spots, gaps = spots.ravel()[order], gaps.ravel()[order]
    edges = [spots[0]]
    for spot, gap in zip(spots[1:], gaps[1:], strict=True):
        if spot - edges[-1] > gap:
            edges.append(spot)
    return np.array([*edges, spots[-1]] if spots[-1] > edges[-1] else edges)


def clustered(centres: np.ndarray, scales: np.ndarray, offsets: np.ndarray, most: int) -> np.ndarray:
    """Return sorted edges at `centres + scales * offsets`, about `most` of them at the most."""
    spots = centres[:, None] + scales[:, None] * offsets
    gaps = np.repeat(scales[:, None], len(offsets), axis=1)
    spacing = 0.6
    while len(edges := thinned(spots, spacing * gaps)) > most and spacing < 5.0:
        spacing *= 1.5
    return edges


def returns_in_boxes(
    log_densities, axes, weights, sets, contexts, sources, with_logs: bool
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return `E[P(set | Y, context)]` and `E[ln P(set | Y, context)]`, `(M,)` each, and a relative error.

    Args:
        log_densities: of all components at points `(N, 2)`, `(N, K)`.
        axes: the edges of the first boxes on both axes.
        weights, sets, contexts, sources: as for `line.returns_on_line`.
        with_logs: whether to integrate logarithms too; zeros without.
    """
    size = sets.shape[1]

    def integrand(points: np.ndarray) -> np.ndarray:
        logs = log_densities(points)
        with np.errstate(invalid="ignore"):
            joint = np.exp(logs - logs.max(-1, keepdims=True)) * weights
        part, whole = joint @ sets, joint @ contexts
        share = np.divide(part, whole, out=np.ones_like(part), where=whole > 0)
        mass = np.exp(logs) @ sources
        logs = [mass * np.log(np.maximum(share, 1e-300))] if with_logs else []
        return np.concatenate([mass * share, mass, *logs], axis=1)

    found = integrate_boxes(integrand, *axes, tolerance=1e-7, floor=1e-12)
    values, mass, logs = found.values[:size], found.values[size : 2 * size], found.values[2 * size :]
    errors = np.where(found.errors[:size] > 1e-12, found.errors[:size], 0.0)
    relative = np.divide(errors, values, out=np.zeros(size), where=errors > 0)
    error = float(max(relative.max(), np.abs(mass - 1).max()))
    return values / mass, logs / mass if with_logs else np.zeros(size), error
