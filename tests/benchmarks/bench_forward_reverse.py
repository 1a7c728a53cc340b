"""The forward-reverse experiment in one shot against a reverse SDE of 1,000 Euler steps, both warm.

Equal accuracy: both estimate the label transition matrix from the same number of samples, so their
standard errors are the same; what the SDE's steps add to its error is measured beside it. The
labels come with the samples `X`, `Y_t` and `X'`, or, on request, alone. The promise is about the labels,
which are what both estimate. With the samples it cannot be kept by any method where components are few:
three arrays of normal numbers are drawn, and one such array is most of an Euler step. Times are of
the processor: calls of 20 ms beside one of 10 s would otherwise measure what else the machine does.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import diffrax
import numpy as np

from critwin_widgets.engine import ForwardReverse, GaussianMixture, forward_reverse
from critwin_widgets.theory import transition_matrix
from tests.benchmarks.rows import Row

STEPS = 1000
T = 1.0
SIZES = (1024, 4096, 16384)
PLOT = Path(__file__).resolve().parents[2] / "build" / "bench" / "forward_reverse.png"


def run() -> list[Row]:
    """Times both on mixtures of two sizes; the first also at other numbers of samples."""
    rows, n = [], SIZES[-1]
    for name, count in {"K=10, d=64": 10, "K=64, d=64": 64}.items():
        mixture = _mixture(count, 64)
        sde, found = _seconds(lambda m=mixture: _sde(m, n), 1)
        peer = f"reverse SDE of {STEPS} steps, {1e3 * sde:.0f} ms"
        seconds = {"SDE, 1,000 steps": sde}
        for what, call, limit in (("labels", _labels, 1 / 500), ("labels and points", _points, None)):
            exact, _ = _seconds(lambda m=mixture, c=call: c(m, n), 15)
            seconds[f"exact, {what}"] = exact
            rows.append(Row(f"forward-reverse, {what}, {name}, n={n}", 1e3 * exact, "ms", peer, exact / sde, limit))
        rows.append(_bias(name, mixture, found))
        if count == 10:
            _growth(mixture, seconds)
    return rows


def _mixture(count: int, dim: int) -> GaussianMixture:
    """Means at random, close enough for labels to change at `T`."""
    rng = np.random.default_rng(0)
    return GaussianMixture(rng.normal(size=(count, dim)) * 5 / np.sqrt(dim), rng.uniform(0.5, 1.5, count))


def _labels(mixture: GaussianMixture, n: int) -> ForwardReverse:
    return forward_reverse(mixture, None, T, key=0, n=n, labels_only=True)


def _points(mixture: GaussianMixture, n: int) -> ForwardReverse:
    return forward_reverse(mixture, None, T, key=0, n=n)


def _sde(mixture: GaussianMixture, n: int) -> ForwardReverse:
    return forward_reverse(
        mixture, None, T, key=0, n=n, method="sde", steps=STEPS, solver=diffrax.Euler(), progress=False
    )


def _bias(name: str, mixture: GaussianMixture, sde: ForwardReverse) -> Row:
    """How far the SDE's retention is from the exact one, in its own standard errors."""
    n = len(sde.source)
    kept = np.trace(sde.counts) / n
    exact = float(np.asarray(mixture.weights) @ np.diag(transition_matrix(mixture, T, n=4096).value))
    error = np.sqrt(exact * (1 - exact) / n)
    gap = abs(kept - exact)
    return Row(f"error of the SDE's retention, {name}", gap, "", f"standard error of both, {error:.2g}", gap / error)


def _growth(mixture: GaussianMixture, largest: dict[str, float]) -> None:
    """Draw the growth with the number of samples, from the times of the largest number on."""
    calls: tuple[Callable, ...] = (_sde, _labels, _points)
    curves = {
        name: [*(_seconds(lambda c=call, k=n: c(mixture, k), 1 if call is _sde else 5)[0] for n in SIZES[:-1]), last]
        for (name, last), call in zip(largest.items(), calls, strict=True)
    }
    _plot(curves)


def _plot(seconds: dict[str, list[float]]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for name, times in seconds.items():
        axes.loglog(SIZES, times, marker="o", label=name)
    axes.set(xlabel="samples", ylabel="processor seconds", title="Forward-reverse experiment, K=10, d=64")
    axes.legend()
    PLOT.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PLOT)


def _seconds(call: Callable[[], ForwardReverse], repeats: int) -> tuple[float, ForwardReverse]:
    """Return the median processor time of warm calls, all threads added, and the result."""
    found = call()  # the first call compiles
    times = []
    for _ in range(repeats):
        start = time.process_time()
        found = call()
        times.append(time.process_time() - start)
    return statistics.median(times), found
