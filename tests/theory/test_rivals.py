"""Speciation, collapse, clones and symmetry breaking against closed forms and quadrature."""

import math

import numpy as np
import pytest
from scipy import integrate

from critwin_widgets.engine import GaussianMixture, LogConcaveMixture
from critwin_widgets.engine.components import Gaussian
from critwin_widgets.theory import (
    clone_probability,
    collapse_time,
    rival_times,
    speciation_time,
    symmetry_breaking_time,
    transition_matrix,
)
from tests.mixtures import random_mixture

KINDS = ("spherical", "diag", "tied", "full")


def pair(norm, dim=1, variance=1.0):
    mean = np.full((1, dim), norm / math.sqrt(dim))
    return GaussianMixture(np.r_[mean, -mean], variance)


def covariance_of(mixture):
    weights, offsets = np.asarray(mixture.weights), np.asarray(mixture.offsets)
    within = {
        "spherical": lambda c: np.einsum("k,k,ij->ij", weights, c, np.eye(mixture.dim)),
        "diag": lambda c: np.diag(weights @ c),
        "tied": lambda c: c,
        "full": lambda c: np.tensordot(weights, c, 1),
    }[mixture.covariance_type]
    return within(np.asarray(mixture.covariances)) + (offsets.T * weights) @ offsets


# ---- speciation -------------------------------------------------------------------------------


# 520 dimensions go through the iterative solver.
@pytest.mark.parametrize(("kind", "dim"), [*((kind, 3) for kind in KINDS), ("diag", 520), ("full", 520)])
def test_speciation_is_half_the_log_of_the_largest_variance(kind, dim):
    mixture = random_mixture(kind, count=2, dim=dim, seed=2)
    found = speciation_time(mixture)
    assert (found.method, found.status) == ("exact", "reached")
    assert found.value == pytest.approx(0.5 * math.log(np.linalg.eigvalsh(covariance_of(mixture))[-1]), rel=1e-9)


@pytest.mark.parametrize("shape", [(50, 6), (6, 50), (700, 800)])
def test_speciation_of_data_is_that_of_its_sample_covariance(shape):
    data = np.random.default_rng(1).normal(size=shape) * np.linspace(1, 3, shape[1]) + 7
    expected = np.linalg.eigvalsh(np.cov(data.T, bias=True))[-1]
    assert speciation_time(data).value == pytest.approx(0.5 * math.log(expected), rel=1e-9)


def test_speciation_in_a_hundred_thousand_dimensions():
    assert speciation_time(pair(math.sqrt(1e5), 100_000)).value == pytest.approx(0.5 * math.log(1e5 + 1), rel=1e-12)


def test_speciation_of_other_mixtures_is_bracketed():
    means, variances = [[-6.0, 0.0], [5.0, 1.0]], [1.0, 3.0]
    exact = speciation_time(GaussianMixture(means, variances)).value
    found = speciation_time(LogConcaveMixture([Gaussian(m, v) for m, v in zip(means, variances, strict=True)]))
    assert found.method == "certified"
    assert found.low <= exact <= found.high


def test_data_narrower_than_the_noise_never_speciate():
    found = speciation_time(GaussianMixture([[0.0], [0.1]], 0.5))
    assert (found.status, str(found)) == ("never speciates", "never speciates")
    assert not found.exists


# ---- collapse ---------------------------------------------------------------------------------


def test_collapse_solves_its_equation():
    # n^{2/d} = 1 + sigma^2 / (e^{2t} - 1), also where n^{2/d} - 1 would cancel.
    for n, dim, variance in ((2, 1, 1.0), (1000, 16, 0.5), (10**6, 10**9, 2.0)):
        t = collapse_time(n, dim, variance).value
        assert math.log1p(variance / math.expm1(2 * t)) == pytest.approx(2 * math.log(n) / dim, rel=1e-9)
    assert collapse_time(10**6, 2).value < collapse_time(10**3, 2).value
    assert collapse_time(10**300, 1).value == pytest.approx(0.0, abs=1e-300)


# ---- clones -----------------------------------------------------------------------------------


def by_quadrature(norm, variance, t):
    """BBBM24's integral, by an independent quadrature."""
    spread = -math.expm1(-2 * t) + variance * math.exp(-2 * t)
    place = norm * math.exp(-t)

    def integrand(x):
        plus, minus = (
            math.exp(-((x - m) ** 2) / (2 * spread)) / math.sqrt(2 * math.pi * spread) for m in (place, -place)
        )
        return 0.5 * (plus**2 + minus**2) / (plus + minus) if plus + minus > 0 else 0.0

    reach = place + 12 * math.sqrt(spread)
    return integrate.quad(integrand, -reach, reach, points=[-place, 0, place], epsabs=1e-12)[0]


def test_clone_probability_at_speciation_is_0_775():
    limit = by_quadrature(1.0, 1.0, 0.0)  # G_+- tend to N(+-1, 1)
    assert limit == pytest.approx(0.775, abs=5e-4)
    for dim, tolerance in ((100, 0.01), (100_000, 1e-5)):
        mixture = pair(math.sqrt(dim), dim)
        found = clone_probability(mixture, speciation_time(mixture).value)
        assert found.method == "exact"
        assert found.value == pytest.approx(limit, abs=tolerance)


@pytest.mark.parametrize(("norm", "variance", "t"), [(2.0, 1.0, 0.1), (5.0, 0.3, 1.2), (5.0, 2.0, 3.0)])
def test_clone_probability_is_bbbm24s_integral(norm, variance, t):
    assert clone_probability(pair(norm, 3, variance), t).value == pytest.approx(
        by_quadrature(norm, variance, t), rel=1e-7
    )


def test_clone_probability_is_the_trace_of_transitions():
    mixture = random_mixture("full", count=3)
    found = clone_probability(mixture, [0.2, 1.0, 9.0], n=2048)
    matrix = transition_matrix(mixture, [0.2, 1.0, 9.0], n=2048)
    weights = np.asarray(mixture.weights)
    expected = np.einsum("k,tkk->t", weights, matrix.value)
    error = np.sqrt(np.einsum("k,tkk->t", weights**2, matrix.standard_error**2))
    assert (np.abs(found.value - expected) <= 5 * error + 1e-5).all()
    assert found.low[2] <= weights @ weights + 1e-3
    assert found.high[2] >= weights @ weights - 1e-3


# ---- symmetry breaking ------------------------------------------------------------------------


def test_two_points_break_symmetry_at_raya_and_ambrogionis_time():
    # Points at +-1, as Gaussians of variance 1e-8: e^{-t} = sqrt(sqrt 2 - 1) = 0.6436, t = 0.4407.
    found = symmetry_breaking_time(pair(1.0, 1, 1e-8))
    assert found.status == "reached"
    assert math.exp(-found.value) == pytest.approx(math.sqrt(math.sqrt(2) - 1), rel=1e-5)
    assert found.value == pytest.approx(0.4407, abs=5e-5)


@pytest.mark.parametrize(("norm", "dim"), [(0.9, 1), (5.0, 3), (1e4, 50)])
def test_two_gaussians_break_symmetry_at_the_closed_form(norm, dim):
    found = symmetry_breaking_time(pair(norm, dim))
    assert found.value == pytest.approx(math.log(norm) + 0.5 * math.log(2), abs=1e-5)
    assert found.low <= found.value <= found.high


def test_a_common_offset_moves_nothing():
    mixture = pair(5.0, 3)
    moved = GaussianMixture(np.asarray(mixture.means) + 1e3, 1.0)
    assert symmetry_breaking_time(moved).value == pytest.approx(symmetry_breaking_time(mixture).value, abs=1e-5)


def test_a_simplex_breaks_when_its_spread_reaches_a_half():
    # All posteriors are equal at the centre: 1 + 2 (a^2 lambda - 1) = 0, lambda the means' covariance.
    mixture = GaussianMixture(np.eye(4) * 6, 1.0)
    spread = np.linalg.eigvalsh(np.cov(np.asarray(mixture.means).T, bias=True))[-1]
    assert symmetry_breaking_time(mixture).value == pytest.approx(0.5 * math.log(2 * spread), abs=1e-5)


def test_other_components_break_like_gaussians():
    found = symmetry_breaking_time(LogConcaveMixture([Gaussian(-3.0, 1.0), Gaussian(3.0, 1.0)]))
    assert found.value == pytest.approx(math.log(3) + 0.5 * math.log(2), abs=1e-4)


def test_statuses_where_no_symmetry_breaks():
    assert symmetry_breaking_time(GaussianMixture([[-3.0], [3.0]], 1.0, [0.3, 0.7])).status == "never breaks symmetry"
    assert symmetry_breaking_time(GaussianMixture([[0.0]], 1.5)).status == "never breaks symmetry"
    # One wide Gaussian repels from its centre without anything to choose: e^{-2t} (v - 1) = 1.
    wide = symmetry_breaking_time(GaussianMixture([[0.0]], 4.0))
    assert wide.status == "broadens without splitting"
    assert wide.value == pytest.approx(0.5 * math.log(3.0), abs=1e-5)


# ---- all of them ------------------------------------------------------------------------------


def test_rivals_on_one_clock():
    mixture = pair(6.0, 2)
    found = rival_times(mixture, n_training=500)
    assert list(found.rival.values) == ["speciation", "symmetry breaking", "collapse"]
    times = [speciation_time(mixture), symmetry_breaking_time(mixture), collapse_time(500, 2)]
    np.testing.assert_allclose(found.time, [t.value for t in times])
    assert all(str(text) for name in ("formula", "citation", "condition") for text in found[name].values)
    assert "collapse" not in rival_times(GaussianMixture([[0.0]], 1.0)).rival
    varied = GaussianMixture(np.r_[np.zeros((1, 520)), np.ones((1, 520))], [1.0, 2.0])
    assert rival_times(varied).status.sel(rival="symmetry breaking") == "never computed"


BAD_DATA = [
    ("points", "data must"),
    ([1.0, 2.0], "data must have 2 axes"),
    ([[1.0, 2.0]], "data must hold at least two points"),
    ([[1.0, np.nan], [0.0, 1.0]], r"data must be finite, but data\[0, 1\]"),
    ([[1.0, np.inf], [0.0, 1.0]], "data must be finite"),
    (np.zeros((2, 0)), "data must hold at least two points"),
    (None, "data must"),
]


@pytest.mark.parametrize(("data", "message"), BAD_DATA)
def test_bad_data_are_named(data, message):
    with pytest.raises(ValueError, match=message):
        speciation_time(data)


BAD_COLLAPSE = [
    ({"n": 1}, "n must be an integer of at least 2"),
    ({"n": 10.0}, "n must be an integer"),
    ({"n": "many"}, "n must be an integer"),
    ({"dim": 0}, "dim must be an integer of at least 1"),
    ({"variance": 0.0}, "variance must be positive"),
    ({"variance": -1.0}, "variance must be positive"),
    ({"variance": np.nan}, "variance must be finite"),
    ({"variance": [1.0]}, "variance must have 0 axes"),
]


@pytest.mark.parametrize(("change", "message"), BAD_COLLAPSE)
def test_bad_collapse_arguments_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        collapse_time(**({"n": 10, "dim": 2} | change))


def test_other_bad_arguments_are_named():
    mixture = pair(2.0)
    for t in (-1.0, np.nan, np.inf, "soon"):
        with pytest.raises(ValueError, match="t must"):
            clone_probability(mixture, t)
    for n in (1, 2.5, True):
        with pytest.raises(ValueError, match="n must be an integer"):
            clone_probability(mixture, 1.0, n=n)
    for n in (1, 2.5, "many"):
        with pytest.raises(ValueError, match="n_training must be an integer of at least 2"):
            rival_times(mixture, n_training=n)
    varied = GaussianMixture(np.r_[np.zeros((1, 520)), np.ones((1, 520))], [1.0, 2.0])
    with pytest.raises(ValueError, match="at most 512 dimensions after reduction"):
        symmetry_breaking_time(varied)
    for function in (symmetry_breaking_time, rival_times):
        with pytest.raises(TypeError, match="mixture must be a Mixture, not"):
            function([[1.0]])
