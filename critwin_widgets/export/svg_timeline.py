"""The timeline of features as a static picture."""

import unicodedata
from itertools import pairwise

import numpy as np

from ._frame import LEFT, check_width, closing, heading, small
from ._svg import decimate, document, fit_text, number, polyline, tag, text_width
from ._theme import Theme, theme_named
from .colours import LINES, NEUTRAL, to_hex, to_oklab
from .timeline_axis import TimelineAxis
from .timeline_rows import CONSTANT, Timeline, TimelineRow, name_of
from .timeline_words import row_words, timeline_words

__all__ = ["MARKS", "row_height", "timeline_svg"]

MARKS = ("circle", "square", "diamond", "triangle", "down", "bar")
"""Shapes of the half-way marks, one per model, so that colour is never alone."""
_TOP = 62.0


def timeline_svg(
    timeline: Timeline,
    *,
    title: str = "Which feature is decided when?",
    theme: str = "light",
    clock: str = "t",
    sort: str = "time",
    curve: str = "decided",
    width: float = 960.0,
) -> str:
    """Return the timeline as self-contained SVG: bars, half-way marks with their intervals, and curves.

    Args:
        timeline: The rows.
        title: Heading above the picture.
        theme: "light" or "dark".
        clock: Clock of the axis; "t" where levels are not OU times.
        sort: Order of the features: "time", "given" or "name".
        curve: "decided" or "retention".
        width: Pixels, at least 320.

    Raises:
        ValueError: `theme` or `clock` is unknown, or `width` too small.
    """
    check_width(width)
    look = theme_named(theme)
    many = len(timeline.models) > 1
    widest = max((text_width(text, 12.5) for text in _labels(timeline)), default=0.0)
    room = min(widest + (34 if many else 18), 0.34 * width)
    axis = TimelineAxis(timeline, clock, LEFT + room, width - 26)
    drawing = _Drawing(timeline, axis, look, curve, row_height(len(timeline.rows)), room)
    y, parts = _TOP + (22 if many else 0), [heading(title, look, width)]
    if many:
        parts.append(_legend(timeline, look, width))
    for feature, rows in timeline.groups(sort):
        if many:
            parts.append(_label(feature, LEFT, y + 13, width - 2 * LEFT, look, bold=True))
            y += 19
        for row in rows:
            parts.append(drawing.row(row, timeline.models[row.model].name if many else feature, y))
            y += drawing.pitch
        y += 6 if many else 0
    parts.append(axis.draw(look, y + 6))
    foot, bottom = closing(_foot(timeline, curve), look, y + 66, width)
    words = timeline_words(timeline, sort)
    return document(width, bottom, *parts, foot, title=title, description=words, background=look.background)


def row_height(rows: int) -> float:
    """Pixels of a row: less where there are many."""
    return 40.0 if rows <= 12 else 32.0 if rows <= 24 else 25.0


class _Drawing:
    """Draws rows of one timeline.

    Attributes:
        pitch: Height of a row.
    """

    def __init__(
        self, timeline: Timeline, axis: TimelineAxis, theme: Theme, curve: str, pitch: float, room: float
    ) -> None:
        self._timeline, self._axis, self._theme, self._curve, self._room = timeline, axis, theme, curve, room
        self.pitch = pitch
        inks = LINES[theme.scheme]
        self._inks = {id(row): inks[i % len(inks)] for row, i in zip(timeline.rows, timeline.tints(), strict=True)}

    def row(self, row: TimelineRow, name: str, y: float) -> str:
        """One row from `y` down."""
        axis, theme, ink = self._axis, self._theme, self._inks[id(row)]
        top, base = y + (7 if self.pitch > 30 else 4), y + self.pitch - 9
        middle = 0.5 * (top + base)
        many = len(self._timeline.models) > 1
        indent = 16 if many else 0
        parts = [_label(name, LEFT + indent, middle + 4, self._room - 12 - indent, theme)]
        if many:
            parts.append(_mark(row.model, LEFT + 5, middle, ink, theme, 3.6))
        rule = {"d": f"M{number(axis.x0)} {number(base)}H{number(axis.x1)}", "stroke": theme.rule}
        parts += [tag("path", rule), "" if row.state == CONSTANT else self._area(row, top, base)]
        if row.half is None:
            shown = fit_text(row.note, 11.5, axis.x1 - axis.x0 - 16)
            halo = {"stroke": theme.background, "stroke_width": "3", "paint_order": "stroke"}
            place = {"x": axis.x0 + 8, "y": middle + 4, "font_size": "11", "fill": theme.muted}
            return "".join([*parts, tag("text", place | halo, text=shown)])
        parts += [self._bar(row, base), self._jumps(row, top)]
        half = float(self._height(row, np.array([0.5]), top, base)[0])
        low, high = sorted((float(axis.x(row.half.low)), float(axis.x(row.half.high))))
        parts.append(tag("path", {"d": f"M{number(low)} {number(half)}H{number(high)}", "stroke": ink}))
        about = f"{name_of(row.feature)}: {row_words(self._timeline, row)}"
        parts.append(_mark(row.model, float(axis.x(row.half.value)), half, ink, theme, 4.2, about))
        if self.pitch > 30 and np.isfinite(row.chance):
            parts.append(small(axis.x0 + 3, base - 4, f"chance {row.chance:.0%}".replace("%", " %"), theme))
        return "".join(parts)

    def _height(self, row: TimelineRow, decided: np.ndarray, top: float, base: float) -> np.ndarray:
        share = row.chance + decided * (1 - row.chance) if self._curve == "retention" else decided
        return base - (base - top) * np.clip(share, 0, 1)

    def _area(self, row: TimelineRow, top: float, base: float) -> str:
        known = np.isfinite(row.decided)
        if known.sum() < 2:
            return ""
        levels = row.levels[known]
        at = self._axis.levels(levels, 180)
        x = np.asarray(self._axis.x(at))

        def line(values: np.ndarray) -> np.ndarray:
            found = np.interp(at, levels, np.nan_to_num(values[known]))
            return decimate(np.column_stack([x, self._height(row, found, top, base)]))

        middle, upper, lower = line(row.decided), line(row.high), line(row.low)[::-1]
        area = np.concatenate([middle, [[middle[-1, 0], base], [middle[0, 0], base]]])
        band = np.concatenate([upper, lower])
        ink = self._inks[id(row)]
        return (
            tag("path", {"d": polyline(area, close=True), "fill": ink, "fill_opacity": "0.1"})
            + tag("path", {"d": polyline(band, close=True), "fill": ink, "fill_opacity": "0.18"})
            + tag("path", {"d": polyline(middle), "fill": "none", "stroke": ink, "stroke_width": "1.4"})
        )

    def _bar(self, row: TimelineRow, base: float) -> str:
        """The decision interval, grey where nothing is decided and in the row's colour where all is."""
        x, ink = self._axis.x, self._inks[id(row)]
        # An end that is not reached lies beyond what is known: the bar runs to there.
        first, last = (float(row.levels[i]) if len(row.levels) else 0.0 for i in (0, -1))
        left = float(x(last if row.start is None else row.start.value))
        right = float(x(first if row.end is None else row.end.value))
        grey, full = to_oklab(NEUTRAL[self._theme.scheme]), to_oklab(ink)
        edges = np.linspace(left, max(right, left + 1), 13)
        parts = []
        for a, b in pairwise(edges):
            done = row.decided_at(self._axis.level(0.5 * (a + b)))
            fill = to_hex(grey + done * (full - grey))
            # A little wider than its share, so that no seam shows between two pieces.
            parts.append(tag("rect", {"x": a, "y": base - 3, "width": b - a + 0.4, "height": "6", "fill": fill}))
        for edge in filter(None, (row.start, row.end)):
            a, b = sorted((float(x(edge.low)), float(x(edge.high))))
            if b - a > 1:
                y = number(base + 6)
                d = f"M{number(a)} {y}H{number(b)}M{number(a)} {number(base + 4)}v4M{number(b)} {number(base + 4)}v4"
                parts.append(tag("path", {"d": d, "stroke": ink, "stroke_width": "1.2", "fill": "none"}))
        return "".join(parts)

    def _jumps(self, row: TimelineRow, top: float) -> str:
        marks = []
        for low, high in row.jumps:
            x0, x1 = sorted((float(self._axis.x(low)), float(self._axis.x(high))))
            about = f"critical window: retention falls by more than 0.5 between {low:.3g} and {high:.3g}"
            d = f"M{number(x0)} {number(top)}v-4H{number(x1)}v4"
            marks.append(tag("path", {"d": d}, tag("title", text=about)))
        style = {"fill": "none", "stroke": self._theme.ink, "stroke_width": "1.7"}
        return tag("g", style, *marks) if marks else ""


def _labels(timeline: Timeline) -> list[str]:
    """What stands beside the rows: features, or models where there are several."""
    if len(timeline.models) > 1:
        return [model.name for model in timeline.models]
    return [row.feature for row in timeline.rows]


def _label(text: str, x: float, y: float, room: float, theme: Theme, *, bold: bool = False) -> str:
    place = {"x": x, "y": y, "font_size": "12.5", "fill": theme.ink, "font_weight": "650" if bold else None}
    text = name_of(text)
    shown = fit_text(text, 13.2 if bold else 12.8, room)
    if any(unicodedata.bidirectional(c) in ("R", "AL") for c in text):
        # An ellipsis or a bracket at the end of a right-to-left name belongs to its own direction.
        shown = f"\u2068{shown}\u2069"
    return tag("text", place, tag("title", text=text), text=shown)


def _mark(model: int, x: float, y: float, ink: str, theme: Theme, r: float, about: str | None = None) -> str:
    """The mark of a model, as the browser draws it."""
    wide, s = 2 * r, 1.25 * r
    shapes = {
        "circle": f"M{-r:g},0a{r:g},{r:g} 0 1 0 {wide:g},0a{r:g},{r:g} 0 1 0 {-wide:g},0Z",
        "square": f"M{-r:g},{-r:g}h{wide:g}v{wide:g}h{-wide:g}Z",
        "diamond": f"M0,{-s:g}L{s:g},0L0,{s:g}L{-s:g},0Z",
        "triangle": f"M0,{-s:g}L{s:g},{r:g}H{-s:g}Z",
        "down": f"M0,{s:g}L{s:g},{-r:g}H{-s:g}Z",
        "bar": f"M{-0.55 * r:g},{-s:g}h{1.1 * r:g}v{2 * s:g}h{-1.1 * r:g}Z",
    }
    place = {"d": shapes[MARKS[model % len(MARKS)]], "transform": f"translate({number(x)} {number(y)})"}
    style = {"fill": theme.background, "stroke": ink, "stroke_width": "2"}
    return tag("path", place | style, *([] if about is None else [tag("title", text=about)]))


def _legend(timeline: Timeline, theme: Theme, width: float) -> str:
    x, parts = LEFT, []
    for place, model in enumerate(timeline.models):
        shown = fit_text(name_of(model.name), 12.8, 200)
        if x + text_width(shown, 12.8) > width - 90 and place:
            parts.append(small(x, 56, f"and {len(timeline.models) - place} more", theme))
            break
        inks = LINES[theme.scheme]
        parts.append(_mark(place, x + 5, 52, inks[place % len(inks)], theme, 4))
        parts.append(_label(model.name, x + 15, 56, 200, theme))
        x += text_width(shown, 12.8) + 40
    return "".join(parts)


def _foot(timeline: Timeline, curve: str) -> str:
    shown = "decided fraction" if curve == "decided" else "retention"
    text = f"Curve: {shown}, 0 to 1 in each row. Bar: from 5 % to 95 % decided. Mark: half decided, with its interval."
    if any(row.jumps for row in timeline.rows):
        text += " Bracket: retention falls by more than 0.5 between two levels."
    return text
