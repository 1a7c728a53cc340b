"""A timeline that follows a running study: redrawn as results come in, but never more than it can bear."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np

_REST = 0.25
"""Least seconds between two drawings; longer where a drawing itself takes long."""


class StudyFollower:
    """Redraws when a study reports, rests in between, and keeps the last good picture when a drawing fails.

    Results come while the kernel is busy running the study, when no timer fires: reports draw at once
    unless the last drawing was a moment ago. What was skipped is drawn by the next report, by a timer
    once the kernel is free, or with the last report.

    Args:
        study: Has `observe(callback)`, which may return a function that ends it or pair with `unobserve`.
        draw: Shows what the study has found.
        say: Shows a sentence on how the study stands.
    """

    def __init__(self, study: Any, draw: Callable[[], None], say: Callable[[str], None]) -> None:
        self._study, self._draw, self._say = study, draw, say
        self._next = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._on = True
        self._say(progress_words(study))
        self._end = study.observe(self._heard)

    def stop(self) -> None:
        """Hear no more."""
        self._on = False
        self._still()
        if callable(self._end):
            self._end()
        elif callable(getattr(self._study, "unobserve", None)):
            self._study.unobserve(self._heard)

    def _heard(self, *_news: Any, **_more: Any) -> None:
        if not self._on:
            return
        wait = self._next - time.monotonic()
        if wait <= 0 or is_complete(self._study):
            self._redraw()
        elif self._timer is None:
            # Without an event loop the next report draws, or the last.
            with contextlib.suppress(RuntimeError):
                self._timer = asyncio.get_running_loop().call_later(wait, self._redraw)

    def _redraw(self) -> None:
        self._still()
        if not self._on:
            return
        began = time.monotonic()
        try:
            self._draw()
            self._say(progress_words(self._study))
        except Exception as error:  # raised here it would end the study's run
            self._say(f"The newest results could not be drawn ({error}); the picture shows those before.")
        took = time.monotonic() - began
        self._next = time.monotonic() + max(_REST, 4 * took)

    def _still(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _counts(study: Any) -> dict[str, int]:
    """Cells of a study's results by the meaning of their status."""
    results = getattr(study, "results", None)
    status = None if results is None or "status" not in results else results["status"]
    if status is None:
        return {}
    meanings = str(status.attrs.get("flag_meanings", "")).split()
    flags = np.asarray(status.attrs.get("flag_values", range(len(meanings))))
    return {meaning: int((status.values == flag).sum()) for meaning, flag in zip(meanings, flags, strict=False)}


def is_complete(study: Any) -> bool:
    """Whether every cell of a study has its result."""
    counts = _counts(study)
    return bool(counts) and not counts.get("pending", 0)


def progress_words(study: Any) -> str:
    """One line on how far a study is; empty once it is complete without failures."""
    counts = _counts(study)
    total, waiting, failed = sum(counts.values()), counts.get("pending", 0), counts.get("failed", 0)
    words = []
    if waiting:
        words.append(f"Study in progress: {total - waiting} of {total} cells done.")
    if failed:
        words.append(f"{failed} of {total} cells failed and do not count.")
    return " ".join(words)
