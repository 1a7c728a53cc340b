"""How well a score tells two samples apart: ROC, its area with intervals, and hits at few false alarms."""

import dataclasses

import numpy as np
from scipy import special

from .retention import proportion_interval

ENOUGH = 100
"""Non-members in a fold from which on one per cent of false positives can be set."""


@dataclasses.dataclass(frozen=True)
class Scored:
    """Scores of members and non-members, higher for members, in folds within which they are comparable.

    Attributes:
        members, non_members: scores, `(m,)` and `(n,)`.
        folds: rows of members and of non-members in each fold.
    """

    members: np.ndarray
    non_members: np.ndarray
    folds: tuple[tuple[np.ndarray, np.ndarray], ...]

    @staticmethod
    def whole(members: np.ndarray, non_members: np.ndarray) -> "Scored":
        """Return scores that are comparable throughout."""
        return Scored(members, non_members, ((np.arange(len(members)), np.arange(len(non_members))),))

    def parts(self) -> list[tuple[np.ndarray, np.ndarray, float]]:
        """Return the scores of each fold and its weight, its share of the pairs that can be compared."""
        pairs = [len(own) * len(others) for own, others in self.folds]
        return [
            (self.members[own], self.non_members[others], count / sum(pairs))
            for (own, others), count in zip(self.folds, pairs, strict=True)
        ]

    @property
    def auc(self) -> float:
        """The chance that a member scores above a non-member of its fold, ties counting half (Mann & Whitney)."""
        return float(sum(weight * placements(own, others)[0].mean() for own, others, weight in self.parts()))

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return limits of the AUC: those AUCs `a` with `|a - AUC| <= z sqrt(V(a))` (Newcombe 2006, method 5).

        `V` is Hanley & McNeil's variance (Radiology 1982). Unlike intervals around the estimate these
        keep a width at an AUC of 1. The folds' rules are taken as given (LeDell, Petersen & van der
        Laan 2015).
        """
        from scipy.optimize import brentq

        sizes = [(len(own), len(others), weight) for own, others, weight in self.parts()]
        found, z = self.auc, float(special.ndtri(0.5 + confidence / 2))

        def excess(a: float) -> float:
            return abs(a - found) - z * np.sqrt(sum(w * w * _variance(a, m, n) for m, n, w in sizes))

        # At 0 and 1 the variance is 0 and the estimate itself a root: it is left out.
        low = brentq(excess, 0.0, found * (1 - 1e-12)) if found > 0 else 0.0
        high = brentq(excess, found + (1 - found) * 1e-12, 1.0) if found < 1 else 1.0
        return float(low), float(high)  # pyright: ignore[reportArgumentType]

    def roc(self) -> np.ndarray:
        """Return the ROC curve, `(P, 2)` false- and true-positive rates; the folds' curves averaged upwards.

        The area below it is the AUC.
        """
        curves = [(_curve(own, others), weight) for own, others, weight in self.parts()]
        grid = np.unique(np.concatenate([curve[:, 0] for curve, _ in curves]))
        rows = [sum(weight * _read(curve, grid, side) for curve, weight in curves) for side in ("left", "right")]
        points = np.stack([np.repeat(grid, 2), np.column_stack(rows).reshape(-1)], axis=1)
        return np.concatenate([[[0.0, 0.0]], points, [[1.0, 1.0]]])

    def at_false_positives(self, rate: float, confidence: float) -> dict[str, float]:
        """Return what is found when at most a share `rate` of each fold's non-members is taken for members.

        Returns:
            `tpr`, the share of members found, with exact binomial limits `tpr_low`, `tpr_high` for
            the thresholds as set; `false_positives` among the non-members, and `fpr_high`, the upper
            limit of the rate of them that the thresholds may really have.
        """
        hits, wrong = 0, 0
        for own, others, _ in self.parts():
            allowed = int(np.floor(rate * len(others) + 1e-9))
            threshold = np.sort(others)[::-1][allowed] if allowed < len(others) else -np.inf
            hits, wrong = hits + int((own > threshold).sum()), wrong + int((others > threshold).sum())
        count, rest = len(self.members), len(self.non_members)
        low, high = proportion_interval(hits, count, "clopper-pearson", confidence)
        _, most = proportion_interval(wrong, rest, "clopper-pearson", confidence)
        return {
            "tpr": hits / count,
            "tpr_low": float(low),
            "tpr_high": float(high),
            "false_positives": wrong,
            "fpr_high": float(most),
        }


def placements(members: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of others below each member, and of members above each other; ties count half."""
    from scipy.stats import rankdata

    m = len(members)
    ranks = rankdata(np.concatenate([members, others]))
    above = (ranks[:m] - rankdata(members)) / len(others)
    below = 1.0 - (ranks[m:] - rankdata(others)) / m
    return above, below


def auc_difference(first: Scored, second: Scored, confidence: float) -> tuple[float, float, float]:
    """Return the difference of the AUCs of two scores of the same samples with limits.

    Both are taken within the folds of the first. Limits are the distances of the single limits, put
    together with the correlation of the two AUCs (Zou & Donner 2008), which is DeLong's (1988).
    """
    second = Scored(second.members, second.non_members, first.folds)
    a, b = first.auc, second.auc
    (a_low, a_high), (b_low, b_high) = (side.interval(confidence) for side in (first, second))
    r = _correlation(first, second)
    below = np.sqrt(max((a - a_low) ** 2 + (b_high - b) ** 2 - 2 * r * (a - a_low) * (b_high - b), 0.0))
    above = np.sqrt(max((a_high - a) ** 2 + (b - b_low) ** 2 - 2 * r * (a_high - a) * (b - b_low), 0.0))
    return a - b, float(max(a - b - below, -1.0)), float(min(a - b + above, 1.0))


def _correlation(first: Scored, second: Scored) -> float:
    covariance = np.zeros((2, 2))
    for (a, b, weight), (c, d, _) in zip(first.parts(), second.parts(), strict=True):
        if min(len(a), len(b)) < 2:
            return 0.0
        sides = zip(placements(a, b), placements(c, d), strict=True)
        covariance += weight**2 * sum(np.cov(one, other) / len(one) for one, other in sides)
    spread = np.sqrt(covariance[0, 0] * covariance[1, 1])
    return float(np.clip(covariance[0, 1] / spread, -1.0, 1.0)) if spread > 0 else 0.0


def _variance(a: float, m: int, n: int) -> float:
    """Return Hanley & McNeil's variance of an AUC, for exponential scores, with the mean of m and n in both places."""
    half = 0.5 * (m + n)
    return a * (1 - a) * (1 + (half - 1) * ((1 - a) / (2 - a) + a / (1 + a))) / (m * n)


def _curve(own: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the corners of one ROC curve, `(P, 2)`, from (0, 0) to (1, 1); ties are slopes."""
    levels = np.unique(np.concatenate([own, others]))[::-1]
    rates = [1.0 - np.searchsorted(np.sort(side), levels, side="left") / len(side) for side in (others, own)]
    return np.concatenate([[[0.0, 0.0]], np.column_stack(rates)])


def _read(curve: np.ndarray, grid: np.ndarray, side: str) -> np.ndarray:
    """Return the height of a curve just left or right of each place."""
    x, y = curve.T
    # Between two places the curve runs from the last point of one to the first of the other.
    last, first = np.r_[x[1:] > x[:-1], True], np.r_[True, x[1:] > x[:-1]]
    places, ends, starts = x[first], y[last], y[first]
    j = np.clip(np.searchsorted(places, grid, side="right") - 1, 0, len(places) - 1)
    exact = places[j] == grid
    after = np.minimum(j + 1, len(places) - 1)
    width = np.where(after > j, places[after] - places[j], 1.0)
    between = ends[j] + (starts[after] - ends[j]) * (grid - places[j]) / width
    return np.where(exact, ends[j] if side == "right" else starts[j], between)
