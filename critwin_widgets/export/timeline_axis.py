"""The axis of a timeline: any clock of the noise process where levels are OU times, or the levels themselves."""

import numpy as np

from ._axis import Axis, _linear_ticks, _short
from ._frame import small, time_axis
from ._svg import number, tag
from ._theme import Theme
from .timeline_rows import Timeline


class TimelineAxis:
    """Maps levels to pixels, noise on the left.

    Args:
        timeline: Knows the unit and the range.
        clock: Clock of the axis; must be "t" where levels are not OU times.
        x0: Pixel of the noise end.
        x1: Pixel of the data end.
    """

    def __init__(self, timeline: Timeline, clock: str, x0: float, x1: float) -> None:
        self.unit, self.t_max, self.x0, self.x1 = timeline.unit, float(timeline.t_max), x0, x1
        if not self.unit.ou and clock != "t":
            raise ValueError(f"clock is {clock!r}, but levels are {self.unit.name}, which have no OU time; use 't'")
        self._axis = Axis(clock, float(timeline.t_min), self.t_max, x0, x1)

    def x(self, level: float | np.ndarray) -> np.ndarray:
        """Pixels of levels, clipped to the axis."""
        return self._axis.x(level)

    def level(self, x: float) -> float:
        """Level at a pixel; inverse of `x`."""
        return self._axis.t(x)

    def levels(self, known: np.ndarray, count: int) -> np.ndarray:
        """Levels at which to draw a curve: the known ones and `count` evenly spaced, within what is known."""
        even = self._axis.times(count)
        inside = (even >= known[0]) & (even <= known[-1])
        found = np.unique(np.concatenate([known, even[inside]]))
        return found[(found >= self._axis.t_data) & (found <= self.t_max)]

    def draw(self, theme: Theme, y: float) -> str:
        """Ticks, the unit's name and the two ends, below `y`."""
        if self.unit.ou:
            return time_axis(self._axis, theme, y)
        rule = {"stroke": theme.muted, "fill": "none"}
        parts = [tag("path", {"d": f"M{number(self.x0)} {number(y)}H{number(self.x1)}", **rule})]
        values = _linear_ticks(0.0, self.t_max, max(int((self.x1 - self.x0) / 85), 2))
        for value in np.unique(np.round(values)) if self.unit.whole else values:
            x = float(self.x(value))
            parts.append(tag("path", {"d": f"M{number(x)} {number(y)}v5", **rule}))
            parts.append(small(x, y + 18, _short(float(value)), theme, anchor="middle"))
        parts.append(small(0.5 * (self.x0 + self.x1), y + 35, self.unit.name, theme, anchor="middle"))
        parts.append(small(self.x0, y + 35, "← noise", theme))
        parts.append(small(self.x1, y + 35, "data →", theme, anchor="end"))
        return "".join(parts)
