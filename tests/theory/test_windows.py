"""Start times, end times and windows against references and the two-Gaussian example."""

import itertools

import jax
import numpy as np
import pytest
from scipy.special import erfinv

from critwin_widgets.engine import BudgetWarning, GaussianMixture, overlap, total_variation
from critwin_widgets.theory import CriticalWindow, Time, critical_window, end_time, start_time
from tests.mixtures import random_mixture
from tests.references import CASES, mixture_of

PLANE = GaussianMixture(
    [[0.0, 0.0], [4.0, 0.0], [0.0, 60.0], [4.0, 62.0]],
    [1.0, 0.7, 1.2, 1.0],
    [0.1, 0.3, 0.35, 0.25],
    labels=list("abcd"),
)


def groups(kind: str, idle: int = 0) -> GaussianMixture:
    """Two far groups of two components on a plane, and the same with idle axes."""
    spread = np.array([[1.0, 0.6], [0.7, 1.3], [1.1, 0.9], [0.8, 1.2]])
    means = np.array([[0.0, 0.0], [4.0, 1.0], [25.0, 4.0], [28.0, -2.0]])
    means, spread = np.c_[means, np.zeros((4, idle))], np.c_[spread, np.ones((4, idle))]
    if kind == "diag":
        return GaussianMixture(means, spread, [0.1, 0.3, 0.35, 0.25], "diag")
    full = np.stack([np.diag(v) for v in spread])
    full[:, 0, 1] = full[:, 1, 0] = [0.2, -0.3, 0.1, 0.4]
    return GaussianMixture(means, full, [0.1, 0.3, 0.35, 0.25], "full")


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
    # 95 % nominal; fewer than 24 of 30 has probability below 0.1 %.
    case = CASES[0]
    mixture = mixture_of(case)
    covered = 0
    for row, seed in itertools.product(case["times"][:3], range(5)):
        start = start_time(mixture, case["target"], row["eps"], method="estimated", n=1024, seed=seed)
        end = end_time(mixture, case["init"], case["target"], row["eps"], method="estimated", n=1024, seed=seed)
        assert start.value == pytest.approx(row["t_start"], abs=0.08)
        covered += start.low <= row["t_start"] <= start.high
        covered += end.low <= row["t_end"] <= end.high
    assert covered >= 24


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


def test_a_list_of_levels_gives_each_its_time():
    levels = [0.05, 0.5]
    starts, ends = start_time(PLANE, list("ab"), levels), end_time(PLANE, "a", list("ab"), np.array(levels))
    assert starts == tuple(start_time(PLANE, list("ab"), eps) for eps in levels)
    assert ends == tuple(end_time(PLANE, "a", list("ab"), eps) for eps in levels)
    # A weaker demand holds longer, and is met sooner.
    assert starts[0].value < starts[1].value
    assert ends[0].value > ends[1].value
    windows = critical_window(PLANE, "a", list("ab"), levels)
    assert [(w.t_before, w.limit) for w in windows] == list(zip(ends, starts, strict=True))
    assert start_time(PLANE, range(4), levels) == (start_time(PLANE, range(4), 0.1),) * 2


@pytest.mark.parametrize("kind", ["diag", "full"])
def test_exact_times_lie_in_certified_brackets_and_where_the_curve_crosses(kind):
    mixture = groups(kind)
    for eps in (0.3, 1e-3):
        start = start_time(mixture, [0, 1], eps, method="exact")
        bracket = start_time(mixture, [0, 1], eps, method="certified")
        assert overlap(mixture, [0, 1], [2, 3], start.value).value == pytest.approx(eps**2, rel=1e-6)
        assert bracket.low <= start.value <= bracket.high
        end = end_time(mixture, 0, [0, 1], eps, method="exact")
        bracket = end_time(mixture, 0, [0, 1], eps, method="certified")
        assert total_variation(mixture, 0, [0, 1], end.value).value == pytest.approx(eps, rel=1e-6)
        assert bracket.low <= end.value <= bracket.high


def test_a_wanted_error_narrows_the_interval_around_the_exact_time():
    # The same question on a plane, where it is exact, and with idle axes, where it is estimated.
    flat, deep = groups("diag"), groups("diag", idle=2)
    for eps in (0.2, 1e-3):  # overlaps of 4 % and of one in a million
        truth = start_time(flat, [0, 1], eps, method="exact").value
        plain = start_time(deep, [0, 1], eps, n=256)
        found = start_time(deep, [0, 1], eps, n=256, rtol=0.02, budget=60.0)
        assert (plain.method, found.method, found.complete) == ("estimated", "estimated", True)
        assert found.low <= found.value <= found.high
        assert found.high - found.low < plain.high - plain.low
        assert abs(found.value - truth) < 2.3 * (found.high - found.low) / 2 + 1e-6


def test_a_spent_budget_is_said():
    deep = random_mixture("full", count=4, seed=3, spread=8.0)
    with pytest.warns(BudgetWarning, match="spent before the relative error 1e-06"):
        found = start_time(deep, [0, 1], 0.2, n=64, rtol=1e-6, budget=0.02)
    assert not found.complete
    assert found.low < found.value < found.high


def test_intervals_of_times_of_rare_overlaps_cover_the_exact_ones():
    # 95 % nominal; fewer than 33 of 40 has probability below 0.1 %.
    flat, deep = groups("diag"), groups("diag", idle=2)
    truth = start_time(flat, [0, 1], 0.01, method="exact").value
    found = [start_time(deep, [0, 1], 0.01, method="estimated", n=64, seed=seed) for seed in range(40)]
    assert sum(x.low <= truth <= x.high for x in found) >= 33
    bracket = start_time(deep, [0, 1], 0.01, method="certified")
    assert all(bracket.low <= x.low <= x.high <= bracket.high for x in found)


def test_times_are_the_same_in_both_precisions_far_from_the_origin():
    # Means 1e4 deviations apart, a common offset of 1e6: the times of the mixture at the origin.
    places = np.array([[0.0, 0.0], [4.0, 0.0], [1e4, 0.0], [1e4, 5.0]])
    near, far = (GaussianMixture(places + shift, [1.0, 0.7, 1.2, 1.0]) for shift in (0.0, 1e6))
    for function, sides in ((start_time, ([0, 1],)), (end_time, (0, [0, 1]))):
        truth = function(near, *sides, 0.1).value
        assert function(far, *sides, 0.1).value == pytest.approx(truth, abs=1e-6)
        with jax.enable_x64(True):
            assert function(far, *sides, 0.1).value == pytest.approx(truth, abs=1e-6)
    single, shifted = (start_time(m, [0, 1], 0.1, method="estimated", n=256) for m in (near, far))
    assert abs(single.value - shifted.value) < 1e-3


def test_a_windows_status_says_whether_the_intervals_settle_it():
    found = critical_window(PLANE, "a", list("ab"), 0.4)
    assert (found.status, found.certain) == ("window", True)
    assert found.limit == start_time(PLANE, list("ab"), 0.4)
    apart, merged, limit = (Time(x, x - 0.1, x + 0.1, "", "estimated") for x in (0.5, 1.0, 1.15))
    assert not CriticalWindow(apart, merged, "window", (0,), (0, 1), limit).certain
    assert not CriticalWindow(apart, limit, "open above", (0,), (0, 1), merged).certain


def test_a_start_that_the_draws_cannot_exclude_is_said():
    # Overlap at time 0 just above the level: never separated, but a small interval does not know.
    line = GaussianMixture([[0.0], [3.0]], [1.0, 1.1], [0.4, 0.6])
    eps = float(np.sqrt(overlap(line, 0, 1, 0.0).value)) * 0.999
    exact = start_time(line, 0, eps)
    assert (exact.status, exact.exists, np.isnan(exact.high)) == ("never separated", False, True)
    estimates = [start_time(line, 0, eps, method="estimated", n=256, seed=seed) for seed in range(6)]
    assert all(x.high > 0 for x in estimates)
    assert {x.status for x in estimates} <= {"separated", "never separated"}


BAD = {
    "eps zero": ({"eps": 0.0}, ValueError, "eps must lie strictly between 0 and 1, not 0.0"),
    "eps one": ({"eps": 1.0}, ValueError, "eps must lie strictly between 0 and 1, not 1.0"),
    "eps negative": ({"eps": -0.1}, ValueError, "eps must lie strictly between 0 and 1, not -0.1"),
    "eps NaN": ({"eps": np.nan}, ValueError, "eps must lie strictly between 0 and 1"),
    "eps infinite": ({"eps": np.inf}, ValueError, "eps must lie strictly between 0 and 1"),
    "eps words": ({"eps": "small"}, ValueError, "eps must be a number strictly between 0 and 1, not 'small'"),
    "eps none": ({"eps": None}, ValueError, "eps must be a number strictly between 0 and 1, not None"),
    "eps complex": ({"eps": 0.1j}, ValueError, "eps must be a number strictly between 0 and 1"),
    "eps empty": ({"eps": []}, ValueError, r"eps must be one level or a list of at least one, not shape \(0,\)"),
    "eps table": ({"eps": [[0.1]]}, ValueError, r"eps must be one level or a list of at least one"),
    "eps in a list": ({"eps": [0.1, 2.0]}, ValueError, r"eps\[1\] must lie strictly between 0 and 1, not 2.0"),
    "method": ({"method": "exat"}, ValueError, "method must be one of .*not 'exat'; did you mean 'exact'"),
    "no exact way": ({"method": "exact"}, ValueError, "method 'exact' needs components on a line or a plane"),
    "n small": ({"n": 1}, ValueError, "n must be an integer of at least 2, not 1"),
    "n float": ({"n": 2.5}, ValueError, "n must be an integer of at least 2, not 2.5"),
    "seed": ({"seed": -3}, ValueError, "seed must be an integer of at least 0, not -3"),
    "rtol zero": ({"rtol": 0}, ValueError, "rtol must be a positive number and less than 1, not 0"),
    "rtol NaN": ({"rtol": np.nan}, ValueError, "rtol must be a positive number and less than 1, not nan"),
    "budget": ({"budget": -1.0}, ValueError, "budget must be a positive number, not -1.0"),
    "budget words": ({"budget": "1 s"}, ValueError, "budget must be a positive number, not '1 s'"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments_are_named(name):
    changes, error, message = BAD[name]
    options = {"eps": 0.1} | changes
    deep = random_mixture("full", count=4)
    for function, sides in (
        (start_time, ([0, 1],)),
        (end_time, (0, [0, 1, 2])),
        (critical_window, ([0, 1], [0, 1, 2])),
    ):
        with pytest.raises(error, match=message):
            function(deep, *sides, **options)


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        ([], ValueError, "is empty; name at least one"),
        ([4], ValueError, "has the index 4, but components run from 0 to 3"),
        ("e", ValueError, "has the unknown label 'e'"),
        ([0.5], TypeError, "must hold component indices or labels, not 0.5"),
        (2.5, TypeError, "must be component indices or labels, not 2.5"),
    ],
)
def test_bad_subsets_are_named(bad, error, message):
    for name, call in {
        "target": lambda: start_time(PLANE, bad, 0.1),
        "init": lambda: end_time(PLANE, bad, [0, 1], 0.1),
        "after": lambda: critical_window(PLANE, bad, [0, 1], 0.1),
        "before": lambda: critical_window(PLANE, 0, bad, 0.1),
    }.items():
        with pytest.raises(error, match=f"{name} {message}"):
            call()


def test_subsets_that_do_not_nest_are_named():
    with pytest.raises(ValueError, match=r"init must lie inside target, but \{c\} is not in target \{a, b\}"):
        end_time(PLANE, ["a", "c"], ["a", "b"], 0.1)
    with pytest.raises(ValueError, match=r"after must lie inside before"):
        critical_window(PLANE, [3], [0, 1], 0.1)
    with pytest.raises(ValueError, match=r"after must leave out some component of before"):
        critical_window(PLANE, [0, 1], [0, 1], 0.1)
