"""Denoising one component of a Gaussian mixture: its posterior's moments, and that it keeps the component's law."""

import numpy as np
import pytest
from scipy import stats

from critwin_widgets.engine import GaussianMixture
from critwin_widgets.engine.processes import noise_variance, signal
from tests.mixtures import random_mixture

TYPES = ("spherical", "diag", "tied", "full")
T, N = 0.6, 5000


def covariance_of(mixture: GaussianMixture, k: int) -> np.ndarray:
    """Return the covariance matrix of component k, whatever the type."""
    eye = np.eye(mixture.dim)
    return {
        "spherical": lambda c: c[k] * eye,
        "diag": lambda c: np.diag(c[k]),
        "tied": lambda c: c,
        "full": lambda c: c[k],
    }[mixture.covariance_type](np.asarray(mixture.covariances))


def posterior(mixture: GaussianMixture, k: int, y: np.ndarray, t: float) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and covariance of `X | Y_t = y` for component k by conditioning the joint Gaussian of `(X, Y)`."""
    sigma, mu = covariance_of(mixture, k), np.asarray(mixture.means)[k]
    a = signal(t)
    gain = a * sigma @ np.linalg.inv(a**2 * sigma + noise_variance(t) * np.eye(mixture.dim))
    return mu + gain @ (y - a * mu), sigma - a * gain @ sigma


@pytest.mark.parametrize("kind", TYPES)
def test_posteriors_have_the_closed_forms_moments(kind):
    mixture = random_mixture(kind, count=3)
    y = np.array([0.7, -1.2, 0.4])
    which = np.repeat(np.arange(3), N)
    x = np.asarray(mixture.denoise_components(1, np.tile(y, (3 * N, 1)), which, T), np.float64)
    for k in range(3):
        drawn = x[which == k]
        mean, covariance = posterior(mixture, k, y, T)
        # Whitened draws are standard normal: mean 0 within 1/sqrt(n), covariance I within sqrt(2/n) and 1/sqrt(n).
        white = np.linalg.solve(np.linalg.cholesky(covariance), (drawn - mean).T)
        assert np.abs(white.mean(1)).max() < 4.5 / np.sqrt(N)
        assert np.abs(white @ white.T / N - np.eye(3)).max() < 4.5 * np.sqrt(2 / N)
        for row in white:
            assert stats.kstest(row, "norm").pvalue > 1e-4


@pytest.mark.parametrize("kind", TYPES)
def test_noise_and_denoising_keep_each_component(kind):
    mixture = random_mixture(kind, count=3)
    rng = np.random.default_rng(5)
    which = np.repeat(np.arange(3), N)
    roots = [np.linalg.cholesky(covariance_of(mixture, k)) for k in range(3)]
    x = np.concatenate([np.asarray(mixture.means)[k] + rng.normal(size=(N, 3)) @ roots[k].T for k in range(3)])
    for t in (1e-3, T, 4.0):
        y = signal(t) * x + np.sqrt(noise_variance(t)) * rng.normal(size=x.shape)
        back = np.asarray(mixture.denoise_components(2, y, which, t), np.float64)
        for k in range(3):
            white = np.linalg.solve(roots[k], (back[which == k] - np.asarray(mixture.means)[k]).T)
            for row in white:
                assert stats.kstest(row, "norm").pvalue > 1e-4
            assert np.abs(np.corrcoef(white)[np.triu_indices(3, 1)]).max() < 4.5 / np.sqrt(N)
        # Little noise moves little: start and return have the covariance that conditioning says.
        gap = np.linalg.norm(back - x, axis=1)
        expected = [2 * np.trace(posterior(mixture, k, x[0], t)[1]) for k in range(3)]
        for k in range(3):
            squared = gap[which == k] ** 2
            assert abs(squared.mean() - expected[k]) < 4.5 * squared.std() / np.sqrt(N)


@pytest.mark.parametrize("kind", TYPES)
def test_the_ends_of_time_are_exact(kind):
    mixture = random_mixture(kind, count=3)
    y = np.random.default_rng(0).normal(size=(30, 3))
    which = np.arange(30) % 3
    np.testing.assert_allclose(mixture.denoise_components(0, y, which, 0.0), y, atol=1e-5)
    late = np.asarray(mixture.denoise_components(0, y, which, 500.0))
    np.testing.assert_allclose(late, mixture.denoise_components(0, -y, which, 500.0), atol=1e-5)
    assert np.isfinite(late).all()
