"""How far apart the parts of a mixture are, against the noise clock."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

import ipywidgets
import numpy as np
import traitlets
from bqplot.figure import Figure

from critwin_widgets.engine import Mixture, TokenMixture
from critwin_widgets.export._axis import Axis, clocks_of, time_axis_of
from critwin_widgets.export.curve_data import SeparationCurve, separation_curves, shown_windows
from critwin_widgets.export.svg_curves import curve_words, curves_svg
from critwin_widgets.theory import MixtureTree

from ._base import Choice, Number, StaticPicture, Subset, TreeClock, check_keywords, tree_of
from ._contract import ALL_CLOCKS, EPS_RANGE, THEMES
from ._curve_marks import CurveMarks, line_colours, style_of
from ._curve_words import explanation, readout_table
from ._curves_style import CurvesStyle
from ._follow import Follower
from ._free import free

_OPTIONS = ("eps", "clock", "time", "selected", "theme", "title", "height", "layout")


class SeparationCurves(StaticPicture, ipywidgets.VBox):
    """Overlap of chosen sub-mixtures with the rest on a logarithmic axis, from noise to data.

    A part S is separated where its bold line lies below ε² and is one where the thin dotted line
    (the largest total variation between two of its components) lies below ε. Between the two, the
    shaded critical windows, the sampler chooses. Bands are intervals.

    Its traits have the names and the meaning of `HierarchyTree`'s, so that `traitlets.link` joins
    the two: ``link((tree, "time"), (curves, "time"))``.

    Args:
        tree: A `MixtureTree`, or a mixture or a process on one to compute it from.
        subsets: Vertices of the tree to show, as iterables of component indices or labels; the
            first few from the root down when omitted, and then also whatever is selected.
        eps: Level of the thresholds, in (0, 1); the tree's own when omitted.
        clock: "t", "sigma", "alpha_bar" or "log_snr"; of masked tokens the unit of their levels.
        time: OU time (or level) of the cursor, or None.
        selected: Components (indices or labels) of the part to bring forward.
        theme: "auto", "light" or "dark".
        title: Heading.
        height: Height of the figure in CSS pixels, 160 to 1200.

    Raises:
        TypeError: For an unknown keyword, naming the near miss, or a `tree` that is neither.
        ValueError: For a subset that is no vertex, or a setting out of its range.
    """

    selected = Subset(())
    """Component indices of the part brought forward; labels are accepted and become indices.

    - Type: `tuple[int, ...]`
    - Default: `()`, nothing selected
    """

    time = Number(None, low=0, meaning="an OU time of at least 0, or None", allow_none=True)
    """OU time of the cursor, or None.

    - Type: `float | None`
    - Default: `None`
    """

    eps = Number(0.05, low=EPS_RANGE[0], high=EPS_RANGE[1], open_ends=True, meaning="inside (0, 1)")
    """Level of the thresholds ε and ε².

    - Type: `float`
    - Default: that of the tree
    """

    clock = TreeClock(ALL_CLOCKS)
    """Clock on the time axis: `t`, `sigma`, `alpha_bar` or `log_snr`.

    - Type: `str`
    - Default: `"t"`
    """

    theme = Choice(THEMES)
    """Colours that read on any page (`auto`), or those for a `light` or a `dark` one.

    - Type: `str`
    - Default: `"auto"`
    """

    _marks: CurveMarks | None = None

    def __init__(self, tree: Any, subsets: Iterable[Any] | None = None, **options: Any) -> None:
        check_keywords("SeparationCurves", options, _OPTIONS)
        height = options.pop("height", 340)
        if not (isinstance(height, int) and 160 <= height <= 1200):
            raise ValueError(f"height is {height!r}; it must be whole pixels from 160 to 1200")
        self._tree = tree_of(tree, options.get("eps"))
        self._tree = self._tree.at_eps(options.get("eps", self._tree.eps))
        self._subsets = None if subsets is None else [s if isinstance(s, str) else tuple(s) for s in subsets]
        separation_curves(self._tree, self._subsets)  # a wrong subset fails here, before anything is made
        options.setdefault("eps", self._tree.eps)
        options.setdefault("clock", clocks_of(self._tree)[0])
        self._title = options.pop("title", None) or "How far apart are the parts?"
        self._heading = ipywidgets.HTML(f"<b>{escape(self._title)}</b>")
        self._legend = ipywidgets.Box(layout=ipywidgets.Layout(flex_flow="row wrap", width="100%"))
        self._figure = Figure(
            fig_margin={"top": 10, "bottom": 56, "left": 62, "right": 64},
            layout=ipywidgets.Layout(width="100%", height=f"{height}px"),
            animation_duration=0,
        )
        # A slider under the axis, with the same margins: a handle for the cursor that a keyboard can move.
        self._slider = ipywidgets.FloatSlider(
            0.0, min=0.0, max=1.0, step=0.002, readout=False, description="time",
            style={"description_width": "44px"}, layout=ipywidgets.Layout(width="calc(100% - 52px)"),
        )  # fmt: skip
        self._readout = ipywidgets.HTML()
        children = [self._heading, self._legend, self._figure, self._slider, self._readout, CurvesStyle()]
        super().__init__(children=children, **options)
        self.add_class("critwin-curves")
        self._follower = Follower(self._slider, 0.002, self._slid)
        self._rebuild()

    @property
    def mixture(self) -> Mixture | TokenMixture:
        """The mixture whose tree is shown."""
        return self._tree.mixture

    @property
    def tree(self) -> MixtureTree:
        """The tree whose curves are drawn, at `eps`; assign another one to show it instead."""
        return self._tree

    @tree.setter
    def tree(self, tree: Any) -> None:
        self._tree, self._subsets = tree_of(tree, self.eps).at_eps(self.eps), None
        with self.hold_trait_notifications():
            self.selected, self.time = (), None
            if self.clock not in clocks_of(self._tree):
                self.clock = clocks_of(self._tree)[0]
        self._rebuild()

    @property
    def curves(self) -> list[SeparationCurve]:
        """The curves now shown."""
        return self._curves

    def close(self) -> None:
        """Free the widget and all it is made of."""
        if self._marks is not None:  # otherwise the constructor has failed, and there is nothing to free
            self._marks.close()
            self._marks = None
            free(*self._legend.children, *self.children)
        self.layout.close()
        super().close()

    def static_svg(self) -> str:
        """The static picture that travels with every display."""
        theme = "dark" if self.theme == "dark" else "light"
        chosen = [curve.subset for curve in self._curves]
        return curves_svg(self._tree, chosen, title=self._title, theme=theme, clock=self.clock)

    def __repr__(self) -> str:
        return f"SeparationCurves({self._tree!r}, eps={self.eps:g})"

    def static_text(self) -> str:
        """The same in words."""
        return f"{self._title}\n{curve_words(self._tree, self._curves, shown_windows(self._tree, self._curves))}"

    @traitlets.observe("time")
    def _on_time(self, _change: Any) -> None:
        if self._marks is not None:
            self._marks.set_time(self.time)
            self._read_out()

    @traitlets.observe("eps")
    def _on_eps(self, _change: Any) -> None:
        if self._marks is not None:
            self._tree = self._tree.at_eps(self.eps)
            self._marks.set_eps(self.eps)
            self._marks.set_windows(shown_windows(self._tree, self._curves))
            self._read_out()

    @traitlets.observe("clock")
    def _on_clock(self, _change: Any) -> None:
        if self._marks is not None:
            self._axis = self._new_axis()
            self._marks.set_axis(self._axis)
            self._marks.set_windows(shown_windows(self._tree, self._curves))
            self._on_time(None)

    @traitlets.observe("theme")
    def _on_theme(self, _change: Any) -> None:
        if self._marks is not None:
            self._rebuild()

    @traitlets.observe("selected")
    def _on_selection(self, _change: Any) -> None:
        if self._marks is None:
            return
        if self._wanted() != [curve.vertex for curve in self._curves]:
            self._rebuild()  # a part that had no curve yet
            return
        self._marks.emphasise(self.selected)
        for button, curve in zip(self._legend.children, self._curves, strict=True):
            button.value = curve.subset == self.selected

    def _wanted(self) -> list[int]:
        """Vertices to show: the asked-for ones, or the default ones with the selected one."""
        wanted = [curve.vertex for curve in separation_curves(self._tree, self._subsets)]
        if self._subsets is None and self.selected:
            known = {tuple(v.subset): v.id for v in self._tree.vertices[1:]}
            chosen = known.get(self.selected)
            if chosen is not None and chosen not in wanted:
                wanted.append(chosen)
        return wanted

    def _new_axis(self) -> Axis:
        return time_axis_of(self._tree, self.clock, 0.0, 1.0)

    def _rebuild(self) -> None:
        old, buttons = self._marks, self._legend.children
        self._axis = self._new_axis()
        subsets = [self._tree.vertices[i].subset for i in self._wanted()]
        self._curves = separation_curves(self._tree, subsets)
        colours = line_colours(self._tree, self._curves, self.theme)
        times = np.asarray(self._tree.times)
        marks = CurveMarks(self._curves, times, self._axis, self.eps, self.theme, colours)
        marks.set_windows(shown_windows(self._tree, self._curves))
        marks.emphasise(self.selected)
        self._marks = marks
        with self._figure.hold_sync():
            self._figure.marks = marks.all
            self._figure.axes = marks.axes
        self._legend.children = [self._button(marks, curve, j, colours[j]) for j, curve in enumerate(self._curves)]
        self._on_time(None)
        if old is not None:
            old.close()
        free(*buttons)

    def _button(self, marks: CurveMarks, curve: SeparationCurve, j: int, colour: str) -> ipywidgets.ToggleButton:
        sample = style_of(j)[0]
        name = curve.label if len(curve.label) <= 40 else curve.label[:39] + "…"
        button = ipywidgets.ToggleButton(
            value=curve.subset == self.selected,
            description=f"{sample} {name}",
            tooltip=f"bring {curve.label} forward, or let it go again",
            layout=ipywidgets.Layout(width="auto", max_width="100%", border_left=f"6px solid {colour}"),
        )
        button.observe(lambda change: self._pressed(curve.subset, change["new"]), "value")
        marks.lines[j].on_element_click(lambda *_: self._pressed(curve.subset, True))
        return button

    def _pressed(self, subset: tuple[int, ...], on: bool) -> None:
        if on:
            self.selected = subset
        elif self.selected == subset:
            self.selected = ()

    def _slid(self, place: float) -> None:
        self.time = self._axis.t(place)

    def _read_out(self) -> None:
        self._follower.put(0.0 if self.time is None else float(self._axis.x(self.time)))
        if self.time is None:
            words = curve_words(self._tree, self._curves, shown_windows(self._tree, self._curves))
            self._readout.value = explanation(words)
        else:
            inks = line_colours(self._tree, self._curves, self.theme)
            self._readout.value = readout_table(self._tree, self._curves, inks, self._axis.show(self.time), self.time)
