"""The bqplot marks of `SeparationCurves`: made once per tree, moved when time, ε or selection change.

Positions are the static picture's: both axes are linear scales in the units of `export._axis`, and the
tick labels say what a position means on the chosen clock. So the two pictures cannot disagree.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from bqplot import LinearScale
from bqplot.axes import Axis as PlotAxis
from bqplot.default_tooltip import Tooltip
from bqplot.marks import Lines

from critwin_widgets.export._axis import CLOCK_NAMES, Axis, power_of_ten
from critwin_widgets.export._theme import DARK, LIGHT
from critwin_widgets.export.colours import PAPER, colours_of, line_ink
from critwin_widgets.export.curve_data import SeparationCurve, Window, lowest_shown
from critwin_widgets.theory import MixtureTree

from ._free import free

# bqplot has no more styles, and dotted lines are taken by the distances inside: width tells the rest.
STYLES = (
    ("──", "solid", 1.8),
    ("╌╌", "dashed", 1.8),
    ("─·", "dash_dotted", 1.8),
    ("━━", "solid", 3.6),
    ("╍╍", "dashed", 3.6),
    ("━•", "dash_dotted", 3.6),
)
"""How the curve at a place is drawn: its sample in the legend, bqplot's style, its width in pixels."""
_FLOOR = 1e-300
GAP = "\u00a0" * 8  # ordinary spaces collapse in SVG


def line_colours(tree: MixtureTree, curves: Sequence[SeparationCurve], theme: str) -> tuple[str, ...]:
    """Colours of the curves, those of the river; of "auto", which does not know the page, for either."""
    water = colours_of(tree, "dark" if theme == "dark" else "light")
    pages = (PAPER[theme],) if theme in PAPER else tuple(PAPER.values())
    return tuple(line_ink(water[curve.vertex], *pages) for curve in curves)


def style_of(place: int) -> tuple[str, str, float]:
    """Legend sample, bqplot's line style and width in pixels of the curve at a place."""
    return STYLES[place % len(STYLES)]


class CurveMarks:
    """Everything drawn in the figure.

    Args:
        curves: What to draw.
        times: OU times of the curves, ``(T,)``.
        axis: Time axis with pixels from 0 (noise) to 1 (data).
        eps: Level of the thresholds.
        theme: "auto", "light" or "dark".
        colours: One per curve.
    """

    def __init__(
        self,
        curves: Sequence[SeparationCurve],
        times: np.ndarray,
        axis: Axis,
        eps: float,
        theme: str,
        colours: Sequence[str],
    ) -> None:
        self._curves, self._times, self._axis = tuple(curves), times, axis
        self._colours = tuple(colours)
        # A grey between: bqplot's own label colour is orange on dark pages.
        muted = {"light": LIGHT.muted, "dark": DARK.muted}.get(theme, "#7d8591")
        self._alert = {"light": LIGHT.accent, "dark": DARK.accent}.get(theme, "#d6455d")
        self.scale_x = LinearScale(min=0.0, max=1.0)
        self.scale_y = LinearScale(min=float(np.log10(lowest_shown(eps))), max=0.08)
        self._scales = {"x": self.scale_x, "y": self.scale_y}
        self.axis_x = PlotAxis(
            scale=self.scale_x, side="bottom", grid_lines="none", label_offset="2.6em", label_color=muted
        )
        self.axis_y = PlotAxis(
            scale=self.scale_y,
            side="left",
            label="overlap with the rest",
            label_offset="3.4em",
            label_color=muted,
        )
        # The thresholds are named on an axis of their own at the right.
        self.axis_right = PlotAxis(
            scale=self.scale_y, side="right", grid_lines="none", color=self._alert,
            tick_style={"fill": self._alert},
        )  # fmt: skip
        self.bands = [self._band(curve, j) for j, curve in enumerate(self._curves)]
        self.lines = [self._line(curve, j) for j, curve in enumerate(self._curves)]
        self.within = [self._within(curve, j) for j, curve in enumerate(self._curves) if len(curve.subset) > 1]
        self.thresholds = self._plain(
            x=[0.0, 1.0], y=[[0.0, 0.0], [0.0, 0.0]], colors=[self._alert], line_style="dashed"
        )
        self.shades = self._plain(
            x=[[0.0] * 4], y=[[0.0] * 4], colors=["#8a93a0"], stroke_width=0.0, close_path=True,
            fill="inside", fill_colors=["#8a93a0"], fill_opacities=[0.16], visible=False,
        )  # fmt: skip
        self.cursor = self._plain(x=[0.0, 0.0], y=[-400.0, 1.0], colors=[self._alert], stroke_width=1.5, visible=False)
        self._tick()
        self.set_eps(eps)

    @property
    def all(self) -> list[Any]:
        """The marks from back to front; thin lines over thick ones, since the two halves of a split coincide."""
        widths = {id(line): style_of(j)[2] for j, line in enumerate(self.lines)}
        lines = sorted(self.lines, key=lambda line: -widths[id(line)])
        return [self.shades, *self.bands, self.thresholds, *self.within, *lines, self.cursor]

    @property
    def axes(self) -> list[Any]:
        """Bottom, left and right."""
        return [self.axis_x, self.axis_y, self.axis_right]

    def set_axis(self, axis: Axis) -> None:
        """Move everything to another clock."""
        self._axis = axis
        at = self._sample()
        x = self._positions()
        for j, curve in enumerate(self._curves):
            with self.lines[j].hold_sync():
                self.lines[j].x, self.lines[j].y = x, self._heights(curve.overlap, at)
            with self.bands[j].hold_sync():
                self.bands[j].x, self.bands[j].y = x, self._sides(curve, at)
        for mark, curve in zip(self.within, self._inner(), strict=True):
            with mark.hold_sync():
                mark.x, mark.y = x, self._heights(curve.within, at)
        self._tick()

    def set_eps(self, eps: float) -> None:
        """Move the thresholds; the axis reaches two decades below the lower one."""
        low, heights = lowest_shown(eps), [float(np.log10(eps)), float(2 * np.log10(eps))]
        self.scale_y.min = float(np.log10(low))
        powers = list(range(0, int(np.floor(np.log10(low))) - 1, -1 if low > 1e-8 else -2))
        put_ticks(self.axis_y, powers, ["1" if p == 0 else power_of_ten(p) for p in powers])
        self.thresholds.y = np.array([[heights[0]] * 2, [heights[1]] * 2])
        put_ticks(self.axis_right, heights, [f"ε {eps:.2g}", f"ε² {eps**2:.2g}"])

    def set_windows(self, windows: Sequence[Window]) -> None:
        """Shade critical windows."""
        self.shades.visible = bool(windows)
        if not windows:
            return
        ends = [(float(self._axis.x(w.t_before)), float(self._axis.x(w.t_after))) for w in windows]
        with self.shades.hold_sync():
            self.shades.x = np.array([[a, b, b, a] for a, b in ends])
            self.shades.y = np.array([[-400.0, -400.0, 1.0, 1.0]] * len(ends))

    def set_time(self, time: float | None) -> None:
        """Put the time cursor somewhere, or away."""
        if time is not None:
            self.cursor.x = np.array([float(self._axis.x(time))] * 2)
        self.cursor.visible = time is not None

    def emphasise(self, subset: tuple[int, ...]) -> None:
        """Bring one curve forward; all are equal when none has this subset."""
        chosen = any(curve.subset == subset for curve in self._curves)
        for j, (line, band, curve) in enumerate(zip(self.lines, self.bands, self._curves, strict=True)):
            front = not chosen or curve.subset == subset
            line.opacities = [1.0 if front else 0.3]
            line.stroke_width = style_of(j)[2] + (1.6 if chosen and front else 0.0)
            band.fill_opacities = [0.16 if front else 0.05]
        for mark, curve in zip(self.within, self._inner(), strict=True):
            mark.opacities = [0.8 if not chosen or curve.subset == subset else 0.2]

    def close(self) -> None:
        """Free all marks, axes and scales."""
        free(*self.all, *self.axes, self.scale_x, self.scale_y)

    def _inner(self) -> list[SeparationCurve]:
        """The curves that have something inside, one for each of `within`."""
        return [curve for curve in self._curves if len(curve.subset) > 1]

    def _sample(self) -> np.ndarray:
        return self._axis.times(180)

    def _positions(self) -> np.ndarray:
        return np.linspace(0.0, 1.0, 180)

    def _heights(self, values: np.ndarray, at: np.ndarray) -> np.ndarray:
        logs = np.log10(np.maximum(np.nan_to_num(values, nan=0.0), _FLOOR))
        return np.interp(at, self._times, logs)

    def _sides(self, curve: SeparationCurve, at: np.ndarray) -> np.ndarray:
        return np.stack([self._heights(curve.overlap_low, at), self._heights(curve.overlap_high, at)])

    def _colour(self, j: int) -> str:
        return self._colours[j]

    def _line(self, curve: SeparationCurve, j: int) -> Any:
        tip = Tooltip(fields=["name"], labels=["overlap with the rest:"])
        return self._plain(
            x=self._positions(), y=self._heights(curve.overlap, self._sample()), colors=[self._colour(j)],
            line_style=style_of(j)[1], stroke_width=style_of(j)[2], labels=[curve.label], tooltip=tip,
        )  # fmt: skip

    def _band(self, curve: SeparationCurve, j: int) -> Any:
        return self._plain(
            x=self._positions(), y=self._sides(curve, self._sample()), colors=[self._colour(j)], stroke_width=0.0,
            fill="between", fill_colors=[self._colour(j)], fill_opacities=[0.16], opacities=[0.0, 0.0],
        )  # fmt: skip

    def _within(self, curve: SeparationCurve, j: int) -> Any:
        tip = Tooltip(fields=["name"], labels=["largest distance inside:"])
        return self._plain(
            x=self._positions(), y=self._heights(curve.within, self._sample()), colors=[self._colour(j)],
            stroke_width=1.2, line_style="dotted", labels=[curve.label], tooltip=tip, opacities=[0.8],
        )  # fmt: skip

    def _plain(self, **traits: Any) -> Any:
        return Lines(scales=self._scales, preserve_domain={"x": True, "y": True}, **traits)

    def _tick(self) -> None:
        ticks = self._axis.ticks(8)
        put_ticks(self.axis_x, [x for x, _ in ticks], [label for _, label in ticks])
        self.axis_x.label = f"← noise{GAP}{CLOCK_NAMES[self._axis.clock]}{GAP}data →"


def put_ticks(axis: Any, places: Sequence[float], labels: Sequence[str]) -> None:
    """Puts labelled ticks on an axis."""
    # bqplot looks a label up by the number as JavaScript prints it; four decimals print alike.
    at = np.round(np.asarray(places, dtype=float), 4)
    # In this order and in two messages: moved ticks are lettered a frame later, but by the labels
    # that stood when they were moved.
    axis.tick_labels = {repr(float(x)).removesuffix(".0"): label for x, label in zip(at, labels, strict=True)}
    axis.tick_values = at
