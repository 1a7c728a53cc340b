"""When an attribute is decided in each group, what share of outcomes has it, and how sure that is."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from ..engine._validation import check_choice, check_count, check_eps, near_miss
from ._fairness_words import summary
from ._grouped import Grouped, read_grouped
from ._proportions import at_family, design_effect, detectable, detectable_shift, difference, free_values, proportions
from ._resampled import half_differences, half_of_differences
from .decisions import decisions
from .retention import INTERVALS, retention

UNITS = ("source", "repeat")


@dataclasses.dataclass(frozen=True, repr=False)
class FairnessReport:
    """An attribute's decision and its shares, group by group; `summary()` says it in words.

    Levels are the study's; "highest" is the one nearest to pure noise that has outcomes in every
    group. `low` and `high` of shares and differences are simultaneous (Bonferroni): at the report's
    confidence all of one table hold together. NaN stands beside a status that says why.

    Attributes:
        group: what the groups are of: a column of the sources, or a feature.
        attribute: the feature compared.
        curves: over `(group, level)`: `retention`, `low`, `high`, `decided`, `trials`; over `group`:
            `half_level` with `half_low`, `half_high`, `half_status`, the window from `decision_end`
            (95 % decided) to `decision_start` (5 %), each with limits and status, `chance`, `sources`.
        timing: over `pair`: `difference` of the half levels of two groups, positive where the first
            is decided at more noise, which is earlier in generation, with `low`, `high`, `status`.
        proportions: over `(group, value, level)`: `proportion` of outcomes of the group's sources,
            `low`, `high`; `trials`, and `effective`, the independent trials that they are worth;
            `original` of the sources themselves.
        final: over `(group, value)`: `proportion`, `low`, `high`, `count`; over `group`: `trials`,
            `effective`. At the highest level; by the outcomes' own group when the group is a feature
            (attribute `basis` is "outcome"), by the sources' group otherwise ("source").
        differences: over `(pair, value)`: `difference` of final proportions with `low`, `high`, `status`;
            `detectable`, the true difference that would be found with probability 0.8; `original`, the
            difference among the sources; `half_level` at which half of the way from the difference
            at the highest level to that is made, with `half_low`, `half_high`, `half_status`; over
            `(pair, value, level)`: `by_level`, `by_level_low`, `by_level_high`, of the sources' groups.
        parity: over `value`: `gap`, the largest final proportion less the smallest (demographic
            parity difference), and `ratio`, the smallest over the largest, with limits.
        settings: confidence, interval, unit, seed, what was missing, and the index set.
    """

    group: str
    attribute: str
    curves: xr.Dataset
    timing: xr.Dataset
    proportions: xr.Dataset
    final: xr.Dataset
    differences: xr.Dataset
    parity: xr.Dataset
    settings: dict[str, Any]

    def summary(self) -> str:
        """Return what was found and what these data cannot show, in plain words."""
        return summary(self)

    def svg(self, *, theme: str = "light", title: str | None = None, width: float = 960) -> str:
        """Return the picture: decision curves by group, final proportions and their differences.

        Args:
            theme: "light" or "dark".
            title: heading.
            width: in pixels, at least 320.

        Raises:
            ValueError: an unknown theme, or a width below 320.
        """
        from ..export.svg_fairness import fairness_svg

        return fairness_svg(self, self.summary(), theme=theme, title=title, width=width)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from ..export.still import report_bundle

        return report_bundle(lambda theme: self.svg(theme=theme), self.summary())

    def __repr__(self) -> str:
        groups = ", ".join(map(str, self.final["group"].values))
        return f"FairnessReport({self.attribute!r} by {self.group!r}: {groups}; print(report.summary()) says more)"


def fairness(
    study: Any,
    group: str,
    attribute: str,
    *,
    reference: str | Mapping[str, float] | None = None,
    unit: str = "source",
    confidence: float = 0.95,
    interval: str = "wilson",
    bootstrap: int = 1000,
    seed: int = 0,
) -> FairnessReport:
    """Return when an attribute is decided within each group, its final shares, and their differences.

    Shares of groups are compared two by two with Newcombe's hybrid score interval, at a confidence
    that holds for all of them together (Bonferroni). Repeats of one source are alike: the number of
    independent trials is found from how much sources differ (Rao & Scott 1992; Korn & Graubard 1998).

    Args:
        study: a study that was run, or its `results`.
        group: a column of the sources (`sources_info`), or a feature: the sources' own value of it.
        attribute: a feature.
        reference: group that the others are compared with, or the share that each value ought to have,
            `{value: share}`, which each group is compared with; all pairs of groups when `None`.
        unit: what the intervals are for: "source", other sources of the same kind; or "repeat", new
            repeats of these sources. With one source per group only the latter can be had.
        confidence: that all intervals of one table hold together.
        interval: of proportions, "wilson" or "clopper-pearson".
        bootstrap: number of resamples, for the levels.
        seed: of the resamples.

    Raises:
        TypeError: a name is no string, or `study` is neither a study nor results.
        ValueError: an unknown name, fewer than two groups or more than 12, a reference that does not fit,
            or no outcomes yet.
    """
    results = _results(study)
    check_choice("interval", interval, INTERVALS)
    check_choice("unit", unit, UNITS)
    check_eps(confidence, "confidence")
    check_count("bootstrap", bootstrap, 2)
    check_count("seed", seed, 0)
    data = read_grouped(results, group, attribute)
    compared = _compared(data, reference)
    clustered = unit == "source" and bool((data.inside.sum(1) > 1).any())
    options = _Options(clustered, confidence, interval, bootstrap, seed)
    settings = {
        "confidence": confidence,
        "interval": interval,
        "unit": "source" if clustered else "repeat",
        "unit_asked": unit,
        "reference": dict(compared.target) if compared.target else (reference if isinstance(reference, str) else None),
        "bootstrap": bootstrap,
        "seed": seed,
        "missing": data.missing,
        "ungrouped": int((data.column == "").sum()),
        "levels_left_out": data.dropped,
        "index": json.loads(results.attrs["index"]),
        "mode": str(results.attrs.get("mode", "forward_reverse")),
        "repeats": results.sizes["repeat"],
    }
    final, differences, parity = _final(data, compared, options)
    return FairnessReport(
        group,
        attribute,
        _curves(results, data, attribute, options),
        half_differences(results, data, attribute, compared.pairs or _all_pairs(data), options),
        _by_level(data, options),
        final,
        differences,
        parity,
        settings,
    )


@dataclasses.dataclass(frozen=True)
class _Options:
    clustered: bool
    confidence: float
    interval: str
    bootstrap: int
    seed: int


@dataclasses.dataclass(frozen=True)
class _Compared:
    """What is compared with what: pairs of groups, or every group with given shares."""

    pairs: list[tuple[int, int]]
    names: list[str]
    target: dict[str, float]

    def shares(self, values: list[str]) -> np.ndarray:
        return np.array([self.target[value] for value in values])


def _results(study: Any) -> xr.Dataset:
    found = study if isinstance(study, xr.Dataset) else getattr(study, "results", None)
    if not isinstance(found, xr.Dataset) or "outcome" not in found or "values" not in found.attrs:
        raise TypeError(f"study must be a study or its results, not {type(study).__name__}")
    return found


def _all_pairs(data: Grouped) -> list[tuple[int, int]]:
    count = len(data.groups)
    return [(i, j) for i in range(count) for j in range(i + 1, count)]


def _compared(data: Grouped, reference: Any) -> _Compared:
    names = data.groups
    if isinstance(reference, Mapping):
        target = {str(value): share for value, share in reference.items()}
        if set(target) != set(data.values):
            raise ValueError(f"reference must give a share to each of {data.values}, not to {sorted(target)}")
        try:
            target = {value: float(target[value]) for value in data.values}
        except (TypeError, ValueError):
            raise ValueError(f"reference must map values to shares between 0 and 1, not {reference!r}") from None
        total = sum(target.values())
        if not all(0 <= share <= 1 for share in target.values()) or abs(total - 1) > 1e-6:
            raise ValueError(f"reference must hold shares between 0 and 1 that sum to 1, not {reference!r}")
        return _Compared([], [f"{name} − reference" for name in names], target)
    pairs = _all_pairs(data)
    if reference is not None:
        if reference not in names:
            known = ", ".join(map(repr, names))
            raise ValueError(
                f"reference must be one of the groups ({known}), not {reference!r}{near_miss(reference, names)}"
            )
        own = names.index(reference)
        pairs = [(i, own) for i in range(len(names)) if i != own]
    return _Compared(pairs, [f"{names[i]} − {names[j]}" for i, j in pairs], {})


def _curves(results: xr.Dataset, data: Grouped, attribute: str, options: _Options) -> xr.Dataset:
    """Return the decision curve of each group, with intervals of the asked unit."""
    grouped = results.isel(source=data.column != "")
    column = data.column[data.column != ""]
    curve = retention(grouped, attribute, column, options.interval, options.confidence)
    found = decisions(grouped, attribute, column, options.bootstrap, options.confidence, options.seed)
    low, high = (np.full(curve["retention"].shape[1:], np.nan) for _ in range(2))
    kept, places = data.kept, np.searchsorted(curve["level"].values, data.levels)
    for g, inside in enumerate(data.inside):
        # Each group's own spread; where all repeats keep the value, as much as where it shows most.
        hits = [(inside[:, None] * kept[:, i])[None] for i in range(len(places))]
        known = [design_effect(one) for one in hits]
        most = max((effect for effect in known if effect is not None), default=None)
        for place, one, effect in zip(places, hits, known, strict=True):
            share = proportions(one, options.clustered, options.confidence, most if effect is None else effect)
            sides = share.limits(options.confidence, options.interval)
            low[g, place], high[g, place] = (side[0, 0] for side in sides)
    one = curve.isel(feature=0, drop=True)
    one = one.assign(low=(("group", "level"), low), high=(("group", "level"), high))
    read = found.isel(feature=0, drop=True).drop_vars(["chance", "status"])
    return xr.merge([one, read], compat="override").assign(sources=("group", data.inside.sum(1)))


def _by_level(data: Grouped, options: _Options) -> xr.Dataset:
    """Return the proportions of outcomes of each group's sources at each level."""
    groups, values, levels = len(data.groups), len(data.values), len(data.levels)
    each = at_family(options.confidence, groups * free_values(values) * levels)
    found = [proportions(data.hits(level), options.clustered, each) for level in range(levels)]
    limits = [one.limits(each, options.interval) for one in found]
    dims = ("group", "value", "level")
    return xr.Dataset(
        {
            "proportion": (dims, np.stack([one.value for one in found], -1)),
            "low": (dims, np.stack([low for low, _ in limits], -1)),
            "high": (dims, np.stack([high for _, high in limits], -1)),
            "trials": (("group", "level"), np.stack([one.trials for one in found], -1)),
            "effective": (("group", "level"), np.stack([one.effective for one in found], -1)),
            "original": (dims[:2], proportions(data.own, False).value),
        },
        coords={"group": data.groups, "value": data.values, "level": data.levels},
        attrs={"confidence": options.confidence, "simultaneous": f"Bonferroni, each at {each:.6g}"},
    )


def _final(data: Grouped, compared: _Compared, options: _Options) -> tuple[xr.Dataset, xr.Dataset, xr.Dataset]:
    """Return final proportions, their differences, and the measures of parity."""
    hits = data.hits(-1) if data.generated is None else data.generated
    free = free_values(len(data.values))
    each = at_family(options.confidence, len(data.groups) * free)
    found = proportions(hits, options.clustered, each)
    low, high = found.limits(each, options.interval)
    dims = ("group", "value")
    final = xr.Dataset(
        {
            "proportion": (dims, found.value),
            "low": (dims, low),
            "high": (dims, high),
            "count": (dims, hits.sum(1)),
            "trials": ("group", found.trials),
            "effective": ("group", found.effective),
        },
        coords={"group": data.groups, "value": data.values, "level": data.levels[-1]},
        attrs={
            "basis": "source" if data.generated is None else "outcome",
            "design_effect": found.design_effect,
            "simultaneous": f"Bonferroni, each at {each:.6g}",
        },
    )
    return final, _differences(data, hits, compared, options), _parity(data, hits, low, high, options)


def _contrast(hits: np.ndarray, data: Grouped, compared: _Compared, options: _Options, count: int):
    """Return differences with limits and what could have been detected, `(P, V)` each, of `count` tables alike."""
    each = at_family(options.confidence, len(compared.names) * free_values(len(data.values)) * count)
    found = proportions(hits, options.clustered, each)
    if not compared.target:
        return *difference(found, compared.pairs, each, options.interval), detectable(found, compared.pairs, each), each
    shares = compared.shares(data.values)
    low, high = found.limits(each, options.interval)
    return found.value - shares, low - shares, high - shares, detectable_shift(found, shares, each), each


def _differences(data: Grouped, hits: np.ndarray, compared: _Compared, options: _Options) -> xr.Dataset:
    value, low, high, power, each = _contrast(hits, data, compared, options, 1)
    levels = range(len(data.levels))
    tables = [_contrast(data.hits(level), data, compared, options, len(levels))[:3] for level in levels]
    by_level = [np.stack(side, -1) for side in zip(*tables, strict=True)]
    dims, deep = ("pair", "value"), ("pair", "value", "level")
    read = half_of_differences(data, compared.pairs, compared.target, options)
    return xr.Dataset(
        {
            "difference": (dims, value),
            "low": (dims, low),
            "high": (dims, high),
            "status": (dims, np.where(np.isfinite(value), "found", "no outcomes")),
            "detectable": (dims, power),
            "by_level": (deep, by_level[0]),
            "by_level_low": (deep, by_level[1]),
            "by_level_high": (deep, by_level[2]),
            **{name: (dims, table) for name, table in read.items()},
        },
        coords={"pair": compared.names, "value": data.values, "level": data.levels},
        attrs={
            "interval": f"Newcombe's hybrid score interval from {options.interval} limits",
            "simultaneous": f"Bonferroni, each at {each:.6g}",
        },
    )


def _parity(data: Grouped, hits: np.ndarray, low: np.ndarray, high: np.ndarray, options: _Options) -> xr.Dataset:
    """Return the largest gap and the smallest ratio of proportions, with limits that hold for all groups together."""
    pairs = _all_pairs(data)
    each = at_family(options.confidence, len(pairs) * free_values(len(data.values)))
    found = proportions(hits, options.clustered, each)
    value, under, over = difference(found, pairs, each, options.interval)
    # A gap is the largest of all signed differences: so are its limits.
    gap_low = np.maximum(under, -over).max(0)
    gap_high = np.maximum(over, -under).max(0)
    there = np.isfinite(value)
    gap = np.where(there.any(0), np.where(there, np.abs(value), 0.0).max(0), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = found.value
        known = np.isfinite(p)
        least, most = np.where(known, p, np.inf).min(0), np.where(known, p, -np.inf).max(0)
        ratio = np.where(most > 0, least / most, np.nan)
        ratio_low = np.where(high.max(0) > 0, low.min(0) / high.max(0), 0.0)
        ratio_high = np.where(low.max(0) > 0, np.minimum(high.min(0) / low.max(0), 1.0), 1.0)
    return xr.Dataset(
        {
            "gap": ("value", gap),
            "gap_low": ("value", np.maximum(gap_low, 0.0)),
            "gap_high": ("value", gap_high),
            "ratio": ("value", ratio),
            "ratio_low": ("value", ratio_low),
            "ratio_high": ("value", ratio_high),
        },
        coords={"value": data.values},
        attrs={"simultaneous": "from the simultaneous limits of differences and of proportions"},
    )
