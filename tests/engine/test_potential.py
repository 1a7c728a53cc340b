"""Components known by a log-density alone, against quadrature, Gaussians, `Product` and the noising process."""

import builtins

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import ks_2samp, kstest, multivariate_normal, norm

from critwin_widgets.engine import count_compilations
from critwin_widgets.engine.components import LogDensity, Potential, Product
from critwin_widgets.engine.components._mixing import effective_size, split_r_hat
from critwin_widgets.engine.components._nuts import SamplingError, SamplingWarning, diagnose
from tests.engine.potentials import Rotated, gradient, noised_points

TIMES = (0.02, 0.2, 0.7, 2.0)
FEW = {"draws": 300, "chains": 4}
# Dimension and (alpha, peak, skew): near a Gaussian, with long tails, skewed.
CASES = {
    "line, skewed": (1, (0.5, 0.0, 2.0)),
    "plane, long tails": (2, (0.2, 0.5, 0.0)),
    "plane, skewed": (2, (0.3, 0.1, 1.0)),
    "five, both": (5, (0.5, 0.2, 0.5)),
    "twenty, skewed": (20, (0.5, 0.1, 0.5)),
}
ALONG = np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])


@pytest.fixture(scope="module")
def made():
    """Each potential of `CASES`, made once."""
    found = {}

    def make(name: str) -> tuple[Potential, Rotated]:
        if name not in found:
            dim, shape = CASES[name]
            law = Rotated.make(dim, *shape)
            found[name] = Potential(law, shape[0], dim, seed=1, **FEW), law
        return found[name]

    return make


@pytest.fixture(scope="module")
def gaussian():
    """A Gaussian in the plane: the potential, its mean and its covariance."""
    law = Rotated.make(2, 0.4, 0.0, 0.0)
    return Potential(law, 0.4, 2, seed=1, **FEW), law.shift, np.eye(2) / 0.4


@pytest.mark.parametrize("name", CASES)
def test_noised_densities_and_scores_lie_inside_their_errors(made, name):
    potential, law = made(name)
    sharp = [0.0]
    for t in TIMES:
        y = noised_points(law, t)
        value, score = law.noised(y, t)
        found = np.asarray(potential.log_prob(y, t), np.float64)
        assert np.sqrt(np.mean((found - value) ** 2)) < 2 * potential.log_prob_error(t)
        assert potential.log_prob_error(t) < (1.0 if potential.dim == 20 else 0.1)  # stated errors are of use
        if potential.dim in (2, 5):
            errors = np.abs(np.asarray(potential.score(y, t)) - score)
            assert np.sqrt(np.mean(errors**2)) < 1.5 * potential.score_error(t) + 1e-5
            sharp.append(potential.score_error(t) / np.sqrt(np.mean(score**2)))
    assert max(sharp) < 0.1


def test_stated_errors_cover_the_truth_over_seeds(made):
    _, law = made("plane, skewed")
    points = {t: noised_points(law, t) for t in TIMES}
    inside, shares, exact = [], [], 3.0 + law.log_mass()
    for seed in range(2, 18):
        potential = Potential(law, 0.3, 2, seed=seed, **FEW)
        shares.append((potential.log_normaliser - exact) / potential.log_normaliser_error)
        inside.append([])
        for t, y in points.items():
            found, half = (np.asarray(part, np.float64) for part in potential.log_prob_with_error(y, t))
            inside[-1].append(np.mean(np.abs(found - law.noised(y, t)[0]) <= half))
    # All points of a seed share one normaliser and one set of integration points: seeds count, not points.
    # Of 16 seeds at 95 %, more than 3 fail with probability 0.7 %.
    assert (np.array(inside) < 0.5).sum(0).max() <= 3
    assert (np.abs(shares) > 2.3646).sum() <= 3
    assert np.mean(inside) > 0.85
    # Nor are the intervals idle: a 95 % interval for a standard deviation of 1 from 16 values.
    assert 0.6 < np.sqrt(np.mean(np.square(shares))) < 1.6


def test_a_gaussian_potential_is_known_to_rounding(gaussian):
    potential, mean, covariance = gaussian
    np.testing.assert_allclose(potential.mean, mean, atol=1e-4)
    np.testing.assert_allclose(potential.covariance, covariance, atol=0.05)
    np.testing.assert_allclose(potential.variance_range, np.linalg.eigvalsh(covariance)[[0, -1]], rtol=0.03)
    normaliser = 3.0 + 0.5 * np.linalg.slogdet(2 * np.pi * covariance)[1]
    assert potential.log_normaliser == pytest.approx(normaliser, abs=1e-5)
    for t in (0.0, 1e-4, 0.3, 3.0, 20.0):
        a = np.exp(-t)
        law = multivariate_normal(a * mean, a**2 * covariance + (1 - a**2) * np.eye(2))
        y = law.rvs(64, random_state=3)
        np.testing.assert_allclose(potential.log_prob(y, t), law.logpdf(y), atol=2e-4)
        assert potential.log_prob_error(t) < 2e-4
        exact = -np.linalg.solve(law.cov, (y - law.mean).T).T
        np.testing.assert_allclose(potential.score(y, t), exact, atol=1e-3, rtol=1e-3)


def test_a_rotated_product_gives_the_same_laws(made):
    potential, law = made("five, both")

    def along(u):
        cosh = np.logaddexp(u, -u)
        return -0.25 * u**2 - 0.8 * cosh - 0.5 * np.logaddexp(0.0, 3.0 * u)

    product = Product([LogDensity(along, 0.5)] * 5, rotation=law.rotation.T, centre=law.shift)
    error = 4 * np.sqrt(np.trace(potential.covariance) / potential.diagnostics.effective_size)
    assert np.linalg.norm(potential.mean - product.mean) < error
    assert np.linalg.norm(potential.mean - product.mean) < 2 * potential.mean_error
    np.testing.assert_allclose(potential.variance_range, product.variance_range, rtol=0.1)
    for t in (0.0, 0.3):
        y = noised_points(law, t)
        gap = np.asarray(potential.log_prob(y, t)) - np.asarray(product.log_prob(y, t))
        assert np.sqrt(np.mean(gap**2)) < 2 * potential.log_prob_error(t)


def test_far_points_have_finite_densities_and_scores(made):
    potential, law = made("plane, long tails")
    y = np.array([[300.0, 0.0], [0.0, -1000.0]])
    for t in (0.0, 0.1, 1.0, 5.0):
        logs, scores = np.asarray(potential.log_prob(y, t)), np.asarray(potential.score(y, t))
        assert np.isfinite(logs).all()
        assert (logs < -1000).all()
        assert ((scores * y).sum(-1) < 0).all()
    # Far out, the density is a Gaussian times a pure exponential, which noise keeps.
    value, _ = law.noised(np.array([[9.0, 0.0]]), 0.2)
    np.testing.assert_allclose(potential.log_prob([[9.0, 0.0]], 0.2), value, atol=0.02)


def test_densities_are_traced_and_differentiated_like_any_function(gaussian):
    potential, _, _ = gaussian
    y = np.asarray(potential.sample(1, 5))

    @eqx.filter_jit
    def compiled(p, x, t):
        return jax.value_and_grad(lambda x: (p.log_prob(x, t).sum(), p.log_prob(x, t)), has_aux=True)(x)

    (_, values), slopes = compiled(potential, jnp.asarray(y), jnp.float32(0.3))
    np.testing.assert_allclose(values, potential.log_prob(y, 0.3), atol=1e-4)
    np.testing.assert_allclose(slopes, potential.score(y, 0.3), atol=1e-3)


def test_the_score_is_the_gradient_of_the_log_density(made):
    potential, law = made("plane, skewed")
    y = noised_points(law, 0.4, 8)
    slope = gradient(lambda x: potential.log_prob(x, 0.4), y)
    # Two estimates of one gradient from the same points.
    np.testing.assert_allclose(slope, potential.score(y, 0.4), atol=5 * potential.score_error(0.4) + 1e-3)
    assert potential.log_prob(y[0], 0.4).shape == ()
    assert potential.score(y.reshape(2, 4, 2), 0.4).shape == (2, 4, 2)
    assert potential.log_prob(np.zeros((0, 2)), 0.4).shape == (0,)


def test_the_chains_describe_the_density(made):
    for name in ("plane, long tails", "five, both"):
        potential, law = made(name)
        found = potential.diagnostics
        assert found.r_hat < 1.05
        assert found.effective_size > 100
        assert potential.draws.shape == (4, 300, potential.dim)
        exact = law.draw(200_000, 3)
        error = 4 * np.sqrt(np.diag(np.cov(exact.T)) / found.effective_size)
        assert (np.abs(potential.draws.mean((0, 1)) - exact.mean(0)) < error).all()
        assert (np.abs(potential.mean - exact.mean(0)) < error).all()
        np.testing.assert_allclose(potential.covariance, np.cov(exact.T), atol=0.1 * np.diag(np.cov(exact.T)).max())
        assert potential.variance_range[1] <= 1 / potential.concavity


def test_samples_follow_the_density(made):
    potential, law = made("plane, skewed")
    x, exact = np.asarray(potential.sample(3, 4000)), law.draw(4000, 4)
    for along in ALONG:
        assert ks_2samp(x @ along, exact @ along).pvalue > 1e-3
    # More points than the chains hold, and no two alike.
    assert len(np.unique(x, axis=0)) == len(x)
    assert abs(np.corrcoef(x[:-1, 0], x[1:, 0])[0, 1]) < 5 / np.sqrt(len(x))


def test_noise_then_denoise_leaves_the_law_as_it_is(made):
    potential, law = made("plane, skewed")
    exact = law.draw(4000, 5)
    for t in (0.05, 0.6):
        y = np.exp(-t) * exact + np.sqrt(-np.expm1(-2 * t)) * np.random.default_rng(6).normal(size=exact.shape)
        x = np.asarray(potential.denoise(7, y, t))
        for along in ALONG:
            assert ks_2samp(x @ along, law.draw(4000, 8) @ along).pvalue > 1e-3
    np.testing.assert_allclose(potential.denoise(0, y[:10], 0.0), y[:10], rtol=1e-5)


def test_denoising_draws_from_the_posterior(gaussian):
    potential, mean, covariance = gaussian
    t = 0.5
    a, s2 = np.exp(-t), 1 - np.exp(-2 * t)
    y = np.exp(-t) * mean + np.array([0.5, -1.0])
    exact = np.linalg.inv(np.linalg.inv(covariance) + a**2 / s2 * np.eye(2))
    middle = exact @ (np.linalg.solve(covariance, mean) + a * y / s2)
    x = np.asarray(potential.denoise(2, np.tile(y, (2000, 1)), t), np.float64)
    whitened = np.linalg.solve(np.linalg.cholesky(exact), (x - middle).T)
    for row in whitened:
        assert kstest(row, norm.cdf).pvalue > 1e-3
    assert np.abs(np.corrcoef(whitened) - np.eye(2)).max() < 5 / np.sqrt(2000)


def test_the_same_seed_gives_the_same_results_bit_for_bit(made):
    first, law = made("plane, skewed")
    again = Potential(law, first.concavity, 2, seed=1, **FEW)
    np.testing.assert_array_equal(first.draws, again.draws)
    np.testing.assert_array_equal(first.sample(5, 20), again.sample(jax.random.key(5), 20))
    y = first.sample(6, 20)
    np.testing.assert_array_equal(first.log_prob(y, 0.3), again.log_prob(y, 0.3))
    np.testing.assert_array_equal(first.denoise(5, y, 0.3), again.denoise(5, y, 0.3))
    # With a key for each row, what a row draws goes with its key, wherever it stands.
    keys = jax.random.split(jax.random.key(3), 20)
    np.testing.assert_allclose(first.denoise(keys, y, 0.3)[::-1], first.denoise(keys[::-1], y[::-1], 0.3), rtol=1e-6)
    other = Potential(law, first.concavity, 2, seed=2, **FEW)
    assert not np.array_equal(first.draws, other.draws)


def test_another_seed_or_parameters_compile_nothing(made):
    first, law = made("plane, skewed")
    y = noised_points(law, 0.3)
    first.score(first.sample(0, 5), 0.3)
    first.denoise(0, y, 0.3)
    with count_compilations() as compiled:
        other = Potential(Rotated.make(2, 0.6, 0.0, 0.3, seed=5), 0.6, 2, seed=7, **FEW)
        other.log_prob(y, 0.4)
        other.score(other.sample(3, 5), 0.1)
        other.denoise(4, y, 1.0)
    assert compiled.count == 0, compiled.names


def test_a_far_mode_and_a_stretched_density_are_found():
    scales, centre = np.array([100.0, 1.0]), np.array([4000.0, -3.0])
    potential = Potential(Stretched(centre, scales), 1e-4, 2, **FEW)
    np.testing.assert_allclose(potential.mean, centre, atol=1e-2)
    np.testing.assert_allclose(np.sqrt(np.diag(potential.covariance)), scales, rtol=0.03)
    law = multivariate_normal(centre, np.diag(scales**2))
    y = law.rvs(20, random_state=0)
    np.testing.assert_allclose(potential.log_prob(y), law.logpdf(y), atol=1e-3)


def test_lost_digits_are_reported_and_counted_as_error():
    centre, one = np.array([1e6, 1e6]), np.ones(2)
    with pytest.warns(SamplingWarning, match="loses digits in float32.*enable_x64"):
        potential = Potential(Stretched(centre, one), 1.0, 2, start=centre, **FEW)
    y = centre + np.random.default_rng(0).normal(size=(64, 2))
    error = np.asarray(potential.log_prob(y, 0.0)) - norm.logpdf(y - centre).sum(-1)
    assert 1e-3 < np.sqrt(np.mean(error**2)) < 2 * potential.log_prob_error(0.0)
    with jax.enable_x64(True):
        potential = Potential(Stretched(centre, one), 1.0, 2, start=centre, **FEW)
        np.testing.assert_allclose(potential.log_prob(y, 0.0), norm.logpdf(y - centre).sum(-1), atol=1e-7)
        assert potential.log_prob_error(0.0) < 1e-6
    np.testing.assert_allclose(potential.mean, centre, rtol=0, atol=1e-6)


class Stretched(eqx.Module):
    """A Gaussian along the axes."""

    centre: np.ndarray
    scales: np.ndarray

    def __call__(self, x):
        return -0.5 * jnp.sum(jnp.square((x - self.centre) / self.scales))


def test_mixing_is_measured():
    rng = np.random.default_rng(3)
    free, slow = rng.normal(size=(4, 2000)), np.zeros((4, 2000))
    slow[:, 0] = free[:, 0]
    for k in range(1, 2000):
        slow[:, k] = 0.8 * slow[:, k - 1] + 0.6 * free[:, k]
    sizes = effective_size(np.stack([free, slow], -1))
    # An autoregression with coefficient r keeps (1 - r) / (1 + r) of its draws.
    np.testing.assert_allclose(sizes, [8000, 8000 / 9], rtol=0.2)
    r_hat = split_r_hat(np.stack([free, free + np.arange(4)[:, None]], -1))
    assert r_hat[0] < 1.01
    assert r_hat[1] > 1.4


BAD = [
    ({"log_density": 3.0}, TypeError, "log_density must be a function of one point, not 3.0"),
    ({"log_density": lambda x: float(x[0])}, TypeError, r"cannot be traced by JAX.*jax.numpy"),
    ({"log_density": lambda x: x}, ValueError, r"must return one real number for a point \(2,\)"),
    ({"log_density": lambda x: jnp.argmax(x)}, ValueError, "must return one real number"),
    ({"log_density": lambda x: (jnp.sum(x), 1)}, ValueError, "must return one real number"),
    ({"log_density": lambda x: jnp.log(x[0] - 1)}, ValueError, r"log_density is nan at x = \[0, 0\]; give a start"),
    ({"log_density": lambda x: -jnp.inf + x[0]}, ValueError, "log_density is -inf at x"),
    ({"log_density": lambda x: -0.1 * x @ x}, ValueError, r"not 1-strongly.*at x = \[0, 0\].*is -0.2.*to at most 0.2"),
    ({"log_density": lambda x: x @ x}, ValueError, "is 2, above -1; it is not log-concave there"),
    ({"log_density": lambda x: jnp.sum(x)}, ValueError, "largest eigenvalue of its Hessian is"),
    ({"log_density": lambda x: -2 * jnp.sum(jnp.sqrt(1 + x**2))}, ValueError, "not 1-strongly log-concave: at x = "),
    ({"concavity": 0.0}, ValueError, "concavity must be positive and finite, not 0.0"),
    ({"concavity": -1.0}, ValueError, "concavity must be positive and finite, not -1.0"),
    ({"concavity": np.nan}, ValueError, "concavity must be positive and finite, not nan"),
    ({"concavity": np.inf}, ValueError, "concavity must be positive and finite, not inf"),
    ({"concavity": "one"}, ValueError, "concavity must be a positive number, not 'one'"),
    ({"concavity": None}, ValueError, "concavity must be a positive number, not None"),
    ({"dim": 0}, ValueError, "dim must be an integer of at least 1, not 0"),
    ({"dim": 2.0}, ValueError, "dim must be an integer of at least 1, not 2.0"),
    ({"seed": -1}, ValueError, "seed must be an integer of at least 0, not -1"),
    ({"seed": 0.5}, ValueError, "seed must be an integer"),
    ({"draws": 99}, ValueError, "draws must be an integer of at least 100, not 99"),
    ({"chains": 1}, ValueError, "chains must be an integer of at least 2, not 1"),
    ({"start": [0.0]}, ValueError, r"start must have one entry per dimension \(2\), not shape \(1,\)"),
    ({"start": [0.0, np.nan]}, ValueError, r"start must be finite, but start\[1\] is nan"),
    ({"start": "here"}, ValueError, "start must hold real numbers, not <U4"),
    ({"start": [[0.0, 1.0]]}, ValueError, "start must have 1 axes"),
]


@pytest.mark.parametrize(("change", "error", "message"), BAD)
def test_bad_arguments_are_named(change, error, message):
    good = {"log_density": lambda x: -x @ x, "concavity": 1.0, "dim": 2}
    with pytest.raises(error, match=message):
        Potential(**(good | change))


BAD_CALLS = [
    (lambda p: p.log_prob(np.zeros((3, 5))), ValueError, r"x must have a last axis of length 2, not shape \(3, 5\)"),
    (lambda p: p.log_prob(0.0), ValueError, "last axis of length 2"),
    (lambda p: p.log_prob(np.zeros(2), -0.1), ValueError, "t must be finite and not negative"),
    (lambda p: p.log_prob(np.zeros(2), np.nan), ValueError, "t must be finite"),
    (lambda p: p.log_prob(np.zeros(2), [0.1, 0.2]), ValueError, "t must be one OU time"),
    (lambda p: p.log_prob(np.zeros(2), "now"), ValueError, "t must be an OU time"),
    (lambda p: p.score(np.zeros(3)), ValueError, "last axis of length 2"),
    (lambda p: p.score(np.zeros(2), np.inf), ValueError, "t must be finite"),
    (lambda p: p.log_prob_error(-1.0), ValueError, "t must be finite and not negative"),
    (lambda p: p.score_error(np.nan), ValueError, "t must be finite"),
    (lambda p: p.sample(0, 0), ValueError, "n must be an integer of at least 1, not 0"),
    (lambda p: p.sample(0, 2.5), ValueError, "n must be an integer"),
    (lambda p: p.sample("seed", 2), TypeError, "key must be"),
    (lambda p: p.sample_offsets(0, -1), ValueError, "n must be an integer of at least 1, not -1"),
    (lambda p: p.denoise(0, np.zeros((3, 5)), 0.1), ValueError, "y must have a last axis of length 2"),
    (lambda p: p.denoise(0, np.zeros(2), 0.1), ValueError, r"y must have 2 axes, \(n, 2\), not shape \(2,\)"),
    (lambda p: p.denoise(0, np.zeros((1, 2)), -0.1), ValueError, "t must be finite"),
    (lambda p: p.denoise(None, np.zeros((1, 2)), 0.1), TypeError, "key must be"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD_CALLS)
def test_bad_calls_are_named(gaussian, call, error, message):
    with pytest.raises(error, match=message):
        call(gaussian[0])


def test_chains_that_do_not_agree_are_refused():
    apart = np.random.default_rng(0).normal(size=(4, 200, 2)) + 5.0 * np.arange(4)[:, None, None]
    with pytest.raises(SamplingError, match=r"split R-hat [0-9.]+ \(below 1.05 wanted\)"):
        diagnose(apart, 0, 0.8, 0.5)


def test_without_blackjax_the_error_names_the_command(monkeypatch):
    true_import = builtins.__import__

    def without(name, *args, **kwargs):
        if name.split(".")[0] == "blackjax":
            raise ImportError(f"No module named {name!r}")
        return true_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r'pip install "critwin-widgets\[nuts\]"'):
        Potential(lambda x: -jnp.sum(x**2), 1.0, 2)
