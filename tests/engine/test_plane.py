"""Exact overlaps and returns in two effective dimensions, and of densities that are not Gaussian."""

import numpy as np
import pytest
from scipy import integrate, special, stats

from critwin_widgets.engine import GaussianMixture, LogConcaveMixture, log_overlap, overlap
from critwin_widgets.engine.components import Gaussian, Product, TruncatedNormal
from critwin_widgets.engine.separation import Survey
from critwin_widgets.engine.separation.plane import log_overlap_on_plane, plane_of
from tests.mixtures import random_mixture

TIMES = np.array([0.0, 0.4, 1.5])


def turned(mixture, angle):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return GaussianMixture(
        np.asarray(mixture.means) @ turn.T, turn @ np.asarray(mixture.covariances) @ turn.T, mixture.weights, "full"
    )


@pytest.mark.parametrize("distance", [0.1, 1.0, 5.0, 20.0, 80.0, 300.0])
def test_two_gaussians_have_their_closed_form_down_to_e_to_the_minus_11255(distance):
    place = distance * np.array([np.cos(0.7), np.sin(0.7)])
    spread = plane_of(GaussianMixture([[0.0, 0.0], place], 1.0), np.zeros(1))
    assert spread is not None
    found = log_overlap_on_plane(spread.means[0], spread.covariances[0], np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    assert found.log_value == pytest.approx(np.log(2) + special.log_ndtr(-distance / 2), abs=1e-7)
    assert found.relative_error < 1e-8


def test_an_idle_second_dimension_changes_nothing():
    # The components differ along the first axis only: the plane must give what the line gives.
    means, variances, weights = np.array([-2.0, 0.0, 1.5, 9.0]), np.array([1.0, 0.3, 2.0, 0.5]), [0.1, 0.2, 0.3, 0.4]
    line = GaussianMixture(means[:, None], variances, weights)
    plane = GaussianMixture(np.c_[means, np.zeros(4)], np.c_[variances, np.ones(4)], weights, "diag")
    one, two = (log_overlap(m, [0, 3], [1, 2], TIMES) for m in (line, turned_diag(plane, 0.6)))
    assert one.method == two.method == "exact"
    np.testing.assert_allclose(two.value, one.value, atol=1e-8)


def turned_diag(mixture, angle):
    full = GaussianMixture(mixture.means, np.stack([np.diag(v) for v in mixture.covariances]), mixture.weights, "full")
    return turned(full, angle)


@pytest.mark.parametrize("seed", range(4))
def test_planes_match_a_fine_grid_and_do_not_turn(seed):
    mixture = random_mixture("full", count=4, dim=2, seed=seed)
    found = overlap(mixture, [0, 1], [2, 3], 0.0, method="exact")
    reach = 8 * np.sqrt(mixture.variance_range[1])
    means = np.asarray(mixture.means)
    axes = [np.linspace(means[:, k].min() - reach, means[:, k].max() + reach, 1201) for k in (0, 1)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    logs = [
        stats.multivariate_normal(m, c).logpdf(points) + np.log(w)
        for m, c, w in zip(means, np.asarray(mixture.covariances), np.asarray(mixture.weights), strict=True)
    ]
    weights = np.asarray(mixture.weights)
    p, q = np.exp(logs[:2]).sum(0) / weights[:2].sum(), np.exp(logs[2:]).sum(0) / weights[2:].sum()
    cell = np.prod([axis[1] - axis[0] for axis in axes])
    # The grid's own error: kinks along a curve, second order in the spacing.
    assert found.value == pytest.approx(np.minimum(p, q).sum() * cell, rel=2e-3)
    again = overlap(turned(mixture, 1.1), [0, 1], [2, 3], 0.0, method="exact")
    assert again.value == pytest.approx(found.value, rel=1e-7)
    assert overlap(mixture, [2, 3], [0, 1], 0.0).value == pytest.approx(found.value, rel=1e-7)


def test_three_components_of_one_covariance_span_a_plane_in_any_dimension():
    mixture = random_mixture("tied", count=3, dim=6, seed=2)
    exact = overlap(mixture, 0, [1, 2], TIMES, method="exact")
    bracket = overlap(mixture, 0, [1, 2], TIMES, method="certified")
    estimate = overlap(mixture, 0, [1, 2], TIMES, method="estimated", n=8192)
    assert exact.method == "exact"
    assert (bracket.low <= exact.value).all()
    assert (exact.value <= bracket.high).all()
    error = (estimate.high - estimate.low) / 3.92
    assert (np.abs(estimate.value - exact.value) < 4 * error + 1e-9).all()


def test_what_has_more_than_two_dimensions_is_not_called_exact():
    mixture = random_mixture("full", count=3)
    with pytest.raises(ValueError, match="method 'exact' needs components on a line or a plane"):
        overlap(mixture, 0, 1, 0.5, method="exact")
    with pytest.raises(ValueError, match="needs components on a line or a plane"):
        overlap(random_mixture("tied", count=4), 0, [1, 2, 3], 0.5, method="exact")


def transitions(mixture, method="exact"):
    return Survey(mixture, np.array([0.2, 1.0]), 4096, 0, method).transitions()


def test_transitions_on_a_plane_are_those_of_the_line_and_of_the_draws():
    means, variances, weights = np.array([-2.0, 0.0, 1.5]), np.array([1.0, 0.1, 2.0]), np.array([0.2, 0.5, 0.3])
    line = GaussianMixture(means[:, None], variances, weights)
    plane = GaussianMixture(np.c_[means, np.zeros(3)], np.c_[variances, np.ones(3)], weights, "diag")
    one, (two, _, method) = transitions(line)[0], transitions(turned_diag(plane, 0.6))
    assert method == "exact"
    np.testing.assert_allclose(two, one, atol=1e-7)
    np.testing.assert_allclose(two.sum(-1), 1.0, atol=1e-9)
    flow = weights[:, None] * two
    np.testing.assert_allclose(flow, np.swapaxes(flow, 1, 2), atol=1e-9)
    mean, error, _ = transitions(turned_diag(plane, 0.6), "estimated")
    assert (np.abs(mean - two) < 4.5 * error + 3.84 / 4096).all()


# ---- densities of other kinds ---------------------------------------------------------------


def test_gaussians_by_their_densities_alone_are_the_same():
    for dim in (1, 2):
        gaussian = random_mixture("full", count=3, dim=dim, seed=4)
        parts = [
            Gaussian(m, c) for m, c in zip(np.asarray(gaussian.means), np.asarray(gaussian.covariances), strict=True)
        ]
        other = LogConcaveMixture(parts, gaussian.weights)
        found = log_overlap(other, 0, [1, 2], 0.3, method="exact")
        assert found.value == pytest.approx(log_overlap(gaussian, 0, [1, 2], 0.3).value, abs=1e-6)


@pytest.fixture(scope="module")
def truncated():
    parts = [TruncatedNormal(0.0, 1.0, -1.0, 2.0), TruncatedNormal(3.0, 1.0, 1.0, 4.0), TruncatedNormal(9.0, 1.0, 8, 9)]
    return LogConcaveMixture([Product([part]) for part in parts], [0.2, 0.3, 0.5])


def test_truncated_densities_meet_where_both_have_mass(truncated):
    first, second = stats.truncnorm(-1, 2), stats.truncnorm(-2, 1, loc=3)
    exact = sum(
        integrate.quad(lambda x: min(first.pdf(x), second.pdf(x)), *ends, epsabs=1e-13)[0]
        for ends in ((1.0, 1.5), (1.5, 2.0))
    )
    found = overlap(truncated, 0, 1, 0.0)
    assert found.method == "exact"
    # The component leaves its support room for the rounding of points in float32: about 1e-6 of a density of 0.3.
    assert found.value == pytest.approx(exact, abs=1e-6)
    # Supports that do not meet: nothing, and not by underflow.
    apart = overlap(truncated, 0, 2, 0.0)
    assert (apart.value, apart.high, apart.log_value) == (0.0, 0.0, -np.inf)


def test_other_densities_lie_in_their_brackets_and_their_estimates_near_them(truncated):
    exact = overlap(truncated, 0, [1, 2], TIMES, method="exact")
    bracket = overlap(truncated, 0, [1, 2], TIMES, method="certified")
    estimate = overlap(truncated, 0, [1, 2], TIMES, method="estimated", n=4096)
    assert (bracket.low <= exact.value * (1 + 1e-6)).all()
    assert (exact.value <= bracket.high * (1 + 1e-6)).all()
    assert (np.abs(estimate.value - exact.value) < 4.5 * (estimate.high - estimate.low) / 3.92).all()
    assert (np.diff(exact.value) > 0).all()
