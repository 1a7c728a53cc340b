"""The river as geometry: from a tree to banks, colours and places for labels. Nothing is drawn here."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ._axis import Axis
from ._theme import Theme
from ._tree_view import TreeView
from .colours import to_hex

GAP_SHARE = 0.44
"""Share of the height that is open water between the streams at the data end."""


@dataclass(frozen=True)
class River:
    """Banks of every stream, in pixels.

    Attributes:
        x: Sample positions from noise to data, ``(n,)``.
        t: Their OU times, ``(n,)``.
        top, bottom: Banks per component, ``(K, n)``, indexed like the mixture's components.
        soft: How far the interval of the decided fraction moves a bank, ``(K, n)``, pixels.
        colour: OKLab colour per component and sample, ``(K, n, 3)``.
        vertex_colour: OKLab colour per vertex, ``(V, 3)``.
        decided: Decided fraction per vertex and sample, ``(V, n)``.
    """

    x: np.ndarray
    t: np.ndarray
    top: np.ndarray
    bottom: np.ndarray
    soft: np.ndarray
    colour: np.ndarray
    vertex_colour: np.ndarray
    decided: np.ndarray

    def band(self, subset: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Top and bottom of the water of a vertex, ``(n,)`` each."""
        rows = list(subset)
        return self.top[rows].min(axis=0), self.bottom[rows].max(axis=0)


def river_layout(view: TreeView, axis: Axis, theme: Theme, top: float, height: float, samples: int = 220) -> River:
    """Lay the streams out.

    A stream's width is its component's weight. Between neighbours a gap opens in proportion to the
    decided fraction of the split that separates them, and colours part by the same fraction.

    Args:
        view: The tree.
        axis: Time axis.
        theme: Colours.
        top, height: Vertical room for the river at the data end, pixels.
        samples: Number of horizontal sample points.
    """
    t = axis.times(samples)
    x = np.asarray(axis.x(t))
    decided = view.decided_at(t)
    spread = 0.5 * (view.decided_at(t, "decided_high") - view.decided_at(t, "decided_low"))
    count = len(view.order)
    gaps, splits = gap_sizes(view, height)
    water = height - gaps.sum()
    opened = np.zeros((max(count - 1, 0), len(t)))
    doubt = np.zeros_like(opened)
    for i, split in enumerate(splits):
        if split is not None:
            opened[i], doubt[i] = gaps[i] * decided[split], gaps[i] * spread[split]
    widths = water * view.weights[list(view.order)]
    # Each pile is centred, so the river widens to both sides as it parts.
    above = top + 0.5 * (height - water - opened.sum(axis=0))
    tops = above + np.concatenate([[0.0], np.cumsum(widths[:-1])])[:, None]
    tops[1:] += np.cumsum(opened, axis=0)
    soft = np.zeros((count, len(t)))
    if count > 1:
        soft[:-1] = np.maximum(soft[:-1], 0.5 * doubt)
        soft[1:] = np.maximum(soft[1:], 0.5 * doubt)
    place = np.argsort(view.order)
    vertex_colour = view.colours(theme.scheme)
    return River(
        x=x,
        t=t,
        top=tops[place],
        bottom=(tops + widths[:, None])[place],
        soft=soft[place],
        colour=_stream_colours(view, vertex_colour, decided),
        vertex_colour=vertex_colour,
        decided=decided,
    )


def gap_sizes(view: TreeView, height: float) -> tuple[np.ndarray, list[int | None]]:
    """Fully open gaps between neighbours in stacking order, pixels, and the vertex that splits them.

    Splits near the root get wider gaps; gaps together take at most ``GAP_SHARE`` of the height.
    """
    neighbours = list(pairwise(view.order))
    splits = [view.meeting(a, b) for a, b in neighbours]
    units = np.array([0.0 if s is None else max(0.35, 0.62 ** view.depth[s]) for s in splits])
    if units.sum() == 0:
        return np.zeros(len(units)), splits
    return np.minimum(units / units.sum() * GAP_SHARE * height, 64.0 * units), splits


def _stream_colours(view: TreeView, vertex_colour: np.ndarray, decided: np.ndarray) -> np.ndarray:
    colours = np.empty((len(view.labels), decided.shape[1], 3))
    for component, path in enumerate(view.paths):
        colour = np.tile(vertex_colour[0], (decided.shape[1], 1))
        for above, below in pairwise(path):
            share = decided[above][:, None]
            colour = (1 - share) * colour + share * vertex_colour[below]
        colours[component] = colour
    return colours


def gradient_stops(x: np.ndarray, colour: np.ndarray, tolerance: float = 0.006) -> list[tuple[float, str]]:
    """Few gradient stops that follow a colour path within ``tolerance`` in OKLab.

    Args:
        x: Positions, ``(n,)``.
        colour: OKLab, ``(n, 3)``.

    Returns:
        ``(offset, "#rrggbb")`` with offsets in [0, 1].
    """
    keep = {0, len(x) - 1}
    pending = [(0, len(x) - 1)]
    while pending:
        first, last = pending.pop()
        if last - first < 2:
            continue
        share = ((x[first : last + 1] - x[first]) / (x[last] - x[first] or 1.0))[:, None]
        straight = (1 - share) * colour[first] + share * colour[last]
        error = np.linalg.norm(colour[first : last + 1] - straight, axis=1)
        worst = int(error.argmax())
        if error[worst] > tolerance and 0 < worst < last - first:
            keep.add(first + worst)
            pending += [(first, first + worst), (first + worst, last)]
    span = x[-1] - x[0] or 1.0
    return [(float((x[i] - x[0]) / span), to_hex(colour[i])) for i in sorted(keep)]
