"""`HierarchyTree`: the river of decisions, and the tree of certified plateaus as its second view."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from critwin_widgets.engine import Mixture, TokenMixture
from critwin_widgets.engine.processes import MixtureProcess
from critwin_widgets.export._axis import clocks_of
from critwin_widgets.theory import MixtureTree
from critwin_widgets.widgets._base import (
    Choice,
    Number,
    StaticPicture,
    Subset,
    TraitValueError,
    TreeClock,
    check_keywords,
    tree_of,
)
from critwin_widgets.widgets._contract import ALL_CLOCKS, EPS_RANGE, HEIGHT_RANGE, THEMES, VIEWS
from critwin_widgets.widgets._payload import payload

__all__ = ["HierarchyTree"]

_STATIC = Path(__file__).parent / "static"
_DEFAULT_TITLE = "When is what decided?"
_OPTIONS = ("clock", "view", "time", "selected", "collapsed", "theme", "height", "show_table")


class _VertexIds(traitlets.TraitType):
    """Ids of vertices with children, sorted; the root cannot be folded."""

    def validate(self, obj: Any, value: Any) -> tuple[int, ...]:
        foldable = {v.id for v in obj.tree.vertices if v.children and v.parent is not None}
        ids = tuple(value) if isinstance(value, Iterable) and not isinstance(value, str) else (value,)
        for one in ids:
            if isinstance(one, bool) or one not in foldable:
                raise TraitValueError(
                    f"collapsed holds {one!r}; it must hold ids of inner vertices: {sorted(foldable) or 'none here'}"
                )
        return tuple(sorted({int(one) for one in ids}))


class HierarchyTree(StaticPicture, anywidget.AnyWidget):
    """When a diffusion model decides what: a river that parts where the sampler chooses.

    Every component is a stream as wide as its weight. Time runs from noise, left, to data, right. The
    gap between two streams is the decided fraction of the split between them, so where the water parts
    is where the sampler chooses, and where the banks run parallel it has chosen and waits. Brackets on
    the bank mark plateaus certified at ε (LKC25, Definition 8). Hover for numbers and how each is
    known; click to select; drag the cursor to ask what is decided at a noise level; drag ε to see
    plateaus come and go. The whole picture runs in the browser: no kernel is asked while it moves.

    Args:
        tree: A `MixtureTree`, or a mixture, or a process on one, whose tree is then computed.
        eps: Level of the certified tree, inside (0, 1); the tree's own by default.
        title: Heading above the picture.
        **options: Initial values of the traits below; also `layout` of ipywidgets.

    Raises:
        TypeError: `tree` is of another kind, or a keyword is unknown.
        ValueError: A trait's value is out of range, or the tree is too large for a page.

    Example:
        >>> river = HierarchyTree(mixture_tree(mixture, eps=0.1), clock="sigma")
        >>> river.selected = ["sand · disc · dot"]
        >>> river.observe(lambda change: print(change.new), "time")
    """

    _esm = _STATIC / "hierarchy_tree.js"
    _css = _STATIC / "hierarchy_tree.css"

    data = traitlets.Dict().tag(sync=True)
    """What is drawn. Set by the class; assign `tree` to change it.

    - Type: `dict`
    """

    selected = Subset(()).tag(sync=True)
    """Component indices of the selected subset; labels are accepted and become indices.

    - Type: `tuple[int, ...]`
    - Default: `()`, nothing selected
    """

    time = Number(None, low=0, meaning="an OU time of at least 0, or None", allow_none=True).tag(sync=True)
    """OU time of the cursor; None until it is first placed.

    - Type: `float | None`
    - Default: `None`
    """

    eps = Number(0.05, low=EPS_RANGE[0], high=EPS_RANGE[1], open_ends=True, meaning="inside (0, 1)").tag(sync=True)
    """The ε at which plateaus are certified.

    - Type: `float`
    - Default: that of the tree
    """

    clock = TreeClock(ALL_CLOCKS).tag(sync=True)
    """Clock shown on the time axis: OU time `t`, VE noise `sigma`, VP `alpha_bar`, or `log_snr`.
    For masked tokens only the unit of their levels, `masked` or `hidden`.

    - Type: `str`
    - Default: the unit of the tree's times, `"t"` for OU time
    """

    view = Choice(VIEWS).tag(sync=True)
    """The `river`, or the `dendrogram` of the certified tree with plateaus and windows to scale.

    - Type: `str`
    - Default: `"river"`
    """

    collapsed = _VertexIds(()).tag(sync=True)
    """Ids of the vertices whose branches are folded away.

    - Type: `tuple[int, ...]`
    - Default: `()`
    """

    theme = Choice(THEMES).tag(sync=True)
    """Follow the page (`auto`), or force `light` or `dark`.

    - Type: `str`
    - Default: `"auto"`
    """

    height = Number(
        480, low=HEIGHT_RANGE[0], high=HEIGHT_RANGE[1], whole=True, meaning=f"whole pixels within {HEIGHT_RANGE}"
    ).tag(sync=True)
    """Height of the picture in CSS pixels.

    - Type: `int`
    - Default: `480`
    """

    show_table = traitlets.Bool(False).tag(sync=True)
    """Whether the table of the same numbers is open below the picture.

    - Type: `bool`
    - Default: `False`
    """

    def __init__(
        self,
        tree: MixtureTree | Mixture | MixtureProcess,
        *,
        eps: float | None = None,
        title: str = _DEFAULT_TITLE,
        **options: Any,
    ) -> None:
        check_keywords("HierarchyTree", options, (*_OPTIONS, "eps", "title", "layout"))
        self._tree = tree_of(tree, eps)
        self._title = str(title)
        options.setdefault("clock", clocks_of(self._tree)[0])
        super().__init__(data=payload(self._tree, self._title), eps=self._tree.eps if eps is None else eps, **options)

    @property
    def tree(self) -> MixtureTree:
        """The tree shown. Assigning another redraws every view and clears selection and folding."""
        return self._tree

    @tree.setter
    def tree(self, tree: MixtureTree | Mixture | MixtureProcess) -> None:
        new = tree_of(tree, self.eps)
        data = payload(new, self._title)
        # One message: a view never sees the new tree with the old tree's selection.
        with self.hold_sync():
            self.selected, self.collapsed = (), ()
            self._tree = new
            if self.clock not in clocks_of(new):
                self.clock, self.time = clocks_of(new)[0], None
            self.data = data

    @property
    def mixture(self) -> Mixture | TokenMixture:
        """The mixture whose tree is shown."""
        return self._tree.mixture

    @property
    def title(self) -> str:
        """Heading above the picture."""
        return self._title

    @title.setter
    def title(self, title: str) -> None:
        self._title = str(title)
        self.data = {**self.data, "title": self._title}

    def static_svg(self) -> str:
        """The picture as self-contained SVG, in the view, theme and clock now chosen."""
        from critwin_widgets.export.svg import dendrogram_svg, river_svg

        draw = river_svg if self.view == "river" else dendrogram_svg
        theme = "light" if self.theme == "auto" else self.theme
        return draw(self._tree.at_eps(self.eps), title=self._title, theme=theme, clock=self.clock)

    def static_text(self) -> str:
        """The decision table in plain text."""
        return str(self._tree)

    def close(self) -> None:
        """Close every view, and let go of the data."""
        super().close()
        self.set_trait("data", {})

    def __repr__(self) -> str:
        return f"HierarchyTree({self._tree!r}, eps={self.eps:g}, view={self.view!r})"
