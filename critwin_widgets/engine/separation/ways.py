"""The three ways to know an overlap, on a log scale, and the rule that picks one of them.

Everything here speaks of `ln O`, so that an overlap of `e^-5000` is an ordinary number; `overlap`
turns it into linear values for its caller.
"""

import dataclasses
import time
import warnings

import numpy as np

from .._types import PerTime
from ..mixtures import GaussianMixture, Mixture
from . import exact, stored
from .estimate import BUDGET_SPENT, CERTIFIED, COMPLETE, ESTIMATED, EXACT, BudgetWarning, Estimate
from .importance import estimate_rare, relative_error
from .passes import overlap_estimates
from .survey import Survey, half_width

AUTO = "auto"
WAYS = (AUTO, EXACT, CERTIFIED, ESTIMATED)

DEFAULT_BUDGET = 5.0
"""Seconds that a question may take when no budget is given."""

_RARE = np.log(0.05)
"""Overlaps that closed forms prove to be below this are drawn by importance sampling."""


@dataclasses.dataclass(frozen=True)
class Effort:
    """How an answer is wanted: the way, draws per component, seed, relative error and seconds."""

    method: str = AUTO
    n: int = 4096
    seed: int = 0
    rtol: float | None = None
    budget: float | None = None

    @property
    def seconds(self) -> float:
        """Seconds allowed."""
        return DEFAULT_BUDGET if self.budget is None else self.budget


def log_overlap_of_sets(
    mixture: Mixture, first: tuple[int, ...], second: tuple[int, ...], times: PerTime, effort: Effort
) -> Estimate:
    """Return `ln O` of two index sets at times `(T,)`, known in the way that `effort` asks for.

    Raises:
        ValueError: the exact way is asked for where there is none, or its quadrature does not converge.
    """
    if set(first) == set(second):
        zero = np.zeros(len(times))
        return Estimate(zero, zero, zero, EXACT)
    weights = np.asarray(mixture.weights)
    for inner, outer in ((first, second), (second, first)):
        if set(inner) < set(outer):
            # p^outer = pi p^inner + (1 - pi) p^rest, hence TV(inner, outer) = (1 - pi) TV(inner, rest).
            rest = tuple(sorted(set(outer) - set(inner)))
            share, other = (weights[list(part)].sum() / weights[list(outer)].sum() for part in (inner, rest))
            found = log_overlap_of_sets(mixture, inner, rest, times, effort)
            value, low, high = (
                np.minimum(np.logaddexp(np.log(share), np.log(other) + x), 0.0)
                for x in (found.value, found.low, found.high)
            )
            return Estimate(value, low, high, found.method, found.status)
    members = sorted(set(first) | set(second))
    part = mixture.subset_mixture(members)
    a, b = (subset_weights(mixture, side)[members] for side in (first, second))
    return _answer(part, times, a, b, effort)


def subset_weights(mixture: Mixture, subset: tuple[int, ...]) -> np.ndarray:
    """Return `w_i / w(S)` on the subset and zero outside, shape `(K,)`."""
    weights = np.zeros(mixture.n_components)
    weights[list(subset)] = np.asarray(mixture.weights)[list(subset)]
    return weights / weights.sum()


def _answer(mixture: Mixture, times: PerTime, a: np.ndarray, b: np.ndarray, effort: Effort) -> Estimate:
    """Apply the rule stated in `overlap`."""
    if effort.method in (AUTO, EXACT):
        found = _exact(mixture, times, a, b, effort)
        if found is not None:
            return found
    survey = Survey(mixture, times, effort.n, effort.seed, CERTIFIED)
    log_low, log_high = (side[:, 0] for side in survey.brackets(a[:, None], b[:, None]))
    bracket = Estimate((log_low + log_high) / 2, log_low, log_high, CERTIFIED)
    if effort.method == CERTIFIED:
        return bracket
    if effort.method == AUTO and effort.rtol is not None and _reached(bracket) <= effort.rtol:
        return bracket
    if isinstance(mixture, GaussianMixture):
        found = _estimated_gaussian(mixture, times, a, b, bracket, effort)
    else:
        found = _estimated_any(mixture, times, a, b, bracket, effort)
    if found.status == BUDGET_SPENT:
        warnings.warn(
            f"{effort.seconds:g} s were spent before the relative error {effort.rtol:g} was reached; "
            f"the interval is {_reached(found):.2g} of the value at the worst time. Raise budget or rtol",
            BudgetWarning,
            stacklevel=5,
        )
    return found


def _exact(mixture: Mixture, times: PerTime, a: np.ndarray, b: np.ndarray, effort: Effort) -> Estimate | None:
    forced = effort.method == EXACT
    kind = exact.kind_of(mixture)
    if kind is None:
        if forced:
            raise ValueError(f"method 'exact' {exact.NEEDS}")
        return None
    seconds = exact.overlap_seconds(kind, mixture, len(times), int((a > 0).sum() * (b > 0).sum()))
    if not forced and seconds > effort.seconds:
        return None
    if seconds > exact.LONGEST:
        raise ValueError(
            f"method 'exact' would take about {seconds / 3600:.0f} hours for {mixture.n_components} components "
            f"at {len(times)} times; use 'certified' or 'estimated'"
        )
    logs, errors = exact.log_overlaps(kind, mixture, times, a, b)
    # Not "errors > ...": a quadrature that met a NaN has not converged either.
    if not (errors <= exact.TOLERANCE).all():
        if forced:
            raise ValueError(
                f"method 'exact' reached a relative error of {np.nan_to_num(errors, nan=np.inf).max():.2g} only, "
                f"not {exact.TOLERANCE:g}; use 'auto', 'certified' or 'estimated'"
            )
        return None
    return Estimate(logs, logs, logs, EXACT)


def _estimated_gaussian(mixture: GaussianMixture, times, a, b, bracket: Estimate, effort: Effort) -> Estimate:
    total = effort.n * mixture.n_components
    if effort.rtol is not None:
        found = estimate_rare(
            mixture, times, a, b, draws=total, seed=effort.seed, rtol=effort.rtol, budget=effort.seconds
        )
        status = COMPLETE if found.met else BUDGET_SPENT
        return _within(found.log_value, found.log_low, found.log_high, bracket, status)
    # The choice rests on what is proven, not on the draws: choosing by them would spoil the coverage.
    rare = bracket.high < _RARE
    value, low, high = (np.empty(len(times)) for _ in range(3))
    if not rare.all():
        # At all times, rare or not: the passes are compiled for a number of times.
        plain = Survey(mixture, times, effort.n, effort.seed, ESTIMATED).overlaps(a[:, None], b[:, None])
        with np.errstate(divide="ignore"):
            value, low, high = (np.log(x[:, 0]) for x in (plain.value, plain.low, plain.high))
    if rare.any():
        found = estimate_rare(mixture, times[rare], a, b, draws=total, seed=effort.seed)
        value[rare], low[rare], high[rare] = found.log_value, found.log_low, found.log_high
    return _within(value, low, high, bracket, COMPLETE)


def _estimated_any(mixture: Mixture, times, a, b, bracket: Estimate, effort: Effort) -> Estimate:
    """Average rounds of plain stratified draws, doubling them until `rtol` is reached or the time is spent."""
    began = time.monotonic()
    log_errors = stored.log_errors(mixture, times)
    first, second, rounds, wanted = np.zeros(len(times)), np.zeros(len(times)), 0, 1
    while True:
        for extra in range(rounds, wanted):
            # Further rounds have seeds far from those a user would try next to each other.
            survey = Survey(mixture, times, effort.n, effort.seed + 1_000_003 * extra, ESTIMATED)
            mean, error = overlap_estimates(survey.draws, survey.noise, a[:, None], b[:, None])
            first, second = first + mean[:, 0], second + np.square(error[:, 0])
        rounds = wanted
        mean = first / rounds
        reach = half_width(mean, np.sqrt(second) / rounds, effort.n * rounds) + stored.overlap_shift(mean, log_errors)
        with np.errstate(divide="ignore"):
            value, low, high = (np.log(np.maximum(x, 0.0)) for x in (mean, mean - reach, mean + reach))
        found = _within(value, low, high, bracket, COMPLETE)
        if effort.rtol is None or _reached(found) <= effort.rtol:
            return found
        taken = time.monotonic() - began
        if 2 * taken > effort.seconds:
            return dataclasses.replace(found, status=BUDGET_SPENT)
        wanted = 2 * rounds


def _within(value, low, high, bracket: Estimate, status: str) -> Estimate:
    """Return an interval of `ln O` cut to the certified bracket."""
    low, high = (np.clip(side, bracket.low, bracket.high) for side in (low, high))
    # Where the draws say nothing, the bracket's geometric mean below their upper limit is the middle.
    value = np.where(np.isfinite(value), value, (bracket.low + high) / 2)
    value = np.clip(value, low, high)
    return Estimate(value, low, high, ESTIMATED, status)


def _reached(found: Estimate) -> float:
    return float(relative_error(found.value, found.low, found.high).max())
