"""Which separation curves to show and with which numbers; shared by the static and the live picture."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ._tree_view import time_value

MOST = 6
"""Curves shown unless asked otherwise; more are hard to tell apart."""


@dataclass(frozen=True)
class SeparationCurve:
    """One vertex's overlap with the rest and the largest distance inside it, against OU time.

    Attributes:
        vertex: Vertex id in the tree.
        subset: Its components.
        label: Its name.
        overlap, overlap_low, overlap_high: ``O_t(S, Θ−S)``, ``(T,)``.
        within, within_low, within_high: Largest total variation between two of its components.
    """

    vertex: int
    subset: tuple[int, ...]
    label: str
    overlap: np.ndarray
    overlap_low: np.ndarray
    overlap_high: np.ndarray
    within: np.ndarray
    within_low: np.ndarray
    within_high: np.ndarray


@dataclass(frozen=True)
class Window:
    """A critical window to shade: after whose decision, and from when to when (OU time)."""

    after: tuple[int, ...]
    label: str
    t_after: float
    t_before: float


def separation_curves(tree: Any, subsets: Iterable[Any] | None = None) -> list[SeparationCurve]:
    """The curves of chosen vertices.

    Args:
        tree: A ``MixtureTree``.
        subsets: Iterables of component indices or labels, each of which must be a vertex of the tree
            other than the root; the first few vertices from the root down when ``None``.

    Raises:
        ValueError: For a subset that is not a vertex, or the whole mixture (it has no rest).
    """
    chosen = default_vertices(tree) if subsets is None else [vertex_of(tree, subset) for subset in subsets]
    columns = {
        name: np.asarray(tree.curves[name], dtype=np.float64)
        for kind in ("overlap", "within")
        for name in (kind, f"{kind}_low", f"{kind}_high")
    }
    return [
        SeparationCurve(
            vertex=i,
            subset=tuple(tree.vertices[i].subset),
            label=tree.vertices[i].label,
            **{name: values[i] for name, values in columns.items()},
        )
        for i in dict.fromkeys(chosen)
    ]


def default_vertices(tree: Any) -> list[int]:
    """The root's children, the heaviest where there are many, and further levels as long as they fit whole."""
    chosen: list[int] = []
    level = list(tree.vertices[0].children)
    while level and (not chosen or len(chosen) + len(level) <= MOST):
        heavy = sorted(level, key=lambda i: (-tree.vertices[i].weight, i))
        chosen += heavy[:MOST]
        level = [child for i in level for child in tree.vertices[i].children]
    return sorted(chosen)


def vertex_of(tree: Any, subset: Any) -> int:
    """The vertex with these components.

    Raises:
        ValueError: When the tree has none, or it is the root.
    """
    wanted = tuple(tree.mixture.indices(subset))
    for vertex in tree.vertices:
        if tuple(sorted(vertex.subset)) == wanted:
            if vertex.id == 0:
                raise ValueError("subsets: the whole mixture has no rest to be separated from; choose a part of it.")
            return vertex.id
    names = ", ".join(tree.mixture.labels[k] for k in wanted)
    known = "; ".join(v.label for v in tree.vertices[1:9])
    raise ValueError(f"subsets: {{{names}}} is not a vertex of the tree; its vertices are {known}, ….")


def shown_windows(tree: Any, curves: Iterable[SeparationCurve]) -> list[Window]:
    """Critical windows of the chosen vertices at the tree's ε, where both ends exist."""
    chosen = {curve.subset: curve.label for curve in curves}
    found = []
    for window in tree.windows:
        t_after, t_before = time_value(window.t_after), time_value(window.t_before)
        after = tuple(window.after)
        if after in chosen and np.isfinite(t_after) and np.isfinite(t_before) and t_before > t_after:
            found.append(Window(after, chosen[after], t_after, t_before))
    return found


def lowest_shown(eps: float) -> float:
    """Bottom of the logarithmic axis: two decades below the smaller threshold."""
    return float(min(1e-4, 0.01 * eps**2))
