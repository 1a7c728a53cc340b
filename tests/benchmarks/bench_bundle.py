"""How much JavaScript and CSS a notebook carries for each tree, compressed as a server sends it."""

from __future__ import annotations

import gzip
from pathlib import Path

from tests.benchmarks.rows import Row

_STATIC = Path(__file__).resolve().parents[2] / "critwin_widgets" / "widgets" / "static"
_BUDGET_KB = 60.0


def run() -> list[Row]:
    """One row for the widget's script and style sheet together."""
    names = ("hierarchy_tree.js", "hierarchy_tree.css")
    size = sum(len(gzip.compress((_STATIC / name).read_bytes(), 9)) for name in names) / 1000
    return [Row("front end, gzip", size, "kB", f"budget {_BUDGET_KB:g} kB", size / _BUDGET_KB, 1.0)]
