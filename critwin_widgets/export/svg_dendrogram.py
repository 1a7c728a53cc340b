"""The certified ε-mixture tree as a node-link drawing to scale: plateaus are bars, windows are links."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ._axis import Axis, clock_for
from ._frame import LEFT, check_width, closing, heading, time_axis
from ._svg import document, fit_text, number, tag, text_width
from ._theme import Theme, theme_named
from ._tree_view import TreeView, read_tree
from ._words import alternative_text, dendrogram_words
from .colours import to_hex

PITCH = 27.0


@dataclass(frozen=True)
class _Row:
    """One line at the right: a certified leaf, or components that are not told apart below ``vertex``."""

    vertex: int
    components: tuple[int, ...]
    alone: bool  # certified as it stands


def dendrogram_svg(
    tree: Any, *, title: str | None = None, theme: str = "light", clock: str = "t", width: float = 960
) -> str:
    """Draw the ε-mixture tree at the tree's ε.

    Each certified vertex is a bar over its plateau, from ``T_start`` to ``T_end``; each link spans the
    critical window between a parent's plateau and its child's. Components that no certified vertex
    tells apart are listed together, with a dashed line.

    Args:
        tree: A ``MixtureTree``.
        title: Heading; names ε when omitted.
        theme: "light" or "dark".
        clock: "t", "sigma", "alpha_bar" or "log_snr"; of masked tokens the unit of their levels.
        width: Width in pixels, at least 320.

    Returns:
        A self-contained SVG document.

    Raises:
        ValueError: For an unknown theme or clock, or a width below 320.
    """
    check_width(width)
    colours, view = theme_named(theme), read_tree(tree)
    title = f"Certified plateaus and critical windows at ε = {tree.eps:g}" if title is None else title
    water = view.colours(colours.scheme)
    parents = _strict_parents(view)
    rows = _rows(view, parents)
    names = [_row_name(view, row, 0.3 * width) for row in rows]
    room = max(text_width(name, 12.5) for name in names) + 30
    t_min, t_max = _span(tree, view)
    axis = Axis(clock_for(tree, clock), t_min, t_max, LEFT, width - room)
    top = 58.0
    heights = _heights(view, parents, rows, top)
    bottom = top + PITCH * len(rows) + 6
    below, end = closing(dendrogram_words(tree, view), colours, bottom + 58, width)
    parts = [
        heading(title, colours, width),
        *(_link(view, axis, heights, child, parent, colours) for child, parent in parents.items()),
        *(_bar(view, axis, heights, vertex, to_hex(water[vertex]), colours) for vertex in view.plateaus),
        *(
            _row(view, axis, heights, row, name, top + PITCH * (i + 0.5), colours)
            for i, (row, name) in enumerate(zip(rows, names, strict=True))
        ),
        time_axis(axis, colours, bottom),
        below,
    ]
    return document(
        width, end, *parts, title=title, description=alternative_text(tree, view), background=colours.background
    )


def _strict_parents(view: TreeView) -> dict[int, int]:
    """Certified vertex → the smallest certified vertex around it."""
    parents = {}
    for vertex in view.plateaus:
        inside = set(view.subsets[vertex])
        around = [other for other in view.plateaus if inside < set(view.subsets[other])]
        if around:
            parents[vertex] = min(around, key=lambda other: len(view.subsets[other]))
    return parents


def _rows(view: TreeView, parents: dict[int, int]) -> list[_Row]:
    rows, listed = [], set()
    for component in view.order:
        if component in listed:
            continue
        holding = [v for v in view.plateaus if component in view.subsets[v]]
        vertex = min(holding, key=lambda v: len(view.subsets[v]), default=0)
        below = [v for v, parent in parents.items() if parent == vertex]
        covered = {k for child in below for k in view.subsets[child]}
        together = tuple(k for k in view.order if k in view.subsets[vertex] and k not in covered)
        listed.update(together)
        rows.append(_Row(vertex, together, alone=not below and vertex in view.plateaus))
    return rows


def _row_name(view: TreeView, row: _Row, room: float) -> str:
    names = ", ".join(view.labels[k] for k in row.components)
    return fit_text(names, 12.5, room)


def _heights(view: TreeView, parents: dict[int, int], rows: list[_Row], top: float) -> dict[int, float]:
    heights: dict[int, float] = {}
    for vertex in sorted(view.plateaus, key=lambda v: len(view.subsets[v])):
        own = [top + PITCH * (i + 0.5) for i, row in enumerate(rows) if row.vertex == vertex]
        own += [heights[child] for child, parent in parents.items() if parent == vertex]
        heights[vertex] = float(np.mean(own))
    return heights


def _span(tree: Any, view: TreeView) -> tuple[float, float]:
    ends = [end for end, _ in view.plateaus.values() if np.isfinite(end)]
    starts = [start for _, start in view.plateaus.values() if np.isfinite(start) and start > 0]
    # The root's bar needs room to the left of its end.
    return min([float(tree.t_min), *starts]), max(float(tree.t_max), 1.15 * max(ends, default=0.0))


def _edges(view: TreeView, axis: Axis, vertex: int) -> tuple[float, float]:
    end, start = view.plateaus[vertex]
    return float(axis.x(min(start, axis.t_max))), float(axis.x(end))


def _bar(view: TreeView, axis: Axis, heights: dict[int, float], vertex: int, colour: str, theme: Theme) -> str:
    left, right = _edges(view, axis, vertex)
    y = heights[vertex]
    end, start = view.plateaus[vertex]
    where = f"from {axis.show(start)} " if np.isfinite(start) else ""
    about = tag("title", text=f"{view.names[vertex]}: decided and nothing more {where}to {axis.show(end)}")
    box = {"x": left, "y": y - 5, "width": max(right - left, 3.0), "height": 10.0, "rx": "5", "fill": colour}
    parts = [tag("rect", box, about)]
    if len(view.subsets[vertex]) > 1:
        name = "nothing decided" if vertex == 0 else view.names[vertex]
        place = {"x": max(left, axis.x0), "y": y - 9, "font_size": "12", "font_weight": "600", "fill": theme.ink}
        halo = {"stroke": theme.background, "stroke_width": "3", "paint_order": "stroke"}
        parts.append(tag("text", place | halo, text=fit_text(name, 12, 260)))
    return "".join(parts)


def _link(view: TreeView, axis: Axis, heights: dict[int, float], child: int, parent: int, theme: Theme) -> str:
    x0, x1 = _edges(view, axis, parent)[1], _edges(view, axis, child)[0]
    y0, y1 = heights[parent], heights[child]
    middle = 0.5 * (x0 + x1)
    bend = f"{number(middle)} {number(y0)} {number(middle)} {number(y1)} {number(x1)} {number(y1)}"
    before, after = view.plateaus[parent][0], view.plateaus[child][1]
    about = f"critical window of {view.names[child]}: {axis.show(before)} to {axis.show(after)}"
    line = {"d": f"M{number(x0)} {number(y0)}C{bend}", "fill": "none", "stroke": theme.muted, "stroke_width": "1.6"}
    return tag("path", line, tag("title", text=about))


def _row(view: TreeView, axis: Axis, heights: dict[int, float], row: _Row, name: str, y: float, theme: Theme) -> str:
    start = _edges(view, axis, row.vertex)[1] if row.vertex in view.plateaus else axis.x0
    full = ", ".join(view.labels[k] for k in row.components)
    parts = []
    if not row.alone or len(row.components) > 1:  # decided as a group, and told apart by nothing certified
        from_y = heights.get(row.vertex, y)
        path = f"M{number(start)} {number(from_y)}L{number(min(start + 24, axis.x1))} {number(y)}H{number(axis.x1)}"
        line = {"d": path, "fill": "none", "stroke": theme.muted, "stroke_dasharray": "2 4"}
        parts.append(tag("path", line, tag("title", text=f"not told apart: {full}")))
    text = {"x": axis.x1 + 12, "y": y + 4, "font_size": "12.5", "fill": theme.ink}
    parts.append(tag("text", text, tag("title", text=full), tag("tspan", text=name)))
    return "".join(parts)
