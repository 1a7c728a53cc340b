"""Choosing components with a row of buttons, or with a list where there are many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets

from ._free import free

_BUTTONS = 12
"""Components up to which each has a button."""


class SubsetPicker(ipywidgets.HBox):
    """A named row of toggle buttons, one for each component; a list for more than twelve.

    Args:
        name: What is chosen.
        labels: Names of the components.
        chosen: Called with the component indices when a person has changed them.
    """

    def __init__(self, name: str, labels: Sequence[str], chosen: Callable[[tuple[int, ...]], None]) -> None:
        self._chosen, self._putting = chosen, False
        title = ipywidgets.Label(name, layout=ipywidgets.Layout(width="60px", flex="0 0 auto"))
        if len(labels) <= _BUTTONS:
            self._parts: list[Any] = [self._button(name, label) for label in labels]
            grow = ipywidgets.Layout(flex="1 1 auto", flex_flow="row wrap", min_width="0")
            body: Any = ipywidgets.Box(self._parts, layout=grow)
        else:
            body = ipywidgets.SelectMultiple(
                options=[(label, k) for k, label in enumerate(labels)], rows=5,
                layout=ipywidgets.Layout(flex="1 1 auto", width="auto", max_width="420px"),
            )  # fmt: skip
            self._parts = [body]
        super().__init__([title, body])
        for part in self._parts:
            part.observe(self._heard, "value")

    @property
    def value(self) -> tuple[int, ...]:
        """The component indices chosen."""
        (first, *_) = self._parts
        if isinstance(first, ipywidgets.SelectMultiple):
            return tuple(first.value)
        return tuple(k for k, button in enumerate(self._parts) if button.value)

    def put(self, subset: Sequence[int]) -> None:
        """Show a choice without answering it."""
        self._putting = True
        try:
            (first, *_) = self._parts
            if isinstance(first, ipywidgets.SelectMultiple):
                first.value = tuple(subset)
            else:
                for k, button in enumerate(self._parts):
                    button.value = k in subset
        finally:
            self._putting = False

    def close(self) -> None:
        """Free the row and its parts."""
        free(*(part for child in self.children for part in getattr(child, "children", ())), *self.children)
        self.layout.close()
        super().close()

    def _button(self, name: str, label: str) -> ipywidgets.ToggleButton:
        shown = label if len(label) <= 24 else label[:23] + "…"
        layout = ipywidgets.Layout(width="auto", max_width="100%")
        return ipywidgets.ToggleButton(description=shown, tooltip=f"{name}: {label}", layout=layout)

    def _heard(self, _change: Any) -> None:
        if not self._putting:
            self._chosen(self.value)
