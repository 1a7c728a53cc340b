"""The quickstart as a newcomer meets it: open, run all, look, in light and dark, with and without a kernel."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.desk import Desk
from tests.e2e.lab import LabServer
from tests.e2e.river import River

SOURCE = Path(__file__).resolve().parents[2] / "notebooks" / "01_quickstart.ipynb"
NAME = "quickstart.ipynb"
NOTEBOOK = json.loads(SOURCE.read_text(encoding="utf-8"))


def cells_with(text: str) -> list[int]:
    """Indices of the code cells whose last line shows a widget and whose source contains `text`."""
    return [
        index
        for index, cell in enumerate(NOTEBOOK["cells"])
        if cell["cell_type"] == "code"
        and text in "".join(cell["source"])
        and any("image/svg+xml" in output.get("data", {}) for output in cell["outputs"])
    ]


RIVERS = cells_with("cw.HierarchyTree(")


def test_the_notebook_shows_what_it_should() -> None:
    assert len(RIVERS) >= 3
    assert cells_with("cw.SeparationCurves(")
    assert cells_with("cw.Explorer(")


def test_as_committed_it_shows_its_pictures_without_running(open_desk: Callable[..., Desk], lab: LabServer) -> None:
    lab.add_notebook("committed.ipynb", NOTEBOOK)
    desk = open_desk("committed.ipynb")
    for index in RIVERS + cells_with("cw.Explorer("):
        still = desk.cell(index).locator(".critwin-static").first
        expect(still).to_be_visible()
        assert still.evaluate("image => image.naturalWidth") > 300
    desk.picture("quickstart-committed")
    desk.watch.verify()


@pytest.fixture(scope="module")
def ran(open_desk: Callable[..., Desk], lab: LabServer) -> Desk:
    lab.add_notebook(NAME, NOTEBOOK)
    desk = open_desk(NAME)
    desk.run_all()
    return desk


@pytest.mark.parametrize("index", RIVERS)
def test_every_river_is_live(ran: Desk, index: int) -> None:
    river = River(ran.cell(index))
    expect(river.streams.nth(5)).to_be_attached()
    expect(ran.cell(index).locator(".critwin-static")).to_be_hidden()
    before = river.time()
    river.drag_cursor(70)
    river.settle()
    assert river.time() < before
    river.click(river.items.last)
    expect(river.root.locator("[role=treeitem][aria-selected=true]")).to_have_count(1)
    ran.picture(f"quickstart-{index}")
    ran.watch.verify()


@pytest.mark.parametrize("text", ["cw.SeparationCurves(", "cw.Explorer("])
def test_curves_and_explorer_are_drawn(ran: Desk, text: str) -> None:
    (index,) = cells_with(text)
    cell = ran.cell(index)
    expect(cell.locator(".bqplot svg .curve").first).to_be_attached()
    expect(cell.locator(".critwin-static")).to_be_hidden()
    ran.picture(f"quickstart-{index}")
    ran.watch.verify()


def test_it_looks_right_in_the_dark(ran: Desk) -> None:
    ran.use_theme(dark=True)
    for index in RIVERS:
        expect(River(ran.cell(index)).root).to_have_attribute("data-scheme", "dark")
        ran.picture(f"quickstart-{index}-dark")
    (index,) = cells_with("cw.Explorer(")
    ran.cell(index)
    ran.picture(f"quickstart-{index}-dark")
    ran.watch.verify()
