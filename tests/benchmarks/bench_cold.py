"""The first call of a cold process, with and without kernels on disk, beside JAX's own first addition."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.rows import Row

_ROOT = Path(__file__).resolve().parents[2]
_LIMIT_S = 3.0

_ADDITION = "import jax; jax.jit(lambda x: x + 1)(1.0).block_until_ready()"
_MIXTURE = """
import numpy as np, critwin_widgets as cw
mixture = cw.GaussianMixture(3.0 * np.random.default_rng(0).normal(size=(8, 4)), 1.0)
"""
_CALLS = {
    "overlap": "cw.overlap(mixture, [0, 1], [2, 3], 0.5)",
    "score": "np.asarray(mixture.score(np.zeros((16, 4))))",
    "mixture_tree": "cw.mixture_tree(mixture, 0.1)",
}


def run() -> list[Row]:
    """One row per call and state of the disk; the limit is three seconds, whatever JAX takes."""
    with tempfile.TemporaryDirectory() as folder:
        codes = {"addition": _ADDITION}
        for name, call in _CALLS.items():
            codes[name] = _MIXTURE + call
            codes[f"{name}, kernels on disk"] = f"{_MIXTURE}cw.enable_compilation_cache({folder!r})\n{call}"
        best = dict.fromkeys(codes, float("inf"))
        # The first round fills the disk and the system's cache of files; it does not count.
        for repeat in range(3):
            for name, code in codes.items():
                seconds = _cold(code)
                if repeat:
                    best[name] = min(best[name], seconds)
    base = best.pop("addition")
    peer = f"cold import of JAX and an addition, {base:.3g} s"
    rows = [Row(f"cold {name}", s, "s", peer, s / base) for name, s in best.items()]
    budget = f"budget {_LIMIT_S:g} s"
    return rows + [Row(f"cold {n}, all of it", best[n], "s", budget, best[n] / _LIMIT_S, 1.0) for n in _CALLS]


def _cold(code: str) -> float:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("JAX_")} | {"JAX_PLATFORMS": "cpu"}
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], cwd=_ROOT, env=environment, check=True, capture_output=True)
    return time.perf_counter() - start
