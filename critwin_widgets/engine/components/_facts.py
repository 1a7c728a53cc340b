"""What is found once about an unnormalised density: its mode, normaliser and moments, and how curved it is.

The normaliser is found by bridge sampling (Meng & Wong 1996) between the chains and the fitted
proposal: unlike the proposal alone it sees tails that the proposal misses, and unlike the chains
alone it knows the proposal's mass.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import numpy as np
from scipy import special

from ._mixing import effective_size
from ._noised import BLOCK, PILOTS, REPLICATES, Facts, Fit, Rule, climb, fit, unwarp, warp
from ._nuts import ROWS, Diagnostics, run_chains

_LARGE = 1024
"""Points per randomisation for the normaliser."""

_MOST = 256
"""Most points per randomisation for one noised density."""


_ROWS = 1024
"""Points of which log-densities are found in one call."""


class Findings(NamedTuple):
    """What `learn` finds.

    `prior` is the fit to the density itself; `blocks` says how many blocks of the rule's points one
    noised density takes; `whitened` and `bank` `(chains, draws, d)` are the chains' draws, in the
    coordinates of the fit and less the mode; `mean` is less the mode as well.
    """

    facts: Facts
    rule: Rule
    blocks: int
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
    x, decrement, hessian = climb(log_density, lambda x: -jax.hessian(log_density)(x), start, 1e-9, 500)
    return x, decrement, log_density(x), hessian


@eqx.filter_jit
def fits(log_density, facts: Facts, rows, a, s) -> Fit:
    """Return the fits at points `(n, d)` less the noised mode, batched."""
    return jax.vmap(lambda y: fit(log_density, facts, y, a, s))(rows)


@eqx.filter_jit
def _levels(log_density, facts: Facts, gaps):
    return jax.vmap(lambda gap: log_density(facts.centre + gap) - facts.level)(gaps)


def levels(log_density, facts: Facts, gaps: np.ndarray) -> np.ndarray:
    """Return log-densities less the mode's at points `(n, d)` less the mode, `(n,)` in float64."""
    size = min(_ROWS, max(16, (1 << 20) // gaps.shape[1] ** 2))
    parts = [gaps[low : low + size] for low in range(0, len(gaps), size)]
    found = [np.asarray(_levels(log_density, facts, np.resize(part, (size, part.shape[1])))) for part in parts]
    return np.concatenate(found)[: len(gaps)].astype(np.float64)


def fit_prior(log_density, facts: Facts) -> Fit:
    """Return the fit to the density itself, in float64 on the host; it uses the kernel of all fits."""
    found = fits(log_density, facts, np.zeros((ROWS, len(facts.centre))), np.float64(0.0), np.float64(1.0))
    return jax.tree.map(lambda leaf: np.asarray(leaf[0], np.float64), found)


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
    facts = Facts(centre, level, hessian, normal_points(1, PILOTS, dim, pilot_rng)[0], np.zeros(()))
    prior = fit_prior(log_density, facts)
    whitened, diagnostics = run_chains(log_density, facts, prior, seed, chains, draws)
    large, z = (normal_points(REPLICATES, n, dim, rng) for n, rng in ((_LARGE, large_rng), (_MOST, point_rng)))
    sizes = np.cumsum([large[..., 0].size, whitened[..., 0].size])

    def weigh(bend: float):
        """Return the log-weights of the large set, the chains and the points, and all places."""
        u = [warp(large, bend, np)[0], whitened, warp(z, bend, np)[0]]
        places = np.asarray(prior.place(np.concatenate([part.reshape(-1, dim) for part in u])))
        parts = np.split(levels(log_density, facts, places), sizes)
        own = [part.reshape(like.shape[:2]) - log_proposal(like, bend) for part, like in zip(parts, u, strict=True)]
        return own, parts[1].reshape(whitened.shape[:2]), places

    own, heights, places = weigh(0.0)
    bend = choose_bend(heights, whitened)
    if bend > 0:
        # Centre and axes depend on the tails through the pilots; mode and root do not.
        facts, first = eqx.tree_at(lambda f: f.bend, facts, np.asarray(bend)), prior
        prior = fit_prior(log_density, facts)
        whitened = np.asarray((first.shift + first.scale * whitened - prior.shift) / prior.scale)
        own, _, places = weigh(bend)
    logs_large, logs_chains, logs_z = own
    log_mean, error = bridge(logs_large, logs_chains)
    mean, covariance = _moments(
        places[: sizes[1]], np.exp(np.concatenate([logs_large.ravel(), logs_chains.ravel()]) - log_mean), sizes
    )
    blocks = choose_blocks(float(np.var(np.exp(logs_large - log_mean))))
    log_z = np.asarray(prior.log_volume(np) + 0.5 * dim * np.log(2 * np.pi) + log_mean)
    ratios = _in_blocks(np.exp(logs_z - log_mean) - 1.0)
    ratios[blocks:] = 0.0
    rule = Rule(log_z, np.asarray(error), _in_blocks(z), ratios)
    bank = places[sizes[0] : sizes[1]].reshape(whitened.shape)
    return Findings(facts, rule, blocks, prior, whitened, bank, diagnostics, mean, covariance)


def _moments(places: np.ndarray, relative: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and covariance from the large set and the chains with their weights relative to the mean."""
    if relative.max() < 10.0:
        # Neither law shows a tail that the proposal misses: its points, spread evenly, do best.
        share = np.where(np.arange(sizes[1]) < sizes[0], relative, 0.0)
    else:
        # Every point as a draw of the mixture of both laws (multiple importance sampling).
        share = relative / (sizes[0] + (sizes[1] - sizes[0]) * relative)
    share = share / share.sum()
    mean = share @ places
    gaps = places - mean
    return mean, gaps.T @ (gaps * share[:, None])


def _in_blocks(points: np.ndarray) -> np.ndarray:
    """Return points `(R, m, ...)`, mirror images last, as `(blocks, R, BLOCK, ...)` where each block holds pairs."""
    replicates, count = points.shape[:2]
    pairs = points.reshape(replicates, 2, count // BLOCK, BLOCK // 2, *points.shape[2:])
    return np.moveaxis(pairs, 2, 0).reshape(count // BLOCK, replicates, BLOCK, *points.shape[2:])


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


def choose_blocks(spread: float) -> int:
    """Return how many blocks bring the noised log-density's standard error below 0.005, a power of 2 up to 16.

    `spread` is the relative variance of the normaliser's weights; the posteriors' are rarely larger,
    and quasi-Monte Carlo points do better than the independent ones this counts on.
    """
    wanted = spread / 0.005**2 / 8 / (BLOCK * REPLICATES)
    return int(np.clip(1 << int(np.ceil(np.log2(max(wanted, 1.0)))), 1, _MOST // BLOCK))


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
    effective = float(effective_size(theirs))
    return float(log_mean), float(np.hypot(first, spread / np.sqrt(min(effective, float(m)))))


def _halves(ours: np.ndarray, theirs: np.ndarray, gaussian: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the optimal bridge's two integrands, for relative log-weights under Gaussian and density."""
    mix = np.log(gaussian), np.log1p(-gaussian)
    return (
        np.exp(ours - np.logaddexp(mix[0], mix[1] + ours)),
        np.exp(-np.logaddexp(mix[0], mix[1] + theirs)),
    )
