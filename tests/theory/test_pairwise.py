"""LC24's pairwise times: closed forms, Lemma 15, brackets, and their place beside LKC25's."""

import math

import numpy as np
import pytest
from scipy import special

from critwin_widgets.engine import GaussianMixture, LogConcaveMixture, total_variation
from critwin_widgets.engine.components import Gaussian
from critwin_widgets.theory import compare_windows, end_time, lower_time, start_time, upper_time
from tests.mixtures import random_mixture

EPS = 0.2


def pair_distances(mixture, rows, columns, t):
    """Total variation of every pair, one `total_variation` at a time."""
    return np.array([[total_variation(mixture, i, j, t).value for j in columns] for i in rows if True])


def test_closed_form_for_one_variance():
    # Delta_t = gap e^{-t} / sqrt(variance e^{-2t} + 1 - e^{-2t}); TV = erf(Delta / 2 sqrt 2).
    variance = 0.5
    mixture = GaussianMixture([[0.0, 0.0], [3.0, 4.0], [30.0, 40.0], [31.0, 40.0]], variance)

    def time_at(gap, tv):
        delta = 2 * math.sqrt(2) * special.erfinv(tv)
        return 0.5 * math.log(1 + (gap / delta) ** 2 - variance)

    lower, upper = lower_time(mixture, 0, [0, 1], EPS), upper_time(mixture, [0, 1], EPS)
    assert (lower.method, lower.status, upper.status) == ("exact", "reached", "separated")
    assert lower.value == pytest.approx(time_at(5.0, EPS), rel=1e-9)
    # The closest pair across is (3, 4) and (30, 40), a gap of 45.
    assert upper.value == pytest.approx(time_at(45.0, 1 - EPS**2), rel=1e-9)


@pytest.mark.parametrize("kind", ["spherical", "diag", "tied", "full"])
def test_exact_for_every_shared_covariance(kind):
    rng = np.random.default_rng(2)
    root = rng.normal(size=(4, 4))
    covariance = root @ root.T / 4 + 0.1 * np.eye(4)
    covariances = {
        "spherical": np.full(5, 0.6),
        "diag": np.tile(np.diag(covariance), (5, 1)),
        "tied": covariance,
        "full": np.tile(covariance, (5, 1, 1)),
    }
    mixture = GaussianMixture(12 * rng.normal(size=(5, 4)), covariances[kind], covariance_type=kind)
    lower, upper = lower_time(mixture, [0, 1], [0, 1, 2], EPS), upper_time(mixture, [0, 1, 2], EPS)
    assert lower.method == upper.method == "exact"
    assert pair_distances(mixture, [0, 1], [0, 1, 2], lower.value).max() == pytest.approx(EPS, rel=1e-6)
    closest = pair_distances(mixture, [0, 1, 2], [3, 4], upper.value).min()
    assert closest == pytest.approx(1 - EPS**2, rel=1e-6)


def test_exact_on_a_line_with_different_variances():
    mixture = GaussianMixture([[-9.0], [-7.0], [8.0]], [1.0, 0.3, 2.0])
    lower = lower_time(mixture, 0, [0, 1], EPS, method="exact")
    assert pair_distances(mixture, [0], [0, 1], lower.value).max() == pytest.approx(EPS, rel=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_lemma_15_and_what_follows_from_it(seed):
    # On a line everything is exact: TV(p_t^init, p_t^target) <= max over pairs, hence T_end <= T_lower.
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.1, 1, 5)
    mixture = GaussianMixture(4 * rng.normal(size=(5, 1)), rng.uniform(0.2, 2, 5), weights / weights.sum())
    init, target = [0, 1], [0, 1, 2, 3]
    for t in (0.0, 0.4, 1.0, 2.0):
        largest = pair_distances(mixture, init, target, t).max()
        assert total_variation(mixture, init, target, t).value <= largest + 1e-12
    assert end_time(mixture, init, target, EPS).value <= lower_time(mixture, init, target, EPS).value + 1e-6


def test_neither_start_time_bounds_the_other():
    # Two neighbours together cover more of the middle component than either alone, and, when most of
    # the rest is far away, less of it than the one that is near.
    around = GaussianMixture([[0.0], [-8.0], [8.0]], 1.0)
    assert start_time(around, 0, EPS).value < upper_time(around, 0, EPS).value
    far = GaussianMixture([[0.0], [8.0], [200.0]], 1.0, [0.5, 0.01, 0.49])
    assert start_time(far, 0, EPS).value > upper_time(far, 0, EPS).value


def test_brackets_hold_the_estimates():
    mixture = random_mixture("full", count=4, dim=3, seed=1, spread=14.0)
    for function, subsets in ((lower_time, (0, [0, 1])), (upper_time, ([0, 1],))):
        proven = function(mixture, *subsets, 0.3, method="certified")
        found = function(mixture, *subsets, 0.3, method="estimated", n=512)
        assert (proven.method, found.method) == ("certified", "estimated")
        assert proven.low <= found.low <= found.value <= found.high <= proven.high


def test_components_that_are_not_gaussian_are_bracketed():
    means, variances = [[-20.0, 0.0], [-19.0, 1.0], [20.0, 0.0]], [1.0, 0.5, 1.5]
    plain = GaussianMixture(means, variances)
    opaque = LogConcaveMixture([Gaussian(m, v) for m, v in zip(means, variances, strict=True)])
    for function, subsets in ((lower_time, (0, [0, 1])), (upper_time, ([0, 1],))):
        loose = function(opaque, *subsets, EPS, method="certified")
        tight = function(plain, *subsets, EPS, method="certified")
        assert loose.method == "certified"
        assert loose.low <= tight.high
        assert tight.low <= loose.high


def test_thousands_of_components_of_one_covariance_need_no_table():
    rng = np.random.default_rng(0)
    means = np.r_[rng.normal(size=(3000, 2)), rng.normal(size=(3000, 2)) + 1e3]
    found = upper_time(GaussianMixture(means, 1e-4), range(3000), EPS)
    assert found.method == "exact"
    assert found.value == pytest.approx(math.log(1e3), abs=1.5)


def test_statuses():
    mixture = GaussianMixture([[0.0], [0.1], [1.0]], 1.0)
    assert lower_time(mixture, 0, 0, EPS).status == "always within"
    assert lower_time(mixture, 0, [0, 1], EPS).status == "always within"
    assert upper_time(mixture, 0, EPS).status == "never separated"
    assert upper_time(mixture, range(3), EPS).status == "unbounded"
    assert not upper_time(mixture, 0, EPS).exists


def test_both_papers_windows_in_one_call():
    mixture = GaussianMixture([[-60.0], [-57.0], [60.0]], 1.0)
    found = compare_windows(mixture, 0, [0, 1], 0.1)
    assert found.lkc25 == found.lc24 == "open"
    assert found.end == end_time(mixture, 0, [0, 1], 0.1)
    assert found.start == start_time(mixture, [0, 1], 0.1)
    assert found.lower == lower_time(mixture, 0, [0, 1], 0.1)
    assert found.upper == upper_time(mixture, [0, 1], 0.1)
    assert "T_lower" in str(found)
    assert (found.init, found.target, found.eps) == ((0,), (0, 1), 0.1)
    near = GaussianMixture([[0.0], [4.0], [12.0]], 1.0)
    assert compare_windows(near, 0, [0, 1], 0.1).lc24 == "empty"
    assert compare_windows(GaussianMixture([[0.0], [1.0], [2.0]], 1.0), 0, [0, 1], 0.1).lc24 == "not separated"


BAD = [
    ({"init": 2}, "init must lie inside target"),
    ({"init": []}, "init is empty"),
    ({"target": []}, "target is empty"),
    ({"target": "nobody"}, "nobody"),
    ({"target": 9}, "target"),
    ({"eps": 0.0}, "eps must lie strictly between 0 and 1"),
    ({"eps": 1.5}, "eps must lie strictly between 0 and 1"),
    ({"eps": np.nan}, "eps must lie strictly between 0 and 1"),
    ({"eps": "small"}, "eps must be a number"),
    ({"method": "guess"}, "method must be one of"),
    ({"method": "exact"}, "method 'exact' needs"),
    ({"n": 1}, "n must be an integer of at least 2"),
    ({"n": 3.5}, "n must be an integer"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
@pytest.mark.parametrize("function", [lower_time, upper_time, compare_windows], ids=lambda f: f.__name__)
def test_bad_arguments_are_named(function, change, message):
    mixture = GaussianMixture([[0.0] * 3, [1.0] * 3, [5.0] * 3], [1.0, 1.5, 2.0])
    arguments = {"init": 0, "target": [0, 1], "eps": EPS} | change
    if function is upper_time:
        del arguments["init"]
        if "init" in change:
            return
    with pytest.raises(ValueError, match=message):
        function(mixture, **arguments)


def test_a_table_that_would_not_fit_is_refused_before_it_is_made():
    count = 10_000
    mixture = GaussianMixture(np.arange(count, dtype=float)[:, None] * [1.0, 0.0, 2.0], np.linspace(1, 2, count))
    with pytest.raises(ValueError, match=r"10000 components: their pairs would take 3\.7 GiB"):
        upper_time(mixture, 0, EPS)
