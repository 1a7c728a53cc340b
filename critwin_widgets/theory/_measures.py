"""Measuring a family of sub-mixtures: separation curves, `eps*`, decided fractions, returns."""

import dataclasses
import math

import numpy as np
from scipy import special

from ..engine.separation import ESTIMATED, EXACT, Estimate, Survey, subset_weights
from .features import decided_fraction, falls_to
from .times import crossing, gap_of


@dataclasses.dataclass(frozen=True)
class Separation:
    """Curves of `M` subsets on the survey's times, `(T, M)` each.

    Attributes:
        overlap: `O(p_t^S, p_t^rest)`.
        within: the largest total variation between two components of S.
        certified_overlap, certified_within: closed-form upper bounds of both.
    """

    overlap: Estimate
    within: Estimate
    certified_overlap: np.ndarray
    certified_within: np.ndarray


def separation(survey: Survey, pairs: Estimate, subsets: list[tuple[int, ...]]) -> Separation:
    """Measure how far each subset is from the rest, and its components from each other."""
    everything = tuple(range(survey.mixture.n_components))
    shape = (len(survey.times), len(subsets))
    proper = [m for m, s in enumerate(subsets) if len(s) < len(everything)]
    sides = {side: np.zeros(shape) for side in ("value", "low", "high")}
    certified = np.zeros(shape)
    if proper:
        a = np.stack([subset_weights(survey.mixture, subsets[m]) for m in proper], axis=1)
        b = np.stack([subset_weights(survey.mixture, tuple(set(everything) - set(subsets[m]))) for m in proper], axis=1)
        found, ceiling = survey.overlaps_with_ceiling(a, b)
        for side, array in sides.items():
            array[:, proper] = getattr(found, side)
        certified[:, proper] = ceiling
        overlap = Estimate(**sides, method=found.method)
    else:
        overlap = Estimate(**sides, method=EXACT)
    bounds = np.exp(survey.table.log_low)
    within = Estimate(
        *(_largest_gap(getattr(pairs, side), subsets) for side in ("value", "high", "low")), method=pairs.method
    )
    proven = within.high if pairs.method == EXACT else _largest_gap(bounds, subsets)
    return Separation(overlap, within, certified, proven)


def _largest_gap(overlaps: np.ndarray, subsets) -> np.ndarray:
    return np.stack([1.0 - overlaps[:, s][:, :, s].min(axis=(1, 2)) for s in map(list, subsets)], axis=1)


def eps_star(within: np.ndarray, overlap: np.ndarray) -> float:
    """Return `min_t max(within(t), sqrt(overlap(t)))`, the smallest eps at which S is a vertex.

    `within` falls and `overlap` rises with time; between the two grid points where they cross both
    are interpolated as in `crossing`.
    """
    within = np.minimum.accumulate(within)
    overlap = np.maximum.accumulate(overlap)
    ahead = np.sqrt(overlap) >= within
    if ahead[0] or not ahead.any():
        return float(max(within[0], math.sqrt(overlap[0])) if ahead[0] else within[-1])
    right = int(np.argmax(ahead))
    between = np.linspace(0.0, 1.0, 257)
    fine = [
        2 * special.ndtr(-np.exp(np.interp(between, [0, 1], np.log(gap_of(curve[[right - 1, right]])))) / 2)
        for curve in (1.0 - within, overlap)
    ]
    return float(np.maximum(1.0 - fine[0], np.sqrt(fine[1])).min())


def eps_stars(measured: Separation) -> tuple[list[Estimate], np.ndarray]:
    """Return `eps*` of every subset with its interval, and the smallest eps proven in closed form."""
    overlap, within = measured.overlap, measured.within
    method = EXACT if overlap.method == within.method == EXACT else ESTIMATED
    count = overlap.value.shape[1]
    found = [
        Estimate(
            eps_star(within.value[:, m], overlap.value[:, m]),
            eps_star(within.low[:, m], overlap.low[:, m]),
            eps_star(within.high[:, m], overlap.high[:, m]),
            method,
        )
        for m in range(count)
    ]
    proven = np.array(
        [eps_star(measured.certified_within[:, m], measured.certified_overlap[:, m]) for m in range(count)]
    )
    for m in np.flatnonzero(~overlap.value.any(0)):
        # Nothing lies outside the whole mixture, and late enough its components agree: a vertex at every eps.
        found[m], proven[m] = Estimate(0.0, 0.0, 0.0, EXACT), 0.0
    return found, proven


@dataclasses.dataclass(frozen=True)
class Returns:
    """Return probabilities of subsets inside each of their ancestors.

    Attributes:
        found: `E[P(S | Y_t, context)]` over draws from S, an `Estimate` with arrays `(T, P)`.
        column: position of each `(subset, context)` in the arrays.
        weights: of the mixture, `(K,)`.
        times: OU times `(T,)`.
    """

    found: Estimate
    column: dict[tuple[tuple[int, ...], tuple[int, ...]], int]
    weights: np.ndarray
    times: np.ndarray

    @staticmethod
    def of(survey: Survey, family: list[tuple[int, ...]]) -> "Returns":
        """Measure every subset of a family inside every subset that contains it."""
        count = survey.mixture.n_components
        pairs = [(s, c) for s in family for c in family if set(s) < set(c)]
        masks = {s: np.isin(np.arange(count), s) for s in family}
        if not pairs:
            one = np.ones((len(survey.times), 0))
            return Returns(Estimate(one, one, one, EXACT), {}, survey.weights, survey.times)
        found = survey.returns(
            np.stack([masks[s] for s, _ in pairs], axis=1), np.stack([masks[c] for _, c in pairs], axis=1)
        )
        return Returns(found, {pair: m for m, pair in enumerate(pairs)}, survey.weights, survey.times)

    def split(
        self, subset: tuple[int, ...], children: list[tuple[int, ...]]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the decided fraction of a split, `(value, low, high)` arrays `(T,)`."""
        columns = [self.column[(child, subset)] for child in children]
        shares = np.array([self.weights[list(child)].sum() for child in children])
        value, low, high, _ = decided_fraction(self.found, columns, shares / shares.sum())
        return value, low, high

    def half_of(self, subset: tuple[int, ...], children: list[tuple[int, ...]]) -> tuple[float, float]:
        """Return the half-way time of a split and its margin of error."""
        value, low, high = (falls_to(self.times, side, 0.5) for side in self.split(subset, children))
        ends = [x for x in (low, high) if not math.isnan(x)]
        return value, max((abs(x - value) for x in ends), default=0.0) if not math.isnan(value) else 0.0


def plateau_curves(times: np.ndarray, measured: Separation, levels: np.ndarray) -> dict[str, np.ndarray]:
    """Return `T_start` and `T_end` of every subset at every eps, with limits, `(M, E)` each.

    NaN where a subset is never separated; the whole mixture starts at infinity.
    """
    count = measured.overlap.value.shape[1]
    columns: dict[str, np.ndarray] = {}
    # A larger overlap is reached earlier: limits swap sides for start times. A larger distance
    # within is left later: they do not for end times.
    for name, side in (("t_start", "value"), ("t_start_low", "high"), ("t_start_high", "low")):
        columns[name] = np.stack(
            [start_times(times, getattr(measured.overlap, side)[:, m], levels) for m in range(count)]
        )
    for name, side in (("t_end", "value"), ("t_end_low", "low"), ("t_end_high", "high")):
        columns[name] = np.stack([end_times(times, getattr(measured.within, side)[:, m], levels) for m in range(count)])
    missing = np.isnan(columns["t_start_low"]) & ~np.isnan(columns["t_start"])
    columns["t_start_low"][missing] = 0.0
    return columns


def start_times(times: np.ndarray, overlap: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return `T_start` at each eps from an overlap curve; infinite for the whole mixture."""
    if not overlap.any():
        return np.full(len(levels), np.inf)
    return crossing(times, overlap, levels**2)


def end_times(times: np.ndarray, within: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return `T_end` at each eps from the largest distance inside a subset; 0 for one component."""
    if not within.any():
        return np.zeros(len(levels))
    return np.nan_to_num(crossing(times, 1.0 - within, 1.0 - levels), nan=0.0)
