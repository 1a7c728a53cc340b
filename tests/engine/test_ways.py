"""Three ways to know an overlap, the rule that picks one, numbers beyond floats, and bad arguments."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from critwin_widgets.engine import (
    BudgetWarning,
    GaussianMixture,
    LogConcaveMixture,
    log_overlap,
    overlap,
    total_variation,
)
from critwin_widgets.engine.components import Normal, Product
from critwin_widgets.engine.processes import clock
from critwin_widgets.engine.separation import Survey, exact, importance, survey, ways
from critwin_widgets.engine.separation.passes import Draws, draw_noise, overlap_estimates
from tests.mixtures import random_mixture

SPACE = random_mixture("full", count=4)
FAR = GaussianMixture(
    1e6 + np.array([[0.0, 0.0, 0.0], [2.0, 0.0, 1.0], [1e4, 0.0, 0.0], [1e4, 1.5, 0.5]]),
    [[1.0, 0.7, 1.0], [0.8, 1.0, 1.2], [1.0, 1.0, 1.0], [1.1, 0.9, 1.0]],
    [0.1, 0.2, 0.4, 0.3],
    "diag",
)


# ---- the rule -------------------------------------------------------------------------------


def test_auto_is_exact_where_that_is_cheap():
    for mixture in (random_mixture("full", dim=1), random_mixture("full", dim=2), random_mixture("tied", 3, 5)):
        assert overlap(mixture, 0, [1, 2], 0.5).method == "exact"


def test_auto_estimates_what_would_cost_more_than_the_budget():
    mixture = random_mixture("full", dim=2)
    many = np.linspace(0.1, 1.0, 40)
    assert overlap(mixture, 0, [1, 2], 0.5, budget=1e-3).method == "estimated"
    assert overlap(mixture, [0, 1], [2, 3, 4], many, budget=0.5, n=64).method == "estimated"


def test_auto_takes_a_bracket_that_is_tight_enough():
    # Four components of one covariance in three dimensions, 2 close to 3 and the rest very far: one pair is all.
    mixture = GaussianMixture([[0.0, 0, 0], [0, 90.0, 0], [4.0, 0, 0], [0, 0, 90.0]], 1.0)
    found = overlap(mixture, [0, 1], [2, 3], 0.0, rtol=0.01)
    assert (found.method, found.relative_error <= 0.01) == ("certified", True)
    assert overlap(mixture, [0, 1], [2, 3], 0.0).method == "estimated"
    # Nearer, the bracket is loose: the estimate goes on until it is as good as asked.
    near = GaussianMixture([[0.0, 0, 0], [0, 3.0, 0], [2.0, 0, 0], [0, 0, 3.0]], 1.0)
    found = overlap(near, [0, 1], [2, 3], [0.0, 0.5], rtol=0.02, budget=60.0)
    assert (found.method, found.status) == ("estimated", "complete")
    assert (found.relative_error <= 0.02).all()


def test_an_exact_answer_that_does_not_converge_is_not_given(monkeypatch):
    mixture = random_mixture("full", dim=2)
    monkeypatch.setattr(exact, "TOLERANCE", 0.0)
    with pytest.raises(ValueError, match="method 'exact' reached a relative error of .* only, not 0"):
        overlap(mixture, 0, 1, 0.5, method="exact")
    assert overlap(mixture, 0, 1, 0.5).method == "estimated"


def test_an_exact_answer_that_takes_hours_is_refused_before_it_begins():
    mixture = GaussianMixture(np.arange(10_000.0)[:, None], 1.0)
    with pytest.raises(ValueError, match="would take about .* hours for 10000 components at 1 times; use 'certified'"):
        overlap(mixture, range(5000), range(5000, 10_000), 0.1, method="exact")
    asked = Survey(mixture.subset_mixture(range(3000)), np.ones(1), 64)
    sides = np.full((3000, 2000), 1 / 3000)
    with pytest.raises(ValueError, match=r"3000 components and 2000 .* would take 18\.0 GiB at every time"):
        asked.overlaps(sides, sides)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(["spherical", "diag", "tied", "full"]), st.integers(0, 10_000), st.floats(0.0, 3.0))
def test_brackets_hold_on_random_mixtures_of_a_plane(kind, seed, t):
    rng = np.random.default_rng(seed)
    mixture = random_mixture(kind, int(rng.integers(2, 5)), 2, seed, float(rng.uniform(0.5, 15)))
    a = range(int(rng.integers(1, mixture.n_components)))
    b = range(len(a), mixture.n_components)
    truth = log_overlap(mixture, a, b, t, method="exact").value
    bracket = log_overlap(mixture, a, b, t, method="certified")
    assert bracket.low <= truth + 1e-8
    assert truth <= bracket.high + 1e-8


# ---- numbers beyond floats ------------------------------------------------------------------


def test_an_overlap_of_e_to_the_minus_5000_is_a_number_in_every_way():
    for dim in (1, 2, 5):
        mixture = GaussianMixture(200.0 * np.eye(2, dim), 1.0) if dim > 1 else GaussianMixture([0.0, 283.0], 1.0)
        distance = 283.0 if dim == 1 else 200.0 * np.sqrt(2)
        truth = np.log(2) + special.log_ndtr(-distance / 2)
        for method in ("exact", "certified", "estimated"):
            found = log_overlap(mixture, 0, 1, 0.0, method=method, n=64)
            assert found.value == pytest.approx(truth, rel=1e-9)
            linear = overlap(mixture, 0, 1, 0.0, method=method, n=64)
            assert (linear.value, linear.low) == (0.0, 0.0)
            assert 0.0 < linear.high < 1e-300
            assert linear.log_value == pytest.approx(truth, rel=1e-9)
    assert total_variation(mixture, 0, 1, 0.0).value == 1.0


def test_many_components_of_different_widths_keep_their_logarithms():
    # On a line and, with an idle axis, on a plane and in space: far beyond the smallest float.
    means, variances = np.array([0.0, 3.0, 120.0, 140.0]), np.array([1.0, 2.0, 0.5, 3.0])
    line = GaussianMixture(means[:, None], variances)
    truth = log_overlap(line, [0, 1], [2, 3], 0.0).value
    assert -5000 < truth < -800
    for dim, tolerance in ((2, 1e-6), (3, 0.3)):
        wide = GaussianMixture(
            np.c_[means, np.zeros((4, dim - 1))], np.c_[variances, np.ones((4, dim - 1))], covariance_type="diag"
        )
        assert log_overlap(wide, [0, 1], [2, 3], 0.0).value == pytest.approx(truth, abs=tolerance)
        bracket = log_overlap(wide, [0, 1], [2, 3], 0.0, method="certified")
        assert bracket.low <= truth <= bracket.high


# ---- precision ------------------------------------------------------------------------------


def test_single_precision_agrees_with_double_far_from_the_origin():
    # Means 1e4 deviations apart and a common offset of 1e6, from the same draws in both precisions.
    times = np.array([0.0, 0.3, 1.0, 3.0, 9.0])
    masks = np.array([[0.0, 0.0, 0.0], [2 / 3, 0.0, 0.0], [1 / 3, 0.4, 0.4], [0.0, 0.6, 0.6]])
    others = np.array([[1.0, 1 / 3, 0.1], [0.0, 2 / 3, 0.2], [0.0, 0.0, 0.4], [0.0, 0.0, 0.3]])
    for kind in ("diag", "full"):
        covariances = FAR.covariances if kind == "diag" else np.stack([np.diag(c) for c in np.asarray(FAR.covariances)])
        mixture = GaussianMixture(FAR.means, covariances, FAR.weights, kind)
        key = jax.random.key(0)
        draws = Draws.of(mixture, times, 256, key)
        noise = draw_noise(draws, key)
        single = overlap_estimates(draws, noise, masks[:, 1:], others[:, 1:])[0]
        with jax.enable_x64(True):
            wide = jax.tree_util.tree_map(lambda x: np.asarray(x, np.float64), noise)
            double = overlap_estimates(draws, wide, masks[:, 1:], others[:, 1:])[0]
        assert np.abs(single - double).max() < 1e-4
    assert not jax.config.jax_enable_x64


def test_overlaps_of_close_components_survive_far_ones_and_an_offset():
    here = GaussianMixture(np.asarray(FAR.means) - 1e6, FAR.covariances, FAR.weights, "diag")
    for pair in ((0, 1), (2, 3)):
        near, far = (overlap(m, *pair, 0.2, method="estimated", n=20_000) for m in (here, FAR))
        assert abs(near.value - far.value) < 1e-4
    low, high = (log_overlap(FAR, [0, 1], [2, 3], 0.0, method="certified").low for _ in range(2))
    assert low == high
    assert np.isfinite(low)


# ---- interrupted ----------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["overlap_estimates", "draw_noise", "return_estimates"])
def test_an_interrupt_leaves_a_survey_usable(monkeypatch, where):
    weights = np.asarray(SPACE.weights)[:, None]
    a, b = (np.where(np.arange(4)[:, None] // 2 == side, weights, 0.0) for side in (0, 1))
    asked = Survey(SPACE, np.array([0.3]), 64)

    def ask(one):
        return one.overlaps(a / a.sum(), b / b.sum()).value, one.returns(a > 0, np.ones_like(a, bool)).value

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(survey, where, interrupt)
        with pytest.raises(KeyboardInterrupt):
            ask(asked)
    np.testing.assert_array_equal(ask(asked), ask(Survey(SPACE, np.array([0.3]), 64)))


def test_an_interrupt_leaves_a_mixture_usable(monkeypatch):
    before = overlap(FAR, 0, [2, 3], 8.0, method="estimated", n=64)

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    for module, name in ((importance, "log_weights"), (ways, "estimate_rare"), (ways, "Survey")):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, interrupt)
            with pytest.raises(KeyboardInterrupt):
                overlap(FAR, 0, 1, 0.0, method="estimated", rtol=0.1)
    assert overlap(FAR, 0, [2, 3], 8.0, method="estimated", n=64) == before


# ---- bad arguments --------------------------------------------------------------------------

BAD = {
    "a empty": ({"a": []}, ValueError, "a is empty"),
    "a out of range": ({"a": [7]}, ValueError, "a has the index 7, but components run from 0 to 3"),
    "a negative": ({"a": -1}, ValueError, "a has the index -1"),
    "a unknown": ({"a": "x"}, ValueError, "a has the unknown label 'x'"),
    "a wrong dtype": ({"a": [0.5]}, TypeError, "a must hold component indices or labels, not 0.5"),
    "a a number": ({"a": 1.5}, TypeError, "a must be component indices or labels, not 1.5"),
    "b empty": ({"b": ()}, ValueError, "b is empty"),
    "b unknown": ({"b": ["1", "one"]}, ValueError, "b has the unknown label 'one'"),
    "t negative": ({"t": -0.1}, ValueError, "t must be finite and not negative .*got -0.1"),
    "t NaN": ({"t": [0.1, np.nan]}, ValueError, "t must be finite"),
    "t infinite": ({"t": np.inf}, ValueError, "t must be finite"),
    "t words": ({"t": "soon"}, ValueError, "t must be an OU time or an array of them, not 'soon'"),
    "t a digit string": ({"t": "0.5"}, ValueError, "t must be an OU time or an array of them, not '0.5'"),
    "t complex": ({"t": 1j}, ValueError, "t must be an OU time"),
    "t none": ({"t": None}, ValueError, "t must be an OU time"),
    "t empty": ({"t": []}, ValueError, r"t must hold at least one OU time, not shape \(0,\)"),
    "method": ({"method": "exat"}, ValueError, "method must be one of .*not 'exat'; did you mean 'exact'"),
    "method none": ({"method": None}, ValueError, "method must be one of"),
    "n small": ({"n": 1}, ValueError, "n must be an integer of at least 2, not 1"),
    "n float": ({"n": 100.0}, ValueError, "n must be an integer of at least 2, not 100.0"),
    "n bool": ({"n": True}, ValueError, "n must be an integer"),
    "seed negative": ({"seed": -1}, ValueError, "seed must be an integer of at least 0, not -1"),
    "seed float": ({"seed": 0.5}, ValueError, "seed must be an integer"),
    "rtol zero": ({"rtol": 0.0}, ValueError, "rtol must be a positive number and less than 1, not 0.0"),
    "rtol negative": ({"rtol": -0.1}, ValueError, "rtol must be a positive number"),
    "rtol one": ({"rtol": 1.0}, ValueError, "rtol must be a positive number and less than 1, not 1.0"),
    "rtol NaN": ({"rtol": np.nan}, ValueError, "rtol must be a positive number"),
    "rtol words": ({"rtol": "1%"}, ValueError, "rtol must be a positive number and less than 1, not '1%'"),
    "rtol array": ({"rtol": [0.1, 0.2]}, ValueError, "rtol must be a positive number"),
    "budget zero": ({"budget": 0}, ValueError, "budget must be a positive number, not 0"),
    "budget infinite": ({"budget": np.inf}, ValueError, "budget must be a positive number, not inf"),
    "budget NaN": ({"budget": np.nan}, ValueError, "budget must be a positive number"),
    "no exact way": ({"method": "exact"}, ValueError, "method 'exact' needs components on a line or a plane"),
}


@pytest.mark.parametrize("function", [overlap, log_overlap, total_variation])
@pytest.mark.parametrize("name", BAD)
def test_bad_arguments_are_named(function, name):
    changes, error, message = BAD[name]
    arguments = {"a": 0, "b": [1, 2], "t": 0.5} | changes
    with pytest.raises(error, match=message):
        function(SPACE, **arguments)


def test_a_line_of_times_keeps_its_shape():
    times = np.array([[0.1, 0.5], [1.0, clock.from_sigma(3.0)]])
    found = overlap(random_mixture("full", dim=2), 0, 1, times)
    assert found.value.shape == found.log_value.shape == (2, 2)
    assert isinstance(overlap(SPACE, 0, 1, 0.5, n=64).value, float)


def test_components_of_other_kinds_are_drawn_until_the_wanted_error_is_reached():
    gaussian = GaussianMixture(np.c_[[0.0, 2.5], np.zeros((2, 2))], 1.0)
    # Products of normals are Gaussians, but known to nobody as such: their brackets are wide.
    other = LogConcaveMixture([Product([Normal(x, 1.0) for x in m]) for m in np.asarray(gaussian.means)])
    truth = overlap(gaussian, 0, 1, 0.2).value
    found = overlap(other, 0, 1, 0.2, n=256, rtol=0.05, budget=60.0)
    assert (found.method, found.status, found.relative_error <= 0.05) == ("estimated", "complete", True)
    assert abs(found.value - truth) < 4.5 * 0.0255 * truth
    with pytest.warns(BudgetWarning, match=r"0\.001 s were spent"):
        assert overlap(other, 0, 1, 0.2, n=64, rtol=1e-4, budget=1e-3).status == "budget spent"
