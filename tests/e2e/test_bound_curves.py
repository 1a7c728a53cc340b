"""`BoundCurves` in JupyterLab: it is drawn, follows its controls, and reads well wide and narrow, light and dark."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.desk import Desk
from tests.e2e.lab import Kernel

NAME = "bounds.ipynb"
CELLS = [
    """import critwin_widgets as cw
mixture = cw.GaussianMixture([[-60.0], [-57.0], [60.0]], [1.0, 1.0, 1.0], labels=["a", "b", "c"])
bounds = cw.BoundCurves(mixture, ["a"], ["a", "b"], eps=0.1, n_training=40)
bounds""",
]


@pytest.fixture
def view(desk: Desk, kernel: Kernel) -> Iterator[Locator]:
    kernel.run("bounds.show(init=['a'], target=['a', 'b']); bounds.eps, bounds.time = 0.1, None; bounds.data")
    cell = desk.cell(0)
    expect(cell.locator(".bqplot svg .curve").first).to_be_attached()
    expect(cell.locator("[role=status]")).to_have_count(0)
    yield cell
    desk.watch.verify()


def labels(view: Locator) -> list[str]:
    return [text for text in view.locator(".bqplot .label").all_text_contents() if text]


def test_the_curves_the_times_and_the_rivals_are_drawn(desk: Desk, view: Locator) -> None:
    expect(view.locator(".critwin-static")).to_be_hidden()
    assert sorted(text.split()[0] for text in labels(view)) == ["T_end", "T_start", "collapse", "speciation"]
    expect(view.locator(".critwin-curves-readout")).to_contain_text("smallest sharp bound")
    desk.picture("bounds")


def test_a_keyboard_moves_eps_and_the_theorem_follows(desk: Desk, view: Locator, kernel: Kernel) -> None:
    before = labels(view)
    legend = view.locator(".critwin-curves-legend")
    expect(legend).to_contain_text("theorem, 0.171")
    handle = view.locator(".noUi-handle").first
    handle.focus()
    for _ in range(12):
        handle.press("ArrowRight")
    expect(legend).not_to_contain_text("theorem, 0.171")
    desk.page.wait_for_timeout(1000)
    assert kernel.value("bounds.eps") == pytest.approx(0.1 * 10**0.12, rel=1e-3)
    assert labels(view) != before


def test_the_buttons_choose_the_groups(desk: Desk, view: Locator, kernel: Kernel) -> None:
    view.get_by_title("start in: c").click()
    expect(view.locator("b").first).to_contain_text("{a, c}")
    assert kernel.value("[bounds.init, bounds.target]") == [[0, 2], [0, 1, 2]]
    view.get_by_title("target: a").click()
    expect(view.locator("b").first).to_contain_text("{c}")
    assert kernel.value("[bounds.init, bounds.target]") == [[2], [1, 2]]
    view.get_by_title("start in: c").click()  # nothing would be left
    expect(view.locator("[role=status]")).to_contain_text("choose at least one component")
    assert kernel.value("bounds.init") == [2]


def test_of_many_choices_only_the_newest_is_computed(view: Locator, kernel: Kernel) -> None:
    kernel.run(
        "asked = []\n"
        "import critwin_widgets.widgets.bound_curves as _module\n"
        "_whole = _module.bound_data\n"
        "def _noted(mixture, init, target, *rest, **options):\n"
        "    asked.append((init, target)); return _whole(mixture, init, target, *rest, **options)\n"
        "_module.bound_data = _noted\n"
        "for groups in ([0], [0, 1]), ([1], [1, 2]), ([1], [0, 1, 2]), ([2], [1, 2]):\n"
        "    bounds.show(init=groups[0], target=groups[1])"
    )
    expect(view.locator("b").first).to_contain_text("{c}", timeout=60_000)
    kernel.run("bounds.data; _module.bound_data = _whole")
    assert kernel.value("asked") == [[[2], [1, 2]]]


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [360, 800, 1400])
def test_it_reads_at_every_width(desk: Desk, view: Locator, kernel: Kernel, dark: bool, width: int) -> None:
    desk.use_theme(dark)
    kernel.run("bounds.time = 2.4")
    box = view.locator(".critwin-curves")
    try:
        # What is narrow or wide is the output, whatever stands beside it.
        box.evaluate(
            "(e, width) => { e.style.width = `${width}px`; window.dispatchEvent(new Event('resize')); }", width
        )
        desk.page.wait_for_timeout(900)
        desk.picture(f"bounds-{width}-{'dark' if dark else 'light'}")
        assert box.evaluate("e => e.scrollWidth - e.clientWidth") <= 1
        shown = [
            place.bounding_box()
            for place in view.locator(".bqplot .label").all()
            if re.search(r"\w", place.text_content() or "")
        ]
        boxes = [place for place in shown if place is not None]
        assert len(boxes) == 4
        for i, one in enumerate(boxes):
            for other in boxes[i + 1 :]:
                apart = one["x"] + one["width"] <= other["x"] or other["x"] + other["width"] <= one["x"]
                assert apart or one["y"] + 9 <= other["y"] or other["y"] + 9 <= one["y"]
    finally:
        box.evaluate("e => { e.style.width = ''; window.dispatchEvent(new Event('resize')); }")
        desk.use_theme(False)
