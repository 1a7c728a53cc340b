"""Separation curves as a static SVG: overlap with the rest on a logarithmic axis, against time."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from ._axis import Axis, time_span
from ._frame import LEFT, closing, heading, small, time_axis
from ._svg import decimate, document, fit_text, number, polyline, spread, tag, text_width
from ._theme import DASHES, Theme, theme_named
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

    Solid lines are the overlap with the rest, drawn with their intervals; S is separated where the line
    is below ε². Thin dotted lines are the largest total variation inside S; S is one where that is below
    ε. Critical windows are shaded.

    Args:
        tree: A ``MixtureTree``.
        vertices: Subsets (indices or labels) that are vertices of the tree; the first few when omitted.
        title: Heading.
        theme: "light" or "dark".
        clock: "t", "sigma", "alpha_bar" or "log_snr".
        width: Width in pixels, at least 320.

    Returns:
        A self-contained SVG document.

    Raises:
        ValueError: For an unknown theme, clock or subset, or a width below 320.
    """
    if not (np.isfinite(width) and width >= 320):
        raise ValueError(f"width is {width!r}; it must be a number of at least 320 pixels.")
    colours = theme_named(theme)
    curves = separation_curves(tree, vertices)
    title = "How far apart are the parts?" if title is None else title
    labels = [fit_text(curve.label, 12, 0.24 * width) for curve in curves]
    room = max([text_width(label, 12) for label in labels], default=0) + 26
    times = np.asarray(tree.times, dtype=np.float64)
    t_min, t_max = time_span(times, np.asarray(tree.curves["decided"], dtype=np.float64))
    # Names stand at the noise end, where the curves are apart from their thresholds and from each other.
    axis = Axis(clock, t_min, t_max, LEFT + 34, width - room)
    scale = _Scale(lowest_shown(tree.eps), 56.0, HEIGHT)
    windows = shown_windows(tree, curves)
    parts = [
        heading(title, colours, width),
        _windows(windows, axis, scale, colours),
        _grid(axis, scale, colours),
        _thresholds(tree.eps, axis, scale, colours),
        *(_curve(curve, j, times, axis, scale, colours) for j, curve in enumerate(curves)),
        _names(curves, labels, times, axis, scale, colours),
        time_axis(axis, colours, scale.bottom),
        closing(curve_words(tree, curves, windows), colours, scale.bottom + 58, width),
    ]
    return document(
        width,
        scale.bottom + 100,
        *parts,
        title=title,
        description=curve_words(tree, curves, windows),
        background=colours.background,
    )


def curve_words(tree: Any, curves: list[SeparationCurve], windows: list[Window]) -> str:
    """What the curves say, in one paragraph."""
    if not curves:
        return "One component: there is nothing to be separated from."
    text = (
        f"Solid: overlap of each part with the rest, separated below ε² = {tree.eps**2:.3g}. "
        f"Dotted: largest total variation inside the part, one below ε = {tree.eps:g}."
    )
    if windows:
        told = "; ".join(f"{w.label} {w.t_after:.2f} to {w.t_before:.2f}" for w in windows)
        return f"{text} Shaded critical windows (t): {told}."
    return f"{text} No critical window of these parts is closed at this ε."


class _Scale:
    """Logarithmic vertical axis from 1 at the top to ``low`` at the bottom."""

    def __init__(self, low: float, top: float, height: float) -> None:
        self.low, self.top, self.bottom = low, top, top + height

    def y(self, value: float | np.ndarray) -> np.ndarray:
        share = np.log10(np.clip(value, self.low, 1.0)) / np.log10(self.low)
        return self.top + (self.bottom - self.top) * share


def _grid(axis: Axis, scale: _Scale, theme: Theme) -> str:
    parts = []
    lowest = int(np.floor(-np.log10(scale.low) + 1e-9))
    step = 1 if lowest <= 8 else 2
    for power in range(0, lowest + 1, step):
        y = float(scale.y(10.0**-power))
        parts.append(
            tag(
                "path",
                {"d": f"M{number(axis.x0)} {number(y)}H{number(axis.x1)}", "stroke": theme.rule, "stroke_width": "0.7"},
            )
        )
        raised = "1" if power == 0 else "10" + "".join("⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".index(c)] for c in f"-{power}")
        parts.append(small(axis.x0 - 8, y + 4, raised, theme, anchor="end"))
    return "".join(parts)


def _thresholds(eps: float, axis: Axis, scale: _Scale, theme: Theme) -> str:
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


def _windows(windows: list[Window], axis: Axis, scale: _Scale, theme: Theme) -> str:
    parts = []
    for window in windows:
        x0, x1 = float(axis.x(window.t_before)), float(axis.x(window.t_after))
        box = {"x": x0, "y": scale.top, "width": max(x1 - x0, 1.0), "height": scale.bottom - scale.top}
        about = f"critical window of {window.label}: {axis.show(window.t_before)} to {axis.show(window.t_after)}"
        parts.append(tag("rect", box | {"fill": theme.grey, "fill_opacity": "0.13"}, tag("title", text=about)))
    return "".join(parts)


def _curve(curve: SeparationCurve, j: int, times: np.ndarray, axis: Axis, scale: _Scale, theme: Theme) -> str:
    colour, dash = theme.lines[j % len(theme.lines)], DASHES[j % len(DASHES)]
    t = axis.times(240)
    x = np.asarray(axis.x(t))

    def heights(values: np.ndarray) -> np.ndarray:
        logs = np.log10(np.maximum(np.nan_to_num(values, nan=0.0), 1e-300))
        return np.asarray(scale.y(10.0 ** np.interp(t, times, logs)))

    low, high = heights(curve.overlap_low), heights(curve.overlap_high)
    band = np.concatenate([np.column_stack([x, high]), np.column_stack([x, low])[::-1]])
    parts = [tag("path", {"d": polyline(decimate(band), close=True), "fill": colour, "fill_opacity": "0.16"})]
    line = {"fill": "none", "stroke": colour}
    overlap = decimate(np.column_stack([x, heights(curve.overlap)]))
    about = tag("title", text=f"overlap of {curve.label} with the rest")
    parts.append(tag("path", {"d": polyline(overlap), **line, "stroke_width": "2", "stroke_dasharray": dash}, about))
    if len(curve.subset) > 1:
        within = decimate(np.column_stack([x, heights(curve.within)]))
        about = tag("title", text=f"largest total variation inside {curve.label}")
        parts.append(
            tag("path", {"d": polyline(within), **line, "stroke_width": "1.2", "stroke_dasharray": "1 4"}, about)
        )
    return "".join(parts)


def _names(
    curves: list[SeparationCurve], labels: list[str], times: np.ndarray, axis: Axis, scale: _Scale, theme: Theme
) -> str:
    """Curve names at the data end, spread apart, each tied to its curve."""
    at_end = [float(scale.y(np.interp(axis.t_data, times, np.nan_to_num(c.overlap)))) for c in curves]
    ranked = sorted(range(len(curves)), key=lambda j: at_end[j])
    places = spread([at_end[j] for j in ranked], 16.0, scale.top + 4, scale.bottom - 2)
    parts = []
    for y, j in zip(places, ranked, strict=True):
        colour = theme.lines[j % len(theme.lines)]
        tie = f"M{number(axis.x1)} {number(at_end[j])}L{number(axis.x1 + 14)} {number(y)}"
        parts.append(tag("path", {"d": tie, "stroke": colour, "fill": "none"}))
        place = {"x": axis.x1 + 18, "y": y + 4, "font_size": "12", "font_weight": "600", "fill": colour}
        parts.append(tag("text", place, tag("title", text=curves[j].label), tag("tspan", text=labels[j])))
    return "".join(parts)
