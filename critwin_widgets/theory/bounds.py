"""What the theorem allows and what its proof gives (LKC25, Theorem 2); `measured` holds what is true."""

import numpy as np

from ..engine._types import Subset, TimeLike
from ..engine._validation import check_choice, check_count, check_eps, check_times
from ..engine.mixtures import Mixture
from ..engine.separation import CERTIFIED, ESTIMATED, EXACT, Estimate, Survey, overlap_of_sets
from .windows import check_inside, complement

_METHODS = ("auto", EXACT, CERTIFIED, ESTIMATED)


def theorem_bound(mixture: Mixture, target: Subset, eps: float) -> float:
    """Return `eps (1 + max(1, W) / sqrt 2)` with `W = w(rest) / w(target)` (LKC25, Theorem 2).

    It bounds `TV(p^{init,t}, p^target)` for every `t` between `T_end` and `T_start` at `eps`.

    Raises:
        ValueError: `target` is empty or unknown, or `eps` is not strictly between 0 and 1.
    """
    level = check_eps(eps)
    inside = mixture.indices(target, "target")
    weight = float(np.asarray(mixture.weights)[list(inside)].sum())
    ratio = max(1.0 - weight, 0.0) / weight if complement(mixture, inside) else 0.0
    return level * (1 + max(1.0, ratio) / np.sqrt(2))


def leak(
    mixture: Mixture, target: Subset, t: TimeLike, *, method: str = "auto", n: int = 4096, seed: int = 0
) -> Estimate:
    """Return `E_{Y ~ p_t^target}[P(component not in target | Y)]`, with the shape of `t` (OU time).

    Certified: `[1/2, 1] * int min(w(T) p^T, w(R) p^R) / w(T)` in closed form (derived here:
    `xy / (x + y)` lies between half of and all of `min(x, y)`). Exact on a line; otherwise
    estimated and cut to that bracket.

    Args:
        mixture: the mixture.
        target: components of `S_target`.
        t: OU time or array of times.
        method: "auto" takes exact where there is one, else estimated; or force "exact",
            "certified" (no sampling) or "estimated".
        n: draws per component of an estimate.
        seed: its seed.

    Raises:
        ValueError: `target` is empty or unknown, a time is negative or not finite, or
            `method="exact"` is asked for where no exact method exists.
    """
    times = check_times(t)
    check_choice("method", method, _METHODS)
    check_count("n", n, 2)
    inside = mixture.indices(target, "target")
    rest = complement(mixture, inside)
    flat = times.reshape(-1)
    if not rest:
        zero = np.zeros(times.shape)
        return Estimate(zero, zero, zero, EXACT).scalar
    survey = Survey(mixture, flat, n, seed, method)
    if method == EXACT and survey.line is None:
        raise ValueError("method 'exact' needs components on a line; use 'auto', 'certified' or 'estimated'")
    if method == CERTIFIED:
        floor, ceiling = _leak_bracket(survey, rest, inside)
        found = Estimate(np.sqrt(floor * ceiling), floor, ceiling, CERTIFIED)
    else:
        masks = [_mask(mixture, subset) for subset in (rest, inside)]
        found = survey.returns(masks[0], np.ones_like(masks[0]), masks[1])
        found = Estimate(*(side[:, 0] for side in (found.value, found.low, found.high)), method=found.method)
    if found.method == ESTIMATED:
        bracket = _leak_bracket(survey, rest, inside)
        found = Estimate(*(np.clip(x, *bracket) for x in (found.value, found.low, found.high)), method=ESTIMATED)
    value, low, high = (np.reshape(x, times.shape) for x in (found.value, found.low, found.high))
    return Estimate(value, low, high, found.method).scalar


def _leak_bracket(survey: Survey, rest: tuple[int, ...], inside: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return closed-form bounds of the leak at the survey's times, `(T,)` each."""
    # Weights of the whole mixture: neither side sums to 1, and the bracket's bounds hold as well.
    sides = [np.where(_mask(survey.mixture, subset)[:, 0], survey.weights, 0.0) for subset in (rest, inside)]
    log_low, log_high = survey.table.bracket(*sides)
    total = sides[1].sum()
    most = min(1.0, sides[0].sum() / total)
    return np.minimum(0.5 * np.exp(log_low) / total, most), np.minimum(np.exp(log_high) / total, most)


def sharp_bound(
    mixture: Mixture,
    init: Subset,
    target: Subset,
    t: TimeLike,
    *,
    method: str = "auto",
    n: int = 4096,
    seed: int = 0,
) -> Estimate:
    """Return `TV(p_t^init, p_t^target) + leak`, a bound of `TV(p^{init,t}, p^target)` at every `t`.

    Derived here from the proof of LKC25 Theorem 2, stopping before its inequalities.

    Args:
        mixture: the mixture.
        init: components of `S_init`, inside `target`.
        target: components of `S_target`.
        t: OU time or array of times.
        method: "auto", "exact", "certified" (both terms bracketed in closed form, no sampling: its
            `high` is a bound that holds always) or "estimated".
        n: draws per component of an estimate.
        seed: its seed.

    Raises:
        ValueError: a subset is empty or unknown, `init` is not inside `target`, a time is negative
            or not finite, or `method="exact"` is asked for where no exact method exists.
    """
    times = check_times(t)
    check_choice("method", method, _METHODS)
    check_count("n", n, 2)
    first, second = mixture.indices(init, "init"), mixture.indices(target, "target")
    check_inside(mixture, first, second, "init", "target")
    apart = overlap_of_sets(mixture, first, second, times.reshape(-1), method, n, seed).complement()
    lost = leak(mixture, second, times.reshape(-1), method=method, n=n, seed=seed)
    value, low, high = (
        np.reshape(getattr(apart, side) + getattr(lost, side), times.shape) for side in ("value", "low", "high")
    )
    known = next(m for m in (ESTIMATED, CERTIFIED, EXACT) if m in (apart.method, lost.method))
    return Estimate(value, low, high, known).scalar


def _mask(mixture: Mixture, subset: tuple[int, ...]) -> np.ndarray:
    mask = np.zeros((mixture.n_components, 1), bool)
    mask[list(subset)] = True
    return mask
