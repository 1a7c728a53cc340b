"""`Explorer`: the river, the separation curves and their controls, on one page and in step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import ipywidgets
import numpy as np
import traitlets

from critwin_widgets.adapters import datasets
from critwin_widgets.engine import Mixture
from critwin_widgets.theory import MixtureTree

from ._base import Choice, Number, StaticPicture, Subset, TraitValueError, tree_of
from ._contract import CLOCKS, EPS_RANGE
from ._explorer_words import feature_table
from ._follow import Follower
from ._free import free
from ._grouping import grouped_by
from .hierarchy_tree import HierarchyTree
from .separation_curves import SeparationCurves

_OWN = "your mixture"
_CLOCK_NAMES = {"t": "time t", "sigma": "noise σ", "alpha_bar": "signal ᾱ", "log_snr": "log SNR"}

PRESETS: dict[str, Callable[[], Any]] = {
    "penguins": datasets.penguins,
    "digits": datasets.digits,
    "digit styles": lambda: datasets.digits(styles=2),
    "scenes": lambda: datasets.scenes(1),
    "hierarchy": lambda: datasets.hierarchy(n=1),
}
"""Data sets offered when no others are given: name and a function without arguments."""


class Explorer(StaticPicture, ipywidgets.VBox):
    """`HierarchyTree` and `SeparationCurves` beside controls for data, feature, clock and ε.

    Selection, time, ε and clock are one in all parts, whichever of them changes. A data set that
    fails to load leaves the picture as it was and says why.

    Args:
        mixture: A mixture or `MixtureTree`; the first preset when omitted.
        eps: Level of the certified tree, inside (0, 1).
        presets: Data sets to choose from: name to a data set, mixture or tree, or to a function
            without arguments that makes one. `PRESETS` when omitted, ``{}`` for none.

    Raises:
        TypeError: `mixture` is of another kind.
        ValueError: `eps` out of range, or neither a mixture nor a preset to begin with.

    Example:
        >>> explorer = Explorer(mixture, eps=0.1)
        >>> explorer.selected = ["sand · disc · dot"]
        >>> print(explorer.tree)
    """

    selected = Subset(())
    """Component indices of the selected part; labels are accepted and become indices.

    - Type: `tuple[int, ...]`
    - Default: `()`
    """

    time = Number(None, low=0, meaning="an OU time of at least 0, or None", allow_none=True)
    """OU time of the cursor; it begins where the first split is half decided.

    - Type: `float | None`
    - Default: half-way time of the first split; `None` where nothing is ever half decided
    """

    eps = Number(0.1, low=EPS_RANGE[0], high=EPS_RANGE[1], open_ends=True, meaning="inside (0, 1)")
    """Level of the certified tree.

    - Type: `float`
    - Default: `0.1`
    """

    clock = Choice(CLOCKS)
    """Clock on both time axes.

    - Type: `str`
    - Default: `"t"`
    """

    feature = traitlets.Unicode("")
    """Feature by which branches are ordered and whose table is shown; empty for none.

    - Type: `str`
    - Default: `""`
    """

    preset = traitlets.Unicode("")
    """Name of the data set shown; empty for a mixture of your own.

    - Type: `str`
    - Default: the first preset, unless a mixture is given
    """

    def __init__(self, mixture: Any = None, *, eps: float = 0.1, presets: Mapping[str, Any] | None = None) -> None:
        self._presets = dict(PRESETS if presets is None else presets)
        if mixture is None and not self._presets:
            raise ValueError("mixture is None and presets is empty; give one of them something to show")
        first = "" if mixture is not None else next(iter(self._presets))
        self._own = None if mixture is None else as_tree(mixture, eps)
        self._base = self._own if self._own is not None else as_tree(self._presets[first], eps)
        self._make_controls(first)
        grow = ipywidgets.Layout(flex="3 1 560px", min_width="0", width="auto")
        self.river = HierarchyTree(self._base, eps=self._base.eps if mixture is not None else eps, layout=grow)
        beside = ipywidgets.Layout(flex="2 1 400px", min_width="0", width="auto")
        self.curves = SeparationCurves(self._base, eps=self.river.eps, layout=beside)
        body = ipywidgets.Box([self.river, self.curves], layout=ipywidgets.Layout(flex_flow="row wrap", width="100%"))
        super().__init__(children=[self._controls, self._status, body, self._about])
        self.set_trait("preset", first)
        self.eps = self.river.eps
        self._links = [
            traitlets.link((self, name), (part, name))
            for part in (self.river, self.curves)
            for name in ("selected", "time", "eps", "clock")
        ]
        self._listen()
        self._show_about()
        self.time = _resting_time(self._base)

    @property
    def tree(self) -> MixtureTree:
        """The tree shown, at the current ε."""
        return self._base.at_eps(self.eps)

    @property
    def mixture(self) -> Mixture:
        """The mixture shown."""
        return self._base.mixture

    def show(self, mixture: Any) -> None:
        """Show another mixture, tree or data set of your own.

        Raises:
            TypeError: It is none of these. The picture stays as it was.
        """
        self._own = as_tree(mixture, self.eps)
        self._with_names(_OWN)
        self._replace(self._own, "")

    def close(self) -> None:
        """Free this widget and its parts."""
        for link in getattr(self, "_links", ()):
            link.unlink()
        self._links = []
        if getattr(self, "river", None) is not None and self.comm is not None:
            free(self.river, self.curves, *self._controls.children, *self.children)
            self.layout.close()
        super().close()

    def static_svg(self) -> str:
        """The river as self-contained SVG."""
        return self.river.static_svg()

    def static_text(self) -> str:
        """The decision table in plain text."""
        return str(self.tree)

    def __repr__(self) -> str:
        return f"Explorer({self._base!r}, eps={self.eps:g})"

    @traitlets.validate("feature")
    def _check_feature(self, proposal: Any) -> str:
        known = ("", *self.mixture.features)
        if proposal["value"] not in known:
            listed = ", ".join(map(repr, known))
            raise TraitValueError(f"feature is {proposal['value']!r}; it must be one of {listed}")
        return proposal["value"]

    @traitlets.validate("preset")
    def _check_preset(self, proposal: Any) -> str:
        if proposal["value"] not in ("", *self._presets):
            listed = ", ".join(map(repr, self._presets))
            raise TraitValueError(f"preset is {proposal['value']!r}; it must be one of {listed}")
        return proposal["value"]

    def _make_controls(self, first: str) -> None:
        narrow = {"description_width": "52px"}
        wide = ipywidgets.Layout(flex="1 1 200px", min_width="180px", max_width="360px")
        self._preset_box = ipywidgets.Dropdown(description="data", style=narrow, layout=wide)
        self._with_names(first or _OWN)
        self._feature_box = ipywidgets.Dropdown(description="feature", style=narrow, layout=wide)
        self._offer_features()
        clocks = [(_CLOCK_NAMES[name], name) for name in CLOCKS]
        self._clock_box = ipywidgets.Dropdown(options=clocks, description="clock", style=narrow, layout=wide)
        self._eps_box = ipywidgets.FloatLogSlider(
            0.1,
            base=10,
            min=-2.3,
            max=-0.3,
            step=0.01,
            description="ε",
            readout_format=".3f",
            style=narrow,
            layout=wide,
        )
        boxes = [self._preset_box, self._feature_box, self._clock_box, self._eps_box]
        self._controls = ipywidgets.Box(boxes, layout=ipywidgets.Layout(flex_flow="row wrap", width="100%"))
        self._status = ipywidgets.HTML()
        self._about = ipywidgets.HTML()

    def _listen(self) -> None:
        self._eps_box.value = float(np.clip(self.eps, 10**-2.3, 10**-0.3))
        self._clock_box.value = self.clock
        self._preset_box.observe(lambda change: self._chosen(change["new"]), "value")
        self._feature_box.observe(lambda change: self.set_trait("feature", change["new"] or ""), "value")
        self._clock_box.observe(lambda change: self.set_trait("clock", change["new"]), "value")
        self._follower = Follower(self._eps_box, 0.01, self._slid, lambda value: float(np.log10(value)))
        self.observe(self._on_eps, "eps")
        self.observe(lambda change: setattr(self._clock_box, "value", change["new"]), "clock")
        self.observe(self._on_feature, "feature")
        self.observe(self._on_preset, "preset")

    def _slid(self, value: float) -> None:
        self.eps = value

    def _on_eps(self, change: Any) -> None:
        self._follower.put(float(np.clip(change["new"], 10**-2.3, 10**-0.3)))
        self._show_about()

    def _on_feature(self, change: Any) -> None:
        self._feature_box.value = change["new"]
        if not self._replacing:
            self._draw()

    def _chosen(self, name: str) -> None:
        if name == _OWN:
            if self._own is not None and self.preset:
                self._replace(self._own, "")
        elif name in self._presets and name != self.preset:
            self.preset = name

    _replacing = False

    def _on_preset(self, change: Any) -> None:
        name = change["new"]
        if self._replacing or not name:
            return
        self._say(f"computing {name} …", busy=True)
        try:
            tree = as_tree(self._presets[name], self.eps)
        except Exception as error:  # whatever a data set's loader raises, the page must survive it
            self._say(f"{name} could not be shown. {type(error).__name__}: {error}", failed=True)
            self._replacing = True
            try:
                self.preset = change["old"]
            finally:
                self._replacing = False
            self._preset_box.value = change["old"] or _OWN
            return
        self._replace(tree, name)

    def _replace(self, tree: MixtureTree, preset: str) -> None:
        self._replacing = True
        try:
            self.selected, self.time = (), _resting_time(tree)
            self._base = tree
            self.feature, self.preset = "", preset
            self._offer_features()
        finally:
            self._replacing = False
        self._preset_box.value = preset or _OWN
        self._draw()
        self._say("")

    def _draw(self) -> None:
        tree = grouped_by(self._base, self.feature) if self.feature else self._base
        chosen, time = self.selected, self.time
        self.river.tree = tree
        self.curves.tree = tree
        self.selected, self.time = chosen, time
        self._show_about()

    def _with_names(self, value: str) -> None:
        names = [*([_OWN] if self._own is not None else []), *self._presets]
        self._preset_box.options, self._preset_box.value = names, value

    def _offer_features(self) -> None:
        names = [("as decided", ""), *((name, name) for name in self._base.mixture.features)]
        self._feature_box.options, self._feature_box.value = names, ""

    def _show_about(self) -> None:
        self._about.value = feature_table(self.tree, self.feature)

    def _say(self, words: str, *, busy: bool = False, failed: bool = False) -> None:
        colour = "var(--jp-error-color1, #b3261e)" if failed else "inherit"
        self._status.value = f'<span role="status" style="color:{colour}">{escape(words)}</span>' if words else ""
        for box in self._controls.children:
            box.disabled = busy


def _resting_time(tree: MixtureTree) -> float | None:
    """Where the river's cursor rests until it is moved, so that the curves begin there too."""
    half = tree.vertices[0].half_time
    return half.value if half is not None and half.exists else None


def as_tree(source: Any, eps: float) -> MixtureTree:
    """A tree from a tree, a mixture, a data set, or a function without arguments that makes one.

    Raises:
        TypeError: It is none of these.
    """
    made = source() if callable(source) and not isinstance(source, (Mixture, MixtureTree)) else source
    if isinstance(made, datasets.DataSet):
        made = made.mixture()
    if isinstance(made, MixtureTree):
        return made
    if isinstance(made, Mixture):
        return tree_of(made, eps)
    raise TypeError(f"mixture is a {type(made).__name__}; it must be a GaussianMixture, a MixtureTree or a data set")
