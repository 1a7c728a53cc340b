"""What every static picture has around it: heading, axis, closing line."""

import math

from ._axis import CLOCK_NAMES, Axis
from ._svg import fit_text, number, tag, text_width
from ._theme import Theme

LEFT = 28.0


def check_width(width: float) -> None:
    """Raise `ValueError` for a picture too narrow to hold its words."""
    if not (math.isfinite(width) and width >= 320):
        raise ValueError(f"width is {width!r}; it must be a number of at least 320 pixels.")


def heading(title: str, theme: Theme, width: float) -> str:
    """The title at the top left."""
    place = {"x": LEFT, "y": 30.0, "font_size": "16", "font_weight": "600", "fill": theme.ink}
    return tag("text", place, text=fit_text(title, 17, width - 2 * LEFT))


def time_axis(axis: Axis, theme: Theme, y: float) -> str:
    """Ticks, the clock's name and the two ends, below ``y``."""
    rule = {"stroke": theme.muted, "fill": "none"}
    parts = [tag("path", {"d": f"M{number(axis.x0)} {number(y)}H{number(axis.x1)}", **rule})]
    for x, label in axis.ticks():
        parts.append(tag("path", {"d": f"M{number(x)} {number(y)}v5", **rule}))
        parts.append(small(x, y + 18, label, theme, anchor="middle"))
    middle = 0.5 * (axis.x0 + axis.x1)
    if axis.x1 - axis.x0 > 420:  # on a narrow picture the ends say enough
        parts.append(small(middle, y + 35, CLOCK_NAMES[axis.clock], theme, anchor="middle"))
    parts.append(small(axis.x0, y + 35, "← noise", theme))
    parts.append(small(axis.x1, y + 35, "data →", theme, anchor="end"))
    return "".join(parts)


def small(x: float, y: float, text: str, theme: Theme, *, anchor: str | None = None, colour: str | None = None) -> str:
    """A line of small type."""
    place = {"x": x, "y": y, "font_size": "11.5", "fill": colour or theme.muted, "text_anchor": anchor}
    return tag("text", place, text=text)


def closing(text: str, theme: Theme, y: float, width: float) -> tuple[str, float]:
    """Sentences under the picture, in as many lines as they need from ``y`` on, and where the picture ends."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if text_width(longer, 11.5) > width - 2 * LEFT and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = longer
    lines = [fit_text(line, 11, width - LEFT) for line in lines]
    return "".join(small(LEFT, y + 15 * i, line, theme) for i, line in enumerate(lines)), y + 15 * len(lines) + 5
