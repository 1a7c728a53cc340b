"""Trees of masked tokens in a browser: one clock, its unit on the axis, a cursor that rests on levels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

import critwin_widgets as cw
from tests.e2e.desk import PICTURES, Watch
from tests.e2e.river import River

PROCESSES = {
    "hidden": cw.processes.OrderedMasking(cw.TokenMixture.strings(["000", "001", "010", "011", "100", "110"])),
    "masked": cw.processes.RandomMasking(
        cw.TokenMixture.strings(
            ["aaaaaaaa", "aaaaaaab", "bbbbbbba", "bbbbbbbb"], features={"first": list("aabb"), "last": list("abab")}
        )
    ),
}


@pytest.fixture(params=["hidden", "masked"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def page(kind: str, tmp_path: Path, browser: Browser) -> Iterator[Page]:
    widget = cw.HierarchyTree(PROCESSES[kind], eps=0.4, show_table=True)
    context = browser.new_context(viewport={"width": 1100, "height": 1000})
    opened = context.new_page()
    watch = Watch(opened)
    opened.goto(cw.to_html(widget, tmp_path / "page.html").as_uri())
    yield opened
    PICTURES.mkdir(exist_ok=True)
    opened.screenshot(path=PICTURES / f"levels-{kind}.png", full_page=True)
    context.close()
    watch.verify()


def test_the_unit_is_on_the_axis_and_no_other_clock_is_offered(page: Page, kind: str) -> None:
    name = {"hidden": "tokens hidden h", "masked": "fraction of tokens masked m"}[kind]
    river = River(page.locator("[data-critwin]").first)
    expect(river.streams).to_have_count(len(PROCESSES[kind].components))
    expect(page.locator(".cw-axis")).to_contain_text(name)
    expect(page.locator(".cw-table caption")).to_contain_text(name)
    expect(page.get_by_role("group", name="Clock")).to_be_hidden()
    river.cursor.focus()
    before = river.time()
    page.keyboard.press("ArrowRight")
    after = river.time()
    assert after < before
    if kind == "hidden":
        assert after == before - 1
        expect(page.locator(".cw-say")).to_contain_text(f"h = {after:.0f} —")
