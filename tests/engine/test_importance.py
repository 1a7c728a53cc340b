"""Importance sampling of rare overlaps: bounded weights, wanted errors reached, honest when they are not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from critwin_widgets.engine import BudgetWarning, GaussianMixture, log_overlap, overlap
from critwin_widgets.engine.separation import importance
from critwin_widgets.engine.separation.tilted import Normals, envelope
from tests.mixtures import random_mixture

KINDS = ["spherical", "diag", "tied", "full"]


def halves(mixture):
    weights = np.asarray(mixture.weights)
    first = np.arange(len(weights)) < len(weights) // 2
    return tuple(np.where(side, weights, 0.0) / weights[side].sum() for side in (first, ~first))


def idle(distance: float, dim: int, kind: str = "diag") -> tuple[GaussianMixture, GaussianMixture]:
    """Two widths on each side along one axis, and the same with idle axes: the first is exact."""
    means = np.array([0.0, 1.0, distance, distance + 1.5])
    variances, weights = np.array([1.0, 0.6, 0.8, 1.3]), [0.1, 0.3, 0.2, 0.4]
    places = np.concatenate([means[:, None], np.zeros((4, dim - 1))], axis=1)
    spread = np.concatenate([variances[:, None], np.ones((4, dim - 1))], axis=1)
    if kind == "full":
        turn = np.linalg.qr(np.random.default_rng(0).normal(size=(dim, dim)))[0]
        return GaussianMixture(means[:, None], variances, weights), GaussianMixture(
            places @ turn.T, np.einsum("ij,kj,lj->kil", turn, spread, turn), weights, "full"
        )
    return GaussianMixture(means[:, None], variances, weights), GaussianMixture(places, spread, weights, "diag")


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(KINDS), st.integers(0, 10_000), st.integers(1, 6), st.floats(0.3, 8.0))
def test_weights_never_exceed_their_bound(kind, seed, dim, spread):
    mixture = random_mixture(kind, count=4, dim=dim, seed=seed, spread=spread)
    question = importance.prepare(mixture, 0.2, *halves(mixture))
    rng = np.random.default_rng(seed)
    drawn = [importance._draw(question, rng, k, 20) for k in np.flatnonzero(question.shares)]
    points, radii = (np.concatenate(part) for part in zip(*drawn, strict=True))
    logs = importance.log_weights(question, points, radii)
    assert (logs <= question.log_bound + 1e-9).all()
    assert np.isfinite(logs).all()
    assert question.shares.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("kind", ["diag", "full"])
def test_the_pairs_integrals_are_what_their_densities_integrate_to(kind):
    # h_ij over the density drawn from is one constant: check it at the draws, pair by pair.
    mixture = random_mixture(kind, count=3, dim=3, seed=1)
    normals = Normals.of(mixture, 0.0)
    a, b = halves(mixture)
    pairs, left = envelope(normals, a, b, 10)
    assert left == -np.inf
    with np.errstate(divide="ignore"):
        log_a, log_b = np.log(a), np.log(b)
    rng = np.random.default_rng(0)
    for k, law in enumerate(pairs.laws):
        points, radii = law.draw(rng, 4000)
        logs = normals.log_densities(points, radii)
        heights = pairs.log_terms(logs + log_a, logs + log_b)[:, k] - pairs.log_integrals[k]
        # A normalised Gaussian has E[-ln h] = its entropy, from the covariance of its draws.
        entropy = 0.5 * np.linalg.slogdet(2 * np.pi * np.e * np.cov(points.T))[1]
        assert -heights.mean() == pytest.approx(entropy, abs=0.1)


@pytest.mark.parametrize("distance", [6.0, 12.0, 30.0])
@pytest.mark.parametrize("kind", ["diag", "full"])
def test_a_wanted_error_is_reached_however_rare(distance, kind):
    line, wide = idle(distance, 4, kind)
    exact = log_overlap(line, [0, 1], [2, 3], 0.05).value
    found = overlap(wide, [0, 1], [2, 3], 0.05, rtol=0.02, budget=60.0)
    assert (found.method, found.status) == ("estimated", "complete")
    assert found.relative_error <= 0.02
    assert abs(found.log_value - exact) < 4.5 * 0.0103
    bracket = overlap(wide, [0, 1], [2, 3], 0.05, method="certified")
    assert bracket.low <= found.low <= found.value <= found.high <= bracket.high


def test_one_covariance_draws_from_the_smaller_density_itself():
    # A single pair: every weight is the same number, and the estimate has no error.
    mixture = GaussianMixture(np.c_[[0.0, 9.0], np.zeros((2, 4))], 1.0, [0.3, 0.7])
    found = overlap(mixture, 0, 1, 0.0, method="estimated", n=64)
    assert found.value == pytest.approx(special.erfc(9 / (2 * np.sqrt(2))), rel=1e-9)


def test_spherical_components_in_high_dimensions_are_the_same_as_diagonal_ones():
    rng = np.random.default_rng(5)
    means, variances = 4 * rng.normal(size=(3, 30)), np.array([1.0, 1.3, 0.8])
    spherical = GaussianMixture(means, variances)
    diag = GaussianMixture(means, variances[:, None] * np.ones(30), covariance_type="diag")
    first, second = (log_overlap(m, 0, [1, 2], [0.3, 1.0], method="estimated", n=8192) for m in (spherical, diag))
    error = np.hypot(first.high - first.low, second.high - second.low) / 3.92
    assert (np.abs(first.value - second.value) < 4 * error).all()
    assert (first.value < np.log(1e-3)).any()


def test_pairs_left_out_widen_the_interval_instead_of_moving_it(monkeypatch):
    means, variances, weights = np.array([0.0, 1.0, 9.0, 13.0]), np.array([1.0, 0.6, 0.8, 1.3]), [0.1, 0.3, 0.2, 0.4]
    exact = overlap(GaussianMixture(means[:, None], variances, weights), [0, 1], [2, 3], 0.0).value
    wide = GaussianMixture(np.c_[means, np.zeros((4, 2))], np.c_[variances, np.ones((4, 2))], weights, "diag")
    monkeypatch.setattr(importance, "_MOST_PAIRS", 3)
    question = importance.prepare(wide, 0.0, *halves(wide))
    assert np.isfinite(question.log_dropped)
    assert len(question.envelope.laws) == 3
    hits = 0
    for seed in range(20):
        found = importance.estimate_rare(wide, np.zeros(1), *halves(wide), draws=4000, seed=seed)
        hits += found.log_low[0] <= np.log(exact) <= found.log_high[0]
    assert hits >= 16  # 95 % nominal; fewer has probability 0.3 %


def test_a_spent_budget_is_said_and_the_interval_is_what_was_reached():
    wide = idle(12.0, 4)[1]
    with pytest.warns(BudgetWarning, match="spent before the relative error 1e-05 was reached; .* Raise budget"):
        found = overlap(wide, [0, 1], [2, 3], 0.05, rtol=1e-5, budget=0.05)
    assert found.status == "budget spent"
    assert 1e-5 < found.relative_error < 0.2
    assert "budget spent" in str(found)


def test_the_same_seed_gives_the_same_numbers():
    wide = idle(12.0, 4)[1]
    one, two, other = (overlap(wide, [0, 1], [2, 3], 0.05, method="estimated", n=256, seed=seed) for seed in (1, 1, 2))
    assert one == two
    assert one.value != other.value


def test_too_many_pairs_are_not_listed(monkeypatch):
    monkeypatch.setattr(importance, "_MOST_LISTED", 3)
    line, wide = idle(2.6, 3)
    exact = overlap(line, [0, 1], [2, 3], 0.0).value
    found = importance.estimate_rare(wide, np.zeros(1), *halves(wide), draws=20_000, seed=0)
    assert found.log_low[0] <= np.log(exact) <= found.log_high[0]
