"""Certified brackets of every sub-mixture's overlap, in closed form, at a list of times."""

import dataclasses

import numpy as np
from jaxtyping import Float
from scipy import special

from .._types import PerTime
from ..mixtures import GaussianMixture, Mixture
from . import concave, pairs
from .estimate import EXACT


@dataclasses.dataclass(frozen=True)
class PairTable:
    """What the closed forms know about all pairs of components at all times.

    Attributes:
        times: OU times, `(T,)`.
        kind: "exact" (Gaussians of one covariance), "bhattacharyya" (other Gaussians) or "concave"
            (strongly log-concave components).
        entries: `Delta_t` when exact, `ln BC` of other Gaussians, `gap_ij / s_i` when concave, `(T, K, K)`.
        log_low, log_high: bounds of the unweighted `ln O(p_t^i, p_t^j)`, `(T, K, K)`.
    """

    times: np.ndarray
    kind: str
    entries: np.ndarray
    log_low: np.ndarray
    log_high: np.ndarray

    @staticmethod
    def of(mixture: Mixture, times: PerTime) -> "PairTable":
        """Build the table of a mixture."""
        if not isinstance(mixture, GaussianMixture):
            return PairTable(times, "concave", *concave.log_overlap_bounds(mixture, times))
        if pairs.same_covariance(mixture):
            entries = pairs.mahalanobis(mixture, times)
            logs = np.log(2.0) + special.log_ndtr(-entries / 2)
            return PairTable(times, EXACT, entries, logs, logs)
        entries = pairs.log_bhattacharyya(mixture, times)
        # For equal weights 1 - BC <= TV <= sqrt(1 - BC^2), sharper than the weighted bracket below;
        # 1 - sqrt(1 - x) = x / (1 + sqrt(1 - x)) keeps the digits of a tiny x = BC^2.
        low = 2 * entries - np.log1p(np.sqrt(-np.expm1(2 * entries)))
        return PairTable(times, "bhattacharyya", entries, low, entries)

    @property
    def exact(self) -> bool:
        """Whether pairs are exact rather than bracketed."""
        return self.kind == EXACT

    def bracket(self, a: Float[np.ndarray, "K"], b: Float[np.ndarray, "K"]) -> tuple[PerTime, PerTime]:
        """Return bounds of `ln O(P, Q)` at all times for `P = sum a_i p^i`, `Q = sum b_j p^j`.

        `a` and `b` are normalised weights over all components, zero outside the sub-mixture.
        `max int min(a_i p_i, b_j p_j) <= O <= sum int min(a_i p_i, b_j p_j)`, and by convexity
        `O >= sum a_i b_j O(p_i, p_j)`.
        """
        rows, columns = np.flatnonzero(a), np.flatnonzero(b)
        block = np.ix_(np.arange(len(self.times)), rows, columns)
        log_a, log_b = np.log(a[rows])[:, None], np.log(b[columns])[None, :]
        if self.exact:
            low = high = pairs.log_weighted_overlap(self.entries[block], log_a, log_b)
        elif self.kind == "concave":
            back = np.swapaxes(self.entries, 1, 2)[block]
            bounds = self.log_low[block], self.log_high[block]
            low, high = concave.weighted_bracket(self.entries[block], back, bounds, log_a, log_b)
        else:
            low, high = pairs.bhattacharyya_bracket(self.entries[block], log_a, log_b)
        convex = special.logsumexp(log_a + log_b + self.log_low[block], axis=(1, 2))
        lower = np.maximum(low.max(axis=(1, 2)), convex)
        upper = np.minimum(special.logsumexp(high, axis=(1, 2)), 0.0)
        return np.minimum(lower, upper), upper
