"""Where a study looks next: levels between those whose retention differs, and levels known well enough."""

import itertools
from collections.abc import Sequence

import numpy as np

from ..engine.processes import IndexSet
from ._table import Table
from .retention import proportion_interval


def refined(table: Table, levels: Sequence[float], index: IndexSet, tolerance: float) -> list[float]:
    """Return a level between each two consecutive ones whose retention differs by more than `tolerance`.

    Levels between which the index set has none are as fine as it gets.
    """
    shares = []
    for level in levels:
        kept, trials = _counts(table, level, table.repeats)
        shares.append(np.where(trials > 0, kept / np.maximum(trials, 1), np.nan))
    moves = (np.abs(np.diff(shares, axis=0)) > tolerance).any(axis=1)
    halves = [index.between(levels[i], levels[i + 1]) for i in np.flatnonzero(moves).tolist()]
    return [half for half in halves if half is not None]


def grid_of(levels: list[float], index: IndexSet, rounds: int) -> list[float]:
    """Return all levels that `rounds` of refinement may come to, increasing."""
    grid = sorted(levels)
    for _ in range(rounds):
        halves = [index.between(low, high) for low, high in itertools.pairwise(grid)]
        grid = sorted({*grid, *(half for half in halves if half is not None)})
    return grid


def narrow_enough(table: Table, level: float, repeats: int, width: float) -> bool:
    """Return whether all features' 95 % Wilson intervals at a level are narrower than `width`.

    Counts the first `repeats` repeats only, so that the answer does not depend on what else is known.
    """
    kept, trials = _counts(table, level, repeats)
    low, high = proportion_interval(kept, trials, "wilson", 0.95)
    return bool((trials > 0).all() and (high - low < width).all())


def _counts(table: Table, level: float, repeats: int) -> tuple[np.ndarray, np.ndarray]:
    """Return how many repeats kept each feature's value, and how many there are, `(F,)` each."""
    outcome = table.level(level).outcome[:, :repeats]
    there = (outcome >= 0) & (table.original >= 0)[:, None]
    return (there & (outcome == table.original[:, None])).sum((0, 1)), there.sum((0, 1))


def rounds_of(repeats: int, width: float | None) -> list[range]:
    """Return the repeats of each round: all at once, or doubling from 4 when a round may be the last."""
    if width is None:
        return [range(repeats)]
    edges = [0, min(4, repeats)]
    while edges[-1] < repeats:
        edges.append(min(2 * edges[-1], repeats))
    return [range(low, high) for low, high in itertools.pairwise(edges)]
