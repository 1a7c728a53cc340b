"""Finds the live pictures (trees and timelines) in widget state and writes them as plain JSON.

Two sources give the same thing: the state that a notebook stores (`metadata.widgets`, with its
buffers listed apart in base64) and a widget in this process (with its buffers in place as bytes).
The JSON has every array as `{"dtype", "shape", "b64"}`, which `mount` in the front end reads.
"""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

STATE_MIME = "application/vnd.jupyter.widget-state+json"
VIEW_MIME = "application/vnd.jupyter.widget-view+json"
_REFERENCE = "IPY_MODEL_"
_LIVE = (
    "critwin_widgets.widgets.hierarchy_tree.HierarchyTree",
    "critwin_widgets.widgets.feature_timeline.FeatureTimeline",
)
# Of ipywidgets' own making, or the program itself: of no use to a page that brings its own.
_NOT_STATE = ("layout", "tabbable", "tooltip", "comm")


def stored_pictures(models: Mapping[str, Any], model_id: str) -> list[dict[str, Any]]:
    """States of the trees and timelines shown by the model `model_id`: itself, or those inside it.

    Args:
      models: the `state` of a notebook's widget metadata, by model id.
      model_id: the model that an output views.

    Returns:
      JSON-ready states in order of appearance; empty if the model is unknown or shows no such picture.
    """
    return [_with_buffers(models[found]) for found in _walk(models, model_id, set())]


def live_pictures(widget: Any) -> list[dict[str, Any]]:
    """States of the trees and timelines shown by a widget of this process, as in `stored_pictures`."""
    from critwin_widgets.widgets import FeatureTimeline, HierarchyTree

    if isinstance(widget, HierarchyTree | FeatureTimeline):
        return [_public(_plain(widget.get_state()))]
    return [state for child in getattr(widget, "children", ()) for state in live_pictures(child)]


def script_json(value: Any) -> str:
    """JSON that cannot end the `<script>` element it stands in, whatever text it carries."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    # "<" covers "</script" and "<!--"; the two separators end lines in old parsers of JavaScript.
    for character in ("<", ">", "&", "\u2028", "\u2029"):
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _walk(models: Mapping[str, Any], model_id: str, seen: set[str]) -> Iterator[str]:
    if model_id in seen or model_id not in models:
        return
    seen.add(model_id)
    state = models[model_id].get("state", {})
    if state.get("_anywidget_id") in _LIVE:
        yield model_id
        return
    for child in state.get("children", ()):
        if isinstance(child, str) and child.startswith(_REFERENCE):
            yield from _walk(models, child.removeprefix(_REFERENCE), seen)


def _with_buffers(model: Mapping[str, Any]) -> dict[str, Any]:
    state = _public(copy.deepcopy(dict(model["state"])))
    for buffer in model.get("buffers", ()):
        *place, last = buffer["path"]
        if place and place[0] in state:
            holder: Any = state
            for step in place:
                holder = holder[step]
            _put_base64(holder, last, buffer["data"])
    return state


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        plain = {key: _plain(item) for key, item in value.items() if not _is_bytes(item)}
        for key, item in value.items():
            if _is_bytes(item):
                _put_base64(plain, key, base64.b64encode(item).decode("ascii"))
        return plain
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _put_base64(holder: dict[str, Any], key: str, text: str) -> None:
    holder.pop(key, None)
    holder["b64" if key == "data" else key] = text


def _is_bytes(value: Any) -> bool:
    return isinstance(value, bytes | bytearray | memoryview)


def _public(state: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in state.items() if not name.startswith("_") and name not in _NOT_STATE}
