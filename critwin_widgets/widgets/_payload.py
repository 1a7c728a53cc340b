"""A `MixtureTree` as the data that `HierarchyTree` draws; the layout is the contract's."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from critwin_widgets.export._axis import clocks_of
from critwin_widgets.widgets._base import TraitValueError
from critwin_widgets.widgets._contract import PAYLOAD_VERSION

if TYPE_CHECKING:
    from critwin_widgets.theory import MixtureTree

__all__ = ["MAX_BYTES", "MAX_THUMBNAIL", "payload", "payload_bytes"]

MAX_BYTES = 32 * 2**20
"""Largest payload sent to a page, in bytes; larger ones make notebooks that cannot be saved or opened."""
MAX_THUMBNAIL = 64
"""Thumbnails are averaged down until neither side has more pixels than this."""

_PER_TIME = ("decided", "decided_low", "decided_high", "retention", "retention_low", "retention_high")
_LOGARITHMIC = ("overlap", "overlap_low", "overlap_high")
_PER_EPS = ("t_start", "t_start_low", "t_start_high", "t_end", "t_end_low", "t_end_high")


def payload(tree: MixtureTree, title: str) -> dict[str, Any]:
    """Return the payload of a tree: plain values, and arrays as `{dtype, shape, data}`.

    Times and ε stay float64; curves are float32, which is far finer than a pixel. Thumbnails are the
    mean images of the sub-mixtures.

    Args:
        tree: The tree.
        title: Heading above the picture.

    Raises:
        ValueError: The payload is larger than `MAX_BYTES`.
    """
    curves, mixture = tree.curves, tree.mixture
    features = mixture.features or {}
    names = [name for name in tree.features["feature"].values if _varies(tree, name)]
    with np.errstate(divide="ignore"):
        logs = {name: np.log10(curves[name].values) for name in _LOGARITHMIC}
    data: dict[str, Any] = {
        "version": PAYLOAD_VERSION,
        "title": str(title),
        "components": [
            {
                "label": str(label),
                "weight": float(weight),
                "features": {str(name): str(values[k]) for name, values in features.items()},
            }
            for k, (label, weight) in enumerate(zip(mixture.labels, np.asarray(mixture.weights), strict=True))
        ],
        "order": [int(k) for k in tree.order],
        "feature_names": [str(name) for name in features],
        "clocks": list(clocks_of(tree)),
        "times": _wire(tree.times, "float64"),
        "t_max": float(tree.t_max),
        "t_min": float(tree.t_min),
        "vertices": [_vertex(v) for v in tree.vertices],
        **{name: _wire(curves[name].values, "float32") for name in (*_PER_TIME, "within", *_PER_EPS)},
        **{name: _wire(values, "float32") for name, values in logs.items()},
        "eps_grid": _wire(tree.eps_grid, "float64"),
        "methods": {
            "overlap": curves.attrs["overlap_method"],
            "within": curves.attrs["within_method"],
            "decided": curves.attrs["decided_method"],
            "features": tree.features.attrs["method"],
        },
        **_features(tree, names),
        "thumbnails": _thumbnails(tree),
    }
    size = payload_bytes(data)
    if size > MAX_BYTES:
        raise TraitValueError(
            f"tree needs {size / 2**20:.1f} MiB in the page; the limit is {MAX_BYTES / 2**20:.0f} MiB. "
            f"It has {len(tree.vertices)} vertices at {len(tree.times)} times: give mixture_tree fewer times, "
            "or the mixture fewer components or no image_shape"
        )
    return data


def payload_bytes(value: Any) -> int:
    """Bytes of all buffers in a payload."""
    if isinstance(value, bytes | memoryview):
        return len(value)
    if isinstance(value, dict):
        return sum(payload_bytes(item) for item in value.values())
    return sum(map(payload_bytes, value)) if isinstance(value, list | tuple) else 0


def _wire(array: Any, dtype: str) -> dict[str, Any]:
    values = np.ascontiguousarray(array, dtype=dtype)
    return {"dtype": dtype, "shape": list(values.shape), "data": values.tobytes()}


def _varies(tree: MixtureTree, name: str) -> bool:
    """A feature with one value is decided from the start: there is nothing to draw."""
    return float(tree.features["chance"].sel(feature=name)) < 1.0 - 1e-12


def _interval(value: float, low: float, high: float) -> dict[str, float] | None:
    """An interval as JSON can carry it: null without a value, its own ends where a limit is missing."""
    if not math.isfinite(value):
        return None
    low = low if math.isfinite(low) else value
    high = high if math.isfinite(high) else value
    return {"value": float(value), "low": float(low), "high": float(high)}


def _pair(first: float, second: float) -> list[float] | None:
    return [float(first), float(second)] if math.isfinite(first) and math.isfinite(second) else None


def _vertex(vertex: Any) -> dict[str, Any]:
    star, half, between = vertex.eps_star, vertex.half_time, vertex.decision_interval
    found = _interval(star.value, star.low, star.high)
    return {
        "id": vertex.id,
        "parent": -1 if vertex.parent is None else vertex.parent,
        "children": [int(child) for child in vertex.children],
        "subset": [int(k) for k in vertex.subset],
        "label": str(vertex.label),
        "weight": float(vertex.weight),
        "eps_star": None if found is None else {**found, "method": star.method},
        "eps_certified": float(vertex.eps_certified) if math.isfinite(vertex.eps_certified) else None,
        "half": None if half is None else _interval(half.value, half.low, half.high),
        "interval": None if between is None else _pair(*between),
    }


def _features(tree: MixtureTree, names: list[str]) -> dict[str, Any]:
    chosen = tree.features.sel(feature=names)
    records = []
    for name in names:
        one = chosen.sel(feature=name)
        half = [float(one[key]) for key in ("half_time", "half_low", "half_high")]
        records.append(
            {
                "name": str(name),
                "half": _interval(*half),
                "interval": _pair(float(one["decision_end"]), float(one["decision_start"])),
                "chance": float(one["chance"]),
            }
        )
    curves = {
        f"feature_decided{end}": _wire(chosen[f"decided{end}"].values, "float32") for end in ("", "_low", "_high")
    }
    return {"features": records, **curves}


def _thumbnails(tree: MixtureTree) -> dict[str, Any] | None:
    shape = getattr(tree.mixture, "image_shape", None)
    if shape is None:
        return None
    means = np.asarray(tree.mixture.component_means, dtype=float)
    weights = np.asarray(tree.mixture.weights, dtype=float)
    low, high = float(means.min()), float(means.max())
    subsets = [list(v.subset) for v in tree.vertices]
    images = np.stack([np.average(means[s], axis=0, weights=weights[s]) for s in subsets])
    images = _smaller(images.reshape(len(images), *(shape if len(shape) == 3 else (*shape, 1))))
    return {
        "shape": list(images.shape),
        "arr": _wire(images, "float32"),
        "range": [low, high] if high > low else [low - 0.5, high + 0.5],
    }


def _smaller(images: np.ndarray) -> np.ndarray:
    """Average blocks of pixels until the longer side fits; a remainder at the edge is dropped."""
    step = math.ceil(max(images.shape[1:3]) / MAX_THUMBNAIL)
    if step == 1:
        return images
    n, h, w, c = images.shape
    rows, columns = max(1, h // step), max(1, w // step)
    down, across = min(step, h), min(step, w)
    kept = images[:, : rows * down, : columns * across]
    return kept.reshape(n, rows, down, columns, across, c).mean(axis=(2, 4))
