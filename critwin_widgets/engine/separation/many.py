"""Spherical mixtures of very many components: what every set of a dendrogram needs, time by time.

Noise is isotropic, so `z . (m_i - m_j)` is one number for all times: the means enter once, through
their squared distances and their products with a few noise vectors, and everything after that
costs the same in any dimension. Components are kept in the order of the dendrogram's leaves, where
every set is a range: sums over what lies outside a set are sums of what lies left and right of it,
with no cancellation. No array is larger than `(K, K)`.
"""

import dataclasses
import functools
from collections.abc import Sequence

import jax
import numpy as np
from jaxtyping import Float
from scipy import special
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from .._memory import check_memory
from ..mixtures import GaussianMixture, Mixture, as_key
from .gaps import squared_gaps

_BLOCK = 2**22
"""Numbers of a block of the means or of a block of ratios."""

_GROUPS = 16
"""Sets of noise vectors; one for each component would cost as much as the Gram matrix."""


def serves(mixture: Mixture) -> bool:
    """Tell whether every component's covariance is a multiple of the identity."""
    if not isinstance(mixture, GaussianMixture):
        return False
    if mixture.covariance_type == "spherical":
        return True
    values = np.asarray(mixture.eigenvalues)
    return values.ndim == 1 and bool((values == values[0]).all())


@dataclasses.dataclass(frozen=True)
class Crowd:
    """A spherical mixture in the order of a dendrogram's leaves.

    Attributes:
        order: original index of the component at each place, `(K,)`.
        squared: squared distances of the means, `(K, K)`.
        variances, weights: of the components, `(K,)`.
        noise: `z . m_i` for `C` times `n` standard normal vectors, `(C, n, K)`; the component at place
            p draws with those of `p mod C`, so that neighbours draw independently.
        radii: `|z|^2`, `(C, n)`.
        ranges: `[first, last)` places of the dendrogram's nodes, single components first, root last.
        halves: the two nodes each larger node joins, `(K - 1, 2)`.
        dim: dimensions of the data.
    """

    order: np.ndarray
    squared: Float[np.ndarray, "K K"]
    variances: Float[np.ndarray, "K"]
    weights: Float[np.ndarray, "K"]
    noise: Float[np.ndarray, "C n K"]
    radii: Float[np.ndarray, "C n"]
    ranges: np.ndarray
    halves: np.ndarray
    dim: int

    @staticmethod
    def of(mixture: GaussianMixture, n: int, seed: int, level: float) -> "Crowd":
        """Measure a mixture and order it by the single linkage of when pairs come within `level`.

        Raises:
            MemoryError: the pairs would not fit.
        """
        count = mixture.n_components
        check_memory(96.0 * count**2, f"all pairs of {count} components", "use fewer components, or cluster them first")
        means = np.asarray(mixture.offsets)
        values = np.asarray(mixture.eigenvalues, dtype=np.float64)
        variances = values if mixture.covariance_type == "spherical" else np.full(count, values[0])
        squared = squared_gaps(means)
        noise, radii = _project(means, n, seed)
        tree = hierarchy.linkage(
            squareform(merge_scales(squared, variances, mixture.dim, level), checks=False), "single"
        )
        order, ranges = _places(tree, count)
        return Crowd(
            order,
            squared[np.ix_(order, order)],
            variances[order],
            np.asarray(mixture.weights)[order],
            noise[:, :, order],
            radii,
            ranges,
            tree[:, :2].astype(int),
            mixture.dim,
        )

    @property
    def draws(self) -> int:
        """Noise vectors per component."""
        return self.radii.shape[1]

    def independent(self, sizes: np.ndarray) -> np.ndarray:
        """Return how many draws of sets of so many components are independent at least."""
        return self.draws * np.minimum(sizes, len(self.radii))

    @property
    def shared(self) -> bool:
        """Whether all variances are equal: pairs are then exact."""
        return bool((self.variances == self.variances[0]).all())

    def bounds(self, noise_variance: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return what closed forms know of every node at one time, `(2K - 1,)` each.

        Returns:
            Lower and upper bound of the overlap with the rest (zero for the root), and the largest
            total variation inside: value, lower and upper bound.
        """
        logs = log_coefficients(self.squared, self.variances, self.dim, noise_variance)
        gaps = np.sqrt(-8.0 * logs)
        if self.shared:
            low = high = special.erfc(gaps / np.sqrt(8.0))
        else:
            # 1 - sqrt(1 - x) = x / (1 + sqrt(1 - x)) keeps the digits of a tiny x = BC^2.
            high, square = np.exp(logs), np.exp(2 * logs)
            low = square / (1 + np.sqrt(-np.expm1(2 * logs)))
        farthest = self._largest_inside(gaps)
        value = special.erf(farthest / np.sqrt(8.0))
        below, above = self._outside(low, high)
        if self.shared:
            return below, above, value, value, value
        return below, above, value, -np.expm1(-(farthest**2) / 8), np.sqrt(-np.expm1(-(farthest**2) / 4))

    def _outside(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return bounds of the overlap of every node with the rest from those of the pairs."""
        first, last = self.ranges.T
        root, weights = np.sqrt(self.weights), self.weights
        mass = np.array([weights[a:b].sum() for a, b in self.ranges])
        rest = np.array([weights[:a].sum() + weights[b:].sum() for a, b in self.ranges])
        rest[-1] = 1.0  # the root has none
        above = self._across(root[:, None] * high * root, np.add) / np.sqrt(mass * rest)
        mean = self._across(weights[:, None] * low * weights, np.add) / (mass * rest)
        # min(w_i / w(S), w_j / w(rest)) >= min(w_i, w_j) / max(w(S), w(rest)).
        best = self._across(np.minimum(weights[:, None], weights) * low, np.maximum) / np.maximum(mass, rest)
        high = np.where(last - first < len(weights), np.clip(above, 1e-300, 1.0), 0.0)
        return np.minimum(np.maximum(mean, best), high), high

    def _across(self, pairs: np.ndarray, join: np.ufunc) -> np.ndarray:
        """Return the sum or maximum of pairs with one component in each node and one outside it."""
        count = len(pairs)
        left, right = np.zeros((count, count + 1)), np.zeros((count, count + 1))
        join.accumulate(pairs, axis=1, out=left[:, 1:])
        right[:, :-1] = join.accumulate(pairs[:, ::-1], axis=1)[:, ::-1]
        rows, columns, heads = self._members
        return join.reduceat(join(left[rows, columns[0]], right[rows, columns[1]]), heads)

    @functools.cached_property
    def _members(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Places of every node's components, the node's ends beside each, and where each node starts."""
        sizes = self.ranges[:, 1] - self.ranges[:, 0]
        heads = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        rows = np.arange(sizes.sum()) - np.repeat(heads - self.ranges[:, 0], sizes)
        return rows, np.repeat(self.ranges.T, sizes, axis=1), heads

    def _largest_inside(self, gaps: np.ndarray) -> np.ndarray:
        count = len(gaps)
        found = np.zeros(2 * count - 1)
        for node, (one, other) in enumerate(self.halves, start=count):
            (a, b), (c, d) = self.ranges[one], self.ranges[other]
            found[node] = max(found[one], found[other], gaps[a:b, c:d].max())
        return found

    def ratios(self, places: np.ndarray, columns: np.ndarray, noise_variance: float) -> np.ndarray:
        """Return `w_j p_t^j(Y) / p_t^k(Y)` for the draws of components k, `(b, n, J)` in float32.

        Args:
            places: components drawn from, `(b,)`.
            columns: components j, `(J,)`.
            noise_variance: `sigma^2` at the time.
        """
        mine, theirs = self.variances[places] + noise_variance, self.variances[columns] + noise_variance
        group, every = places % len(self.noise), np.arange(self.draws)[:, None]
        cross = self.noise[group[:, None, None], every, columns] - self.noise[group, :, places][:, :, None]
        logs = cross * (np.sqrt(mine)[:, None] / theirs)[:, None]
        logs -= (self.squared[np.ix_(places, columns)] / (2 * theirs) - np.log(self.weights[columns]))[:, None]
        if not self.shared:
            scale = mine[:, None] / theirs
            logs += (self.dim / 2 * np.log(scale))[:, None] - (self.radii[group][:, :, None] / 2) * (scale - 1)[:, None]
        return np.exp(np.minimum(logs, 80.0, out=logs).astype(np.float32))

    def near(self, places: np.ndarray, noise_variance: float) -> np.ndarray:
        """Return the components that a draw from any of these could come from, in order, `(J,)`."""
        logs = -np.inf
        for start in range(0, len(places), 64):
            part = places[start : start + 64]
            found = _log_coefficient(
                self.squared[part], self.variances[part, None], self.variances, self.dim, noise_variance
            )
            logs = np.maximum(logs, found.max(0))
        # A log-ratio of -Delta^2 / 2 with deviation Delta: beyond Delta^2 / 8 = 60 it stays below -90.
        return np.flatnonzero(logs > -60.0)


def log_coefficients(squared: np.ndarray, variances: np.ndarray, dim: int, noise_variance) -> np.ndarray:
    """Return `ln BC` of all pairs of spherical Gaussians, `(K, K)`."""
    return _log_coefficient(squared, variances[:, None], variances, dim, noise_variance)


def _log_coefficient(squared, one, other, dim: int, noise_variance) -> np.ndarray:
    middle = (one + other) / 2 + noise_variance
    if (np.asarray(one) == np.asarray(other).flat[0]).all() and (np.asarray(other) == np.asarray(other).flat[0]).all():
        return -squared / (8 * middle)
    spread = np.log(middle) - (np.log(one + noise_variance) + np.log(other + noise_variance)) / 2
    return np.minimum(-squared / (8 * middle) - dim / 2 * spread, 0.0)


def merge_scales(squared: np.ndarray, variances: np.ndarray, dim: int, level: float) -> np.ndarray:
    """Return when pairs come within total variation `level`, as noise variances, symmetric `(K, K)`.

    Exact for equal variances; otherwise of the Gaussian pair with the same Bhattacharyya coefficient.
    """
    wanted = -np.square(special.erfinv(level))  # ln BC = -Delta^2 / 8 at Delta = 2 sqrt(2) erfinv(level)
    if (variances == variances[0]).all():
        # Measured from -v on, so that pairs within the level before any noise keep their order.
        return squared / (-8 * wanted)
    low = np.full(squared.shape, -20.0 + np.log(variances.min()))
    high = np.full(squared.shape, np.log(max(squared.max() / (-wanted), variances.max() * dim / min(-wanted, 1.0))))
    for _ in range(50):
        middle = (low + high) / 2
        within = log_coefficients(squared, variances, dim, np.exp(middle)) >= wanted
        low, high = np.where(within, low, middle), np.where(within, middle, high)
    found = np.exp(high)
    np.fill_diagonal(found, 0.0)
    return (found + found.T) / 2


def _project(means: np.ndarray, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return `z . m_i` and `|z|^2` for groups of `n` standard normal vectors, in blocks of coordinates."""
    count, dim = means.shape
    # A stream of its own: means that the caller drew from the same seed must not be the noise again.
    rng = np.random.default_rng([*np.asarray(jax.random.key_data(as_key(seed))).tolist(), count, dim])
    found, radii = np.zeros((_GROUPS * n, count)), np.zeros(_GROUPS * n)
    width = max(1, _BLOCK // max(count, len(radii)))
    for first in range(0, dim, width):
        block = means[:, first : first + width]
        z = rng.standard_normal((len(radii), block.shape[1]))
        found += z @ block.T
        radii += np.square(z).sum(1)
    return found.reshape(_GROUPS, n, count), radii.reshape(_GROUPS, n)


def _places(tree: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the leaves in an order where every node is a range, and the ranges."""
    sizes = np.concatenate([np.ones(count, int), tree[:, 3].astype(int)])
    first = np.zeros(2 * count - 1, int)
    for node in range(len(tree) - 1, -1, -1):
        one, other = tree[node, :2].astype(int)
        first[one], first[other] = first[count + node], first[count + node] + sizes[one]
    order = np.empty(count, int)
    order[first[:count]] = np.arange(count)
    return order, np.stack([first, first + sizes], axis=1)


def chunks(places: Sequence[int], draws: int, columns: int) -> list[np.ndarray]:
    """Return places in parts whose ratios, `(b, n, J)`, keep within a block."""
    step = max(1, _BLOCK // max(draws * columns, 1))
    array = np.asarray(places)
    return [array[start : start + step] for start in range(0, len(array), step)]
