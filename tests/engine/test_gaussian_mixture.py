"""Gaussian mixtures against scikit-learn, automatic differentiation and the process they are noised by."""

import tracemalloc

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.mixture import GaussianMixture as Peer

from critwin_widgets.engine import GaussianMixture
from tests.mixtures import random_mixture

TYPES = ("spherical", "diag", "tied", "full")


def peer(mixture: GaussianMixture) -> Peer:
    from sklearn.mixture._gaussian_mixture import _compute_precision_cholesky

    found = Peer(mixture.n_components, covariance_type=mixture.covariance_type)
    found.means_, found.weights_ = np.asarray(mixture.means), np.asarray(mixture.weights)
    found.covariances_ = np.asarray(mixture.covariances)
    found.precisions_cholesky_ = _compute_precision_cholesky(found.covariances_, mixture.covariance_type)
    return found


@pytest.mark.parametrize("kind", TYPES)
def test_log_prob_agrees_with_scikit_learn_at_every_time(kind):
    mixture = random_mixture(kind)
    x = 4 * np.random.default_rng(1).normal(size=(50, 3))
    for t in (0.0, 0.3, 2.0):
        noised = mixture.at(t)
        np.testing.assert_allclose(noised.log_prob(x), peer(noised).score_samples(x), rtol=2e-6, atol=2e-5)


@pytest.mark.parametrize("kind", TYPES)
def test_score_is_the_gradient_of_log_prob(kind):
    mixture = random_mixture(kind).at(0.2)
    x = jnp.asarray(3 * np.random.default_rng(2).normal(size=(20, 3)), dtype=jnp.float32)
    for subset in (None, [0, 2]):
        gradient = jax.vmap(jax.grad(lambda y, s=subset: mixture.log_prob(y, s)))(x)
        np.testing.assert_allclose(mixture.score(x, subset), gradient, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", TYPES)
def test_samples_have_the_mixtures_moments(kind):
    mixture = random_mixture(kind)
    n = 40_000
    x, which = mixture.sample(3, n, return_components=True)
    x, which = np.asarray(x, np.float64), np.asarray(which)
    for k in range(mixture.n_components):
        one, inside = mixture.subset_mixture(k), x[which == k]
        covariance = np.cov(inside.T)
        exact = {
            "spherical": lambda c: c[0] * np.eye(3),
            "diag": lambda c: np.diag(c[0]),
            "tied": lambda c: c,
            "full": lambda c: c[0],
        }[kind]
        exact = exact(np.asarray(one.covariances))
        scale = np.sqrt(np.diag(exact) / len(inside))
        assert (np.abs(inside.mean(0) - one.means[0]) < 5 * scale).all()
        # Var of a sample covariance entry: (S_ii S_jj + S_ij^2) / n.
        error = np.sqrt((np.outer(np.diag(exact), np.diag(exact)) + exact**2) / len(inside))
        assert (np.abs(covariance - exact) < 5 * error).all()
        share = float(mixture.weights[k])
        assert abs((which == k).mean() - share) < 5 * np.sqrt(share * (1 - share) / n)


@pytest.mark.parametrize("kind", TYPES)
def test_noising_is_a_semigroup_that_forgets(kind):
    mixture = random_mixture(kind)
    twice, once = mixture.at(0.4).at(0.7), mixture.at(1.1)
    np.testing.assert_allclose(twice.means, once.means, rtol=1e-12)
    np.testing.assert_allclose(twice.covariances, once.covariances, rtol=1e-12)
    np.testing.assert_allclose(twice.eigenvalues, once.eigenvalues, rtol=1e-12)
    x = np.random.default_rng(0).normal(size=(5, 3))
    gaussian = -0.5 * (x**2).sum(-1) - 1.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(mixture.at(20.0).log_prob(x), gaussian, atol=1e-5)


def test_at_can_be_traced_by_jax():
    mixture = random_mixture("full")
    x = jnp.ones((2, 3))
    traced = jax.jit(lambda t: mixture.at(t).log_prob(x))(jnp.float32(0.5))
    np.testing.assert_allclose(traced, mixture.at(0.5).log_prob(x), rtol=1e-5)


def test_a_common_offset_of_a_million_costs_no_digits():
    near = random_mixture("tied")
    far = GaussianMixture(near.means + 1e6, near.covariances, near.weights, "tied")
    x = np.random.default_rng(4).normal(size=(30, 3))
    np.testing.assert_allclose(far.log_prob(x + 1e6), near.log_prob(x), atol=1e-4)


def test_subsets_by_index_and_label_are_the_same_mixture():
    mixture = GaussianMixture([[0.0], [1.0], [5.0]], 1.0, [0.2, 0.3, 0.5], labels=["cat", "dog", "ship"])
    x = np.linspace(-2, 7, 9)[:, None]
    pets = mixture.subset_mixture(["cat", "dog"])
    np.testing.assert_allclose(mixture.log_prob(x, [0, 1]), pets.log_prob(x), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(pets.weights, [0.4, 0.6])
    assert pets.labels == ("cat", "dog")
    np.testing.assert_allclose(mixture.posterior(x).sum(-1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(mixture.noised_mean("ship", 1.0), [5 * np.exp(-1)])


def test_the_same_key_gives_the_same_points():
    mixture = random_mixture("full")
    np.testing.assert_array_equal(mixture.sample(7, 10), mixture.sample(jax.random.key(7), 10))
    assert not np.array_equal(mixture.sample(7, 10), mixture.sample(8, 10))


BAD = [
    ({"weights": [0.5, 0.6]}, "weights sum to 1.1, not 1"),
    ({"weights": [1.5, -0.5]}, r"weights\[1\] is .*-0.5"),
    ({"weights": [np.nan, 1.0]}, r"weights\[0\] is .*nan"),
    ({"weights": [1.0]}, r"weights must have one entry per component \(2\), not shape \(1,\)"),
    ({"means": [[0.0, np.inf], [1.0, 1.0]]}, r"means\[0, 1\]"),
    ({"means": np.zeros((0, 2))}, "at least one component"),
    ({"means": np.zeros((2, 2, 2))}, "means must have 1 or 2 axes"),
    ({"means": [["0.0", "1.0"], ["2.0", "3.0"]]}, "means must hold real numbers, not <U3"),
    ({"means": np.zeros((2, 2), complex)}, "means must hold real numbers, not complex128"),
    ({"means": np.zeros((2, 2), bool)}, "means must hold real numbers, not bool"),
    ({"means": [[0.0, None], [1.0, 1.0]]}, "means must hold real numbers, not object"),
    ({"means": [[0.0, 1.0], [1.0]]}, "means must be an array of numbers"),
    ({"means": 3.0}, r"means must have 1 or 2 axes, not shape \(\)"),
    ({"means": np.zeros((2, 0))}, "at least one component and one dimension"),
    ({"covariances": [1.0, np.nan]}, r"covariances\[1\] is nan"),
    ({"covariances": ["a", "b"]}, "covariances must hold real numbers"),
    ({"covariances": [1.0, 1j]}, "covariances must hold real numbers, not complex128"),
    ({"weights": [True, False]}, "weights must hold real numbers, not bool"),
    ({"weights": [0.0, 1.0]}, r"weights must be positive, but weights\[0\] is 0.0"),
    ({"weights": "equal"}, "weights must hold real numbers"),
    ({"covariances": [1.0, 0.0]}, r"covariances\[1\] is .*0.0"),
    ({"covariances": np.ones((3,))}, r"must have shape \(2,\)"),
    ({"covariances": np.eye(2), "covariance_type": "full"}, "covariances must have 3 axes"),
    ({"covariances": [[1.0, 0.5], [0.2, 1.0]], "covariance_type": "tied"}, "not symmetric"),
    (
        {"covariances": [[1.0, 2.0], [2.0, 1.0]], "covariance_type": "tied"},
        "not positive definite: smallest eigenvalue -1",
    ),
    (
        {"covariances": np.stack([np.eye(2), np.zeros((2, 2))]), "covariance_type": "full"},
        r"covariances\[1\] is not positive definite",
    ),
    ({"covariance_type": "sperical"}, "did you mean 'spherical'"),
    ({"labels": ["a", "a"]}, "'a' occurs 2 times"),
    ({"labels": ["a"]}, r"one name per component \(2\), not 1"),
    ({"features": {"colour": ["red"]}}, r"features\['colour'\] must have one value per component \(2\), not 1"),
    ({"features": ["red", "blue"]}, "features must map"),
    ({"image_shape": (3, 3)}, r"product 2, not \(3, 3\)"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_input_is_named(change, message):
    good = {"means": [[0.0, 0.0], [1.0, 1.0]], "covariances": [1.0, 1.0]}
    with pytest.raises(ValueError, match=message):
        GaussianMixture(**(good | change))


def test_weights_off_by_rounding_are_normalised():
    mixture = GaussianMixture([[0.0], [1.0], [2.0]], 1.0, [0.3333333, 0.3333333, 0.3333334 + 5e-7])
    assert np.sum(mixture.weights) == pytest.approx(1.0, abs=1e-15)


@pytest.mark.parametrize(
    ("subset", "error", "message"),
    [
        ([], ValueError, "subset is empty"),
        (["cat", "dgo"], ValueError, "unknown label 'dgo'.*did you mean 'dog'"),
        ([0, 3], ValueError, "index 3, but components run from 0 to 2"),
        ([-1], ValueError, "index -1"),
        ([0.5], TypeError, "must hold component indices or labels, not 0.5"),
        (2.5, TypeError, "must be component indices or labels"),
    ],
)
def test_bad_subsets_are_named(subset, error, message):
    mixture = GaussianMixture([[0.0], [1.0], [5.0]], 1.0, labels=["cat", "dog", "ship"])
    with pytest.raises(error, match=message):
        mixture.log_prob([[0.0]], subset)


def test_bad_points_times_and_keys_are_named():
    mixture = random_mixture("diag")
    with pytest.raises(ValueError, match=r"last axis of length 3, not shape \(5, 2\)"):
        mixture.log_prob(np.zeros((5, 2)))
    for bad in (-0.1, np.nan, np.inf):
        with pytest.raises(ValueError, match="t must be finite and not negative"):
            mixture.at(bad)
    with pytest.raises(ValueError, match="n must be an integer of at least 1, not 0"):
        mixture.sample(0, 0)
    with pytest.raises(TypeError, match="key must be"):
        mixture.sample("seed", 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": np.zeros((2, 2))}, r"y must have a last axis of length 3, not shape \(2, 2\)"),
        ({"y": np.zeros(3)}, r"y must have shape \(n, 3\), not \(3,\)"),
        ({"y": [["a", "b", "c"], ["d", "e", "f"]]}, "y must hold real numbers"),
        ({"which": [0]}, r"one component per row of y \(2\), not shape \(1,\)"),
        ({"which": [0, 5]}, "index 5, but components run from 0 to 4"),
        ({"which": [-1, 0]}, "index -1, but components run from 0 to 4"),
        ({"which": [0.0, 1.0]}, "which must hold component indices, not float64"),
        ({"t": -1.0}, "t must be finite and not negative"),
        ({"t": np.nan}, "t must be finite and not negative"),
    ],
)
def test_bad_rows_to_denoise_are_named(change, message):
    good = {"key": 0, "y": np.zeros((2, 3)), "which": [0, 1], "t": 0.5}
    with pytest.raises(ValueError, match=message):
        random_mixture().denoise_components(**(good | change))


def test_nobody_changes_a_mixture_from_outside():
    means, variances, weights = np.array([[0.0], [4.0]]), np.array([1.0, 2.0]), np.array([0.5, 0.5])
    mixture = GaussianMixture(means, variances, weights)
    means += 7
    variances *= 3
    weights[:] = [0.1, 0.9]
    np.testing.assert_array_equal(mixture.means, [[0.0], [4.0]])
    np.testing.assert_array_equal(mixture.covariances, [1.0, 2.0])
    np.testing.assert_array_equal(mixture.weights, [0.5, 0.5])
    with pytest.raises(ValueError, match="read-only"):
        mixture.component_means[0] = 3.0


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_large_mixture_needs_three_copies_of_its_means(dtype):
    means = np.random.default_rng(0).normal(size=(100, 50_000)).astype(dtype)
    tracemalloc.start()
    mixture = GaussianMixture(means, 1.0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Besides the caller's array: our means and offsets, and an eighth for the check of finiteness.
    assert peak < 2.3 * mixture.means.nbytes
