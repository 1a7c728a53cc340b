"""What our widgets share: trait types that explain themselves, and a picture for readers without a kernel."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING, Any

import traitlets

from critwin_widgets.engine import Mixture
from critwin_widgets.engine._validation import near_miss
from critwin_widgets.engine.processes import MixtureProcess
from critwin_widgets.export._axis import clocks_of
from critwin_widgets.theory import MixtureTree, mixture_tree

__all__ = ["Choice", "Number", "StaticPicture", "Subset", "TraitValueError", "TreeClock", "check_keywords", "tree_of"]


class TraitValueError(traitlets.TraitError, ValueError):
    """A value that a trait cannot take; a `ValueError` to callers, a `TraitError` to traitlets."""


class Choice(traitlets.TraitType):
    """One of a few names.

    Args:
        names: The names allowed; the first is the default unless `default_value` says otherwise.
    """

    def __init__(self, names: tuple[str, ...], default_value: str | None = None, **kwargs: Any) -> None:
        self.names = names
        super().__init__(default_value=default_value or names[0], **kwargs)

    def validate(self, obj: Any, value: Any) -> str:
        """Return `value` if it is one of the names."""
        if value in self.names and isinstance(value, str):
            return value
        allowed = ", ".join(map(repr, self.names))
        raise TraitValueError(f"{self.name} is {value!r}; it must be one of {allowed}{near_miss(value, self.names)}")


class TreeClock(Choice):
    """One of the clocks on which the times of the widget's tree can be shown."""

    def validate(self, obj: Any, value: Any) -> str:
        """Return `value` if the tree's times can be shown on it."""
        chosen, known = super().validate(obj, value), clocks_of(obj.tree)
        if chosen not in known:
            raise TraitValueError(
                f"{self.name} is {value!r}; it must be one of {', '.join(map(repr, known))}: "
                f"the times of this tree are {obj.tree.index.name}"
            )
        return chosen


class Number(traitlets.TraitType):
    """A finite real number within limits.

    Args:
        low: Smallest value, included unless `open_ends`.
        high: Largest value, likewise.
        open_ends: Whether the limits themselves are excluded.
        whole: Whether only integers are taken.
        meaning: What the number is, for messages.
    """

    def __init__(
        self,
        default_value: float | None,
        *,
        low: float = -math.inf,
        high: float = math.inf,
        open_ends: bool = False,
        whole: bool = False,
        meaning: str = "a number",
        **kwargs: Any,
    ) -> None:
        self.low, self.high, self.open_ends, self.whole, self.meaning = low, high, open_ends, whole, meaning
        super().__init__(default_value=default_value, **kwargs)

    def validate(self, obj: Any, value: Any) -> Any:
        """Return `value` as a plain float or int."""
        if value is None and self.allow_none:
            return None
        number = _plain_number(value)
        inside = self.low < number < self.high if self.open_ends else self.low <= number <= self.high
        if not (math.isfinite(number) and inside and (not self.whole or number == int(number))):
            raise TraitValueError(f"{self.name} is {value!r}; it must be {self.meaning}")
        return int(number) if self.whole else number


class Subset(traitlets.TraitType):
    """Component indices of the owner's `mixture`; labels are taken too, and become indices."""

    def validate(self, obj: Any, value: Any) -> tuple[int, ...]:
        """Return `value` as sorted indices, `()` for none."""
        if isinstance(value, str):
            value = (value,)
        if not isinstance(value, Iterable):
            raise TraitValueError(f"{self.name} is {value!r}; it must be component indices or labels, [] for none")
        members = tuple(value)
        if not members:
            return ()
        try:
            return obj.mixture.indices(members, str(self.name))
        except ValueError as error:
            raise TraitValueError(str(error)) from None


def _plain_number(value: Any) -> float:
    """A float; NaN for what is no number, text and booleans included."""
    if value is None or isinstance(value, str | bytes | bool):
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def check_keywords(owner: str, given: Any, known: Any) -> None:
    """Raise `TypeError` for the first keyword that is not known, naming the nearest that is.

    Args:
        owner: The class, for the message.
        given: The keywords given.
        known: The keywords there are.
    """
    for name in given:
        if name not in known:
            hint = near_miss(name, known) or f"; it takes {', '.join(sorted(known))}"
            raise TypeError(f"{owner} takes no keyword {name!r}{hint}")


def tree_of(source: Any, eps: float | None) -> MixtureTree:
    """The tree itself as it is, or that of a mixture or of a process on one, at `eps` if that is given.

    Raises:
        TypeError: `source` is neither.
    """
    if isinstance(source, Mixture | MixtureProcess):
        return mixture_tree(source) if eps is None else mixture_tree(source, eps)
    if not isinstance(source, MixtureTree):
        raise TypeError(f"tree must be a MixtureTree, a mixture or a process on one, not {type(source).__name__}")
    return source


class StaticPicture:
    """Mixin: a display leaves a static picture, then the live view.

    A notebook reopened without its kernel, a converted page or a code host shows the picture; where
    the live view draws, it hides the picture before it. Classes provide `static_svg` and
    `static_text`.
    """

    if TYPE_CHECKING:

        def static_svg(self) -> str:
            """The picture as self-contained SVG."""
            ...

        def static_text(self) -> str:
            """The picture in words: what is decided when."""
            ...

    def static_bundle(self) -> dict[str, str]:
        """The picture as a MIME bundle: an image with the words as its alternative text, SVG, and text."""
        svg, text = self.static_svg(), self.static_text()
        address = "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
        image = f'<img class="critwin-static" style="max-width:100%" alt="{escape(text)}" src="{address}">'
        return {"text/html": image, "image/svg+xml": svg, "text/plain": text}

    def _ipython_display_(self, **kwargs: Any) -> None:
        from IPython.display import display

        display(self.static_bundle(), raw=True)
        live = self._repr_mimebundle_(**kwargs)  # type: ignore[attr-defined]
        if live is None:
            return
        data, metadata = live if isinstance(live, tuple) else (live, {})
        # Without the text that hosts would print below the picture where they cannot run the view.
        display({k: v for k, v in data.items() if k != "text/plain"}, metadata=metadata, raw=True)
