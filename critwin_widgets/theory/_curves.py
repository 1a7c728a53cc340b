"""Where many curves cross many levels, at once: `crossing` and `falls_to` of all sets of a tree."""

import functools

import numpy as np
from jaxtyping import Float
from scipy import special

from ..engine._types import Curves, PerTime
from ..engine.processes import clock
from .times import gap_of


def places(times: PerTime) -> PerTime:
    """Return `ln(sigma^2 + sigma_1^2)` of OU times, the scale on which curves are nearly straight."""
    return _places(np.ascontiguousarray(times, np.float64).tobytes())[0]


@functools.lru_cache(8)
def _places(times: bytes) -> tuple[PerTime, float]:
    """Return the places of times and `sigma_1^2`: what every curve of a tree is read with."""
    sigma2 = clock.to_sigma(np.frombuffer(times)) ** 2
    return np.log(sigma2 + sigma2[1]), float(sigma2[1])


def time_at(place: np.ndarray, times: PerTime) -> np.ndarray:
    """Return the OU times at places of `places(times)`."""
    least = _places(np.ascontiguousarray(times, np.float64).tobytes())[1]
    return 0.5 * np.log1p(np.maximum(np.exp(place) - least, 0.0))


def heights(overlaps: Curves) -> Curves:
    """Return `-ln` of the distance at which two unit Gaussians overlap as much, non-decreasing in time."""
    return -np.log(gap_of(np.maximum.accumulate(overlaps)))


def interpolate(found: Curves, wanted: np.ndarray, place: PerTime) -> np.ndarray:
    """Return `numpy.interp(wanted, found[:, m], place)` for each non-decreasing curve, `(M, L)`.

    `wanted` `(L,)` serves all curves, `(M, L)` gives each its own levels.
    """
    levels = np.broadcast_to(wanted, (found.shape[1], np.shape(wanted)[-1]))
    right = np.concatenate([(found[:, :, None] <= part).sum(0) for part in _parts(levels, found.size)], axis=1)
    right = np.clip(right, 1, len(place) - 1)
    every = np.arange(found.shape[1])[:, None]
    low, high = found[right - 1, every], found[right, every]
    rise = high - low
    share = np.clip(np.divide(levels - low, rise, out=(levels >= high).astype(np.float64), where=rise > 0), 0.0, 1.0)
    return place[right - 1] + share * (place[right] - place[right - 1])


def _parts(levels: np.ndarray, size: int) -> list[np.ndarray]:
    """Return the levels `(M, L)` in parts whose comparison with all curves takes some megabytes."""
    step = max(1, 2**22 // size)
    return [levels[:, first : first + step] for first in range(0, levels.shape[1], step)]


def crossings(times: PerTime, found: Curves, levels: np.ndarray) -> np.ndarray:
    """Return where overlap curves cross levels, as OU times `(M, L)`; see `crossing`.

    Args:
        times: OU times, `(T,)`.
        found: `heights` of the curves, `(T, M)`.
        levels: overlaps, `(L,)` or `(M, L)`.

    Returns:
        NaN where a curve starts above the level.
    """
    wanted = -np.log(gap_of(np.asarray(levels)))
    place = interpolate(found, wanted, places(times)) + 2.0 * np.maximum(wanted - found[-1][:, None], 0.0)
    return np.where(wanted < found[0][:, None], np.nan, time_at(place, times))


def falls(times: PerTime, decided: Curves, level: float | np.ndarray) -> np.ndarray:
    """Return the OU times at which curves falling from 1 to 0 cross a level, `(M,)`; NaN if they do not.

    `level` serves all curves, `(M,)` gives each its own.
    """
    if len(times) < 2:
        return np.full(decided.shape[1], np.nan)
    curve, place = np.minimum.accumulate(decided), places(times)
    right = np.clip(np.count_nonzero(curve >= level, axis=0), 1, len(times) - 1)
    every = np.arange(curve.shape[1])
    high, low = curve[right - 1, every], curve[right, every]
    fall = high - low
    share = np.clip(np.divide(high - level, fall, out=(level <= low).astype(np.float64), where=fall > 0), 0.0, 1.0)
    found = time_at(place[right - 1] + share * (place[right] - place[right - 1]), times)
    return np.where((curve[0] < level) | (curve[-1] > level), np.nan, found)


def least_level(within: Curves, overlap: Curves) -> Float[np.ndarray, "M"]:
    """Return `eps* = min_t max(within(t), sqrt(overlap(t)))`, the smallest eps at which a set is a vertex.

    Args:
        within: `heights` of `1 - TV` inside each set, whose total variation falls with time.
        overlap: `heights` of the overlap with the rest, `(T, M)`.

    Between the two times where they cross, both are interpolated as in `crossing`.
    """
    every, final = np.arange(overlap.shape[1]), len(overlap) - 1
    ever = _root(overlap[-1]) >= _distance(within[-1])
    # Both curves are monotone, so halving finds the first time at which the second is ahead (else the last).
    left, right = np.full(len(every), -1), np.full(len(every), final)
    for _ in range(len(overlap).bit_length()):
        middle = np.maximum((left + right) // 2, 0)
        ahead = _root(overlap[middle, every]) >= _distance(within[middle, every])
        left, right = np.where(ahead, left, middle), np.where(ahead, middle, right)
    ends = [(curve[np.maximum(right - 1, 0), every], curve[right, every]) for curve in (within, overlap)]
    low, high = np.zeros(len(every)), np.ones(len(every))
    for _ in range(24):
        middle = (low + high) / 2
        inside, outside = (first + middle * (last - first) for first, last in ends)
        crossed = _root(outside) >= _distance(inside)
        low, high = np.where(crossed, low, middle), np.where(crossed, middle, high)
    inside, outside = (first + high * (last - first) for first, last in ends)
    found = np.maximum(_distance(inside), _root(outside))
    # Separated at no time: the distance inside at the last; ahead from the start: what holds there.
    return np.where(ever, found, _distance(within[-1]))


def _root(height: np.ndarray) -> np.ndarray:
    return np.sqrt(2 * special.ndtr(-np.exp(-height) / 2))


def _distance(height: np.ndarray) -> np.ndarray:
    return special.erf(np.exp(-height) / (2 * np.sqrt(2)))
