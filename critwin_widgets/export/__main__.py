"""`python -m critwin_widgets.export NOTEBOOK.ipynb PAGE.html`: run, write the page, print the tables."""

from __future__ import annotations

import argparse
import re
import sys
from html import unescape
from itertools import pairwise
from typing import Any

from critwin_widgets.export._live import VIEW_MIME
from critwin_widgets.export.html import as_text, execute_notebook, is_still, read_notebook, write_notebook


def decision_tables(node: Any) -> list[str]:
    """The text that travels with each widget in an executed notebook, titled, in order, without repeats."""
    tables: list[str] = []
    seen: set[str] = set()
    for cell in node.cells:
        outputs = cell.get("outputs", [])
        for still, view in pairwise(outputs):
            text = as_text(still.get("data", {}).get("text/plain", ""))
            if is_still(still) and VIEW_MIME in view.get("data", {}) and text not in seen:
                seen.add(text)
                tables.append("\n".join([*_heading(still), text]))
    return tables


def _heading(still: Any) -> list[str]:
    found = re.search("<title>(.*?)</title>", as_text(still["data"].get("image/svg+xml", "")), re.DOTALL)
    return [f"=== {unescape(found[1])} ==="] if found else []


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m critwin_widgets.export",
        description="Run a notebook without a browser and write it as one self-contained page.",
    )
    parser.add_argument("notebook", help="the .ipynb to run; it is not changed")
    parser.add_argument("page", help="the .html to write")
    parser.add_argument("--title", help="the page's title (default: the first heading)")
    given = parser.parse_args(arguments)
    node, folder = read_notebook(given.notebook)
    node = execute_notebook(node, folder)
    page = write_notebook(node, folder, given.page, given.title)
    for table in decision_tables(node):
        print(f"{table.rstrip()}\n")
    print(f"Wrote {page} ({page.stat().st_size / 1e6:.1f} MB): open it in any browser; it needs no network.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
