"""When each feature is decided: a monotone fit to the retention curve, with bootstrap intervals."""

from typing import Any

import numpy as np
import xarray as xr

from ..engine._validation import check_count, check_eps
from .retention import chances, choose_features, counts, decided, groups_of

HALF, START, END = 0.5, 0.05, 0.95
"""Decided fractions at the half level, and where the decision starts and ends in generation."""

STATUSES = ("found", "open above", "open below", "constant", "no data")


def decisions(
    results: xr.Dataset,
    feature: str | list[str] | None = None,
    by: Any = None,
    bootstrap: int = 200,
    confidence: float = 0.95,
    seed: int = 0,
) -> xr.Dataset:
    """Return when each feature is decided: where a monotone fit of its decided fraction crosses 0.95, 0.5, 0.05.

    Retention cannot rise with the noise in law; the fit is the non-increasing curve closest to the
    measured proportions (isotonic regression, weighted by trials), `D = (R - chance) / (1 - chance)`
    with linear interpolation between levels. Intervals are percentiles of a bootstrap that draws
    sources anew, then repeats of each source: they are for other sources of the same kind.

    Args:
        results: of a study.
        feature: one or several features; all when `None`.
        by: decisions for each group, as in `retention`.
        bootstrap: number of resamples.
        confidence: of the intervals.
        seed: of the resamples.

    Returns:
        Dataset over `(feature)` or `(feature, group)`: `half_level` (D = 0.5), `decision_start`
        (D = 0.05, met first in generation) and `decision_end` (D = 0.95), each with limits
        `half_low`, `half_high`, `decision_start_low`, ... and a status `half_status`, ...:
        "found"; "open above", undecided above the highest level that was run only; "open below",
        not decided at the lowest; "constant", one value only; "no data". Where a level is not found
        it is NaN; a limit beyond the levels that were run is infinite. `status` is that of the half
        level. Also over `(feature[, group], level)`: `fit`, the fitted decided fraction (`nan` at levels
        without data).

    Raises:
        ValueError: an unknown feature or group variable, or a number out of range.
    """
    check_count("bootstrap", bootstrap, 2)
    check_eps(confidence, "confidence")
    chosen = choose_features(results, feature)
    names, member = groups_of(results, by)
    kept, trials = counts(results, chosen)
    levels = results["level"].values.astype(np.float64)
    fit = np.full((len(chosen), len(names), len(levels)), np.nan)
    read = np.empty((len(chosen), len(names), 3, 3))
    status = np.empty((len(chosen), len(names), 3), object)
    chance = chances(results, chosen, member)
    for g, inside in enumerate(member):
        resampled = _bootstrap(results, chosen, inside, kept, trials, bootstrap, seed)
        for f in range(len(chosen)):
            curve = _fitted(kept[inside, f].sum(0), trials[inside, f].sum(0), chance[f, g])
            fit[f, g] = curve
            constant = not chance[f, g] < 1.0 - 1e-12
            again = [_fitted(k, n, q) for k, n, q in resampled[f]]
            for c, at in enumerate((HALF, START, END)):
                place, status[f, g, c] = _crossing(levels, curve, at, constant)
                draws = [_extended(levels, other, at) for other in again]
                read[f, g, c] = _interval(place, status[f, g, c], np.array(draws), confidence)
    dims = ("feature", "group")
    data = {}
    for c, (value, prefix) in enumerate(
        (("half_level", "half"), ("decision_start", "decision_start"), ("decision_end", "decision_end"))
    ):
        data[value] = (dims, read[..., c, 0])
        data[f"{prefix}_low"], data[f"{prefix}_high"] = (dims, read[..., c, 1]), (dims, read[..., c, 2])
        data[f"{prefix}_status"] = (dims, status[..., c].astype(str))
    found = xr.Dataset(
        {
            **data,
            "status": (dims, status[..., 0].astype(str)),
            "fit": ((*dims, "level"), fit),
            "chance": (dims, chance),
        },
        coords={"feature": chosen, "group": names, "level": levels},
        attrs={"bootstrap": bootstrap, "confidence": confidence, "seed": seed, "method": "estimated"},
    )
    return found.isel(group=0, drop=True) if by is None else found


def _bootstrap(results, chosen, inside, kept, trials, bootstrap: int, seed: int):
    """Return for each feature the resampled `(kept, trials, chance)`, kept and trials `(L,)` each."""
    rng = np.random.default_rng([seed, 0xB007])
    members = np.flatnonzero(inside)
    # All sources are drawn anew, in their groups: the chance level needs the others too.
    times = np.zeros((bootstrap, len(inside)), np.int64)
    for part in (members, np.flatnonzero(~inside)):
        if len(part):
            times[:, part] = rng.multinomial(len(part), np.full(len(part), 1.0 / len(part)), size=bootstrap)
    found = []
    for f, name in enumerate(chosen):
        n = trials[members, f]
        pooled = _resampled(rng, kept[members, f], n, times[:, members])
        codes = results["original"].sel(feature=name).values
        own = codes[:, None] == np.arange(max(1, codes.max(initial=-1) + 1))
        total, mine = times.astype(float) @ own, times[:, members].astype(float) @ own[members]
        with np.errstate(invalid="ignore", divide="ignore"):
            chance = (mine / mine.sum(1, keepdims=True) * (total / total.sum(1, keepdims=True))).sum(1)
        found.append(list(zip(pooled, times[:, members] @ n, chance, strict=True)))
    return found


def _resampled(rng: np.random.Generator, kept: np.ndarray, trials: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return kept repeats of all sources together in each resample, `(B, L)`.

    A source drawn c times gets its n repeats drawn c times, apart. Sources with the same counts at a
    level share their chance, so theirs is one binomial of all their repeats.
    """
    pooled = np.zeros((len(times), kept.shape[1]), np.int64)
    for level, (k, n) in enumerate(zip(kept.T, trials.T, strict=True)):
        _, first, group = np.unique(k * (n.max() + 1) + n, return_index=True, return_inverse=True)
        # In floating point, where products of matrices are fast, and exact for numbers like these.
        copies = (times.astype(float) @ (group[:, None] == np.arange(len(first)))).astype(np.int64)
        pooled[:, level] = rng.binomial(copies * n[first], k[first] / np.maximum(n[first], 1)).sum(1)
    return pooled


def _fitted(kept: np.ndarray, trials: np.ndarray, chance: float) -> np.ndarray:
    """Return the decided fraction of the non-increasing fit, `(L,)`; NaN where there are no trials."""
    from scipy.optimize import isotonic_regression

    found = np.full(len(kept), np.nan)
    there = trials > 0
    if there.any():
        share = kept[there] / trials[there]
        found[there] = isotonic_regression(share, weights=trials[there], increasing=False).x
    return decided(found, np.asarray(chance))


def _crossing(levels: np.ndarray, curve: np.ndarray, at: float, constant: bool) -> tuple[float, str]:
    """Return where a non-increasing curve crosses a value, and how that is known."""
    if np.isnan(curve).all():
        return np.nan, "no data"
    if constant:
        return np.nan, "constant"
    place = _extended(levels, curve, at)
    if np.isinf(place):
        return np.nan, "open above" if place > 0 else "open below"
    return place, "found"


def _extended(levels: np.ndarray, curve: np.ndarray, at: float) -> float:
    """Return where a non-increasing curve crosses a value; infinite when it does so beyond the levels."""
    there = ~np.isnan(curve)
    x, y = levels[there], curve[there]
    if not len(y):
        return np.nan
    if y[0] < at:
        return -np.inf
    below = np.flatnonzero(y < at)
    if not len(below):
        return float(x[-1]) if y[-1] == at else np.inf
    j = below[0]
    left, right = y[j - 1], y[j]
    if np.isinf(x[j]):
        return np.inf if left > at else float(x[j - 1])
    return float(x[j - 1] + (x[j] - x[j - 1]) * (left - at) / (left - right))


def _interval(place: float, status: str, draws: np.ndarray, confidence: float) -> tuple[float, float, float]:
    """Return value and limits; a limit is infinite when resamples cross beyond the levels."""
    draws = np.sort(draws[~np.isnan(draws)])
    if not len(draws) or status in ("constant", "no data"):
        return np.nan, np.nan, np.nan
    tail = (1.0 - confidence) / 2.0
    low = draws[int(np.floor(tail * (len(draws) - 1)))]
    high = draws[int(np.ceil((1.0 - tail) * (len(draws) - 1)))]
    # Percentiles of a skewed bootstrap may leave the estimate out.
    return place, float(np.fmin(low, place)), float(np.fmax(high, place))
