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
        event
        for event in events
        if event.get("ph") == "X" and (event["pid"], event["tid"]) == thread and event["name"].endswith("RunTask")
    ]
    work = np.zeros(len(bounds) - 1)
    for task in _outermost(tasks):
        start, length = task["ts"], max(task["dur"], 1)
        # The thread's own clock: what other processes do on this machine is not the page's work.
        busy = task.get("tdur", task["dur"])
        for index, (left, right) in enumerate(pairwise(bounds)):
            # A frame's mark may fall inside a task, so each frame gets its share.
            shared = min(start + length, right) - max(start, left)
            if shared > 0:
                work[index] += busy * shared / length
    return work / 1000


def _outermost(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The tasks that lie in no other: a nested one is part of the other's work."""
    kept: list[dict[str, Any]] = []
    reached = -np.inf
    for task in sorted(tasks, key=lambda task: (task["ts"], -task.get("dur", 0))):
        if task["ts"] >= reached:
            kept.append(task)
            reached = task["ts"] + task.get("dur", 0)
    return kept
