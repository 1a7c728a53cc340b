"""Curves that cross levels: the interpolation is exact for pairs, monotone, and free of underflow."""

import numpy as np
import pytest
from scipy import special

from critwin_widgets.engine import Estimate, GaussianMixture, log_overlap
from critwin_widgets.engine.processes import clock
from critwin_widgets.theory.times import Time, crossing, crossing_of_logs, gap_of, root_of_overlap, time_grid

TIMES = np.concatenate([[0.0], clock.from_sigma(np.geomspace(0.05, 2e3, 96))])


def pair(distance: float):
    """Log overlaps of two unit Gaussians at a distance, and the time at which they reach a level."""
    delta = distance / np.sqrt(1 + clock.to_sigma(TIMES) ** 2)

    def time_of(log_level):
        return 0.5 * np.log((distance / (-2 * special.ndtri_exp(log_level - np.log(2)))) ** 2)

    return np.log(2) + special.log_ndtr(-delta / 2), time_of


@pytest.mark.parametrize("distance", [5.0, 60.0, 300.0])
def test_a_pair_crosses_where_its_formula_says(distance):
    logs, time_of = pair(distance)
    levels = np.linspace(logs[0] * 0.9, np.log(0.9), 7)
    np.testing.assert_allclose(crossing_of_logs(TIMES, logs, levels), time_of(levels), atol=2e-3)
    # Linear overlaps serve as long as they are numbers.
    common = levels[levels > -600]
    np.testing.assert_allclose(crossing(TIMES, np.exp(logs), np.exp(common)), time_of(common), atol=2e-3)


def test_crossings_start_above_or_lie_beyond_the_last_time():
    logs, time_of = pair(5.0)
    assert np.isnan(crossing_of_logs(TIMES, logs, logs[0] - 1.0))
    # Beyond the last time the distance falls as 1 / sigma.
    level = np.log1p(-1e-5)
    assert time_of(level) > TIMES[-1]
    assert crossing_of_logs(TIMES, logs, level) == pytest.approx(time_of(level), abs=1e-3)


def test_noise_on_a_curve_does_not_make_it_cross_twice():
    logs, time_of = pair(20.0)
    noisy = logs + 0.05 * np.random.default_rng(0).normal(size=len(logs))
    levels = np.linspace(-20.0, -1.0, 40)
    found = crossing_of_logs(TIMES, np.minimum(noisy, 0.0), levels)
    assert (np.diff(found) >= 0).all()
    np.testing.assert_allclose(found, time_of(levels), atol=0.2)


def test_distances_of_overlaps_round_trip():
    gaps = np.array([1e-6, 0.1, 1.0, 10.0, 70.0])
    np.testing.assert_allclose(gap_of(2 * special.ndtr(-gaps / 2)), gaps, rtol=1e-7)


def test_two_passes_over_a_curve_resolve_a_crossing():
    mixture = GaussianMixture([[0.0], [7.0]], [1.0, 2.0])

    def curve(times):
        logs = log_overlap(mixture, 0, 1, times).value
        return Estimate(np.exp(logs), np.exp(logs - 0.1), np.exp(np.minimum(logs + 0.1, 0.0)), "estimated")

    found = root_of_overlap(curve, time_grid(mixture), 0.2)
    assert log_overlap(mixture, 0, 1, found.value).value == pytest.approx(np.log(0.2), abs=1e-5)
    assert log_overlap(mixture, 0, 1, found.low).value == pytest.approx(np.log(0.2) - 0.1, abs=1e-5)
    assert log_overlap(mixture, 0, 1, found.high).value == pytest.approx(np.log(0.2) + 0.1, abs=1e-5)


def test_a_time_reads_as_what_it_is():
    assert str(Time(1.25, 1.25, 1.25, "separated", "exact")) == "1.250 (exact)"
    assert str(Time(0.5, 0.4, 0.75, "reached", "estimated")) == "0.500 in [0.400, 0.750] (estimated)"
    assert str(Time(np.nan, np.nan, 0.2, "never separated", "estimated")) == "never separated"
    assert float(Time(0.5, 0.4, 0.6, "reached", "certified")) == 0.5
