"""`FeatureTimeline`: which feature is decided at which time, one row per feature."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from critwin_widgets.engine import Mixture
from critwin_widgets.export.timeline_rows import CURVES, SORTS, Timeline
from critwin_widgets.widgets._base import (
    Choice,
    Number,
    StaticPicture,
    Subset,
    TraitValueError,
    check_keywords,
)
from critwin_widgets.widgets._contract import THEMES
from critwin_widgets.widgets._timeline_contract import OU_CLOCKS
from critwin_widgets.widgets._timeline_data import mixture_of, timeline_of
from critwin_widgets.widgets._timeline_follow import StudyFollower
from critwin_widgets.widgets._timeline_payload import timeline_payload

__all__ = ["FeatureTimeline"]

_STATIC = Path(__file__).parent / "static"
_DEFAULT_TITLE = "Which feature is decided when?"
_OPTIONS = ("selected", "feature", "time", "clock", "sort", "curve", "theme", "show_table")


class _Parts(Subset):
    """Component indices; labels are taken too where the source has a mixture."""

    def validate(self, obj: Any, value: Any) -> tuple[int, ...]:
        """Return `value` as sorted indices, `()` for none."""
        if obj.mixture is not None:
            return super().validate(obj, value)
        members: tuple[Any, ...] = (
            tuple(value) if isinstance(value, Iterable) and not isinstance(value, str) else (value,)
        )
        for one in members:
            if isinstance(one, bool) or not isinstance(one, int) or one < 0:
                raise TraitValueError(f"selected holds {one!r}; without a mixture it must hold component indices")
        return tuple(sorted(set(members)))


class _Feature(traitlets.TraitType):
    """A feature of the timeline, or nothing."""

    def validate(self, obj: Any, value: Any) -> str:
        """Return `value` if there is such a feature."""
        known = list(dict.fromkeys(row.feature for row in obj.timeline.rows))
        if isinstance(value, str) and (value == "" or value in known):
            return value
        listed = ", ".join(map(repr, known))
        raise TraitValueError(f"feature is {value!r}; it must be '' or one of {listed}")


class FeatureTimeline(StaticPicture, anywidget.AnyWidget):
    """Which feature is decided at which time: one row per feature on a common clock.

    Time runs from noise, left, to data, right, as in `HierarchyTree`. The bar of a row is the feature's
    decision interval, from 5 % to 95 % decided; the mark on it is the half-way time with its interval,
    and the curve is the decided fraction (or the retention) with its band. Brackets are critical windows
    of a study: retention changes by more than 0.5 between two of its levels (LKC25). Drag the cursor to
    ask what is decided at a noise level; several models stand as grouped rows. The whole picture runs in
    the browser: no kernel is asked while it moves.

    Args:
        source: A mixture, a `MixtureTree`, a Dataset of `decision_curves` or of a study's retention, a
            forward-reverse study, or a mapping from names to any of these for several models.
        features: Names of the features to show, or for mixtures and trees a mapping from names to one
            value per component; all that the source has when `None`.
        title: Heading above the picture.
        **options: Initial values of the traits below; also `layout` of ipywidgets.

    Raises:
        TypeError: `source` is of another kind, or a keyword is unknown.
        ValueError: A feature is unknown, there are too many, or the models' clocks cannot share an axis.

    Example:
        >>> timeline = FeatureTimeline(mixture, features={"parity": ["even", "odd"] * 5})
        >>> FeatureTimeline({"trained": study, "mixture": mixture}, sort="name")
        >>> traitlets.link((tree, "time"), (timeline, "time"))
    """

    _esm = _STATIC / "feature_timeline.js"
    _css = _STATIC / "feature_timeline.css"

    data = traitlets.Dict().tag(sync=True)
    """What is drawn. Set by the class; assign `source` to change it.

    - Type: `dict`
    """

    selected = _Parts(()).tag(sync=True)
    """Component indices of the selected subset, as in `HierarchyTree`; rows say the value it has.

    - Type: `tuple[int, ...]`
    - Default: `()`, nothing selected
    """

    feature = _Feature("").tag(sync=True)
    """The feature brought forward; empty for none.

    - Type: `str`
    - Default: `""`
    """

    time = Number(None, meaning="a level of the clock, or None", low=0, allow_none=True).tag(sync=True)
    """OU time of the cursor; None until it is first placed. A level, where levels are not OU times.

    - Type: `float | None`
    - Default: `None`
    """

    clock = Choice(OU_CLOCKS).tag(sync=True)
    """Clock shown on the time axis: `t`, `sigma`, `alpha_bar` or `log_snr`. Only where levels are OU times.

    - Type: `str`
    - Default: `"t"`
    """

    sort = Choice(SORTS).tag(sync=True)
    """Order of the features: by `time` (decided first in generation first), as `given`, or by `name`.

    - Type: `str`
    - Default: `"time"`
    """

    curve = Choice(CURVES).tag(sync=True)
    """What the curves show: the `decided` fraction, or the `retention` with its chance level.

    - Type: `str`
    - Default: `"decided"`
    """

    theme = Choice(THEMES).tag(sync=True)
    """Follow the page (`auto`), or force `light` or `dark`.

    - Type: `str`
    - Default: `"auto"`
    """

    show_table = traitlets.Bool(False).tag(sync=True)
    """Whether the table of the same numbers is open below the picture.

    - Type: `bool`
    - Default: `False`
    """

    notice = traitlets.Unicode("").tag(sync=True)
    """How a study that is followed stands, or why its newest results could not be drawn.

    - Type: `str`
    - Default: `""`
    """

    _follower: StudyFollower | None = None

    def __init__(
        self,
        source: Any,
        *,
        features: Sequence[str] | Mapping[str, Sequence[Any]] | str | None = None,
        title: str = _DEFAULT_TITLE,
        **options: Any,
    ) -> None:
        check_keywords("FeatureTimeline", options, (*_OPTIONS, "features", "title", "layout"))
        self._title, self._features = str(title), features
        self._take(source)
        super().__init__(data=self._payload(), **options)

    @property
    def source(self) -> Any:
        """What is shown. Assigning another redraws every view; `features` goes on where it names features."""
        return self._source

    @source.setter
    def source(self, source: Any) -> None:
        self.unfollow()
        self._show(source)

    @property
    def timeline(self) -> Timeline:
        """The rows now shown: features, intervals and curves."""
        return self._timeline

    @property
    def mixture(self) -> Mixture | None:
        """The mixture whose components `selected` speaks of; None where the source has none."""
        return self._mixture

    @property
    def title(self) -> str:
        """Heading above the picture."""
        return self._title

    @title.setter
    def title(self, title: str) -> None:
        self._title = str(title)
        self.data = {**self.data, "title": self._title}

    def follow(self, study: Any, name: str | None = None) -> Callable[[], None]:
        """Show a study and redraw as its results come in; the last good picture stands meanwhile.

        Args:
            study: A forward-reverse study, running or not: it has `observe(callback)`.
            name: The model it is among several; the whole source when `None`.

        Returns:
            A function that ends it, as `unfollow` does.

        Raises:
            TypeError: `study` cannot be observed.
            ValueError: `name` is given, but the source is not a mapping; or the clocks do not agree.
        """
        if not callable(getattr(study, "observe", None)):
            raise TypeError(f"study must be a forward-reverse study with observe(), not {type(study).__name__}")
        if name is not None and (not isinstance(self._source, Mapping) or hasattr(self._source, "data_vars")):
            raise ValueError(f"name is {name!r}, but the timeline shows one source without a name")
        self.unfollow()
        source = study if name is None else {**self._source, name: study}
        self._show(source)
        self._follower = StudyFollower(study, lambda: self._show(source), self._notify)
        return self.unfollow

    def unfollow(self) -> None:
        """Leave the picture as it is, whatever the study goes on to find."""
        follower, self._follower = self._follower, None
        if follower is not None:
            follower.stop()
            self.notice = ""

    def static_svg(self) -> str:
        """The picture as self-contained SVG, in the order, theme and clock now chosen."""
        from critwin_widgets.export.svg_timeline import timeline_svg

        theme = "light" if self.theme == "auto" else self.theme
        return timeline_svg(
            self._timeline, title=self._title, theme=theme, clock=self.clock, sort=self.sort, curve=self.curve
        )

    def static_text(self) -> str:
        """The same numbers as a table in plain text."""
        from critwin_widgets.export.timeline_words import timeline_text

        return timeline_text(self._timeline, sort=self.sort)

    def close(self) -> None:
        """Close every view, stop following, and let go of the data."""
        self.unfollow()
        super().close()
        self.set_trait("data", {})

    def __repr__(self) -> str:
        count = len({row.feature for row in self._timeline.rows})
        return f"FeatureTimeline({count} features, {len(self._timeline.models)} models, {self._timeline.unit.name})"

    @traitlets.validate("clock")
    def _check_clock(self, proposal: Any) -> str:
        unit = self._timeline.unit
        if proposal["value"] != "t" and not unit.ou:
            raise TraitValueError(
                f"clock is {proposal['value']!r}, but levels are {unit.name}, which have no OU time; it must stay 't'"
            )
        return proposal["value"]

    def _take(self, source: Any) -> None:
        """Read a source whole, or leave everything as it was."""
        features = self._features
        timeline, mixture = timeline_of(source, features), mixture_of(source)
        self._source, self._timeline, self._mixture = source, timeline, mixture

    def _payload(self) -> dict[str, Any]:
        labels = () if self._mixture is None else self._mixture.labels
        return timeline_payload(self._timeline, self._title, tuple(map(str, labels)))

    def _show(self, source: Any) -> None:
        before = self._mixture
        self._take(source)
        # One message: a view never sees new rows with an old selection.
        with self.hold_sync():
            if before is not self._mixture:
                self.selected = ()
            if self.feature not in {row.feature for row in self._timeline.rows}:
                self.feature = ""
            if not self._timeline.unit.ou:
                self.clock = "t"
            self.data = self._payload()

    def _notify(self, words: str) -> None:
        self.notice = words
