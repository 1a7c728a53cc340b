"""From a click on a vertex to the kernel and back, beside a bare ipywidgets slider in the same page.

On a stock server an answer arrives either at once or about 40 ms later, when a delayed
acknowledgement releases the small packets that wait for it. Which of the two is a toss that also
depends on the message before, so a median jumps between them: the kinds are tried in random order
and their means compared, and the lower quartiles, which are free of the wait.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

from tests.benchmarks.rows import Row
from tests.e2e.browser import launch
from tests.e2e.desk import Desk
from tests.e2e.lab import LabServer
from tests.e2e.river import River

_TRIALS = 100
_WARM_UP = ["river", "slider"] * 5
_LIMIT = 2.0
_CELLS = [
    # In both cases the kernel answers by one trait of one label, which the page waits to see.
    """import critwin_widgets as cw, ipywidgets as widgets
river = cw.HierarchyTree(cw.mixture_tree(cw.datasets.digits().mixture(), eps=0.1))
slider = widgets.IntSlider(0, 0, 10_000)
heard = {name: widgets.Label("0") for name in ("river", "slider")}
for name in heard:
    heard[name].add_class(f"heard-{name}")
def answer(name):
    heard[name].value = str(int(heard[name].value) + 1)
river.observe(lambda change: answer("river"), "selected")
slider.observe(lambda change: answer("slider"), "value")
widgets.VBox([slider, *heard.values()])""",
    "river",
]
_TRIP = """async ([name, trial]) => {
  const label = document.querySelector(`.heard-${name}`);
  const target = name === 'slider'
    ? document.querySelector('.widget-slider .noUi-handle')
    : document.querySelectorAll('.critwin [role=treeitem]')[1 + trial % 8];
  const event = name === 'slider'
    ? new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true })
    : new MouseEvent('click', { bubbles: true });
  const heard = new Promise((resolve, reject) => {
    const watch = new MutationObserver(() => { watch.disconnect(); resolve(performance.now()); });
    watch.observe(label, { childList: true, characterData: true, subtree: true });
    setTimeout(() => reject(new Error(`no answer to ${name}`)), 10000);
  });
  const start = performance.now();
  target.dispatchEvent(event);
  return (await heard) - start;
}"""


def trips(page: Page) -> dict[str, np.ndarray]:
    """Milliseconds of each round trip, the two kinds in random order on the same page."""
    order = np.random.default_rng(0).permutation(np.repeat(["river", "slider"], _TRIALS))
    times: dict[str, list[float]] = {"river": [], "slider": []}
    for name in [*_WARM_UP, *order]:
        times[name].append(page.evaluate(_TRIP, [name, len(times[name])]))
        page.wait_for_timeout(120)
    return {name: np.array(kept[-_TRIALS:]) for name, kept in times.items()}


def run() -> list[Row]:
    """The ratios of the means and of the lower quartiles."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        lab = LabServer(Path(folder))
        browser = launch(playwright)
        try:
            desk = Desk(browser, lab)
            desk.open(lab.add_notebook("trip.ipynb", _CELLS))
            desk.run_all()
            River(desk.page.locator(".jp-Notebook"))
            times = trips(desk.page)
        finally:
            browser.close()
            lab.stop()
    return [
        _row("mean", *(float(times[name].mean()) for name in ("river", "slider"))),
        _row("lower quartile", *(float(np.percentile(times[name], 25)) for name in ("river", "slider"))),
    ]


def _row(what: str, ours: float, bare: float) -> Row:
    return Row(f"selection: kernel round trip ({what})", ours, "ms", f"bare slider {bare:.3g} ms", ours / bare, _LIMIT)
