"""What noising and denoising does to a group, beside what the theorem and its proof allow."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

import ipywidgets
import numpy as np
import traitlets
from bqplot.figure import Figure

from critwin_widgets.engine import Mixture
from critwin_widgets.export._axis import Axis
from critwin_widgets.export.bound_data import BoundData, at_eps, bound_data, measuring
from critwin_widgets.export.bound_words import bound_table, bound_words
from critwin_widgets.export.svg_bounds import bounds_svg, default_title
from critwin_widgets.theory.windows import check_inside

from ._base import Choice, Number, StaticPicture, Subset, TraitValueError, check_keywords
from ._bound_marks import BoundMarks
from ._bound_words import axis_ends, bound_legend, bound_readout
from ._contract import CLOCKS, EPS_RANGE, THEMES
from ._curves_style import CurvesStyle
from ._follow import Follower
from ._free import free
from ._newest import Newest
from ._subset_picker import SubsetPicker

_OPTIONS = ("eps", "clock", "time", "theme", "title", "height", "n", "seed", "n_training", "layout")
_MARGIN = {"top": 8, "bottom": 24, "left": 62, "right": 24}
_EPS_ENDS = (-2.3, -0.3)


class BoundCurves(StaticPicture, ipywidgets.VBox):
    """Start in `init`, add noise up to a time, denoise: how far from `target` does one end?

    Three curves against time, on a logarithmic axis: the measured distance, the sharp bound, and the
    bound of LKC25 Theorem 2 as a step, since it speaks only between `T_end` and `T_start`. Dotted
    lines are the times that other theories predict. Bands are intervals.

    ε and the two groups can be changed in the picture. ε moves the theorem and its times only; another
    group is computed between the page's messages, rough first, and a newer choice drops an older one.

    Args:
        mixture: A mixture of any kind.
        init: Components started from, as indices or labels.
        target: Components that the experiment should reach; `init` must lie inside.
        eps: Level of the theorem and of its times, in (0, 1).
        clock: "t", "sigma", "alpha_bar" or "log_snr".
        time: OU time of the cursor, or None.
        theme: "auto", "light" or "dark".
        title: Heading; the question in words when omitted.
        height: Height of the figure in CSS pixels, 160 to 1200.
        n: Draws behind each estimated number, 16 to 1,000,000.
        seed: Their seed.
        n_training: Number of training points of a model of this mixture; with it the time at which
            such a model collapses onto them is marked too.

    Raises:
        TypeError: For an unknown keyword, naming the near miss, or something else than a mixture.
        ValueError: For an empty or unknown group, an `init` outside `target`, or a setting out of range.
    """

    init = Subset(())
    """Component indices started from; labels are accepted and become indices.

    - Type: `tuple[int, ...]`
    """

    target = Subset(())
    """Component indices that the experiment should reach.

    - Type: `tuple[int, ...]`
    """

    time = Number(None, low=0, meaning="an OU time of at least 0, or None", allow_none=True)
    """OU time of the cursor, or None.

    - Type: `float | None`
    - Default: `None`
    """

    eps = Number(0.1, low=EPS_RANGE[0], high=EPS_RANGE[1], open_ends=True, meaning="inside (0, 1)")
    """Level ε of the theorem and of its two times.

    - Type: `float`
    - Default: `0.1`
    """

    clock = Choice(CLOCKS)
    """Clock on the time axis: `t`, `sigma`, `alpha_bar` or `log_snr`.

    - Type: `str`
    - Default: `"t"`
    """

    theme = Choice(THEMES)
    """Colours that read on any page (`auto`), or those for a `light` or a `dark` one.

    - Type: `str`
    - Default: `"auto"`
    """

    _marks: BoundMarks | None = None

    def __init__(self, mixture: Mixture, init: Any, target: Any, **options: Any) -> None:
        check_keywords("BoundCurves", options, _OPTIONS)
        self._height = _whole("height", options.pop("height", 360), 160, 1200)
        self._draws = {
            "n": _whole("n", options.pop("n", 2048), 16, 1_000_000),
            "seed": _whole("seed", options.pop("seed", 0), 0, 2**31 - 1),
        }
        training = options.pop("n_training", None)
        self._training = None if training is None else _whole("n_training", training, 2, 2**62)
        self._title = options.pop("title", None)
        self._mixture = _mixture(mixture)
        self._asked = _groups(mixture, init, target)
        self._newest = Newest(self._failed)
        self._make_parts()
        super().__init__(children=self._parts, init=self._asked[0], target=self._asked[1], **options)
        self.add_class("critwin-curves")
        self._place_follower = Follower(self._time_box, 0.002, self._slid)
        self._eps_follower = Follower(self._eps_box, 0.01, self._eps_slid, lambda value: float(np.log10(value)))
        self._eps_follower.put(float(np.clip(self.eps, *(10.0**end for end in _EPS_ENDS))))
        self._data = self._computed()
        self._remake()
        self._newest.start(self._measuring())

    @property
    def mixture(self) -> Mixture:
        """The mixture shown; `show` replaces it."""
        return self._mixture

    @property
    def data(self) -> BoundData:
        """The numbers shown, complete: what is not computed yet is computed first."""
        self._newest.finish()
        return self._data

    def show(self, mixture: Mixture | None = None, init: Any = None, target: Any = None) -> None:
        """Show another mixture, other groups, or both; what is omitted stays.

        Args:
            mixture: A mixture; the groups stay those with the same indices.
            init: Components started from.
            target: Components to reach.

        Raises:
            TypeError: `mixture` is something else.
            ValueError: A group is empty or unknown, or `init` does not lie inside `target`. The
                picture stays as it was.
        """
        new = self._mixture if mixture is None else _mixture(mixture)
        groups = _groups(new, self.init if init is None else init, self.target if target is None else target)
        if new is not self._mixture:
            self._mixture, self._asked = new, ((), ())
            self._make_pickers()
        self._set_groups(*groups)

    def close(self) -> None:
        """Free the widget and all it is made of."""
        if self._marks is not None:  # otherwise the constructor has failed, and there is nothing to free
            self._newest.drop()
            self._marks.close()
            self._marks = None
            for picker in self._pickers.children:
                picker.close()
            free(*self.children)
        self.layout.close()
        super().close()

    def static_svg(self) -> str:
        """The static picture that travels with every display."""
        theme = "dark" if self.theme == "dark" else "light"
        return bounds_svg(self.data, title=self._title, theme=theme, clock=self.clock)

    def static_text(self) -> str:
        """The same in words and as a table."""
        return f"{self._heading_text()}\n{bound_words(self.data)}\n\n{bound_table(self.data)}"

    def __repr__(self) -> str:
        return f"BoundCurves({self._data.init_name} to {self._data.target_name}, eps={self.eps:g})"

    @traitlets.validate("init", "target")
    def _check_groups(self, proposal: Any) -> Any:
        name, other = proposal["trait"].name, {"init": "target", "target": "init"}
        groups = {name: proposal["value"], other[name]: getattr(self, other[name])}
        if groups["init"] and groups["target"]:
            try:
                _groups(self._mixture, groups["init"], groups["target"])
            except ValueError as error:
                raise TraitValueError(str(error)) from None
        elif self._marks is not None:
            raise TraitValueError(f"{name} is empty; choose at least one component")
        return proposal["value"]

    @traitlets.observe("init", "target")
    def _on_groups(self, _change: Any) -> None:
        groups = (self.init, self.target)
        if self._marks is not None and groups != self._asked:
            self._asked = groups
            for picker, subset in zip(self._pickers.children, groups, strict=True):
                picker.put(subset)
            self._newest.start(self._computing())

    @traitlets.observe("eps")
    def _on_eps(self, _change: Any) -> None:
        if self._marks is not None:
            self._eps_follower.put(float(np.clip(self.eps, *(10.0**end for end in _EPS_ENDS))))
            self._newest.start(self._recutting() if self._is_of_today() else self._computing())

    @traitlets.observe("clock")
    def _on_clock(self, _change: Any) -> None:
        if self._marks is not None:
            self._draw()

    @traitlets.observe("time")
    def _on_time(self, _change: Any) -> None:
        if self._marks is not None:
            self._put_cursor()
            self._readout.value = bound_readout(self._data, self.time)

    @traitlets.observe("theme")
    def _on_theme(self, _change: Any) -> None:
        if self._marks is not None:
            self._remake()

    def _is_of_today(self) -> bool:
        data = self._data
        return data.mixture is self._mixture and (data.init, data.target) == self._asked

    def _computing(self) -> Iterator[None]:
        """Everything anew for the groups asked for."""
        self._say("computing …")
        yield
        self._take(self._computed())
        yield
        yield from self._measuring()

    def _computed(self) -> BoundData:
        return bound_data(self._mixture, *self._asked, self.eps, n_training=self._training, **self._draws)

    def _recutting(self) -> Iterator[None]:
        """The same curves at the new ε; measuring goes on where it was."""
        self._take(at_eps(self._data, self.eps, **self._draws))
        yield
        yield from self._measuring()

    def _measuring(self) -> Iterator[None]:
        for data in measuring(self._data, **self._draws):
            self._take(data)
            yield
        self._say("")

    def _take(self, data: BoundData) -> None:
        self._data = data
        self._say(f"measuring … {data.done:.0%}" if data.done < 1 else "")
        self._draw()

    def _draw(self) -> None:
        if self._marks is None:
            return
        self._axis: Axis = self._data.axis(self.clock, 0.0, 1.0)
        self._marks.show(self._data, self._axis)
        self._heading.value = f"<b>{escape(self._heading_text())}</b>"
        self._legend.value = bound_legend(self._data, self._marks.inks)
        self._ends.value = axis_ends(self.clock, _MARGIN)
        self._readout.value = bound_readout(self._data, self.time)
        self._put_cursor()

    def _put_cursor(self) -> None:
        assert self._marks is not None
        place = None if self.time is None else float(self._axis.x(self.time))
        self._place_follower.put(place or 0.0)
        self._marks.set_time(place)

    def _heading_text(self) -> str:
        return self._title or default_title(self._data)

    def _remake(self) -> None:
        old = self._marks
        plot = self._height - _MARGIN["top"] - _MARGIN["bottom"]
        self._marks = BoundMarks(plot, self.theme)
        self._draw()
        with self._figure.hold_sync():
            self._figure.marks, self._figure.axes = self._marks.all, self._marks.axes
        if old is not None:
            old.close()

    def _make_parts(self) -> None:
        self._heading, self._status = ipywidgets.HTML(), ipywidgets.HTML()
        self._legend, self._ends, self._readout = ipywidgets.HTML(), ipywidgets.HTML(), ipywidgets.HTML()
        self._figure = Figure(
            fig_margin=_MARGIN, animation_duration=0,
            layout=ipywidgets.Layout(width="auto", height=f"{self._height}px"),
        )  # fmt: skip
        wide = ipywidgets.Layout(width="calc(100% - 12px)")
        self._time_box = ipywidgets.FloatSlider(
            0.0, min=0.0, max=1.0, step=0.002, readout=False, description="time",
            style={"description_width": "44px"}, layout=wide,
        )  # fmt: skip
        self._eps_box = ipywidgets.FloatLogSlider(
            0.1, base=10, min=_EPS_ENDS[0], max=_EPS_ENDS[1], step=0.01, description="ε", readout_format=".3f",
            style={"description_width": "44px"}, layout=ipywidgets.Layout(width="auto", max_width="480px"),
        )  # fmt: skip
        self._pickers = ipywidgets.VBox()
        self._make_pickers()
        self._parts = [
            self._heading, self._pickers, self._eps_box, self._legend, self._figure, self._ends, self._time_box,
            self._status, self._readout, CurvesStyle(),
        ]  # fmt: skip

    def _make_pickers(self) -> None:
        old, labels = self._pickers.children, self._mixture.labels
        self._pickers.children = [
            SubsetPicker("start in", labels, self._init_chosen),
            SubsetPicker("target", labels, self._target_chosen),
        ]
        for picker, subset in zip(self._pickers.children, self._asked, strict=True):
            picker.put(subset)
        for picker in old:
            picker.close()

    def _init_chosen(self, subset: tuple[int, ...]) -> None:
        # Nobody can start outside the target: it grows to hold what is chosen.
        self._chosen(subset, tuple(sorted({*self.target, *subset})))

    def _target_chosen(self, subset: tuple[int, ...]) -> None:
        self._chosen(tuple(k for k in self.init if k in subset), subset)

    def _chosen(self, init: tuple[int, ...], target: tuple[int, ...]) -> None:
        if init and target:
            self._set_groups(init, target)
            return
        self._say("choose at least one component to start in, inside the target")
        for picker, subset in zip(self._pickers.children, (self.init, self.target), strict=True):
            picker.put(subset)

    def _set_groups(self, init: tuple[int, ...], target: tuple[int, ...]) -> None:
        with self.hold_trait_notifications():
            self.target, self.init = target, init
        self._on_groups(None)

    def _slid(self, place: float) -> None:
        self.time = self._axis.t(place)

    def _eps_slid(self, value: float) -> None:
        self.eps = value

    def _failed(self, error: Exception) -> None:
        self._say(f"This could not be computed. {type(error).__name__}: {error}", failed=True)

    def _say(self, words: str, *, failed: bool = False) -> None:
        colour = "var(--jp-error-color1, #b3261e)" if failed else "inherit"
        self._status.value = f'<span role="status" style="color:{colour}">{escape(words)}</span>' if words else ""


def _mixture(given: Any) -> Mixture:
    if not isinstance(given, Mixture):
        raise TypeError(f"mixture must be a mixture such as GaussianMixture, not {type(given).__name__}")
    return given


def _groups(mixture: Mixture, init: Any, target: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Both as sorted indices."""
    first, second = mixture.indices(init, "init"), mixture.indices(target, "target")
    check_inside(mixture, first, second, "init", "target")
    return first, second


def _whole(name: str, value: Any, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        meaning = "whole pixels" if name == "height" else "a whole number"
        raise ValueError(f"{name} is {value!r}; it must be {meaning} from {low} to {high}")
    return value
