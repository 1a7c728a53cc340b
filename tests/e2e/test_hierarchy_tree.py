"""The tree in JupyterLab, with mouse and keyboard, and what of it reaches the kernel."""

from __future__ import annotations

import shutil
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from playwright.sync_api import expect

from tests.e2e.desk import PICTURES, Desk
from tests.e2e.lab import Kernel
from tests.e2e.river import River

NAME = "tree.ipynb"
CELLS = [
    "import critwin_widgets as cw\nmixture = cw.datasets.scenes().mixture()\ntree = cw.mixture_tree(mixture, eps=0.1)",
    "river = cw.HierarchyTree(tree)\nriver",
    "from traitlets import link\n"
    "curves = cw.SeparationCurves(tree)\n"
    "links = [link((river, name), (curves, name)) for name in ('selected', 'time', 'eps', 'clock')]\n"
    "curves",
    "river",
]


def wait_for_kernel(kernel: Kernel, condition: str) -> None:
    """Waits until an expression is true in the kernel: what the page sends is held back to one message in 60 ms."""
    limit = time.monotonic() + 5
    while not kernel.value(f"bool({condition})"):
        assert time.monotonic() < limit, f"the kernel never saw: {condition}"
        time.sleep(0.05)


@pytest.fixture
def river(desk: Desk, kernel: Kernel) -> Iterator[River]:
    """The first view, in a known state; afterwards nothing bad may have happened on the page."""
    kernel.run(
        "river.selected = []; river.time = 4.0; river.eps = 0.1; river.clock = 't'; river.view = 'river'\n"
        "river.collapsed = []; river.show_table = False"
    )
    view = River(desk.cell(1))
    expect(view.cursor).to_have_attribute("aria-valuenow", "4")
    yield view
    view.settle()
    desk.watch.verify()


def test_the_live_picture_replaces_the_still_one(desk: Desk, river: River) -> None:
    expect(river.streams).to_have_count(8)
    expect(river.items).to_have_count(15)
    expect(desk.cell(1).locator(".critwin-static").first).to_be_hidden()
    desk.picture("tree-light")


def test_dragging_eps_grows_and_prunes_the_certified_tree(river: River, kernel: Kernel) -> None:
    certified = river.root.locator(".cw-bracket")
    river.set_eps_by_mouse(0.02)
    expect(river.census).to_contain_text("9 of 15")
    expect(certified).to_have_count(8)
    wait_for_kernel(kernel, "river.eps < 0.01")
    river.set_eps_by_mouse(0.98)
    expect(river.census).to_contain_text("15 of 15")
    expect(certified).to_have_count(14)
    wait_for_kernel(kernel, "river.eps > 0.4 and curves.eps == river.eps")


def test_the_time_cursor_follows_the_mouse(river: River, kernel: Kernel) -> None:
    before = river.sentence.inner_text()
    river.drag_cursor(160)
    river.settle()
    later = river.time()
    assert later < 3.5, "generation runs to the right, so time falls"
    assert river.sentence.inner_text() != before
    wait_for_kernel(kernel, f"abs(river.time - {later}) < 1e-3 and curves.time == river.time")
    river.page.wait_for_timeout(500)
    assert river.time() == later, "nothing that is linked may answer with a rounded time"


def test_the_time_cursor_follows_the_keyboard(river: River, kernel: Kernel) -> None:
    river.cursor.focus()
    for _ in range(5):
        river.page.keyboard.press("ArrowRight")
    river.settle()
    later = river.time()
    assert later < 4.0
    river.page.keyboard.press("ArrowLeft")
    river.settle()
    assert later < river.time() < 4.0
    wait_for_kernel(kernel, f"abs(river.time - {river.time()}) < 1e-3 and curves.time == river.time")


def test_selecting_by_mouse_reaches_the_kernel_and_the_curves(river: River, kernel: Kernel) -> None:
    leaf = river.items.last
    river.click(leaf)
    expect(leaf).to_have_attribute("aria-selected", "true")
    wait_for_kernel(kernel, "len(river.selected) == 1 and curves.selected == river.selected")
    chosen = kernel.value("river.selected")
    label = kernel.value(f"mixture.labels[{chosen[0]}]")
    assert label in str(leaf.get_attribute("aria-label"))


def test_selecting_by_keyboard_reaches_the_kernel(river: River, kernel: Kernel) -> None:
    river.root.locator("[role=treeitem][tabindex='0']").focus()
    river.page.keyboard.press("Home")
    river.page.keyboard.press("ArrowRight")
    river.page.keyboard.press("Enter")
    expect(river.root.locator("[role=treeitem][aria-selected=true]")).to_have_count(1)
    wait_for_kernel(kernel, "len(river.selected) == 4 and curves.selected == river.selected")
    river.page.keyboard.press("Escape")
    expect(river.root.locator("[role=treeitem][aria-selected=true]")).to_have_count(0)
    wait_for_kernel(kernel, "river.selected == ()")


def test_the_page_follows_the_kernel(river: River, kernel: Kernel) -> None:
    kernel.run("river.time = 1.25; river.selected = [mixture.labels[0]]; river.eps = 0.3")
    expect(river.cursor).to_have_attribute("aria-valuenow", "1.25")
    expect(river.root.locator("[role=treeitem][aria-selected=true]")).to_have_count(1)
    expect(river.census).to_contain_text("ε = 0.30")
    assert float(river.eps.input_value()) == pytest.approx(-0.5229, abs=0.003)


def test_the_curves_steer_the_tree(river: River, kernel: Kernel) -> None:
    kernel.run("curves.selected = [2]; curves.time = 2.5")
    expect(river.cursor).to_have_attribute("aria-valuenow", "2.5")
    expect(river.root.locator("[role=treeitem][aria-selected=true]")).to_have_count(1)


def test_the_clock_is_switched_live(desk: Desk, river: River, kernel: Kernel) -> None:
    axis = river.root.locator(".cw-axis")
    before = str(axis.text_content())
    river.root.locator("[role=group][aria-label=Clock] [data-value=sigma]").click()
    expect(axis).not_to_have_text(before)
    expect(river.cursor).to_contain_text("σ")
    assert river.time() == 4.0, "the cursor stays at its noise level, whatever the clock"
    wait_for_kernel(kernel, "river.clock == curves.clock == 'sigma'")
    desk.picture("tree-sigma")


def test_branches_fold_and_the_table_opens(river: River, kernel: Kernel) -> None:
    river.root.locator("[role=treeitem][tabindex='0']").focus()
    river.page.keyboard.press("Home")
    river.page.keyboard.press("ArrowRight")
    river.page.keyboard.press("Space")
    expect(river.items).to_have_count(15 - 6)
    river.page.keyboard.press("Space")
    expect(river.items).to_have_count(15)
    river.button("Table of the numbers").click()
    expect(river.root.locator("table").first).to_be_visible()
    expect(river.root.get_by_role("row").nth(4)).to_be_visible()


def test_the_node_link_tree_is_the_second_view(desk: Desk, river: River, kernel: Kernel) -> None:
    kernel.run("river.eps = 0.3")
    river.root.locator("[role=group][aria-label=View] [data-value=dendrogram]").click()
    expect(river.root.locator(".cw-bar")).to_have_count(river.items.count())
    expect(river.root.locator(".cw-link")).to_have_count(14)
    expect(river.root.locator(".cw-river")).to_be_hidden()
    desk.picture("tree-dendrogram")


@pytest.mark.parametrize("kind", ["SVG", "PNG"])
def test_the_menu_saves_the_picture(desk: Desk, river: River, kind: str, tmp_path: Path) -> None:
    river.button("Save, and help with keys").click()
    with river.page.expect_download() as download:
        river.root.get_by_role("menuitem", name=f"Save as {kind}").click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    assert file.suffix == f".{kind.lower()}"
    if kind == "SVG":
        picture = ElementTree.parse(file).getroot()
        words = "".join(picture.itertext())
        assert "sand" in words
        assert "background" in words
        # Colours of the page's theme would be lost in a file of its own.
        assert "var(--" not in file.read_text()
    else:
        data = file.read_bytes()
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
        width, height = struct.unpack(">II", data[16:24])
        box = river.root.locator("svg").first.bounding_box()
        assert box is not None
        assert (width, height) >= (round(box["width"]), round(box["height"]))
        assert len(data) > 20_000, "an empty picture is smaller"
    shutil.copy(file, PICTURES / f"saved{file.suffix}")


def test_two_views_of_one_widget_stay_in_step(desk: Desk, river: River) -> None:
    second = River(desk.cell(3))
    second.cursor.focus()
    for _ in range(4):
        river.page.keyboard.press("ArrowRight")
    second.settle()
    assert second.time() < 4.0
    expect(river.cursor).to_have_attribute("aria-valuenow", str(second.cursor.get_attribute("aria-valuenow")))


def test_the_theme_is_switched_live(desk: Desk, river: River) -> None:
    def lightness() -> float:
        colour = river.root.evaluate("e => getComputedStyle(e).color")
        return sum(float(part) for part in colour.split("(")[1].rstrip(")").split(",")[:3])

    ink_on_light = lightness()
    try:
        desk.use_theme(dark=True)
        expect(river.root).to_have_attribute("data-scheme", "dark")
        river.page.wait_for_timeout(200)
        assert lightness() > ink_on_light + 200
        desk.cell(1)
        desk.picture("tree-dark")
    finally:
        desk.use_theme(dark=False)
    expect(river.root).to_have_attribute("data-scheme", "light")
