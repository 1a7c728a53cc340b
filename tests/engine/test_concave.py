"""Certified brackets from means, concavities and weights: valid always, and of use."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from critwin_widgets.engine import LogConcaveMixture, concave_bracket, overlap
from critwin_widgets.engine.components import (
    Gaussian,
    GeneralisedNormalTimesNormal,
    LogisticTimesNormal,
    Product,
    TruncatedNormal,
)
from tests.mixtures import mixed_mixture

GRID = np.concatenate([-np.geomspace(400, 12, 400)[:-1], np.linspace(-12, 12, 4001), np.geomspace(12, 400, 400)[1:]])

place = st.floats(-6, 6)
width = st.floats(0.2, 2)
factors = st.one_of(
    st.builds(lambda m, s, r: TruncatedNormal(m, s, m - s * r, m + s), place, width, st.floats(0.1, 3)),
    st.builds(lambda m, s, r: LogisticTimesNormal(m, s, m + r, 1.0), place, width, st.floats(-1, 1)),
    st.builds(lambda m, s, p: GeneralisedNormalTimesNormal(m, s, p, m, 1.5), place, width, st.floats(1, 6)),
)


def exact_overlap(laws, a, b, t: float) -> float:
    """`int min(p, q)` by the trapezoid rule on 5,000 points, from the factors' own quadrature."""
    logs = np.stack([law.log_prob(GRID, t) for law in laws], axis=1)
    return float(np.trapezoid(np.minimum(np.exp(logs) @ a, np.exp(logs) @ b), GRID))


@settings(max_examples=25, deadline=None)
@given(st.lists(factors, min_size=3, max_size=3), st.floats(0.05, 2.5), st.floats(0.05, 0.95))
def test_brackets_hold_for_any_mixture(laws, t, share):
    weights = np.array([share, 1 - share, 1.0]) / 2
    a, b = np.array([share, 1 - share, 0.0]), np.array([0.0, 0.0, 1.0])
    truth = exact_overlap(laws, a, b, t)
    mixture = LogConcaveMixture([Product([law]) for law in laws], weights)
    known = overlap(mixture, [0, 1], [2], t, method="certified")
    assert known.low - 1e-4 <= truth <= known.high + 1e-4
    blind = concave_bracket([f.mean for f in laws], [f.concavity for f in laws], weights, [0, 1], [2], t)
    assert blind.low - 1e-4 <= truth <= blind.high + 1e-4
    # What is known of the laws can only sharpen.
    assert blind.low <= known.low * (1 + 1e-9)
    assert known.high <= blind.high * (1 + 1e-9)


def test_estimates_lie_inside_and_brackets_say_something():
    mixture, times = mixed_mixture(5), np.array([0.05, 0.3, 0.8, 1.5, 3.0])
    found = overlap(mixture, [0, 1], [2, 3], times, method="estimated", n=1024)
    proven = overlap(mixture, [0, 1], [2, 3], times, method="certified")
    assert (proven.low <= found.low).all()
    assert (found.high <= proven.high).all()
    assert (np.diff(proven.high) >= 0).all()
    # Between 0.05 and 0.95 the truth is told to within a factor, at early times from above, at late ones from below.
    assert proven.high[0] < 0.25
    assert proven.low[-1] > 0.7


def test_normal_laws_meet_the_lower_end_late_and_the_upper_end_early():
    # For N(+-3, 1): O = erfc(Delta_t / 2 sqrt 2); below erfc(gap / 2 sqrt 2 sigma), above 2 exp(-Delta_t^2 / 8).
    means, times = np.array([-3.0, 3.0]), np.array([0.01, 3.0])
    found = concave_bracket(means, 1.0, None, 0, 1, times, wasserstein=[[0, 6.0], [6.0, 0]])
    delta = 6 * np.exp(-times)
    exact = special.erfc(delta / np.sqrt(8))
    assert (found.low <= exact).all()
    assert (exact <= found.high).all()
    assert found.low[1] == pytest.approx(exact[1], rel=5e-4)
    assert found.high[0] == pytest.approx(2 * np.exp(-(delta[0] ** 2) / 8), rel=1e-6)
    assert found.method == "certified"


def test_weights_shift_the_split_of_the_gap():
    # With weights 1e-6 and 1 the lighter side may take nearly all of the overlap it has.
    few = np.array([1e-6, 1 - 1e-6])
    light = concave_bracket([[0.0], [6.0], [0.0]], 1.0, [*(few / 2), 0.5], [0, 1], [2], 0.01)
    even = concave_bracket([[0.0], [6.0]], 1.0, None, 0, 1, 0.01)
    assert light.high < 2e-6 + even.high
    assert light.high < 0.05


def test_pairs_of_gaussians_in_a_mixed_mixture_are_exact():
    one, other = Gaussian([0.0, 0.0], 1.0), Gaussian([2.0, 0.0], 1.0)
    mixture = LogConcaveMixture([one, other, mixed_mixture(2).components[0]])
    found = overlap(mixture.subset_mixture([0, 1]), 0, 1, 0.3, method="certified")
    assert found.low == pytest.approx(special.erfc(np.exp(-0.3) * 2 / np.sqrt(8)), rel=1e-9)
    assert found.high == pytest.approx(found.low, rel=1e-9)


BAD = [
    ({"means": [[0.0, np.nan], [1.0, 1.0]]}, r"means\[0, 1\] is nan"),
    ({"means": np.zeros((0, 2))}, "at least one component"),
    ({"means": np.zeros((2, 2, 2))}, "means must have 1 or 2 axes"),
    ({"concavities": [1.0, 0.0]}, r"concavities must be positive, but concavities\[1\] is 0.0"),
    ({"concavities": [1.0, np.inf]}, r"concavities\[1\] is inf"),
    ({"concavities": [1.0]}, r"one entry per component \(2\), not shape \(1,\)"),
    ({"weights": [0.4, 0.5]}, "weights sum to 0.9, not 1"),
    ({"a": []}, "a is empty"),
    ({"b": [2]}, "b has the index 2"),
    ({"t": -1.0}, "t must be finite and not negative"),
    ({"t": np.nan}, "t must be finite and not negative"),
    ({"wasserstein": np.zeros((3, 3))}, r"wasserstein must have shape \(2, 2\)"),
    ({"wasserstein": [[0, 0.5], [0.5, 0]]}, r"wasserstein\[0, 1\] is 0.5 where the means are 1.414"),
    ({"wasserstein": [[0, 3.0], [2.0, 0]]}, "must be symmetric"),
    ({"wasserstein": [[0, np.nan], [np.nan, 0]]}, "wasserstein must be finite"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_input_is_named(change, message):
    good = {"means": [[0.0, 0.0], [1.0, 1.0]], "concavities": [1.0, 2.0], "weights": None, "a": 0, "b": 1, "t": 0.5}
    with pytest.raises(ValueError, match=message):
        concave_bracket(**(good | change))
