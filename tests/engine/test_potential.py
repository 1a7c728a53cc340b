"""Components known by a log-density alone, against quadrature, Gaussians and the process that noises them."""

import builtins

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_normal

from critwin_widgets.engine.components import Potential
from critwin_widgets.engine.components._nuts import SamplingError, diagnose
from tests.engine.potentials import Rotated

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


def noised_points(law: Rotated, t: float, n: int = 64) -> np.ndarray:
    noise = np.random.default_rng(9).normal(size=(n, len(law.shift)))
    return np.exp(-t) * law.draw(n, 8) + np.sqrt(-np.expm1(-2.0 * t)) * noise


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
    ({"start": "here"}, ValueError, "start must hold real numbers"),
    ({"start": [[0.0, 1.0]]}, ValueError, "start must have 1 axes"),
]


@pytest.mark.parametrize(("change", "error", "message"), BAD)
def test_bad_arguments_are_named(change, error, message):
    good = {"log_density": lambda x: -x @ x, "concavity": 1.0, "dim": 2}
    with pytest.raises(error, match=message):
        Potential(**(good | change))


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


def test_a_gaussian_potential_is_known_to_rounding():
    law = Rotated.make(2, 0.4, 0.0, 0.0)
    potential, covariance = Potential(law, 0.4, 2, **FEW), np.eye(2) / 0.4
    np.testing.assert_allclose(potential.mean, law.shift, atol=1e-5)
    # The second moments of 8192 integration points are those of the Gaussian to about 0.5 %.
    np.testing.assert_allclose(potential.covariance, covariance, atol=0.05)
    normaliser = 3.0 + 0.5 * np.linalg.slogdet(2 * np.pi * covariance)[1]
    assert potential.log_normaliser == pytest.approx(normaliser, abs=1e-5)
    for t in (0.0, 1e-4, 0.3, 3.0, 20.0):
        a = np.exp(-t)
        exact = multivariate_normal(a * law.shift, a**2 * covariance + (1 - a**2) * np.eye(2))
        y = exact.rvs(64, random_state=3)
        np.testing.assert_allclose(potential.log_prob(y, t), exact.logpdf(y), atol=1e-5)
        assert potential.log_prob_error(t) < 1e-5
