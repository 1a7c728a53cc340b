"""`TV(p^{init,t}, p^target)` on a line, by adaptive quadrature over `x` of a quadrature over the noise."""

from collections.abc import Callable

import numpy as np

from ..engine.mixtures import GaussianMixture, Mixture
from ..engine.processes import clock, signal
from ..engine.separation import line

_Z = np.linspace(-9.0, 9.0, 721)
"""Noise: a posterior turns over at least a tenth of a unit where it matters, four times this step; beyond
9 lies a mass of 2e-19, for what is measured may be as small as the chance of one far draw."""
_MASS = np.exp(-(_Z**2) / 2) / np.exp(-(_Z**2) / 2).sum()
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(10)
_TOLERANCE = 1e-7
_CHUNK = 1 << 15

Logs = Callable[[np.ndarray, float], np.ndarray]
"""From points `Y_t / a_t` of any shape and OU time `t` to log-densities with `K` behind it."""


def measured_on_line(mixture: Mixture, start: np.ndarray, goal: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return the distance at OU times `(T,)` for a one-dimensional mixture of any kind.

    Args:
        mixture: the mixture, with `d = 1`.
        start, goal: normalised weights `(K,)` of the sub-mixtures started from and compared with.
        times: OU times.
    """
    logs, rounding = _log_densities(mixture)
    weights = np.asarray(mixture.weights)
    edges = _edges(mixture)
    return np.array([_distance(logs, weights, start, goal, edges, float(t), rounding) for t in times])


def _log_densities(mixture: Mixture) -> tuple[Logs, float]:
    """Return the mixture's log-densities up to a function of the point, and their relative rounding."""
    if isinstance(mixture, GaussianMixture):
        places, variances = mixture.component_means[:, 0], 1.0 / mixture.concavity

        def gaussian(y, t):
            return line.log_components_on_line(y[..., None], places, np.sqrt(variances + clock.to_sigma(t) ** 2))

        return gaussian, 1e-15
    noised: dict[float, Mixture] = {}

    def general(y, t):
        later = noised.setdefault(t, mixture.at(t)) if t not in noised else noised[t]
        points = float(signal(t)) * y.reshape(-1)
        # Chunks of one size: one compilation serves every panel.
        padded = np.pad(points, (0, -len(points) % min(_CHUNK, 1 << max(len(points) - 1, 0).bit_length())), "edge")
        size = min(_CHUNK, len(padded))
        found = [
            np.asarray(later.log_prob_components(block[:, None]), np.float64) for block in padded.reshape(-1, size)
        ]
        return np.concatenate(found)[: len(points)].reshape(*y.shape, -1)

    return general, 1e-6


def _edges(mixture: Mixture) -> np.ndarray:
    """Return panels' ends: dense at each component, out to where it has no mass left."""
    means, reach = mixture.component_means[:, 0], 9.0 / np.sqrt(mixture.concavity)
    finest = np.sqrt(mixture.variance_range[0])
    steps = np.geomspace(0.5 * finest, reach, 8)  # (8, K)
    edges = np.unique(np.concatenate([means, (means - steps).ravel(), (means + steps).ravel()]))
    # Many components share their panels.
    kept = [edges[0]]
    for edge in edges[1:-1]:
        if edge - kept[-1] >= 0.5 * finest:
            kept.append(edge)
    return np.append(kept, edges[-1])


def _distance(logs: Logs, weights, start, goal, edges, t: float, rounding: float) -> float:
    sigma = float(clock.to_sigma(t))

    def returned(x):
        """`E[p_t^start(Y) / p_t(Y) | X = x]`."""
        found = np.empty(len(x))
        size = max(1, _CHUNK // len(_Z)) if sigma > 0 else len(x)
        for first in range(0, len(x), size):
            block = slice(first, first + size)
            y = x[block, None] + sigma * _Z if sigma > 0 else x[block, None]
            later = logs(y, t)
            scaled = np.exp(later - later.max(-1, keepdims=True))
            ratio = (scaled @ start) / (scaled @ weights)
            found[block] = ratio @ _MASS if sigma > 0 else ratio[:, 0]
        return found

    def integrand(x):
        now = logs(x, 0.0)
        top = now.max(-1)
        scaled = np.exp(now - np.where(np.isfinite(top), top, 0.0)[:, None])
        prior = scaled @ weights
        height = np.exp(top)
        gap = np.zeros(len(x))
        some = height > 0
        gap[some] = np.abs(prior[some] * returned(x[some]) - (scaled @ goal)[some])
        return 0.5 * gap * height, prior * height

    return min(_integrate(integrand, edges, rounding), 1.0)


def _integrate(integrand, edges: np.ndarray, rounding: float) -> float:
    """Return the integral of the first of two functions, whose rounding is relative to the second.

    Panels are halved until both halves agree with the whole; that also closes in on the kinks of an
    absolute value and on the jumps of a truncated density.
    """
    left, right = edges[:-1], edges[1:]
    whole, _ = _panels(integrand, left, right)
    accepted = 0.0
    for _ in range(45):
        middle = (left + right) / 2
        lefts, rights = np.concatenate([left, middle]), np.concatenate([middle, right])
        halves, scale = _panels(integrand, lefts, rights)
        pair = halves.reshape(2, -1).sum(0)
        total = accepted + pair.sum()
        error = np.abs(pair - whole)
        done = error <= np.maximum(_TOLERANCE * total / 64, rounding * scale.reshape(2, -1).sum(0))
        accepted += pair[done].sum()
        if done.all():
            return float(accepted)
        again = np.tile(~done, 2)
        left, right, whole = lefts[again], rights[again], halves[again]
    return float(accepted + whole.sum())


def _panels(integrand, left, right) -> tuple[np.ndarray, np.ndarray]:
    half = (right - left)[:, None] / 2
    x = (left + right)[:, None] / 2 + half * _NODES
    values = integrand(x.ravel())
    first, second = ((np.reshape(side, x.shape) * half) @ _WEIGHTS for side in values)
    return first, second
