"""Product-form and Gaussian components: densities, exact draws, exact posteriors, distances."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from critwin_widgets.engine.components import (
    Component,
    Gaussian,
    GeneralisedNormalTimesNormal,
    LogisticTimesNormal,
    Normal,
    Product,
    TruncatedNormal,
    Unspecified,
)
from critwin_widgets.engine.components.factor import TRANSPORT_GRID

FACTORS = (
    TruncatedNormal(0.3, 1.0, -1.0, 2.0),
    LogisticTimesNormal(0.0, 0.1, 1.0, 1.0),
    GeneralisedNormalTimesNormal(0.0, 1.0, 1.5, 0.5, 3.0),
    GeneralisedNormalTimesNormal(0.0, 0.1, 8.0, 0.05, 10.0),
)
ROTATION = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
CENTRE = np.array([3.0, -1.0, 0.0, 5.0])
N = 3000


@pytest.fixture(scope="module")
def product() -> Product:
    return Product(FACTORS, ROTATION, CENTRE)


@pytest.fixture(scope="module")
def points(product) -> np.ndarray:
    return np.asarray(product.sample(jax.random.key(0), N), np.float64)


def noised(points: np.ndarray, t: float, seed: int = 1) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=points.shape)
    return np.exp(-t) * points + np.sqrt(-np.expm1(-2 * t)) * noise


def follows(coordinates: np.ndarray, factor) -> bool:
    """Kolmogorov-Smirnov test of draws against a factor at the level 1e-4."""
    places = factor.mean + np.sqrt(factor.variance) * factor.standard[0].transport
    found = stats.kstest(coordinates, lambda x: stats.norm.cdf(np.interp(x, places, TRANSPORT_GRID)))
    return found.pvalue > 1e-4


@pytest.mark.parametrize("t", [0.0, 1e-4, 0.3, 15.0])
def test_the_density_is_the_product_of_the_factors(product, points, t):
    y = noised(points[:200], t)
    turned = (y - np.exp(-t) * CENTRE) @ ROTATION
    if t == 0:  # a draw on the edge may leave the support by its rounding
        turned = np.clip(turned, *np.array([f.extent for f in FACTORS]).T)
    exact = sum(f.log_prob(turned[:, j], t) for j, f in enumerate(FACTORS))
    np.testing.assert_allclose(product.log_prob(y, t), exact, atol=4e-5)
    with jax.enable_x64(True):
        np.testing.assert_allclose(product.log_prob(y, t), exact, atol=max(1e-6, 2 * product.log_prob_error(t)))


def test_the_score_is_the_gradient(product, points):
    y = jnp.asarray(noised(points[:20], 0.3), jnp.float32)
    gradient = jax.vmap(jax.grad(lambda x: product.log_prob(x, 0.3)))(y)
    np.testing.assert_allclose(product.score(y, 0.3), gradient, rtol=1e-3, atol=1e-3)


def test_draws_follow_every_factor(product, points):
    turned = (points - CENTRE) @ ROTATION
    for j, factor in enumerate(FACTORS):
        assert follows(turned[:, j], factor)
    correlation = np.corrcoef(turned.T) - np.eye(4)
    assert np.abs(correlation).max() < 5 / np.sqrt(N)
    error = np.sqrt(np.diag(np.cov(points.T)) / N)
    assert (np.abs(points.mean(0) - product.mean) < 5 * error).all()


@pytest.mark.parametrize("t", [1e-4, 0.1, 1.0, 20.0])
def test_noising_then_denoising_leaves_the_law(product, points, t):
    back = np.asarray(product.denoise(jax.random.key(2), noised(points, t), t), np.float64)
    turned = (back - CENTRE) @ ROTATION
    for j, factor in enumerate(FACTORS):
        assert follows(turned[:, j], factor)
    # Detailed balance: (X, X') and (X', X) have one law, so functions of both have symmetric means.
    before = (points - CENTRE) @ ROTATION
    gap = before**2 * turned - turned**2 * before
    assert (np.abs(gap.mean(0)) < 5 * gap.std(0) / np.sqrt(N) + 1e-6).all()


def test_a_posterior_of_a_truncated_normal_is_scipys():
    one = Product([TruncatedNormal(0.3, 1.0, -1.0, 2.0)])
    t, y = 0.8, 1.4
    drawn = np.asarray(one.denoise(jax.random.key(3), np.full((5000, 1), y), t))[:, 0]
    a, s2 = np.exp(-t), -np.expm1(-2 * t)
    spread = 1 / (1 + a**2 / s2)
    mean = spread * (0.3 + a * y / s2)
    law = stats.truncnorm((-1 - mean) / np.sqrt(spread), (2 - mean) / np.sqrt(spread), mean, np.sqrt(spread))
    assert stats.kstest(drawn, law.cdf).pvalue > 1e-4


def test_far_observations_are_denoised_to_the_edge():
    one = Product([TruncatedNormal(0.0, 1.0, -1.0, 2.0)])
    drawn = np.asarray(one.denoise(jax.random.key(0), np.full((50, 1), 1e4), 0.1))
    assert np.isfinite(drawn).all()
    np.testing.assert_allclose(drawn, 2.0, atol=1e-3)


def test_a_common_offset_of_a_million_costs_no_digits(product, points):
    far = Product(FACTORS, ROTATION, CENTRE + 1e6)
    y = noised(points[:50], 0.2)
    np.testing.assert_allclose(far.log_prob(y + np.exp(-0.2) * 1e6, 0.2), product.log_prob(y, 0.2), atol=1e-4)


def test_a_product_of_normals_is_a_gaussian():
    scales = np.array([0.5, 1.0, 2.0])
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    product = Product([Normal(0.0, s) for s in scales], turn, [1.0, 2.0, 3.0])
    gaussian = Gaussian([1.0, 2.0, 3.0], turn @ np.diag(scales**2) @ turn.T)
    y = 3 * np.random.default_rng(4).normal(size=(40, 3))
    for t in (0.0, 0.5, 3.0):
        np.testing.assert_allclose(product.log_prob(y, t), gaussian.log_prob(y, t), rtol=2e-6, atol=2e-5)
        np.testing.assert_allclose(product.score(y, t), gaussian.score(y, t), rtol=1e-4, atol=1e-4)
    assert product.concavity == pytest.approx(gaussian.concavity)
    assert product.variance_range == pytest.approx(gaussian.variance_range)
    assert product.wasserstein(gaussian) < 0.01


def test_distances_between_laws():
    one, wide = Gaussian([0.0, 0.0], 1.0), Gaussian([3.0, 4.0], [4.0, 9.0])
    # Commuting covariances: |mu - nu|^2 + sum (sigma_i - tau_i)^2.
    assert one.wasserstein(wide) == pytest.approx(np.sqrt(25 + 1 + 4), rel=1e-6)
    a = Product([TruncatedNormal(0.0, 1.0, -1.0, 1.0)] * 2)
    moved = Product([TruncatedNormal(5.0, 1.0, 4.0, 6.0)] * 2)
    assert a.wasserstein(moved) == pytest.approx(np.sqrt(50), rel=1e-9)
    assert a.wasserstein(Product(a.factors, [[0.6, 0.8], [-0.8, 0.6]])) == np.inf
    # A uniform law on [-1, 1] against its normal twin, by quantiles.
    flat = Product([TruncatedNormal(0.0, 1e3, -1.0, 1.0)])
    u = (np.arange(20000) + 0.5) / 20000
    exact = np.sqrt(np.mean((2 * u - 1 - stats.norm.ppf(u) / np.sqrt(3)) ** 2))
    assert flat.wasserstein(Gaussian(0.0, 1 / 3)) == pytest.approx(exact, rel=2e-3)


BAD = [
    (lambda: Product([]), ValueError, "factors is empty"),
    (lambda: Product(Normal(0.0, 1.0)), TypeError, "factors must be a sequence of Factors"),
    (lambda: Product([Normal(0.0, 1.0), 1.0]), TypeError, r"factors\[1\] is a float, not a Factor"),
    (lambda: Product([Normal(0.0, 1.0)] * 2, np.ones((2, 2))), ValueError, "rotation must be orthogonal"),
    (lambda: Product([Normal(0.0, 1.0)] * 2, np.eye(3)), ValueError, r"rotation must have shape \(2, 2\)"),
    (lambda: Product([Normal(0.0, 1.0)] * 2, [[np.nan, 0], [0, 1]]), ValueError, r"rotation\[0, 0\] is nan"),
    (lambda: Product([Normal(0.0, 1.0)] * 2, None, [0.0]), ValueError, r"one entry per factor \(2\)"),
    (lambda: Product([Normal(0.0, 1.0)], None, [np.inf]), ValueError, r"centre\[0\] is inf"),
    (lambda: Gaussian([0.0, 0.0], [1.0]), ValueError, r"not shape \(1,\)"),
    (lambda: Gaussian([0.0, 0.0], 0.0), ValueError, "must be positive variances"),
    (lambda: Gaussian([0.0, 0.0], [[1.0, 2.0], [2.0, 1.0]]), ValueError, "not positive definite"),
    (lambda: Gaussian([np.nan], 1.0), ValueError, r"mean\[0\] is nan"),
    (lambda: Unspecified([0.0], 0.0), ValueError, "concavity must be positive"),
    (lambda: Unspecified([0.0], np.inf), ValueError, "concavity must be finite"),
    (lambda: Unspecified([], 1.0), ValueError, "at least one entry"),
]


@pytest.mark.parametrize(("make", "error", "message"), BAD)
def test_bad_input_is_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_bad_points_and_times_are_named(product):
    with pytest.raises(ValueError, match=r"last axis of length 4, not shape \(2, 3\)"):
        product.log_prob(np.zeros((2, 3)))
    for bad in (-1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="t must be finite and not negative"):
            product.score(np.zeros((2, 4)), bad)
        with pytest.raises(ValueError, match="t must be finite and not negative"):
            product.denoise(jax.random.key(0), np.zeros((2, 4)), bad)


def test_a_component_without_a_density_says_so():
    component: Component = Unspecified([0.0], 2.0)
    for ask in (
        lambda: component.log_prob([[0.0]]),
        lambda: component.score([[0.0]]),
        lambda: component.sample(jax.random.key(0), 1),
        lambda: component.denoise(jax.random.key(0), [[0.0]], 0.1),
    ):
        with pytest.raises(ValueError, match="known by mean and concavity alone"):
            ask()
