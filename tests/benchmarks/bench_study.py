"""What a study costs beside its model's own calls, and how fast known mixtures go through it.

The overhead is measured on a model whose calls take a fixed time: everything else that passes while 64
cells run, storing and drawing the bar included, is the study's. Both come from one run, and the least of
several runs counts: what else the machine does comes on top.
"""

from __future__ import annotations

import io
import tempfile
import time
from contextlib import redirect_stderr

import numpy as np

import critwin_widgets as cw
from critwin_widgets.engine.processes import IndexSet, Process
from tests.benchmarks.rows import Row

CALL_MS = 50.0
"""Time of one call of the model: a small picture model on a GPU takes about as long for one batch."""


class Timed(Process):
    """A model on numbers whose every call takes `CALL_MS`, and which adds up what its calls took."""

    index = IndexSet("level", "l", 0.0, 1.0)

    def __init__(self):
        self.seconds = 0.0

    def noise(self, x, level, key):
        """Return the samples as they are."""
        return x

    def denoise(self, y, level, key, n=1, to=None):
        """Return the samples with their signs turned at random, after a while."""
        start = time.perf_counter()
        found = np.where(np.asarray(key)[:, None] % 1000 < 500 * level, -1.0, 1.0) * y
        while time.perf_counter() - start < CALL_MS / 1000:
            time.sleep(0.001)
        self.seconds += time.perf_counter() - start
        return found

    def prior(self, key, n):
        """Return ones."""
        return np.ones((n, 1))


def run() -> list[Row]:
    """Times 64 cells of a slow model, and 1,000 sources x 50 levels x 100 repeats of known mixtures."""
    overhead, model = min((_overhead() for _ in range(5)), key=lambda pair: pair[0] / pair[1])
    rows = [
        Row(
            "study of 64 cells, stored, with bar: around the model's calls",
            1e3 * overhead,
            "ms",
            f"the calls themselves, 64 of {CALL_MS:g} ms",
            overhead / model,
            0.05,
        )
    ]
    for name, mixture in _mixtures().items():
        seconds = _mixture_seconds(mixture)
        rows.append(Row(f"study of 5e6 draws, {name}", seconds, "s", "20 s", seconds / 20.0, 1.0))
    return rows


def _overhead() -> tuple[float, float]:
    """Return seconds around the model's calls, and in them."""
    model, points = Timed(), np.where(np.arange(8) % 2, 1.0, -1.0)[:, None]
    with tempfile.TemporaryDirectory() as folder, redirect_stderr(io.StringIO()):
        study = cw.ForwardReverseStudy(
            model, points, lambda x: x[:, 0] > 0, np.linspace(0.1, 1.0, 8), 16, store=folder, batch_size=16
        )
        start = time.perf_counter()
        study.run()
        return time.perf_counter() - start - model.seconds, model.seconds


def _mixtures() -> dict[str, cw.GaussianMixture]:
    rng = np.random.default_rng(0)
    means = rng.normal(size=(10, 64))
    return {
        "K=10, d=64, one covariance": cw.GaussianMixture(means, 1.0),
        "K=10, d=64, own covariances": cw.GaussianMixture(means, rng.uniform(0.5, 1.5, 10)),
    }


def _mixture_seconds(mixture: cw.GaussianMixture) -> float:
    study = cw.ForwardReverseStudy(mixture, 1000, levels=np.linspace(0.05, 3.0, 50), repeats=100)
    start = time.perf_counter()
    study.run(progress=False)
    study.decisions()
    return time.perf_counter() - start
