"""What the pictures need to know about a tree, read once: ancestry, order, times as plain numbers."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .colours import Scheme, tree_colours


@dataclass(frozen=True)
class TreeView:
    """A ``MixtureTree`` as arrays.

    Attributes:
        labels: Component labels.
        weights: Component weights, ``(K,)``.
        order: Components from top to bottom.
        subsets, children, names: Per vertex.
        depth: Per vertex, 0 at the root.
        paths: Per component, the vertices that hold it, from the root down.
        half: Per vertex, half-way time of its split, NaN for leaves.
        plateaus: Per certified vertex id, ``(t_end, t_start)``; infinite for the root.
        times: OU times, ``(T,)``.
        decided, decided_low, decided_high: ``(V, T)``.
    """

    labels: tuple[str, ...]
    weights: np.ndarray
    order: tuple[int, ...]
    subsets: tuple[tuple[int, ...], ...]
    children: tuple[tuple[int, ...], ...]
    names: tuple[str, ...]
    depth: tuple[int, ...]
    paths: tuple[tuple[int, ...], ...]
    half: np.ndarray
    plateaus: dict[int, tuple[float, float]]
    times: np.ndarray
    decided: np.ndarray
    decided_low: np.ndarray
    decided_high: np.ndarray

    @property
    def vertex_weights(self) -> list[float]:
        """Weight of every vertex."""
        return [float(self.weights[list(subset)].sum()) for subset in self.subsets]

    def colours(self, scheme: Scheme) -> np.ndarray:
        """OKLab colour of every vertex, ``(V, 3)``."""
        place = {component: position for position, component in enumerate(self.order)}
        spans = [(min(p), max(p)) for p in ([place[k] for k in subset] for subset in self.subsets)]
        return tree_colours(self.children, spans, self.vertex_weights, scheme)

    def meeting(self, first: int, second: int) -> int | None:
        """The vertex whose split separates two components, or None where the tree never does."""
        shared = [a for a, b in zip(self.paths[first], self.paths[second], strict=False) if a == b]
        lowest = shared[-1]
        return lowest if self.children[lowest] else None

    def decided_at(self, times: np.ndarray, which: str = "decided") -> np.ndarray:
        """Decided fractions interpolated at OU times, ``(V, n)``, 0 where a vertex has no split."""
        rows = np.nan_to_num(getattr(self, which), nan=0.0)
        return np.clip(np.stack([np.interp(times, self.times, row) for row in rows]), 0.0, 1.0)


def read_tree(tree: Any) -> TreeView:
    """Read a ``MixtureTree`` once."""
    mixture, vertices = tree.mixture, tree.vertices
    paths: list[tuple[int, ...]] = []
    for component in range(len(mixture.labels)):
        holding = [v.id for v in vertices if component in v.subset]
        paths.append(tuple(sorted(holding, key=lambda i: -len(vertices[i].subset))))
    depth = []
    for vertex in vertices:
        level, above = 0, vertex.parent
        while above is not None:
            level, above = level + 1, vertices[above].parent
        depth.append(level)
    return TreeView(
        labels=tuple(mixture.labels),
        weights=np.asarray(mixture.weights, dtype=np.float64),
        order=tuple(tree.order),
        subsets=tuple(tuple(v.subset) for v in vertices),
        children=tuple(tuple(v.children) for v in vertices),
        names=tuple(v.label for v in vertices),
        depth=tuple(depth),
        paths=tuple(paths),
        half=np.array([time_value(v.half_time) for v in vertices]),
        plateaus=certified_plateaus(tree),
        times=np.asarray(tree.times, dtype=np.float64),
        decided=np.asarray(tree.curves["decided"], dtype=np.float64),
        decided_low=np.asarray(tree.curves["decided_low"], dtype=np.float64),
        decided_high=np.asarray(tree.curves["decided_high"], dtype=np.float64),
    )


def certified_plateaus(tree: Any) -> dict[int, tuple[float, float]]:
    """Vertex id → ``(t_end, t_start)`` of every vertex certified at the tree's ε."""
    by_subset = {tuple(v.subset): v.id for v in tree.vertices}
    plateaus = {}
    for node in tree.nodes:
        start, end = time_value(node.plateau_start), time_value(node.plateau_end)
        if len(node.subset) == len(tree.mixture.labels):
            start = np.inf
        if not np.isnan(start) and not np.isnan(end) and start >= end:
            plateaus[by_subset[tuple(node.subset)]] = (end, start)
    return plateaus


def time_value(time: Any) -> float:
    """A ``Time``'s value as a float, NaN where there is none."""
    value = None if time is None else getattr(time, "value", time)
    return float("nan") if value is None else float(value)
