import numpy as np
import pytest
from sklearn.mixture import BayesianGaussianMixture
from sklearn.mixture import GaussianMixture as SklearnMixture

from critwin_widgets.adapters import from_sklearn


@pytest.fixture(scope="module")
def points():
    rng = np.random.default_rng(0)
    return np.concatenate([rng.standard_normal((60, 3)), rng.standard_normal((40, 3)) * 0.5 + 4.0])


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
def test_density_is_the_same_as_in_sklearn(points, kind):
    model = SklearnMixture(2, covariance_type=kind, random_state=0).fit(points)
    ours = from_sklearn(model)
    np.testing.assert_allclose(ours.log_prob(points[:20]), model.score_samples(points[:20]), rtol=2e-5, atol=1e-4)


def test_names_are_taken_over(points):
    model = BayesianGaussianMixture(n_components=2, random_state=0).fit(points)
    mixture = from_sklearn(model, labels=["left", "right"], features={"side": [1, 2]}, image_shape=(1, 3))
    assert mixture.labels == ("left", "right")
    assert mixture.features == {"side": ("1", "2")}
    assert mixture.image_shape == (1, 3)


def test_an_unfitted_model_is_named(points):
    with pytest.raises(ValueError, match=r"GaussianMixture that is not fitted; call model.fit"):
        from_sklearn(SklearnMixture(2))


@pytest.mark.parametrize("wrong", [object(), np.zeros((3, 3)), "GaussianMixture"])
def test_another_object_is_named(wrong):
    with pytest.raises(TypeError, match=f"model is a {type(wrong).__name__}; from_sklearn takes a fitted"):
        from_sklearn(wrong)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": ["one"]}, "labels has 1 names but the model has 2 components"),
        ({"features": {"side": "l"}}, r"features\['side'\] has 1 values but the model has 2"),
        ({"image_shape": (2, 2)}, "image_shape"),
    ],
)
def test_wrong_lengths_are_named(points, options, message):
    with pytest.raises(ValueError, match=message):
        from_sklearn(SklearnMixture(2, random_state=0).fit(points), **options)
