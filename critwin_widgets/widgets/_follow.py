"""A slider that follows a number it can only show rounded."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

_LATE_SECONDS = 3.0
"""How long after a value was set the page may still answer it."""


class Follower:
    """Joins a slider to a number, both ways, without the slider's rounding getting into the number.

    A slider in the page answers a value set from here with the nearest of its steps. Such an answer
    is within half a step of what was set, and a person cannot move a slider by less than a whole one:
    that tells the two apart. When values are set in quick succession, as while something else is
    dragged, the answer to one arrives after the next was set: it is known by the values set lately.

    Args:
        slider: An ipywidgets slider.
        step: Its step, in the units of `place`.
        moved: Called with the slider's value when a person has moved it.
        place: Position on the slider of a value; the value itself by default.
    """

    def __init__(
        self, slider: Any, step: float, moved: Callable[[float], None], place: Callable[[float], float] = float
    ) -> None:
        self._slider, self._step, self._moved, self._place = slider, step, moved, place
        self._value, self._at = slider.value, place(slider.value)
        self._unanswered: deque[tuple[float, float]] = deque(maxlen=256)  # when, and the place set
        self._putting = False
        slider.observe(self._heard, "value")

    def put(self, value: float) -> None:
        """Show a number, as well as the slider can; while it is dragged there itself, leave it alone."""
        self._value, self._at = value, self._place(value)
        if abs(self._place(self._slider.value) - self._at) > 0.5 * self._step:
            self._set(value)

    def _set(self, value: float) -> None:
        self._unanswered.append((time.monotonic(), self._place(value)))
        self._putting = True
        try:
            self._slider.value = value
        finally:
            self._putting = False

    def _heard(self, change: Any) -> None:
        place = self._place(change["new"])
        if self._putting:
            return
        if abs(place - self._at) < 0.6 * self._step:
            self._unanswered.clear()  # answers come in order: none to an older value is on its way
        elif self._is_late(place):
            self._set(self._value)
        else:
            self._unanswered.clear()
            self._value, self._at = change["new"], place
            self._moved(change["new"])

    def _is_late(self, place: float) -> bool:
        now = time.monotonic()
        return any(now - when < _LATE_SECONDS and abs(place - at) < 0.6 * self._step for when, at in self._unanswered)
