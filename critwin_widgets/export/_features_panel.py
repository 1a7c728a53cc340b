"""Under the river, on the same axis: how far each feature, or split, is decided, with its half-way time."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ._axis import Axis
from ._frame import LEFT, small
from ._svg import Boxes, decimate, fit_text, number, polyline, tag, text_width
from ._theme import Theme
from ._tree_view import time_value
from .colours import feature_line

HEIGHT = 72.0
MOST, MOST_SPLITS = 8, 4
"""Curves shown, of features and of splits."""


@dataclass(frozen=True)
class Features:
    """Decision curves of the features that have something to decide.

    Attributes:
        names: Their names.
        times: OU times, ``(T,)``.
        decided: Decided fractions, ``(F, T)``.
        half: Half-way times, NaN where a feature never gets there, ``(F,)``.
        kind: What they are: "feature", or "split" where the mixture has no features.
    """

    names: tuple[str, ...]
    times: np.ndarray
    decided: np.ndarray
    half: np.ndarray
    kind: str = "feature"


def read_features(tree: Any) -> Features:
    """What the panel shows, as in the live picture: the features that vary, or else the first splits.

    A feature with a single value is decided from the start and left out.
    """
    data = tree.features
    names = [str(name) for name in np.asarray(data["feature"].values)]
    times = np.asarray(tree.times, dtype=np.float64)
    decided = np.asarray(data["decided"], dtype=np.float64).reshape(len(names), len(times))
    # As in the live picture, so that a feature has the same place, and so the same line, in both.
    keep = np.flatnonzero(np.asarray(data["chance"], dtype=np.float64).reshape(-1) < 1.0 - 1e-12)[:MOST]
    if len(keep) == 0:
        return _splits(tree, times)
    return Features(
        names=tuple(names[j] for j in keep),
        times=times,
        decided=decided[keep],
        half=np.asarray(data["half_time"], dtype=np.float64).reshape(-1)[keep],
    )


def _splits(tree: Any, times: np.ndarray) -> Features:
    """The heaviest splits, level by level from the root."""
    depth = {0: 0}
    for vertex in tree.vertices[1:]:
        depth[vertex.id] = depth[vertex.parent] + 1
    inner = [v for v in tree.vertices if v.children]
    shown = sorted(inner, key=lambda v: (depth[v.id], -v.weight, v.id))[:MOST_SPLITS]
    rows = np.asarray(tree.curves["decided"], dtype=np.float64)
    return Features(
        names=tuple("first split" if v.id == 0 else f"split of {v.label}" for v in shown),
        times=times,
        decided=np.nan_to_num(rows[[v.id for v in shown]]),
        half=np.array([time_value(v.half_time) for v in shown]),
        kind="split",
    )


def guides(features: Features, axis: Axis, theme: Theme, top: float, bottom: float) -> str:
    """Dotted lines at the half-way times, from the river down to the panel."""
    lines = [
        tag("path", {"d": f"M{number(float(axis.x(t)))} {number(top - 6)}V{number(bottom)}"})
        for t in features.half
        if _on_axis(t, axis)
    ]
    return tag("g", {"stroke": theme.rule, "stroke_dasharray": "2 4"}, *lines) if lines else ""


def features_panel(features: Features, axis: Axis, theme: Theme, top: float) -> tuple[str, float]:
    """The curves with their names, and the y of the axis below."""
    if not features.names:
        return "", top
    bottom = top + HEIGHT
    parts = [
        small(LEFT, top - 8, f"how far each {features.kind} is decided (0 to 100 %)", theme),
        tag("path", {"d": f"M{number(axis.x0)} {number(top)}H{number(axis.x1)}", "stroke": theme.rule}),
    ]
    t = axis.times(160)
    x = np.asarray(axis.x(t))
    for j, name in enumerate(features.names):
        values = np.clip(np.interp(t, features.times, features.decided[j]), 0, 1)
        colour, dash = feature_line(j, theme.scheme)
        line = {
            "d": polyline(decimate(np.column_stack([x, bottom - HEIGHT * values]))),
            "fill": "none",
            "stroke": colour,
            "stroke_width": "1.8",
            "stroke_dasharray": dash,
        }
        parts.append(tag("path", line, tag("title", text=name)))
    return "".join(parts) + _names(features, axis, theme, bottom), bottom


def _names(features: Features, axis: Axis, theme: Theme, bottom: float) -> str:
    """Names beside the half-way marks, or at the data end where there is none, clear of each other."""
    boxes, parts = Boxes(), []
    for j, name in enumerate(features.names):
        colour, shown = feature_line(j, theme.scheme)[0], fit_text(name, 13, 180)
        marked = _on_axis(features.half[j], axis)
        x = float(axis.x(features.half[j])) if marked else axis.x1 - 12
        # Between whole levels the line is a guide for the eye: the mark stands on a level.
        at_half = 0.5 if axis.clock != "hidden" else np.interp(features.half[j], features.times, features.decided[j])
        y = bottom - HEIGHT * (float(at_half) if marked else float(np.clip(features.decided[j, 0], 0, 1)))
        wide = text_width(shown, 13)
        wanted = [(x - wide - 9, y - 14 + dy) for dy in (0, -15, 14, -28, 28)]
        wanted += [(x + 9, y - 2 + dy) for dy in (0, -15, 14, 28)]
        fits = [(a, b, wide, 14.0) for a, b in wanted if a >= axis.x0 and a + wide <= axis.x1 + 8]
        if marked:
            dot = {"cx": x, "cy": y, "r": "4", "fill": theme.background, "stroke": colour, "stroke_width": "2"}
            parts.append(
                tag("circle", dot, tag("title", text=f"{name}: half decided at {axis.show(features.half[j])}"))
            )
        found = boxes.place(fits)
        if found is None:  # no free place: the name is in the mark's tooltip and in the text alternative
            continue
        place = {"x": found[0], "y": found[1] + 11, "font_size": "12", "font_weight": "600", "fill": colour}
        halo = {"stroke": theme.background, "stroke_width": "3", "paint_order": "stroke"}
        parts.append(tag("text", place | halo, text=shown))
    return "".join(parts)


def _on_axis(time: float, axis: Axis) -> bool:
    return bool(np.isfinite(time) and axis.t_data < time < axis.t_max)
