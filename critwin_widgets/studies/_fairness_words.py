"""A fairness report in plain words, with what the data cannot show."""

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    from .fairness import FairnessReport

_MOST = 6
"""Lines of one kind; the rest is counted."""


def summary(report: "FairnessReport") -> str:
    """Return the report as paragraphs: what was looked at, when, what comes out, what cannot be said."""
    parts = [_head(report), _when(report), _what(report), _apart(report), _limits(report)]
    return "\n\n".join(parts)


def _head(report: "FairnessReport") -> str:
    settings, curves = report.settings, report.curves
    index, sources = settings["index"], curves["sources"].values
    sizes = ", ".join(f"{name} ({count})" for name, count in zip(curves["group"].values, sources, strict=True))
    levels = report.proportions["level"].values
    text = (
        f"{report.attribute} by {report.group}. {_many(int(sources.sum()), 'source')}: {sizes}; "
        f"{_many(settings['repeats'], 'repeat')} at {_many(len(levels), 'level')} of {index['name']}, "
        f"{index['symbol']} = {_number(levels[0])} to {_number(levels[-1])}."
    )
    if settings["missing"] > 0:
        text += f" {_percent(settings['missing'])} of the repeats have no outcome (failed, stopped, not run): left out."
    if settings["ungrouped"]:
        text += f" {_many(settings['ungrouped'], 'source')} without a {report.group} left out."
    if settings["levels_left_out"]:
        text += f" {_many(settings['levels_left_out'], 'level')} without outcomes in some group left out."
    return text


def _when(report: "FairnessReport") -> str:
    symbol, sure = report.settings["index"]["symbol"], _percent(report.settings["confidence"])
    lines = [f"When {report.attribute} is decided ({sure} intervals):"]
    for name in report.curves["group"].values:
        lines.append(f"- {name}: {_half(report.curves.sel(group=name), symbol)}.")
    told = [one for one in _rows(report.timing, "pair") if one["status"].item() == "found"]
    apart = [one for one in told if one["low"].item() > 0 or one["high"].item() < 0]
    for one in apart[:_MOST]:
        ahead = one["difference"].item() > 0
        first, other = _sides(one["pair"].item(), ahead)
        low, high = (one[side].item() for side in ("low", "high"))
        lines.append(
            f"- Decided earlier in generation, at more noise, in {first} than in {other}: half levels differ by "
            f"{_number(abs(one['difference'].item()))} {_between(*((low, high) if ahead else (-high, -low)))}."
        )
    if told and not apart:
        lines.append("- No two groups differ in their half level by more than chance explains.")
    return "\n".join(lines)


def _half(curve: xr.Dataset, symbol: str) -> str:
    status = curve["half_status"].item()
    if status == "constant":
        return "all sources have the same value, as in the other groups, so there is nothing to decide"
    if status == "no data":
        return "no outcome yet"
    if status == "open above":
        return "more than half decided at every level run: being in the group tells it, or the levels stop too early"
    if status == "open below":
        return "less than half decided even at the cleanest level run"
    words = f"half decided at {symbol} = {_number(curve['half_level'].item())} "
    words += _between(curve["half_low"].item(), curve["half_high"].item())
    if all(curve[f"decision_{side}_status"].item() == "found" for side in ("start", "end")):
        start, end = curve["decision_start"].item(), curve["decision_end"].item()
        words += f", in generation from {_number(start)} (5 % decided) to {_number(end)} (95 %)"
    return words


def _what(report: "FairnessReport") -> str:
    final, settings = report.final, report.settings
    place = f"{settings['index']['symbol']} = {_number(final['level'].item())}"
    whose = (
        f"outcomes that are themselves {report.group} ="
        if final.attrs["basis"] == "outcome"
        else f"outcomes of sources with {report.group} ="
    )
    lines = [
        f"What comes out at the highest level, {place} (intervals hold together at {_percent(settings['confidence'])}):"
    ]
    values = list(final["value"].values)
    for name in final["group"].values:
        one = final.sel(group=name)
        if int(one["trials"]) == 0:
            lines.append(f"- {whose} {name}: there are none, so nothing is known about them.")
            continue
        shown = values[:1] if len(values) == 2 else values[:_MOST]
        told = ", ".join(f"{value} {_share(one.sel(value=value))}" for value in shown)
        more = "" if len(values) - len(shown) < 2 else f", {len(values) - len(shown)} more values in report.final"
        lines.append(f"- {whose} {name}: {told}{more}.")
    lines.append(f"- {_memory(report)}")
    return "\n".join(lines)


def _memory(report: "FairnessReport") -> str:
    """Whether outcomes at the highest level still remember their source."""
    last = report.curves.sel(level=report.final["level"].item())
    # D = (R - chance) / (1 - chance) is above 0 where even the lower limit of R is above chance.
    above = last["low"].values > last["chance"].values
    if report.settings["mode"] == "clone":
        return "Each source is a generated trajectory, and outcomes are its branches."
    if above.any():
        names = ", ".join(map(str, last["group"].values[above]))
        return (
            f"At that level outcomes still remember their source, or are made for its group ({names}): "
            "they are not what the model makes from pure noise without being told."
        )
    return "At that level outcomes keep no more of their source than chance explains, as if made from pure noise."


def _apart(report: "FairnessReport") -> str:
    sure, rows = _percent(report.settings["confidence"]), _cells(report.differences)
    found = [one for one in rows if one["low"].item() > 0 or one["high"].item() < 0]
    known = [one for one in rows if one["status"].item() == "found"]
    lines = [f"Differences of these shares ({len(rows)} compared, intervals hold together at {sure}):"]
    for one in sorted(found, key=lambda one: -abs(one["difference"].item()))[:_MOST]:
        lines.append(
            f"- {one['value'].item()}, {one['pair'].item()}: {_points(one['difference'].item())} points "
            f"[{_points(one['low'].item())}, {_points(one['high'].item())}]{_decided(one, report)}."
        )
    if len(found) > _MOST:
        lines.append(f"- and {len(found) - _MOST} more, in report.differences.")
    if not known:
        lines.append("- None can be computed: a group has no outcomes.")
    elif not found:
        lines.append("- None is told apart from no difference. That is not evidence that there is none:")
    power = max((one["detectable"].item() for one in known), default=np.inf)
    if np.isfinite(power):
        seen = f"a true difference of less than {_points(min(power, 1.0), sign=False)} points"
        lines.append(f"- With so many sources and repeats, {seen} would more often than one time in five go unseen.")
    return "\n".join(lines)


def _decided(one: xr.Dataset, report: "FairnessReport") -> str:
    if one["half_status"].item() != "found":
        return ""
    symbol = report.settings["index"]["symbol"]
    return (
        f"; of the difference among the sources ({_points(one['original'].item())}), half is there from {symbol} = "
        f"{_number(one['half_level'].item())} {_between(one['half_low'].item(), one['half_high'].item())} down"
    )


def _limits(report: "FairnessReport") -> str:
    settings, sources = report.settings, int(report.curves["sources"].sum())
    lines = [
        "What these data cannot show:",
        f"- Cause. They show how {report.attribute} goes with {report.group} as both were labelled, "
        "not that one makes the other.",
        f"- The truth behind the labels. {report.attribute} is what the classifier says; where it errs, and above all "
        "where it errs more often in one group, differences may be its own.",
    ]
    if settings["unit"] == "source":
        lines.append(
            f"- Anything about sources unlike these {sources}. Intervals are for sources picked the same way; "
            "whether these were picked fairly the data cannot tell."
        )
    else:
        why = " (each group has a single source)" if settings["unit_asked"] == "source" else ""
        lines.append(
            f"- Anything about other sources{why}: intervals are for new repeats of these {sources} sources alone, and "
            "differences between groups may be differences between these sources."
        )
    if settings["reference"] is None or isinstance(settings["reference"], str):
        lines.append(
            "- What would be fair. No share that ought to be was given; equal shares are a yardstick, not a rule."
        )
    else:
        lines.append("- Whether the reference shares are the right ones.")
    lines.append("- Anything between or beyond the levels that were run, or about other settings of the model.")
    return "\n".join(lines)


def _rows(found: xr.Dataset, dim: str) -> list[Any]:
    return [found.isel({dim: i}) for i in range(found.sizes[dim])]


def _cells(found: xr.Dataset) -> list[Any]:
    """One dataset for each pair and value; of two values only the first, which tells the other."""
    values = 1 if found.sizes["value"] == 2 else found.sizes["value"]
    return [found.isel(pair=i, value=j) for i in range(found.sizes["pair"]) for j in range(values)]


def _sides(pair: str, first: bool) -> tuple[str, str]:
    one, _, other = pair.partition(" − ")
    return (one, other) if first else (other, one)


def _share(one: xr.Dataset) -> str:
    return f"{_percent(one['proportion'].item())} [{_percent(one['low'].item())}, {_percent(one['high'].item())}]"


def _between(low: float, high: float) -> str:
    shown = [_number(side) if np.isfinite(side) else "beyond the levels" for side in (low, high)]
    return f"[{shown[0]}, {shown[1]}]"


def _percent(share: float) -> str:
    text = f"{100 * share:.1f}" if share not in (0.0, 1.0) else f"{100 * share:.0f}"
    return f"{text.removesuffix('.0')} %"


def _points(difference: float, sign: bool = True) -> str:
    text = f"{100 * difference:+.1f}" if sign else f"{100 * difference:.1f}"
    return text.replace("-", "−")


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")
