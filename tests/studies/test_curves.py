"""What a study measured, as decision curves on the OU clock and beside those of a tree."""

import numpy as np
import pytest
import xarray as xr

import critwin_widgets as cw

TIMES = [0.0, 0.2, 0.5, 1.0, 2.0, 5.0]


@pytest.fixture(scope="module")
def mixture():
    return cw.GaussianMixture([[-2.0], [2.0]], 1.0, labels=["left", "right"], features={"side": ["left", "right"]})


@pytest.fixture(scope="module")
def study(mixture):
    points = np.asarray(mixture.sample(0, 400))
    return cw.ForwardReverseStudy(mixture, points, levels=TIMES, repeats=8).run(progress=False)


def test_measured_curves_agree_with_the_computed_ones(mixture, study):
    measured, exact = study.decision_curves("side"), cw.decision_curves(mixture, TIMES)
    np.testing.assert_array_equal(measured["time"], TIMES)
    # Repeats of 400 sources: at least 400 independent ones in effect.
    error = np.sqrt(0.25 / 400) / (1 - 0.5)
    assert np.abs(measured["decided"] - exact["decided"]).max() < 4 * error
    half = float(measured["half_time"][0])
    assert float(measured["half_low"][0]) <= half <= float(measured["half_high"][0])
    slope = np.gradient(exact["decided"].values[0], TIMES)[2]
    assert half == pytest.approx(float(exact["half_time"][0]), abs=4 * error / abs(slope) + 0.1)


def test_a_tree_carries_them_beside_its_own(mixture, study):
    tree = cw.mixture_tree(mixture, eps=0.1)
    both = tree.with_measured(study.decision_curves("side"), "study")
    assert list(both.features["feature"].values) == ["side", "side, study"]
    rows = both.features["decided"].values
    np.testing.assert_array_equal(rows[0], tree.features["decided"].values[0])
    assert rows[1, 0] == 1.0
    assert np.abs(rows[1] - rows[0]).max() < 0.25
    assert both.t_max == tree.t_max
    assert "side, study" in str(both)
    assert "side, study" in cw.HierarchyTree(both).static_text()
    again = both.with_measured(study.decision_curves("side"), "again")
    assert list(again.features["measured"].values) == [False, True, True]


def test_a_study_on_another_clock_has_none():
    tokens = cw.TokenMixture.strings(["aa", "ab"])
    points = np.array([[0, 0], [0, 1]])
    process = cw.processes.RandomMasking(tokens)
    other = cw.ForwardReverseStudy(process, points, levels=[0.5], repeats=2).run(progress=False)
    with pytest.raises(ValueError, match="no OU times"):
        other.decision_curves()


def test_bad_curves_are_refused(mixture, study):
    tree, curves = cw.mixture_tree(mixture, eps=0.1), study.decision_curves("side")
    with pytest.raises(TypeError, match="dataset of decision curves, not list"):
        tree.with_measured([1.0])
    with pytest.raises(ValueError, match="lacks chance, decided, decided_high"):
        tree.with_measured(xr.Dataset({"retention": curves["retention"]}))
    with pytest.raises(ValueError, match="a feature 'side, x' already"):
        tree.with_measured(curves, "x").with_measured(curves, "x")
