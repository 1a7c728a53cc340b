"""A fairness report as a static SVG: when each group decides, what comes out, and how groups differ."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ._frame import LEFT, check_width, closing, heading, small
from ._level_axis import LevelAxis
from ._svg import document, fit_text, number, polyline, tag, text_width
from ._theme import Theme, theme_named
from .colours import feature_line

CURVES = 150.0
"""Height of the panel of curves."""
ROW, MOST_VALUES, MOST_PAIRS = 17.0, 6, 15
"""Height of a row of dots, and the most values and pairs that are drawn."""


def fairness_svg(report: Any, words: str, *, theme: str = "light", title: str | None = None, width: float = 960) -> str:
    """Draw the decision curves of all groups, the final proportions and their differences.

    Args:
        report: A fairness report: its ``curves``, ``final``, ``differences`` and ``settings`` are drawn.
        words: What it says, for readers who do not see it.
        theme: "light" or "dark".
        title: Heading.
        width: Width in pixels, at least 320.

    Returns:
        A self-contained SVG document.

    Raises:
        ValueError: For an unknown theme, or a width below 320.
    """
    check_width(width)
    colours = theme_named(theme)
    title = f"When is {report.attribute} decided, by {report.group}?" if title is None else title
    legend, below = _legend(report, colours, width)
    curves, bottom = _curves(report, colours, below + 24, width)
    wide = width >= 720
    middle = 0.5 * width if wide else width
    final, low_left = _final(report, colours, LEFT, middle - 14 if wide else width - LEFT, bottom)
    start = bottom if wide else low_left + 14
    apart, low_right = _differences(report, colours, middle + 14 if wide else LEFT, width - LEFT, start)
    told, end = closing(_caption(report), colours, max(low_left, low_right) + 22, width)
    parts = [heading(title, colours, width), legend, curves, final, apart, told]
    return document(width, end, *parts, title=title, description=words, background=colours.background)


def _legend(report: Any, theme: Theme, width: float) -> tuple[str, float]:
    parts, x, y = [], LEFT, 54.0
    for j, name in enumerate(map(str, report.curves["group"].values)):
        colour, dash = feature_line(j, theme.scheme)
        shown = fit_text(f"{name} ({int(report.curves['sources'][j])})", 12, width - 2 * LEFT - 40)
        needed = 40 + text_width(shown, 12) + 18
        if x > LEFT and x + needed > width - LEFT:
            x, y = LEFT, y + 19.0
        line = {"d": f"M{number(x)} {number(y - 4)}h28", "stroke": colour, "stroke_width": "2", "fill": "none"}
        parts += [tag("path", line | {"stroke_dasharray": dash}), _marker(j, x + 14, y - 4, colour, theme)]
        parts.append(tag("text", {"x": x + 36, "y": y, "font_size": "12", "fill": theme.ink}, text=shown))
        x += needed
    return "".join(parts), y + 12


def _curves(report: Any, theme: Theme, top: float, width: float) -> tuple[str, float]:
    """The decided fraction of each group with its band, and the half levels; and where it ends."""
    curves, index = report.curves, report.settings["index"]
    levels = curves["level"].values.astype(float)
    bottom = top + CURVES
    name = f"noise level {index['symbol']} ({index['name']})"
    axis = LevelAxis(levels[0], levels[-1], LEFT + 40, width - LEFT, name, bool(index.get("whole")))

    def y_of(decided: Any) -> np.ndarray:
        return bottom - CURVES * np.clip(decided, 0.0, 1.0)

    caption = fit_text(f"how far {report.attribute} is decided within each group", 11.5, width - 2 * LEFT)
    parts = [small(LEFT, top - 10, caption, theme)]
    for share in (0.0, 0.5, 1.0):
        y = float(y_of(share))
        rule = {"d": f"M{number(axis.x0)} {number(y)}H{number(axis.x1)}", "stroke": theme.rule}
        parts.append(tag("path", rule | {"stroke_dasharray": "2 4" if share == 0.5 else None}))
        parts.append(small(axis.x0 - 6, y + 4, f"{100 * share:.0f} %", theme, anchor="end"))
    for band in (True, False):  # lines above all bands
        for j in range(curves.sizes["group"]):
            parts.append(_curve(curves.isel(group=j), j, levels, axis, y_of, theme, band))
    count = curves.sizes["group"]
    for j in range(count):
        parts.append(_half(curves.isel(group=j), j, (j - 0.5 * (count - 1)) * 7, axis, float(y_of(0.5)), theme))
    return "".join([*parts, axis.draw(theme, bottom)]), bottom + 66


def _curve(curve: Any, j: int, levels: np.ndarray, axis: LevelAxis, y_of: Any, theme: Theme, band: bool) -> str:
    colour, dash = feature_line(j, theme.scheme)
    chance = float(curve["chance"])
    there = np.isfinite(curve["retention"].values)
    if not there.any():
        return ""
    x = np.asarray(axis.x(levels[there]))
    if band:
        if chance >= 1 - 1e-12:
            return ""
        sides = [y_of((curve[side].values[there] - chance) / (1 - chance)) for side in ("high", "low")]
        outline = np.concatenate([np.column_stack([x, sides[0]]), np.column_stack([x, sides[1]])[::-1]])
        return tag("path", {"d": polyline(outline, close=True), "fill": colour, "fill_opacity": "0.14"})
    line = {"fill": "none", "stroke": colour, "stroke_width": "2", "stroke_dasharray": dash}
    fit = np.column_stack([x, y_of(curve["fit"].values[there])])
    about = tag("title", text=curve["group"].item())
    dots = [
        tag("circle", {"cx": float(a), "cy": float(b), "r": "2", "fill": colour})
        for a, b in zip(x, y_of(curve["decided"].values[there]), strict=True)
    ]
    return tag("path", line | {"d": polyline(fit)}, about) + "".join(dots)


def _half(curve: Any, j: int, shift: float, axis: LevelAxis, y: float, theme: Theme) -> str:
    """The half level with its interval, on the line of one half."""
    if curve["half_status"].item() != "found":
        return ""
    colour = feature_line(j, theme.scheme)[0]
    place, low, high = (float(curve[name]) for name in ("half_level", "half_low", "half_high"))
    about = f"{curve['group'].item()}: half decided at {place:.3g} [{low:.3g}, {high:.3g}]"
    at = [float(axis.x(side)) for side in (place, low, high)]
    return _dot(j, at[0], at[1], at[2], y + shift, colour, theme, about)


def _final(report: Any, theme: Theme, x0: float, x1: float, top: float) -> tuple[str, float]:
    """Final proportions: a row for each value and group; and where they end."""
    final = report.final
    groups, values = final["group"].values, final["value"].values[:MOST_VALUES]
    whose = "outcomes" if final.attrs["basis"] == "outcome" else "sources"
    place = f"{report.settings['index']['symbol']} = {final['level'].item():.3g}"
    frame = _Frame(theme, x0, x1, [str(value) for value in values], (0.0, 1.0))
    caption = fit_text(f"what comes out at {place}, by group of {whose}", 11.5, x1 - x0)
    parts, y = [], top + 20
    for value in values:
        parts.append(frame.label(str(value), y))
        for j in range(len(groups)):
            one = final.isel(group=j).sel(value=value)
            share, low, high = (float(one[name]) for name in ("proportion", "low", "high"))
            about = f"{groups[j]}, {value}: {_told(share, low, high)}"
            parts.append(frame.row(j, share, low, high, y, feature_line(j, theme.scheme)[0], about))
            y += ROW
        y += 7
    return "".join([small(x0, top, caption, theme), frame.axis(y, top + 8), *parts]), y + 24


def _differences(report: Any, theme: Theme, x0: float, x1: float, top: float) -> tuple[str, float]:
    """Differences of final proportions against zero, filled where the interval leaves it out; and where they end."""
    found = report.differences
    values = found["value"].values[: 1 if found.sizes["value"] == 2 else MOST_VALUES]
    rows = [(pair, value) for value in values for pair in found["pair"].values]
    reach = float(np.nanmax(np.abs([found["low"].values, found["high"].values])))
    reach = min(1.0, max(0.1, np.ceil(10 * reach) / 10))
    names = [f"{value}: {pair}" for pair, value in rows]
    frame = _Frame(theme, x0, x1, names, (-reach, reach))
    caption = fit_text("differences, in percentage points", 11.5, x1 - x0)
    parts, y = [], top + 20
    for (pair, value), name in list(zip(rows, names, strict=True))[:MOST_PAIRS]:
        one = found.sel(pair=pair, value=value)
        difference, low, high = (float(one[key]) for key in ("difference", "low", "high"))
        apart = low > 0 or high < 0
        parts.append(frame.label(name, y, theme.ink if apart else theme.muted))
        about = f"{name}: {_told(difference, low, high)}"
        parts.append(frame.row(0, difference, low, high, y, theme.accent if apart else theme.muted, about, full=apart))
        y += ROW
    if len(rows) > MOST_PAIRS:
        parts.append(small(x0, y + 4, f"and {len(rows) - MOST_PAIRS} more", theme))
        y += ROW
    y += 7
    return "".join([small(x0, top, caption, theme), frame.axis(y, top + 8), *parts]), y + 24


def _told(value: float, low: float, high: float) -> str:
    shown = f"{100 * value:.1f} %" if np.isfinite(value) else "no outcomes"
    return f"{shown} [{100 * low:.1f}, {100 * high:.1f}]"


@dataclass(frozen=True)
class _Frame:
    """Labels on the left, dots with whiskers on the right, on an axis of shares."""

    theme: Theme
    x0: float
    x1: float
    names: list[str]
    ends: tuple[float, float]

    @property
    def start(self) -> float:
        """Where the labels end and the axis begins."""
        widest = max((text_width(name, 12) for name in self.names), default=0.0)
        return self.x0 + min(widest, 0.42 * (self.x1 - self.x0)) + 14

    def x(self, share: float) -> float:
        low, high = self.ends
        return self.start + (self.x1 - 8 - self.start) * (min(max(share, low), high) - low) / (high - low)

    def label(self, name: str, y: float, colour: str | None = None) -> str:
        shown = fit_text(name, 12, self.start - self.x0 - 12)
        place = {"x": self.x0, "y": y + 4, "font_size": "12", "fill": colour or self.theme.ink}
        return tag("text", place, tag("title", text=name), tag("tspan", text=shown))

    def row(self, j: int, value: float, low: float, high: float, y: float, colour: str, about: str, full=True) -> str:
        if not np.isfinite(value):
            return small(self.x(0.5 * sum(self.ends)), y + 4, "no outcomes", self.theme, anchor="middle")
        return _dot(j, self.x(value), self.x(low), self.x(high), y, colour, self.theme, about, full=full)

    def axis(self, y: float, top: float) -> str:
        low, high = self.ends
        parts = []
        for k in range(5):
            share = low + (high - low) * k / 4
            x = self.x(share)
            grid = {"d": f"M{number(x)} {number(top)}V{number(y)}", "stroke": self.theme.rule}
            parts.append(tag("path", grid | {"stroke_dasharray": None if share == 0 else "2 4"}))
            text = f"{100 * share:g}".replace("-", "−") + (" %" if low == 0 else "")
            parts.append(small(x, y + 14, text, self.theme, anchor="middle"))
        return "".join(parts)


def _dot(
    j: int, x: float, low: float, high: float, y: float, colour: str, theme: Theme, about: str, full: bool = True
) -> str:
    first, last = sorted((low, high))
    whisker = {"d": f"M{number(first)} {number(y)}H{number(last)}", "stroke": colour, "stroke_width": "2"}
    return tag("g", None, tag("title", text=about), tag("path", whisker), _marker(j, x, y, colour, theme, full))


def _marker(j: int, x: float, y: float, colour: str, theme: Theme, full: bool = True) -> str:
    """A disc, square, diamond or triangle: groups are told apart without colour."""
    style = {"fill": colour if full else theme.background, "stroke": colour if not full else theme.background}
    style |= {"stroke_width": "1.5"}
    r = 5.0
    if j % 4 == 0:
        return tag("circle", {"cx": x, "cy": y, "r": r, **style})
    corners = {
        1: [(-1, -1), (1, -1), (1, 1), (-1, 1)],
        2: [(0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)],
        3: [(0, -1.2), (1.15, 0.9), (-1.15, 0.9)],
    }[j % 4]
    size = r * (0.88 if j % 4 == 1 else 1.0)
    points = np.array([(x + size * a, y + size * b) for a, b in corners])
    return tag("path", {"d": polyline(points, close=True), **style})


def _caption(report: Any) -> str:
    sure = f"{100 * report.settings['confidence']:g} %"
    about = "other sources like these" if report.settings["unit"] == "source" else "new repeats of these sources"
    return (
        f"Bands and whiskers: {sure} intervals for {about}, in the lower panels such that all of a panel hold "
        "together. Numbers of sources in brackets. Full red dots: differences told apart from none. "
        "Associations with labels, not causes."
    )
