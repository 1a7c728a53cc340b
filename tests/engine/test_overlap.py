"""Overlaps against references and closed forms, and the laws every overlap obeys."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from critwin_widgets.engine import Estimate, GaussianMixture, overlap, total_variation
from tests.mixtures import random_mixture
from tests.references import CASES, mixture_of

TIMES = np.array([0.05, 0.3, 1.0, 2.0])


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"])
def test_references_on_a_line_are_met_exactly(case):
    mixture = mixture_of(case)
    rest = [k for k in range(mixture.n_components) if k not in case["target"]]
    for curve in case["curves"]:
        found = overlap(mixture, case["target"], rest, curve["t"])
        assert found.method == "exact"
        assert found.value == pytest.approx(curve["overlap_target_rest"], rel=1e-4)
        within = total_variation(mixture, case["init"], case["target"], curve["t"])
        assert within.value == pytest.approx(curve["tv_init_target"], rel=1e-5, abs=1e-12)


def test_two_gaussians_have_the_error_function_of_their_distance():
    for dim in (1, 7):
        mean = np.full(dim, 3.0 / np.sqrt(dim))
        mixture = GaussianMixture([mean, -mean], 1.0)
        for t in (0.0, 0.5, 1.5, 4.0):
            exact = special.erf(np.exp(-t) * 3.0 / np.sqrt(2))
            assert total_variation(mixture, 0, 1, t).value == pytest.approx(exact, rel=1e-12)
            # With equal weights TV(p+, p) is half of TV(p+, p-).
            assert total_variation(mixture, 0, [0, 1], t).value == pytest.approx(exact / 2, rel=1e-12)


def test_tiny_overlaps_keep_their_digits():
    mixture = GaussianMixture([[30.0], [-30.0]], 1.0)
    assert overlap(mixture, 0, 1, 0.0).value == pytest.approx(special.erfc(30 / np.sqrt(2)), rel=1e-10)


def test_two_widths_on_a_line_match_numerical_integration():
    mixture = GaussianMixture([[0.0], [0.5]], [1.0, 9.0], [0.3, 0.7])
    grid = np.linspace(-60, 60, 2_000_001)
    exact = np.minimum(stats.norm.pdf(grid, 0, 1), stats.norm.pdf(grid, 0.5, 3)).sum() * (grid[1] - grid[0])
    assert overlap(mixture, 0, 1, 0.0).value == pytest.approx(exact, rel=1e-7)


@pytest.mark.parametrize("kind", ["spherical", "diag", "tied", "full"])
def test_estimates_agree_with_brute_force_inside_the_bracket(kind):
    mixture = random_mixture(kind)
    estimated = overlap(mixture, [0, 1], [2, 3, 4], TIMES, n=8192)
    certified = overlap(mixture, [0, 1], [2, 3, 4], TIMES, method="certified")
    assert (certified.low <= estimated.low).all()
    assert (estimated.high <= certified.high).all()
    for k, t in enumerate(TIMES):
        noised = mixture.at(float(t))
        y = noised.sample(11, 200_000)
        base = noised.log_prob(y)
        ratios = np.exp(np.minimum(noised.log_prob(y, [0, 1]), noised.log_prob(y, [2, 3, 4])) - base)
        error = np.hypot(np.std(ratios) / np.sqrt(len(ratios)), (estimated.high[k] - estimated.low[k]) / 3.92)
        assert abs(estimated.value[k] - np.mean(ratios)) < 4 * error


@pytest.mark.parametrize("kind", ["diag", "full"])
def test_one_covariance_written_in_another_type_is_the_same_question(kind):
    plain = random_mixture("spherical", seed=3)
    variance = np.asarray(plain.covariances)
    stretched = {"diag": variance[:, None] * np.ones(3), "full": variance[:, None, None] * np.eye(3)}[kind]
    same = GaussianMixture(plain.means, stretched, plain.weights, kind)
    first, second = (overlap(m, [0, 4], [1, 2], TIMES, n=8192) for m in (plain, same))
    error = np.hypot(first.high - first.low, second.high - second.low) / 3.92
    assert (np.abs(first.value - second.value) < 4 * error + 1e-6).all()


def test_high_dimensions_of_spherical_components_reduce_to_a_radius():
    rng = np.random.default_rng(5)
    means, variances = rng.normal(size=(3, 40)), np.array([1.0, 1.3, 0.8])
    spherical = GaussianMixture(means, variances)
    diag = GaussianMixture(means, variances[:, None] * np.ones(40), covariance_type="diag")
    first, second = (overlap(m, 0, [1, 2], TIMES, n=8192) for m in (spherical, diag))
    error = np.hypot(first.high - first.low, second.high - second.low) / 3.92
    assert (np.abs(first.value - second.value) < 4 * error + 1e-6).all()


def test_the_interval_covers_the_truth_over_200_seeds():
    # On a line the truth is exact, so that coverage can be counted: 95 % nominal, and a binomial
    # count below 180 of 200 has probability 0.2 %.
    mixture = GaussianMixture([[-2.0], [0.0], [1.5], [4.0]], [1.0, 0.5, 2.0, 1.0], [0.1, 0.2, 0.3, 0.4])
    truth = overlap(mixture, [0, 3], [1, 2], 0.4)
    assert truth.method == "exact"
    inside = 0
    for seed in range(200):
        found = overlap(mixture, [0, 3], [1, 2], 0.4, method="estimated", n=512, seed=seed)
        inside += found.low <= truth.value <= found.high
    assert inside >= 180


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.0, 3.0))
def test_brackets_hold_on_random_mixtures_of_a_line(seed, t):
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 6))
    weights = rng.uniform(0.05, 1, count)
    mixture = GaussianMixture(
        rng.normal(size=(count, 1)) * rng.uniform(0.5, 20), rng.uniform(0.1, 4, count), weights / weights.sum()
    )
    size = int(rng.integers(1, count))
    a, b = range(size), range(size, count)
    exact = overlap(mixture, a, b, t).value
    bracket = overlap(mixture, a, b, t, method="certified")
    assert bracket.low <= exact * (1 + 1e-9) + 1e-300
    assert exact <= bracket.high * (1 + 1e-9) + 1e-300


@pytest.mark.parametrize("kind", ["tied", "full"])
def test_overlap_grows_with_time(kind):
    mixture = random_mixture(kind)
    found = overlap(mixture, [0, 1, 2], [3, 4], np.linspace(0, 4, 60))
    error = (found.high - found.low) / 3.92
    # Common random numbers: neighbours differ by far less than their standard errors.
    assert (np.diff(found.value) > -error[1:]).all()
    assert found.value[-1] > 0.9


def test_rotation_translation_relabelling_and_splitting_change_nothing():
    mixture = random_mixture("full", seed=7)
    rng = np.random.default_rng(1)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    means, covariances, weights = (np.asarray(x) for x in (mixture.means, mixture.covariances, mixture.weights))
    base = overlap(mixture, [0, 1], [2, 3, 4], TIMES, n=8192)
    others = {
        "rotated": (GaussianMixture(means @ turn.T, turn @ covariances @ turn.T, weights, "full"), [0, 1], [2, 3, 4]),
        "translated": (GaussianMixture(means + 100.0, covariances, weights, "full"), [0, 1], [2, 3, 4]),
        "relabelled": (GaussianMixture(means[::-1], covariances[::-1], weights[::-1], "full"), [4, 3], [2, 1, 0]),
        "split": (
            GaussianMixture(
                np.concatenate([means, means[:1]]),
                np.concatenate([covariances, covariances[:1]]),
                np.concatenate([[weights[0] / 2], weights[1:], [weights[0] / 2]]),
                "full",
            ),
            [0, 1, 5],
            [2, 3, 4],
        ),
    }
    for name, (other, a, b) in others.items():
        found = overlap(other, a, b, TIMES, n=8192)
        error = np.hypot(found.high - found.low, base.high - base.low) / 3.92
        assert (np.abs(found.value - base.value) < 4 * error + 1e-6).all(), name
    rotated = overlap(others["rotated"][0], [0, 1], [2, 3, 4], TIMES, method="certified")
    straight = overlap(mixture, [0, 1], [2, 3, 4], TIMES, method="certified")
    np.testing.assert_allclose(rotated.high, straight.high, rtol=1e-9)


def test_nested_and_equal_sets():
    mixture = random_mixture("tied")
    assert overlap(mixture, [0, 1], [1, 0], 0.7) == Estimate(1.0, 1.0, 1.0, "exact")
    nested = overlap(mixture, [0], [0, 1, 2], 0.7)
    weights = np.asarray(mixture.weights)
    share = weights[0] / weights[:3].sum()
    apart = overlap(mixture, [0], [1, 2], 0.7)
    assert nested.value == pytest.approx(share + (1 - share) * apart.value, rel=1e-12)


def test_means_a_million_deviations_apart_leave_close_pairs_exact():
    mixture = GaussianMixture([[0.0, 0.0], [2.0, 0.0], [1e6, 1e6]], 1.0)
    assert overlap(mixture, 0, 1, 0.0).value == pytest.approx(special.erfc(1 / np.sqrt(2)), rel=1e-9)
    estimated = overlap(mixture, [0, 2], [1], 0.0, n=20_000)
    # [0, 2] meets [1] through component 0 alone, which has half of its weight.
    delta, threshold = 2.0, 1.0 + np.log(0.5) / 2.0
    exact = 0.5 * stats.norm.cdf(-threshold) + stats.norm.cdf(threshold - delta)
    assert estimated.low - 1e-3 < exact < estimated.high + 1e-3
