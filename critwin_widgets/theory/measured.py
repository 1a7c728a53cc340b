"""What is measured: how far noising and denoising carries a sub-mixture (LC24; LKC25, Definition 3)."""

import math

import jax
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
_CHUNK = 1 << 14
"""Points whose densities are computed at once."""
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
    keys = jax.random.split(key, count + 1)
    each = max(2, math.ceil(n / count))
    # Stratified by component: how many points each gets is not left to chance.
    x = np.stack([np.asarray(mixture.sample(keys[i], each, i)) for i in range(count)])
    ratios = [side / weights for side in (start, goal)]
    # Drawn on the host: nothing has to be compiled for it.
    rng = np.random.default_rng(np.asarray(jax.random.key_data(keys[-1])))
    gaps = _inner_means(mixture.at(t), x, ratios[0], t, inner // (2 * _FOLDS), rng) - _share(mixture, x, ratios[1])
    above, below, half = _distances(gaps)
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
    rounding = _ROUNDING * float(np.finfo(x.dtype).eps) * upper
    low, high = max(lower - reach_down - rounding, 0.0), min(upper + reach_up + rounding, 1.0)
    return min(max(value, lower, low), upper, high), low, high, max(upper - lower, 0.0)


def _inner_means(later: Mixture, x: np.ndarray, ratio: np.ndarray, t: float, pairs: int, rng) -> np.ndarray:
    """Return `E[p_t^S(Y_t) / p_t(Y_t) | X = x]` from each fold of inner draws, `(F, K, n)`."""
    a, s = x.dtype.type(signal(t)), x.dtype.type(np.sqrt(noise_variance(t)))
    block = max(1, min(pairs, _BLOCK // x.size))
    means = np.zeros((_FOLDS, *x.shape[:2]))
    for fold in means:
        for first in range(0, pairs, block):
            z = s * rng.standard_normal((min(block, pairs - first), *x.shape), x.dtype)
            # Antithetic: what is linear in the noise cancels.
            fold += (_share(later, a * x + z, ratio) + _share(later, a * x - z, ratio)).sum(0) / (2 * pairs)
    return means


def _share(mixture: Mixture, x: np.ndarray, ratio: np.ndarray) -> np.ndarray:
    """Return `p^S(x) / p(x)` in float64, from `w_i(S) / w_i` per component.

    In chunks of few sizes, so that little is compiled. Not compiled as a whole: components may need
    times as plain numbers, and compile for themselves.
    """
    points = x.reshape(-1, x.shape[-1])
    size = min(_CHUNK, 1 << max(len(points) - 1, 0).bit_length())
    padded = np.pad(points, ((0, -len(points) % size), (0, 0)), "edge")
    logs = np.log(np.asarray(mixture.weights))
    found = [_mixed(mixture.log_prob_components(part), logs, ratio) for part in padded.reshape(-1, size, x.shape[-1])]
    return np.concatenate(found)[: len(points)].reshape(x.shape[:-1]).astype(np.float64)


@jax.jit
def _mixed(logs, log_weights, ratio):
    return jax.nn.softmax(logs + log_weights, axis=-1) @ ratio.astype(logs.dtype)


def _distances(gaps: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return plug-in, cross-fitted and half-size plug-in differences, `(K, n)` each, from folds `(F, K, n)`."""
    mean = gaps.mean(0)
    others = (_FOLDS * mean - gaps) / (_FOLDS - 1)
    crossed = (np.sign(others) * gaps).mean(0)
    halves = np.abs(gaps.reshape(2, _FOLDS // 2, *mean.shape).mean(1)).mean(0)
    return 0.5 * np.abs(mean), 0.5 * crossed, 0.5 * halves
