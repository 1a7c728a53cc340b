"""Main-thread work per frame, from Chromium's own trace."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page

_CATEGORIES = ["blink.user_timing", "devtools.timeline", "toplevel", "disabled-by-default-devtools.timeline"]


def frame_work(browser: Browser, page: Page, drive: str, frames: int) -> np.ndarray:
    """Milliseconds of main-thread work in each frame while a script drives the page.

    Everything counts that the page's main thread does: event handlers, our drawing, style, layout,
    paint. The time that the thread waits does not.

    Args:
      browser: the browser that holds the page.
      page: the page.
      drive: JavaScript of a function `(frame, frames) => void`, called once in every frame.
      frames: how many frames to drive.
    """
    browser.start_tracing(page=page, categories=_CATEGORIES)
    page.evaluate(
        """async ([drive, frames]) => {
          const step = eval(drive);
          for (let frame = 0; frame < frames; frame++) {
            await new Promise(requestAnimationFrame);
            performance.mark(`critwin-frame-${frame}`);
            step(frame, frames);
          }
          await new Promise(requestAnimationFrame);
          performance.mark(`critwin-frame-${frames}`);
        }""",
        [drive, frames],
    )
    events = json.loads(browser.stop_tracing())["traceEvents"]
    return _work(events)


def _work(events: list[dict[str, Any]]) -> np.ndarray:
    marks = [event for event in events if str(event.get("name", "")).startswith("critwin-frame-")]
    thread = (marks[0]["pid"], marks[0]["tid"])
    bounds = np.sort([event["ts"] for event in marks])
    tasks = [
        (event["ts"], event["ts"] + event.get("dur", 0))
        for event in events
        if event.get("ph") == "X" and (event["pid"], event["tid"]) == thread and event["name"].endswith("RunTask")
    ]
    work = np.zeros(len(bounds) - 1)
    for index, (start, end) in enumerate(pairwise(bounds)):
        # A task's mark may fall inside a task, so each task counts where it overlaps the frame.
        work[index] = _covered([(max(a, start), min(b, end)) for a, b in tasks if a < end and b > start])
    return work / 1000


def _covered(spans: list[tuple[float, float]]) -> float:
    """Length of the union of spans: nested tasks are not counted twice."""
    total, reached = 0.0, -np.inf
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total
