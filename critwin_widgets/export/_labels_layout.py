"""Where the names of vertices go inside the river: on their plateau, clear of each other."""

from dataclasses import dataclass

import numpy as np

from ._axis import Axis
from ._river_layout import River
from ._svg import Boxes, text_width
from ._theme import to_hex
from ._tree_view import TreeView


@dataclass(frozen=True)
class Placed:
    """A label (and thumbnail) in the river; ``x`` is its left edge and ``y`` its middle."""

    vertex: int
    text: str
    x: float
    y: float
    colour: str
    thumb: bool


def plateau_labels(view: TreeView, river: River, axis: Axis, thumbs: bool) -> list[Placed]:
    """Labels for the root and every inner vertex that has room.

    A vertex is named where it is decided and its own split is not: candidates run outwards from the
    middle between its parent's half-way time and its own. Vertices without room stay unnamed; their
    components are named at the right.
    """
    boxes, placed = Boxes(), []
    inner = [i for i in range(len(view.subsets)) if view.children[i]]
    for vertex in sorted(inner, key=lambda i: (view.depth[i], -len(view.subsets[i]))):
        root = vertex == 0
        found = _place(vertex, "nothing decided" if root else _own_part(view, vertex), view, river, axis, thumbs, boxes)
        if found is not None:
            placed.append(found)
    return placed


def _own_part(view: TreeView, vertex: int) -> str:
    """What a vertex's name adds to its parent's: "disc" for "sand · disc" below "sand"."""
    parents = [view.names[i] for i in range(len(view.children)) if vertex in view.children[i]]
    return view.names[vertex].removeprefix(parents[0] + " · ") if parents else view.names[vertex]


def _place(
    vertex: int, text: str, view: TreeView, river: River, axis: Axis, thumbs: bool, boxes: Boxes
) -> Placed | None:
    above, below = river.band(view.subsets[vertex])
    own = river.decided[vertex]
    parents = [i for i in range(len(view.children)) if vertex in view.children[i]]
    before = river.decided[parents[0]] if parents else np.ones_like(own)
    # Best where the parent's split is made and the own one isn't.
    score = before * (1 - own)
    if parents and score.max() < 0.4:
        return None
    best = int(score.argmax()) if parents else int(np.searchsorted(river.x, axis.x0 + 14))
    open_ = np.flatnonzero(score >= (0.8 * score.max() if parents else 0.5))
    if len(open_) == 0:
        return None
    left, right = float(river.x[open_[0]]), float(river.x[open_[-1]])
    for with_thumb in (True, False) if thumbs else (False,):
        extra, tall = (37.0, 34.0) if with_thumb else (0.0, 15.0)
        wide = text_width(text, 12) + extra
        if wide > right - left + 24:  # a name cut short inside the river says less than none
            continue
        centre = float(river.x[best]) if parents else axis.x0 + 14 + wide / 2
        for shift in (0, -20, 20, -40, 40, -70, 70, -110, 110):
            x = min(max(centre + shift - wide / 2, axis.x0 + 8), axis.x1 - wide - 8)
            span = (river.x >= x) & (river.x <= x + wide)
            roof, floor = float(above[span].max()), float(below[span].min())
            if floor - roof < tall - (6 if with_thumb else 2):
                continue
            y = 0.5 * (roof + floor)
            if boxes.free(x - 3, y - tall / 2, x + wide + 3, y + tall / 2):
                boxes.take(x - 3, y - tall / 2, x + wide + 3, y + tall / 2)
                middle = int(np.searchsorted(river.x, x + extra + (wide - extra) / 2))
                row = view.subsets[vertex][len(view.subsets[vertex]) // 2]
                return Placed(vertex, text, x, y, to_hex(river.colour[row, min(middle, len(own) - 1)]), with_thumb)
    return None
