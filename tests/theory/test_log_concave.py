"""What the theory computes from mixtures of log-concave components, and the pictures of it."""

import json

import numpy as np
import pytest

import critwin_widgets as cw
from critwin_widgets.engine.components import Product, TruncatedNormal
from critwin_widgets.export import records
from tests.mixtures import mixed_mixture

EPS = 0.3


@pytest.fixture(scope="module", params=[1, 5])
def mixture(request):
    return mixed_mixture(request.param)


@pytest.fixture(scope="module")
def tree():
    return cw.mixture_tree(mixed_mixture(5), EPS, n=128)


def test_times_lie_in_their_certified_brackets(mixture):
    options = {"n": 256}
    for ask in (
        lambda **kw: cw.start_time(mixture, [0, 1], EPS, **kw),
        lambda **kw: cw.end_time(mixture, [0], [0, 1], EPS, **kw),
    ):
        estimated, proven = ask(method="estimated", **options), ask(method="certified", **options)
        if estimated.exists:
            assert proven.low - 1e-3 <= estimated.value <= proven.high + 1e-3


def test_transition_matrices_balance(mixture):
    found = cw.transition_matrix(mixture, [0.0, 0.4, 6.0], n=512)
    np.testing.assert_allclose(found.value.sum(-1), 1.0, atol=1e-5)
    flow = np.asarray(mixture.weights)[:, None] * found.value
    error = np.asarray(mixture.weights)[:, None] * found.standard_error
    assert (np.abs(flow - np.swapaxes(flow, 1, 2)) < 5 * (error + np.swapaxes(error, 1, 2)) + 1e-5).all()
    np.testing.assert_allclose(found.value[2], np.tile(mixture.weights, (4, 1)), atol=0.05)


def test_measured_is_at_most_sharp(mixture):
    measured = cw.measured_distance(mixture, 0, [0, 1], 0.4, n=128)
    sharp = cw.sharp_bound(mixture, 0, [0, 1], 0.4, n=256)
    assert measured.low <= sharp.high + 1e-9


def test_the_tree_and_its_curves(tree):
    assert {v.subset for v in tree.vertices} >= {(0,), (1,), (2,), (3,), (0, 1, 2, 3)}
    decided = tree.features["decided"].values
    assert (decided >= 0).all()
    assert (decided <= 1).all()
    assert list(tree.features["feature"].values) == ["round"]
    curves = cw.decision_curves(tree.mixture, tree.times[::12], n=128)
    assert np.abs(curves["decided"].values - decided[:, ::12]).max() < 0.15


def test_pictures_and_records_are_made(tree):
    record = json.loads(records.write_json(tree))
    assert record["mixture"]["kinds"] == ["Product", "Product", "Gaussian", "Product"]
    assert "covariance_type" not in record["mixture"]
    assert cw.HierarchyTree(tree).tree is tree
    assert cw.SeparationCurves(tree) is not None


def test_sixty_four_dimensions():
    rng = np.random.default_rng(0)
    shape = TruncatedNormal(0.0, 1.0, -1.0, 2.0)
    components = [Product([shape] * 64, centre=0.4 * rng.normal(size=64)) for _ in range(4)]
    mixture = cw.LogConcaveMixture(components)
    found = cw.overlap(mixture, [0, 1], [2, 3], [0.3, 1.5], n=256)
    proven = cw.overlap(mixture, [0, 1], [2, 3], [0.3, 1.5], method="certified")
    assert found.value[0] < found.value[1]
    assert (proven.low <= found.value).all()
    assert (found.value <= proven.high).all()
    assert cw.end_time(mixture, 0, [0, 1], EPS, n=64).status == "reached"
