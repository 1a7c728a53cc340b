"""Reading curves along the levels of a process that are not OU times: whole numbers, or fractions.

Overlaps never decrease with the level (data processing). On whole numbers nothing lies between two
levels: a start time is the last level at or below a threshold, an end time the first at or above it.
Between fractions m the logarithm of an overlap is interpolated over `ln m`: for two strings under
random masking, whose overlap is `m^h`, that is a straight line.
"""

import dataclasses
import math
from typing import Any

import numpy as np

from ..engine.processes import IndexSet
from ..engine.separation import EXACT, Effort, Estimate
from ..engine.separation.levels import log_overlap_on_levels

GRID_SIZE = 97
"""Levels of a curve, at most."""

_ROUNDS = 5
_LOWEST, _HIGHEST = -12.0, 12.0
"""Log-odds between which fractions are spread, besides 0 and 1."""


def level_grid(index: IndexSet, low: float | None = None, high: float | None = None, size: int = GRID_SIZE):
    """Return levels of an index set from one to another (all of it by default), both included, at most `size`."""
    first, last = index.clean if low is None else low, index.noise if high is None else high
    if index.whole:
        count = min(size, int(last - first) + 1)
        return np.unique(np.rint(np.linspace(first, last, count)))
    inner = 1.0 / (1.0 + np.exp(-np.linspace(_log_odds(first), _log_odds(last), size)))
    return np.unique([first, *inner[1:-1], last])


def _log_odds(level: float) -> float:
    with np.errstate(divide="ignore"):
        return float(np.clip(np.log(level) - np.log1p(-level), _LOWEST, _HIGHEST))


def crossings(index: IndexSet, levels: np.ndarray, log_overlaps: np.ndarray, log_level: np.ndarray, last: bool):
    """Return where non-decreasing curves `(L, M)` cross thresholds, logarithms `(E,)`, as levels `(M, E)`.

    Args:
        index: the index set.
        levels: increasing, `(L,)`.
        log_overlaps: `ln O`, `(L, M)`.
        log_level: logarithms of the thresholds.
        last: on whole numbers, return the last level at or below the threshold (a start time) rather
            than the first at or above it (an end time).

    Returns:
        NaN where a curve starts above; infinity where it stays below.
    """
    curves = np.maximum.accumulate(log_overlaps, axis=0).T[:, None, :]
    wanted = np.asarray(log_level)[:, None]
    if index.whole:
        # "Within" means at most eps apart: 1e-12 forgives rounding of what is equal in exact arithmetic.
        side = (curves <= wanted + 1e-12) if last else (curves < wanted - 1e-12)
        count = side.sum(axis=2)
        place = np.clip(count - 1 if last else count, 0, len(levels) - 1)
        found = levels[place]
        return np.where(count == 0, np.nan, np.where(count == len(levels), np.inf, found))
    count = (curves <= wanted).sum(axis=2)
    left = np.clip(count - 1, 0, len(levels) - 2)
    with np.errstate(divide="ignore"):
        place = np.log(np.maximum(levels, 1e-9))
    below, above = (np.maximum(np.take_along_axis(curves[:, 0], k, axis=1), -700.0) for k in (left, left + 1))
    rise = above - below
    share = np.clip((wanted[:, 0] - below) / np.where(rise > 0, rise, 1.0), 0.0, 1.0)
    found = np.exp(place[left] + share * (place[left + 1] - place[left]))
    return np.where(count == 0, np.nan, np.where(count == len(levels), np.inf, found))


def falls(index: IndexSet, levels: np.ndarray, decided: np.ndarray, wanted: float | np.ndarray) -> np.ndarray:
    """Return the levels at which curves `(L, M)` falling from 1 to 0 cross a value, `(M,)`; NaN if they do not.

    On whole numbers: the last level at which at least that much is decided.
    """
    curves = np.minimum.accumulate(decided, axis=0)
    value = np.broadcast_to(wanted, curves.shape[1])
    count = (curves >= value - 1e-12).sum(axis=0)
    missing = (count == 0) | (count == len(levels))
    left = np.clip(count - 1, 0, len(levels) - 2)
    every = np.arange(curves.shape[1])
    high, low = curves[left, every], curves[left + 1, every]
    found = levels[left]
    if not index.whole:
        fall = high - low
        share = np.clip((high - value) / np.where(fall > 0, fall, 1.0), 0.0, 1.0)
        found = found + share * (levels[left + 1] - levels[left])
    return np.where(missing, np.nan, found)


def level_crossings(
    process: Any,
    first: tuple[int, ...],
    second: tuple[int, ...],
    log_levels: list[float],
    effort: Effort,
    last: bool,
) -> list[Estimate]:
    """Return the level at which the overlap of two sets crosses each threshold; NaN where it starts above.

    An exact crossing of fractions is solved for by Brent's method; other curves are looked at ever
    more closely where they cross. Whole numbers are looked at one by one.

    Args:
        process: the process.
        first, second: component indices.
        log_levels: logarithms of the thresholds.
        effort: how each overlap is to be known.
        last: see `crossings`.
    """

    def at(levels: np.ndarray, **changes) -> Estimate:
        return log_overlap_on_levels(process, first, second, levels, dataclasses.replace(effort, **changes))

    grid = level_grid(process.index)
    # The wanted error matters only near the crossing.
    curve = at(grid, rtol=None)
    return [_crossing(process.index, at, grid, curve, level, effort, last) for level in log_levels]


def _crossing(
    index: IndexSet, at, grid: np.ndarray, curve: Estimate, level: float, effort: Effort, last: bool
) -> Estimate:
    levels, ends = grid, [math.nan] * 3
    for turn in range(_ROUNDS):
        ends = [
            float(crossings(index, levels, getattr(curve, side)[:, None], np.array([level]), last)[0, 0])
            for side in ("value", "high", "low")
        ]
        near = [x for x in ends if math.isfinite(x)]
        if not near:
            break
        low = int(max(np.searchsorted(levels, min(near)) - 1, 0))
        high = int(min(np.searchsorted(levels, max(near), side="right"), len(levels) - 1))
        if curve.method == EXACT and not index.whole:
            root = _root(at, levels, curve.value, level)
            return Estimate(root, root, root, EXACT)
        finer = level_grid(index, levels[low], levels[high])
        settled = len(finer) == high - low + 1 if index.whole else turn == 2
        if settled and (effort.rtol is None or turn):
            break
        levels, curve = finer, at(finer)
    return Estimate(ends[0], ends[1], ends[2], curve.method, curve.status)


def _root(at, levels: np.ndarray, curve: np.ndarray, level: float) -> float:
    from scipy.optimize import root_scalar  # a third of a second to load, and most calls do without

    left = int(np.flatnonzero(curve <= level)[-1])
    if left == len(levels) - 1:
        return float(levels[-1])
    begin, end = float(levels[left]), float(levels[left + 1])

    def height(m: float) -> float:
        return float(np.maximum(at(np.array([m])).value[0], -1e4)) - level

    if height(begin) >= 0.0:
        return begin
    return float(root_scalar(height, bracket=(begin, end), method="brentq", xtol=1e-15, rtol=1e-14).root)
