"""Whatever knows when features are decided (mixture, tree, curves, study) as one `Timeline`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from critwin_widgets.engine import Mixture
from critwin_widgets.engine._validation import near_miss
from critwin_widgets.export.timeline_rows import (
    CONSTANT,
    DECIDED,
    PENDING,
    UNDECIDED,
    Interval,
    Model,
    Timeline,
    TimelineRow,
    Unit,
)
from critwin_widgets.theory import MixtureTree, decision_curves
from critwin_widgets.theory._curves import falls
from critwin_widgets.theory.times import time_grid

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["MAX_ROWS", "is_study", "mixture_of", "timeline_of"]

MAX_ROWS = 400
"""Most rows of one timeline; more would be neither drawn nor read in a reasonable time."""
_JUMP = 0.5
"""LKC25: a fall of retention by more than this between consecutive levels is a critical window."""
_WANTED = (
    "a mixture, a MixtureTree, a Dataset of decision_curves or of a study's retention, a ForwardReverseStudy, "
    "or a mapping from names to these"
)


def timeline_of(source: Any, features: Any = None) -> Timeline:
    """The timeline of a source.

    Args:
        source: What `FeatureTimeline` takes.
        features: Names to show; for mixtures and trees also a mapping from names to one value per component.

    Raises:
        TypeError: `source`, or a model in it, is of another kind.
        ValueError: No features, too many rows, an unknown feature, or clocks that cannot share an axis.
    """
    named = _named(source)
    if features is not None and not isinstance(features, str) and not len(features):
        raise ValueError("features is empty; name at least one, or leave it out to show all")
    parts: list[_Part] = []
    for name, one in named.items():
        parts.append(_part(name, one, features, sum(len(part.models) for part in parts)))
    unit = _common_unit(named, [part.unit for part in parts])
    rows = [row for part in parts for row in part.rows]
    if not rows:
        raise ValueError("source has no features to show")
    if len(rows) > MAX_ROWS:
        raise ValueError(f"source has {len(rows)} rows; at most {MAX_ROWS} can be shown: choose some with features=[…]")
    t_max, t_min = _range(rows, unit)
    order = {name: place for place, name in enumerate(dict.fromkeys(row.feature for row in rows))}
    rows.sort(key=lambda row: order[row.feature])
    models = tuple(model for part in parts for model in part.models)
    return Timeline(tuple(rows), models, unit, t_max, t_min)


class _Part(NamedTuple):
    """What one model of a source adds: rows, their clock, and models (one for each group of a study)."""

    rows: list[TimelineRow]
    unit: Unit
    models: list[Model]


def mixture_of(source: Any) -> Mixture | None:
    """The mixture whose components `selected` speaks of: that of the first model that has one."""
    for one in _named(source).values():
        if isinstance(one, MixtureTree):
            return one.mixture
        if isinstance(one, Mixture):
            return one
    return None


def is_study(source: Any) -> bool:
    """Whether a source is a forward-reverse study: something with `retention()` and `decisions()`."""
    return callable(getattr(source, "retention", None)) and callable(getattr(source, "decisions", None))


def _named(source: Any) -> dict[str, Any]:
    """Models by name; a single source has the empty name."""
    # A Dataset is a mapping too.
    if not isinstance(source, Mapping) or hasattr(source, "data_vars"):
        return {"": source}
    if not source:
        raise ValueError(f"source is empty; it must be {_WANTED}")
    for name, one in source.items():
        if isinstance(one, Mapping) and not hasattr(one, "data_vars"):
            raise TypeError(f"source[{name!r}] is a mapping; models are named on one level only")
    return {str(name): one for name, one in source.items()}


def _part(name: str, source: Any, features: Any, model: int) -> _Part:
    """Rows, clock and method of one model, the first of whose models has the place `model`."""
    if isinstance(source, Mixture | MixtureTree):
        data: Any = _curves_of(source, features)
        mixture: Any = getattr(source, "mixture", source)
        known = features if isinstance(features, Mapping) else mixture.features or {"component": mixture.labels}
        values = {str(feature): tuple(map(str, column)) for feature, column in known.items()}
        return _Part(
            _rows_of_curves(data, model, values), _unit_of_curves(data), [Model(name, str(data.attrs["method"]))]
        )
    where = f"source[{name!r}]" if name else "source"
    if isinstance(features, Mapping):
        raise TypeError(
            f"features is a mapping, which labels components, but {where} is a {type(source).__name__}, whose "
            "features are measured; give names instead"
        )
    if is_study(source):
        return _of_study(source, name, where, features, model)
    if hasattr(source, "data_vars"):
        if {"feature", "time"} <= set(source.dims) and "decided" in source:
            data = _chosen(source, features)
            method = str(data.attrs.get("method", "estimated"))
            return _Part(_rows_of_curves(data, model, {}), _unit_of_curves(data), [Model(name, method)])
        if {"feature", "level"} <= set(source.dims) and {"retention", "chance"} <= set(source.data_vars):
            return _of_retention(_chosen(source, features), None, _unit(source, None), name, model)
        raise ValueError(
            f"{where} is a Dataset over {', '.join(map(str, source.dims)) or 'nothing'} with "
            f"{', '.join(map(str, source.data_vars)) or 'no variables'}; it must be one of decision_curves "
            "(decided over feature and time) or of a study's retention (retention and chance over feature and level)"
        )
    raise TypeError(f"{where} must be {_WANTED}, not {type(source).__name__}")


def _curves_of(source: Any, features: Any) -> xr.Dataset:
    """Decision curves of a mixture or tree."""
    if isinstance(source, MixtureTree):
        if not isinstance(features, Mapping):
            return _chosen(source.features, features)
        return decision_curves(source.mixture, source.times, features)
    return decision_curves(source, time_grid(source), features)


def _chosen(data: Any, features: Sequence[str] | str | None) -> Any:
    """The features asked for, in that order."""
    if features is None:
        return data
    known = [str(name) for name in data["feature"].values]
    wanted = [features] if isinstance(features, str) else list(features)
    for name in wanted:
        if name not in known:
            listed = ", ".join(map(repr, known))
            raise ValueError(f"features has no {name!r}; known are {listed}{near_miss(name, known)}")
    return data.isel(feature=[known.index(name) for name in wanted])


def _rows_of_curves(data: Any, model: int, values: Mapping[str, tuple[str, ...]]) -> list[TimelineRow]:
    """Rows of a Dataset of `decision_curves`."""
    times = np.asarray(data["time"].values, float)
    curves = {end: np.asarray(data[f"decided{end}"].values, float).reshape(-1, len(times)) for end in _ENDS}
    names = [str(name) for name in data["feature"].values]
    # Between OU times as the half-way times are read; levels of another kind are joined by straight lines.
    ou = _unit_of_curves(data).ou
    edges = {
        level: np.stack([_crossings(times, curves[end], level, ou) for end in _ENDS], axis=1) for level in (0.05, 0.95)
    }
    rows = []
    for i, name in enumerate(names):
        one = data.isel(feature=i)
        half = tuple(float(one[key]) for key in ("half_time", "half_low", "half_high"))
        read = {0.05: float(one["decision_start"]), 0.95: float(one["decision_end"])}
        start, end = (_interval(read[level], edges[level][i, 1], edges[level][i, 2], times) for level in (0.05, 0.95))
        found = _interval(half[0], half[1], half[2], times)
        chance = float(one["chance"])
        state, note = _state(chance, found, curves[""][i])
        shown = tuple(curves[end_][i] for end_ in _ENDS)
        rows.append(
            TimelineRow(name, model, state, note, found, start, end, chance, times, *shown, values=values.get(name))
        )
    return rows


_ENDS = ("", "_low", "_high")
_SYMBOLS = {"fraction of tokens masked": "m", "tokens hidden": "h"}


def _crossings(times: np.ndarray, curves: np.ndarray, level: float, ou: bool) -> np.ndarray:
    """Where each of some curves `(F, T)` falls below a level; NaN where it does not."""
    if ou:
        return falls(times, np.nan_to_num(curves).T, level)
    found = [_read_off(times, [curve] * 3, level) for curve in curves]
    return np.array([np.nan if one is None else one.value for one in found])


def _unit_of_curves(data: Any) -> Unit:
    """The clock of a Dataset of `decision_curves`, which says what its times count."""
    name = str(data.attrs.get("time_units", "OU time"))
    if name == "OU time":
        return Unit()
    times = np.asarray(data["time"].values, float)
    return Unit(name, _SYMBOLS.get(name, "level"), ou=False, whole=bool((times == np.round(times)).all()))


def _of_study(study: Any, name: str, where: str, features: Any, model: int) -> _Part:
    """Rows of a forward-reverse study: what it has found so far."""
    results = getattr(study, "results", None)
    unit = _unit(results, study)
    retention = study.retention()
    if not hasattr(retention, "data_vars") or not {"retention", "chance"} <= set(retention.data_vars):
        raise TypeError(f"{where}.retention() must return a Dataset with retention and chance")
    times = getattr(results, "coords", {}).get("ou_time")
    if times is not None and "ou_time" not in retention.coords:
        retention = retention.assign_coords(ou_time=("level", np.asarray(times.sel(level=retention["level"]))))
    decisions = study.decisions()
    return _of_retention(_chosen(retention, features), _chosen(decisions, features), unit, name, model)


def _of_retention(data: Any, decisions: Any, unit: Unit, name: str, model: int) -> _Part:
    """Rows of measured retention; half-way levels from `decisions`, or read off the curves without it."""
    raw = np.asarray(data["level"].values, float)
    if "ou_time" in data.coords:
        levels, unit = np.asarray(data["ou_time"].values, float), Unit()
    else:
        levels = raw
    keep = np.isfinite(levels)
    clock = (raw[keep], levels[keep])
    group = next((str(dim) for dim in data["retention"].dims if dim not in ("feature", "level")), None)
    labels = [name] if group is None else [f"{name} · {label}" if name else str(label) for label in data[group].values]
    rows = []
    for i, feature in enumerate(str(one) for one in data["feature"].values):
        for j in range(len(labels)):
            place = {"feature": i} if group is None else {"feature": i, group: j}
            read = None if decisions is None else decisions.isel(place, missing_dims="ignore")
            one = data.isel(place)
            rows.append(_measured_row(feature, model + j, one, read, keep, clock))
    method = str(data.attrs.get("method", "estimated"))
    return _Part(rows, unit, [Model(label, method) for label in labels])


def _measured_row(
    feature: str, model: int, one: Any, decisions: Any, keep: np.ndarray, clock: tuple[np.ndarray, np.ndarray]
) -> TimelineRow:
    """The row of one feature of a study (in one group)."""
    levels = clock[1]
    chance = float(np.asarray(one["chance"]))
    kept = np.asarray(one["retention"].values, float)[keep]
    low, high = (np.asarray(one[end].values, float)[keep] if end in one else kept for end in ("low", "high"))
    spread = 1.0 - chance if 1.0 - chance > 1e-12 else 1.0
    curves = [(curve - chance) / spread for curve in (kept, low, high)]
    if decisions is None:
        half, start, end = (_read_off(levels, curves, level) for level in (0.5, 0.05, 0.95))
    else:
        half = _decision(decisions, "half", ("half_level",), clock)
        start = _decision(decisions, "decision_start", ("decision_start",), clock)
        end = _decision(decisions, "decision_end", ("decision_end",), clock)
    state, note = _state(chance, half, curves[0])
    if state in (PENDING, CONSTANT):
        half = start = end = None
    falls_by_much = np.flatnonzero(-np.diff(kept) > _JUMP).tolist()
    jumps = tuple((float(levels[i]), float(levels[i + 1])) for i in falls_by_much)
    return TimelineRow(feature, model, state, note, half, start, end, chance, levels, *curves, jumps=jumps)


def _decision(data: Any, stem: str, names: tuple[str, ...], clock: tuple[np.ndarray, np.ndarray]) -> Interval | None:
    """A level of a study's decisions with its interval, on the timeline's clock."""
    raw, levels = clock
    names = (*names, f"{stem}_low", f"{stem}_high")
    found = [float(np.asarray(data[name])) if name in data else float("nan") for name in names]
    value, low, high = (float(np.interp(x, raw, levels)) if np.isfinite(x) else x for x in found)
    return _interval(value, low, high, levels)


def _read_off(levels: np.ndarray, curves: list[np.ndarray], level: float) -> Interval | None:
    """Where measured curves first fall below a fraction, between straight lines."""
    found = []
    for curve in curves:
        known = np.isfinite(curve)
        at, falling = levels[known], np.minimum.accumulate(curve[known])
        if len(at) < 2 or not falling[0] >= level > falling[-1]:
            found.append(float("nan"))
            continue
        i = int(np.flatnonzero(falling >= level)[-1])
        share = (falling[i] - level) / (falling[i] - falling[i + 1])
        found.append(float(at[i] + share * (at[i + 1] - at[i])))
    return _interval(found[0], found[1], found[2], levels)


def _interval(value: float, low: float, high: float, levels: np.ndarray) -> Interval | None:
    """An interval, open limits reaching to the end of the levels; None without a value."""
    if not np.isfinite(value):
        return None
    low = float(low) if np.isfinite(low) else float(levels[0])
    high = float(high) if np.isfinite(high) else float(levels[-1])
    return Interval(float(value), min(low, float(value)), max(high, float(value)))


def _state(chance: float, half: Interval | None, decided: np.ndarray) -> tuple[str, str]:
    known = decided[np.isfinite(decided)]
    if not len(known) or not np.isfinite(chance):
        return PENDING, "no results yet"
    if chance >= 1.0 - 1e-12:
        return CONSTANT, "one value: nothing to decide"
    if half is not None:
        return DECIDED, ""
    if known[0] < 0.5:
        return UNDECIDED, "never half decided, not even at the cleanest level"
    return UNDECIDED, "half decided before the noisiest level"


def _unit(data: Any, study: Any) -> Unit:
    """The clock of a study's levels."""
    index = getattr(data, "attrs", {}).get("index")
    if isinstance(index, str):
        index = json.loads(index)
    if index is None:
        found = getattr(getattr(study, "process", None), "index", None)
        index = {key: getattr(found, key) for key in ("name", "symbol", "whole") if hasattr(found, key)}
    if "ou_time" in getattr(data, "coords", ()) or index.get("symbol") == "t":
        return Unit()
    return Unit(
        name=str(index.get("name", "noise level")),
        symbol=str(index.get("symbol", "level")),
        ou=False,
        whole=bool(index.get("whole", False)),
    )


def _common_unit(named: Mapping[str, Any], units: list[Unit]) -> Unit:
    for name, unit in zip(named, units, strict=True):
        if unit != units[0]:
            first = next(iter(named))
            raise ValueError(
                f"source mixes clocks: {first!r} is in {units[0].name} and {name!r} in {unit.name}; models share a "
                "timeline when all have OU times, or all count levels the same way"
            )
    return units[0]


def _range(rows: list[TimelineRow], unit: Unit) -> tuple[float, float]:
    """Levels at the noise end, and the smallest worth showing on a logarithmic clock."""
    last = max((float(row.levels[-1]) for row in rows if len(row.levels)), default=1.0)
    if not unit.ou:
        return last, 0.0
    ends = []
    for row in rows:
        active = np.flatnonzero(row.decided > 0.01) if row.state in (DECIDED, UNDECIDED) else np.array([], int)
        if len(active):
            ends.append(float(row.levels[min(active[-1] + 1, len(row.levels) - 1)]))
        ends += [edge.high for edge in (row.half, row.start) if edge is not None and edge.high < last]
    positive = [float(row.levels[row.levels > 0][0]) for row in rows if (row.levels > 0).any()]
    return max(ends, default=last), min(positive, default=1e-3)
