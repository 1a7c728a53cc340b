"""How often a feature keeps its value through the forward-reverse experiment, with binomial intervals."""

import json
from typing import Any

import numpy as np
import xarray as xr

from ..engine._validation import check_choice, check_eps, near_miss

INTERVALS = ("wilson", "clopper-pearson")


def retention(
    results: xr.Dataset,
    feature: str | list[str] | None = None,
    by: Any = None,
    interval: str = "wilson",
    confidence: float = 0.95,
) -> xr.Dataset:
    """Return the retention of each feature at each level: the share of repeats that keep the source's value.

    `R_f(t) = P(f(X') = f(X) | t)` is a proportion over repeats of the forward-reverse experiment and
    carries a binomial interval. All repeats of all sources count alike; cells that failed do not
    count. The intervals are for these sources: repeats of one source depend on each other as a
    sample of all possible sources does not, and where sources differ much the interval for new
    sources is wider. `decisions` resamples sources for that reason.

    Args:
        results: of a study.
        feature: one or several features; all when `None`.
        by: name of a variable over `source`, or one value for each source: a curve for each group.
        interval: "wilson" (Wilson's score interval) or "clopper-pearson" (exact: never covers less than
            it says).
        confidence: of the intervals.

    Returns:
        Dataset over `(feature, level)` or `(feature, group, level)`: `retention`, `low`, `high`,
        `trials` (repeats counted), `kept`, and `decided` = `(R - chance) / (1 - chance)`; over
        `(feature)` or `(feature, group)`: `chance`, the retention at pure noise, where the outcome is
        one of the sources' values in their proportions: `sum_v q(v)^2` for all sources, and
        `sum_v q_g(v) q(v)` for group g (derived here). NaN where `trials` is 0.

    Raises:
        ValueError: an unknown feature, group variable or interval.
    """
    check_choice("interval", interval, INTERVALS)
    check_eps(confidence, "confidence")
    chosen = choose_features(results, feature)
    names, member = groups_of(results, by)
    kept, trials = counts(results, chosen)
    pooled_kept = np.einsum("gs,sfl->fgl", member.astype(np.int64), kept)
    pooled_trials = np.einsum("gs,sfl->fgl", member.astype(np.int64), trials)
    low, high = proportion_interval(pooled_kept, pooled_trials, interval, confidence)
    with np.errstate(invalid="ignore"):
        share = pooled_kept / np.where(pooled_trials, pooled_trials, np.nan)
    chance = chances(results, chosen, member)
    dims = ("feature", "group", "level")
    found = xr.Dataset(
        {
            "retention": (dims, share),
            "low": (dims, low),
            "high": (dims, high),
            "trials": (dims, pooled_trials),
            "kept": (dims, pooled_kept),
            "decided": (dims, decided(share, chance[..., None])),
            "chance": (dims[:2], chance),
        },
        coords={"feature": chosen, "group": names, "level": results["level"].values},
        attrs={"interval": interval, "confidence": confidence, "method": "estimated"},
    )
    if "ou_time" in results.coords:
        found = found.assign_coords(ou_time=("level", results["ou_time"].values))
    return found.isel(group=0, drop=True) if by is None else found


def proportion_interval(kept: Any, trials: Any, interval: str, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the limits of a binomial interval for each of many proportions; NaN without trials.

    Wilson (1927) and Clopper & Pearson (1934); what `scipy.stats.binomtest` gives one at a time.
    """
    from scipy import special

    k, n = (np.asarray(side, np.float64) for side in np.broadcast_arrays(kept, trials))
    tail = (1.0 - confidence) / 2.0
    with np.errstate(invalid="ignore", divide="ignore"):
        if interval == "wilson":
            z2 = float(special.ndtri(tail)) ** 2
            middle = (k + z2 / 2) / (n + z2)
            reach = np.sqrt(z2 * (k * (n - k) / n + z2 / 4)) / (n + z2)
            low, high = middle - reach, middle + reach
            # Without rounding: the interval ends at the proportion where that is 0 or 1.
            low, high = np.where(k == 0, 0.0, low), np.where(k == n, 1.0, high)
        else:
            low = np.where(k == 0, 0.0, special.betaincinv(np.maximum(k, 1), n - k + 1, tail))
            high = np.where(k == n, 1.0, special.betaincinv(k + 1, np.maximum(n - k, 1), 1.0 - tail))
    return np.where(n > 0, low, np.nan), np.where(n > 0, high, np.nan)


def counts(results: xr.Dataset, features: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return how many repeats kept the value, and how many there are, of each cell: `(S, F, L)` each."""
    places = [list(results["feature"].values).index(name) for name in features]
    outcome = results["outcome"].transpose("source", "level", "repeat", "feature").values[..., places]
    original = results["original"].transpose("source", "feature").values[:, places]
    there = (outcome >= 0) & (original >= 0)[:, None, None]
    kept = there & (outcome == original[:, None, None])
    return np.moveaxis(kept.sum(axis=2), 2, 1), np.moveaxis(there.sum(axis=2), 2, 1)


def chances(results: xr.Dataset, features: list[str], member: np.ndarray, weights: np.ndarray | None = None):
    """Return the retention at pure noise of each feature and group, `(F, G)` (theory: `R_f(inf)`).

    Args:
        results: of a study.
        features: names.
        member: which sources are in each group, `(G, S)`.
        weights: how often each source counts, `(S,)`.
    """
    weights = np.ones(member.shape[1]) if weights is None else weights
    values = values_of(results)
    found = np.empty((len(features), len(member)))
    for f, name in enumerate(features):
        codes = results["original"].sel(feature=name).values
        one_hot = (codes[:, None] == np.arange(max(1, len(values[name])))) * weights[:, None]
        total = one_hot.sum(0)
        inside = member @ one_hot
        with np.errstate(invalid="ignore", divide="ignore"):
            found[f] = (inside / inside.sum(1, keepdims=True)) @ (total / total.sum())
    return found


def decided(share: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """Return the decided fraction `D = (R - chance) / (1 - chance)`, 1 where there is nothing to decide."""
    varies = chance < 1.0 - 1e-12
    return np.where(
        varies, (share - chance) / np.where(varies, 1.0 - chance, 1.0), np.where(np.isnan(share), np.nan, 1)
    )


def values_of(results: xr.Dataset) -> dict[str, list[str]]:
    """Return the values that codes stand for, by feature."""
    return json.loads(results.attrs["values"])


def choose_features(results: xr.Dataset, feature: Any) -> list[str]:
    """Return the features asked for, in order.

    Raises:
        ValueError: one is unknown.
    """
    known = [str(name) for name in results["feature"].values]
    if feature is None:
        return known
    wanted = [feature] if isinstance(feature, str) else [str(name) for name in feature]
    for name in wanted:
        if name not in known:
            raise ValueError(
                f"feature must be one of {', '.join(map(repr, known))}, not {name!r}{near_miss(name, known)}"
            )
    return wanted


def groups_of(results: xr.Dataset, by: Any) -> tuple[list[str], np.ndarray]:
    """Return the groups and which sources are in each, `(G, S)`.

    Raises:
        ValueError: `by` is no variable over `source`, nor one value for each.
    """
    count = results.sizes["source"]
    if by is None:
        return ["all"], np.ones((1, count), bool)
    if isinstance(by, str):
        known = [str(name) for name, column in results.variables.items() if column.dims == ("source",)]
        if by not in known:
            raise ValueError(f"by must name a variable over source ({known}), not {by!r}{near_miss(by, known)}")
        by = results[by].values
    column = np.array([str(value) for value in np.asarray(by, object).reshape(-1)])
    if column.shape != (count,):
        raise ValueError(f"by must have one value for each of {count} sources, not {len(column)}")
    names = sorted(set(column.tolist()))
    return names, np.array([column == name for name in names])
