"""Levels at which groups come apart, with intervals from resampled sources."""

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from scipy.optimize import isotonic_regression

from ._grouped import Grouped
from ._proportions import at_family, difference, free_values, proportions
from .retention import chances, decided

if TYPE_CHECKING:
    from .fairness import _Options


def half_differences(
    results: xr.Dataset, data: Grouped, attribute: str, pairs: list[tuple[int, int]], options: "_Options"
) -> xr.Dataset:
    """Return by how much the half level of one group lies above that of another, for pairs of groups."""
    rng = np.random.default_rng([options.seed, 1])
    count, groups = options.bootstrap, len(data.groups)
    kept = data.kept
    used = results.isel(source=data.column != "")
    inside = data.inside[:, data.column != ""]

    def halves(pooled: np.ndarray, chance: np.ndarray) -> np.ndarray:
        """Half levels `(G,)` of pooled counts `(G, L, 2)`."""
        return np.array([_half(data.levels, pooled[g, :, 0], pooled[g, :, 1], chance[g]) for g in range(groups)])

    own = chances(used, [attribute], inside)[0]
    place = halves(np.einsum("gs,slk->glk", data.inside.astype(np.int64), kept), own)
    draws = np.empty((count, groups))
    for b in range(count):
        times = _times(rng, data.inside, options.clustered)
        pooled = _pooled(rng, data.inside, times, kept, options.clustered)
        chance = chances(used, [attribute], inside, times[data.column != ""])[0]
        draws[b] = halves(pooled, chance)
    tail = (1 - at_family(options.confidence, len(pairs))) / 2
    rows = []
    for i, j in pairs:
        if not np.isfinite(place[[i, j]]).all():
            rows.append((np.nan, np.nan, np.nan, "open"))
            continue
        with np.errstate(invalid="ignore"):
            # A half level beyond the levels that were run is only known to be beyond them.
            gap = np.nan_to_num(draws[:, i] - draws[:, j], nan=0.0, posinf=np.inf, neginf=-np.inf)
        value = place[i] - place[j]
        low, high = _percentiles(gap, tail)
        rows.append((value, min(low, value), max(high, value), "found"))
    names = [f"{data.groups[i]} − {data.groups[j]}" for i, j in pairs]
    columns = dict(zip(("difference", "low", "high", "status"), zip(*rows, strict=True), strict=True))
    return xr.Dataset(
        {name: ("pair", np.array(column)) for name, column in columns.items()},
        coords={"pair": names},
        attrs={"simultaneous": f"Bonferroni over {len(pairs)} pairs, percentiles of {count} resamples"},
    )


def half_of_differences(
    data: Grouped, pairs: list[tuple[int, int]], target: dict[str, float], options: "_Options"
) -> dict[str, np.ndarray]:
    """Return at which level half of each difference is there, between the highest level and the sources, `(P, V)`.

    The share made, `(d(t) - d(highest)) / (d(sources) - d(highest))`, is read off a monotone fit. It
    says nothing where the sources differ no more than outcomes at the highest level.
    """
    groups, values = len(data.groups), len(data.values)
    contrast = np.eye(groups) if target else np.array([np.eye(groups)[i] - np.eye(groups)[j] for i, j in pairs])
    shape = (len(contrast), values)
    shares = np.array([target[value] for value in data.values]) if target else np.zeros(values)
    original = contrast @ proportions(data.own, False).value - shares
    curve = np.einsum("pg,gvl->pvl", contrast, _shares(_all(data)))
    changed = _changed(data, contrast, pairs, target, options)
    status = np.where(changed, "found", "no difference").astype(object)
    place, low, high = (np.full(shape, np.nan) for _ in range(3))
    if changed.any():
        rng = np.random.default_rng([options.seed, 2])
        draws = np.empty((options.bootstrap, *shape))
        for b in range(options.bootstrap):
            times = _times(rng, data.inside, options.clustered)
            outcomes = _pooled(rng, data.inside, times, data.counts, options.clustered)
            own = np.einsum("s,gsv->gv", times, data.own).astype(np.float64)
            sampled = np.einsum("pg,gvl->pvl", contrast, _shares(outcomes))
            ends = contrast @ (own / np.maximum(own.sum(-1, keepdims=True), 1))
            for p, v in zip(*np.nonzero(changed), strict=True):
                draws[b, p, v] = _half_change(data.levels, sampled[p, v], ends[p, v])
        tail = (1 - options.confidence) / 2
        for p, v in zip(*np.nonzero(changed), strict=True):
            found = _half_change(data.levels, curve[p, v], float(original[p, v] + shares[v]))
            if np.isinf(found):
                status[p, v] = "open above" if found > 0 else "open below"
                continue
            place[p, v] = found
            limits = _percentiles(draws[:, p, v], tail)
            low[p, v], high[p, v] = min(limits[0], found), max(limits[1], found)
    return {
        "original": original,
        "half_level": place,
        "half_low": low,
        "half_high": high,
        "half_status": status.astype(str),
    }


def _changed(data: Grouped, contrast: np.ndarray, pairs, target: dict[str, float], options: "_Options") -> np.ndarray:
    """Return whether each difference among the sources is another than at the highest level, `(P, V)`."""
    each = at_family(options.confidence, len(contrast) * free_values(len(data.values)))
    own, last = proportions(data.own, options.clustered, each), proportions(data.hits(-1), options.clustered, each)
    if target:
        ends = [(one.value, *one.limits(each, options.interval)) for one in (own, last)]
    else:
        ends = [difference(one, pairs, each, options.interval) for one in (own, last)]
    (a, a_low, a_high), (b, b_low, b_high) = ends
    gap = a - b
    reach = np.where(gap > 0, np.hypot(a - a_low, b_high - b), np.hypot(a_high - a, b - b_low))
    return np.nan_to_num(np.abs(gap)) > reach


def _times(rng: np.random.Generator, inside: np.ndarray, clustered: bool) -> np.ndarray:
    """Return how often each source is drawn, `(S,)`: anew within its group, or each once."""
    times = np.ones(inside.shape[1], np.int64)
    for rows in inside if clustered else ():
        members = np.flatnonzero(rows)
        if len(members) > 1:
            times[members] = rng.multinomial(len(members), np.full(len(members), 1 / len(members)))
    return times


def _pooled(rng, inside: np.ndarray, times: np.ndarray, counts: np.ndarray, clustered: bool) -> np.ndarray:
    """Return resampled counts `(G, L, V)` of `(S, L, V)`: of the drawn sources, or new repeats of each."""
    alone = inside & ((inside.sum(1) == 1)[:, None] | (not clustered))
    if alone.any():
        rows = np.flatnonzero(alone.any(0))
        counts, total = counts.copy(), counts[rows].sum(-1)
        share = counts[rows] / np.maximum(total, 1)[..., None]
        share[total == 0] = 1 / counts.shape[-1]
        counts[rows] = rng.multinomial(total, share)
    return np.einsum("gs,slk->glk", inside * times, counts)


def _all(data: Grouped) -> np.ndarray:
    return np.einsum("gs,slv->glv", data.inside.astype(np.int64), data.counts)


def _shares(counts: np.ndarray) -> np.ndarray:
    """Return proportions `(G, V, L)` of counts `(G, L, V)`."""
    total = counts.sum(-1, keepdims=True)
    return np.moveaxis(counts / np.maximum(total, 1), 1, 2)


def _half(levels: np.ndarray, kept: np.ndarray, lost: np.ndarray, chance: float) -> float:
    """Return where the monotone fit of a decided fraction crosses one half; infinite beyond the levels, NaN never."""
    trials = kept + lost
    there = trials > 0
    if not there.any() or not chance < 1 - 1e-12:
        return np.nan
    share = decided(kept[there] / trials[there], np.asarray(chance))
    return _crosses(levels[there], isotonic_regression(share, weights=trials[there], increasing=False).x)


def _half_change(levels: np.ndarray, curve: np.ndarray, end: float) -> float:
    """Return where half of the way from the highest level's value to `end` is made; infinite if beyond the levels."""
    way = end - curve[-1]
    if way == 0:
        return np.inf
    return _crosses(levels, isotonic_regression((curve - curve[-1]) / way, increasing=False).x)


def _crosses(levels: np.ndarray, curve: np.ndarray) -> float:
    below = np.flatnonzero(curve < 0.5)
    if not len(below):
        return np.inf
    j = below[0]
    if j == 0:
        return -np.inf
    return float(levels[j - 1] + (levels[j] - levels[j - 1]) * (curve[j - 1] - 0.5) / (curve[j - 1] - curve[j]))


def _percentiles(draws: np.ndarray, tail: float) -> tuple[float, float]:
    """Return the outer order statistics at both tails; infinite where resamples leave the levels."""
    ordered: Any = np.sort(draws[~np.isnan(draws)])
    if not len(ordered):
        return -np.inf, np.inf
    return ordered[int(np.floor(tail * (len(ordered) - 1)))], ordered[int(np.ceil((1 - tail) * (len(ordered) - 1)))]
