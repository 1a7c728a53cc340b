"""Running a notebook as a person does, and reading what it shows."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[2] / "notebooks"
VIEW = "application/vnd.jupyter.widget-view+json"


def read(path: Path) -> Any:
    """The notebook as committed."""
    return nbformat.read(path, as_version=4)


def run(committed: Any) -> tuple[Any, float]:
    """The notebook run afresh in a kernel of its own, and the seconds that took."""
    fresh = nbformat.from_dict(committed)
    for cell in fresh.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    start = time.monotonic()
    NotebookClient(fresh, timeout=300, resources={"metadata": {"path": str(FOLDER)}}).execute()
    return fresh, time.monotonic() - start


def outputs(notebook: Any) -> list[tuple[Any, Any]]:
    """Every output with its cell."""
    return [(cell, out) for cell in notebook.cells if cell.cell_type == "code" for out in cell.outputs]


def printed(notebook: Any) -> str:
    """All that was printed."""
    return "".join(out.text for _, out in outputs(notebook) if out.output_type == "stream" and out.name == "stdout")


def stills(notebook: Any) -> list[Any]:
    """The MIME bundles of the static pictures."""
    return [out.data for _, out in outputs(notebook) if "image/svg+xml" in out.get("data", {})]


def complaints(notebook: Any) -> list[Any]:
    """Errors, and whatever was written to stderr."""
    return [out for _, out in outputs(notebook) if out.output_type == "error" or out.get("name") == "stderr"]
