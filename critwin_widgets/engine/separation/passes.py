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
from .._memory import check_memory
from .._types import Curves, PairCurves, SubsetMasks, SubsetWeights
from ..mixtures import GaussianMixture, Mixture
from ..processes import clock
from . import pairs, stored
from .budget import NARROW, bucket
from .parallel import over_times, several_devices

_COLUMNS = 32
"""Subsets that one step of an overlap pass takes; lists of subsets are padded to whole steps."""

_RATIOS = 256
"""Ratios of sums of posteriors that one step of a return pass takes."""

_KEPT = 2**23
"""Log-ratios that are kept rather than evaluated by each pass, at most (32 MiB)."""

_CHAIN = 48
"""Components up to which a return pass has room for every set inside every other of a chain."""


def _split(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return two float32 arrays whose sum carries about 48 bits of a float64 array."""
    high = array.astype(np.float32)
    return high, (array - high).astype(np.float32)


class Draws(eqx.Module):
    """A mixture prepared for passes: padded arrays, one leading time axis where time enters.

    `kind` is "shared" (one covariance: whitened coordinates, at most K of them), "diagonal"
    (variances per component and axis), "full", or "stored" (log-ratios evaluated already, for
    components that are not Gaussian). `per_time` and `fixed` hold the arrays of the kind;
    `log_weights` is `-inf` on padding. Shapes depend on the bucket of K alone, and `components` is an
    array rather than a static number, so that a component more or less recompiles nothing.
    """

    per_time: tuple
    fixed: tuple
    log_weights: np.ndarray
    components: np.ndarray
    kind: str = eqx.field(static=True)
    n: int = eqx.field(static=True)

    @property
    def count(self) -> int:
        """Number of components without the padding."""
        return int(self.components)

    @staticmethod
    def of(mixture: Mixture, times: np.ndarray, n: int, key) -> "Draws":
        """Prepare `n` draws per component at OU times `(T,)`; the key matters where they are made here."""
        count = mixture.n_components
        padded = bucket(count)
        logs = np.full(padded, -np.inf, np.float32)
        logs[:count] = np.log(np.asarray(mixture.weights))
        variance = clock.to_sigma(times)[:, None] ** 2
        check_memory(_bytes(mixture, len(times), n), f"{n} draws from each of {count} components at {len(times)} times")
        if not isinstance(mixture, GaussianMixture):
            ratios = stored.log_ratios(mixture, times, n, key)
            per_time, fixed, kind = (spread(_pad(_pad(ratios, 3, padded), 1, padded), 2),), (), "stored"
        elif pairs.same_covariance(mixture):
            per_time, fixed, kind = _shared(mixture, variance, padded)
        elif mixture.covariance_type == "full":
            per_time, fixed, kind = _full(mixture, variance, padded)
        else:
            per_time, fixed, kind = _diagonal(mixture, variance, padded)
        return Draws(per_time, fixed, logs, np.asarray(count, np.int32), kind, n)


def _bytes(mixture: Mixture, times: int, n: int) -> float:
    """Return the bytes of the largest arrays of a pass: four of `(K, n, K)` and the pairs' differences."""
    count, dim = bucket(mixture.n_components), mixture.dim
    if not isinstance(mixture, GaussianMixture):
        return 4.0 * count**2 * n * (times + 4)
    width = dim if mixture.covariance_type == "full" else min(dim, max(count, NARROW))
    return 4.0 * count**2 * (4 * n + 3 * width)


def _pad(array: np.ndarray, axis: int, size: int, value: float = 0.0) -> np.ndarray:
    widths = [(0, 0)] * array.ndim
    widths[axis] = (0, size - array.shape[axis])
    return np.pad(array, widths, constant_values=value)


def _shared(mixture, variance, padded):
    coordinates, values = pairs.shared_basis(mixture)
    if mixture.dim <= max(mixture.n_components, NARROW):
        whitened = coordinates / np.sqrt(values + variance)[:, None, :]
    elif (values == values[0]).all():
        left, sizes, _ = np.linalg.svd(coordinates, full_matrices=False)
        whitened = (left * sizes) / np.sqrt(values[:1] + variance)[:, None, :]
    else:
        # The whitened means span at most K dimensions at each time; the symmetric root U S U^T
        # moves continuously with time, so common random numbers stay common.
        left, sizes, _ = np.linalg.svd(coordinates / np.sqrt(values + variance)[:, None, :], full_matrices=False)
        whitened = (left * sizes[:, None, :]) @ np.swapaxes(left, 1, 2)
    whitened = _pad(_pad(whitened, 2, bucket(min(mixture.dim, max(padded, NARROW)))), 1, padded)
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
    width = bucket(min(mixture.dim, padded) if mixture.covariance_type == "spherical" else mixture.dim)
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


@jax.jit
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


def evaluated(draws: Draws, noise) -> tuple[Draws, tuple]:
    """Return draws of kind "stored" and their noise: log-ratios evaluated once for all passes, where they are few.

    A pass of a quick tree spends most of its time on them. Draws spread over devices stay as they are.
    """
    rows = draws.log_weights.shape[0]
    many = len(draws.per_time[0]) * rows**2 * draws.n > _KEPT
    if many or draws.kind == "stored" or several_devices(*noise):
        return draws, noise
    ratios = over_times(_ratio_pass, draws, noise)
    return Draws(ratios, (), draws.log_weights, draws.components, "stored", draws.n), ()


@jax.jit
def _ratio_pass(draws: Draws, noise):
    return jax.lax.map(lambda now: (_differences(draws, noise, now),), draws.per_time)


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
    scale = 1.0 / jnp.sqrt(spread)
    # One product with all whitening matrices side by side: K small ones would take several times as long.
    whitening = jnp.moveaxis(vectors * scale[:, None], 0, 1).reshape(vectors.shape[1], -1)

    def source(args):
        z, values, basis, gap, logs = args
        placed = (z * jnp.sqrt(values)) @ basis.T
        whitened = (placed @ whitening).reshape(len(z), *scale.shape) + gap * scale
        return 0.5 * (logs + jnp.sum(z**2, -1)[:, None] - jnp.sum(whitened**2, -1))

    return jax.lax.map(source, (noise[0], spread, vectors, gaps, determinant))


def _posterior(draws: Draws, noise, now):
    return jax.nn.softmax(_differences(draws, noise, now) + draws.log_weights, axis=-1)


def _moments(values, strata):
    """Return the stratified mean over draws and its variance; `values` `(K, n, M)`, `strata` `(K, M)`."""
    n = values.shape[1]
    return jnp.sum(values.mean(1) * strata, 0), jnp.sum(values.var(1) * strata**2, 0) / max(n - 1, 1)


@jax.jit
def _overlap_pass(draws: Draws, noise, steps, in_a, in_b, strata):
    """Return means and variances `(T, G, W)` for the first `steps` of G groups of W subsets."""

    def one(now):
        r = _posterior(draws, noise, now)

        def group(g, found):
            a, b = r @ in_a[g], r @ in_b[g]
            shared = 2 * jnp.minimum(a, b) / jnp.maximum(a + b, jnp.finfo(r.dtype).tiny)
            return tuple(x.at[g].set(y) for x, y in zip(found, _moments(shared, strata[g]), strict=True))

        blank = jnp.zeros((len(in_a), in_a.shape[-1]), r.dtype)
        # A loop of as many turns as there are groups: more subsets need no other shape.
        return jax.lax.fori_loop(0, steps, group, (blank, blank))

    return jax.lax.map(one, draws.per_time)


@jax.jit
def _return_pass(draws: Draws, noise, masks, steps, parts, wholes, with_logs):
    """Return means, variances and mean logarithms `(T, G, Q)` of the first `steps` of G groups of Q ratios."""

    def one(now):
        sums = jnp.einsum("knj,jv->kvn", _posterior(draws, noise, now), masks).reshape(-1, draws.n)

        def group(g, found):
            part, whole = sums[parts[g]], sums[wholes[g]]
            share = jnp.where(whole > 0, part / jnp.where(whole > 0, whole, 1.0), 0.0)
            tiny = jnp.finfo(share.dtype).tiny
            logs = jax.lax.cond(  # a logarithm per draw and subset is most of the cost
                with_logs[g], lambda x: jnp.log(jnp.maximum(x, tiny)).mean(-1), lambda x: jnp.zeros(len(x)), share
            )
            new = share.mean(-1), share.var(-1) / max(draws.n - 1, 1), logs
            return tuple(x.at[g].set(y) for x, y in zip(found, new, strict=True))

        blank = jnp.zeros(parts.shape, sums.dtype)
        return jax.lax.fori_loop(0, steps, group, (blank, blank, blank))

    return jax.lax.map(one, draws.per_time)


@jax.jit
def _transition_pass(draws: Draws, noise):
    def one(now):
        r = _posterior(draws, noise, now)
        return r.mean(1), r.var(1) / max(draws.n - 1, 1)

    return jax.lax.map(one, draws.per_time)


@jax.jit
def _pair_pass(draws: Draws, noise):
    def one(now):
        # 2 min(p_k, p_j) / (p_k + p_j) = 2 / (1 + e^|l|), an even function of the log-ratio.
        logs = jnp.abs(_differences(draws, noise, now))
        # Two reductions that each work the exponential out are faster than one that stores it: the
        # cut-offs differ so that the compiler does not join them, and lie below any overlap of note.
        mean = (2.0 / (1.0 + jnp.exp(jnp.minimum(logs, 60.0)))).mean(1)
        square = jnp.square(2.0 / (1.0 + jnp.exp(jnp.minimum(logs, 40.0)))).mean(1)
        variance = jnp.maximum(square - mean**2, 0.0) / max(draws.n - 1, 1)
        return (mean + mean.T) / 2, (variance + variance.T) / 4

    return jax.lax.map(one, draws.per_time)


def _groups(array: np.ndarray, size: int, room: int, value: float = 0.0) -> np.ndarray:
    """Return the last axis padded to `room` groups of `size`, groups first: `(room, ..., size)` in float32."""
    padded = _pad(array.astype(np.float32), array.ndim - 1, size * room, value)
    return np.moveaxis(padded.reshape(*array.shape[:-1], room, size), -2, 0)


def _room(needed: int, usual: int) -> int:
    """Return how many groups to make room for: the usual number, or four times as often as it takes."""
    while usual < needed:
        usual *= 4
    return usual


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
    rows, keep = draws.log_weights.shape[0], a.shape[1]
    size = next((s for s in (2, 8) if keep <= s), _COLUMNS)
    steps = -(-keep // size)
    # Room for as many candidates as 21 dendrograms can propose.
    room = 1 if size < _COLUMNS else _room(steps, 22 * rows // _COLUMNS + 1)
    scaled = ((a > 0) / total_a, (b > 0) / total_b, (a + b) / 2)
    in_a, in_b, strata = (_groups(_pad(x, 0, rows), size, room) for x in scaled)
    moments = over_times(_overlap_pass, draws, noise, np.int32(steps), in_a, in_b, strata, filled=steps)
    mean, variance = (np.asarray(x, np.float64).reshape(len(x), -1)[:, :keep] for x in moments)
    return mean, np.sqrt(variance)


def return_estimates(
    draws: Draws, noise, sets: SubsetMasks, contexts: SubsetMasks, sources: SubsetWeights, with_logs: np.ndarray | bool
) -> tuple[Curves, Curves, Curves]:
    """Return `E[P(set | Y_t, context)]` over draws from sub-mixtures, `(T, M)` each.

    Args:
        draws: the prepared mixture.
        noise: from `draw_noise`.
        sets, contexts: boolean masks `(K, M)`, each set inside its context.
        sources: normalised weights of the sub-mixtures drawn from, `(K, M)`.
        with_logs: whether to average logarithms too, for all or for each, `(M,)`.

    Returns:
        The mean, its standard error, and `E ln P(set | Y_t, context)` (anything where without logs).
    """
    # Only draws from the sources count, and sets repeat among pairs: sum the posterior once per
    # distinct set, then look at each (source component, set, context) that is needed.
    distinct, place = _distinct(np.concatenate([sets, contexts], axis=1))
    rows, count = draws.log_weights.shape[0], sets.shape[1]
    logged = np.broadcast_to(with_logs, count)
    # A family has fewer than 2K sets; those with logarithms, of features, stay as many when a component moves.
    width = _room(distinct.shape[1], bucket(int(logged.sum()) + 1) + (0 if logged.all() else 2 * rows))
    masks = _pad(_pad(distinct.astype(np.float32), 1, width), 0, rows)
    pair, component = np.nonzero(sources.T)
    # Those with logarithms first: whole steps go without.
    order = np.argsort(~logged[pair], kind="stable")
    pair, component = pair[order], component[order]
    size = 64 if len(pair) <= 64 else _RATIOS
    steps = -(-len(pair) // size)
    # Room for the worst family, a chain, while that is small.
    usual = rows**3 // 6 + 4 * rows**2 if rows <= _CHAIN else 2 * rows**2
    room = 1 if size < _RATIOS else _room(steps, usual // _RATIOS + 1)
    parts, wholes = (
        _pad((component * width + place[pair + shift]).astype(np.int32), 0, size * room).reshape(room, size)
        for shift in (0, count)
    )
    flags = _pad(logged[pair], 0, size * room).reshape(room, size).any(1)
    moments = over_times(_return_pass, draws, noise, masks, np.int32(steps), parts, wholes, flags, filled=steps)
    mean, variance, logs = (x.reshape(len(x), -1)[:, : len(pair)].astype(np.float64) for x in moments)
    weights, heads = sources[component, pair], np.flatnonzero(np.diff(pair, prepend=-1))
    answers = [np.add.reduceat(x, heads, axis=1) for x in (mean * weights, variance * weights**2, logs * weights)]
    found = [np.empty_like(x) for x in answers]
    for array, answer in zip(found, answers, strict=True):
        array[:, pair[heads]] = answer
    return found[0], np.sqrt(found[1]), found[2]


def _distinct(masks: SubsetMasks) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct columns of boolean masks `(K, M)` and where each column went."""
    packed = np.ascontiguousarray(np.packbits(masks, axis=0).T)
    _, first, place = np.unique(packed.view(f"V{packed.shape[1]}")[:, 0], return_index=True, return_inverse=True)
    return masks[:, first], place.reshape(-1)


def transition_estimates(draws: Draws, noise) -> tuple[PairCurves, PairCurves]:
    """Return the label transition matrix `M_t` and its standard error, `(T, K, K)` each."""
    return _square(over_times(_transition_pass, draws, noise), draws.count)


def pair_estimates(draws: Draws, noise) -> tuple[PairCurves, PairCurves]:
    """Return `O(p_t^i, p_t^j)` of all pairs and its standard error, `(T, K, K)` each."""
    return _square(over_times(_pair_pass, draws, noise), draws.count)


def _square(moments, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard error without the padding, in float64."""
    mean, variance = (np.asarray(x, np.float64)[:, :count, :count] for x in moments)
    return mean, np.sqrt(variance)
