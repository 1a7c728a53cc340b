"""Retention, decided fractions and the transition matrix: laws, references, closed forms."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from critwin_widgets.engine import GaussianMixture
from critwin_widgets.theory import decision_curves, transition_matrix
from tests.references import CASES, mixture_of

TIMES = np.linspace(0.0, 5.0, 80)


def plane(features=None, seed=0) -> GaussianMixture:
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.5, 1.5, 4)
    return GaussianMixture(
        rng.normal(size=(4, 3)) * 4, rng.uniform(0.5, 2, (4, 3)), weights / weights.sum(), "diag", features=features
    )


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"])
def test_reference_transition_matrices(case):
    mixture = mixture_of(case)
    for curve in case["curves"]:
        found = transition_matrix(mixture, curve["t"])
        assert found.method == "exact"
        np.testing.assert_allclose(found.value, curve["transition"], atol=2e-5)


@pytest.mark.parametrize(
    "mixture", [plane(), GaussianMixture([[0.0], [2.0], [9.0]], [1.0, 2.0, 1.0])], ids=["plane", "line"]
)
def test_rows_sum_to_one_and_detailed_balance_holds(mixture):
    found = transition_matrix(mixture, np.array([0.1, 1.0, 8.0]))
    np.testing.assert_allclose(found.value.sum(-1), 1.0, atol=1e-5)
    flow = np.asarray(mixture.weights)[:, None] * found.value
    error = np.asarray(mixture.weights)[:, None] * found.standard_error
    gap = np.abs(flow - np.swapaxes(flow, 1, 2))
    assert (gap <= 5 * np.hypot(error, np.swapaxes(error, 1, 2)) + 1e-5).all()
    np.testing.assert_allclose(found.value[-1], np.tile(mixture.weights, (len(flow[0]), 1)), atol=5e-3)


def test_two_gaussians_decide_as_the_integral_says():
    mean, weights = 3.0, [0.3, 0.7]
    mixture = GaussianMixture([[mean], [-mean]], 1.0, weights)
    found = decision_curves(mixture, TIMES)
    assert found.attrs["method"] == "exact"
    for t, retention in zip(TIMES[::16], found["retention"].values[0, ::16], strict=True):
        m = mean * np.exp(-t)

        def kept(x, sign, weight, m=m):
            mine, other = weight * norm.pdf(x, sign * m), (1 - weight) * norm.pdf(x, -sign * m)
            return mine * mine / (mine + other) if mine + other > 0 else 0.0

        exact = sum(quad(kept, -12, 12, args=(s, w), limit=200)[0] for s, w in zip((1, -1), weights, strict=True))
        assert retention == pytest.approx(exact, abs=1e-5)
    assert found["chance"].item() == pytest.approx(0.58)


def test_decided_fraction_falls_from_one_to_zero_with_honest_limits():
    mixture = plane({"side": ["l", "l", "r", "r"], "each": list("abcd")})
    found = decision_curves(mixture, TIMES, n=4096)
    assert list(found["feature"].values) == ["side", "each"]
    decided = found["decided"].values
    assert (np.diff(decided, axis=1) < 0.01).all()
    assert (found["decided_low"] <= found["decided"]).all()
    assert (found["decided"] <= found["decided_high"]).all()
    assert (decided[:, -1] < 0.02).all()
    information = found["information"].values
    assert ((information >= 0) & (information <= 1)).all()
    assert (np.diff(information, axis=1) < 0.01).all()
    for f in range(2):
        half = float(found["half_time"][f])
        assert np.interp(half, TIMES, decided[f]) == pytest.approx(0.5, abs=0.01)
        assert float(found["decision_end"][f]) < half < float(found["decision_start"][f])
        assert float(found["half_low"][f]) < half < float(found["half_high"][f])


def test_the_interval_of_an_estimate_covers_the_quadrature():
    # One question on a line, and the same in the plane where it must be estimated.
    places = np.array([0.0, 1.5, 6.0])
    line = GaussianMixture(places[:, None], np.array([1.0, 0.5, 2.0]))
    flat = GaussianMixture(np.c_[places, np.zeros(3)], np.c_[[1.0, 0.5, 2.0], np.ones(3)], covariance_type="diag")
    exact = decision_curves(line, TIMES)["decided"].values[0]
    inside = []
    for seed in range(40):
        found = decision_curves(flat, TIMES, n=512, seed=seed)
        assert found.attrs["method"] == "estimated"
        low, high = found["decided_low"].values[0], found["decided_high"].values[0]
        inside.append(np.mean((low <= exact) & (exact <= high)))
    assert np.mean(inside) > 0.9


def test_splitting_a_component_into_equal_halves_changes_no_feature():
    mixture = plane({"side": ["l", "l", "r", "r"]})
    means, covariances, weights = (np.asarray(x) for x in (mixture.means, mixture.covariances, mixture.weights))
    split = GaussianMixture(
        np.concatenate([means, means[:1]]),
        np.concatenate([covariances, covariances[:1]]),
        np.concatenate([[weights[0] / 2], weights[1:], [weights[0] / 2]]),
        "diag",
        features={"side": ["l", "l", "r", "r", "l"]},
    )
    first, second = (decision_curves(m, TIMES, n=8192) for m in (mixture, split))
    reach = np.hypot(*(d["decided_high"] - d["decided_low"] for d in (first, second))) / 2
    assert (np.abs(first["decided"] - second["decided"]) < 2 * reach + 1e-3).all()


def test_features_can_be_chosen_or_given():
    mixture = plane({"side": ["l", "l", "r", "r"], "each": list("abcd")})
    assert list(decision_curves(mixture, TIMES, "side")["feature"].values) == ["side"]
    given = decision_curves(mixture, TIMES, {"odd": [0, 1, 0, 1], "same": [1, 1, 1, 1]})
    assert list(given["feature"].values) == ["odd", "same"]
    constant = given.sel(feature="same")
    assert (constant["decided"] == 1).all()
    assert np.isnan(constant["half_time"])
    assert list(decision_curves(plane(), TIMES)["feature"].values) == ["component"]


def test_bad_arguments_are_named():
    mixture = plane({"side": ["l", "l", "r", "r"]})
    with pytest.raises(ValueError, match="features has no 'sdie'.*did you mean 'side'"):
        decision_curves(mixture, TIMES, ["sdie"])
    with pytest.raises(ValueError, match=r"features\['odd'\] must have one value per component \(4\), not 2"):
        decision_curves(mixture, TIMES, {"odd": [0, 1]})
    with pytest.raises(ValueError, match="times must be finite and not negative"):
        decision_curves(mixture, [0.0, -1.0])
    with pytest.raises(ValueError, match="t must be finite and not negative"):
        transition_matrix(mixture, np.nan)
    with pytest.raises(ValueError, match="n must be an integer of at least 2, not 1"):
        transition_matrix(mixture, 0.5, n=1)
