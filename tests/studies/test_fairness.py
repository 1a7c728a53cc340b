"""Fairness reports: counts against plain counting, intervals against their promises, words against the numbers."""

import numpy as np
import pytest
from scipy.stats import binomtest

from critwin_widgets.studies import ForwardReverseStudy
from critwin_widgets.studies._proportions import (
    Proportions,
    at_family,
    design_effect,
    detectable,
    difference,
    proportions,
)
from critwin_widgets.studies.fairness import fairness
from critwin_widgets.studies.retention import retention
from critwin_widgets.theory import transition_matrix
from tests.studies.line import MIXTURE, WEIGHTS, Line, nearest
from tests.studies.outcomes import results_of, two_regions


@pytest.fixture(scope="module")
def results():
    return two_regions()


@pytest.fixture(scope="module")
def report(results):
    return fairness(results, "region", "colour", bootstrap=200)


@pytest.fixture(scope="module")
def labelled():
    """Two features: 3 kinds of animal and 3 colours that go with them; a few outcomes are missing."""
    rng = np.random.default_rng(5)
    animal, colour = rng.integers(0, 3, (20, 4, 25)), rng.integers(0, 3, (20, 4, 25))
    colour = np.where(rng.random(colour.shape) < 0.4, animal, colour)
    outcome = np.stack([animal, colour], -1)
    outcome[3, 1] = -1
    original = np.column_stack([np.arange(20) % 3, rng.integers(0, 3, 20)])
    values = {"animal": ["cat", "dog", "owl"], "colour": ["red", "green", "blue"]}
    return results_of(outcome, original, values, [0.1, 0.5, 1.0, 2.0])


def by_source(rng, shares: np.ndarray, sources: int, repeats: int, correlation: float) -> np.ndarray:
    """Hits `(G, S, 2)` of a beta-binomial law: repeats of one source are correlated."""
    size = (1 - correlation) / correlation
    own = rng.beta(np.repeat(shares, sources) * size, np.repeat(1 - shares, sources) * size)
    hits = np.zeros((len(shares), sources * len(shares), 2), int)
    k = rng.binomial(repeats, own)
    for g in range(len(shares)):
        inside = slice(g * sources, (g + 1) * sources)
        hits[g, inside] = np.column_stack([k[inside], repeats - k[inside]])
    return hits


# ---- intervals -----------------------------------------------------------------------------------


@pytest.mark.parametrize("interval", ["wilson", "clopper-pearson"])
def test_limits_of_independent_trials_are_the_binomial_ones(interval):
    hits = np.array([[[3, 17]], [[0, 9]]])
    low, high = proportions(hits, clustered=False).limits(0.9, interval)
    for g, (k, n) in enumerate([(3, 20), (0, 9)]):
        told = binomtest(k, n).proportion_ci(0.9, "wilson" if interval == "wilson" else "exact")
        assert (low[g, 0], high[g, 0]) == pytest.approx((told.low, told.high), abs=1e-12)


def test_newcombe_s_own_example():
    # Newcombe (1998), table II (a), method 10: 56/70 against 48/80.
    found = proportions(np.array([[[56, 14]], [[48, 32]]]), clustered=False)
    value, low, high = difference(found, [(0, 1)], 0.95, "wilson")
    assert value[0, 0] == pytest.approx(0.2)
    assert (low[0, 0], high[0, 0]) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_the_design_effect_of_correlated_repeats():
    rng = np.random.default_rng(0)
    hits = by_source(rng, np.array([0.3, 0.6]), 4000, 20, 0.2)
    # Kish: 1 + (repeats - 1) correlation; 8000 sources know it to a few per cent.
    assert design_effect(hits) == pytest.approx(1 + 19 * 0.2, rel=0.06)
    assert proportions(hits, clustered=False).design_effect == 1.0


@pytest.mark.parametrize(("correlation", "naive"), [(0.15, 0.8), (1e-6, 1.0)])
def test_difference_intervals_cover_for_new_sources(correlation, naive):
    rng, shares, count = np.random.default_rng(1), np.array([0.35, 0.5]), 400
    held = {True: 0, False: 0}
    for _ in range(count):
        hits = by_source(rng, shares, 12, 30, correlation)
        for clustered in held:
            _, low, high = difference(proportions(hits, clustered), [(0, 1)], 0.95, "wilson")
            held[clustered] += low[0, 0] <= shares[0] - shares[1] <= high[0, 0]
    assert held[True] / count >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / count)
    assert held[False] / count <= naive  # repeats counted as draws: false certainty


def test_a_detectable_difference_is_found_four_times_in_five():
    rng, n, count = np.random.default_rng(2), 400, 2000
    guess = Proportions(np.array([[0.5], [0.5]]), np.array([n, n]), np.array([float(n)] * 2), 1.0)
    gap = float(detectable(guess, [(0, 1)], 0.95)[0, 0])
    k = rng.binomial(n, [0.5 + gap / 2, 0.5 - gap / 2], size=(count, 2))
    found = 0
    for one, other in k:
        hits = np.array([[[one, n - one]], [[other, n - other]]])
        found += difference(proportions(hits, False), [(0, 1)], 0.95, "wilson")[1][0, 0] > 0
    assert found / count == pytest.approx(0.8, abs=0.015 + 3 * np.sqrt(0.16 / count))


def test_all_differences_hold_together(labelled):
    rng, shares, count, held = np.random.default_rng(3), np.array([0.2, 0.5, 0.4]), 400, 0
    pairs, each = [(0, 1), (0, 2), (1, 2)], at_family(0.95, 3)
    true = np.array([shares[i] - shares[j] for i, j in pairs])
    for _ in range(count):
        found = proportions(by_source(rng, shares, 12, 30, 0.1), True, each)
        _, low, high = difference(found, pairs, each, "wilson")
        held += bool(((low[:, 0] <= true) & (true <= high[:, 0])).all())
    assert held / count >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / count)
    # A report compares three pairs in three values: nine intervals at once.
    one = fairness(labelled, "animal", "colour", bootstrap=2).differences
    assert one.attrs["simultaneous"] == f"Bonferroni, each at {1 - 0.05 / 9:.6g}"
    alone = fairness(labelled, "animal", "colour", bootstrap=2, confidence=1 - 0.05 / 9, reference="cat").differences
    assert (one["high"][0] - one["low"][0] < alone["high"][0] - alone["low"][0]).all()


# ---- numbers -------------------------------------------------------------------------------------


def test_curves_are_the_study_s(results, report):
    found = retention(results, "colour", "region").isel(feature=0)
    for name in ("retention", "trials", "decided"):
        np.testing.assert_array_equal(report.curves[name], found[name])
    assert (report.curves["low"] <= report.curves["retention"]).all()
    assert (report.curves["retention"] <= report.curves["high"]).all()


def test_proportions_are_counted(results, report):
    is_red, region = results["outcome"].values[..., 0] == 0, results["region"].values
    red = np.array([is_red[region == name].mean((0, 2)) for name in ("north", "south")])
    np.testing.assert_allclose(report.proportions["proportion"].sel(value="red"), red)
    np.testing.assert_allclose(report.final["proportion"].sel(value="red"), red[:, -1])
    assert report.final.attrs["basis"] == "source"
    np.testing.assert_allclose(report.final["proportion"].sum("value"), 1.0)


def test_the_group_that_decides_earlier_is_told(report):
    # Retention of the made-up law falls to half of its decided fraction at 1.0 and at 1.6.
    for name, true in (("north", 1.0), ("south", 1.6)):
        one = report.curves.sel(group=name)
        assert one["half_low"] <= true <= one["half_high"]
        assert one["half_status"] == "found"
    timing = report.timing.isel(pair=0)
    assert timing["low"] <= -0.6 <= timing["high"] < 0
    assert "Decided earlier in generation, at more noise, in south than in north" in report.summary()


def test_where_a_difference_comes_about():
    # The share of red among outcomes is own(region) keep(t) + 1/2 (1 - keep(t)), with one half level for both.
    found = fairness(two_regions(200, 20, 4, (1.3, 1.3), (0.95, 0.1)), "region", "colour", bootstrap=200)
    one = found.differences.isel(pair=0, value=0)
    assert one["half_status"] == "found"
    assert one["half_low"] <= 1.3 <= one["half_high"]
    assert one["half_high"] - one["half_low"] < 0.3
    assert abs(one["difference"]) < 0.1 < one["original"]


def test_without_a_change_no_level_is_told():
    found = fairness(two_regions(40, 40, 0, own=(0.7, 0.4), end=(0.7, 0.4)), "region", "colour", bootstrap=50)
    assert set(found.differences["half_status"].values.ravel()) == {"no difference"}
    assert np.isnan(found.differences["half_level"]).all()


def test_groups_of_a_feature_are_compared_by_what_comes_out(labelled):
    found = fairness(labelled, "animal", "colour", bootstrap=20)
    last = labelled["outcome"].isel(level=-1)
    animal, colour = (last.sel(feature=name).values for name in ("animal", "colour"))
    assert found.final.attrs["basis"] == "outcome"
    for g, name in enumerate(found.final["group"].values):
        for v, value in enumerate(found.final["value"].values):
            share = (colour[animal == g] == v).mean()
            assert found.final["proportion"].sel(group=name, value=value).item() == pytest.approx(share)
    assert found.settings["missing"] == pytest.approx(1 / 80)
    assert "1.2 % of the repeats have no outcome" in found.summary()
    one = found.differences.sel(pair="cat − dog", value="red")
    final = found.final["proportion"].sel(value="red")
    assert one["difference"].item() == pytest.approx(float(final.sel(group="cat") - final.sel(group="dog")))
    assert "gap" in found.parity
    gap = (found.final["proportion"].max("group") - found.final["proportion"].min("group")).values
    np.testing.assert_allclose(found.parity["gap"], gap)
    assert (found.parity["gap_low"] <= gap).all()
    assert (gap <= found.parity["gap_high"]).all()
    assert (found.parity["ratio_low"] <= found.parity["ratio"]).all()
    assert (found.parity["ratio"] <= found.parity["ratio_high"]).all()


def test_names_of_groups_change_only_signs(results, report):
    swapped = results.assign(region=("source", np.where(results["region"] == "north", "z", "a")))
    other = fairness(swapped, "region", "colour", bootstrap=2)
    for name, mirror in (("difference", "difference"), ("low", "high"), ("by_level", "by_level")):
        np.testing.assert_allclose(other.differences[name], -report.differences[mirror], atol=1e-12)
    np.testing.assert_allclose(other.parity["gap"], report.parity["gap"])
    np.testing.assert_allclose(other.parity["gap_low"], report.parity["gap_low"])


def test_references(results, labelled):
    found = fairness(labelled, "animal", "colour", reference="dog", bootstrap=2)
    assert list(found.differences["pair"].values) == ["cat − dog", "owl − dog"]
    shares = {"red": 0.5, "blue": 0.5}
    found = fairness(results, "region", "colour", reference=shares, bootstrap=2)
    np.testing.assert_allclose(found.differences["difference"], found.final["proportion"] - 0.5)
    assert list(found.differences["pair"].values) == ["north − reference", "south − reference"]
    assert "reference shares" in found.summary()


def test_the_same_seed_gives_the_same_report(results, report):
    again = fairness(results, "region", "colour", bootstrap=200)
    assert again.curves.identical(report.curves)
    assert again.timing.identical(report.timing)
    assert again.differences.identical(report.differences)


def test_a_study_of_a_known_mixture_agrees_with_theory():
    levels = np.array([0.3, 0.8, 1.3, 2.0, 5.0])
    found = ForwardReverseStudy(Line(), 120, nearest, levels=levels, repeats=20, seed=3).run(progress=False)
    report = found.fairness("side", "which", bootstrap=100, confidence=0.999)
    matrix = transition_matrix(MIXTURE, levels).value
    left = np.einsum("i,lii->l", WEIGHTS[:2], matrix[:, :2, :2]) / WEIGHTS[:2].sum()
    for group, exact in (("left", left), ("right", matrix[:, 2, 2])):
        one = report.curves.sel(group=group)
        # A value of the classifier is the component but for one point in 10,000.
        assert (one["low"] - 1e-3 <= exact).all()
        assert (exact <= one["high"] + 1e-3).all()
    final = report.final.sel(group="left")
    assert final["low"].sel(value="a") <= 0.5 <= final["high"].sel(value="a")
    assert report.final["proportion"].sel(group="right", value="c").item() > 0.999
    assert "as if made from pure noise" in report.summary()


# ---- what cannot be known ------------------------------------------------------------------------


def test_one_source_for_each_group_speaks_of_itself_alone(results):
    found = fairness(results.isel(source=[0, 1]), "region", "colour", bootstrap=50)
    assert found.settings["unit"] == "repeat"
    assert found.final.attrs["design_effect"] == 1.0
    assert "each group has a single source" in found.summary()
    assert "these 2 sources alone" in found.summary()


def test_a_group_that_never_comes_out_is_said(labelled):
    gone = labelled.copy(deep=True)
    animal = gone["outcome"].sel(feature="animal").values
    gone["outcome"].loc[{"feature": "animal"}] = np.where(animal == 2, 0, animal)
    found = fairness(gone, "animal", "colour", bootstrap=2)
    assert found.final["trials"].sel(group="owl") == 0
    one = found.differences.sel(pair="cat − owl", value="red")
    assert (one["status"], one["low"], one["high"]) == ("no outcomes", -1.0, 1.0)
    assert "animal = owl: there are none" in found.summary()
    found.svg()


def test_no_difference_is_not_evidence_of_none():
    found = fairness(two_regions(20, 10, 1), "region", "colour", bootstrap=50)
    assert found.differences["low"][0, 0] < 0 < found.differences["high"][0, 0]
    text = found.summary()
    assert "That is not evidence that there is none" in text
    points = 100 * float(found.differences["detectable"][0, 0])
    assert f"less than {points:.1f} points" in text
    for words in ("What these data cannot show", "Cause", "classifier", "What would be fair", "unlike these 20"):
        assert words in text


def test_levels_that_are_not_run_yet_are_left_out(results):
    part = results.copy(deep=True)
    part["outcome"][:, 6:] = -1
    found = fairness(part, "region", "colour", bootstrap=2)
    assert found.final["level"] == results["level"][5]
    assert found.settings["levels_left_out"] == 3
    assert "3 levels without outcomes in some group left out" in found.summary()


@pytest.mark.parametrize(
    ("group", "attribute", "options", "message"),
    [
        ("regoin", "colour", {}, "did you mean 'region'"),
        ("region", "color", {}, "did you mean 'colour'"),
        ("colour", "colour", {}, "must differ"),
        ("alone", "colour", {}, "1 group among 40 sources"),
        ("many", "colour", {}, "at most 12"),
        ("region", "colour", {"interval": "wald"}, "interval must be one of"),
        ("region", "colour", {"unit": "sources"}, "did you mean 'source'"),
        ("region", "colour", {"confidence": 95}, "confidence must lie strictly between 0 and 1"),
        ("region", "colour", {"bootstrap": 1}, "bootstrap must be an integer of at least 2"),
        ("region", "colour", {"seed": -1}, "seed must be an integer of at least 0"),
        ("region", "colour", {"reference": "nort"}, "did you mean 'north'"),
        ("region", "colour", {"reference": {"red": 1.0}}, "share to each of"),
        ("region", "colour", {"reference": {"red": 0.9, "blue": 0.3}}, "sum to 1"),
        ("region", "colour", {"reference": {"red": "half", "blue": 0.5}}, "shares between 0 and 1"),
    ],
)
def test_bad_input_is_named(results, group, attribute, options, message):
    more = results.assign(alone=("source", ["x"] * 40), many=("source", np.arange(40)))
    with pytest.raises(ValueError, match=message):
        fairness(more, group, attribute, **options)


def test_wrong_types_are_named(results):
    with pytest.raises(TypeError, match="group must be a name"):
        fairness(results, 3, "colour")
    with pytest.raises(TypeError, match="study must be a study or its results"):
        fairness({"outcome": 1}, "region", "colour")
    empty = results.copy(deep=True)
    empty["outcome"][:] = -1
    with pytest.raises(ValueError, match="no level with outcomes in every group"):
        fairness(empty, "region", "colour")


def test_a_source_without_a_group_is_left_out(results):
    region = results["region"].values.astype(object)
    region[:3] = [None, "", float("nan")]
    found = fairness(results.assign(region=("source", region)), "region", "colour", bootstrap=2)
    assert found.settings["ungrouped"] == 3
    assert int(found.curves["sources"].sum()) == 37
    assert "3 sources without a region left out" in found.summary()
