import numpy as np
import pytest

from critwin_widgets.adapters import digits, hierarchy, penguins, scenes
from critwin_widgets.theory import mixture_tree


def test_penguins_are_the_complete_birds_standardised():
    data = penguins()
    assert data.X.shape == (333, 4)
    np.testing.assert_allclose(data.X.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(data.X.std(axis=0), 1)
    assert {name: len(np.unique(column)) for name, column in data.y.items()} == {"species": 3, "sex": 2}
    mixture = data.mixture()
    assert mixture.n_components == 6
    assert mixture.covariance_type == "tied"
    assert tuple(mixture.features) == ("species", "sex")


def test_a_data_set_says_what_it_is_in_a_line():
    assert repr(penguins()).startswith("DataSet('penguins', 333 × 4, labels species, sex): 333 Palmer penguins")
    assert len(repr(scenes(3))) < 200


def test_digits_have_one_component_each():
    data = digits()
    assert data.X.shape == (1797, 64)
    assert (data.X.min(), data.X.max()) == (-1.0, 1.0)
    mixture = data.mixture()
    assert mixture.labels == tuple("0123456789")
    assert mixture.image_shape == (8, 8)


def test_digit_styles_keep_the_digits_apart():
    mixture = digits(styles=2).mixture()
    assert mixture.n_components == 20
    assert set(mixture.features) == {"digit", "style"}
    digit = np.array(mixture.features["digit"])
    assert sorted(set(digit)) == list("0123456789")
    # The weight of a digit's components is its frequency, about a tenth each.
    weights = [mixture.weights[digit == d].sum() for d in sorted(set(digit))]
    np.testing.assert_allclose(weights, 0.1, atol=0.03)
    assert digits(styles=2).mixture().labels == mixture.labels


def test_scenes_are_drawn_from_the_mixture_they_return():
    data = scenes(400, size=16)
    mixture = data.mixture()
    assert mixture.n_components == 8
    assert mixture.image_shape == (16, 16, 3)
    np.testing.assert_allclose(mixture.covariances, 1.0)
    rows = (data.y["background"] == "sea") & (data.y["shape"] == "disc") & (data.y["mark"] == "dot")
    k = mixture.labels.index("sea · disc · dot")
    # 768 pixels of the sample mean have variance 1/n around the component's mean.
    error = data.X[rows].mean(axis=0) - mixture.means[k]
    assert abs(np.mean(error**2) * rows.sum() - 1) < 5 * np.sqrt(2 / 768)
    assert abs(rows.mean() - 0.2) < 4 * np.sqrt(0.2 * 0.8 / 400)


def test_scenes_differ_more_in_background_than_in_shape_than_in_mark():
    mixture = scenes(1).mixture()
    means = np.asarray(mixture.means)

    def distance(a, b):
        return np.linalg.norm(means[mixture.labels.index(a)] - means[mixture.labels.index(b)])

    background = distance("sand · disc · dot", "sea · disc · dot")
    shape = distance("sand · disc · dot", "sand · square · dot")
    mark = distance("sand · disc · dot", "sand · disc · dash")
    assert background > 6 * shape > 24 * mark > 400
    low, high = np.min(means) / 16, np.max(means) / 16
    assert -1 <= low < high <= 1


def test_hierarchy_has_a_level_per_coordinate():
    mixture = hierarchy(levels=3, ratio=1000).mixture()
    means = np.asarray(mixture.means)
    assert mixture.n_components == 8
    np.testing.assert_allclose(np.abs(means), np.tile([5e5, 500, 0.5], (8, 1)))
    assert mixture.features["level 1"] == ("left",) * 4 + ("right",) * 4
    assert mixture.features["level 3"] == ("left", "right") * 4


def test_species_are_decided_before_sex():
    half = mixture_tree(penguins().mixture()).features["half_time"]
    assert float(half.sel(feature="species")) == pytest.approx(0.46, abs=0.02)
    assert float(half.sel(feature="sex")) == pytest.approx(0.12, abs=0.02)


def test_scenes_certify_backgrounds_first_and_everything_later():
    tree = mixture_tree(scenes(1).mixture(), 0.22)
    assert [node.label for node in tree.nodes[1:] if len(node.subset) > 1] == ["sand", "sea"]
    assert len(tree.at_eps(0.3).nodes) == 15


def test_scenes_are_decided_level_by_level():
    half = mixture_tree(scenes(1).mixture(), 0.1).features["half_time"]
    background, shape, mark = (float(half.sel(feature=name)) for name in ("background", "shape", "mark"))
    assert background > shape + 1.5 > mark + 3.0


def test_the_hierarchy_is_certified_whole():
    assert len(mixture_tree(hierarchy(n=1).mixture(), 0.1).nodes) == 15


def test_samples_depend_on_the_seed_only():
    np.testing.assert_array_equal(hierarchy(n=5, seed=3).X, hierarchy(n=5, seed=3).X)
    assert not np.array_equal(hierarchy(n=5, seed=3).X, hierarchy(n=5, seed=4).X)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: digits(styles=0), "styles is 0; it must be a whole number from 1 to 8"),
        (lambda: scenes(0), "n is 0"),
        (lambda: scenes(size=8), "size is 8; it must be a whole number from 16 to 64"),
        (lambda: scenes(noise=0.0), r"noise is 0.0; it must lie in \(0, 1\]"),
        (lambda: scenes(noise=float("nan")), "noise is nan"),
        (lambda: hierarchy(levels=0), "levels is 0"),
        (lambda: hierarchy(ratio=1.0), "ratio is 1.0; it must be a finite number above 1"),
        (lambda: hierarchy(n=0), "n is 0"),
    ],
)
def test_bad_settings_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
