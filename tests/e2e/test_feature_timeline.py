"""The timeline in JupyterLab: by keyboard and mouse, in both themes, with labels of every kind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.desk import Desk
from tests.e2e.lab import Kernel
from tests.e2e.test_hierarchy_tree import wait_for_kernel

HOSTILE = '<img src=x onerror="window.__harmed=1"><script>window.__harmed=1</script>'
NAME = "timeline.ipynb"
CELLS = [
    """import critwin_widgets as cw
digits = cw.datasets.digits().mixture()
names = [str(label) for label in digits.labels]
features = {
    "digit": names,
    "closed loop": ["loop" if name in "0689" else "open" for name in names],
    "parity": ["odd" if int(name) % 2 else "even" for name in names],
}
timeline = cw.FeatureTimeline(digits, features=features, title="Digits: which feature is decided when?")
timeline""",
    """ones = {f"is {k}": [str(name == str(k)) for name in names] for k in range(10)}
curves = cw.decision_curves(digits, [0.02 * 1.2**k for k in range(30)], ones)
wide = curves.assign({name: curves[name] * 1.3 for name in curves if "half" in name or "decision" in name})
wide = wide.assign_coords(time=1.3 * wide["time"])
cw.FeatureTimeline({"one model": curves, "another, later": wide}, title="Two models, ten features each")""",
    f"""corners = cw.GaussianMixture(
    [[a * 60, b * 12, c * 3] for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)], [1.0] * 8)
odd = [{HOSTILE!r}, "שלום עולם — תכונה", "ميزة اللون الأساسية", "👩‍👩‍👧‍👦 famille élargie à l’infini",
       "Une très longue étiquette française qui décrit la couleur de l’arrière-plan de l’image", "x" * 300, " "]
labels = {{name: [str(k >> i % 3 & 1) for k in range(8)] for i, name in enumerate(odd)}}
cw.FeatureTimeline(corners, features=labels, title={HOSTILE!r})""",
    """import random
random.seed(0)
many = {f"feature {i}": [random.choice("ab") for _ in range(7)] + ["c"] for i in range(40)}
cw.FeatureTimeline(corners, features=many, title="Forty features")""",
]
_CONTRASTS = """root => {
  const context = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgb = css => {
    context.clearRect(0, 0, 1, 1); context.fillStyle = css; context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = rgb(getComputedStyle(e).backgroundColor);
      if (colour[3] > 250) return colour;
    }
    return [255, 255, 255, 255];
  };
  const found = [];
  for (const e of root.querySelectorAll('*')) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    const style = getComputedStyle(e);
    if (!own || e.closest('title, [hidden], .cw-live') || style.display === 'none') continue;
    if (!e.getClientRects().length) continue;
    const svg = e instanceof SVGElement;
    const pill = e.classList.contains('cw-pill-text');
    const paper = pill ? rgb(getComputedStyle(e.previousElementSibling).fill)
      : ground(svg ? root.querySelector('.cw-stage') : e);
    const [a, b] = [light(rgb(svg ? style.fill : style.color)), light(paper)];
    found.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.getAttribute('class') ?? e.tagName]);
  }
  return found;
}"""


def view(desk: Desk, cell: int) -> Locator:
    root = desk.cell(cell).locator(".cw-timeline").first
    root.wait_for(timeout=60_000)
    return root


def names_of(root: Locator) -> list[str]:
    rows = root.get_by_role("option").all()
    shown = sorted(rows, key=lambda row: int(str(row.get_attribute("aria-posinset"))))
    return [str(row.get_attribute("aria-label")).split(";")[0] for row in shown]


@pytest.fixture
def timeline(desk: Desk, kernel: Kernel) -> Iterator[Locator]:
    """The first view, in a known state; afterwards nothing bad may have happened on the page."""
    kernel.run("timeline.time = 1.0; timeline.sort = 'time'; timeline.clock = 't'; timeline.feature = ''")
    root = view(desk, 0)
    expect(root.get_by_role("slider")).to_have_attribute("aria-valuenow", "1")
    yield root
    desk.watch.verify()


def test_rows_and_cursor_obey_the_keyboard(desk: Desk, timeline: Locator, kernel: Kernel) -> None:
    expect(desk.cell(0).locator(".critwin-static").first).to_be_hidden()
    assert names_of(timeline) == ["parity", "closed loop", "digit"]
    timeline.locator("[role=option][tabindex='0']").focus()
    press = desk.page.keyboard.press
    press("Home")
    press("ArrowDown")
    expect(timeline.locator(".cw-card")).to_contain_text("closed loop")
    press("ArrowRight")
    wait_for_kernel(kernel, "0.9 < timeline.time < 1.0")
    press("Enter")
    expect(timeline.locator(".cw-inspector")).to_contain_text("half decided at")
    wait_for_kernel(kernel, "timeline.feature == 'closed loop'")
    press("s")
    assert names_of(timeline) == ["digit", "closed loop", "parity"]
    wait_for_kernel(kernel, "timeline.sort == 'given'")
    press("t")
    expect(timeline.get_by_role("table")).to_be_visible()
    desk.picture("timeline-table")
    press("t")
    press("Escape")
    expect(timeline.locator(".cw-inspector")).to_be_hidden()
    slider = timeline.get_by_role("slider")
    slider.focus()
    press("End")
    expect(slider).to_have_attribute("aria-valuenow", "0")
    expect(timeline.locator(".cw-say")).to_contain_text("decided")


def test_the_cursor_follows_the_mouse_and_the_kernel(timeline: Locator, kernel: Kernel) -> None:
    pill = timeline.locator(".cw-pill").bounding_box()
    assert pill is not None
    page, (x, y) = timeline.page, (pill["x"] + pill["width"] / 2, pill["y"] + 90)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 120, y, steps=8)
    page.mouse.up()
    wait_for_kernel(kernel, "timeline.time < 0.9")
    kernel.run("timeline.time = 0.5; timeline.clock = 'sigma'; timeline.selected = [0, 6]")
    expect(timeline.get_by_role("slider")).to_have_attribute("aria-valuenow", "0.5")
    expect(timeline.get_by_role("slider")).to_contain_text("σ")
    expect(timeline.locator(".cw-shared")).to_have_count(2)  # parity and loop are common to 0 and 6


def test_labels_of_every_kind_stay_text_and_in_their_place(desk: Desk, timeline: Locator) -> None:
    root = view(desk, 2)
    expect(root.get_by_role("option")).to_have_count(7)
    root.get_by_role("option").nth(1).hover()
    desk.picture("timeline-hostile")
    plot = root.locator(".cw-row-rule").first.bounding_box()
    assert plot is not None
    for label in root.locator(".cw-row-label").all():
        box = label.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= plot["x"] + 1, label.text_content()
    assert desk.page.evaluate("() => window.__harmed") is None
    assert desk.page.locator("img[onerror]").count() == 0


@pytest.mark.parametrize("dark", [False, True])
def test_all_text_reads_in_both_themes(desk: Desk, timeline: Locator, dark: bool) -> None:
    try:
        desk.use_theme(dark)
        for cell, name in enumerate(("digits", "models", "labels", "forty")):
            root = view(desk, cell)
            expect(root).to_have_attribute("data-scheme", "dark" if dark else "light")
            desk.page.wait_for_timeout(150)
            desk.picture(f"timeline-{name}-{'dark' if dark else 'light'}")
            found = root.evaluate(_CONTRASTS)
            assert len(found) > 20
            assert [one for one in found if one[0] < 4.5] == []
    finally:
        desk.use_theme(dark=False)
