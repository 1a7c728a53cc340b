"""A study that is killed, interrupted or moved goes on with the same results; files are whole or not there."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import critwin_widgets as cw
from critwin_widgets.studies import _store
from tests.studies.again import check_resumed, part
from tests.studies.line import NAMES, Line, nearest

ROOT = Path(__file__).resolve().parents[2]
ASK = {"sources": 10, "levels": [0.3, 1.0, 2.0], "repeats": 4, "batch_size": 8}


def study(process=None, **more):
    return cw.ForwardReverseStudy(process or Line(), classifier=nearest, **{**ASK, **more})


@pytest.fixture(scope="module")
def reference():
    return study().run(progress=False).results


SLOW = """
import sys, time
from tests.studies.test_resume import Line, study

class Slow(Line):
    def denoise(self, *args, **more):
        time.sleep(0.25)
        return super().denoise(*args, **more)

study(Slow(), store=sys.argv[1]).run(progress=False)
"""


def test_a_killed_study_goes_on_where_it_stopped(tmp_path, reference):
    store = tmp_path / "study"
    killed = subprocess.Popen([sys.executable, "-c", SLOW, str(store)], cwd=ROOT, stderr=subprocess.PIPE)
    try:
        end = time.monotonic() + 60
        while len(list(store.glob("cells/*.nc"))) < 2:
            assert killed.poll() is None, killed.communicate()[1].decode()
            assert time.monotonic() < end
            time.sleep(0.02)
    finally:
        killed.kill()
        killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    seen = cw.ForwardReverseStudy.load(store).results["status"].values
    assert 0 < (seen == 1).sum() < 30
    process = Line()
    one = study(process, store=store)
    np.testing.assert_array_equal(one.results["status"], seen)
    found = one.run(progress=False).results
    assert process.calls == 4 * (30 - (seen == 1).sum())
    assert found.identical(reference)
    assert cw.ForwardReverseStudy.load(store).results.identical(reference)


def test_resuming_does_not_depend_on_batches_nor_workers(tmp_path, reference):
    first = study(store=tmp_path, batch_size=4)
    first.observe(stop_after(first, 7))
    with pytest.raises(KeyboardInterrupt):
        first.run(progress=False)
    assert (study(store=tmp_path).results["status"] == 1).sum() >= 7
    assert study(store=tmp_path, batch_size=40).run(progress=False).results.identical(reference)


def stop_after(one, cells):
    """Return an observer that interrupts the study once so many cells are done."""
    one._observers._told = -np.inf

    def look(results):
        one._observers._told = -np.inf
        if (results["status"] == 1).sum() >= cells:
            raise KeyboardInterrupt

    return look


def test_files_are_put_together(tmp_path, reference, monkeypatch):
    monkeypatch.setattr(_store, "_SHARE", np.inf)  # a file for each block
    one = study(store=tmp_path, batch_size=4).run(progress=False)
    assert len(list(tmp_path.glob("cells/*.nc"))) == 30
    monkeypatch.setattr(_store, "_MOST_FILES", 10)
    one.run(progress=False)
    assert len(list(tmp_path.glob("cells/*.nc"))) == 1
    assert cw.ForwardReverseStudy.load(tmp_path).results.identical(reference)


def test_rounds_in_several_files_are_read_back(tmp_path):
    ask = {"repeats": 16, "stop_width": 0.2, "refine": 1}
    whole = study(store=tmp_path, **ask).run(progress=False).results
    assert (whole["status"] == 3).any()
    process = Line()
    assert study(process, store=tmp_path, **ask).run(progress=False).results.identical(whole)
    assert process.calls == 0
    assert cw.ForwardReverseStudy.load(tmp_path).results.identical(whole)


def test_a_clone_study_goes_on(tmp_path):
    whole = study(mode="clone").run(progress=False).results
    part = study(mode="clone", store=tmp_path, batch_size=4)
    part.observe(stop_after(part, 5))
    with pytest.raises(KeyboardInterrupt):
        part.run(progress=False)
    assert study(mode="clone", store=tmp_path).run(progress=False).results.identical(whole)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": 1}, "seed is 0 there, 1 here"),
        ({"levels": [0.3, 1.0]}, r"levels is \[0.3, 1.0, 2.0\] there, \[0.3, 1.0\] here"),
        ({"repeats": 5}, "repeats is 4 there, 5 here"),
        ({"sources": 11}, "sources is '10 drawn' there, '11 drawn' here"),
        ({"process": Line(NAMES), "classifier": None}, "classifier is 'tests.studies.line.nearest' there"),
        ({"mode": "clone"}, "mode is 'forward_reverse' there, 'clone' here"),
        ({"features": {"side": ["left", "right"], "which": "cba"}}, "features"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_another_study_in_the_folder_is_named(tmp_path, change, words):
    study(store=tmp_path).run(progress=False, budget_s=1e-9)
    if "which" in change.get("features", {}):
        change["features"]["which"] = ["c", "b", "a"]
    with pytest.raises(ValueError, match=f"holds another study.*{words}"):
        cw.ForwardReverseStudy(**{"process": Line(), "classifier": nearest, **ASK, **change}, store=tmp_path)


def test_other_points_are_another_study(tmp_path):
    points = np.arange(4.0)[:, None]
    study(store=tmp_path, sources=points).run(progress=False, budget_s=1e-9)
    assert study(store=tmp_path, sources=points.tolist()).results.sizes["source"] == 4
    with pytest.raises(ValueError, match="sources is"):
        study(store=tmp_path, sources=points + 1e-12)


def test_models_are_told_apart_by_their_fingerprint(tmp_path):
    class Trained(Line):
        def __init__(self, weights):
            super().__init__()
            self.fingerprint = f"trained to {weights}"

    study(Trained(1), store=tmp_path).run(progress=False, budget_s=1e-9)
    study(Trained(1), store=tmp_path)
    with pytest.raises(ValueError, match="process is 'trained to 1' there, 'trained to 2' here"):
        study(Trained(2), store=tmp_path)


def test_mixtures_that_look_the_same_are_told_apart(tmp_path):
    def diffusion(by):
        return cw.GaussianMixture([[0.0], [1.0 + by]], 1.0)

    ask = {"sources": 4, "levels": [0.5]}
    processes = [cw.processes.OrnsteinUhlenbeck(diffusion(by)) for by in (0.0, 0.0, 1e-12)]
    texts = [part(process.fingerprint, "numbers") for process in processes]
    refused = [(diffusion(1e-12), None, ("process", texts[0], texts[2]))]
    check_resumed(tmp_path / "points", (diffusion(0.0), None), (processes[1], None), refused, **ask)

    def masking(share, order=(0, 1)):
        mixture = cw.TokenMixture([[[share, 1 - share]] * 2, [[0.2, 0.8]] * 2])
        return cw.processes.OrderedMasking(mixture, order)

    texts = [part(masking(share).fingerprint, "numbers") for share in (0.5, 0.6)]
    refused = [
        (masking(0.6), None, ("process", texts[0], texts[1])),
        (masking(0.5, (1, 0)), None, ("process", "symbols", "order=[1, 0]")),
    ]
    check_resumed(tmp_path / "tokens", (masking(0.5), None), (masking(0.5), None), refused, sources=4, levels=[1.0])


def test_the_part_of_a_long_fingerprint_that_differs_is_shown(tmp_path):
    class Trained(Line):
        def __init__(self, prompt):
            super().__init__()
            self.fingerprint = f"Trained({'steps 50; ' * 12}prompt {prompt!r}; {'weights 0123456789abcdef; ' * 4})"

    shown = ("process", "Trained(...prompt 'a cat'", "Trained(...prompt 'a dog'")
    refused = [(Trained("a dog"), nearest, shown)]
    check_resumed(tmp_path, (Trained("a cat"), nearest), (Trained("a cat"), nearest), refused, sources=3, levels=[0.3])


def test_a_model_is_read_once_however_often_results_are_looked_at():
    class Heavy(Line):
        asked = 0

        def fingerprint(self):
            self.asked += 1
            return "heavy"

    one = study(Heavy(), sources=2)
    one.run(progress=False)
    assert [one.results.sizes["source"] for _ in range(3)] == [2, 2, 2]
    assert one.process.asked == 1


def test_a_study_is_saved_in_one_file(tmp_path):
    one = study(
        sources_info={"group": list("aabbaabbab"), "age": np.arange(10), "known": np.arange(10) > 4}, seed=2**40
    )
    one.run(progress=False)
    one.save(tmp_path / "study.nc")
    found = cw.ForwardReverseStudy.load(tmp_path / "study.nc")
    assert found.results.identical(one.results)
    assert found.summary() == one.summary()
    assert found.retention(by="group").identical(one.retention(by="group"))
    with pytest.raises(ValueError, match="loaded without its model"):
        found.run()
    with pytest.raises(ValueError, match="loaded without its model"):
        _ = found.sources


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_a_newer_layout_is_refused(tmp_path, kind):
    one = study(store=tmp_path / "store").run(progress=False)
    one.save(tmp_path / "study.nc")
    newer = {"layout": 2, "version": "9.1.0"}
    if kind == "folder":
        path = tmp_path / "store"
        manifest = json.loads((path / "study.json").read_text())
        (path / "study.json").write_text(json.dumps(manifest | newer))
        with pytest.raises(ValueError, match="Install critwin-widgets 9.1.0 or newer"):
            study(store=path)
    else:
        path = tmp_path / "study.nc"
        found = _store.read_dataset(path)
        found.attrs["manifest"] = json.dumps(json.loads(found.attrs["manifest"]) | newer)
        _store.write_file(path, found)
    with pytest.raises(ValueError, match="written by critwin-widgets 9.1.0 in layout 2; this version reads"):
        cw.ForwardReverseStudy.load(path)


def test_what_is_no_study_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no study at"):
        cw.ForwardReverseStudy.load(tmp_path / "nothing")
    (tmp_path / "notes.txt").write_text("hello")
    for call in (cw.ForwardReverseStudy.load, lambda path: study(store=path)):
        with pytest.raises(ValueError, match="a new or empty folder"):
            call(tmp_path)
    with pytest.raises(ValueError, match="is no saved study"):
        cw.ForwardReverseStudy.load(tmp_path / "notes.txt")
    (tmp_path / "study.json").write_text("{}")
    with pytest.raises(ValueError, match="is no manifest of a study"):
        study(store=tmp_path)


def test_a_store_that_cannot_be_written_is_said_before_anything_runs(tmp_path):
    (tmp_path / "file").write_text("")
    process = Line()
    with pytest.raises(OSError, match="store cannot be written.*stays in memory"):
        study(process, store=tmp_path / "file" / "study").run(progress=False)
    assert process.calls == 0


def test_a_file_cut_short_by_a_power_failure_is_left_out(tmp_path, reference, monkeypatch):
    monkeypatch.setattr(_store, "_SHARE", np.inf)
    study(store=tmp_path, batch_size=4).run(progress=False)
    cut = sorted(tmp_path.glob("cells/*.nc"))[3]
    cut.write_bytes(cut.read_bytes()[:100])
    with pytest.warns(UserWarning, match="can't be read"):
        one = study(store=tmp_path)
    assert (one.results["status"] == 0).sum() == 1
    assert one.run(progress=False).results.identical(reference)


def test_a_full_disk_loses_nothing(tmp_path, reference, monkeypatch):
    one, write, written = study(store=tmp_path, batch_size=4), _store._write, []

    def full(path, content, surely=True):
        written.append(path)
        if len(written) > 5:
            raise OSError(28, "No space left on device")
        write(path, content, surely)

    monkeypatch.setattr(_store, "_write", full)
    monkeypatch.setattr(_store, "_SHARE", np.inf)
    with pytest.raises(OSError, match="1 finished cells were not written: No space left on device. What was computed"):
        one.run(progress=False)
    assert (one.results["status"] == 1).sum() == 4
    monkeypatch.undo()
    one.save(tmp_path / "elsewhere.nc")
    assert (cw.ForwardReverseStudy.load(tmp_path / "elsewhere.nc").results["status"] == 1).sum() == 4
    assert one.run(progress=False).results.identical(reference)
    assert cw.ForwardReverseStudy.load(tmp_path).results.identical(reference)
    assert not list(tmp_path.glob("**/.*"))  # no drafts left
