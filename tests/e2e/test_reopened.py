"""A notebook that somebody ran before: what a reader sees whose kernel is new, or absent."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.e2e.desk import Desk
from tests.e2e.lab import LabServer
from tests.e2e.river import River

NAME = "reopened.ipynb"
CELLS = [
    "import critwin_widgets as cw\n"
    "mixture = cw.GaussianMixture([[-60.0], [-57.0], [60.0]], [1.0, 1.0, 1.0], labels=['a', 'b', 'c'])",
    "river = cw.HierarchyTree(mixture, eps=0.1)\nriver",
]


@pytest.fixture(scope="module")
def saved(open_desk: Callable[..., Desk], lab: LabServer) -> Desk:
    """The notebook, run and saved; its page stays open."""
    lab.add_notebook(NAME, CELLS)
    desk = open_desk(NAME)
    desk.run_all()
    River(desk.cell(1))
    desk.command("docmanager:save")
    return desk


def test_after_a_kernel_restart_the_still_picture_is_there_and_a_rerun_is_live(saved: Desk) -> None:
    saved.restart_kernel()
    saved.run_all()
    river = River(saved.cell(1))
    expect(river.streams).to_have_count(3)
    saved.restart_kernel()
    # What ipywidgets says of any view whose kernel no longer has its model.
    saved.watch.expect_error(r"widget model not found")
    saved.page.reload()
    saved.page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=60_000)
    still = saved.page.locator(".critwin-static").first
    expect(still).to_be_visible(timeout=60_000)
    saved.picture("reopened-after-restart")
    saved.run_all()
    expect(River(saved.cell(1)).streams).to_have_count(3)
    expect(saved.cell(1).locator(".critwin-static")).to_be_hidden()
    saved.watch.verify()


def test_with_a_dead_kernel_the_still_picture_is_there(saved: Desk, lab: LabServer, open_desk) -> None:
    saved.command("docmanager:save")
    lab.shut_down_kernels()
    reader = open_desk(NAME)
    reader.watch.expect_error(r"widget model not found")
    still = reader.cell(1).locator(".critwin-static").first
    expect(still).to_be_visible()
    assert still.evaluate("image => image.naturalWidth") > 300
    assert "a" in str(still.get_attribute("alt"))
    reader.picture("reopened-dead-kernel")
    reader.watch.verify()
