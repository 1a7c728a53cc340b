"""Proportions counted over repeats of several sources: effective trials, and simultaneous intervals."""

import dataclasses

import numpy as np
from scipy import special

from .retention import proportion_interval

POWER = 0.8
"""With which probability a detectable difference is found."""


@dataclasses.dataclass(frozen=True)
class Proportions:
    """Proportions of `V` values in `G` groups, and as many independent trials as their spread is worth.

    Attributes:
        value: proportions, `(G, V)`; NaN where a group has no trial.
        trials: repeats counted, `(G,)`.
        effective: independent trials that would vary as much, `(G,)`.
        design_effect: `trials / effective` but for the correction for few sources; at least 1.
    """

    value: np.ndarray
    trials: np.ndarray
    effective: np.ndarray
    design_effect: float

    def limits(self, confidence: float, interval: str) -> tuple[np.ndarray, np.ndarray]:
        """Return limits `(G, V)` of each proportion alone; 0 and 1 where there is no trial."""
        n = np.broadcast_to(self.effective[:, None], self.value.shape)
        low, high = proportion_interval(np.nan_to_num(self.value) * n, n, interval, confidence)
        return np.where(n > 0, low, 0.0), np.where(n > 0, high, 1.0)


def proportions(
    hits: np.ndarray, clustered: bool, confidence: float = 0.95, effect: float | None = None
) -> Proportions:
    """Return proportions whose repeats hang together by source.

    Repeats of one source are alike, so a source is one draw, not as many as it has repeats. The variance
    of a proportion is that of a ratio estimator over sources, against the binomial one: the design
    effect (Kish 1965), common to all groups and values here (Rao & Scott, Biometrics 1992) because
    with few sources each alone is badly known. Trials are divided by it, and for few sources by the
    squared ratio of Student's and normal quantiles (Korn & Graubard, Survey Methodology 1998).

    Args:
        hits: outcomes of each value, `(G, S, V)`; 0 for sources outside the group.
        clustered: whether sources are draws; otherwise repeats are, and all is about these sources.
        confidence: of the intervals that will be asked for.
        effect: the design effect, if it is known from elsewhere.
    """
    per_source = hits.sum(-1)
    trials = per_source.sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = hits.sum(1) / trials[:, None]
    sources = (per_source > 0).sum(-1)
    freedom = int(np.maximum(sources - 1, 0).sum())
    if not clustered or freedom == 0:
        return Proportions(value, trials, trials.astype(np.float64), 1.0)
    if effect is None:
        # All outcomes alike say nothing about how sources differ: each then counts as a single trial.
        known = design_effect(hits)
        effect = float(np.max(trials[sources > 1] / sources[sources > 1])) if known is None else known
    effect = max(1.0, effect)
    tail = (1.0 - confidence) / 2
    few = (special.ndtri(tail) / special.stdtrit(freedom, tail)) ** 2
    return Proportions(value, trials, trials / effect * few, float(effect))


def design_effect(hits: np.ndarray) -> float | None:
    """Return the variance over sources against the binomial one, of `hits` `(G, S, V)`; `None` where both are 0."""
    per_source = hits.sum(-1)
    trials, sources = per_source.sum(-1), (per_source > 0).sum(-1)
    several = sources > 1
    with np.errstate(invalid="ignore", divide="ignore"):
        value = hits.sum(1) / trials[:, None]
    rest = hits[several] - np.nan_to_num(value)[several, None] * per_source[several, :, None]
    correction = (sources / np.maximum(sources - 1, 1))[several, None]
    between = (correction * np.square(rest).sum(1) / np.square(trials[several, None])).sum()
    binomial = (value * (1 - value) / trials[:, None])[several].sum()
    return float(between / binomial) if binomial > 0 else None


def at_family(confidence: float, comparisons: int) -> float:
    """Return the confidence of each of several intervals that hold together (Bonferroni)."""
    return 1.0 - (1.0 - confidence) / max(comparisons, 1)


def free_values(values: int) -> int:
    """Return how many proportions can differ on their own: with two values one tells the other."""
    return 1 if values == 2 else values


def difference(found: Proportions, pairs: list[tuple[int, int]], confidence: float, interval: str):
    """Return differences of proportions of pairs of groups with limits, `(P, V)` each.

    Newcombe's hybrid score interval (Statistics in Medicine 1998): the distances of the single limits,
    added in squares. It keeps its meaning at proportions of 0 and 1.
    """
    low, high = found.limits(confidence, interval)
    one, other = (np.array([pair[side] for pair in pairs], int) for side in (0, 1))
    p, q = found.value[one], found.value[other]
    value = p - q
    below = np.hypot(p - low[one], high[other] - q)
    above = np.hypot(high[one] - p, q - low[other])
    there = np.isfinite(value)
    return value, np.where(there, value - below, -1.0), np.where(there, value + above, 1.0)


def detectable(found: Proportions, pairs: list[tuple[int, int]], confidence: float) -> np.ndarray:
    """Return the true difference that would be found with probability 0.8, `(P, V)`; infinite without trials.

    `(z_{1 - alpha/2} + z_{0.8}) sqrt(p (1 - p) (1/n + 1/m))` with p pooled over both groups, one success
    and one failure added so that a value that never came up is not taken for certain.
    """
    one, other = (np.array([pair[side] for pair in pairs], int) for side in (0, 1))
    n, m = found.effective[one], found.effective[other]
    with np.errstate(divide="ignore", invalid="ignore"):
        hits = np.nan_to_num(found.value[one]) * n[:, None] + np.nan_to_num(found.value[other]) * m[:, None]
        pooled = (hits + 1) / ((n + m)[:, None] + 2)
        spread = np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m)[:, None])
    return np.where((n > 0) & (m > 0), 1.0, np.inf)[:, None] * _reach(confidence) * spread


def detectable_shift(found: Proportions, target: np.ndarray, confidence: float) -> np.ndarray:
    """Return the true distance from given shares that would be found with probability 0.8, `(G, V)`."""
    with np.errstate(divide="ignore"):
        return _reach(confidence) * np.sqrt(target * (1 - target) / found.effective[:, None])


def _reach(confidence: float) -> float:
    return float(special.ndtri(1 - (1 - confidence) / 2) + special.ndtri(POWER))
