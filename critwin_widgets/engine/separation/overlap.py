"""Overlap and total variation of two sub-mixtures: exact, certified or estimated."""

import numpy as np

from .._types import PerTime, Subset, TimeLike
from .._validation import check_choice, check_count, check_positive, check_times
from ..mixtures import Mixture
from ..processes.known import MixtureProcess, mixture_of, on_own_clock
from .estimate import Estimate
from .levels import log_overlap_of
from .ways import WAYS, Effort, log_overlap_of_sets


def overlap(
    mixture: Mixture | MixtureProcess,
    a: Subset,
    b: Subset,
    t: TimeLike,
    *,
    method: str = "auto",
    n: int = 4096,
    seed: int = 0,
    rtol: float | None = None,
    budget: float | None = None,
) -> Estimate:
    """Return the overlap `O = 1 - TV = int min(p_t^A, p_t^B)` of two sub-mixtures, in [0, 1].

    *Exact* (closed forms, or quadrature with an error estimate below 1e-6 of the value): Gaussians
    on a line or a plane; Gaussians of one covariance whose mean differences span at most two
    dimensions, so any two or three of them; other components in one or two dimensions.
    For masked tokens: what can be observed is enumerated, up to equal likelihood ratios.
    *Certified*: sums and maxima of bounds on pairs of components. *Estimated*: a 95 % interval, cut
    to the certified bracket, from stratified draws; Gaussian mixtures that are proven to overlap
    rarely are drawn between their components (importance sampling with bounded weights).

    `method="auto"` takes the exact way if there is one that costs less than `budget` (a model of the
    cost, the same on every machine); else, when `rtol` is given and met by the certified bracket at
    every time, that bracket; else the estimate.

    Args:
        mixture: the mixture, `K` components; or a process of `cw.processes` on one.
        a, b: component indices or labels of each sub-mixture; they may intersect.
        t: OU time or array of times, not negative; for a process, its levels.
        method: "auto", or one of "exact", "certified" and "estimated".
        n: draws per component of an estimate, or of its first round when `rtol` is given.
        seed: seed of the estimate; the same seed gives the same numbers.
        rtol: wanted relative error, half the width of the interval over the value. Draws are doubled
            until it is reached at every time or the budget is spent; then a `BudgetWarning` is given
            and the result's `status` is "budget spent", with the interval that was reached.
        budget: seconds, 5 by default.

    Returns:
        An `Estimate` with the shape of `t`; its `log_value` is `ln O`, a number even where `O` is
        below the smallest float. There `value` and `low` are 0 and `high` is not.

    Raises:
        ValueError: a subset is empty or unknown, a time is negative or not finite, `n`, `rtol` or
            `budget` is out of range, or `method="exact"` is asked for where no exact method exists.
        TypeError: a subset does not hold indices and labels.
    """
    return Estimate.from_logs(_log_overlap(mixture, a, b, t, method, n, seed, rtol, budget)).scalar


def log_overlap(
    mixture: Mixture | MixtureProcess,
    a: Subset,
    b: Subset,
    t: TimeLike,
    *,
    method: str = "auto",
    n: int = 4096,
    seed: int = 0,
    rtol: float | None = None,
    budget: float | None = None,
) -> Estimate:
    """Return `ln O`, not above 0, with its interval on the same scale; arguments and errors as for `overlap`.

    Finite for overlaps of `e^-5000`; `rtol` still speaks of `O` itself.
    """
    return _log_overlap(mixture, a, b, t, method, n, seed, rtol, budget).scalar


def total_variation(
    mixture: Mixture | MixtureProcess,
    a: Subset,
    b: Subset,
    t: TimeLike,
    *,
    method: str = "auto",
    n: int = 4096,
    seed: int = 0,
    rtol: float | None = None,
    budget: float | None = None,
) -> Estimate:
    """Return `TV(p_t^A, p_t^B) = 1 - overlap`, in [0, 1]; arguments and errors as for `overlap`.

    `rtol` speaks of the overlap: it is what is small when two laws are told apart.
    """
    options = {"method": method, "n": n, "seed": seed, "rtol": rtol, "budget": budget}
    return overlap(mixture, a, b, t, **options).complement()


def overlap_of_sets(
    mixture: Mixture,
    first: tuple[int, ...],
    second: tuple[int, ...],
    times: PerTime,
    method: str = "auto",
    n: int = 4096,
    seed: int = 0,
    rtol: float | None = None,
    budget: float | None = None,
) -> Estimate:
    """Return the overlap of two index sets at times `(T,)`; arguments are not checked. See `overlap`."""
    effort = Effort(method, n, seed, rtol, budget)
    return Estimate.from_logs(log_overlap_of_sets(mixture, first, second, times, effort))


def check_effort(method, n, seed, rtol, budget) -> Effort:
    """Return the checked arguments that say how an answer is wanted.

    Raises:
        ValueError: an unknown method, or a number out of range; names the argument.
    """
    return Effort(
        check_choice("method", method, WAYS),
        check_count("n", n, 2),
        check_count("seed", seed, 0),
        None if rtol is None else check_positive("rtol", rtol, below=1.0),
        None if budget is None else check_positive("budget", budget),
    )


def _log_overlap(mixture, a, b, t, method, n, seed, rtol, budget) -> Estimate:
    effort = check_effort(method, n, seed, rtol, budget)
    process, mixture = on_own_clock(mixture), mixture_of(mixture)
    if process is not None:
        return log_overlap_of(process, a, b, t, effort)
    times = check_times(t)
    if not times.size:
        raise ValueError(f"t must hold at least one OU time, not shape {times.shape}")
    first, second = mixture.indices(a, "a"), mixture.indices(b, "b")
    found = log_overlap_of_sets(mixture, first, second, np.ravel(times), effort)
    return found.reshaped(times.shape)
