"""`make bench`: runs every benchmark in this folder and prints a table of ratios.

A benchmark is a module beside this one with a function `run() -> list[Row]`. Name modules after
the command to run only those: `python -m tests.benchmarks bench_bundle`.
"""

from __future__ import annotations

import sys
import time
from importlib import import_module
from pathlib import Path

from tests.benchmarks.rows import Row, table


def main(wanted: list[str]) -> int:
    """Runs the benchmarks; the exit status is 1 if a promise is broken."""
    rows: list[Row] = []
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.stem.startswith("_") or path.stem == "rows" or (wanted and path.stem not in wanted):
            continue
        module = import_module(f"tests.benchmarks.{path.stem}")
        if not hasattr(module, "run"):
            continue
        start = time.perf_counter()
        made = module.run()
        print(f"{path.stem}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
        rows += made
    print(table(rows))
    return 0 if all(row.kept for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
