"""The forward–reverse experiment as a static SVG: measured, sharp and theorem, with every time marked."""

from collections.abc import Sequence

import numpy as np

from ._axis import Axis
from ._frame import LEFT, check_width, closing, heading, small, time_axis
from ._log_scale import LogScale
from ._svg import decimate, document, fit_text, number, polyline, tag, text_width
from ._theme import Theme, theme_named
from .bound_data import BoundData
from .bound_words import bound_words, known_by, told
from .colours import LINES, PAPER, contrast, to_hex, to_oklab
from .rival_marks import Mark

HEIGHT = 280.0
_PLACES = {"measured": 2, "sharp": 1, "theorem": 4}
STROKES = {"measured": ("none", 2.4), "sharp": ("7 4", 2.0), "theorem": ("12 3 2 3", 2.2), "rival": ("2 3", 1.3)}
"""Dash pattern and width of each kind of line: they are told apart without colour."""
_ROW = 15.0


def bound_inks(theme: str) -> dict[str, str]:
    """Colours of the kinds of line; of "auto", which does not know the page, at least 4:1 on either."""
    if theme in LINES:
        inks = {kind: LINES[theme][place] for kind, place in _PLACES.items()}
        return inks | {"rival": theme_named(theme).muted}
    both = {kind: LINES["light"][place] for kind, place in _PLACES.items()} | {"rival": "#7d8591"}
    return {kind: _between(ink) for kind, ink in both.items()}


def _between(colour: str) -> str:
    """The colour at the lightness at which it stands off the light and the dark page alike."""
    lab, low, high = to_oklab(colour), 0.3, 0.9
    for _ in range(20):
        lab[0] = 0.5 * (low + high)
        dark = contrast(to_hex(lab), PAPER["light"]) > contrast(to_hex(lab), PAPER["dark"])
        low, high = (lab[0], high) if dark else (low, lab[0])
    return to_hex(lab)


def bounds_svg(
    data: BoundData, *, title: str | None = None, theme: str = "light", clock: str = "t", width: float = 960
) -> str:
    """Draw the measured distance, the sharp bound and the theorem's bound against time.

    The theorem is a step: it says nothing outside ``[T_end, T_start]``. Bands are intervals.
    Vertical lines mark its two times and, dotted, what the rivals predict.

    Args:
        data: What to draw; a part of the measured curve that is not known yet is left out.
        title: Heading.
        theme: "light" or "dark".
        clock: "t", "sigma", "alpha_bar" or "log_snr".
        width: Width in pixels, at least 320.

    Returns:
        A self-contained SVG document.

    Raises:
        ValueError: For an unknown theme or clock, or a width below 320.
    """
    check_width(width)
    colours = theme_named(theme)
    inks = bound_inks(theme)
    marks = sorted(data.marks(), key=lambda mark: -mark.time.value)
    axis, labels = _placed(data, marks, clock, width)
    rows = [row for _, row, _ in labels]
    legend, below = _legend(data, inks, colours, width)
    top = below + _ROW * (max(rows, default=-1) + 1) + 8
    scale = LogScale(data.floor, top, HEIGHT)
    words = bound_words(data)
    title = default_title(data) if title is None else title
    parts = [
        heading(title, colours, width),
        legend,
        scale.grid(axis, colours),
        _theorem(data, axis, scale, inks["theorem"]),
        *(_mark(mark, label, axis, scale, inks, colours) for mark, label in zip(marks, labels, strict=True)),
        _curve(data, "sharp", axis, scale, inks["sharp"]),
        _curve(data, "measured", axis, scale, inks["measured"]),
        time_axis(axis, colours, scale.bottom),
    ]
    last, bottom = closing(words, colours, scale.bottom + 58, width)
    return document(width, bottom, *parts, last, title=title, description=words, background=colours.background)


def default_title(data: BoundData) -> str:
    """The question that the picture answers."""
    return f"From {data.init_name} to {data.target_name}: how far off?"


def flag_rows(places: Sequence[float], widths: Sequence[float], limit: float) -> tuple[list[int], list[bool]]:
    """Rows for labels beside their vertical lines, 0 nearest to the plot, and which stand at the left of them.

    A line reaches up to its own label. A label stands at the right of its line, or at the left where it
    would end beyond the limit; one over which other lines run lies in a higher row than theirs.

    Args:
        places: Rising positions of the lines.
        widths: Widths of the labels, with the least distance to what follows.
        limit: Where labels must end.
    """
    count = range(len(places))
    flipped = [place + width > limit for place, width in zip(places, widths, strict=True)]

    def covers(i: int, j: int) -> bool:
        """Whether the label of i lies across the line of j."""
        low, high = (-widths[i], 0.0) if flipped[i] else (0.0, widths[i])
        away = places[j] - places[i]
        return i != j and low <= away <= high and (away != 0 or i < j)

    for i in reversed(count):
        for j in range(i):  # two labels across each other's lines cannot both be cleared: turn the other one
            flipped[j] = flipped[j] or (flipped[i] and covers(i, j) and covers(j, i))

    def meets(i: int, j: int) -> bool:
        """Whether a turned label runs into one that is not, between their lines."""
        if not flipped[i] or flipped[j] or covers(i, j) or covers(j, i):
            return False
        return places[j] < places[i] < places[j] + widths[j] + widths[i]

    rows = [0] * len(places)
    while True:
        for _ in count:  # rows settle after as many rounds as the longest chain of labels
            rows = [max([rows[i], *(rows[j] + 1 for j in count if covers(i, j))]) for i in count]
        clash = next((i for i in count for j in count if rows[i] == rows[j] and meets(i, j)), None)
        if clash is None:
            return rows, flipped
        rows[clash] += 1  # which of the two gives way does not matter


def _placed(data: BoundData, marks: list[Mark], clock: str, width: float) -> tuple[Axis, list[tuple[str, int, bool]]]:
    """The axis, and for each mark its label, row and whether the label stands at the left of the line."""
    axis = data.axis(clock, LEFT + 34, width - LEFT)
    texts = [fit_text(f"{mark.symbol} {told(mark.time.value)}", 11.5, 0.4 * width) for mark in marks]
    wide = [text_width(text, 11.5) + 10 for text in texts]
    rows, flipped = flag_rows([float(axis.x(mark.time.value)) for mark in marks], wide, width - 8)
    return axis, list(zip(texts, rows, flipped, strict=True))


def _legend(data: BoundData, inks: dict[str, str], theme: Theme, width: float) -> tuple[str, float]:
    """Samples of the lines with their names, in as many rows as they need, and where they end."""
    entries = [
        ("measured", f"measured distance from {data.target_name} ({known_by(data.measured_method)})"),
        ("sharp", f"sharp bound ({known_by(data.sharp_method)})"),
        ("theorem", f"theorem at ε = {data.eps:.3g}: " + (told(data.level) if data.applies else "says nothing")),
    ]
    if any(mark.rival for mark in data.marks()):
        entries.append(("rival", "what other theories predict"))
    parts, x, y = [], LEFT, 54.0
    for kind, text in entries:
        text = fit_text(text, 12, width - 2 * LEFT - 34)
        needed = 34 + text_width(text, 12) + 18
        if x > LEFT and x + needed > width - LEFT:
            x, y = LEFT, y + 19.0
        dash, wide = STROKES[kind]
        sample = {"d": f"M{number(x)} {number(y - 4)}h26", "stroke": inks[kind], "stroke_width": wide, "fill": "none"}
        parts.append(tag("path", sample | {"stroke_dasharray": dash}))
        parts.append(tag("text", {"x": x + 34, "y": y, "font_size": "12", "fill": theme.ink}, text=text))
        x += needed
    return "".join(parts), y + 12


def _theorem(data: BoundData, axis: Axis, scale: LogScale, ink: str) -> str:
    if not data.applies:
        return ""
    end, start = data.theorem_span
    x0, x1, y = float(axis.x(start)), float(axis.x(end)), float(scale.y(data.level))
    box = {"x": x0, "y": y, "width": max(x1 - x0, 1.0), "height": scale.bottom - y}
    about = tag("title", text=f"the theorem: at most {told(data.level)} from T_end to T_start")
    rise = f"M{number(x0)} {number(scale.top)}V{number(y)}" if data.t_start.value <= end_of(data) else ""
    path = f"{rise or f'M{number(x0)} {number(y)}'}H{number(x1)}V{number(scale.top)}"
    dash, wide = STROKES["theorem"]
    line = {"d": path, "stroke": ink, "stroke_width": wide, "stroke_dasharray": dash, "fill": "none"}
    return tag("rect", box | {"fill": ink, "fill_opacity": "0.09"}, about) + tag("path", line, about)


def end_of(data: BoundData) -> float:
    """OU time at the noise end of the picture."""
    return float(data.times[-1])


def _mark(
    mark: Mark, label: tuple[str, int, bool], axis: Axis, scale: LogScale, inks: dict[str, str], theme: Theme
) -> str:
    text, row, flipped = label
    kind = "rival" if mark.rival else "theorem"
    x = float(axis.x(mark.time.value))
    top = scale.top - 6 - _ROW * row
    dash, wide = STROKES["rival"] if mark.rival else ("none", 1.0)
    about = tag("title", text=f"{mark.name}: {mark.about}; {axis.show(mark.time.value)}, {mark.time.method}")
    line = {"d": f"M{number(x)} {number(top - 10)}V{number(scale.bottom)}", "stroke": inks[kind], "fill": "none"}
    parts = [tag("path", line | {"stroke_width": wide, "stroke_dasharray": dash}, about)]
    low, high = (float(axis.x(end)) for end in (mark.time.high, mark.time.low))
    if high - low > 1.5:
        box = {"x": low, "y": scale.top, "width": high - low, "height": scale.bottom - scale.top}
        parts.append(tag("rect", box | {"fill": inks[kind], "fill_opacity": "0.12"}, about))
    ink = theme.muted if mark.rival else theme.ink
    side = {"anchor": "end"} if flipped else {}
    parts.append(small(x - 4 if flipped else x + 4, top, text, theme, colour=ink, **side))
    return "".join(parts)


def _curve(data: BoundData, name: str, axis: Axis, scale: LogScale, ink: str) -> str:
    if not len(data.known) and name == "measured":
        return ""
    t = axis.times(240)
    x = np.asarray(axis.x(t))
    low, middle, high = (np.asarray(scale.y(data.at(f"{name}{side}", t))) for side in ("_low", "", "_high"))
    band = np.concatenate([np.column_stack([x, high]), np.column_stack([x, low])[::-1]])
    dash, wide = STROKES[name]
    line = {"d": _above(x, middle, scale.bottom), "fill": "none", "stroke": ink, "stroke_width": wide}
    about = tag("title", text={"measured": "measured distance", "sharp": "sharp bound"}[name])
    parts = [tag("path", line | {"stroke_dasharray": dash, "stroke_linejoin": "round"}, about)]
    if np.max(low - high) > 1.0:
        parts.insert(0, tag("path", {"d": polyline(decimate(band), close=True), "fill": ink, "fill_opacity": "0.16"}))
    return "".join(parts)


def _above(x: np.ndarray, y: np.ndarray, bottom: float) -> str:
    """Path through the points above the bottom edge: a line along the edge would look like a value."""
    sunk = y >= bottom - 1e-6
    # A point on the edge stays where the line comes down to it or rises from it.
    shown = ~(sunk & np.r_[True, sunk[:-1]] & np.r_[sunk[1:], True])
    pieces = np.split(np.column_stack([x, y]), np.flatnonzero(np.diff(shown)) + 1)
    kept = [piece for piece, keep in zip(pieces, shown[np.cumsum([0, *map(len, pieces[:-1])])], strict=True) if keep]
    return "".join(polyline(decimate(piece)) for piece in kept if len(piece) > 1)
