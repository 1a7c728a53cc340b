"""A mixture surveyed at a list of times: every sub-mixture's separation from one set of draws."""

import functools

import numpy as np

from .._types import Curves, PairCurves, PerTime, SubsetMasks, SubsetWeights
from ..mixtures import Mixture, as_key
from . import exact, line, stored
from .estimate import CERTIFIED, CONFIDENCE_Z, ESTIMATED, EXACT, Estimate
from .passes import (
    Draws,
    draw_noise,
    evaluated,
    overlap_estimates,
    pair_estimates,
    return_estimates,
    transition_estimates,
)
from .table import PairTable

EXACT_SECONDS = 0.5
"""Seconds an exact answer may take, by the model of its cost, when it is not asked for by name."""
_MANY = 4
"""Pairs of sub-mixtures from which brackets are matrix products, a little wider but all at once."""


class Survey:
    """Overlaps, returns and transitions of a mixture at OU times `(T,)`.

    Answers are exact on a line, otherwise estimated from common draws and cut to the certified
    bracket. What is costly (the table of pairs, the prepared draws) is made once, on first use.

    Args:
        mixture: the mixture, `K` components.
        times: OU times, `(T,)`.
        n: draws per component.
        seed: seed of the draws.
        method: "auto" uses exact results where they exist; "estimated" and "certified" do not.
        exact_seconds: what an exact answer off a line may cost when `method` is "auto".
        keep: whether log-ratios of the draws are kept while they are few, for answers of several kinds.
    """

    def __init__(
        self,
        mixture: Mixture,
        times: PerTime,
        n: int,
        seed: int = 0,
        method: str = "auto",
        exact_seconds: float = EXACT_SECONDS,
        keep: bool = False,
    ):
        self.mixture, self.times, self.n, self.exact_seconds = mixture, times, n, exact_seconds
        self.key = as_key(seed)
        self.method, self.keep = method, keep
        self.weights = np.asarray(mixture.weights)

    @functools.cached_property
    def line(self):
        """Places on the line the components span, or `None`."""
        return line.line_of(self.mixture, self.times) if self.method in ("auto", EXACT) else None

    @functools.cached_property
    def kind(self) -> str | None:
        """How this mixture's answers are exact ("line", "plane", "numeric"), or `None`."""
        return exact.kind_of(self.mixture) if self.method in ("auto", EXACT) else None

    @functools.cached_property
    def table(self) -> PairTable:
        """Closed forms of all pairs."""
        return PairTable.of(self.mixture, self.times)

    @functools.cached_property
    def _prepared(self) -> tuple[Draws, tuple]:
        draws = Draws.of(self.mixture, self.times, self.n, self.key)
        noise = draw_noise(draws, self.key)
        return evaluated(draws, noise) if self.keep else (draws, noise)

    @property
    def draws(self) -> Draws:
        """The mixture prepared for passes."""
        return self._prepared[0]

    @property
    def noise(self) -> tuple:
        """Common random numbers of all passes and times."""
        return self._prepared[1]

    @functools.cached_property
    def log_errors(self) -> PerTime:
        """Errors of the log-densities behind the estimates, which widen their intervals, `(T,)`."""
        return stored.log_errors(self.mixture, self.times)

    def brackets(self, a: SubsetWeights, b: SubsetWeights) -> tuple[Curves, Curves]:
        """Return the certified bounds of `ln O` for `M` pairs of sub-mixtures, `(T, M)` each."""
        bounds = [self.table.bracket(a[:, m], b[:, m]) for m in range(a.shape[1])]
        low, high = (np.stack(side, axis=1) for side in zip(*bounds, strict=True))
        return low, high

    def overlaps(self, a: SubsetWeights, b: SubsetWeights) -> Estimate:
        """Return `O(P, Q)`, `(T, M)`, for normalised weights `a`, `b` `(K, M)` of `M` pairs."""
        return self.overlaps_with_ceiling(a, b)[0]

    def overlaps_with_ceiling(self, a: SubsetWeights, b: SubsetWeights) -> tuple[Estimate, Curves]:
        """Return `overlaps(a, b)` and the upper bound that closed forms prove, `(T, M)` each."""
        if self.line is not None:
            value = line.overlap_on_line(*self.line, a, b)
            return Estimate(value, value, value, EXACT), value
        value = self._exact_overlaps(a, b)
        if value is not None:
            return Estimate(value, value, value, EXACT), value
        if a.shape[1] > _MANY:
            low, high = self.table.brackets(a, b)
        else:
            low, high = (np.exp(side) for side in self.brackets(a, b))
        if self.method == CERTIFIED:
            # The geometric mean is the natural centre of a bracket that spans decades.
            return Estimate(np.sqrt(low) * np.sqrt(high), low, high, CERTIFIED), high
        mean, error = overlap_estimates(self.draws, self.noise, a, b)
        shift = stored.overlap_shift(mean, self.log_errors[:, None])
        return within_bracket(mean, error, low, high, self.n, shift), high

    def pair_overlaps(self) -> Estimate:
        """Return `O(p_t^i, p_t^j)` of all pairs, `(T, K, K)`."""
        if self.table.exact:
            value = np.exp(self.table.log_high)
            return Estimate(value, value, value, EXACT)
        count = self.mixture.n_components
        if self.line is not None:
            rows, columns = np.triu_indices(count, 1)
            eye = np.eye(count)
            value = np.ones((len(self.times), count, count))
            if len(rows):
                value[:, rows, columns] = value[:, columns, rows] = line.overlap_on_line(
                    *self.line, eye[:, rows], eye[:, columns]
                )
            return Estimate(value, value, value, EXACT)
        mean, error = pair_estimates(self.draws, self.noise)
        shift = stored.overlap_shift(mean, self.log_errors[:, None, None])
        return within_bracket(mean, error, np.exp(self.table.log_low), np.exp(self.table.log_high), self.n, shift)

    def returns(self, sets: SubsetMasks, contexts: SubsetMasks, sources: SubsetMasks | None = None) -> Estimate:
        """Return `E[P(set | Y_t, context)]` over draws from sub-mixtures, `(T, M)`.

        Args:
            sets, contexts: boolean masks `(K, M)`; the prior is restricted to the context.
            sources: boolean masks of the sub-mixtures drawn from; the sets themselves when `None`.
        """
        return self._returns(sets, contexts, sources, False)[0]

    def returns_with_logs(
        self, sets: SubsetMasks, contexts: SubsetMasks, logged: np.ndarray | bool = True
    ) -> tuple[Estimate, Curves]:
        """Return `returns(sets, contexts)` and `E[ln P(set | Y_t, context)]`, `(T, M)` each.

        `logged` says for which sets, `(M,)`, the logarithms are wanted; they cost about as much again.
        """
        return self._returns(sets, contexts, None, logged)

    def _returns(self, sets, contexts, sources, logged) -> tuple[Estimate, Curves]:
        strata = np.where(sets if sources is None else sources, self.weights[:, None], 0.0)
        strata = strata / strata.sum(0)
        if self.line is not None:
            value, logs = line.returns_on_line(*self.line, self.weights, sets, contexts, strata)
            return Estimate(value, value, value, EXACT), logs
        found = self._exact_returns(sets, contexts, strata, bool(np.any(logged)))
        if found is not None:
            return Estimate(found[0], found[0], found[0], EXACT), found[1]
        mean, error, logs = return_estimates(self.draws, self.noise, sets, contexts, strata, logged)
        reach = half_width(mean, error, self.n) + stored.return_shift(mean, self.log_errors[:, None])
        return Estimate(mean, np.maximum(mean - reach, 0.0), np.minimum(mean + reach, 1.0), ESTIMATED), logs

    def _worth(self, seconds, size: int) -> bool:
        """Whether an exact answer exists and is asked for, or cheap by the model of its cost."""
        if self.kind is None:
            return False
        return self.method == EXACT or seconds(self.kind, self.mixture, len(self.times), size) < self.exact_seconds

    def _exact_overlaps(self, a, b) -> Curves | None:
        pairs = int(((a > 0).sum(0) * (b > 0).sum(0)).sum())
        if self.kind is None or not self._worth(exact.overlap_seconds, pairs):
            return None
        found = [exact.log_overlaps(self.kind, self.mixture, self.times, *x) for x in zip(a.T, b.T, strict=True)]
        logs, errors = (np.stack(side, axis=1) for side in zip(*found, strict=True))
        return np.exp(logs) if self._converged(errors) else None

    def _exact_returns(self, sets, contexts, strata, with_logs: bool) -> tuple[Curves, Curves] | None:
        if self.kind is None or not self._worth(exact.return_seconds, sets.shape[1]):
            return None
        value, logs, error = exact.returns(self.kind, self.mixture, self.times, sets, contexts, strata, with_logs)
        return (value, logs) if self._converged(error) else None

    def _converged(self, errors) -> bool:
        good = bool((np.asarray(errors) <= exact.TOLERANCE).all())
        if not good and self.method == EXACT:
            raise ValueError(
                f"method 'exact' reached a relative error of {np.max(errors):.2g} only, not {exact.TOLERANCE:g}; "
                "use 'auto', 'certified' or 'estimated'"
            )
        return good

    def transitions(self) -> tuple[PairCurves, PairCurves, str]:
        """Return the label transition matrices, their standard errors `(T, K, K)`, and the method."""
        count = self.mixture.n_components
        if self.line is None and not self._worth(exact.return_seconds, count**2):
            mean, error = transition_estimates(self.draws, self.noise)
            shift = stored.return_shift(mean, self.log_errors[:, None, None]) / CONFIDENCE_Z
            return mean, np.hypot(error, shift), ESTIMATED
        rows, columns = (axis.ravel() for axis in np.indices((count, count)))
        eye = np.eye(count, dtype=bool)
        found = self.returns(eye[:, columns], np.ones((count, count**2), bool), eye[:, rows])
        if found.method != EXACT:
            mean, error = transition_estimates(self.draws, self.noise)
            shift = stored.return_shift(mean, self.log_errors[:, None, None]) / CONFIDENCE_Z
            return mean, np.hypot(error, shift), ESTIMATED
        matrix = np.reshape(found.value, (len(self.times), count, count))
        return matrix, np.zeros_like(matrix), EXACT


def within_bracket(
    mean: np.ndarray,
    error: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    n: int | np.ndarray,
    shift: np.ndarray | float = 0.0,
) -> Estimate:
    """Return a 95 % interval, widened by a systematic error `shift` and cut to a certified bracket.

    `n` is the number of draws per component.
    """
    reach = half_width(mean, error, n) + shift
    lower, upper = np.clip(mean - reach, low, high), np.clip(mean + reach, low, high)
    # Where the draws say less than the bracket, its geometric mean is the better middle.
    value = np.where(mean > low, np.clip(mean, low, high), np.sqrt(low * upper))
    return Estimate(value, np.minimum(lower, value), np.maximum(upper, value), ESTIMATED)


def half_width(mean: np.ndarray, error: np.ndarray, n: int | np.ndarray) -> np.ndarray:
    """Return half of a 95 % interval of averages of numbers in [0, 1].

    When few draws land where two densities meet, the sample variance says too little (none at
    all, when none lands there, or when it underflows). `z^2 / n`, the width of Wilson's interval at a proportion of 0,
    is then added: the variance of a number in [0, 1] is at most that of a coin with its mean.
    """
    rare = np.minimum(mean, 1.0 - mean) * n < 10.0
    return CONFIDENCE_Z * error + np.where(rare & ((error > 0) | (mean < 0.5)), CONFIDENCE_Z**2 / n, 0.0)
