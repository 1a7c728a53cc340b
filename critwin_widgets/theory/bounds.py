"""What the theorem allows, what its proof gives, and what is measured (LKC25, Theorem 2)."""

import jax
import jax.numpy as jnp
import numpy as np

from ..engine._types import Subset, TimeLike
from ..engine._validation import check_count, check_eps, check_times
from ..engine.mixtures import Mixture, as_key
from ..engine.separation import CERTIFIED, ESTIMATED, EXACT, Estimate, Survey, line, overlap_of_sets, subset_weights
from ..engine.separation.estimate import CONFIDENCE_Z
from .windows import check_inside, complement

_INNER = 256
"""Inner draws of the nested expectation."""


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


def leak(mixture: Mixture, target: Subset, t: TimeLike, *, n: int = 4096, seed: int = 0) -> Estimate:
    """Return `E_{Y ~ p_t^target}[P(component not in target | Y)]`, with the shape of `t` (OU time).

    Exact on a line; otherwise estimated and cut to the bracket `[1/2, 1] * int min(w(T) p^T,
    w(R) p^R) / w(T)` (derived here: `xy / (x + y)` lies between half of and all of `min(x, y)`).

    Raises:
        ValueError: `target` is empty or unknown, or a time is negative or not finite.
    """
    times = check_times(t)
    inside = mixture.indices(target, "target")
    rest = complement(mixture, inside)
    flat = times.reshape(-1)
    if not rest:
        zero = np.zeros(times.shape)
        return Estimate(zero, zero, zero, EXACT).scalar
    survey = Survey(mixture, flat, check_count("n", n, 2), seed)
    masks = [_mask(mixture, subset) for subset in (rest, inside)]
    found = survey.returns(masks[0], np.ones_like(masks[0]), masks[1])
    value, low, high = (x[:, 0] for x in (found.value, found.low, found.high))
    if found.method == ESTIMATED:
        weights = np.asarray(mixture.weights)
        total = weights[list(inside)].sum()
        log_low, log_high = survey.table.bracket(*(np.where(mask[:, 0], weights, 0.0) for mask in masks))
        floor, ceiling = 0.5 * np.exp(log_low) / total, np.minimum(np.exp(log_high) / total, 1.0)
        value, low, high = (np.clip(x, floor, ceiling) for x in (value, low, high))
    value, low, high = (x.reshape(times.shape) for x in (value, low, high))
    return Estimate(value, low, high, found.method).scalar


def sharp_bound(
    mixture: Mixture, init: Subset, target: Subset, t: TimeLike, *, n: int = 4096, seed: int = 0
) -> Estimate:
    """Return `TV(p_t^init, p_t^target) + leak`, a bound of `TV(p^{init,t}, p^target)` at every `t`.

    Derived here from the proof of LKC25 Theorem 2, stopping before its inequalities.

    Args:
        mixture: the mixture.
        init: components of `S_init`, inside `target`.
        target: components of `S_target`.
        t: OU time or array of times.
        n: draws per component of an estimate.
        seed: its seed.

    Raises:
        ValueError: a subset is empty or unknown, `init` is not inside `target`, or a time is
            negative or not finite.
    """
    times = check_times(t)
    first, second = mixture.indices(init, "init"), mixture.indices(target, "target")
    check_inside(mixture, first, second, "init", "target")
    apart = overlap_of_sets(mixture, first, second, times.reshape(-1), "auto", n, seed).complement()
    lost = leak(mixture, second, times.reshape(-1), n=n, seed=seed)
    value, low, high = (
        np.reshape(getattr(apart, side) + getattr(lost, side), times.shape) for side in ("value", "low", "high")
    )
    method = next(m for m in (ESTIMATED, CERTIFIED, EXACT) if m in (apart.method, lost.method))
    return Estimate(value, low, high, method).scalar


def measured_distance(
    mixture: Mixture, init: Subset, target: Subset, t: TimeLike, *, n: int = 2048, seed: int = 0
) -> Estimate:
    """Return `TV(p^{init,t}, p^target)`: how far noising to `t` and denoising carries `init` from `target`.

    `p^{S,t}(x) = p(x) E[p_t^S(Y_t) / p_t(Y_t) | X = x]` (LC24). On a line both integrals are
    quadratures; otherwise a nested expectation over `n` outer and 256 inner draws, whose upward
    bias (at most the mean standard error of the inner mean) widens the interval downwards.

    Args:
        mixture: the mixture.
        init: components started from.
        target: components compared with.
        t: OU time or array of times.
        n: outer draws.
        seed: seed of the draws.

    Raises:
        ValueError: a subset is empty or unknown, or a time is negative or not finite.
    """
    times = check_times(t)
    first, second = mixture.indices(init, "init"), mixture.indices(target, "target")
    masks = np.stack([_mask(mixture, first)[:, 0], _mask(mixture, second)[:, 0]], axis=1)
    if mixture.dim == 1:
        values = [_measured_on_line(mixture, first, second, float(time)) for time in times.reshape(-1)]
        value = np.reshape(values, times.shape)
        return Estimate(value, value, value, EXACT).scalar
    check_count("n", n, 2)
    results = [_measured_nested(mixture, masks, float(time), n, seed) for time in times.reshape(-1)]
    value, low, high = (np.reshape(side, times.shape) for side in np.transpose(results))
    return Estimate(value, low, high, ESTIMATED).scalar


def _mask(mixture: Mixture, subset: tuple[int, ...]) -> np.ndarray:
    mask = np.zeros((mixture.n_components, 1), bool)
    mask[list(subset)] = True
    return mask


def _measured_on_line(mixture, first, second, t: float) -> float:
    placed = line.line_of(mixture, np.array([0.0, t]))
    assert placed is not None, "one dimension is a line"
    (places, later), (spreads, wider) = placed
    weights = np.asarray(mixture.weights)
    start, goal = subset_weights(mixture, first), subset_weights(mixture, second)
    x, steps = line.expectation_grid(places, spreads)
    z = np.linspace(-7, 7, 1401)
    mass = np.exp(-(z**2) / 2) / np.exp(-(z**2) / 2).sum()
    densities = np.exp(line.log_components_on_line(x[:, None], places, spreads))
    returned = np.empty(len(x))
    for block in np.array_split(np.arange(len(x)), max(1, len(x) * len(weights) // 4000)):
        y = x[block, None, None] + np.sqrt(np.expm1(2 * t)) * z[None, :, None]
        logs = line.log_components_on_line(y, later, wider)
        scaled = np.exp(logs - logs.max(-1, keepdims=True))
        returned[block] = ((scaled @ start) / (scaled @ weights)) @ mass
    return float(0.5 * (np.abs((densities @ weights) * returned - densities @ goal) * steps).sum())


def _measured_nested(mixture, masks, t: float, n: int, seed: int):
    weights = np.asarray(mixture.weights)
    outer_key, inner_key = jax.random.split(as_key(seed))
    # Stratified by component: how many points each gets is not left to chance.
    keys = jax.random.split(outer_key, mixture.n_components)
    each = max(2, n // mixture.n_components)
    x = jnp.stack([mixture.sample(key, each, k) for k, key in enumerate(keys)])
    later = mixture.at(t)
    totals = weights @ masks
    goal = (mixture.posterior(x) @ masks[:, 1]) / totals[1]
    noise = jax.random.normal(inner_key, (_INNER, *x.shape))

    def inner(z):
        y = np.exp(-t) * x + np.sqrt(-np.expm1(-2 * t)) * z
        return (later.posterior(y) @ masks[:, 0]) / totals[0]

    ratios = jax.lax.map(inner, noise)
    distances = np.asarray(0.5 * jnp.abs(ratios.mean(0) - goal), np.float64)
    bias = float(weights @ np.asarray(0.5 * ratios.std(0) / np.sqrt(_INNER - 1)).mean(1))
    value = float(weights @ distances.mean(1))
    reach = CONFIDENCE_Z * float(np.sqrt(np.sum(weights**2 * distances.var(1) / (each - 1))))
    return value, max(value - reach - bias, 0.0), min(value + reach, 1.0)
