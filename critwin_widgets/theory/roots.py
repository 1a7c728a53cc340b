"""When an overlap crosses a level: brackets from closed forms, then a root or an inversion.

Overlaps never decrease with time (data processing), so that each crossing is one root. The proven
bounds bracket it first, at once and at all levels together. An *exact* overlap is then solved for by
Brent's method in coordinates in which a pair of Gaussians is nearly a straight line: a handful of
evaluations. (The functions live on the host in float64, where JAX's root finders would have to
call back once per step; SciPy's do the same steps.) An *estimated* one is a curve under common
random numbers, inverted where it crosses: for three curves, value and both limits, one inversion
of a few dozen shared times costs less than three roots and cannot be thrown off by noise.
"""

import dataclasses
import math
import time
from collections.abc import Callable

import numpy as np

from ..engine.mixtures import Mixture
from ..engine.processes import clock
from ..engine.separation import CERTIFIED, ESTIMATED, EXACT, Effort, Estimate, log_overlap_of_sets
from .times import crossing_of_logs, height_of, time_grid

CURVE_SIZE = 24
"""Times of an estimated curve; one size, for which the passes are compiled once."""

_FEW = 9
"""Times of a curve on which every overlap is drawn to a wanted error."""

_ROUNDS = 4
_DECADES = 14

OverlapAt = Callable[..., Estimate]
"""`ln O` at times `(T,)`; keywords replace fields of the `Effort`."""


def crossing_times(
    mixture: Mixture, first: tuple[int, ...], second: tuple[int, ...], log_levels: list[float], effort: Effort
) -> list[Estimate]:
    """Return the OU time at which `O(p_t^first, p_t^second)` crosses each level; NaN where it starts above.

    Args:
        mixture: the mixture.
        first, second: component indices.
        log_levels: logarithms of the levels, below 0.
        effort: how each overlap is to be known.

    Returns:
        For each level an `Estimate` whose limits are the earliest and the latest time that is possible
        (*certified*) or in the 95 % interval (*estimated*); NaN for a limit before time 0.
    """
    members = sorted(set(first) | set(second))
    part = mixture.subset_mixture(members)
    a, b = (tuple(members.index(k) for k in side) for side in (first, second))

    def overlap_at(times: np.ndarray, **changes) -> Estimate:
        return log_overlap_of_sets(part, a, b, times, dataclasses.replace(effort, **changes))

    grid = _extended(overlap_at, time_grid(part), max(log_levels))
    proven = overlap_at(grid, method=CERTIFIED, rtol=None)
    return [_crossing(overlap_at, grid, proven, level, effort) for level in log_levels]


def _extended(overlap_at: OverlapAt, grid: np.ndarray, level: float) -> np.ndarray:
    """Return the grid with later times, until the overlap is proven to be above the level."""
    sigma = float(clock.to_sigma(grid[-1]))
    for _ in range(_DECADES):
        if overlap_at(grid[-1:], method=CERTIFIED, rtol=None).low[0] > level:
            break
        sigma *= 10.0
        grid = np.append(grid, clock.from_sigma(sigma))
    return grid


def _crossing(overlap_at: OverlapAt, grid: np.ndarray, proven: Estimate, level: float, effort: Effort) -> Estimate:
    def at(times: np.ndarray) -> Estimate:
        return overlap_at(times, method=CERTIFIED, rtol=None)

    if proven.method == EXACT:  # two components of one covariance: nothing else is needed
        value = _root(at, "value", *_bracket(grid, proven.value, level), level)
        return Estimate(value, value, value, EXACT)
    early = _root(at, "high", *_bracket(grid, proven.high, level), level)
    late = _root(at, "low", *_bracket(grid, proven.low, level), level)
    if effort.method == CERTIFIED:
        value = _root(at, "value", *_bracket(grid, proven.value, level), level)
        return Estimate(value, early, late, CERTIFIED)
    if math.isnan(late):  # proven to start above the level: there is nothing left to find
        return Estimate(late, late, late, CERTIFIED if effort.method == ESTIMATED else EXACT)
    begin, end = 0.0 if math.isnan(early) else early, late if math.isfinite(late) else float(grid[-1])
    if effort.method != ESTIMATED:
        found = _solved(overlap_at, begin, end, level, effort)
        if found is not None:
            return found
    return _inverted(overlap_at, begin, end, level, effort)


def _bracket(grid: np.ndarray, curve: np.ndarray, level: float) -> tuple[float, float]:
    """Return grid times around the crossing of a curve: the last at or below the level, and the next.

    Twice NaN where it starts above, twice infinity where it stays below. Bounds need not be monotone; a
    time at which the upper one is below the level is before the crossing, whatever comes earlier.
    """
    below = np.flatnonzero(curve <= level)
    if not len(below):
        return math.nan, math.nan
    last = int(below[-1])
    return (float(grid[last]), float(grid[last + 1])) if last + 1 < len(grid) else (math.inf, math.inf)


def _root(at: OverlapAt, side: str, begin: float, end: float, level: float) -> float:
    """Return where one side of an estimate crosses the level between two times; they may be NaN or infinite."""
    if not math.isfinite(begin):
        return begin
    floor = max(float(clock.to_sigma(begin)), 1e-3 * float(clock.to_sigma(end))) ** 2

    def place(t: float) -> float:
        return math.log(float(clock.to_sigma(t)) ** 2 + floor)

    def time_at(x: float) -> float:
        return float(clock.from_sigma(math.sqrt(max(math.exp(x) - floor, 0.0))))

    def height(x: float) -> float:
        return float(height_of(getattr(at(np.array([time_at(x)])), side))[0]) - target

    target = float(height_of(np.array([level]))[0])
    low, high = place(begin), place(end)
    # Rounding, at an end that is itself the root.
    if height(low) >= 0.0:
        return begin
    if height(high) <= 0.0:
        return end
    from scipy.optimize import (
        root_scalar,  # scipy.optimize takes a third of a second to load, and most calls do without
    )

    return time_at(root_scalar(height, bracket=(low, high), method="brentq", xtol=1e-12).root)


def _solved(overlap_at: OverlapAt, begin: float, end: float, level: float, effort: Effort) -> Estimate | None:
    """Return the crossing of exact overlaps between two times, or `None` where they are not exact."""
    # Brent's method takes about ten steps; the seconds are for all of them.
    budget = effort.seconds / 10
    first = overlap_at(np.array([begin]), budget=budget)
    if first.method != EXACT:
        return None
    if first.value[0] > level:
        # At 0: above from the start. Later: rounding at a proven bound that is the root.
        value = math.nan if begin == 0.0 else begin
        return Estimate(value, value, value, EXACT)

    def at(times: np.ndarray) -> Estimate:
        return overlap_at(times, budget=budget)

    value = _root(at, "value", begin, end, level)
    return Estimate(value, value, value, EXACT)


def _inverted(overlap_at: OverlapAt, begin: float, end: float, level: float, effort: Effort) -> Estimate:
    """Return the crossing of estimated curves between two times, zooming in until their spacing is fine enough."""
    first, last, began = begin, end, time.monotonic()
    found = Estimate(math.nan, math.nan, math.nan, ESTIMATED)
    for turn in range(_ROUNDS):
        # The wanted error matters only where the curve crosses, so not on the first, wide curve.
        left = max(effort.seconds - (time.monotonic() - began), 0.0)
        wanted = {"rtol": effort.rtol, "budget": left / 2} if turn else {"rtol": None}
        times = _spaced(begin, end, CURVE_SIZE if effort.rtol is None or not turn else _FEW)
        curve = overlap_at(times, **wanted)
        value, early, late = (
            float(crossing_of_logs(times, getattr(curve, side), level)) for side in ("value", "high", "low")
        )
        found = Estimate(value, early, late, curve.method, curve.status)
        near = [x for x in (value, early, late) if math.isfinite(x)]
        if not near:
            break
        # Other draws may cross before or after a curve that was narrowed by the last ones.
        outside = (begin > first and math.isnan(early)) or (end < last and late > end)
        lower, upper = _around(times, min(near), max(near), begin == 0.0 and math.isnan(early))
        # Between neighbours the curves are nearly straight: an interval over three of them is resolved.
        resolved = np.count_nonzero((times >= min(near)) & (times <= max(near))) >= 3
        if resolved and not outside and (turn or effort.rtol is None):
            break
        margin = (upper - lower) * (2.0 if outside else 0.5)
        begin, end = max(lower - margin, first), min(upper + margin, last)
        if outside:
            begin = first if math.isnan(early) else begin
    return found


def _spaced(begin: float, end: float, size: int) -> np.ndarray:
    """Return OU times from one time to another, evenly in `ln sigma`, and 0 if it begins there."""
    low, high = float(clock.to_sigma(begin)), float(clock.to_sigma(end))
    if low > 0.0:
        return clock.from_sigma(np.geomspace(low, max(high, low * (1 + 1e-9)), size))
    return np.concatenate([[0.0], clock.from_sigma(np.geomspace(1e-3 * high, high, size - 1))])


def _around(times: np.ndarray, low: float, high: float, from_zero: bool) -> tuple[float, float]:
    """Return the times of a curve next to an interval, on either side."""
    left = max(int(np.searchsorted(times, low)) - 1, 0)
    right = min(int(np.searchsorted(times, high, side="right")), len(times) - 1)
    return 0.0 if from_zero else float(times[left]), float(times[max(right, left + 1)])
