"""The three curves in one table, and by how much the bounds exceed what is measured."""

import numpy as np
import pytest
import xarray as xr

from critwin_widgets.engine import GaussianMixture
from critwin_widgets.theory import (
    bound_curves,
    end_time,
    looseness,
    measured_distance,
    rival_times,
    sharp_bound,
    start_time,
    theorem_bound,
)

EPS = 0.05


@pytest.fixture(scope="module")
def mixture():
    return GaussianMixture([[-60.0], [-57.0], [60.0]], 1.0, labels=["a", "b", "c"])


@pytest.fixture(scope="module")
def curves(mixture):
    return bound_curves(mixture, "a", ["a", "b"], EPS, [0.2, 1.5, 2.6, 2.9, 6.0], n_training=100)


def test_the_table_holds_what_each_function_returns(mixture, curves):
    times = curves.time.values
    np.testing.assert_allclose(curves.measured, measured_distance(mixture, 0, [0, 1], times).value)
    np.testing.assert_allclose(curves.sharp, sharp_bound(mixture, 0, [0, 1], times).value)
    np.testing.assert_allclose(curves.certified, sharp_bound(mixture, 0, [0, 1], times, method="certified").high)
    assert float(curves.theorem) == theorem_bound(mixture, [0, 1], EPS)
    end, start = end_time(mixture, 0, [0, 1], EPS), start_time(mixture, [0, 1], EPS)
    assert (float(curves.end), str(curves.end_status.values)) == (end.value, end.status)
    assert (float(curves.start), str(curves.start_status.values)) == (start.value, start.status)
    np.testing.assert_array_equal(curves.theorem_holds, (times >= end.value) & (times <= start.value))
    assert curves.theorem_holds.values.any()
    rivals = rival_times(mixture, 100)
    np.testing.assert_array_equal(curves.rival_time, rivals.time)
    assert curves.attrs["init"] == ["a"]
    assert curves.attrs["measured_method"] == "exact"


def test_the_curves_stand_in_order(curves):
    holds = curves.theorem_holds.values
    assert (curves.measured <= curves.sharp * (1 + 1e-6)).all()
    assert (curves.sharp <= curves.certified * (1 + 1e-9)).all()
    assert (curves.sharp.values[holds] <= float(curves.theorem)).all()


def test_times_are_chosen_when_none_are_given(mixture):
    found = bound_curves(mixture, 0, [0, 1], EPS)
    assert found.time[0] == 0.0
    assert (np.diff(found.time) > 0).all()
    # From the data to noise that hides everything: the measured curve ends at TV(p, p^target).
    assert found.measured[-1] == pytest.approx(1 / 3, abs=1e-3)
    assert found.theorem_holds.any()


def test_a_target_that_is_never_separated_has_no_theorem():
    near = GaussianMixture([[0.0], [0.5], [1.0]], 1.0)
    found = bound_curves(near, 0, [0, 1], EPS, [0.1, 1.0])
    assert not found.theorem_holds.any()
    assert found.start_status == "never separated"
    ratios = looseness(found)
    assert list(ratios.status.values) == ["found", "no time", "no time"]
    assert np.isnan(ratios.loosest.sel(ratio="theorem_over_measured"))


def test_looseness_says_where_and_by_how_much(curves):
    found = looseness(curves)
    np.testing.assert_allclose(found.sharp_over_measured, curves.sharp / curves.measured)
    holds = curves.theorem_holds.values
    np.testing.assert_array_equal(np.isnan(found.theorem_over_measured), ~holds)
    ratio = float(curves.theorem) / curves.measured.values[holds]
    row = found.sel(ratio="theorem_over_measured")
    assert row.loosest == pytest.approx(ratio.max())
    assert row.loosest_time == curves.time.values[holds][ratio.argmax()]
    assert row.tightest == pytest.approx(ratio.min())
    # About 0.005 measured where the theorem allows 0.085.
    assert row.loosest > 10


def test_looseness_of_estimates_is_an_interval():
    flat = GaussianMixture([[-9.0, 0.0], [-7.0, 0.0], [9.0, 0.0]], [1.0, 0.5, 1.5])
    found = looseness(bound_curves(flat, 0, [0, 1], 0.3, [0.5, 1.5], n=256, inner=16))
    assert (found.sharp_over_measured_low <= found.sharp_over_measured).all()
    assert (found.sharp_over_measured <= found.sharp_over_measured_high).all()
    assert (found.sharp_over_measured_low < found.sharp_over_measured_high).all()


def test_nothing_measured_is_infinitely_loose(curves):
    none = curves.assign({f"measured{s}": ("time", np.zeros(5)) for s in ("", "_low", "_high")})
    found = looseness(none)
    assert np.isinf(found.sharp_over_measured).all()
    assert found.status.sel(ratio="sharp_over_measured") == "no time"


BAD = [
    ({"init": "c"}, "init must lie inside target"),
    ({"init": []}, "init is empty"),
    ({"target": []}, "target is empty"),
    ({"target": "nobody"}, "nobody"),
    ({"eps": 0.0}, "eps must lie strictly between 0 and 1"),
    ({"eps": np.nan}, "eps must lie strictly between 0 and 1"),
    ({"times": []}, "times must be a list of OU times"),
    ({"times": [[0.1, 0.2]]}, "times must be a list of OU times"),
    ({"times": [0.1, -1.0]}, "times must be finite and not negative"),
    ({"times": [np.nan]}, "times must be finite"),
    ({"times": "soon"}, "times must be an OU time"),
    ({"n": 1}, "n must be an integer of at least 2"),
    ({"inner": 5}, "inner must be an integer of at least 16"),
    ({"n_training": 1}, "n_training must be an integer of at least 2"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_arguments_are_named(mixture, change, message):
    with pytest.raises(ValueError, match=message):
        bound_curves(mixture, **({"init": "a", "target": ["a", "b"], "eps": EPS, "times": [0.5]} | change))


def test_looseness_wants_the_table():
    with pytest.raises(TypeError, match="curves must be the dataset that bound_curves returns, not dict"):
        looseness({})
    with pytest.raises(ValueError, match="it lacks measured, measured_high"):
        looseness(xr.Dataset())
