"""What a study measures is what the theory says, however it is cut, ordered, stopped or watched."""

import json
import pickle
import signal
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import critwin_widgets as cw
from critwin_widgets.engine.processes import IndexSet
from critwin_widgets.studies._cells import Work
from critwin_widgets.studies._watch import uninterrupted
from tests.studies.line import MIXTURE, NAMES, SIDE, Line, nearest

LEVELS = [0.2, 0.8, 1.4, 2.2]


def study(process=None, sources=12, classifier=nearest, levels=LEVELS, repeats=8, **more) -> cw.ForwardReverseStudy:
    return cw.ForwardReverseStudy(process or Line(), sources, classifier, levels, repeats, **more)


def ran(*args, **more) -> cw.ForwardReverseStudy:
    return study(*args, **more).run(progress=False)


@pytest.fixture(scope="module")
def reference() -> cw.ForwardReverseStudy:
    return ran()


@pytest.fixture(scope="module")
def exact():
    return cw.decision_curves(MIXTURE, LEVELS)


# ---- the numbers --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("process", "classifier", "mode"),
    [
        (Line(), nearest, "forward_reverse"),
        (Line(NAMES), None, "forward_reverse"),
        (Line(), nearest, "clone"),
        (Line(NAMES), None, "clone"),
    ],
    ids=["classified", "components", "clone", "clone components"],
)
def test_retention_is_that_of_the_theory(process, classifier, mode, exact):
    # The sources vary too: of 3000 of them, a share has a standard error of 0.009 at most.
    found = ran(process, 3000, classifier, repeats=2, mode=mode).retention()
    # Nearest means and true components differ in few points: the classes overlap by under 0.01.
    slack = 4 * 0.5 / np.sqrt(3000) + (0.01 if classifier else 0.0)
    np.testing.assert_allclose(found["retention"], exact["retention"], atol=slack)
    np.testing.assert_allclose(found["chance"], exact["chance"], atol=slack)
    assert found.attrs["method"] == "estimated"


def test_a_clone_keeps_what_its_trajectory_had_decided():
    # One trajectory through all levels, and one that is branched at the lowest only: the same source.
    both, low = (ran(sources=40, levels=levels, mode="clone", refine=0) for levels in (LEVELS, LEVELS[:1]))
    assert (both.results["original"].values == low.results["original"].values).mean() < 1.0  # another grid, other steps
    again = ran(sources=40, mode="clone", batch_size=7)
    assert both.results.identical(again.results)
    assert both.sources.shape == (40, 1)
    np.testing.assert_array_equal(nearest(both.sources)["which"] == "b", both.results["original"].values[:, 1] == 1)
    kept = both.retention()["retention"].values
    assert (kept[:, 0] > 0.85).all()
    assert (np.diff(kept, axis=1) < 0).all()


def test_the_results_are_laid_out_as_documented(reference):
    found = reference.results
    assert found["outcome"].dims == ("source", "level", "repeat", "feature")
    assert found["outcome"].shape == (12, 4, 8, 2)
    assert found["outcome"].dtype == np.int16
    assert json.loads(found.attrs["values"]) == {"side": ["left", "right"], "which": ["a", "b", "c"]}
    assert json.loads(found.attrs["index"])["noise"] is None
    np.testing.assert_array_equal(found["ou_time"], found["level"])
    assert found["status"].attrs["flag_meanings"] == "pending done failed stopped"
    assert (found["status"] == 1).all()
    assert (found["error"] == "").all()
    assert {k: found.attrs[k] for k in ("seed", "mode", "repeats", "layout")} == {
        "seed": 0,
        "mode": "forward_reverse",
        "repeats": 8,
        "layout": 1,
    }
    found["outcome"][:] = -1  # a copy: the study keeps its own
    assert (reference.results["outcome"] >= 0).all()


# ---- what must not matter -----------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 5, 8, 19])
def test_batches_change_nothing(reference, batch_size):
    assert ran(batch_size=batch_size).results.identical(reference.results)


def test_workers_change_nothing(reference):
    with ThreadPoolExecutor(2) as executor:
        found = study(batch_size=8).run(progress=False, executor=executor)
    assert found.results.identical(reference.results)


def test_threads_of_its_own_change_nothing(monkeypatch):
    process = cw.processes.OrnsteinUhlenbeck(MIXTURE)
    alone = ran(process, 30, None, batch_size=40).results
    monkeypatch.setattr("critwin_widgets.studies._runner._THREADED_ROWS", 0)
    assert ran(process, 30, None, batch_size=40).results.identical(alone)


def test_other_levels_and_sources_change_nothing(reference):
    few = ran(sources=reference.sources[:5], levels=[0.8, 3.0])
    np.testing.assert_array_equal(few.results["outcome"][:, 0], reference.results["outcome"][:5, 1])


def test_another_seed_changes_the_draws(reference):
    other = ran(sources=reference.sources, seed=1).results
    assert (other["original"] == reference.results["original"]).all()
    assert (other["outcome"] != reference.results["outcome"]).any()


def test_values_that_come_as_they_may_are_coded_in_order():
    # 10 comes before 9 in the first cells; codes are by size, whatever is met first.
    def tens(samples):
        return np.where(np.asarray(samples)[:, 0] < 0, 10, 9)

    one, other = (ran(classifier=tens, batch_size=size) for size in (1, 1000))
    assert json.loads(one.results.attrs["values"]) == {"label": ["9", "10"]}
    assert one.results.identical(other.results)


def test_what_a_worker_needs_can_be_pickled():
    work = Work(Line(), nearest, None, None, "forward_reverse")
    assert isinstance(pickle.loads(pickle.dumps(work)).process, Line)


# ---- sources ------------------------------------------------------------------------------------


def test_a_mixture_is_studied_by_its_components():
    found = cw.ForwardReverseStudy(MIXTURE, 30, levels=[0.5, 2.0], repeats=4).run(progress=False)
    assert list(found.results["feature"].values) == ["side", "which"]
    assert "OU time" in repr(found)


class Words(Line):
    """A process on strings: letters are replaced by a row's own random letters."""

    index = IndexSet("letters hidden", "h", 0, 4, whole=True)

    def __init__(self):
        super().__init__()
        del self.features

    def noise(self, x, level, key):
        assert isinstance(x, list)
        return [word[: 4 - int(level)] for word in x]

    def denoise(self, y, level, key, n=1, to=None):
        return [word + "ab"[int(seed) % 2] * (4 - len(word)) for word, seed in zip(y, key, strict=True)]


def test_text_is_studied_too():
    found = ran(Words(), ["aaaa", "abab", "bbbb"], lambda words: [word[-1] for word in words], levels=None)
    assert found.results["level"].values.tolist() == [0, 1, 2, 3, 4]
    kept = found.retention()["retention"].sel(feature="label").values
    assert kept[0] == 1.0
    assert 0.1 < kept[1] < 0.9


def test_columns_over_the_sources_make_groups(reference):
    side = np.array(SIDE)[reference.results["original"].sel(feature="which")]
    found = ran(sources_info={"half": side, "number": np.arange(12)}, source_ids=[f"s{i}" for i in range(12)])
    assert found.results["source"].values.tolist()[0] == "s0"
    grouped = found.retention("side", by="half")
    assert grouped["group"].values.tolist() == ["left", "right"]
    np.testing.assert_array_equal(grouped["trials"].sum("group"), reference.retention("side")["trials"])
    np.testing.assert_array_equal(grouped["kept"].sum("group"), reference.retention("side")["kept"])
    assert found.decisions("side", by="half")["half_level"].dims == ("feature", "group")
    assert found.windows(feature="side", by=side)["fall"].dims == ("feature", "group", "gap")


# ---- refinement and early stops -----------------------------------------------------------------


def test_levels_are_added_where_the_curve_moves():
    found = ran(sources=60, levels=[0.05, 3.0, 6.0], refine=3, tolerance=0.15)
    levels = found.results["level"].values
    assert set(levels) > {0.05, 3.0, 6.0}
    assert ((levels <= 3.0) | (levels == 6.0)).all()  # nothing moves above 3
    kept = found.retention()["retention"]
    gaps = np.abs(kept.diff("level")).max("feature").values
    sizes = np.diff(levels)
    assert ((gaps <= 0.15) | (sizes < 3.0 / 2**2)).all()
    plain = ran(sources=60, levels=[0.05, 3.0, 6.0])
    assert found.results.sel(level=[0.05, 3.0, 6.0])["outcome"].identical(plain.results["outcome"])


def test_whole_levels_end_refinement():
    found = ran(Words(), ["aaaa", "bbbb"], lambda words: [word[-1] for word in words], levels=[0, 4], refine=5)
    assert found.results["level"].values.tolist() == [0, 1, 2, 4]


def test_a_refined_clone_keeps_its_trajectories():
    found = ran(sources=30, levels=[0.2, 2.2], refine=2, mode="clone", tolerance=0.05)
    assert found.results.sizes["level"] > 2
    assert (found.results["original"].values >= 0).all()
    assert found.results.identical(
        ran(sources=30, levels=[0.2, 2.2], refine=2, mode="clone", tolerance=0.05, batch_size=9).results
    )


def test_levels_stop_when_their_intervals_are_narrow():
    process = Line()
    found = ran(process, 60, levels=[0.05, 1.0], repeats=32, stop_width=0.08)
    status = found.results["status"].values
    assert (status[:, 0] == 3).all()  # nearly all kept: known at once
    used = (found.results["outcome"].isel(feature=0) >= 0).sum("repeat").isel(source=0).values
    assert used[0] == 4
    assert used[1] > 4
    curve = found.retention()
    stopped = (status == 3).all(axis=0)
    assert ((curve["high"] - curve["low"]).max("feature").values[stopped] < 0.08).all()
    assert process.calls == 60 * used.sum()
    assert "stopped early" in found.summary()


class Interrupted(Line):
    """Is interrupted from the keyboard at every so many calls."""

    def __init__(self, every):
        super().__init__()
        self.every, self.count = every, 0

    def denoise(self, *args, **more):
        self.count += 1
        if self.count % self.every == 0:
            raise KeyboardInterrupt
        return super().denoise(*args, **more)


def test_early_stops_do_not_depend_on_interruptions():
    ask = {"levels": [0.05, 1.0, 2.0], "repeats": 16, "stop_width": 0.1, "refine": 1, "batch_size": 64}
    whole, part = ran(sources=60, **ask), study(Interrupted(7), 60, **ask)
    interruptions = 0
    while True:
        try:
            part.run(progress=False)
            break
        except KeyboardInterrupt:
            interruptions += 1
    assert interruptions > 3
    assert (whole.results["status"] == 3).any()
    assert part.results.identical(whole.results)


# ---- while it runs ------------------------------------------------------------------------------


def test_observers_see_the_curve_come_and_its_end():
    one = study(batch_size=8)
    seen, other = [], []
    end = one.observe(other.append)
    end()
    one.observe(seen.append)
    one.run(progress=False)
    assert seen[-1].identical(one.results)
    assert (seen[0]["status"] == 0).any() or len(seen) == 1
    assert other == []


def test_an_observer_that_fails_ends_nothing(reference):
    one = study()
    one.observe(lambda results: 1 / 0)
    with pytest.warns(UserWarning, match="observer of the study failed.*division by zero"):
        one.run(progress=False)
    assert one.results.identical(reference.results)


def test_a_bar_shows_how_long(capsys):
    study().run()
    assert "384" in capsys.readouterr().err  # samples


def test_a_budget_is_kept_and_the_rest_is_pending(reference):
    one = study(batch_size=8)
    one.run(progress=False, budget_s=1e-9)
    assert (one.results["status"] == 0).all()
    assert "pending: run() goes on" in one.summary()
    assert one.run(progress=False).results.identical(reference.results)


def test_an_interrupted_study_can_be_used_and_goes_on(reference):
    one = study(Interrupted(20), batch_size=8)
    with pytest.raises(KeyboardInterrupt):
        one.run(progress=False)
    assert (one.results["status"] == 1).sum() == 19
    assert one.retention()["trials"].values.sum() == 19 * 8 * 2
    assert "29 are pending" in one.summary()
    one.process.every = 1000
    found = one.run(progress=False).results
    assert found["outcome"].identical(reference.results["outcome"])


def test_an_interruption_waits_until_an_outcome_is_noted():
    noted = []

    def note():
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            noted.append(True)

    with pytest.raises(KeyboardInterrupt):
        note()
    assert noted == [True]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_summary_says_what_is_decided_when(reference):
    text = reference.summary()
    assert "12 sources, 4 levels (OU time), 8 repeats. 48 of 48 cells are done." in text
    assert "side: half decided at t = " in text
    assert (
        repr(reference)
        == "ForwardReverseStudy(12 sources, 4 levels (OU time), 8 repeats; 48 of 48 cells done, 0 failed)"
    )
    assert "not run yet" in repr(study())
