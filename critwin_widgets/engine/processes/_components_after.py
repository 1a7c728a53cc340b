"""The component of `X'` after a forward-reverse experiment, without making any sample."""

import numpy as np

from ..mixtures import GaussianMixture, Mixture
from ._draws import CHOICE, NOISE, choose, normals, uniforms
from .ornstein_uhlenbeck import noise_variance, signal
from .process import repeat_seeds

_NUMBERS = 1 << 22
"""Numbers of noised points, or of logits, held in memory at a time."""


def components_after(mixture: Mixture, points: np.ndarray, time: float, seeds: np.ndarray, n: int) -> np.ndarray:
    """Return the components of `n` draws of `X'` for each point `(B, d)`, `(B, n)`; one seed for each row."""
    if isinstance(mixture, GaussianMixture) and _one_covariance(mixture):
        logits_of = _Linear(mixture, points, time)
    else:
        logits_of = _Full(mixture, points, time)
    rows = max(1, _NUMBERS // (n * max(logits_of.size, mixture.n_components)))
    found = np.empty((len(points), n), np.int64)
    for first in range(0, len(points), rows):
        part = slice(first, first + rows)
        own = repeat_seeds(seeds[part], n)
        logits = logits_of(part, normals(own, NOISE, logits_of.size).reshape(-1, n, logits_of.size))
        found[part] = choose(logits, uniforms(own, CHOICE, 1)[:, 0]).reshape(-1, n)
    return found


def _one_covariance(mixture: GaussianMixture) -> bool:
    if mixture.covariance_type == "tied":
        return True
    covariances = np.asarray(mixture.covariances)
    return bool((covariances == covariances[:1]).all()) and mixture.covariance_type != "full"


class _Linear:
    """Logits of Gaussians of one covariance: linear in `Y`, so that few numbers tell all about its noise.

    With `P = (a^2 Sigma + s^2 I)^{-1}` and offsets `d_j` from the mixture's mean m, the logit of j is
    `a <Y - a m, P d_j> - a^2 <d_j, P d_j> / 2 + ln w_j` up to what all components share.
    """

    def __init__(self, mixture: GaussianMixture, points: np.ndarray, time: float):
        a, s2 = signal(time), noise_variance(time)
        values = np.asarray(mixture.eigenvalues, np.float64)
        values = values if mixture.covariance_type == "tied" else values[0]
        turned, basis = np.asarray(mixture.component_offsets), mixture.eigenvectors
        gaps = points - np.asarray(mixture.centre)
        if mixture.covariance_type == "tied":
            turned, gaps = turned @ np.asarray(basis), gaps @ np.asarray(basis)
        pulls = a * turned / (a**2 * values + s2)  # (K, d)
        self._clean = a * gaps @ pulls.T - 0.5 * a * (turned * pulls).sum(-1) + np.log(np.asarray(mixture.weights))
        left, sizes, _ = np.linalg.svd(pulls, full_matrices=False)
        rank = max(1, int((sizes > 1e-13 * max(sizes[0], 1e-300)).sum()))
        # <s Z, pull_j> for all j at once: Z matters through its coordinates in the span alone.
        self._spread = np.sqrt(s2) * (left[:, :rank] * sizes[:rank]).T
        self.size = rank

    def __call__(self, part: slice, z: np.ndarray) -> np.ndarray:
        return (self._clean[part][:, None] + z @ self._spread).reshape(-1, self._clean.shape[1])


class _Full:
    """Logits of any mixture, from noised points."""

    def __init__(self, mixture: Mixture, points: np.ndarray, time: float):
        self._signal, self._scale = signal(time) * points, np.sqrt(noise_variance(time))
        self._noised, self._log_weights = mixture.at(time), np.log(np.asarray(mixture.weights))
        self.size, self._rows = mixture.dim, 0

    def __call__(self, part: slice, z: np.ndarray) -> np.ndarray:
        y = (self._signal[part][:, None] + self._scale * z).reshape(-1, self.size)
        rows, self._rows = len(y), max(len(y), self._rows)
        # The last part is padded to the size of the others: one shape, compiled once.
        logs = self._noised.log_prob_components(np.resize(y, (self._rows, self.size)))
        return np.asarray(logs, np.float64)[:rows] + self._log_weights
