"""Overlap and total variation of two sub-mixtures: exact, certified or estimated."""

import numpy as np

from .._types import Subset, TimeLike
from .._validation import check_choice, check_count, check_times
from ..mixtures import Mixture
from .estimate import CERTIFIED, ESTIMATED, EXACT, Estimate
from .survey import Survey

_METHODS = ("auto", EXACT, CERTIFIED, ESTIMATED)


def overlap(
    mixture: Mixture,
    a: Subset,
    b: Subset,
    t: TimeLike,
    *,
    method: str = "auto",
    n: int = 4096,
    seed: int = 0,
) -> Estimate:
    """Return the overlap `O = 1 - TV = int min(p_t^A, p_t^B)` of two sub-mixtures, in [0, 1].

    Exact for two components that share a covariance and for anything one-dimensional (collinear
    means included); otherwise a certified bracket (theory: sums and maxima of pair overlaps) and a
    stratified estimate of `E[2 min(p, q) / (p + q)]` under `(p + q) / 2`, cut to the bracket.

    Args:
        mixture: the mixture, `K` components.
        a, b: component indices or labels of each sub-mixture; they may intersect.
        t: OU time or array of times, not negative.
        method: "auto" takes exact where there is one, else estimated; or force "exact",
            "certified" or "estimated".
        n: draws per component for an estimate.
        seed: seed of the estimate; the same seed gives the same numbers.

    Returns:
        An `Estimate` with the shape of `t`.

    Raises:
        ValueError: a subset is empty or unknown, a time is negative or not finite, or
            `method="exact"` is asked for where no exact method exists.
    """
    times = check_times(t)
    check_choice("method", method, _METHODS)
    check_count("n", n, 2)
    first, second = mixture.indices(a, "a"), mixture.indices(b, "b")
    found = overlap_of_sets(mixture, first, second, times.reshape(-1), method, n, seed)
    value, low, high = (np.reshape(x, times.shape) for x in (found.value, found.low, found.high))
    return Estimate(value, low, high, found.method).scalar


def total_variation(
    mixture: Mixture,
    a: Subset,
    b: Subset,
    t: TimeLike,
    *,
    method: str = "auto",
    n: int = 4096,
    seed: int = 0,
) -> Estimate:
    """Return `TV(p_t^A, p_t^B) = 1 - overlap`, in [0, 1]; arguments and errors as for `overlap`."""
    return overlap(mixture, a, b, t, method=method, n=n, seed=seed).complement()


def subset_weights(mixture: Mixture, subset: tuple[int, ...]) -> np.ndarray:
    """Return `w_i / w(S)` on the subset and zero outside, shape `(K,)`."""
    weights = np.zeros(mixture.n_components)
    weights[list(subset)] = np.asarray(mixture.weights)[list(subset)]
    return weights / weights.sum()


def overlap_of_sets(
    mixture: Mixture,
    first: tuple[int, ...],
    second: tuple[int, ...],
    times: np.ndarray,
    method: str = "auto",
    n: int = 4096,
    seed: int = 0,
) -> Estimate:
    """Return the overlap of two index sets at times `(T,)`; see `overlap`."""
    if set(first) == set(second):
        one = np.ones(len(times))
        return Estimate(one, one, one, EXACT)
    for inner, outer in ((first, second), (second, first)):
        if set(inner) < set(outer):
            # p^outer = pi p^inner + (1 - pi) p^rest, hence TV(inner, outer) = (1 - pi) TV(inner, rest).
            rest = tuple(sorted(set(outer) - set(inner)))
            weights = np.asarray(mixture.weights)
            share = weights[list(inner)].sum() / weights[list(outer)].sum()
            found = overlap_of_sets(mixture, inner, rest, times, method, n, seed)
            value, low, high = (share + (1 - share) * x for x in (found.value, found.low, found.high))
            return Estimate(value, low, high, found.method)
    a, b = subset_weights(mixture, first), subset_weights(mixture, second)
    members = sorted(set(first) | set(second))
    survey = Survey(mixture.subset_mixture(members), times, n, seed, method)
    if method == EXACT and survey.line is None:
        raise ValueError(
            "method 'exact' needs two components with one covariance, or components on a line; "
            "use 'auto', 'certified' or 'estimated'"
        )
    found = survey.overlaps(a[members, None], b[members, None])
    return Estimate(found.value[:, 0], found.low[:, 0], found.high[:, 0], found.method)
