"""Times at which separations cross a level: one root of a monotone function each."""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
from scipy import special

from ..engine.mixtures import Mixture
from ..engine.processes import clock
from ..engine.separation import EXACT, Estimate, pair_gaps

SEPARATED, NEVER_SEPARATED = "separated", "never separated"
REACHED, ALWAYS_WITHIN, UNBOUNDED = "reached", "always within", "unbounded"
NEVER_DECIDED = "never half decided"

GRID_SIZE = 96
"""Positive times of a survey; one size for all mixtures, so that no mixture recompiles for it."""


@dataclasses.dataclass(frozen=True)
class Time:
    """An OU time with its interval, how it is known, and what kind of result it is.

    Attributes:
        value, low, high: OU time; NaN when `status` begins with "never" (there is no such time; a
            `high` that is a number is the latest that the interval does not exclude), infinite when
            "unbounded".
        status: "separated" or "never separated" (start times), "reached" or "always within" (end
            times, 0 for the latter), "unbounded" (the target is the whole mixture), "never half
            decided" (a split's half-way time).
        method: "exact", "certified" or "estimated".
        complete: false when the seconds allowed were spent before a wanted relative error was reached.
    """

    value: float
    low: float
    high: float
    status: str
    method: str
    complete: bool = True

    @property
    def exists(self) -> bool:
        """Whether there is such a time."""
        return not math.isnan(self.value)

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        if self.status.startswith("never") or self.status == UNBOUNDED:
            return self.status
        suffix = f", {self.status}" if self.status == ALWAYS_WITHIN else ""
        if self.method == EXACT:
            return f"{self.value:.3f} (exact{suffix})"
        return f"{self.value:.3f} in [{self.low:.3f}, {self.high:.3f}] ({self.method}{suffix})"


def time_grid(mixture: Mixture, size: int = GRID_SIZE) -> np.ndarray:
    """Return `size` OU times after 0, `(size + 1,)`, then evenly spaced in `ln sigma` over all that happens.

    From the smallest scale at which a pair's overlap still changes to the largest at which every
    pair is within total variation 0.004.
    """
    narrow, wide = np.sqrt(mixture.variance_range)
    extent = 2 * np.sqrt(np.square(mixture.component_offsets).sum(-1).max())
    extent = max(extent, 1e-3 * wide, 1e-12)
    coarse = np.geomspace(0.01 * min(narrow, extent), 1e3 * max(extent, wide), 64)
    gap = pair_gaps(mixture, clock.from_sigma(coarse))
    if not gap.size:
        return np.concatenate([[0.0], clock.from_sigma(np.geomspace(0.05, 20.0, size))])
    moving = (np.abs(np.diff(gap, axis=0)) > 2e-3 * np.maximum(gap[1:], 0.1)) & (gap[1:] < 20)
    first = int(np.argmax(moving.any(1))) if moving.any() else 0
    apart = np.flatnonzero(gap.max(1) > 0.01)
    last = min(int(apart[-1]) + 1 if len(apart) else len(coarse) - 1, len(coarse) - 1)
    first = min(first, last - 1)
    return np.concatenate([[0.0], clock.from_sigma(np.geomspace(coarse[first], coarse[last], size))])


def crossing(times: np.ndarray, overlaps: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return where a non-decreasing overlap curve `(T,)` crosses each level `(L,)`, as OU times.

    NaN where the curve starts above the level. Interpolation is linear between `ln sigma` and the
    log of the distance at which two unit Gaussians overlap as much: for a pair of Gaussians that is
    nearly a straight line. Beyond the last time the distance falls as `1 / sigma`, as it does once
    the noise is wider than everything else.
    """
    return crossing_of_logs(times, *(np.log(np.clip(x, 1e-300, 1.0)) for x in (overlaps, np.asarray(levels))))


def crossing_of_logs(times: np.ndarray, log_overlaps: np.ndarray, log_levels) -> np.ndarray:
    """Return `crossing` from logarithms, for overlaps and levels of any size."""
    curve = np.maximum.accumulate(log_overlaps)
    place = np.log(clock.to_sigma(times) ** 2 + clock.to_sigma(times[1]) ** 2)
    heights, wanted = height_of(curve), height_of(np.asarray(log_levels))
    found = np.interp(wanted, heights, place) + 2.0 * np.maximum(wanted - heights[-1], 0.0)
    sigma2 = np.maximum(np.exp(found) - clock.to_sigma(times[1]) ** 2, 0.0)
    result = 0.5 * np.log1p(sigma2)
    return np.where(np.asarray(log_levels) < curve[0], np.nan, result)


def gap_of(overlaps: np.ndarray) -> np.ndarray:
    """Return the distance of two unit Gaussians with this overlap, between 1e-9 and 75."""
    return gap_of_logs(np.log(np.clip(overlaps, 1e-300, 1.0)))


def gap_of_logs(log_overlaps: np.ndarray) -> np.ndarray:
    """Return the distance of two unit Gaussians whose overlap has this logarithm, at least 1e-9."""
    return np.clip(-2.0 * special.ndtri_exp(np.minimum(log_overlaps, 0.0) - math.log(2.0)), 1e-9, None)


def height_of(log_overlaps: np.ndarray) -> np.ndarray:
    """Return minus the log of that distance: what rises almost linearly with `ln sigma`."""
    return -np.log(gap_of_logs(log_overlaps))


def root_of_overlap(overlap_at: Callable[[np.ndarray], Estimate], grid: np.ndarray, level: float) -> Estimate:
    """Return the time at which an overlap crosses `level`; NaN where it starts above the level.

    Two passes over as many times as `grid` has: the first brackets the crossings of the value and
    of both limits, the second resolves them to about 1e-7.

    Args:
        overlap_at: function from times `(T,)` to an `Estimate` of the (non-decreasing) overlap.
        grid: OU times that bracket all change, 0 first.
        level: overlap to cross.
    """
    coarse = overlap_at(grid)
    # A smaller overlap crosses later: the low curve gives the late end of the interval.
    sides = ("value", "high", "low")
    levels = np.array([level])
    ends = [float(crossing(grid, getattr(coarse, side), levels)[0]) for side in sides]
    finite = [end for end in ends if math.isfinite(end)]
    if finite:
        zoomed = _between(grid, min(finite), max(finite))
        again = overlap_at(zoomed)
        closer = [float(crossing(zoomed, getattr(again, side), levels)[0]) for side in sides]
        ends = [c if math.isfinite(c) and math.isfinite(e) else e for c, e in zip(closer, ends, strict=True)]
    return Estimate(ends[0], ends[1], ends[2], coarse.method)


def _between(grid: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return as many times as `grid` has, evenly in `ln sigma`, between its points around two times."""
    left = max(int(np.searchsorted(grid, low)) - 1, 0)
    right = min(int(np.searchsorted(grid, high, side="right")), len(grid) - 1)
    ends = clock.to_sigma(grid[[left, right]])
    if left > 0:
        return clock.from_sigma(np.geomspace(ends[0], ends[1], len(grid)))
    return np.concatenate([[0.0], clock.from_sigma(np.geomspace(1e-3 * ends[1], ends[1], len(grid) - 1))])
