"""Separation curves as a static SVG: overlap with the rest on a logarithmic axis, against time."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from ._axis import Axis, time_axis_of
from ._frame import LEFT, check_width, closing, heading, small, time_axis
from ._log_scale import LogScale
from ._svg import decimate, document, fit_text, number, polyline, tag, text_width
from ._theme import Theme, theme_named
from .colours import colours_of, dash, line_ink
from .curve_data import SeparationCurve, Window, lowest_shown, separation_curves, shown_windows

HEIGHT = 280.0


def curves_svg(
    tree: Any,
    vertices: Iterable[Any] | None = None,
    *,
    title: str | None = None,
    theme: str = "light",
    clock: str = "t",
    width: float = 960,
) -> str:
    """Draw ``O_t(S, rest)`` of some vertices with the thresholds ε² and ε.

    Bold lines are the overlap with the rest, drawn with their intervals; S is separated where the line
    is below ε². Thin dotted lines are the largest total variation inside S; S is one where that is below
    ε. Critical windows are shaded.

    Args:
        tree: A ``MixtureTree``.
        vertices: Subsets (indices or labels) that are vertices of the tree; the first few when omitted.
        title: Heading.
        theme: "light" or "dark".
        clock: "t", "sigma", "alpha_bar" or "log_snr"; of masked tokens the unit of their levels.
        width: Width in pixels, at least 320.

    Returns:
        A self-contained SVG document.

    Raises:
        ValueError: For an unknown theme, clock or subset, or a width below 320.
    """
    check_width(width)
    colours = theme_named(theme)
    curves = separation_curves(tree, vertices)
    title = "How far apart are the parts?" if title is None else title
    labels = [fit_text(curve.label, 12, 0.24 * width) for curve in curves]
    room = max([text_width(label, 12) for label in labels], default=0) + 52
    times = np.asarray(tree.times, dtype=np.float64)
    axis = time_axis_of(tree, clock, LEFT + 34, width - room)
    water = colours_of(tree, colours.scheme)
    inks = [line_ink(water[curve.vertex], colours.background) for curve in curves]
    scale = LogScale(lowest_shown(tree.eps), 56.0, HEIGHT)
    windows = shown_windows(tree, curves)
    parts = [
        heading(title, colours, width),
        _windows(windows, axis, scale, colours),
        scale.grid(axis, colours),
        _thresholds(tree.eps, axis, scale, colours),
        *(_curve(curve, j, times, axis, scale, inks[j]) for j, curve in enumerate(curves)),
        _legend(curves, labels, times, tree.eps, axis, scale, inks, colours),
        time_axis(axis, colours, scale.bottom),
    ]
    words = curve_words(tree, curves, windows)
    below, bottom = closing(words, colours, scale.bottom + 58, width)
    parts.append(below)
    return document(
        width,
        bottom,
        *parts,
        title=title,
        description=words,
        background=colours.background,
    )


def curve_words(tree: Any, curves: list[SeparationCurve], windows: list[Window]) -> str:
    """What the curves say, in one paragraph."""
    if not curves:
        return "One component: there is nothing to be separated from."
    text = (
        f"Bold lines: overlap of each part with the rest, separated below ε² = {tree.eps**2:.3g}. "
        f"Thin dotted lines: largest total variation inside the part, which is still one below ε = {tree.eps:g}."
    )
    if windows:
        digits = 0 if tree.index.whole else 2
        told = "; ".join(f"{w.label} {w.t_after:.{digits}f} to {w.t_before:.{digits}f}" for w in windows)
        return f"{text} Shaded critical windows ({tree.index.symbol}): {told}."
    return f"{text} No critical window of these parts is closed at this ε."


def _thresholds(eps: float, axis: Axis, scale: LogScale, theme: Theme) -> str:
    parts = []
    for value, name in ((eps, "ε"), (eps**2, "ε²")):
        y = float(scale.y(value))
        rule = {
            "d": f"M{number(axis.x0)} {number(y)}H{number(axis.x1)}",
            "stroke": theme.accent,
            "stroke_dasharray": "6 4",
        }
        parts.append(tag("path", rule))
        parts.append(small(axis.x0 + 6, y - 4, f"{name} = {value:.3g}", theme, colour=theme.accent))
    return "".join(parts)


def _windows(windows: list[Window], axis: Axis, scale: LogScale, theme: Theme) -> str:
    parts = []
    for window in windows:
        x0, x1 = float(axis.x(window.t_before)), float(axis.x(window.t_after))
        box = {"x": x0, "y": scale.top, "width": max(x1 - x0, 1.0), "height": scale.bottom - scale.top}
        about = f"critical window of {window.label}: {axis.show(window.t_before)} to {axis.show(window.t_after)}"
        parts.append(tag("rect", box | {"fill": theme.grey, "fill_opacity": "0.13"}, tag("title", text=about)))
    return "".join(parts)


def _curve(curve: SeparationCurve, j: int, times: np.ndarray, axis: Axis, scale: LogScale, colour: str) -> str:
    t = axis.times(240)
    x = np.asarray(axis.x(t))

    def heights(values: np.ndarray) -> np.ndarray:
        logs = np.log10(np.maximum(np.nan_to_num(values, nan=0.0), 1e-300))
        return np.asarray(scale.y(10.0 ** np.interp(t, times, logs)))

    low, high = heights(curve.overlap_low), heights(curve.overlap_high)
    band = np.concatenate([np.column_stack([x, high]), np.column_stack([x, low])[::-1]])
    parts = [tag("path", {"d": polyline(decimate(band), close=True), "fill": colour, "fill_opacity": "0.16"})]
    line = {"fill": "none", "stroke": colour}
    overlap = decimate(scale.visible(x, heights(curve.overlap)))
    about = tag("title", text=f"overlap of {curve.label} with the rest")
    parts.append(tag("path", {"d": polyline(overlap), **line, "stroke_width": "2", "stroke_dasharray": dash(j)}, about))
    if len(curve.subset) > 1:
        within = decimate(np.column_stack([x, heights(curve.within)]))
        about = tag("title", text=f"largest total variation inside {curve.label}")
        parts.append(
            tag("path", {"d": polyline(within), **line, "stroke_width": "1.2", "stroke_dasharray": "1 4"}, about)
        )
    return "".join(parts)


def _legend(
    curves: list[SeparationCurve],
    labels: list[str],
    times: np.ndarray,
    eps: float,
    axis: Axis,
    scale: LogScale,
    inks: list[str],
    theme: Theme,
) -> str:
    """Curve names with their line styles, in the order in which generation separates them."""
    parts = []
    for i, j in enumerate(sorted(range(len(curves)), key=lambda j: -separated_until(curves[j], times, eps))):
        colour, y = inks[j], scale.top + 8 + 19.0 * i
        sample = {"d": f"M{number(axis.x1 + 12)} {number(y)}h24", "stroke": colour, "stroke_width": "2"}
        parts.append(tag("path", sample | {"stroke_dasharray": dash(j)}))
        place = {"x": axis.x1 + 42, "y": y + 4, "font_size": "12", "fill": theme.ink}
        parts.append(tag("text", place, tag("title", text=curves[j].label), tag("tspan", text=labels[j])))
    return "".join(parts)


def separated_until(curve: SeparationCurve, times: np.ndarray, eps: float) -> float:
    """Largest tabulated OU time at which the overlap is below ε², or the negated overlap where none is."""
    below = np.flatnonzero(curve.overlap <= eps**2)
    return float(times[below[-1]]) if len(below) else -float(curve.overlap[0])
