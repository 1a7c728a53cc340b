"""Where the names of vertices go inside the river: on their plateau, clear of each other."""

from dataclasses import dataclass

import numpy as np

from ..theory._labels import added_words
from ._axis import Axis
from ._river_layout import River
from ._svg import Boxes, text_width
from ._tree_view import TreeView
from .colours import to_hex


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
    return added_words(view.names[vertex], parents[0]) if parents else view.names[vertex]


def _place(
    vertex: int, text: str, view: TreeView, river: River, axis: Axis, thumbs: bool, boxes: Boxes
) -> Placed | None:
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
            found = _level(view.subsets[vertex], river, span, tall - (6 if with_thumb else 2), inside=not with_thumb)
            if found is None:
                continue
            y, row = found
            if boxes.free(x - 3, y - tall / 2, x + wide + 3, y + tall / 2):
                boxes.take(x - 3, y - tall / 2, x + wide + 3, y + tall / 2)
                middle = int(np.searchsorted(river.x, x + extra + (wide - extra) / 2))
                return Placed(vertex, text, x, y, to_hex(river.colour[row, min(middle, len(own) - 1)]), with_thumb)
    return None


def _level(
    subset: tuple[int, ...], river: River, span: np.ndarray, tall: float, *, inside: bool
) -> tuple[float, int] | None:
    """Height of a label's middle and the stream below it, or None where the water is too shallow.

    Words go inside one stream where one is deep enough, so that no gap runs through them; a thumbnail
    covers what is below it and stands in the middle of the branch.
    """

    def room(rows: list[int]) -> tuple[float, float]:
        return float(river.top[rows][:, span].min(axis=0).max()), float(river.bottom[rows][:, span].max(axis=0).min())

    if inside:
        depth = {k: floor - roof for k in subset for roof, floor in [room([k])]}
        deepest = max(depth, key=lambda k: depth[k])
        if depth[deepest] >= tall:
            return 0.5 * sum(room([deepest])), deepest
    roof, floor = room(list(subset))
    if floor - roof < tall:
        return None
    y = 0.5 * (roof + floor)
    centres = {k: float(np.mean(0.5 * (river.top[k][span] + river.bottom[k][span]))) for k in subset}
    return y, min(subset, key=lambda k: abs(centres[k] - y))
