"""One pass of log-density differences per time, from which every subset is served.

`Y_t` is drawn from every component (stratified), with the same noise at all times (common random
numbers). For a draw from component k the pass yields `l_j = ln p_t^j(Y) - ln p_t^k(Y)`, computed
from mean differences: `-|D|^2 / 2 - <z, D>` stays accurate in float32 when components lie 1e6
standard deviations apart, where two log-densities would have cancelled. Everything else is sums
over components of the posterior `r = softmax(l + ln w)`.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._devices import spread
from .._types import Curves, PairCurves, SubsetMasks, SubsetWeights
from ..mixtures import GaussianMixture, Mixture
from ..processes import clock
from . import pairs, stored

_BUDGET = 2e11
"""Floating-point operations an interactive pass may take: about two seconds on two cores."""

_BUCKETS = (2, 4, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64, 96, 128)


def bucket(size: int) -> int:
    """Return the padded size: arrays come in few shapes, so a new component rarely recompiles."""
    return next((b for b in _BUCKETS if b >= size), -(-size // 128) * 128)


def _split(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return two float32 arrays whose sum carries about 48 bits of a float64 array."""
    high = array.astype(np.float32)
    return high, (array - high).astype(np.float32)


class Draws(eqx.Module):
    """A mixture prepared for passes: padded arrays, one leading time axis where time enters.

    `kind` is "shared" (one covariance: whitened coordinates, at most K of them), "diagonal"
    (variances per component and axis), "full", or "stored" (log-ratios evaluated already, for
    components that are not Gaussian). `per_time` and `fixed` hold the arrays of the kind;
    `log_weights` is `-inf` on padding.
    """

    per_time: tuple
    fixed: tuple
    log_weights: np.ndarray
    kind: str = eqx.field(static=True)
    n: int = eqx.field(static=True)
    count: int = eqx.field(static=True)

    @staticmethod
    def of(mixture: Mixture, times: np.ndarray, n: int, key) -> "Draws":
        """Prepare `n` draws per component at OU times `(T,)`; the key matters where they are made here."""
        count = mixture.n_components
        padded = bucket(count)
        logs = np.full(padded, -np.inf, np.float32)
        logs[:count] = np.log(np.asarray(mixture.weights))
        variance = clock.to_sigma(times)[:, None] ** 2
        if not isinstance(mixture, GaussianMixture):
            ratios = stored.log_ratios(mixture, times, n, key)
            per_time, fixed, kind = (_pad(_pad(ratios, 3, padded), 1, padded),), (), "stored"
        elif pairs.same_covariance(mixture):
            per_time, fixed, kind = _shared(mixture, variance, padded)
        elif mixture.covariance_type == "full":
            per_time, fixed, kind = _full(mixture, variance, padded)
        else:
            per_time, fixed, kind = _diagonal(mixture, variance, padded)
        return Draws(per_time, fixed, logs, kind, n, count)


def _pad(array: np.ndarray, axis: int, size: int, value: float = 0.0) -> np.ndarray:
    widths = [(0, 0)] * array.ndim
    widths[axis] = (0, size - array.shape[axis])
    return np.pad(array, widths, constant_values=value)


def _shared(mixture, variance, padded):
    coordinates, values = pairs.shared_basis(mixture)
    if mixture.dim <= mixture.n_components:
        whitened = coordinates / np.sqrt(values + variance)[:, None, :]
    elif (values == values[0]).all():
        left, sizes, _ = np.linalg.svd(coordinates, full_matrices=False)
        whitened = (left * sizes) / np.sqrt(values[:1] + variance)[:, None, :]
    else:
        # The whitened means span at most K dimensions at each time; the symmetric root U S U^T
        # moves continuously with time, so common random numbers stay common.
        left, sizes, _ = np.linalg.svd(coordinates / np.sqrt(values + variance)[:, None, :], full_matrices=False)
        whitened = (left * sizes[:, None, :]) @ np.swapaxes(left, 1, 2)
    whitened = _pad(_pad(whitened, 2, bucket(whitened.shape[2])), 1, padded)
    return _split(whitened), (), "shared"


def _diagonal(mixture, variance, padded):
    means = np.asarray(mixture.offsets)
    values = np.asarray(mixture.eigenvalues, dtype=np.float64)
    spare = 0
    if mixture.covariance_type == "spherical":
        if mixture.dim > mixture.n_components:
            # Outside the span of the means only the squared radius matters: one chi-squared number.
            left, sizes, _ = np.linalg.svd(means, full_matrices=False)
            means, spare = left * sizes, mixture.dim - mixture.n_components
        values = np.tile(values[:, None], (1, means.shape[1]))
    width = bucket(means.shape[1])
    spread = _pad(_pad(values[None] + variance[:, None], 2, width, 1.0), 1, padded, 1.0)
    logdet = np.log(spread).sum(-1) + spare * np.log(spread[:, :, 0])
    means = _pad(_pad(means, 1, width), 0, padded)
    return (spread.astype(np.float32), *_split(logdet)), (*_split(means), np.float32(spare)), "diagonal"


def _full(mixture, variance, padded):
    means = np.asarray(mixture.offsets)
    values, vectors = np.asarray(mixture.eigenvalues), np.asarray(mixture.eigenvectors)
    gaps = np.einsum("kjd,jde->kje", means[:, None] - means[None], vectors)
    spread = _pad(values[None] + variance[:, None], 1, padded, 1.0)
    logdet = np.log(spread).sum(-1)
    vectors = _pad(vectors, 0, padded).astype(np.float32)
    gaps = _pad(_pad(gaps, 1, padded), 0, padded).astype(np.float32)
    return (spread.astype(np.float32), *_split(logdet)), (vectors, gaps), "full"


@eqx.filter_jit
def draw_noise(draws: Draws, key) -> tuple:
    """Return standard normal draws for every source component, and what else the kind needs.

    Drawn once and shared by all passes of a survey: generating and compiling it costs as much as
    a small pass.
    """
    if draws.kind == "stored":
        return ()
    if draws.kind == "shared":
        return (spread(jax.random.normal(key, (draws.log_weights.shape[0], draws.n, draws.per_time[0].shape[-1])), 1),)
    shape = draws.per_time[0].shape[1:]
    z = spread(jax.random.normal(key, (shape[0], draws.n, shape[1])), 1)
    if draws.kind == "full":
        return (z,)
    spare = draws.fixed[2]
    radius = 2.0 * jax.random.gamma(jax.random.fold_in(key, 1), jnp.maximum(spare, 1e-3) / 2, (shape[0], draws.n))
    return z, spread(jnp.where(spare > 0, radius, 0.0), 1)


def _differences(draws: Draws, noise, now):
    """Return `ln p_t^j(Y) - ln p_t^k(Y)`, shape `(K, n, K)`, for draws from every component k."""
    if draws.kind == "stored":
        return now[0]
    if draws.kind == "shared":
        high, low = now
        gap = (high[:, None] - high[None]) + (low[:, None] - low[None])
        return -0.5 * jnp.sum(gap**2, -1)[:, None, :] - jnp.einsum("knr,kjr->knj", noise[0], gap)
    spread, det_high, det_low = now
    determinant = (det_high[:, None] - det_high[None]) + (det_low[:, None] - det_low[None])  # ln det C_k / C_j
    if draws.kind == "diagonal":
        z, radius = noise
        high, low, _ = draws.fixed
        gap = (high[:, None] - high[None]) + (low[:, None] - low[None])
        excess = spread[:, None] / spread[None] - 1.0
        squared = jnp.einsum("knr,kjr->knj", z**2, excess) + radius[..., None] * excess[:, None, :, 0]
        cross = jnp.einsum("knr,kjr->knj", z, 2 * gap * jnp.sqrt(spread)[:, None] / spread[None])
        constant = jnp.sum(gap**2 / spread[None], -1)
        return 0.5 * (determinant - constant)[:, None, :] - 0.5 * (squared + cross)
    vectors, gaps = draws.fixed

    def source(args):
        z, values, basis, gap, logs = args
        placed = (z * jnp.sqrt(values)) @ basis.T
        rotated = jnp.einsum("nd,jde->jne", placed, vectors) + gap[:, None]
        squared = jnp.sum(rotated**2 / spread[:, None], -1)
        return 0.5 * (logs + jnp.sum(z**2, -1)[:, None] - squared.T)

    return jax.lax.map(source, (noise[0], spread, vectors, gaps, determinant))


def _posterior(draws: Draws, noise, now):
    return jax.nn.softmax(_differences(draws, noise, now) + draws.log_weights, axis=-1)


def _moments(values, strata):
    """Return the stratified mean over draws and its variance; `values` `(K, n, M)`, `strata` `(K, M)`."""
    n = values.shape[1]
    return jnp.sum(values.mean(1) * strata, 0), jnp.sum(values.var(1) * strata**2, 0) / max(n - 1, 1)


@eqx.filter_jit
def _overlap_pass(draws: Draws, noise, in_a, in_b, weight_a, weight_b, strata):
    def one(now):
        r = _posterior(draws, noise, now)
        a, b = (r @ in_a) / weight_a, (r @ in_b) / weight_b
        total = a + b
        return _moments(jnp.where(total > 0, 2 * jnp.minimum(a, b) / jnp.where(total > 0, total, 1.0), 0.0), strata)

    return jax.lax.map(one, draws.per_time)


@eqx.filter_jit
def _return_pass(draws: Draws, noise, masks, parts, wholes, with_logs: bool):
    def one(now):
        sums = jnp.einsum("knj,jv->kvn", _posterior(draws, noise, now), masks).reshape(-1, draws.n)
        part, whole = sums[parts], sums[wholes]
        share = jnp.where(whole > 0, part / jnp.where(whole > 0, whole, 1.0), 0.0)
        variance = share.var(-1) / max(draws.n - 1, 1)
        if not with_logs:  # a logarithm per draw and subset is most of the cost
            return share.mean(-1), variance, jnp.zeros_like(variance)
        logs = jnp.log(jnp.maximum(share, jnp.finfo(share.dtype).tiny))
        return share.mean(-1), variance, logs.mean(-1)

    return jax.lax.map(one, draws.per_time)


@eqx.filter_jit
def _transition_pass(draws: Draws, noise):
    def one(now):
        r = _posterior(draws, noise, now)
        return r.mean(1), r.var(1) / max(draws.n - 1, 1)

    return jax.lax.map(one, draws.per_time)


@eqx.filter_jit
def _pair_pass(draws: Draws, noise):
    def one(now):
        # 2 min(p_k, p_j) / (p_k + p_j) = 2 / (1 + e^|l|), an even function of the log-ratio.
        h = 2.0 * jax.nn.sigmoid(-jnp.abs(_differences(draws, noise, now)))
        mean, variance = h.mean(1), h.var(1) / max(draws.n - 1, 1)
        return (mean + mean.T) / 2, (variance + variance.T) / 4

    return jax.lax.map(one, draws.per_time)


def _columns(draws: Draws, masks: np.ndarray, strata: np.ndarray):
    """Pad `(K, M)` masks and strata to the bucket sizes."""
    rows, columns = draws.log_weights.shape[0], bucket(masks.shape[1])
    return (_pad(_pad(m.astype(np.float32), 1, columns), 0, rows) for m in (masks, strata))


def overlap_estimates(draws: Draws, noise, a: SubsetWeights, b: SubsetWeights) -> tuple[Curves, Curves]:
    """Return `O(P, Q)` and its standard error, `(T, M)`, for `M` pairs of sub-mixtures.

    Args:
        draws: the prepared mixture.
        noise: from `draw_noise`.
        a, b: normalised weights of `P` and `Q`, `(K, M)`; each is zero or proportional to the
            mixture's weights.
    """
    weights = np.exp(draws.log_weights[: draws.count].astype(np.float64))[:, None]
    total_a, total_b = (np.sum((x > 0) * weights, 0) for x in (a, b))
    in_a, strata = _columns(draws, a > 0, (a + b) / 2)
    in_b, _ = _columns(draws, b > 0, b)
    size = in_a.shape[1]
    total_a, total_b = (_pad(x.astype(np.float32), 0, size, 1.0) for x in (total_a, total_b))
    mean, variance = _overlap_pass(draws, noise, in_a, in_b, total_a, total_b, strata)
    keep = a.shape[1]
    return np.asarray(mean, np.float64)[:, :keep], np.sqrt(np.asarray(variance, np.float64)[:, :keep])


def return_estimates(
    draws: Draws, noise, sets: SubsetMasks, contexts: SubsetMasks, sources: SubsetWeights, with_logs: bool
) -> tuple[Curves, Curves, Curves]:
    """Return `E[P(set | Y_t, context)]` over draws from sub-mixtures, `(T, M)` each.

    Args:
        draws: the prepared mixture.
        noise: from `draw_noise`.
        sets, contexts: boolean masks `(K, M)`, each set inside its context.
        sources: normalised weights of the sub-mixtures drawn from, `(K, M)`.
        with_logs: whether to average logarithms too.

    Returns:
        The mean, its standard error, and `E ln P(set | Y_t, context)` (zeros without logs).
    """
    # Only draws from the sources count, and sets repeat among pairs: sum the posterior once per
    # distinct set, then look at each (source component, set, context) that is needed.
    distinct, place = np.unique(np.concatenate([sets, contexts], axis=1), axis=1, return_inverse=True)
    place = place.reshape(-1)
    width = bucket(distinct.shape[1])
    masks, _ = _columns(draws, distinct, distinct)
    component, pair = np.nonzero(sources)
    size = _pad_size(len(pair))
    parts, wholes = (
        _pad((component * width + place[pair + shift]).astype(np.int32), 0, size) for shift in (0, sets.shape[1])
    )
    moments = _return_pass(draws, noise, masks, parts, wholes, with_logs)
    mean, variance, logs = (np.asarray(x, np.float64)[:, : len(pair)] for x in moments)
    strata = np.zeros((len(pair), sets.shape[1]))
    strata[np.arange(len(pair)), pair] = sources[component, pair]
    return mean @ strata, np.sqrt(variance @ strata**2), logs @ strata


def _pad_size(size: int) -> int:
    """Return the next of 1, 1.5, 2, 3, 4, 6, ... at least 64: lists of pairs vary more than components do."""
    power = 1 << max(size - 1, 63).bit_length()
    return power * 3 // 4 if size <= power * 3 // 4 else power


def transition_estimates(draws: Draws, noise) -> tuple[PairCurves, PairCurves]:
    """Return the label transition matrix `M_t` and its standard error, `(T, K, K)` each."""
    return _square(_transition_pass(draws, noise), draws.count)


def pair_estimates(draws: Draws, noise) -> tuple[PairCurves, PairCurves]:
    """Return `O(p_t^i, p_t^j)` of all pairs and its standard error, `(T, K, K)` each."""
    return _square(_pair_pass(draws, noise), draws.count)


def _square(moments, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard error without the padding, in float64."""
    mean, variance = (np.asarray(x, np.float64)[:, :count, :count] for x in moments)
    return mean, np.sqrt(variance)


def draws_per_component(mixture: Mixture, times: int, subsets: int, wanted: int = 1024) -> int:
    """Return how many draws per component fit the interactive budget, between 64 and `wanted`."""
    count = bucket(mixture.n_components)
    if not isinstance(mixture, GaussianMixture):
        # A density may cost a few hundred operations per coordinate, and the ratios are kept.
        wanted = max(64, min(wanted, int(1e8 / (times * count**2))))
        width = 200 * mixture.dim
    elif pairs.same_covariance(mixture):
        width = min(mixture.dim, count)
    else:
        width = mixture.dim**2 if mixture.covariance_type == "full" else 3 * min(mixture.dim, 2 * count)
    per_draw = times * count * (2 * count * width + 4 * count * subsets + 20 * subsets)
    memory = 5e8 / (4 * count * (4 * count + 6 * subsets))
    fits = int(min(_BUDGET / per_draw, memory, wanted))
    if fits >= wanted:
        return wanted
    return max(64, 1 << (fits.bit_length() - 1))  # powers of two: few shapes, few compilations
