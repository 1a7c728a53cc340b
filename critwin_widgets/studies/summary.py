"""What a study found, in plain words."""

from collections import Counter

import numpy as np
import xarray as xr

from ..engine.processes import IndexSet
from ._table import DONE, FAILED, PENDING, STOPPED
from .decisions import decisions
from .windows import windows

_MOST_REASONS = 5


def summary(results: xr.Dataset, index: IndexSet) -> str:
    """Return what was decided when, how many cells failed and why, one line each."""
    lines = [_size(results, index)]
    if bool((results["outcome"] >= 0).any()):
        found, jumps = decisions(results), windows(results)
        lines += [_feature(found.sel(feature=name), jumps.sel(feature=name), index) for name in found["feature"].values]
    return "\n".join([*lines, *_failures(results)])


def counted(results: xr.Dataset) -> dict[int, int]:
    """Return how many cells have each status."""
    status = results["status"].values
    return {code: int((status == code).sum()) for code in (PENDING, DONE, FAILED, STOPPED)}


def _size(results: xr.Dataset, index: IndexSet) -> str:
    number = counted(results)
    total = sum(number.values())
    what = "Clone study" if results.attrs["mode"] == "clone" else "Forward-reverse study"
    head = (
        f"{what}: {_many(results.sizes['source'], 'source')}, {_many(results.sizes['level'], 'level')} ({index.name}), "
        f"{_many(results.sizes['repeat'], 'repeat')}."
    )
    parts = [f"{number[DONE]} of {total} cells are done"]
    if number[STOPPED]:
        parts.append(f"{number[STOPPED]} stopped early with intervals as narrow as asked")
    if number[FAILED]:
        parts.append(f"{number[FAILED]} failed")
    if number[PENDING]:
        parts.append(f"{number[PENDING]} are pending: run() goes on where it stopped")
    return f"{head} {', '.join(parts)}."


def _feature(found: xr.Dataset, jumps: xr.Dataset, index: IndexSet) -> str:
    name = str(found["feature"].item())
    words = _decision(found, index)
    fell = np.flatnonzero(jumps["window"].values)
    if len(fell):
        places = [
            f"{index.symbol} = {_number(jumps['after'].values[i])} to {_number(jumps['before'].values[i])}"
            for i in fell
        ]
        words += f"; retention falls by more than {jumps.attrs['jump']:g} from {' and from '.join(places)}"
    return f"{name}: {words}."


def _decision(found: xr.Dataset, index: IndexSet) -> str:
    status = str(found["half_status"].item())
    low, high = (_number(found["level"].values[end]) for end in (0, -1))
    if status == "constant":
        return "has one value among the sources, so there is nothing to decide"
    if status == "no data":
        return "no outcome yet"
    if status == "open above":
        return f"still more than half decided at the noisiest level run, {index.symbol} = {high}"
    if status == "open below":
        return f"less than half decided even at the cleanest level run, {index.symbol} = {low}"
    words = f"half decided at {index.symbol} = {_number(found['half_level'].item())}"
    words += _limits(found["half_low"].item(), found["half_high"].item())
    sides = [found[f"decision_{side}_status"].item() == "found" for side in ("start", "end")]
    if all(sides):
        start, end = (_number(found[f"decision_{side}"].item()) for side in ("start", "end"))
        words += f", in generation from {start} (5 % decided) to {end} (95 %)"
    return words


def _limits(low: float, high: float) -> str:
    if np.isfinite(low) and np.isfinite(high):
        return f" (95 % interval {_number(low)} to {_number(high)})"
    if np.isfinite(low):
        return f" (95 % interval from {_number(low)} up, beyond the levels run)"
    if np.isfinite(high):
        return f" (95 % interval up to {_number(high)}, from below the levels run)"
    return " (the levels run do not bound it)"


def _failures(results: xr.Dataset) -> list[str]:
    errors = results["error"].values
    reasons = Counter(str(error) for error in errors[results["status"].values == FAILED])
    lines = [f"Failed: {_many(count, 'cell')} with {reason}" for reason, count in reasons.most_common(_MOST_REASONS)]
    if len(reasons) > _MOST_REASONS:
        rest = reasons.total() - sum(count for _, count in reasons.most_common(_MOST_REASONS))
        lines.append(f"Failed: {_many(rest, 'cell')} with other errors")
    return lines


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _number(value: float) -> str:
    return f"{value:.4g}"
