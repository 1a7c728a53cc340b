"""The measured distance: quadrature, reduction of dimensions, coverage of the nested expectation."""

import numpy as np
import pytest

from critwin_widgets.engine import GaussianMixture, LogConcaveMixture, total_variation
from critwin_widgets.engine.components import Gaussian
from critwin_widgets.engine.separation import pairs
from critwin_widgets.theory import measured_distance
from critwin_widgets.theory._reduce import reduced
from tests.mixtures import random_mixture
from tests.references import CASES, mixture_of

MEANS, VARIANCES = np.array([-8.0, -6.0, 8.0]), np.array([1.0, 0.36, 1.44])
TIMES = (0.3, 1.0, 2.0)


@pytest.fixture(scope="module")
def line():
    return GaussianMixture(MEANS[:, None], VARIANCES)


@pytest.fixture(scope="module")
def plane():
    # The same question with an idle second dimension, in which no closed form is known to the code.
    return GaussianMixture(np.c_[MEANS, np.zeros(3)], np.c_[VARIANCES, np.ones(3)], covariance_type="diag")


@pytest.fixture(scope="module")
def exact(line):
    return measured_distance(line, 0, [0, 1], TIMES).value


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"])
def test_reference_distances(case):
    times = [curve["t"] for curve in case["curves"]]
    found = measured_distance(mixture_of(case), case["init"], case["target"], times)
    assert found.method == "exact"
    np.testing.assert_allclose(found.value, [curve["measured"] for curve in case["curves"]], rtol=1e-4)


def test_every_kind_of_component_on_a_line_gives_the_same_number(line, exact):
    other = LogConcaveMixture([Gaussian(m, v) for m, v in zip(MEANS, VARIANCES, strict=True)])
    found = measured_distance(other, 0, [0, 1], TIMES)
    assert found.method == "exact"
    np.testing.assert_allclose(found.value, exact, rtol=1e-5, atol=1e-6)


def test_from_the_start_to_the_whole_mixture(line):
    # t -> 0 gives p^S and t -> infinity gives p (LKC25, Definition 3).
    start, late = measured_distance(line, 0, [0, 1], [0.0, 14.0]).value
    assert start == pytest.approx(total_variation(line, 0, [0, 1], 0.0).value, rel=1e-6)
    assert late == pytest.approx(total_variation(line, range(3), [0, 1], 0.0).value, rel=1e-6)
    assert measured_distance(line, [0, 1], [0, 1], 0.0).value == pytest.approx(0.0, abs=1e-12)


def test_a_line_in_many_dimensions_is_exact():
    direction = np.random.default_rng(0).normal(size=200)
    direction /= np.linalg.norm(direction)
    means = np.array([-5.0, -3.0, 6.0])
    many = GaussianMixture(np.outer(means, direction) + 1e3, 0.7, [0.2, 0.3, 0.5])
    found = measured_distance(many, 0, [0, 1], TIMES)
    assert found.method == "exact"
    alone = measured_distance(GaussianMixture(means, 0.7, [0.2, 0.3, 0.5]), 0, [0, 1], TIMES)
    np.testing.assert_allclose(found.value, alone.value, rtol=1e-6)


@pytest.mark.parametrize("kind", ["spherical", "diag", "tied", "full"])
def test_reduction_keeps_every_distance_at_every_time(kind):
    rng = np.random.default_rng(3)
    spread = np.array([0.5, 0.5, 0.5, 2.0, 2.0, 2.0, 2.0])
    turn = np.linalg.qr(rng.normal(size=(7, 7)))[0]
    covariance = turn @ np.diag(spread) @ turn.T
    covariances = {
        "spherical": np.full(3, 0.5),
        "diag": np.tile(spread, (3, 1)),
        "tied": covariance,
        "full": np.tile(covariance, (3, 1, 1)),
    }
    mixture = GaussianMixture(5 * rng.normal(size=(3, 7)) + 100, covariances[kind], covariance_type=kind)
    small = reduced(mixture)
    # Three means span two directions for each distinct variance.
    assert small.dim == (2 if kind == "spherical" else 4)
    times = np.array([0.0, 0.5, 2.0])
    np.testing.assert_allclose(pairs.mahalanobis(small, times), pairs.mahalanobis(mixture, times), rtol=1e-8)


def test_reduction_of_equal_means_and_of_other_mixtures():
    assert reduced(GaussianMixture(np.ones((2, 5)), 2.0)).dim == 1
    assert measured_distance(GaussianMixture(np.ones((2, 5)), 2.0), 0, [0, 1], 1.0).value == pytest.approx(0, abs=1e-9)
    far = random_mixture("diag")
    np.testing.assert_allclose(reduced(far).component_means, far.component_offsets)
    other = LogConcaveMixture([Gaussian([0.0, 0.0], 1.0)])
    assert reduced(other) is other


def test_intervals_cover_with_few_inner_draws(plane, exact):
    # Few inner draws: the plug-in average alone would be biased by several standard errors.
    inside = []
    for seed in range(15):
        found = measured_distance(plane, 0, [0, 1], TIMES, n=600, inner=16, seed=seed)
        inside += list((found.low <= exact) & (exact <= found.high))
    # 45 trials at 95 %: fewer than 38 inside has a chance below 0.1 %.
    assert np.sum(inside) >= 38


def test_bias_does_not_leave_the_interval_however_many_outer_draws(plane, exact):
    found = measured_distance(plane, 0, [0, 1], TIMES, n=20_000, inner=16, seed=4)
    assert (found.low <= exact).all()
    assert (exact <= found.high).all()
    # The two biased ends bracket more than the scatter, and the extrapolated value is near the truth.
    np.testing.assert_allclose(found.value, exact, rtol=0.05)


def test_a_relative_error_may_be_asked_for(plane, exact):
    found = measured_distance(plane, 0, [0, 1], TIMES[:2], n=256, inner=16, rtol=0.1, seed=1)
    assert (found.high - found.low <= 2 * 0.1 * found.value).all()
    np.testing.assert_allclose(found.value, exact[:2], rtol=0.2)


def test_seeds_repeat_and_differ(plane):
    one, same, other = (measured_distance(plane, 0, [0, 1], 1.0, n=600, inner=16, seed=s).value for s in (1, 1, 2))
    assert one == same != other


BAD = [
    ({"init": []}, ValueError, "init is empty"),
    ({"init": [5]}, ValueError, "init"),
    ({"init": "nobody"}, ValueError, "nobody"),
    ({"target": []}, ValueError, "target is empty"),
    ({"target": [-4]}, ValueError, "target"),
    ({"t": -0.5}, ValueError, "t must be finite and not negative"),
    ({"t": np.nan}, ValueError, "t must be finite"),
    ({"t": np.inf}, ValueError, "t must be finite"),
    ({"t": "soon"}, ValueError, "t must be an OU time"),
    ({"n": 1}, ValueError, "n must be an integer of at least 2"),
    ({"n": 100.5}, ValueError, "n must be an integer"),
    ({"inner": 8}, ValueError, "inner must be an integer of at least 16"),
    ({"inner": 40}, ValueError, "inner must be a multiple of 16, not 40"),
    ({"rtol": 0.0}, ValueError, "rtol must lie strictly between 0 and 1"),
    ({"rtol": "small"}, ValueError, "rtol must be a number"),
    ({"seed": 1.5}, TypeError, "key must be"),
]


@pytest.mark.parametrize(("change", "error", "message"), BAD)
def test_bad_arguments_are_named(plane, change, error, message):
    arguments = {"init": 0, "target": [0, 1], "t": 0.5} | change
    with pytest.raises(error, match=message):
        measured_distance(plane, **arguments)
