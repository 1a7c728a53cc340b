"""Factors on a line against adaptive quadrature and closed forms, at every scale of the noise."""

import math
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, special, stats

from critwin_widgets.engine.components import (
    GeneralisedNormalTimesNormal,
    LogDensity,
    LogisticTimesNormal,
    Normal,
    TruncatedNormal,
)
from critwin_widgets.engine.components._tables import evaluate, stack, table_of
from critwin_widgets.engine.components.factor import TRANSPORT_GRID, Factor
from critwin_widgets.engine.processes import clock

FACTORS = {
    "normal": Normal(1.0, 2.0),
    "truncated": TruncatedNormal(0.3, 1.0, -1.0, 2.0),
    "tail": TruncatedNormal(0.0, 1.0, 1.5),
    "wedge": TruncatedNormal(5.0, 0.3, -1.0, 2.0),
    "uniform": TruncatedNormal(0.0, 100.0, -1.0, 1.0),
    "narrow logistic": LogisticTimesNormal(0.0, 0.1, 1.0, 1.0),
    "wide logistic": LogisticTimesNormal(0.0, 3.0, 1.0, 1.0),
    "laplace": GeneralisedNormalTimesNormal(0.0, 1.0, 1.0, 0.5, 1.0),
    "power 1.5": GeneralisedNormalTimesNormal(0.0, 1.0, 1.5, 0.5, 3.0),
    "power 8": GeneralisedNormalTimesNormal(0.0, 0.1, 8.0, 0.05, 10.0),
    "user": LogDensity(lambda x: 2 * jnp.log(x) + 3 * jnp.log1p(-x), 5.0, (0.0, 1.0)),
}
TIMES = (0.0, 1e-4, 0.05, 0.7, 3.0, 12.0)


@pytest.fixture(params=FACTORS, scope="module")
def factor(request) -> Factor:
    return FACTORS[request.param]


def drawn(factor: Factor, t: float, n: int = 9) -> np.ndarray:
    """Points that `p_t` draws: quantiles of the factor, plus noise."""
    z = np.linspace(-2.5, 2.5, n)
    x = factor.mean + math.sqrt(factor.variance) * np.interp(z, TRANSPORT_GRID, factor.standard[0].transport)
    return math.exp(-t) * x + math.sqrt(-math.expm1(-2 * t)) * np.roll(z, 4)


def by_quad(factor: Factor, y: float, t: float) -> float:
    """`ln p_t(y)` by QUADPACK, from the shape alone, with break points where either density turns."""
    low, high = factor.extent
    sigma, a = float(clock.to_sigma(t)), math.exp(-t)
    peak = float(factor.shape(np.array([factor.mode]))[0][0])
    scale = math.sqrt(factor.variance)

    def integral(noise):
        def value(x):
            log = float(factor.shape(np.array([x]))[0][0]) - peak
            return math.exp(log - (0.5 * ((y / a - x) / sigma) ** 2 if noise else 0.0))

        places = [factor.mode, *(factor.mode + scale * k for k in (-30, -8, -3, 3, 8, 30))]
        places += [place for place, _ in factor.breaks]
        if noise:
            places += [y / a + sigma * k for k in (-12, -4, -1, 1, 4, 12)]
        ends = np.unique(np.clip([low, *places, high], low, high))
        parts = [integrate.quad(value, u, v, epsabs=0, epsrel=1e-10, limit=200)[0] for u, v in pairwise(ends)]
        return math.fsum(parts)

    return math.log(integral(True) / integral(False)) - 0.5 * math.log(2 * math.pi * sigma**2) + t


@pytest.mark.filterwarnings("ignore::scipy.integrate.IntegrationWarning")
@pytest.mark.parametrize("t", TIMES[1:])
@pytest.mark.parametrize("name", ["wedge", "narrow logistic", "wide logistic", "laplace", "power 1.5", "power 8"])
def test_noised_densities_agree_with_adaptive_quadrature(name, t):
    factor = FACTORS[name]
    for y in drawn(factor, t, 3):
        assert float(factor.log_prob(y, t)) == pytest.approx(by_quad(factor, float(y), t), abs=1e-7)


@pytest.mark.parametrize("name", ["normal", "truncated", "tail", "wedge", "uniform"])
def test_closed_forms_agree_with_the_general_quadrature(name):
    factor = FACTORS[name]
    sigma = math.sqrt(factor.variance) * np.geomspace(1e-4, 1e3, 8)[:, None]
    u = factor.mean + np.sqrt(factor.variance + sigma**2) * np.linspace(-4, 4, 17)
    exact, general = factor.noised(u, sigma), Factor.noised(factor, u, sigma)
    bulk = exact[0] > exact[0].max(1, keepdims=True) - 60
    for order, (mine, other) in enumerate(zip(exact, general, strict=True)):
        np.testing.assert_allclose((mine * sigma**order)[bulk], (other * sigma**order)[bulk], rtol=1e-9, atol=1e-7)


def test_a_truncated_normal_with_noise_is_scipys():
    factor, t = FACTORS["truncated"], 0.4
    law = stats.truncnorm(-1.3, 1.7, 0.3, 1.0)
    a, s = math.exp(-t), math.sqrt(-math.expm1(-2 * t))
    assert factor.mean == pytest.approx(law.mean(), rel=1e-12)
    assert factor.variance == pytest.approx(law.var(), rel=1e-10)
    for y in (-0.5, 0.2, 1.1):
        exact = integrate.quad(lambda x, y=y: law.pdf(x) * stats.norm.pdf(y, a * x, s), -1, 2, epsrel=1e-12)[0]
        assert float(factor.log_prob(y, t)) == pytest.approx(math.log(exact), abs=1e-10)


@pytest.mark.parametrize("t", TIMES)
def test_tables_hold_a_millionth_of_the_density(factor, t):
    y = drawn(factor, t, 101)
    if t == 0:
        y = np.clip(y, *factor.extent)
    sigma = float(clock.to_sigma(t))
    table = table_of(factor, sigma)
    scale = math.sqrt(math.exp(-2 * t) * factor.variance - math.expm1(-2 * t))
    v = ((y - math.exp(-t) * factor.mean) / scale)[:, None]
    with jax.enable_x64(True):
        value, slope = (np.asarray(x)[:, 0] for x in evaluate(stack([table]), v))
    exact = factor.log_prob(y, t) + math.log(scale)
    assert np.abs(value - exact).max() < min(1e-6, table.error + 1e-8)
    if t > 0:  # slopes by differences of the exact values
        h = 1e-4 * math.sqrt(-math.expm1(-2 * t))
        steep = (factor.log_prob(y + h, t) - factor.log_prob(y - h, t)) / (2 * h) * scale
        np.testing.assert_allclose(slope, steep, rtol=1e-4, atol=1e-4 * np.abs(steep).max())


def test_far_points_get_finite_ordered_values(factor):
    far = np.concatenate([-np.geomspace(1e6, 10, 40), np.geomspace(10, 1e6, 40)]).astype(np.float32)
    for t in TIMES[1:]:
        value = np.asarray(evaluate(stack([table_of(factor, float(clock.to_sigma(t)))]), far[:, None])[0])[:, 0]
        assert np.isfinite(value).all()
        assert (np.diff(value[:40]) > 0).all()
        assert (np.diff(value[40:]) < 0).all()


def test_outside_the_support_there_is_no_density_before_noise_and_some_after():
    table = stack([table_of(FACTORS["truncated"], 0.0)])
    assert np.isneginf(np.asarray(evaluate(table, np.array([[-9.0], [9.0]]))[0])).all()
    assert np.isneginf(FACTORS["truncated"].log_prob([-1.1, 2.1])).all()
    assert np.isfinite(FACTORS["truncated"].log_prob([-1.1, 2.1], 0.01)).all()


def test_transport_maps_carry_the_normal_law_to_the_factor(factor):
    plain = factor.standard[0]
    x = plain.mean + math.sqrt(plain.variance) * plain.transport
    # The Jacobian of the map is the ratio of the densities.
    slope = np.gradient(x, TRANSPORT_GRID)[180:-180]
    expected = np.exp(stats.norm.logpdf(TRANSPORT_GRID) - plain.log_density(x))[180:-180]
    np.testing.assert_allclose(slope, expected, rtol=0.02)
    weights = stats.norm.pdf(TRANSPORT_GRID) * (TRANSPORT_GRID[1] - TRANSPORT_GRID[0])
    assert weights @ x == pytest.approx(plain.mean, abs=1e-6 * math.sqrt(plain.variance))
    # Caffarelli: the map is 1 / sqrt(alpha)-Lipschitz.
    assert np.diff(x).max() <= (TRANSPORT_GRID[1] - TRANSPORT_GRID[0]) / math.sqrt(plain.concavity) * (1 + 1e-6)


def test_factors_that_differ_by_place_and_scale_share_a_table():
    one, other = TruncatedNormal(0.0, 1.0, -1.0, 2.0), TruncatedNormal(7.0, 0.3, 6.7, 7.6)
    assert one.standard[0] == other.standard[0]
    assert table_of(one, 0.5) is table_of(other, 0.15)


def test_a_users_density_is_the_known_one():
    pairs = [
        (FACTORS["truncated"], LogDensity(lambda x: -((x - 0.3) ** 2) / 2, 1.0, (-1.0, 2.0))),
        (FACTORS["laplace"], LogDensity(lambda x: -np.abs(x) - (x - 0.5) ** 2 / 2, 1.0)),
        (FACTORS["power 1.5"], LogDensity(lambda x: -(jnp.abs(x) ** 1.5) - (x - 0.5) ** 2 / 18, 1 / 9)),
        (Normal(1e4, 2.0), LogDensity(lambda x: -((x - 1e4) ** 2) / 8, 0.25)),
    ]
    for known, given in pairs:
        assert given.mean == pytest.approx(known.mean, rel=1e-9)
        assert given.variance == pytest.approx(known.variance, rel=1e-9)
        for t in (0.0, 0.01, 1.0):
            y = drawn(known, t)
            np.testing.assert_allclose(given.log_prob(y, t), known.log_prob(y, t), atol=1e-9)
    beta = FACTORS["user"]
    assert (beta.mean, beta.variance) == pytest.approx((3 / 7, 12 / 49 / 8), rel=1e-9)
    assert beta.log_normaliser == pytest.approx(special.betaln(3, 4) - float(beta.log_density(0.5) * 0), abs=1e-9)


BAD = [
    (lambda: Normal(np.nan, 1.0), "location must be finite"),
    (lambda: Normal(0.0, 0.0), "std must be positive, not 0.0"),
    (lambda: Normal(0.0, "wide"), "std must hold real numbers"),
    (lambda: Normal([0.0, 1.0], 1.0), "location must have 0 axes"),
    (lambda: TruncatedNormal(0.0, 1.0, 2.0, 1.0), "low must be less than high, but low is 2.0 and high is 1.0"),
    (lambda: TruncatedNormal(0.0, 1.0, np.nan, 1.0), "low must be finite"),
    (lambda: TruncatedNormal(np.inf, 1.0), "location must be finite"),
    (lambda: TruncatedNormal(0.0, -1.0), "std must be positive, not -1.0"),
    (lambda: LogisticTimesNormal(0.0, 0.0, 0.0, 1.0), "scale must be positive, not 0.0"),
    (lambda: LogisticTimesNormal(0.0, 1.0, np.inf, 1.0), "centre must be finite"),
    (lambda: GeneralisedNormalTimesNormal(0.0, 1.0, 0.5, 0.0, 1.0), "power must be at least 1"),
    (lambda: GeneralisedNormalTimesNormal(0.0, 1.0, np.nan, 0.0, 1.0), "power must be finite"),
    (lambda: LogDensity(lambda x: -(x**2), 0.0), "concavity must be positive, not 0.0"),
    (lambda: LogDensity(lambda x: -(x**2), np.nan), "concavity must be finite"),
    (lambda: LogDensity(lambda x: -(x**2), 1.0, (1.0, 0.0)), r"support must have low < high, not \(1.0, 0.0\)"),
    (lambda: LogDensity(lambda x: -(x**2), 1.0, 3.0), "support must be a pair"),
    (lambda: LogDensity(lambda x: -(x[:1] ** 2), 1.0), "must return one number per point"),
    (lambda: LogDensity(lambda x: np.where(x > 0, -x * x, np.nan), 1.0), "log_density is nan at x = -"),
    (lambda: LogDensity(lambda x: np.where(x > 0, -x * x, -np.inf), 1.0), "give the support"),
    (lambda: LogDensity(lambda x: x**2, 1.0), "still rises at x = .*cannot be normalised"),
    (lambda: LogDensity(lambda x: -0.5 * x**2, 1.1), "not 1.1-strongly log-concave.*mean curvature is -1,"),
    (lambda: LogDensity(lambda x: -(x**4), 1e-3), "at x = 0 its curvature is -1.*e-05"),
    (lambda: LogDensity(lambda x: 0.3 * np.cos(5 * x) - x * x, 0.5), r"at x = [-\d.]+ its curvature is 5\.\d+"),
]


@pytest.mark.parametrize(("make", "message"), BAD)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_log_density_must_be_a_function():
    with pytest.raises(TypeError, match="log_density must be a function of an array of points, not 3"):
        LogDensity(3, 1.0)
