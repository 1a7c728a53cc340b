"""What is found once about an unnormalised density: its mode, normaliser and moments, and how curved it is.

The normaliser is found by bridge sampling (Meng & Wong 1996) between the chains and the fitted
proposal: unlike the proposal alone it sees tails that the proposal misses, and unlike the chains
alone it knows the proposal's mass.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy import special

from ._noised import PILOTS, REPLICATES, Facts, Fit, climb, fit, unwarp, warp
from ._nuts import Diagnostics, blackjax, run_chains

_LARGE = 1024
"""Points per randomisation for the normaliser."""

_MOST = 256
"""Most points per randomisation for one noised density."""


class Findings(NamedTuple):
    """The facts, the prior's fit, draws whitened and less the mode `(chains, draws, d)`, moments less the mode."""

    facts: Facts
    prior: Fit
    whitened: np.ndarray
    bank: np.ndarray
    diagnostics: Diagnostics
    mean: np.ndarray
    covariance: np.ndarray


def normal_points(replicates: int, count: int, dim: int, rng: np.random.Generator) -> np.ndarray:
    """Return randomised quasi-Monte Carlo points of the standard normal law, `(R, count, d)`, in pairs `z, -z`."""
    from scipy.stats import qmc  # a quarter of a second that Gaussian mixtures do without

    half = np.stack([qmc.Sobol(dim, rng=part).random(count // 2) for part in rng.spawn(replicates)])
    # The least and greatest of a million normal draws lie at about +-5.
    z = special.ndtri(np.clip(half, 1e-9, 1 - 1e-9))
    return np.concatenate([z, -z], axis=1)


@eqx.filter_jit
def find_mode(log_density, start):
    """Return the mode, the last Newton decrement, and the value and the negative Hessian there."""
    x, decrement = climb(log_density, start, 1e-9, 500)
    return x, decrement, log_density(x), -jax.hessian(log_density)(x)


@eqx.filter_jit
def _fit_prior(log_density, facts: Facts) -> Fit:
    zero = jnp.zeros_like(facts.centre)
    return fit(log_density, facts, zero, jnp.zeros((), zero.dtype), jnp.ones((), zero.dtype))


@eqx.filter_jit
def _levels(log_density, facts: Facts, found: Fit, u):
    places = found.place(u)
    return jax.vmap(lambda e: found.exponent(log_density, facts, e))(places), places


def learn(log_density, mode: tuple, seed: int, chains: int, draws: int) -> Findings:
    """Sample the density and find its normaliser and moments.

    Args:
        log_density: function of one point `(d,)`.
        mode: mode, value and negative Hessian there.
        seed: seed of chains and points.
        chains, draws: number of chains and of draws in each.
    """
    centre, level, hessian = mode
    dim = len(centre)
    pilot_rng, point_rng, large_rng = np.random.default_rng(seed).spawn(3)
    pilots = normal_points(1, PILOTS, dim, pilot_rng)[0]
    nothing, unknown = np.zeros((REPLICATES, 0)), np.zeros(())
    facts = Facts(centre, level, hessian, unknown, unknown, pilots, nothing[:, :, None], nothing, unknown)
    prior = jax.tree.map(np.asarray, _fit_prior(log_density, facts))
    whitened, diagnostics = run_chains(log_density, facts, prior, seed, chains, draws)
    large, z = (normal_points(REPLICATES, n, dim, rng) for n, rng in ((_LARGE, large_rng), (_MOST, point_rng)))
    sizes = np.cumsum([large[..., 0].size, whitened[..., 0].size])

    def weigh(bend: float):
        """Return the log-weights of the large set, the chains and the points, and all places."""
        # One call for all points: every shape costs a compilation.
        u = [warp(large, bend, np)[0], whitened, warp(z, bend, np)[0]]
        logs, places = _levels(log_density, facts, prior, np.concatenate([part.reshape(-1, dim) for part in u]))
        parts = np.split(np.asarray(logs, np.float64), sizes)
        own = [part.reshape(like.shape[:2]) - log_proposal(like, bend) for part, like in zip(parts, u, strict=True)]
        return own, parts[1].reshape(whitened.shape[:2]), np.asarray(places, np.float64)

    own, levels, places = weigh(0.0)
    bend = choose_bend(levels, whitened)
    if bend > 0:
        # Centre and axes depend on the tails through the pilots; mode and root do not.
        facts, first = eqx.tree_at(lambda f: f.bend, facts, np.asarray(bend)), prior
        prior = jax.tree.map(np.asarray, _fit_prior(log_density, facts))
        whitened = (first.shift + first.scale * whitened - prior.shift) / prior.scale
        own, _, places = weigh(bend)
    logs_large, logs_chains, logs_z = own
    log_mean, error = bridge(logs_large, logs_chains)
    relative = np.exp(np.concatenate([logs_large.ravel(), logs_chains.ravel()]) - log_mean)
    if relative.max() < 10.0:
        # Neither law shows a tail that the proposal misses: its points, spread evenly, do best.
        share = np.where(np.arange(sizes[1]) < sizes[0], relative, 0.0)
    else:
        # Every point as a draw of the mixture of both laws (multiple importance sampling).
        share = relative / (sizes[0] + (sizes[1] - sizes[0]) * relative)
    share /= share.sum()
    mean = share @ places[: sizes[1]]
    gaps = places[: sizes[1]] - mean
    half = choose_points(float(np.var(np.exp(logs_large - log_mean)))) // (2 * REPLICATES)
    keep = np.r_[:half, _MOST // 2 : _MOST // 2 + half]  # a prefix of each sequence and its mirror image
    log_volume = np.sum(np.log(prior.scale)) - np.sum(np.log(np.diagonal(prior.root)))
    log_z = np.asarray(log_volume + 0.5 * dim * np.log(2 * np.pi) + log_mean)
    ratios = np.exp(logs_z[:, keep] - log_mean) - 1.0
    facts = Facts(centre, level, hessian, log_z, np.asarray(error), pilots, z[:, keep], ratios, np.asarray(bend))
    bank = places[sizes[0] : sizes[1]].reshape(whitened.shape)
    return Findings(facts, prior, whitened, bank, diagnostics, mean, gaps.T @ (gaps * share[:, None]))


def log_proposal(u: np.ndarray, bend: float) -> np.ndarray:
    """Return the log-density of `warp(z)` at `u` `(..., d)`, less that of a standard normal at 0."""
    z = unwarp(u, bend)
    return -0.5 * np.sum(z**2, -1) - warp(z, bend, np)[1]


def choose_bend(levels: np.ndarray, whitened: np.ndarray) -> float:
    """Return the bend with the least relative variance of the weights, `E_f[f / q]`, judged by the chains."""
    bends = np.linspace(0.0, 0.6, 13)
    logs = [levels - log_proposal(whitened, bend) for bend in bends]
    moments = np.array([part.max() + np.log(np.mean(np.exp(part - part.max()))) for part in logs])
    best = int(np.argmin(moments))
    # Heavier tails than needed cost little, a Gaussian's where they are missed cost much.
    return float(bends[best]) if moments[0] - moments[best] > 1e-3 else 0.0


def choose_points(spread: float) -> int:
    """Return how many points bring the noised log-density's standard error below 0.005, from 128 to 2048.

    `spread` is the relative variance of the normaliser's weights; the posteriors' are rarely larger,
    and quasi-Monte Carlo points do better than the independent ones this counts on.
    """
    wanted = spread / 0.005**2 / 8
    return int(np.clip(1 << int(np.ceil(np.log2(max(wanted, 1.0)))), 128, REPLICATES * _MOST))


def bridge(logs_gaussian: np.ndarray, logs_chains: np.ndarray) -> tuple[float, float]:
    """Return the logarithm of the mean weight under the Gaussian, and its standard error.

    Args:
        logs_gaussian: log-weights `ln f/q` at randomised points of the Gaussian `q`, `(R, m)`.
        logs_chains: the same at draws from `f`, `(chains, draws)`.
    """
    top = logs_gaussian.max()
    n, m = logs_gaussian.size, logs_chains.size
    size = float(m)
    log_mean = top + np.log(np.mean(np.exp(logs_gaussian - top)))
    for _ in range(200):
        ours, theirs = _halves(logs_gaussian - log_mean, logs_chains - log_mean, n / (n + size))
        change = np.log(ours.mean() / theirs.mean())
        log_mean += change
        if abs(change) < 1e-12:
            break
    ours, theirs = _halves(logs_gaussian - log_mean, logs_chains - log_mean, n / (n + size))
    first = ours.mean(1).std(ddof=1) / np.sqrt(len(ours)) / ours.mean()
    spread = theirs.std() / theirs.mean()
    if spread < 1e-9:
        return float(log_mean), float(first)
    effective = float(blackjax().diagnostics.effective_sample_size(jnp.asarray(theirs)))
    return float(log_mean), float(np.hypot(first, spread / np.sqrt(min(effective, float(m)))))


def _halves(ours: np.ndarray, theirs: np.ndarray, gaussian: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the optimal bridge's two integrands, for relative log-weights under Gaussian and density."""
    mix = np.log(gaussian), np.log1p(-gaussian)
    return (
        np.exp(ours - np.logaddexp(mix[0], mix[1] + ours)),
        np.exp(-np.logaddexp(mix[0], mix[1] + theirs)),
    )
