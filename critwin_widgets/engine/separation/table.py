"""Certified brackets of every sub-mixture's overlap, in closed form, at a list of times."""

import dataclasses

import numpy as np
from jaxtyping import Float
from scipy import special

from .._memory import check_memory
from .._types import Curves, PerTime, SubsetWeights
from ..mixtures import GaussianMixture, Mixture
from . import concave, pairs
from .estimate import EXACT

_GLANCES = 4
"""Times at which the best pair of two sub-mixtures is looked for."""


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
        """Build the table of a mixture.

        Raises:
            MemoryError: the table would not fit into the free memory.
        """
        count = mixture.n_components
        check_memory(
            32.0 * len(times) * count**2,
            f"a table of all pairs of {count} components at {len(times)} times",
            "use fewer components or times, or mixture_tree, which takes large spherical mixtures time by time",
        )
        if not isinstance(mixture, GaussianMixture):
            return PairTable(times, "concave", *concave.log_overlap_bounds(mixture, times))
        if pairs.same_covariance(mixture):
            upper = pairs.mahalanobis_of_pairs(mixture, times)
            logs = pairs.mirrored(np.log(2.0) + special.log_ndtr(-upper / 2), count)
            return PairTable(times, EXACT, pairs.mirrored(upper, count), logs, logs)
        upper = pairs.log_bhattacharyya_of_pairs(mixture, times)
        # For equal weights 1 - BC <= TV <= sqrt(1 - BC^2), sharper than the weighted bracket below;
        # 1 - sqrt(1 - x) = x / (1 + sqrt(1 - x)) keeps the digits of a tiny x = BC^2.
        low = 2 * upper - np.log1p(np.sqrt(-np.expm1(2 * upper)))
        entries = pairs.mirrored(upper, count)
        return PairTable(times, "bhattacharyya", entries, pairs.mirrored(low, count), entries)

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
        convex = np.asarray(special.logsumexp(log_a + log_b + self.log_low[block], axis=(1, 2)))
        lower = np.maximum(low.max(axis=(1, 2)), convex)
        upper = np.minimum(np.asarray(special.logsumexp(high, axis=(1, 2))), 0.0)
        return np.minimum(lower, upper), upper

    def brackets(self, a: SubsetWeights, b: SubsetWeights) -> tuple[Curves, Curves]:
        """Return bounds of `O(P, Q)`, `(T, M)` each, for `M` pairs of sub-mixtures at once.

        As `bracket`, from matrix products: `O <= sum sqrt(a_i b_j) O_ij` for Gaussians of one
        covariance (derived here: `int min(a p, b q) / sqrt(ab)` is the mean of `e^{-|X|}` for a
        normal X whose mean is `ln(a / b) / 2`, largest where that is 0), the same with `BC_ij` for
        other Gaussians; below, `sum a_i b_j O_ij` and the best pair at a few times. An upper bound
        is never below 1e-300, where terms underflow.
        """
        if self.kind == "concave":
            logs = [self.bracket(a[:, m], b[:, m]) for m in range(a.shape[1])]
            low, high = (np.exp(np.stack(side, axis=1)) for side in zip(*logs, strict=True))
            return low, np.maximum(high, 1e-300)
        low = (a * (np.exp(self.log_low) @ b)).sum(1)
        high = (np.sqrt(a) * (np.exp(self.log_high) @ np.sqrt(b))).sum(1)
        high = np.clip(high, 1e-300, 1.0)
        return np.minimum(np.maximum(low, self._best_pairs(a, b)), high), high

    def _best_pairs(self, a: SubsetWeights, b: SubsetWeights) -> Curves:
        """Return a lower bound of `O(P, Q)`: `min(a_i, b_j) O_ij` of pairs that are best at some time."""
        count, sets = a.shape
        found = np.zeros((len(self.times), sets))
        least = np.minimum(a.T[:, :, None], b.T[:, None])
        every = np.arange(sets)
        for t in np.unique(np.linspace(0, len(self.times) - 1, _GLANCES).astype(int)):
            logs = self.log_low[t]
            most = logs.max(initial=-1e300, where=~np.eye(count, dtype=bool))
            overlaps = np.exp(np.minimum(logs - most, 0.0))  # scaled: all of them may underflow
            row, column = np.divmod((overlaps * least).reshape(sets, -1).argmax(1), count)
            pair = least[every, row, column] * np.exp(self.log_low[:, row, column])
            found = np.maximum(found, pair)
        return found


def pair_gaps(mixture: Mixture, times: PerTime) -> Float[np.ndarray, "T P"]:
    """Return how far apart the pairs `i < j` may be, `(T, P)`: a distance of two unit Gaussians.

    Exact for Gaussians of one covariance, that of the same Bhattacharyya coefficient for others, and
    an overestimate for components of which only the concavity is known.
    """
    count = mixture.n_components
    check_memory(16.0 * len(times) * count**2, f"all pairs of {count} components at {len(times)} times")
    if isinstance(mixture, GaussianMixture):
        if pairs.same_covariance(mixture):
            return pairs.mahalanobis_of_pairs(mixture, times)
        return np.sqrt(-8.0 * pairs.log_bhattacharyya_of_pairs(mixture, times))
    rows, columns = np.triu_indices(count, 1)
    _, _, high = concave.log_overlap_bounds(mixture, times)
    return -2.0 * special.ndtri_exp(np.maximum(high[:, rows, columns], -600.0) - np.log(2.0))
