"""The logarithmic vertical axis of the pictures of curves."""

import numpy as np

from ._axis import Axis, power_of_ten
from ._frame import small
from ._svg import number, tag
from ._theme import Theme


class LogScale:
    """Vertical axis from 1 at the top to ``low`` at the bottom, in pixels."""

    def __init__(self, low: float, top: float, height: float) -> None:
        self.low, self.top, self.bottom = low, top, top + height

    def y(self, value: float | np.ndarray) -> np.ndarray:
        """Pixels of values, cut at both ends."""
        share = np.log10(np.clip(value, self.low, 1.0)) / np.log10(self.low)
        return self.top + (self.bottom - self.top) * share

    def grid(self, axis: Axis, theme: Theme) -> str:
        """Rules and labels at powers of ten."""
        parts = []
        lowest = int(np.floor(-np.log10(self.low) + 1e-9))
        for power in range(0, lowest + 1, 1 if lowest <= 8 else 2):
            y = float(self.y(10.0**-power))
            rule = {"d": f"M{number(axis.x0)} {number(y)}H{number(axis.x1)}", "stroke": theme.rule}
            parts.append(tag("path", rule | {"stroke_width": "0.7"}))
            raised = "1" if power == 0 else power_of_ten(-power)
            parts.append(small(axis.x0 - 8, y + 4, raised, theme, anchor="end"))
        return "".join(parts)

    def visible(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The points down to the first one on the bottom edge: a line along it would look like a value."""
        sunk = np.flatnonzero(y >= self.bottom - 1e-6)
        points = np.column_stack([x, y])
        return points[: sunk[0] + 1] if len(sunk) else points
