import numpy as np
import pandas as pd
import pytest
from sklearn.covariance import ledoit_wolf

from critwin_widgets.adapters import from_labelled
from critwin_widgets.engine import GaussianMixture


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    y = np.repeat(["a", "b", "c"], [20, 30, 50])
    X = rng.standard_normal((100, 4)) + 3.0 * (y == "b")[:, None]
    return X, y


def test_weights_and_means_are_class_frequencies_and_means(data):
    X, y = data
    mixture = from_labelled(X, y)
    assert isinstance(mixture, GaussianMixture)
    assert mixture.labels == ("a", "b", "c")
    np.testing.assert_allclose(mixture.weights, [0.2, 0.3, 0.5])
    np.testing.assert_allclose(mixture.means[1], X[y == "b"].mean(axis=0))
    assert mixture.features == {"class": ("a", "b", "c")}


def test_tied_covariance_is_ledoit_wolf_of_the_pooled_residuals(data):
    X, y = data
    residuals = X - np.stack([X[y == label].mean(axis=0) for label in y])
    expected, _ = ledoit_wolf(residuals, assume_centered=True)
    mixture = from_labelled(X, y, covariance_type="tied")
    assert mixture.covariances.shape == (4, 4)
    np.testing.assert_allclose(mixture.covariances, expected)


@pytest.mark.parametrize(
    ("kind", "shape"), [("tied", (4, 4)), ("full", (3, 4, 4)), ("diag", (3, 4)), ("spherical", (3,))]
)
def test_covariance_types_have_sklearn_shapes(data, kind, shape):
    mixture = from_labelled(*data, covariance_type=kind)
    assert mixture.covariance_type == kind
    assert np.shape(mixture.covariances) == shape


def test_shrinkage_moves_between_the_estimate_and_the_sphere(data):
    X, y = data
    raw = from_labelled(X, y, shrinkage=None).covariances
    half = from_labelled(X, y, shrinkage=0.5).covariances
    sphere = from_labelled(X, y, shrinkage=1.0).covariances
    np.testing.assert_allclose(sphere, np.trace(raw) / 4 * np.eye(4), atol=1e-12)
    np.testing.assert_allclose(half, 0.5 * raw + 0.5 * sphere)
    np.testing.assert_allclose(from_labelled(X, y, shrinkage=0).covariances, raw)


def test_spherical_is_the_mean_of_diag(data):
    sphere = from_labelled(*data, covariance_type="spherical", shrinkage=None).covariances
    diagonal = from_labelled(*data, covariance_type="diag", shrinkage=None).covariances
    np.testing.assert_allclose(sphere, diagonal.mean(axis=1))


@pytest.mark.parametrize("container", ["dict", "frame", "array"])
def test_several_label_columns_give_their_observed_combinations(data, container):
    X, _ = data
    colour = np.array(["red", "red", "blue", "blue"] * 25)
    size = np.array([1, 2, 1, 1] * 25)
    y = {
        "dict": {"colour": colour, "size": size},
        "frame": pd.DataFrame({"colour": colour, "size": size}),
        "array": np.column_stack([colour.astype(object), size]),
    }[container]
    mixture = from_labelled(X, y, feature_names=["colour", "size"] if container == "array" else None)
    assert mixture.labels == ("blue · 1", "red · 1", "red · 2")  # (blue, 2) does not occur
    assert mixture.features == {"colour": ("blue", "red", "red"), "size": ("1", "1", "2")}
    np.testing.assert_allclose(mixture.weights, [0.5, 0.25, 0.25])


def test_a_series_brings_its_name_and_rows_are_matched_by_position(data):
    X, y = data
    series = pd.Series(y, name="species", index=np.arange(100)[::-1])
    mixture = from_labelled(pd.DataFrame(X), series)
    assert tuple(mixture.features) == ("species",)
    np.testing.assert_allclose(mixture.means[0], X[y == "a"].mean(axis=0))


def test_numbers_sort_as_numbers_and_row_order_does_not_matter(data):
    X, _ = data
    y = np.repeat([10, 9], 50)
    shuffle = np.random.default_rng(1).permutation(100)
    first, second = from_labelled(X, y), from_labelled(X[shuffle], y[shuffle])
    assert first.labels == second.labels == ("9", "10")
    np.testing.assert_allclose(first.means, second.means)


def test_images_set_their_shape_and_may_have_pixels_that_never_change():
    rng = np.random.default_rng(0)
    images = rng.standard_normal((40, 3, 2))
    images[:, 0, 0] = -1.0
    mixture = from_labelled(images, np.arange(40) % 2)
    assert mixture.image_shape == (3, 2)
    assert mixture.dim == 6


def test_one_class_is_a_mixture_of_one(data):
    X, _ = data
    mixture = from_labelled(X, np.zeros(100, dtype=int))
    assert mixture.n_components == 1
    np.testing.assert_allclose(mixture.weights, [1.0])


def test_labels_with_markup_stay_text(data):
    X, y = data
    hostile = np.where(y == "a", "<img src=x onerror=alert(1)>", y.astype(object))
    assert "<img src=x onerror=alert(1)>" in from_labelled(X, hostile).labels


def test_labels_that_would_read_the_same_are_told_apart(data):
    X, _ = data
    first = np.array(["p · q", "p"] * 50, dtype=object)
    second = np.array(["r", "q · r"] * 50, dtype=object)
    assert from_labelled(X, {"f": first, "g": second}).labels == ("f=p · g=q · r", "f=p · q · g=r")


def _with(X, row, column, value):
    changed = X.copy()
    changed[row, column] = value
    return changed


BAD = {
    "nan": (lambda X, y: (_with(X, 3, 2, np.nan), y), {}, r"X has 1 missing or infinite values in column 2"),
    "infinite": (lambda X, y: (_with(X, 3, 1, np.inf), y), {}, r"X has 1 missing or infinite values in column 1"),
    "nan in a named column": (
        lambda X, y: (pd.DataFrame(_with(X, 0, 0, np.nan), columns=["bill", "b", "c", "d"]), y),
        {},
        "column 'bill'",
    ),
    "constant": (lambda X, y: (_with(X, slice(None), 1, 7.0), y), {}, r"X is constant in 1 of 4 columns \(1;"),
    "one example": (lambda X, y: (X, np.r_[["z"], y[1:]]), {}, "class 'z' has 1 example"),
    "one example, full": (
        lambda X, y: (X, np.r_[["z"], y[1:]]),
        {"covariance_type": "full"},
        "class 'z' has 1 example",
    ),
    "length": (lambda X, y: (X, y[:-1]), {}, "y has 99 labels in 'class' but X has 100 rows"),
    "type": (
        lambda X, y: (X, y),
        {"covariance_type": "tide"},
        "covariance_type must be .*not 'tide'; did you mean 'tied'",
    ),
    "shrinkage": (lambda X, y: (X, y), {"shrinkage": 1.5}, r"shrinkage is 1.5; a number must lie in \[0, 1\]"),
    "shrinkage name": (lambda X, y: (X, y), {"shrinkage": "ledoit"}, "not 'ledoit'; did you mean 'ledoit_wolf'"),
    "text": (lambda X, y: (np.full((100, 4), "x"), y), {}, "X must hold numbers"),
    "vector": (lambda X, y: (X[:, 0], y), {}, r"X has shape \(100,\)"),
    "empty": (lambda X, y: (X[:0], y[:0]), {}, r"X has shape \(0, 4\)"),
    "image shape": (lambda X, y: (X, y), {"image_shape": (3, 2)}, r"image_shape is \(3, 2\), that is 6 numbers"),
    "missing label": (lambda X, y: (X, np.array([None, *y[1:]], dtype=object)), {}, "1 missing labels .first in row 0"),
    "nan label": (lambda X, y: (X, np.r_[[np.nan], np.ones(99)]), {}, "1 missing labels"),
    "pandas missing": (lambda X, y: (X, pd.array([pd.NA, *y[1:]], dtype="string")), {}, "1 missing labels"),
    "same text": (lambda X, y: (X, np.array([1, "1"] * 50, dtype=object)), {}, r"read the same: \['1'\]"),
    "three axes": (lambda X, y: (X, np.zeros((100, 1, 1))), {}, r"y has shape \(100, 1, 1\)"),
    "no columns": (lambda X, y: (X, {}), {}, "y has no label columns"),
    "two-dimensional column": (lambda X, y: (X, {"f": np.zeros((100, 2))}), {}, r"y\['f'\] has shape \(100, 2\)"),
    "names": (lambda X, y: (X, y), {"feature_names": ["p", "q"]}, "feature_names has 2 names but y has 1 columns"),
    "names twice": (
        lambda X, y: (X, np.column_stack([y, y])),
        {"feature_names": ["p", "p"]},
        "holds a name twice",
    ),
    "singular": (lambda X, y: (np.c_[X, X[:, 0]], y), {"shrinkage": None}, "not positive definite"),
    "few rows": (
        lambda X, y: (X[[0, 1, 20, 21, 50, 51]], y[[0, 1, 20, 21, 50, 51]]),
        {"shrinkage": None, "covariance_type": "full"},
        "class 'a' is not positive definite with shrinkage=None: 2 rows do not span 4 columns",
    ),
    "identical": (
        lambda X, y: (np.where((y == "a")[:, None], 1.0, X), y),
        {"covariance_type": "spherical"},
        "all examples of class 'a' are identical",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(data, case):
    change, options, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        from_labelled(*change(*data), **options)


def test_constant_pixels_need_shrinkage(data):
    X, y = data
    X = _with(X, slice(None), 0, 0.0)
    assert from_labelled(X, y, image_shape=(2, 2)).n_components == 3
    with pytest.raises(ValueError, match="constant in 1 of 4"):
        from_labelled(X, y, image_shape=(2, 2), shrinkage=None)


def test_without_sklearn_the_error_says_how_to_get_it(data, monkeypatch):
    def without(name):
        raise ImportError(name)

    monkeypatch.setattr("importlib.import_module", without)
    with pytest.raises(ImportError, match=r'pip install "critwin-widgets\[data\]"'):
        from_labelled(*data)
    assert from_labelled(*data, shrinkage=0.1).n_components == 3
