"""Answers of a language model as a static SVG: how often each stays the same, against the share kept."""

import numpy as np

from ._frame import LEFT, check_width, closing, heading, small
from ._marked_text import LINE, draw_lines, fitted, numeral, words_of
from ._svg import document as whole_document
from ._svg import fit_text, number, polyline, tag
from ._theme import Theme, theme_named
from .answer_data import AnswerCurve, AnswerData, answer_words
from .colours import LINES

PLOT = 118.0
"""Height of a plot."""
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
_BESIDE = 700.0
"""Width from which on the text stands beside its plot."""


def answers_svg(
    data: AnswerData, *, title: str | None = None, theme: str = "light", width: float = 960, most: int = 6
) -> str:
    """Draw the probability that an answer stays the same against the share kept, a plot for each source.

    As in LKC25's figures of language models: a critical window, where the probability changes by more
    than `data.jump` from one share to the next, is shaded, and what the generation says there is marked.

    Args:
        data: What to draw.
        title: Heading.
        theme: "light" or "dark".
        width: Width in pixels, at least 320.
        most: Most plots; those with critical windows come first.

    Returns:
        A self-contained SVG document.

    Raises:
        ValueError: For an unknown theme, a width below 320 or a `most` below 1.
    """
    check_width(width)
    colours = theme_named(theme)
    if isinstance(most, bool) or not isinstance(most, int) or most < 1:
        raise ValueError(f"most is {most!r}; it must be a whole number of at least 1.")
    title = f"When is the {data.feature} decided?" if title is None else title
    shown = chosen(data, most)
    beside = width >= _BESIDE and any(curve.text for curve in shown)
    x0, x1 = LEFT + 34, (0.56 if beside else 1.0) * width - LEFT
    parts, y = [heading(title, colours, width)], 54.0
    for curve in shown:
        drawn, y = _panel(curve, data, colours, x0, x1, y, width, beside)
        parts.append(drawn)
    parts.append(_axis(data, colours, x0, x1, y))
    words = answer_words(data)
    if len(shown) < len(data.curves):
        words += f" {len(shown)} of {len(data.curves)} sources are drawn."
    below, bottom = closing(words, colours, y + 58, width)
    parts.append(below)
    return whole_document(width, bottom, *parts, title=title, description=words, background=colours.background)


def chosen(data: AnswerData, most: int) -> list[AnswerCurve]:
    """The curves that are drawn, in the order of the sources; those with critical windows go before others."""
    first = sorted(range(len(data.curves)), key=lambda i: (not data.curves[i].jumps, i))[:most]
    return [data.curves[i] for i in sorted(first)]


def _panel(
    curve: AnswerCurve, data: AnswerData, theme: Theme, x0: float, x1: float, y: float, width: float, beside: bool
) -> tuple[str, float]:
    """One source's plot from `y` on, with its text, and where the next one starts."""
    name = curve.title + (f" · {data.feature}: {curve.answer}" if curve.answer else "")
    style = {"font_size": "13", "font_weight": "600", "fill": theme.ink}
    parts = [
        tag(
            "text",
            {"x": LEFT, "y": y + 10, **style},
            tag("title", text=name),
            tag("tspan", text=fit_text(name, 13, x1 - LEFT)),
        )
    ]
    top = y + 36
    parts += [
        _grid(theme, x0, x1, top),
        _windows(curve, data, theme, x0, x1, top),
        _curve(curve, data, theme, x0, x1, top),
    ]
    bottom = top + PLOT
    if not curve.text:
        return "".join(parts), bottom + 26
    pieces = [
        (curve.ends[i], curve.ends[i + 1])
        for jump in curve.jumps
        for i in np.flatnonzero(curve.kept[:-1] == jump.kept_from)
    ]
    at, room, most = (x1 + 30, width - x1 - 30 - LEFT, int((PLOT + 18) / LINE)) if beside else (x0, x1 - x0, 4)
    lines = fitted(words_of(curve.text, pieces), room, most)
    start = top + 8 if beside else bottom + 32
    about = tag("title", text=curve.text)
    parts.append(tag("g", {}, about, draw_lines(lines, at, start, theme)))
    return "".join(parts), bottom + 26 if beside else start + LINE * len(lines) + 12


def _x(kept: float | np.ndarray, x0: float, x1: float):
    return x0 + (x1 - x0) * np.asarray(kept)


def _grid(theme: Theme, x0: float, x1: float, top: float) -> str:
    parts = []
    for share in (0.0, 0.5, 1.0):
        y = top + PLOT * (1 - share)
        rule = {"d": f"M{number(x0)} {number(y)}H{number(x1)}", "stroke": theme.rule}
        parts.append(tag("path", rule | ({} if share != 0.5 else {"stroke_dasharray": "2 4"})))
        parts.append(small(x0 - 8, y + 4, f"{share:g}", theme, anchor="end"))
    for kept in _TICKS:
        x = float(_x(kept, x0, x1))
        parts.append(tag("path", {"d": f"M{number(x)} {number(top + PLOT)}v4", "stroke": theme.muted}))
    return "".join(parts)


def _windows(curve: AnswerCurve, data: AnswerData, theme: Theme, x0: float, x1: float, top: float) -> str:
    parts = []
    for place, jump in enumerate(curve.jumps, 1):
        left, right = float(_x(jump.kept_from, x0, x1)), float(_x(jump.kept_to, x0, x1))
        about = tag(
            "title",
            text=f"critical window: from {data.show(jump.kept_from)} to {data.show(jump.kept_to)} kept, "
            f"the probability changes from {jump.before:.2f} to {jump.after:.2f}",
        )
        box = {"x": left, "y": top, "width": max(right - left, 2.0), "height": PLOT}
        parts.append(tag("rect", box | {"fill": theme.accent, "fill_opacity": "0.14"}, about))
        # Two neighbouring windows share an edge: a line at each shows where one ends.
        edges = f"M{number(left)} {number(top)}v{number(PLOT)}M{number(right)} {number(top)}v{number(PLOT)}"
        parts.append(tag("path", {"d": edges, "stroke": theme.accent, "stroke_opacity": "0.5", "fill": "none"}))
        label = f"{numeral(place)} +{jump.size:.2f}"
        parts.append(small(0.5 * (left + right), top - 6, label, theme, anchor="middle", colour=theme.ink))
    return "".join(parts)


def _curve(curve: AnswerCurve, data: AnswerData, theme: Theme, x0: float, x1: float, top: float) -> str:
    known = np.flatnonzero(np.isfinite(curve.retention))
    ink = LINES[theme.scheme][2]
    parts = []
    if np.isfinite(curve.chance):
        y = top + PLOT * (1 - curve.chance)
        about = tag("title", text=f"chance: {curve.chance:.2f}, were all sources answers to one question")
        rule = {"d": f"M{number(x0)} {number(y)}H{number(x1)}", "stroke": theme.muted, "stroke_dasharray": "1 3"}
        parts.append(tag("path", rule, about))
    x = _x(curve.kept, x0, x1)
    y, low, high = (top + PLOT * (1 - side) for side in (curve.retention, curve.low, curve.high))
    # A line runs between neighbouring levels only: over a level without outcomes nothing is known.
    for run in np.split(known, np.flatnonzero(np.diff(known) > 1) + 1):
        if len(run) > 1:
            band = np.concatenate([np.column_stack([x, high])[run], np.column_stack([x, low])[run][::-1]])
            parts.append(tag("path", {"d": polyline(band, close=True), "fill": ink, "fill_opacity": "0.16"}))
            line = {"d": polyline(np.column_stack([x, y])[run]), "fill": "none", "stroke": ink, "stroke_width": "2"}
            parts.append(tag("path", line | {"stroke_linejoin": "round"}))
    for i in known:
        about = (
            f"{data.show(float(curve.kept[i]))} kept: {curve.retention[i]:.2f} "
            f"({curve.low[i]:.2f} to {curve.high[i]:.2f}, {int(curve.trials[i])} repeats)"
        )
        bar = {"d": f"M{number(x[i])} {number(low[i])}V{number(high[i])}", "stroke": ink, "stroke_opacity": "0.6"}
        parts.append(tag("path", bar))
        dot = {"cx": float(x[i]), "cy": float(y[i]), "r": "3", "fill": theme.background, "stroke": ink}
        parts.append(tag("circle", dot | {"stroke_width": "1.8"}, tag("title", text=about)))
    return "".join(parts)


def _axis(data: AnswerData, theme: Theme, x0: float, x1: float, y: float) -> str:
    """Values of the shares, what they are, and the two ends."""
    parts = []
    for kept in _TICKS:
        value = f"{100 * kept:g} %" if data.whole == 1 else f"{kept * data.whole:g}"
        parts.append(small(float(_x(kept, x0, x1)), y, value, theme, anchor="middle"))
    name = "of the generation kept" if data.whole == 1 else f"{data.unit} kept"
    if x1 - x0 > 340:
        parts.append(small(0.5 * (x0 + x1), y + 18, name, theme, anchor="middle"))
    parts.append(small(x0 - 14, y + 18, "← nothing", theme))
    parts.append(small(x1, y + 18, "everything →", theme, anchor="end"))
    return "".join(parts)
