"""Theorem, sharp certificate and measurement: references, and measured <= sharp <= theorem."""

import numpy as np
import pytest

from critwin_widgets.engine import GaussianMixture
from critwin_widgets.theory import end_time, leak, measured_distance, sharp_bound, start_time, theorem_bound
from tests.references import CASES, mixture_of


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"])
def test_reference_leaks_and_distances(case):
    mixture = mixture_of(case)
    for curve in case["curves"]:
        assert leak(mixture, case["target"], curve["t"]).value == pytest.approx(curve["leak"], rel=1e-4, abs=1e-30)
        measured = measured_distance(mixture, case["init"], case["target"], curve["t"])
        assert measured.value == pytest.approx(curve["measured"], rel=1e-3)


def test_the_three_curves_stand_in_order_between_end_and_start():
    # Means -60, -57, 60: about 0.005 measured where the theorem allows 0.085.
    mixture = GaussianMixture([[-60.0], [-57.0], [60.0]], 1.0)
    eps = 0.05
    end, start = end_time(mixture, 0, [0, 1], eps), start_time(mixture, [0, 1], eps)
    assert end.value < start.value
    allowed = theorem_bound(mixture, [0, 1], eps)
    assert allowed == pytest.approx(0.05 * (1 + 1 / np.sqrt(2)))
    for t in np.linspace(end.value, start.value, 5):
        measured, sharp = (f(mixture, 0, [0, 1], t).value for f in (measured_distance, sharp_bound))
        assert measured <= sharp <= allowed
    middle = measured_distance(mixture, 0, [0, 1], (end.value + start.value) / 2).value
    assert middle < 0.2 * allowed


def test_nested_expectation_holds_the_quadrature_and_stays_below_the_sharp_bound():
    # The same question on a line and, with an idle second dimension, in the plane.
    means, spreads = np.array([-8.0, -6.0, 8.0]), np.array([1.0, 0.6, 1.2])
    line = GaussianMixture(means[:, None], spreads**2)
    plane = GaussianMixture(np.c_[means, np.zeros(3)], np.c_[spreads**2, np.ones(3)], covariance_type="diag")
    for t in (0.5, 1.0, 2.0):
        exact = measured_distance(line, 0, [0, 1], t)
        nested = measured_distance(plane, 0, [0, 1], t, n=4096)
        assert exact.method == "exact"
        assert nested.method == "estimated"
        assert nested.low <= exact.value <= nested.high
        assert nested.value <= sharp_bound(plane, 0, [0, 1], t).high
        flat, exact_leak = leak(plane, [0, 1], t), leak(line, [0, 1], t)
        assert flat.low - 1e-6 <= exact_leak.value <= flat.high + 1e-6


def test_bounds_take_arrays_of_times_and_whole_targets():
    mixture = GaussianMixture(np.random.default_rng(0).normal(size=(4, 3)) * 4, 1.0)
    times = np.array([0.2, 1.0, 3.0])
    found = sharp_bound(mixture, 0, [0, 1], times)
    assert found.value.shape == (3,)
    assert (found.low <= found.value).all()
    assert (found.value <= found.high).all()
    assert leak(mixture, range(4), 1.0).value == 0.0
    assert theorem_bound(mixture, range(4), 0.1) == pytest.approx(0.1 * (1 + 1 / np.sqrt(2)))
    assert theorem_bound(mixture, 0, 0.1) == pytest.approx(0.1 * (1 + 3 / np.sqrt(2)))


def test_bad_arguments_are_named():
    mixture = GaussianMixture([[0.0], [1.0], [5.0]], 1.0)
    with pytest.raises(ValueError, match="init must lie inside target"):
        sharp_bound(mixture, 2, [0, 1], 0.5)
    with pytest.raises(ValueError, match="t must be finite and not negative"):
        measured_distance(mixture, 0, [0, 1], -0.5)
    with pytest.raises(ValueError, match="eps must lie strictly between 0 and 1, not 2.0"):
        theorem_bound(mixture, 0, 2.0)
    with pytest.raises(ValueError, match="target is empty"):
        leak(mixture, [], 0.5)
