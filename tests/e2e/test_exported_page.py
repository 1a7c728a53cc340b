"""Exported pages, opened from disk: live, self-contained, and readable without scripts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from playwright.sync_api import Browser, Page, expect

import critwin_widgets as cw
from tests.e2e.desk import PICTURES, Watch
from tests.e2e.river import River

HOSTILE = "</script><script>window.__harmed=1</script><img src=x onerror='window.__harmed=1'>"
_SETUP = """import critwin_widgets as cw
mixture = cw.GaussianMixture(
    [[-60.0], [-57.0], [60.0]], [1.0, 1.0, 1.0], labels=["a", "b", "c"], features={"side": ["left", "left", "right"]}
)
tree = cw.mixture_tree(mixture, eps=0.1)"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One page of a widget, and one of a notebook run for it."""
    folder = tmp_path_factory.mktemp("pages")
    mixture = cw.GaussianMixture(
        [[-60.0], [-57.0], [60.0]], [1.0, 1.0, 1.0], labels=[HOSTILE, "b", "c"], features={HOSTILE: ["l", "l", "r"]}
    )
    widget = cw.HierarchyTree(cw.mixture_tree(mixture, eps=0.1), title=HOSTILE, time=2.0)
    notebook = new_notebook(
        cells=[
            new_markdown_cell("# Three points\n\nTwo of them lie close together."),
            new_code_cell(_SETUP),
            new_code_cell("cw.HierarchyTree(tree, time=2.0)"),
            new_code_cell("cw.SeparationCurves(tree)"),
            new_code_cell("cw.Explorer(tree)"),
        ]
    )
    nbformat.write(notebook, folder / "three.ipynb")
    return {
        "widget": cw.to_html(widget, folder / "widget.html"),
        "notebook": cw.notebook_to_html(folder / "three.ipynb", folder / "notebook.html", execute=True),
    }


@pytest.fixture(params=["widget", "notebook"])
def page(request: pytest.FixtureRequest, pages: dict[str, Path], browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1200, "height": 1800})
    opened = context.new_page()
    watch = Watch(opened)
    opened.goto(pages[request.param].as_uri())
    yield opened
    PICTURES.mkdir(exist_ok=True)
    opened.screenshot(path=PICTURES / f"exported-{request.param}.png", full_page=True)
    assert opened.evaluate("() => window.__harmed") is None
    context.close()
    watch.verify()


def test_the_trees_are_live(page: Page) -> None:
    river = River(page.locator("[data-critwin]").first)
    expect(river.streams).to_have_count(3)
    expect(page.locator(".critwin-is-live .critwin-static").first).to_be_hidden()
    before = river.time()
    river.cursor.focus()
    page.keyboard.press("ArrowRight")
    assert river.time() < before
    river.set_eps_by_mouse(0.95)
    expect(river.census).to_contain_text("5 of 5")
    river.click(river.items.nth(1))
    expect(river.root.locator("[role=treeitem][aria-selected=true]")).to_have_count(1)


def test_the_explorers_tree_is_live_too(pages: dict[str, Path], browser: Browser) -> None:
    page = browser.new_page()
    page.goto(pages["notebook"].as_uri())
    expect(page.locator("[data-critwin] .critwin")).to_have_count(2)
    expect(page.locator("img.critwin-static:visible").first).to_be_visible()
    page.close()


@pytest.mark.parametrize("name", ["widget", "notebook"])
def test_without_scripts_the_still_picture_is_there(pages: dict[str, Path], browser: Browser, name: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(pages[name].as_uri())
    still = page.locator(".critwin-static").first
    expect(still).to_be_visible()
    box = still.bounding_box()
    assert box is not None
    assert box["width"] > 300
    assert box["height"] > 100
    context.close()


def test_each_page_is_one_file_of_modest_size(pages: dict[str, Path]) -> None:
    for path in pages.values():
        assert path.stat().st_size < 3_000_000
        assert not [other for other in path.parent.iterdir() if other.suffix not in (".html", ".ipynb")]
