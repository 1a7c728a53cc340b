"""The bqplot marks of `BoundCurves`: made once, moved when anything changes.

Positions are the static picture's, as for `SeparationCurves`: linear scales in the units of `export._axis`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from bqplot import LinearScale
from bqplot.axes import Axis as PlotAxis
from bqplot.marks import Label, Lines

from critwin_widgets.export._axis import Axis, power_of_ten
from critwin_widgets.export._theme import DARK, LIGHT
from critwin_widgets.export.bound_data import BoundData
from critwin_widgets.export.bound_words import told
from critwin_widgets.export.svg_bounds import bound_inks, flag_rows

from ._curve_marks import put_ticks
from ._free import free

STYLES = {
    "measured": ("━━", "solid", 2.8),
    "sharp": ("╌╌", "dashed", 2.2),
    "theorem": ("─·", "dash_dotted", 2.2),
    "rival": ("··", "dotted", 1.4),
}
"""Sample in the legend, bqplot's line style and width in pixels of each kind of line."""
_POINTS = 181
_LOW = -400.0  # far below any axis
_ROW = 15.0
_NARROW = 230.0
"""Pixels of the narrowest plot in which the labels must not run into each other."""
_OVERHANG = 20.0
"""Pixels of the right margin that a label may use."""


class BoundMarks:
    """Everything drawn in the figure.

    Args:
        plot: Pixels between the top and the bottom margin.
        theme: "auto", "light" or "dark".
    """

    def __init__(self, plot: float, theme: str) -> None:
        self._plot, inks = plot, bound_inks(theme)
        self.inks = inks
        muted = {"light": LIGHT.muted, "dark": DARK.muted}.get(theme, "#7d8591")
        alert = {"light": LIGHT.accent, "dark": DARK.accent}.get(theme, "#d6455d")
        self.scale_x = LinearScale(min=0.0, max=1.0)
        self.scale_y = LinearScale(min=-3.0, max=0.1)
        self._scales = {"x": self.scale_x, "y": self.scale_y}
        self.axis_x = PlotAxis(scale=self.scale_x, side="bottom", grid_lines="none")
        self.axis_y = PlotAxis(
            scale=self.scale_y, side="left", label="distance from the target", label_offset="3.4em", label_color=muted
        )
        self.span = self._plain(
            "theorem", close_path=True, fill="inside", fill_colors=[inks["theorem"]], fill_opacities=[0.1],
            stroke_width=0.0,
        )  # fmt: skip
        self.bands = {name: self._band(name) for name in ("sharp", "measured")}
        self.lines = {name: self._line(name) for name in ("sharp", "measured", "theorem")}
        self.own = self._plain("theorem", stroke_width=1.0)
        self.rivals = self._plain("rival", line_style="dotted", stroke_width=STYLES["rival"][2])
        self.flags = {align: self._flags(align, muted) for align in ("start", "end")}
        self.cursor = Lines(
            x=[0.0, 0.0], y=[_LOW, 0.0], scales=self._scales, preserve_domain={"x": True, "y": True},
            colors=[alert], stroke_width=1.5, visible=False,
        )  # fmt: skip

    @property
    def all(self) -> list[Any]:
        """The marks from back to front."""
        lines = [self.lines[name] for name in ("theorem", "sharp", "measured")]
        return [self.span, *self.bands.values(), self.rivals, self.own, *lines, *self.flags.values(), self.cursor]

    @property
    def axes(self) -> list[Any]:
        """Bottom and left."""
        return [self.axis_x, self.axis_y]

    def show(self, data: BoundData, axis: Axis) -> None:
        """Move everything to these data on this clock."""
        self._show_scale(data, self._show_flags(data, axis))
        self._show_theorem(data, axis)
        for name in ("sharp", "measured"):
            self._show_curve(name, data, axis)
        ticks = axis.ticks(7)
        put_ticks(self.axis_x, [x for x, _ in ticks], [label for _, label in ticks])

    def set_time(self, place: float | None) -> None:
        """Put the time cursor somewhere from 0 to 1, or away."""
        if place is not None:
            self.cursor.x = np.array([place, place])
        self.cursor.visible = place is not None

    def close(self) -> None:
        """Free all marks, axes and scales."""
        free(*self.all, *self.axes, self.scale_x, self.scale_y)

    def _show_curve(self, name: str, data: BoundData, axis: Axis) -> None:
        line, band = self.lines[name], self.bands[name]
        known = name != "measured" or bool(len(data.known))
        line.visible = band.visible = known
        if not known:
            return
        at = axis.times(_POINTS)
        low, middle, high = (np.log10(np.maximum(data.at(f"{name}{s}", at), 1e-300)) for s in ("_low", "", "_high"))
        x = np.linspace(0.0, 1.0, _POINTS)
        with line.hold_sync():
            line.x, line.y = x, middle
        with band.hold_sync():
            band.x, band.y = x, np.stack([low, high])

    def _show_theorem(self, data: BoundData, axis: Axis) -> None:
        step = self.lines["theorem"]
        step.visible = self.span.visible = data.applies
        if not data.applies:
            return
        end, start = data.theorem_span
        x0, x1, level = float(axis.x(start)), float(axis.x(end)), float(np.log10(min(data.level, 1.0)))
        left = 0.0 if np.isfinite(data.t_start.value) else level
        with step.hold_sync():
            step.x, step.y = np.array([x0, x0, x1, x1]), np.array([left, level, level, 0.0])
        with self.span.hold_sync():
            self.span.x, self.span.y = np.array([x0, x1, x1, x0]), np.array([level, level, _LOW, _LOW])

    def _show_flags(self, data: BoundData, axis: Axis) -> float:
        """Move the vertical lines and their names; returns how far the names reach above 1, in decades."""
        marks = sorted(data.marks(), key=lambda mark: -mark.time.value)
        places = [float(axis.x(mark.time.value)) for mark in marks]
        texts = [f"{mark.symbol} {told(mark.time.value)}" for mark in marks]
        widths = [(6.4 * len(text) + 10) / _NARROW for text in texts]
        rows, flipped = flag_rows(places, widths, 1.0 + _OVERHANG / _NARROW)
        above = _ROW * (1 + max(rows, default=-1)) + 8
        # A pixel in decades: what is below 1 shares the plot with the rows above it.
        pixel = -float(np.log10(data.floor)) / max(self._plot - above, 60.0)
        heights = [pixel * (_ROW * row + 10) for row in rows]
        for lines, rival in ((self.own, False), (self.rivals, True)):
            chosen = [j for j, mark in enumerate(marks) if mark.rival == rival]
            lines.visible = bool(chosen)
            if chosen:
                with lines.hold_sync():
                    lines.x = np.array([[places[j]] * 2 for j in chosen])
                    lines.y = np.array([[_LOW, heights[j] + 6 * pixel] for j in chosen])
        for align, names in self.flags.items():
            chosen = [j for j in range(len(marks)) if flipped[j] == (align == "end")]
            with names.hold_sync():
                names.text = np.array([texts[j] for j in chosen], dtype=str)
                names.x, names.y = np.array([places[j] for j in chosen]), np.array([heights[j] for j in chosen])
        return above * pixel

    def _show_scale(self, data: BoundData, above: float) -> None:
        depth = -round(np.log10(data.floor))
        with self.scale_y.hold_sync():
            self.scale_y.min, self.scale_y.max = -float(depth), above
        powers = list(range(0, -depth - 1, -1))
        put_ticks(self.axis_y, powers, ["1" if p == 0 else power_of_ten(p) for p in powers])

    def _flags(self, align: str, colour: str) -> Any:
        return Label(
            x=[], y=[], text=np.array([], dtype=str), scales=self._scales, preserve_domain={"x": True, "y": True},
            colors=[colour], default_size=11.0, font_weight="normal", align=align,
            x_offset=4 if align == "start" else -4,
        )  # fmt: skip

    def _line(self, name: str) -> Any:
        _, style, width = STYLES[name]
        return self._plain(name, line_style=style, stroke_width=width)

    def _band(self, name: str) -> Any:
        return self._plain(
            name, stroke_width=0.0, fill="between", fill_colors=[self.inks[name]], fill_opacities=[0.16],
            opacities=[0.0, 0.0],
        )  # fmt: skip

    def _plain(self, kind: str, **traits: Any) -> Any:
        return Lines(
            x=[0.0, 1.0], y=[0.0, 0.0], colors=[self.inks[kind]], scales=self._scales,
            preserve_domain={"x": True, "y": True}, visible=False, **traits,
        )  # fmt: skip
