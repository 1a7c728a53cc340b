"""Closing widgets with what hangs on them; ipywidgets itself closes only the widget named."""

from __future__ import annotations

from typing import Any

_PARTS = ("layout", "style", "tooltip", "scale_x", "scale_y")


def free(*widgets: Any) -> None:
    """Close widgets with their layouts, styles, tooltips and own scales."""
    for widget in widgets:
        for name in _PARTS:
            part = getattr(widget, name, None)
            if hasattr(part, "close"):
                free(part)  # a tooltip has a layout of its own
        widget.close()
