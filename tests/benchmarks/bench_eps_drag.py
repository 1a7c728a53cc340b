"""Dragging ε over a tree of 199 vertices: work on the page's main thread in each frame."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, sync_playwright

import critwin_widgets as cw
from tests.benchmarks.rows import Row
from tests.benchmarks.trace import frame_work
from tests.e2e.browser import launch

_COMPONENTS = 100
_FRAMES = 240
_LIMIT_MS = 16.0

_NOTHING = "(() => {})"
_DRAG = """(frame, frames) => {
  const slider = document.querySelector('.cw-eps');
  const [low, high] = [Number(slider.min), Number(slider.max)];
  slider.value = String(low + (high - low) * (0.5 - 0.5 * Math.cos(4 * Math.PI * frame / frames)));
  slider.dispatchEvent(new InputEvent('input', { bubbles: true }));
}"""


def large_tree() -> cw.MixtureTree:
    """A binary hierarchy of 100 components in scales that halve: 199 vertices."""
    rng = np.random.default_rng(0)
    means = [np.zeros(8)]
    scale = 1e7
    while len(means) < _COMPONENTS:
        room = _COMPONENTS - len(means)
        split = [mean + side * scale * step for mean in means[:room] for step in [_unit(rng)] for side in (-1, 1)]
        means = split + means[room:]
        scale /= 12
    return cw.mixture_tree(cw.GaussianMixture(np.array(means), np.ones(len(means))), eps=0.1, n=256)


def _unit(rng: np.random.Generator) -> np.ndarray:
    step = rng.normal(size=8)
    return step / np.linalg.norm(step)


def run() -> list[Row]:
    """The 95th percentile over the frames of a drag in each view, beside that of the page left alone."""
    tree = large_tree()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = launch(playwright)
        try:
            return [_drag(browser, tree, view, Path(folder)) for view in ("river", "dendrogram")]
        finally:
            browser.close()


def _drag(browser: Browser, tree: cw.MixtureTree, view: str, folder: Path) -> Row:
    page_file = cw.to_html(cw.HierarchyTree(tree, height=900, view=view), folder / f"{view}.html")
    page = browser.new_page(viewport={"width": 1200, "height": 1100})
    page.goto(page_file.as_uri())
    page.wait_for_selector(".cw-stream", state="attached")
    idle = frame_work(browser, page, _NOTHING, _FRAMES)
    dragged = frame_work(browser, page, _DRAG, _FRAMES)
    page.close()
    work, rest = float(np.percentile(dragged, 95)), float(np.percentile(idle, 95))
    name = f"ε drag, {view}, {len(tree.vertices)} vertices: work per frame (95th percentile)"
    return Row(name, work, "ms", f"budget {_LIMIT_MS:g} ms (page at rest: {rest:.2g} ms)", work / _LIMIT_MS, 1.0)
