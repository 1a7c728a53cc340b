"""Mixtures of log-concave components: one interface for all kinds, and for kinds mixed."""

import jax
import numpy as np
import pytest
from scipy import integrate

import critwin_widgets as cw
from critwin_widgets.engine import LogConcaveMixture, overlap
from critwin_widgets.engine.components import (
    Gaussian,
    Product,
    TruncatedNormal,
    Unspecified,
)
from critwin_widgets.engine.separation import stored
from tests.mixtures import mixed_mixture, random_mixture


@pytest.fixture(scope="module")
def mixture() -> LogConcaveMixture:
    return mixed_mixture()


@pytest.mark.parametrize("kind", ["spherical", "full"])
def test_gaussian_components_are_a_gaussian_mixture(kind):
    plain = random_mixture(kind)
    same = LogConcaveMixture(
        [Gaussian(m, c) for m, c in zip(plain.means, np.asarray(plain.covariances), strict=True)], plain.weights
    )
    x = 4 * np.random.default_rng(1).normal(size=(30, 3))
    for t in (0.0, 0.6):
        one, other = same.at(t), plain.at(t)
        np.testing.assert_allclose(one.log_prob(x), other.log_prob(x), rtol=1e-5, atol=1e-4)
        np.testing.assert_allclose(one.log_prob(x, [1, 2]), other.log_prob(x, [1, 2]), rtol=1e-5, atol=1e-4)
        np.testing.assert_allclose(one.score(x, [0, 3]), other.score(x, [0, 3]), rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(one.posterior(x), other.posterior(x), atol=1e-4)
        np.testing.assert_allclose(one.component_means, other.component_means)
        np.testing.assert_allclose(one.component_offsets, other.component_offsets, atol=1e-12)
        np.testing.assert_allclose(one.concavity, other.concavity)
        assert one.variance_range == pytest.approx(other.variance_range)
    times = np.array([0.1, 0.8])
    found, known = (overlap(m, [0, 1], [2, 3], times, method="estimated", n=2048) for m in (same, plain))
    error = np.hypot(found.high - found.low, known.high - known.low) / 3.92
    assert (np.abs(found.value - known.value) < 4 * error).all()


@pytest.mark.parametrize("t", [0.05, 1.0])
def test_densities_integrate_to_one_and_scores_are_their_gradients(t):
    noised = mixed_mixture(1).at(t)
    grid = np.linspace(-25, 25, 40_001)
    densities = np.exp(np.asarray(noised.log_prob_components(grid[:, None]), np.float64))
    np.testing.assert_allclose(integrate.simpson(densities, grid, axis=0), 1.0, atol=2e-5)
    places = np.linspace(-4, 4, 9)
    with jax.enable_x64(True):
        steps = [np.asarray(noised.log_prob((places + h)[:, None])) for h in (-1e-5, 1e-5)]
        np.testing.assert_allclose(noised.score(places[:, None])[:, 0], (steps[1] - steps[0]) / 2e-5, atol=1e-4)


def test_noising_is_a_semigroup(mixture):
    x = 3 * np.random.default_rng(0).normal(size=(10, 2))
    twice, once = mixture.at(0.3).at(0.5), mixture.at(0.8)
    np.testing.assert_allclose(twice.log_prob(x), once.log_prob(x), rtol=1e-6)
    np.testing.assert_allclose(twice.component_means, once.component_means)
    gaussian = -0.5 * (x**2).sum(-1) - np.log(2 * np.pi)
    np.testing.assert_allclose(mixture.at(16.0).log_prob(x), gaussian, atol=1e-5)
    # alpha, and the range of variances, are those of the noised laws.
    assert (once.concavity < 1 / (np.exp(-1.6) / mixture.concavity + 1 - np.exp(-1.6)) * (1 + 1e-9)).all()
    assert once.variance_range[0] <= once.variance_range[1]


@pytest.mark.parametrize("elapsed", [0.0, 0.4])
def test_noising_then_denoising_keeps_every_component(mixture, elapsed):
    start, t, n = mixture.at(elapsed), 0.7, 4000
    x, which = start.sample(0, n, return_components=True)
    x, which = np.asarray(x, np.float64), np.asarray(which)
    y = np.exp(-t) * x + np.sqrt(-np.expm1(-2 * t)) * np.random.default_rng(3).normal(size=x.shape)
    back = np.asarray(start.denoise_components(1, y, which, t), np.float64)
    for k in range(4):
        own = which == k
        assert abs(own.mean() - mixture.weights[k]) < 5 * np.sqrt(mixture.weights[k] / n)
        for points in (x[own], back[own]):
            error = np.sqrt(points.var(0) / own.sum())
            assert (np.abs(points.mean(0) - start.component_means[k]) < 5 * error).all()
        # X and X' are exchangeable.
        gap = x[own] ** 2 * back[own] - back[own] ** 2 * x[own]
        assert (np.abs(gap.mean(0)) < 5 * gap.std(0) / np.sqrt(own.sum())).all()
        # Given y, X' does not know X: its mean error is that of the posterior.
        assert (np.abs((x[own] - back[own]).mean(0)) < 5 * (x[own] - back[own]).std(0) / np.sqrt(own.sum())).all()


def test_subsets_labels_and_seeds(mixture):
    x = np.random.default_rng(0).normal(size=(6, 2)) + 2
    part = mixture.at(0.2).subset_mixture(["edges", "bell"])
    np.testing.assert_allclose(part.weights, [0.25, 0.75])
    np.testing.assert_allclose(mixture.at(0.2).log_prob(x, ["edges", "bell"]), part.log_prob(x), rtol=1e-5)
    assert part.features == {"round": ("no", "yes")}
    np.testing.assert_array_equal(mixture.sample(7, 10), mixture.sample(jax.random.key(7), 10))
    only = mixture.sample(0, 50, "bell", return_components=True)[1]
    assert (np.asarray(only) == 2).all()
    assert cw.components.Product is Product


def test_components_a_million_apart_keep_their_digits():
    near = LogConcaveMixture([Product([TruncatedNormal(m, 1.0, m - 1, m + 2)]) for m in (0.0, 1.5)])
    far = LogConcaveMixture([Product([TruncatedNormal(m, 1.0, m - 1, m + 2)]) for m in (1e6, 1e6 + 1.5)])
    ratios = [stored.log_ratios(m, np.array([0.0, 0.3]), 500, jax.random.key(0)) for m in (near, far)]
    finite = np.isfinite(ratios[0])
    assert (finite == np.isfinite(ratios[1])).all()
    np.testing.assert_allclose(ratios[0][finite], ratios[1][finite], atol=1e-4)


def test_errors_of_densities_bound_what_they_move():
    rng = np.random.default_rng(0)
    log_p, log_q = rng.normal(size=(2, 5000)) * 3
    for error in (1e-6, 0.01, 0.3, 2.0):
        moved = [x + error * rng.choice([-1, 1], size=5000) for x in (log_p, log_q)]
        mean, other = (np.mean(2 / (1 + np.exp(np.abs(a - b)))) for a, b in ((log_p, log_q), moved))
        assert abs(mean - other) <= stored.overlap_shift(np.array(other), np.array(error)) * (1 + 1e-9)
        mean, other = (np.mean(1 / (1 + np.exp(a - b))) for a, b in ((log_p, log_q), moved))
        assert abs(mean - other) <= stored.return_shift(np.array(other), np.array(error)) * (1 + 1e-9)


def test_ratios_that_do_not_fit_are_refused_before_they_are_made(mixture):
    with pytest.raises(MemoryError, match=r"log-density ratios of 100000000000 draws .* GiB"):
        stored.log_ratios(mixture, np.linspace(0, 1, 97), 10**11, jax.random.key(0))


BAD = [
    (lambda c: LogConcaveMixture([]), ValueError, "components is empty"),
    (lambda c: LogConcaveMixture(c), TypeError, "components must be a sequence of Components, not Gaussian"),
    (lambda c: LogConcaveMixture([c, 1.0]), TypeError, r"components\[1\] is a float, not a Component"),
    (lambda c: LogConcaveMixture([c, Gaussian([0.0], 1.0)]), ValueError, r"components\[1\] has 1 dimensions"),
    (lambda c: LogConcaveMixture([c, c], [0.5, 0.6]), ValueError, "weights sum to 1.1, not 1"),
    (lambda c: LogConcaveMixture([c, c], [np.nan, 1.0]), ValueError, r"weights\[0\] is .*nan"),
    (lambda c: LogConcaveMixture([c, c], labels=["a", "a"]), ValueError, "'a' occurs 2 times"),
    (lambda c: LogConcaveMixture([c, c], features={"f": ["x"]}), ValueError, "one value per component"),
    (lambda c: LogConcaveMixture([c, c], image_shape=(3, 3)), ValueError, "product 2"),
    (lambda c: LogConcaveMixture([c]).at(-1.0), ValueError, "t must be finite and not negative"),
    (lambda c: LogConcaveMixture([c]).at([0.1, 0.2]), ValueError, "one OU time"),
    (lambda c: LogConcaveMixture([c]).log_prob(np.zeros((5, 3))), ValueError, "last axis of length 2"),
    (lambda c: LogConcaveMixture([c]).log_prob(np.zeros((5, 2)), [3]), ValueError, "index 3"),
    (lambda c: LogConcaveMixture([c]).sample(0, 0), ValueError, "n must be an integer of at least 1"),
    (lambda c: LogConcaveMixture([c]).sample("seed", 3), TypeError, "key must be"),
]


@pytest.mark.parametrize(("make", "error", "message"), BAD)
def test_bad_input_is_named(make, error, message):
    with pytest.raises(error, match=message):
        make(Gaussian([0.0, 0.0], 1.0))


def test_certified_brackets_need_no_density():
    unknown = LogConcaveMixture([Unspecified([x, 0.0], 1.0) for x in (-9.0, -8.5, 9.0)])
    found = overlap(unknown, [0, 1], [2], 0.5, method="certified")
    assert 0 <= found.low < found.high < 0.01
    assert cw.start_time(unknown, [0, 1], 0.3, method="certified").exists
    with pytest.raises(ValueError, match="method='certified'"):
        overlap(unknown, [0, 1], [2], 0.5, method="estimated")
