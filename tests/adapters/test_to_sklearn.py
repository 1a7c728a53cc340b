"""Mixtures that go to scikit-learn and come back."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.mixture import BayesianGaussianMixture
from sklearn.mixture import GaussianMixture as SklearnMixture

from critwin_widgets.adapters import from_sklearn, to_sklearn
from tests.mixtures import random_mixture

TYPES = ("spherical", "diag", "tied", "full")
KINDS = ("gaussian", "bayesian")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("covariance_type", TYPES)
def test_a_round_trip_gives_the_same_mixture(covariance_type, kind):
    mixture = random_mixture(covariance_type)
    back = from_sklearn(to_sklearn(mixture, kind=kind))
    for name in ("means", "covariances", "weights", "eigenvalues", "offsets"):
        np.testing.assert_allclose(getattr(back, name), getattr(mixture, name), rtol=1e-14, atol=1e-14)
    assert back.covariance_type == covariance_type
    assert back.labels == mixture.labels


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("covariance_type", TYPES)
def test_the_estimator_works_and_agrees(covariance_type, kind):
    mixture = random_mixture(covariance_type)
    model = to_sklearn(mixture, kind=kind)
    x = np.asarray(mixture.sample(0, 60), dtype=np.float64)
    np.testing.assert_allclose(model.score_samples(x), mixture.log_prob(x), rtol=2e-6, atol=2e-5)
    np.testing.assert_allclose(model.predict_proba(x), mixture.posterior(x), atol=2e-5)
    # The same estimator, fitted by scikit-learn itself at the same parameters.
    np.testing.assert_allclose(model.precisions_, _inverse(mixture), rtol=1e-9)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_its_samples_come_from_the_mixture(covariance_type):
    mixture = random_mixture(covariance_type)
    model = to_sklearn(mixture)
    model.random_state = 0
    x, which = model.sample(4000)
    share = np.bincount(which, minlength=5) / 4000
    weights = np.asarray(mixture.weights)
    assert (np.abs(share - weights) < 5 * np.sqrt(weights * (1 - weights) / 4000)).all()
    for k in range(5):
        inside = x[which == k]
        error = inside.std(0) / np.sqrt(len(inside))
        assert (np.abs(inside.mean(0) - mixture.means[k]) < 5 * error).all()


def test_a_bayesian_model_has_no_doubt_left():
    mixture = random_mixture("full")
    x = np.asarray(mixture.sample(1, 50), dtype=np.float64)
    plain, bayesian = to_sklearn(mixture), to_sklearn(mixture, kind="bayesian")
    np.testing.assert_allclose(bayesian.score_samples(x), plain.score_samples(x), atol=1e-9)
    np.testing.assert_allclose(bayesian.predict_proba(x), plain.predict_proba(x), atol=1e-9)


def test_a_fitted_bayesian_model_keeps_its_plug_in_density():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(size=(80, 2)), rng.normal(size=(50, 2)) + 5])
    fitted = BayesianGaussianMixture(n_components=2, covariance_type="tied", random_state=0).fit(x)
    mixture = from_sklearn(fitted)
    again = from_sklearn(to_sklearn(mixture, kind="bayesian"))
    np.testing.assert_allclose(again.log_prob(x), mixture.log_prob(x), rtol=1e-6)
    np.testing.assert_array_equal(mixture.means, fitted.means_)
    np.testing.assert_allclose(mixture.weights, fitted.weights_, rtol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
def test_it_can_be_cloned_and_fitted_again_without_touching_the_mixture(kind):
    mixture = random_mixture("diag")
    before = np.array(mixture.means)
    model = to_sklearn(mixture, kind=kind)
    clone(model).fit(np.random.default_rng(0).normal(size=(40, 3)))
    model.means_ += 1.0
    model.covariances_ *= 2.0
    np.testing.assert_array_equal(mixture.means, before)
    assert model.converged_
    assert model.n_features_in_ == 3


def test_what_it_is_to_scikit_learn():
    mixture = random_mixture("tied")
    assert type(to_sklearn(mixture)) is SklearnMixture
    assert type(to_sklearn(mixture, kind="bayesian")) is BayesianGaussianMixture
    model = to_sklearn(mixture)
    x = np.asarray(mixture.sample(0, 30), dtype=np.float64)
    assert np.isfinite(model.bic(x))
    assert np.isfinite(model.aic(x))


@pytest.mark.parametrize("wrong", [object(), None, np.zeros((3, 3)), "mixture", SklearnMixture(2)])
def test_another_object_is_named(wrong):
    with pytest.raises(TypeError, match=f"mixture is a {type(wrong).__name__}; to_sklearn takes a GaussianMixture"):
        to_sklearn(wrong)


@pytest.mark.parametrize(("kind", "message"), [("bayes", "did you mean 'bayesian'"), (None, "kind must be one of")])
def test_an_unknown_kind_is_named(kind, message):
    with pytest.raises(ValueError, match=message):
        to_sklearn(random_mixture(), kind=kind)


def _inverse(mixture):
    covariances = np.asarray(mixture.covariances)
    return 1.0 / covariances if mixture.covariance_type in ("spherical", "diag") else np.linalg.inv(covariances)
