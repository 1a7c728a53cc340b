"""A `Timeline` as the data that `FeatureTimeline` draws; the layout is the contract's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from critwin_widgets.export.timeline_rows import Interval, Timeline, TimelineRow
from critwin_widgets.widgets._payload import _wire
from critwin_widgets.widgets._timeline_contract import PAYLOAD_VERSION

__all__ = ["timeline_payload"]


def timeline_payload(timeline: Timeline, title: str, components: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the payload: plain values, and arrays as `{dtype, shape, data}`; levels stay float64."""
    sizes = [len(row.levels) for row in timeline.rows]
    starts = np.cumsum([0, *sizes])[:-1].tolist()

    def joined(name: str) -> np.ndarray:
        return np.concatenate([np.asarray(getattr(row, name), float) for row in timeline.rows])

    unit = timeline.unit
    return {
        "version": PAYLOAD_VERSION,
        "title": str(title),
        "unit": {"name": unit.name, "symbol": unit.symbol, "ou": unit.ou, "whole": unit.whole},
        "t_max": float(timeline.t_max),
        "t_min": float(timeline.t_min),
        "models": [{"name": model.name, "method": model.method} for model in timeline.models],
        "components": [str(label) for label in components],
        "rows": [_row(*one) for one in zip(timeline.rows, starts, timeline.tints(), strict=True)],
        "levels": _wire(joined("levels"), "float64"),
        "decided": _wire(joined("decided"), "float32"),
        "decided_low": _wire(joined("low"), "float32"),
        "decided_high": _wire(joined("high"), "float32"),
    }


def _row(row: TimelineRow, start: int, tint: int) -> dict[str, Any]:
    return {
        "feature": row.feature,
        "model": row.model,
        "state": row.state,
        "note": row.note,
        "half": _plain(row.half),
        "start": _plain(row.start),
        "end": _plain(row.end),
        "chance": float(row.chance) if math.isfinite(row.chance) else None,
        "from": start,
        "count": len(row.levels),
        "jumps": [list(jump) for jump in row.jumps],
        "values": None if row.values is None else list(row.values),
        "tint": tint,
    }


def _plain(found: Interval | None) -> dict[str, float] | None:
    return None if found is None else {"value": found.value, "low": found.low, "high": found.high}
