"""Studies on a cluster: the results of the serial run, though a worker is killed in the middle."""

import os
import signal
import sys
import threading

import pytest
import xarray as xr

from critwin_widgets import ForwardReverseStudy
from tests.studies.line import nearest
from tests.studies.slow_line import Deadly, SlowLine

distributed = pytest.importorskip("distributed")

LEVELS, SOURCES, REPEATS = (0.5, 1.0, 2.0, 3.0), 12, 6


@pytest.fixture(scope="module")
def client():
    """Two worker processes on this machine, on whatever ports are free."""
    cluster = distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=None,
        memory_limit=None,
    )
    with cluster, distributed.Client(cluster) as running:
        running.wait_for_workers(2, timeout=120)
        yield running


def study_of(pause, sources=SOURCES, process=SlowLine, **options):
    return ForwardReverseStudy(process(pause), sources, nearest, LEVELS, REPEATS, seed=3, batch_size=12, **options)


def alone(pause=0.0, **options):
    return study_of(pause, **options).run(progress=False)


def same_results(one, other):
    xr.testing.assert_identical(one.drop_attrs(deep=False), other.drop_attrs(deep=False))
    assert one.attrs["values"] == other.attrs["values"]


def test_a_worker_is_killed_in_the_middle_and_nothing_is_lost(client, tmp_path):
    study = study_of(0.05, store=tmp_path / "study")
    before = client.run(os.getpid)
    pending = []

    def kill(results):
        if not pending:
            pending.append(int((results["status"] == 0).sum()))
            os.kill(next(iter(before.values())), signal.SIGKILL)

    study.observe(kill)
    study.run(client=client, progress=False)
    assert 0 < pending[0] < SOURCES * len(LEVELS)
    assert (study.results["status"] == 1).all()
    same_results(study.results, alone().results)
    # What was stored is the same too.
    same_results(ForwardReverseStudy.load(tmp_path / "study").results, study.results)
    client.wait_for_workers(2, timeout=120)
    after = set(client.run(os.getpid).values())
    assert next(iter(before.values())) not in after


def test_rounds_of_refinement_and_early_stopping_come_out_the_same(client):
    options = {"refine": 1, "tolerance": 0.2, "stop_width": 0.3}
    study = study_of(0.0, **options).run(client=client, progress=False)
    assert study.results.sizes["level"] > len(LEVELS)
    same_results(study.results, alone(**options).results)


def test_an_interruption_keeps_what_is_done(client):
    study = study_of(0.03)

    def interrupt(results):
        if int((results["status"] == 1).sum()):
            signal.raise_signal(signal.SIGINT)

    remove = study.observe(interrupt)
    with pytest.raises(KeyboardInterrupt):
        study.run(client=client, progress=False)
    remove()
    done = int((study.results["status"] == 1).sum())
    assert 0 < done < SOURCES * len(LEVELS)
    study.run(client=client, progress=False)
    same_results(study.results, alone().results)


def test_what_the_cluster_forgets_is_sent_again(client):
    """As when it is restarted: no future is left, that of the model neither."""
    study, done = study_of(0.02), []

    def forget(results):
        if not done:
            done.append(int((results["status"] == 1).sum()))
            client.cancel([distributed.Future(key, client=client) for key in list(client.futures)], force=True)

    study.observe(forget)
    study.run(client=client, progress=False)
    assert 0 < done[0] < SOURCES * len(LEVELS)
    same_results(study.results, alone().results)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"client": "tcp://127.0.0.1:8786"}, TypeError, "client must be a dask.distributed.Client, not str"),
        ({"client": True, "executor": True}, ValueError, "executor and client were both given"),
        ({"client": None, "retries": -1}, ValueError, "retries must be"),
    ],
)
def test_bad_arguments_are_named(client, options, error, words):
    if options["client"] is None:
        options = options | {"client": client}
    with pytest.raises(error, match=words):
        study_of(0.0).run(**options)


def test_what_cannot_be_sent_is_told(client):
    study = study_of(0.0)
    study.process.lock = threading.Lock()
    with pytest.raises(TypeError, match="process or the classifier cannot be sent to workers: .*lock"):
        study.run(client=client, progress=False)


def test_without_dask_the_line_that_installs_it_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match=r'pip install "critwin-widgets\[dask\]"'):
        study_of(0.0).run(client=object())


def test_a_model_that_kills_its_workers_fails_there_alone(client, monkeypatch):
    # Of the first worker that dies, all that waits there is under suspicion.
    monkeypatch.setattr(client.cluster.scheduler, "allowed_failures", 0)
    with pytest.warns(UserWarning, match="2 cells failed"):
        study = study_of(0.0, sources=2, process=Deadly).run(client=client, progress=False)
    results = study.results
    wrong = results["level"].values == 2.0
    assert (results["status"].values[:, wrong] == 2).all()
    assert (results["status"].values[:, ~wrong] == 1).all()
    assert "each worker died that ran this" in str(results["error"].values[0, wrong][0])
