"""All plateaus and windows of a thousand components in a hundred thousand dimensions; a cold start.

A process of its own takes each figure, so that its peak of memory is its own. The peer is one Gram
product of the means, the one computation that must touch all of them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from tests.benchmarks.rows import Row

SECONDS, GIB, COLD = 60.0, 8.0, 3.0
PLOTS = Path("build/bench")

_FIRST = """
import time; start = time.perf_counter()
import critwin_widgets as cw, numpy as np
means = np.random.default_rng(0).normal(size=(8, 2)) * 6
cw.mixture_tree(cw.GaussianMixture(means, np.ones(8)), 0.1, budget="interactive")
print(time.perf_counter() - start)
"""


def run() -> list[Row]:
    """Time and peak memory at full size, growth with d and with K, and the first tree of a process."""
    sizes = [(10, 10, 10, d) for d in (1_000, 10_000, 100_000)] + [(5, 5, 10, 1_000), (8, 8, 8, 1_000)]
    found = [_measured(*size) for size in sizes]
    big = found[2]
    name = "tree of K = 1000 in d = 100,000"
    rows = [
        Row(name, big["seconds"], "s", f"promise {SECONDS:g} s", big["seconds"] / SECONDS, 1.0),
        Row(f"{name}: peak memory", big["gib"], "GiB", f"promise {GIB:g} GiB", big["gib"] / GIB, 1.0),
        Row(name, big["seconds"], "s", f"a Gram product, {big['gram']:.2g} s", big["seconds"] / big["gram"]),
        Row(f"{name}: vertices", big["vertices"], "", "1111 in the hierarchy", big["vertices"] / 1111),
    ]
    after = [one["seconds"] - one["projection"] for one in found]
    rows.append(
        Row("the same, after projection", after[2], "s", f"d = 1000: {after[0]:.2g} s", after[2] / after[0], 1.5)
    )
    cold = min(_cold() for _ in range(3))
    rows.append(Row("first tree of a cold process, K = 8", cold, "s", f"promise {COLD:g} s", cold / COLD, 1.0))
    _plot(found, after)
    return rows


def hierarchy(sizes: tuple[int, ...], dim: int, ratio: float = 1000.0, seed: int = 1) -> np.ndarray:
    """Means of a hierarchy, siblings in random directions, each level `ratio` times smaller than the last."""
    rng = np.random.default_rng(seed)
    means, reach = np.zeros((1, dim)), 20.0 * ratio ** (len(sizes) - 1)
    for size in sizes:
        step = rng.normal(size=(len(means), size, dim))
        step *= reach / np.linalg.norm(step, axis=-1, keepdims=True)
        means, reach = (means[:, None] + step).reshape(-1, dim), reach / ratio
    return means


def measure(*size: int) -> dict[str, float]:
    """Return seconds, the peak in GiB, and what the Gram product and the projection alone take."""
    import resource

    from critwin_widgets.engine import GaussianMixture
    from critwin_widgets.engine.separation.many import Crowd
    from critwin_widgets.theory import mixture_tree

    *sizes, dim = size
    means = hierarchy(tuple(sizes), dim)
    start = time.perf_counter()
    tree = mixture_tree(GaussianMixture(means, 1.0), 0.02)
    windows = len(tree.windows)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    start = time.perf_counter()
    Crowd.of(GaussianMixture(means, 1.0), tree.n, 0, 0.02)
    projection = time.perf_counter() - start
    start = time.perf_counter()
    means @ means.T
    gram = time.perf_counter() - start
    return {
        "count": len(means),
        "dim": dim,
        "seconds": seconds,
        "gib": peak,
        "projection": projection,
        "gram": gram,
        "vertices": windows + 1,
    }


def _measured(*size: int) -> dict[str, float]:
    code = f"import json; from tests.benchmarks.bench_large import measure; print(json.dumps(measure(*{size})))"
    return json.loads(_python(code))


def _cold() -> float:
    return float(_python(_FIRST))


def _python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip().splitlines()[-1]


def _plot(found: list[dict[str, float]], after: list[float]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    PLOTS.mkdir(parents=True, exist_ok=True)
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 4))
    left.plot([one["dim"] for one in found[:3]], [one["seconds"] for one in found[:3]], "o-", label="whole tree")
    left.plot([one["dim"] for one in found[:3]], after[:3], "o-", label="after projection")
    left.set(xlabel="dimensions d, K = 1000", ylabel="seconds", xscale="log", yscale="log")
    left.legend()
    order = sorted((found[0], *found[3:]), key=lambda one: one["count"])
    right.plot([one["count"] for one in order], [one["seconds"] for one in order], "o-")
    right.set(xlabel="components K, d = 1000", ylabel="seconds", xscale="log", yscale="log")
    figure.tight_layout()
    figure.savefig(PLOTS / "large_growth.svg")
    pyplot.close(figure)
