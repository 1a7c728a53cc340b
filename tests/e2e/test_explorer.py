"""The Explorer in JupyterLab: its parts stay in step, and nothing answers with a rounded number."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.e2e.desk import Desk
from tests.e2e.lab import Kernel
from tests.e2e.river import River

NAME = "explorer.ipynb"
CELLS = [
    """import critwin_widgets as cw
def broken():
    raise OSError("<b>no such bird</b>")
explorer = cw.Explorer(presets={"scenes": lambda: cw.datasets.scenes(1), "hierarchy": cw.datasets.hierarchy,
                                "broken": broken})
explorer""",
]


@pytest.fixture
def river(desk: Desk, kernel: Kernel) -> Iterator[River]:
    kernel.run("explorer.preset = 'scenes'; explorer.selected = (); explorer.eps = 0.1; explorer.clock = 't'")
    view = River(desk.cell(0))
    expect(view.streams).to_have_count(8)
    view.settle()
    yield view
    view.settle()
    desk.watch.verify()


def in_step(kernel: Kernel, name: str) -> bool:
    return kernel.value(f"explorer.{name} == explorer.river.{name} == explorer.curves.{name}")


def test_both_parts_and_the_controls_are_shown(desk: Desk, river: River) -> None:
    cell = desk.cell(0)
    expect(cell.locator(".bqplot svg").first).to_be_visible()
    expect(cell.locator("select").first).to_be_visible()
    expect(desk.page.locator(".critwin-static:visible")).to_have_count(0)
    desk.picture("explorer-light")


def test_eps_and_time_stay_where_they_were_dragged(river: River, kernel: Kernel) -> None:
    river.set_eps_by_mouse(0.333)
    river.drag_cursor(123)
    river.settle()
    eps, time = kernel.value("explorer.eps"), kernel.value("explorer.time")
    river.page.wait_for_timeout(1500)
    assert kernel.value("explorer.eps") == eps
    assert kernel.value("explorer.time") == time
    assert in_step(kernel, "eps")
    assert in_step(kernel, "time")
    assert time == pytest.approx(river.time(), abs=1e-3)


def test_numbers_set_in_the_kernel_come_back_unrounded(river: River, kernel: Kernel) -> None:
    kernel.run("explorer.eps = 0.12345; explorer.time = 3.21987")
    expect(river.cursor).to_have_attribute("aria-valuenow", "3.2199")
    river.page.wait_for_timeout(1000)
    assert kernel.value("[explorer.eps, explorer.time]") == [0.12345, 3.21987]


def test_a_selection_reaches_every_part(river: River, kernel: Kernel) -> None:
    river.click(river.items.last)
    river.settle()
    assert len(kernel.value("explorer.selected")) == 1
    assert in_step(kernel, "selected")


def test_the_controls_steer_both_parts(desk: Desk, river: River, kernel: Kernel) -> None:
    clock = desk.cell(0).get_by_label("clock", exact=True)
    ticks = desk.cell(0).locator(".bqplot .axis").first.locator(".tick text")

    def lettered() -> list[str]:
        river.page.wait_for_timeout(600)
        return sorted(ticks.all_text_contents())

    before = lettered()
    assert set("12345678") <= set(before)
    clock.select_option("noise σ")
    expect(river.cursor).to_contain_text("σ")
    assert lettered() != before
    assert in_step(kernel, "clock")
    clock.select_option("time t")
    assert lettered() == before


def test_another_data_set_replaces_the_picture(desk: Desk, river: River, kernel: Kernel) -> None:
    desk.cell(0).get_by_label("data").select_option("hierarchy")
    expect(river.census).to_contain_text("of 15 vertices", timeout=30_000)
    assert kernel.value("explorer.preset") == "hierarchy"
    desk.picture("explorer-hierarchy")


def test_a_data_set_that_fails_leaves_the_picture_and_says_why(desk: Desk, river: River, kernel: Kernel) -> None:
    desk.cell(0).get_by_label("data").select_option("broken")
    status = desk.cell(0).locator("[role=status]")
    expect(status).to_contain_text("<b>no such bird</b>")
    expect(river.streams).to_have_count(8)
    assert kernel.value("explorer.preset") == "scenes"


def test_the_parts_stack_on_a_narrow_page(desk: Desk, river: River) -> None:
    cell = desk.cell(0)
    size = desk.page.viewport_size
    assert size is not None
    try:
        desk.page.set_viewport_size({"width": 900, "height": size["height"]})
        river.page.wait_for_timeout(600)
        left, right = cell.locator(".critwin").first.bounding_box(), cell.locator(".bqplot").first.bounding_box()
        assert left is not None
        assert right is not None
        assert right["y"] >= left["y"] + left["height"] - 1
        assert cell.evaluate("e => e.scrollWidth - e.clientWidth") <= 1
        desk.picture("explorer-narrow")
    finally:
        desk.page.set_viewport_size(size)
