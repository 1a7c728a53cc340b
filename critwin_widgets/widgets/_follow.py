"""A slider that follows a number it can only show rounded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Follower:
    """Joins a slider to a number, both ways, without the slider's rounding getting into the number.

    A slider in the page answers a value set from here with the nearest of its steps. Such an answer
    is within half a step of what was set, and a person cannot move a slider by less than a whole one:
    that tells the two apart.

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
        self._at = place(slider.value)
        self._putting = False
        slider.observe(self._heard, "value")

    def put(self, value: float) -> None:
        """Show a number, as well as the slider can; while it is dragged there itself, leave it alone."""
        self._at = self._place(value)
        if abs(self._place(self._slider.value) - self._at) <= 0.5 * self._step:
            return
        self._putting = True
        try:
            self._slider.value = value
        finally:
            self._putting = False

    def _heard(self, change: Any) -> None:
        place = self._place(change["new"])
        if self._putting or abs(place - self._at) < 0.6 * self._step:
            return
        self._at = place
        self._moved(change["new"])
