"""What is measured: how far noising and denoising carries a sub-mixture (LC24; LKC25, Definition 3)."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from ..engine._types import Subset, TimeLike
from ..engine._validation import check_count, check_eps, check_times
from ..engine.mixtures import Mixture, as_key
from ..engine.processes import noise_variance, signal
from ..engine.separation import ESTIMATED, EXACT, Estimate, subset_weights
from ..engine.separation.estimate import CONFIDENCE_Z
from ._line_measure import measured_on_line
from ._reduce import reduced

_FOLDS = 8
"""Groups of inner draws: seven choose a sign, the eighth is judged by it."""
_ROUNDING = 64
"""Units of rounding in a posterior: that of log-densities, which may be as large as this."""
_BLOCK = 1 << 23
"""Numbers of one block of inner draws."""
_MOST = 1 << 28
"""Inner evaluations of one time after which a relative error is given up."""


def measured_distance(
    mixture: Mixture,
    init: Subset,
    target: Subset,
    t: TimeLike,
    *,
    n: int = 2048,
    inner: int = 128,
    rtol: float | None = None,
    seed: int = 0,
) -> Estimate:
    """Return `TV(p^{init,t}, p^target)`: how far noising to `t` and denoising carries `init` from `target`.

    `p^{S,t}(x) = p(x) E[p_t^S(Y_t) / p_t(Y_t) | X = x]` (LC24), so the distance is
    `E_{X~p} |E[f(Y_t) | X] - g(X)| / 2`, a nested expectation. Exact where the question is
    one-dimensional (`d = 1` for any kind of component; collinear means along an eigenvector of one
    covariance), by quadrature to 1e-6.

    Otherwise estimated from `n` outer draws, stratified by component, with `inner` antithetic inner
    draws each, the same at all times. Averages inside an absolute value are biased upwards (Jensen):
    that plug-in average gives the upper end. For the lower end the sign of each difference is
    chosen by other inner draws than those averaged, which is biased downwards (derived here). Each
    end carries its standard error, so the bias of a nested expectation never leaves the interval.
    The value extrapolates the plug-in average from `inner / 2` and `inner` draws.

    Args:
        mixture: the mixture, of any kind.
        init: components started from.
        target: components compared with.
        t: OU time or array of times.
        n: outer draws in all, at least 2 per component.
        inner: inner draws per outer draw, a multiple of 16.
        rtol: half of the interval is to be at most this share of the value; `n` and `inner` grow
            until it is, or until 2^28 inner draws are spent on a time. The interval says what was
            reached.
        seed: seed of the draws; the same seed gives the same numbers.

    Returns:
        An `Estimate` with the shape of `t`; 95 % intervals when estimated.

    Raises:
        ValueError: a subset is empty or unknown, a time is negative or not finite, `n`, `inner` or
            `rtol` is out of range.
    """
    times = check_times(t)
    check_count("n", n, 2)
    if check_count("inner", inner, 16) % 16:
        raise ValueError(f"inner must be a multiple of 16, not {inner!r}")
    if rtol is not None:
        check_eps(rtol, "rtol")
    key = as_key(seed)
    first, second = mixture.indices(init, "init"), mixture.indices(target, "target")
    start, goal = subset_weights(mixture, first), subset_weights(mixture, second)
    small = reduced(mixture)
    flat = times.reshape(-1)
    if small.dim == 1:
        value = np.reshape(measured_on_line(small, start, goal, flat), times.shape)
        return Estimate(value, value, value, EXACT).scalar
    results = [_refined(small, start, goal, float(time), n, inner, rtol, key) for time in flat]
    value, low, high = (np.reshape(side, times.shape) for side in np.reshape(results, (-1, 3)).T)
    return Estimate(value, low, high, ESTIMATED).scalar


def _refined(mixture, start, goal, t: float, n: int, inner: int, rtol: float | None, key):
    """Return value and interval at one time, with as many draws as `rtol` asks for."""
    step = 0
    while True:
        value, low, high, bias = _nested(mixture, start, goal, t, n, inner, jax.random.fold_in(key, step))
        width = high - low
        if rtol is None or width <= 2 * rtol * value or 2 * n * inner > _MOST:
            return value, low, high
        # Whatever keeps the interval wide: the gap between the two biased ends, or the scatter.
        if bias > 0.5 * width:
            inner *= 2
        else:
            n *= 2
        step += 1


def _nested(mixture: Mixture, start, goal, t: float, n: int, inner: int, key):
    """Return value, low, high and the gap between the two biased averages."""
    weights = np.asarray(mixture.weights)
    count = mixture.n_components
    outer_key, inner_key = jax.random.split(key)
    each = max(2, math.ceil(n / count))
    # Stratified by component: how many points each gets is not left to chance.
    keys = jax.random.split(outer_key, count)
    x = jnp.stack([jnp.asarray(mixture.sample(keys[i], each, i)) for i in range(count)])
    ratios = [side / weights for side in (start, goal)]
    gaps = _inner_means(mixture.at(t), x, ratios[0], t, inner // (2 * _FOLDS), inner_key)
    found = _distances(gaps - _share(mixture, x, ratios[1]))
    above, below, half = (np.asarray(side, np.float64) for side in found)
    value = weights @ (2 * above - half).mean(1)
    upper, lower = weights @ above.mean(1), weights @ below.mean(1)
    reach_up, reach_down = (
        CONFIDENCE_Z * np.sqrt(np.sum(weights**2 * side.var(1) / (each - 1))) for side in (above, below)
    )
    # Where almost no draw shows a difference its variance says too little: the width of Wilson's
    # interval at a proportion of 0, for numbers that reach `most`.
    most = 0.5 * max(ratios[0].max(), ratios[1].max())
    rare = above.sum(1) < 10.0 * most
    reach_up += most * CONFIDENCE_Z**2 / each * float(np.max(weights * rare))
    rounding = _ROUNDING * float(jnp.finfo(x.dtype).eps) * upper
    low, high = max(lower - reach_down - rounding, 0.0), min(upper + reach_up + rounding, 1.0)
    return min(max(value, lower, low), upper, high), low, high, max(upper - lower, 0.0)


def _share(mixture: Mixture, x, ratio: np.ndarray) -> jax.Array:
    """Return `p^S(x) / p(x)`, from `w_i(S) / w_i` per component."""
    return mixture.posterior(x) @ jnp.asarray(ratio)


def _inner_means(later: Mixture, x, ratio: np.ndarray, t: float, pairs: int, key) -> jax.Array:
    """Return `E[p_t^S(Y_t) / p_t(Y_t) | X = x]` from each fold of inner draws, `(F, K, n)`.

    Not compiled as a whole: components may need times as plain numbers, and compile for themselves.
    """
    a, s = float(signal(t)), float(np.sqrt(noise_variance(t)))
    block = max(1, min(pairs, int(_BLOCK / (x.shape[0] * x.shape[1] * max(later.n_components, later.dim)))))
    means = []
    for fold_key in jax.random.split(key, _FOLDS):
        total = 0.0
        for first in range(0, pairs, block):
            size = min(block, pairs - first)
            z = s * jax.random.normal(jax.random.fold_in(fold_key, first), (size, *x.shape))
            # Antithetic: what is linear in the noise cancels.
            total = total + (_share(later, a * x + z, ratio) + _share(later, a * x - z, ratio)).sum(0)
        means.append(total / (2 * pairs))
    return jnp.stack(means)


@jax.jit
def _distances(gaps):
    """Return plug-in, cross-fitted and half-size plug-in differences, `(K, n)` each, from folds `(F, K, n)`."""
    mean = gaps.mean(0)
    others = (_FOLDS * mean - gaps) / (_FOLDS - 1)
    crossed = (jnp.sign(others) * gaps).mean(0)
    halves = jnp.abs(gaps.reshape(2, _FOLDS // 2, *mean.shape).mean(1)).mean(0)
    return 0.5 * jnp.abs(mean), 0.5 * crossed, 0.5 * halves
