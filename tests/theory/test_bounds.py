"""Theorem, sharp certificate and leak: references, closed-form brackets, and measured <= sharp <= theorem."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from critwin_widgets.engine import GaussianMixture, LogConcaveMixture
from critwin_widgets.engine.components import Gaussian
from critwin_widgets.theory import end_time, leak, measured_distance, sharp_bound, start_time, theorem_bound
from tests.mixtures import random_mixture
from tests.references import CASES, mixture_of


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"])
def test_reference_leaks(case):
    mixture = mixture_of(case)
    for curve in case["curves"]:
        assert leak(mixture, case["target"], curve["t"]).value == pytest.approx(curve["leak"], rel=1e-4, abs=1e-30)


def test_the_three_curves_stand_in_order_between_end_and_start():
    # Means -60, -57, 60: about 0.005 measured where the theorem allows 0.085.
    mixture = GaussianMixture([[-60.0], [-57.0], [60.0]], 1.0)
    eps = 0.05
    end, start = end_time(mixture, 0, [0, 1], eps), start_time(mixture, [0, 1], eps)
    assert end.value < start.value
    allowed = theorem_bound(mixture, [0, 1], eps)
    assert allowed == pytest.approx(0.05 * (1 + 1 / np.sqrt(2)))
    times = np.linspace(end.value, start.value, 5)
    measured, sharp = (f(mixture, 0, [0, 1], times).value for f in (measured_distance, sharp_bound))
    assert (measured <= sharp).all()
    assert (sharp <= allowed).all()
    assert measured[2] < 0.2 * allowed


@st.composite
def lines(draw):
    """A mixture on a line in two clusters, a target and one of its components."""
    count = draw(st.integers(2, 4))
    near = draw(st.lists(st.floats(-3.0, 3.0), min_size=count, max_size=count))
    gap = draw(st.floats(5.0, 80.0))
    places = [x - gap * (k % 2) for k, x in enumerate(near)]
    spreads = draw(st.lists(st.floats(0.2, 2.0), min_size=count, max_size=count))
    weights = np.array(draw(st.lists(st.floats(0.1, 1.0), min_size=count, max_size=count)))
    target = draw(st.sampled_from([list(range(0, count, 2)), list(range(1, count, 2)), [0]]))
    mixture = GaussianMixture(np.array(places)[:, None], np.square(spreads), weights / weights.sum())
    return mixture, target[:1], target


@settings(max_examples=15, deadline=None, derandomize=True)
@given(lines(), st.floats(0.1, 0.6))
def test_measured_sharp_theorem_on_random_lines(drawn, eps):
    mixture, init, target = drawn
    end, start = end_time(mixture, init, target, eps), start_time(mixture, target, eps)
    between = np.linspace(end.value, start.value, 2) if start.exists and end.value <= start.value else np.array([])
    times = np.append(between, [0.05, 1.5])
    measured, sharp = (f(mixture, init, target, times).value for f in (measured_distance, sharp_bound))
    assert (measured <= sharp * (1 + 1e-5) + 1e-7).all()
    # The ends are roots, known to about 1e-7 of a time.
    assert (sharp[: len(between)] <= theorem_bound(mixture, target, eps) * (1 + 1e-4)).all()


@pytest.mark.parametrize("kind", ["tied", "full"])
def test_measured_stays_below_sharp_in_space(kind):
    mixture = random_mixture(kind, count=4, dim=3, seed=0, spread=5.0)
    times = np.array([0.1, 0.6, 1.4, 3.0])
    measured = measured_distance(mixture, 1, [0, 1], times, n=1024, inner=32)
    sharp = sharp_bound(mixture, 1, [0, 1], times, n=1024)
    assert (measured.low <= sharp.high).all()
    proven = sharp_bound(mixture, 1, [0, 1], times, method="certified")
    assert (measured.low <= proven.high).all()


def test_closed_form_brackets_hold_the_exact_values_on_a_line():
    rng = np.random.default_rng(5)
    times = np.array([0.0, 0.1, 0.5, 1.0, 2.0, 4.0])
    for _ in range(12):
        count = int(rng.integers(2, 6))
        weights = rng.uniform(0.1, 1, count)
        mixture = GaussianMixture(8 * rng.normal(size=(count, 1)), rng.uniform(0.1, 3, count), weights / weights.sum())
        target = list(range(int(rng.integers(1, count))))
        for function, subsets in ((leak, (target,)), (sharp_bound, (0, target))):
            exact, proven = (function(mixture, *subsets, times, method=method) for method in ("exact", "certified"))
            assert (exact.method, proven.method) == ("exact", "certified")
            assert (proven.low <= exact.value * (1 + 1e-9)).all()
            assert (exact.value <= proven.high * (1 + 1e-9)).all()


def test_strongly_log_concave_brackets_hold_what_gaussians_give():
    # The same law as a Gaussian mixture and through its means and concavities alone.
    means, variances = [[-6.0, 0.0], [-5.0, 1.0], [7.0, 0.0]], [1.0, 0.5, 1.5]
    plain = GaussianMixture(means, variances)
    opaque = LogConcaveMixture([Gaussian(m, v) for m, v in zip(means, variances, strict=True)])
    times = np.array([0.2, 1.0, 3.0])
    estimated, proven = sharp_bound(plain, 0, [0, 1], times), sharp_bound(opaque, 0, [0, 1], times, method="certified")
    assert (proven.low <= estimated.high).all()
    assert (estimated.low <= proven.high).all()


def test_estimates_cover_the_exact_leak():
    means, spreads = np.array([-8.0, -6.0, 8.0]), np.array([1.0, 0.6, 1.2])
    line = GaussianMixture(means[:, None], spreads**2)
    flat = leak(line, [0, 1], [0.5, 1.0, 2.0], method="estimated")
    exact = leak(line, [0, 1], [0.5, 1.0, 2.0]).value
    assert flat.method == "estimated"
    assert (flat.low - 1e-6 <= exact).all()
    assert (exact <= flat.high + 1e-6).all()


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


BAD = [
    ({"init": 2}, "init must lie inside target"),
    ({"init": []}, "init is empty"),
    ({"target": []}, "target is empty"),
    ({"target": "nobody"}, "nobody"),
    ({"target": 7}, "target"),
    ({"t": -0.5}, "t must be finite and not negative"),
    ({"t": np.nan}, "t must be finite"),
    ({"t": [0.1, np.inf]}, "t must be finite"),
    ({"t": "soon"}, "t must be an OU time"),
    ({"method": "guess"}, "method must be one of"),
    ({"method": "exact"}, "method 'exact' needs"),
    ({"n": 1}, "n must be an integer of at least 2"),
    ({"n": True}, "n must be an integer"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
@pytest.mark.parametrize("function", [leak, sharp_bound], ids=lambda f: f.__name__)
def test_bad_arguments_are_named(function, change, message):
    mixture = GaussianMixture([[0.0, 0.0], [1.0, 0.0], [5.0, 3.0]], [1.0, 1.0, 2.0])
    arguments = {"init": 0, "target": [0, 1], "t": 0.5} | change
    if function is leak:
        del arguments["init"]
        if "init" in change:
            return
    with pytest.raises(ValueError, match=message):
        function(mixture, **arguments)


@pytest.mark.parametrize("eps", [0.0, 1.0, 2.0, -0.1, np.nan, np.inf, "x", None])
def test_bad_levels_are_named(eps):
    with pytest.raises(ValueError, match="eps must"):
        theorem_bound(GaussianMixture([0.0, 5.0], 1.0), 0, eps)
