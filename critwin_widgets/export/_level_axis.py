"""The horizontal axis of a study's pictures: its own levels, noise on the left and data on the right."""

from dataclasses import dataclass

import numpy as np

from ._axis import _linear_ticks, _short
from ._frame import small
from ._svg import fit_text, number, tag
from ._theme import Theme


@dataclass(frozen=True)
class LevelAxis:
    """Maps noise levels to pixels, linearly.

    Attributes:
        low, high: Levels at the data end and at the noise end.
        x0, x1: Pixels of the noise end and of the data end.
        name: What a level is, in words.
        whole: Whether levels are whole numbers.
    """

    low: float
    high: float
    x0: float
    x1: float
    name: str
    whole: bool = False

    def x(self, level: float | np.ndarray) -> np.ndarray:
        """Pixels of levels, clipped to the axis."""
        span = self.high - self.low or 1.0
        share = (self.high - np.clip(level, self.low, self.high)) / span
        return self.x0 + (self.x1 - self.x0) * share

    def draw(self, theme: Theme, y: float) -> str:
        """Ticks, the name and the two ends, below ``y``."""
        rule = {"stroke": theme.muted, "fill": "none"}
        parts = [tag("path", {"d": f"M{number(self.x0)} {number(y)}H{number(self.x1)}", **rule})]
        about = max(int((self.x1 - self.x0) / 85), 2)
        for value in _linear_ticks(self.low, self.high, about) if self.high > self.low else [self.low]:
            if self.whole and value != round(value):
                continue
            x = float(self.x(value))
            parts.append(tag("path", {"d": f"M{number(x)} {number(y)}v5", **rule}))
            parts.append(small(x, y + 18, _short(float(value)), theme, anchor="middle"))
        room = self.x1 - self.x0 - 140
        if room > 120:
            shown = fit_text(self.name, 11.5, room)
            parts.append(small(0.5 * (self.x0 + self.x1), y + 35, shown, theme, anchor="middle"))
        parts.append(small(self.x0, y + 35, "← noise", theme))
        parts.append(small(self.x1, y + 35, "data →", theme, anchor="end"))
        return "".join(parts)
