"""Intervals cover, chance levels are those of the theory, windows and decisions read curves as documented."""

import json

import numpy as np
import pytest
import xarray as xr
from scipy import stats

import critwin_widgets as cw
from critwin_widgets.studies.decisions import decisions
from critwin_widgets.studies.retention import proportion_interval, retention
from critwin_widgets.studies.windows import windows
from tests.studies.line import MIXTURE, NAMES, WEIGHTS, Line


def made(kept, original=None, values=("u", "v"), levels=None) -> xr.Dataset:
    """Return results with one feature whose repeats keep its value as `kept` `(S, L, R)` says; -1 for none."""
    kept = np.asarray(kept, np.int16)
    original = np.arange(len(kept)) % len(values) if original is None else np.asarray(original)
    outcome = np.where(kept > 0, original[:, None, None], (original[:, None, None] + 1) % len(values))
    outcome = np.where(kept < 0, -1, outcome)
    return xr.Dataset(
        {
            "outcome": (("source", "level", "repeat", "feature"), outcome[..., None].astype(np.int16)),
            "original": (("source", "feature"), original[:, None].astype(np.int16)),
        },
        coords={
            "source": np.arange(len(kept)),
            "level": np.arange(kept.shape[1]) * 1.0 if levels is None else levels,
            "feature": ["f"],
        },
        attrs={"values": json.dumps({"f": list(values)})},
    )


def of_rates(rates, sources=40, repeats=10, seed=0) -> xr.Dataset:
    rng = np.random.default_rng(seed)
    return made(rng.random((sources, len(rates), repeats)) < np.asarray(rates)[None, :, None])


# ---- intervals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("interval", "method"), [("wilson", "wilson"), ("clopper-pearson", "exact")])
def test_intervals_are_those_of_scipy(interval, method):
    kept, trials = np.array([0, 1, 3, 10, 10, 999]), np.array([1, 7, 10, 10, 25, 1000])
    low, high = proportion_interval(kept, trials, interval, 0.9)
    for k, n, a, b in zip(kept, trials, low, high, strict=True):
        expected = stats.binomtest(int(k), int(n)).proportion_ci(0.9, method)
        assert (a, b) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert np.isnan(proportion_interval(0, 0, interval, 0.9)).all()


@pytest.fixture(scope="module")
def many() -> cw.ForwardReverseStudy:
    """300 studies of 30 sources in one; a single repeat each, so that all trials are independent."""
    return cw.ForwardReverseStudy(Line(NAMES), 300 * 30, None, [0.3, 0.9, 1.6, 2.5], 1).run(progress=False)


@pytest.mark.parametrize(("interval", "least"), [("wilson", 0.90), ("clopper-pearson", 0.95)])
def test_intervals_cover_the_exact_retention(many, interval, least):
    exact = cw.decision_curves(MIXTURE, many.results["level"].values)["retention"].values
    found = many.retention(by=np.arange(9000) // 30, interval=interval)
    covered = (found["low"].values <= exact[:, None]) & (exact[:, None] <= found["high"].values)
    # How often an interval of 30 trials covers p, in law: Wilson's 95 % on average, and 90 % at p = 0.99.
    low, high = proportion_interval(np.arange(31), 30, interval, 0.95)
    inside = (low <= exact[..., None]) & (exact[..., None] <= high)
    expected = (stats.binom.pmf(np.arange(31), 30, exact[..., None]) * inside).sum(-1)
    assert (expected > least).all()
    assert expected.mean() > 0.945
    np.testing.assert_allclose(covered.mean(axis=1), expected, atol=4 * np.sqrt(0.05 / 300))


def test_transition_matrix_gives_the_kept_share_of_each_component():
    levels = [0.5, 1.5]
    study = cw.ForwardReverseStudy(Line(NAMES), 3000, None, levels, 2).run(progress=False)
    own = study.results["original"].sel(feature="which").values
    found = study.retention("which", by=np.array(NAMES)[own])
    exact = cw.transition_matrix(MIXTURE, np.array(levels)).value
    np.testing.assert_allclose(found["retention"].values[0].T, np.einsum("lii->li", exact), atol=4 * 0.5 / np.sqrt(800))
    np.testing.assert_allclose(found["chance"].values[0], WEIGHTS, atol=4 * 0.5 / np.sqrt(3000))


def test_chance_of_groups():
    found = retention(made(np.ones((4, 1, 1)), original=[0, 0, 0, 1]), by=list("aabb"))
    # q = (3/4, 1/4); group a has only u, group b one of each.
    np.testing.assert_allclose(found["chance"].values[0], [0.75, 0.5])
    assert retention(made(np.ones((4, 1, 1)), original=[0, 0, 0, 1]))["chance"].item() == pytest.approx(10 / 16)


def test_cells_without_outcome_do_not_count():
    kept = np.array([[[1, 1], [-1, -1]], [[0, -1], [-1, -1]]])
    found = retention(made(kept)).isel(feature=0)
    assert found["trials"].values.tolist() == [3, 0]
    assert found["retention"].values[0] == pytest.approx(2 / 3)
    assert np.isnan(found["retention"].values[1])
    assert np.isnan(found["low"].values[1])


# ---- windows ------------------------------------------------------------------------------------


def test_a_jump_of_more_than_half_is_a_window():
    found = windows(of_rates([1.0, 0.98, 0.3, 0.29])).isel(feature=0)
    assert found["window"].values.tolist() == [False, True, False]
    assert (found["after"].values[1], found["before"].values[1]) == (1.0, 2.0)
    assert found["certain"].values.all()
    assert (found["fall_low"] <= found["fall"]).all()
    assert (found["fall"] <= found["fall_high"]).all()
    assert not windows(of_rates([1.0, 0.6]), jump=0.5)["window"].any()
    assert windows(of_rates([1.0, 0.6]), jump=0.2)["window"].all()


def test_the_interval_of_a_fall_covers():
    # 300 groups of 15 sources in one set of results.
    found = windows(of_rates([0.9, 0.5], sources=4500, repeats=2), by=np.arange(4500) // 15).isel(feature=0, gap=0)
    inside = (found["fall_low"] <= 0.4) & (found["fall_high"] >= 0.4)
    assert inside.mean() > 0.95 - 3 * 0.0126


# ---- decisions ----------------------------------------------------------------------------------


def test_decisions_agree_with_the_exact_curves():
    levels = np.linspace(0.02, 4.0, 14)
    exact = cw.decision_curves(MIXTURE, np.linspace(0.0, 6.0, 200))
    inside = []
    for seed in range(12):
        study = cw.ForwardReverseStudy(Line(NAMES), 60, None, levels, 4, seed=seed).run(progress=False)
        found = study.decisions(bootstrap=80, seed=seed)
        assert (found["status"] == "found").all()
        assert (np.diff(found["fit"], axis=1) <= 1e-12).all()
        assert (found["decision_end"] < found["half_level"]).all()
        assert (found["half_level"] < found["decision_start"]).all()
        inside.append((found["half_low"].values <= exact["half_time"]) & (exact["half_time"] <= found["half_high"]))
    # 24 intervals of 95 %: 19 or more cover, but for one chance in 200.
    assert np.sum(inside) >= 19


def test_a_curve_is_read_by_linear_interpolation():
    kept = np.zeros((2, 3, 4))
    kept[:, 0], kept[:, 1, :3] = 1, 1  # 1, 3/4, 0; chance 1/2: D = 1, 1/2, -1
    found = decisions(made(kept), bootstrap=20).isel(feature=0)
    assert found["half_level"].item() == pytest.approx(1.0)
    assert found["decision_end"].item() == pytest.approx(0.1)
    assert found["decision_start"].item() == pytest.approx(1.3)
    assert found["half_low"].item() <= 1.0 <= found["half_high"].item()


def test_a_curve_that_rises_is_made_flat():
    kept = np.zeros((2, 4, 10))
    for level, count in enumerate([10, 6, 8, 2]):
        kept[:, level, :count] = 1
    fit = decisions(made(kept), bootstrap=2)["fit"].values[0]
    np.testing.assert_allclose(fit, (np.array([1.0, 0.7, 0.7, 0.2]) - 0.5) / 0.5)


@pytest.mark.parametrize(
    ("results", "status"),
    [
        (of_rates([1.0, 0.99, 0.98]), "open above"),
        (of_rates([0.55, 0.5]), "open below"),
        (made(np.ones((3, 2, 2)), original=[0, 0, 0]), "constant"),
        (made(np.full((3, 2, 2), -1)), "no data"),
    ],
    ids=["open above", "open below", "constant", "no data"],
)
def test_what_is_not_found_has_a_status(results, status):
    found = decisions(results, bootstrap=20).isel(feature=0)
    assert found["status"].item() == status
    assert np.isnan(found["half_level"].item())
    limits = (found["half_low"].item(), found["half_high"].item())
    if status == "open above":
        assert limits[1] == np.inf
    elif status == "open below":
        assert limits[0] == -np.inf
    else:
        assert np.isnan(limits).all()


def test_the_bootstrap_sees_that_sources_differ():
    # Sources that keep all or nothing: their repeats tell no more than one of each.
    rng = np.random.default_rng(0)
    all_or_none = made(np.repeat(rng.random((30, 3, 1)) < np.array([1.0, 0.75, 0.5])[None, :, None], 20, axis=2))
    same = of_rates([1.0, 0.75, 0.5], sources=30, repeats=20)
    wide, narrow = (
        float((found["half_high"] - found["half_low"]).item())
        for found in (decisions(results, bootstrap=200) for results in (all_or_none, same))
    )
    assert wide > 2 * narrow


def test_decisions_come_again_with_the_same_seed():
    results = of_rates([1.0, 0.8, 0.5])
    assert decisions(results, seed=3).identical(decisions(results, seed=3))
    assert not decisions(results, seed=3).identical(decisions(results, seed=4))
