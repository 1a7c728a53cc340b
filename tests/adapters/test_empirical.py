"""The training set as a mixture: a kernel density, and its exact posterior over training points."""

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import multivariate_normal

import critwin_widgets as cw

POINTS = np.random.default_rng(0).normal(size=(40, 2))


def test_it_is_the_kernel_density():
    h = 0.4
    mixture = cw.empirical_mixture(POINTS, h)
    x = np.random.default_rng(1).normal(size=(9, 2))
    kernels = multivariate_normal(cov=h * h * np.eye(2)).pdf(x[:, None] - POINTS)
    np.testing.assert_allclose(mixture.log_prob(x), np.log(kernels.mean(1)), rtol=1e-5, atol=1e-5)


def test_the_posterior_over_training_points_is_exact_at_every_noise_level():
    h, t = 0.2, 0.7
    y = np.random.default_rng(2).normal(size=(5, 2))
    variance = np.exp(-2 * t) * h * h - np.expm1(-2 * t)
    logs = -((y[:, None] - np.exp(-t) * POINTS) ** 2).sum(-1) / (2 * variance)
    found = cw.empirical_mixture(POINTS, h).at(t).posterior(y)
    np.testing.assert_allclose(found, softmax(logs, axis=1), atol=1e-5)


def test_images_keep_their_shape_and_points_their_labels():
    images = np.random.default_rng(3).normal(size=(3, 4, 5))
    mixture = cw.empirical_mixture(images, 0.1, labels=["x", "y", "z"], features={"class": ["p", "p", "q"]})
    assert mixture.image_shape == (4, 5)
    assert mixture.labels == ("x", "y", "z")
    assert mixture.features == {"class": ("p", "p", "q")}
    np.testing.assert_array_equal(mixture.component_means, images.reshape(3, 20))
    assert cw.empirical_mixture([1.0, 2.0], 1).dim == 1


@pytest.mark.parametrize(
    ("points", "bandwidth", "message"),
    [
        (POINTS, 0, "bandwidth must be a positive number, not 0"),
        (POINTS, -1.0, "bandwidth must be a positive number, not -1.0"),
        (POINTS, "wide", "bandwidth must be a positive number, not 'wide'"),
        (POINTS, float("nan"), "bandwidth must be a positive number"),
        ([[1.0, np.inf]], 1.0, r"points\[0, 1\] is inf"),
        (np.zeros((0, 2)), 1.0, "at least one point"),
        ([["a"]], 1.0, "points must hold real numbers"),
        (1.0, 1.0, "points must have 1 or 2 or 3 or 4 axes"),
    ],
)
def test_bad_input_is_named(points, bandwidth, message):
    with pytest.raises(ValueError, match=message):
        cw.empirical_mixture(points, bandwidth)
