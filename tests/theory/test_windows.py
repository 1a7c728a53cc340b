"""Start times, end times and windows against references and the two-Gaussian example."""

import itertools

import numpy as np
import pytest
from scipy.special import erfinv

from critwin_widgets.engine import GaussianMixture, overlap, total_variation
from critwin_widgets.theory import critical_window, end_time, start_time
from tests.references import CASES, mixture_of

PLANE = GaussianMixture(
    [[0.0, 0.0], [4.0, 0.0], [0.0, 60.0], [4.0, 62.0]],
    [1.0, 0.7, 1.2, 1.0],
    [0.1, 0.3, 0.35, 0.25],
    labels=list("abcd"),
)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"])
def test_reference_times(case):
    mixture = mixture_of(case)
    for row in case["times"]:
        start = start_time(mixture, case["target"], row["eps"])
        end = end_time(mixture, case["init"], case["target"], row["eps"])
        assert start.value == pytest.approx(row["t_start"], abs=1e-5)
        assert end.value == pytest.approx(row["t_end"], abs=1e-5)
        assert start.method == end.method == "exact"
        assert start.status == "separated"
        assert end.status == ("always within" if row["t_end"] == 0 else "reached")


@pytest.mark.parametrize("dim", [1, 5])
@pytest.mark.parametrize("eps", [0.05, 0.2, 0.4])
def test_the_window_of_two_gaussians_is_the_papers(dim, eps):
    # LKC25 Example 1, exact form: erf inverses instead of the printed bounds.
    size = 12.0
    mean = np.full(dim, size / np.sqrt(dim))
    found = critical_window(GaussianMixture([mean, -mean], 1.0), 0, [0, 1], eps)
    assert found.t_after.value == pytest.approx(np.log(size / (np.sqrt(2) * erfinv(1 - eps**2))), abs=1e-6)
    assert found.t_before.value == pytest.approx(np.log(size / (np.sqrt(2) * erfinv(2 * eps))), abs=1e-6)
    assert found.status == "window"
    assert found.t_after.value < found.t_before.value


def test_random_means_meet_the_papers_bounds_and_keep_their_width():
    # LKC25 Example 2, one component inside the mixture of random means.
    widths = []
    for dim in (50, 400):
        means = np.random.default_rng(dim).normal(size=(6, dim))
        found = critical_window(GaussianMixture(means, 1.0), 0, range(6), 0.1, n=2048)
        gaps = np.linalg.norm(means[0] - means[1:], axis=1)
        assert found.t_before.low <= np.log(gaps.max()) + np.log(1 / 0.1)
        assert found.t_after.high >= np.log(gaps.min()) - 0.5 * np.log(8 * np.log(6 / 0.1))
        widths.append(found.t_before.value - found.t_after.value)
    assert widths[1] == pytest.approx(widths[0], abs=0.5)


def test_certified_brackets_hold_the_exact_times():
    case = CASES[0]
    mixture = mixture_of(case)
    for row in case["times"]:
        start = start_time(mixture, case["target"], row["eps"], method="certified")
        assert start.low - 1e-6 <= row["t_start"] <= start.high + 1e-6
        end = end_time(mixture, case["init"], case["target"], row["eps"], method="certified")
        assert end.low - 1e-6 <= row["t_end"] <= end.high + 1e-6
        assert start.method == end.method == "certified"


def test_intervals_of_estimated_times_cover_the_exact_ones():
    # 95 % nominal; fewer than 50 of 60 has probability below 0.1 %.
    case = CASES[0]
    mixture = mixture_of(case)
    covered = 0
    for row, seed in itertools.product(case["times"][:3], range(10)):
        start = start_time(mixture, case["target"], row["eps"], method="estimated", seed=seed)
        end = end_time(mixture, case["init"], case["target"], row["eps"], method="estimated", seed=seed)
        assert start.value == pytest.approx(row["t_start"], abs=0.04)
        covered += start.low <= row["t_start"] <= start.high
        covered += end.low <= row["t_end"] <= end.high
    assert covered >= 50


def test_times_are_where_the_curves_cross_their_levels():
    start = start_time(PLANE, "a", 0.5)
    assert overlap(PLANE, "a", list("bcd"), start.value).value == pytest.approx(0.25, rel=1e-3)
    end = end_time(PLANE, "a", list("ab"), 0.1)
    assert total_variation(PLANE, "a", list("ab"), end.value).value == pytest.approx(0.1, rel=1e-3)


def test_statuses_are_named_not_numbered():
    whole = start_time(PLANE, range(4), 0.1)
    assert (whole.value, whole.status) == (np.inf, "unbounded")
    near = GaussianMixture([[0.0], [0.1], [50.0]], 1.0)
    never = start_time(near, 0, 0.1)
    assert np.isnan(never.value)
    assert never.status == "never separated"
    assert not never.exists
    assert end_time(near, 0, [0, 1], 0.1).status == "always within"
    assert critical_window(near, 0, [0, 1], 0.1).status == "not separated"
    # No noise merges 0 with 3 while the pair is still apart from 12.
    close = GaussianMixture([[0.0], [3.0], [12.0]], 0.1)
    assert critical_window(close, 0, [0, 1], 0.05).status == "open above"


@pytest.mark.parametrize("eps", [0.0, 1.0, -0.1, np.nan, "small", None])
def test_eps_out_of_range_is_named(eps):
    for call in (
        lambda: start_time(PLANE, 0, eps),
        lambda: end_time(PLANE, 0, [0, 1], eps),
        lambda: critical_window(PLANE, 0, [0, 1], eps),
    ):
        with pytest.raises(ValueError, match="eps must .*between 0 and 1, not"):
            call()


def test_subsets_that_do_not_nest_are_named():
    with pytest.raises(ValueError, match=r"init must lie inside target, but \{c\} is not in target \{a, b\}"):
        end_time(PLANE, ["a", "c"], ["a", "b"], 0.1)
    with pytest.raises(ValueError, match=r"after must lie inside before"):
        critical_window(PLANE, [3], [0, 1], 0.1)
    with pytest.raises(ValueError, match=r"after must leave out some component of before"):
        critical_window(PLANE, [0, 1], [0, 1], 0.1)
    with pytest.raises(ValueError, match="target is empty"):
        start_time(PLANE, [], 0.1)
    with pytest.raises(ValueError, match="unknown label 'e'"):
        start_time(PLANE, "e", 0.1)
