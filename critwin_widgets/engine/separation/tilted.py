"""Densities that live where two Gaussians overlap, one for each pair, to draw rare overlaps from.

For components i and j with weights a and b, `h_ij >= min(a p_i, b p_j)` is known with its integral:
for one covariance it is `min(a p_i, b p_j)` itself (normal, cut where the two are equal); otherwise
`(a p_i)^(1-s) (b p_j)^s`, a Gaussian times the Chernoff coefficient, with `s` near its minimum.
Since `min(sum_i x_i, sum_j y_j) <= sum_ij min(x_i, y_j)`, the sum of all `h_ij` dominates
`min(p, q)` (derived here): drawing from it gives bounded importance weights.
"""

from typing import NamedTuple

import numpy as np
from scipy import special
from scipy.linalg import eigh

from ..mixtures import GaussianMixture
from . import pairs

_EXPONENTS = (1 - np.cos(np.pi * np.linspace(0, 1, 41))) / 2


class Normals(NamedTuple):
    """Gaussian components at one time, in as few coordinates as serve every log-density difference.

    `means` `(K, r)`; `spread` holds variances `(K, r)`, or covariances `(K, r, r)`. `spare` further
    coordinates have mean 0 and each component's first variance in all of them (spherical only).
    `shared` tells that all covariances are the identity.
    """

    means: np.ndarray
    spread: np.ndarray
    spare: int
    shared: bool

    @staticmethod
    def of(mixture: GaussianMixture, variance: float) -> "Normals":
        """Prepare a mixture at `sigma^2 = variance`, on the sigma clock."""
        means = np.asarray(mixture.offsets)
        values = np.asarray(mixture.eigenvalues, dtype=np.float64)
        if pairs.same_covariance(mixture):
            coordinates, values = pairs.shared_basis(mixture)
            whitened = _spanned(coordinates / np.sqrt(values + variance))
            return Normals(whitened, np.ones_like(whitened), 0, True)
        if mixture.covariance_type == "full":
            spread = np.asarray(mixture.covariances, dtype=np.float64) + variance * np.eye(mixture.dim)
            return Normals(means, spread, 0, False)
        if mixture.covariance_type == "diag":
            return Normals(means, values + variance, 0, False)
        spanned = _spanned(means)
        spread = np.tile(values[:, None] + variance, (1, spanned.shape[1]))
        return Normals(spanned, spread, mixture.dim - spanned.shape[1], False)

    def log_densities(self, points: np.ndarray, radius: np.ndarray) -> np.ndarray:
        """Return `ln p_k` at points `(n, r)` whose spare coordinates have squared length `radius`, `(n, K)`."""
        found = np.empty((len(points), len(self.means)))
        for k, (mean, spread) in enumerate(zip(self.means, self.spread, strict=True)):
            if spread.ndim == 2:
                root = np.linalg.cholesky(spread)
                z = np.linalg.solve(root, (points - mean).T)
                found[:, k] = -0.5 * np.square(z).sum(0) - np.log(np.diagonal(root)).sum()
            else:
                found[:, k] = -0.5 * (np.square(points - mean) @ (1.0 / spread)) - 0.5 * np.log(spread).sum()
                if self.spare:
                    found[:, k] -= 0.5 * (radius / spread[0] + self.spare * np.log(spread[0]))
        return found - 0.5 * (self.means.shape[1] + self.spare) * np.log(2 * np.pi)

    def draw(self, rng: np.random.Generator, k: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw from component k: points `(count, r)` and squared lengths of the spare coordinates."""
        z, spread = rng.standard_normal((count, self.means.shape[1])), self.spread[k]
        if spread.ndim == 2:
            return self.means[k] + z @ np.linalg.cholesky(spread).T, np.zeros(count)
        return self.means[k] + z * np.sqrt(spread), spread[0] * _chi_squared(rng, self.spare, count)


class CutNormal(NamedTuple):
    """`min(a p, b q)` for unit-covariance normals at `start` and `start + distance * direction`.

    `log_sides` are the logs of its mass beyond the crossing (where `a p` is smaller) and before it.
    """

    start: np.ndarray
    direction: np.ndarray
    distance: float
    threshold: float
    log_sides: tuple[float, float]

    def draw(self, rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw points `(count, r)`; there are no spare coordinates."""
        z = rng.standard_normal((count, len(self.start)))
        beyond = np.log(rng.random(count)) < self.log_sides[0] - np.logaddexp(*self.log_sides)
        log_u = np.log(rng.random(count))
        # Inverse tails on a log scale: the threshold may lie hundreds of deviations out.
        far = -special.ndtri_exp(special.log_ndtr(-self.threshold) + log_u)
        near = self.distance + special.ndtri_exp(special.log_ndtr(self.threshold - self.distance) + log_u)
        along = np.where(beyond, far, near)
        flat = z - (z @ self.direction)[:, None] * self.direction
        return self.start + (flat + along[:, None] * self.direction if self.distance > 0 else z), np.zeros(count)


class TiltedNormal(NamedTuple):
    """The normalised `p^(1-s) q^s`: a Gaussian with independent coordinates after `basis` (if any)."""

    mean: np.ndarray
    variance: np.ndarray
    origin: np.ndarray
    basis: np.ndarray | None
    spare: int

    def draw(self, rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw points `(count, r)` and squared lengths of the spare coordinates."""
        z = self.mean + np.sqrt(self.variance) * rng.standard_normal((count, len(self.mean)))
        radius = self.variance[0] * _chi_squared(rng, self.spare, count)
        return self.origin + (z if self.basis is None else z @ self.basis.T), radius


class Envelope(NamedTuple):
    """All pairs of two mixtures: `h_ij` by logs of their integrals, exponents `s` (NaN for a minimum) and laws."""

    rows: np.ndarray
    columns: np.ndarray
    log_integrals: np.ndarray
    exponents: np.ndarray
    laws: list

    @staticmethod
    def empty() -> "Envelope":
        """Return an envelope of no pairs."""
        none, nothing = np.zeros(0, int), np.zeros(0)
        return Envelope(none, none, nothing, nothing, [])

    def log_terms(self, log_p: np.ndarray, log_q: np.ndarray) -> np.ndarray:
        """Return `ln h_ij` at every point, `(n, pairs)`, from weighted log-densities `(n, K)`."""
        first, second = log_p[:, self.rows], log_q[:, self.columns]
        if np.isnan(self.exponents).all():
            return np.minimum(first, second)
        return (1 - self.exponents) * first + self.exponents * second


def envelope(normals: Normals, a: np.ndarray, b: np.ndarray, most: int) -> tuple[Envelope, float]:
    """Return the `most` heaviest pairs of `sum a_i p_i` and `sum b_j p_j`, and the log of what the others add up to."""
    rows, columns = (axis.ravel() for axis in np.meshgrid(np.flatnonzero(a), np.flatnonzero(b), indexing="ij"))
    log_a, log_b = np.log(a[rows]), np.log(b[columns])
    exponents = np.full(len(rows), np.nan)
    if normals.shared:
        distance = np.linalg.norm(normals.means[rows] - normals.means[columns], axis=1)
        logs = pairs.log_weighted_overlap(distance, log_a, log_b)
    elif normals.spread.ndim == 2:
        logs, exponents = _chernoff(
            normals.spread[rows], normals.spread[columns], normals.means[columns] - normals.means[rows], normals.spare,
            log_a, log_b,
        )  # fmt: skip
    else:
        frames = [_frame(normals, int(i), int(j)) for i, j in zip(rows, columns, strict=True)]
        ones = np.ones_like(frames[0][0])
        logs, exponents = _chernoff(
            np.stack([f[0] for f in frames]), np.tile(ones, (len(frames), 1)), np.stack([f[1] for f in frames]), 0,
            log_a, log_b,
        )  # fmt: skip
    kept = np.sort(np.argsort(-logs, kind="stable")[:most])
    dropped = np.delete(logs, kept)
    laws = [
        _law(normals, int(rows[k]), int(columns[k]), float(log_a[k]), float(log_b[k]), float(exponents[k]))
        for k in kept
    ]
    left = np.logaddexp.reduce(dropped) if len(dropped) else -np.inf
    return Envelope(rows[kept], columns[kept], logs[kept], exponents[kept], laws), float(left)


def _law(normals: Normals, i: int, j: int, log_a: float, log_b: float, s: float):
    if normals.shared:
        gap = normals.means[j] - normals.means[i]
        distance = float(np.linalg.norm(gap))
        if distance == 0.0:
            return CutNormal(normals.means[i], gap, 0.0, -np.inf, (0.0, -np.inf))
        threshold = distance / 2 + (log_a - log_b) / distance
        sides = (
            log_a + float(special.log_ndtr(-threshold)),
            log_b + float(special.log_ndtr(threshold - distance)),
        )
        return CutNormal(normals.means[i], gap / distance, distance, threshold, sides)
    if normals.spread.ndim == 2:
        first, second, basis, shift = normals.spread[i], normals.spread[j], None, normals.means[j] - normals.means[i]
        origin = normals.means[i]
    else:
        first, shift, basis = _frame(normals, i, j)
        second, origin = np.ones_like(first), normals.means[i]
    precision = (1 - s) / first + s / second
    return TiltedNormal(s * shift / second / precision, 1.0 / precision, origin, basis, normals.spare)


def _frame(normals: Normals, i: int, j: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return variances of i, the shift from i to j, and the basis in which j has unit and i diagonal covariance."""
    values, vectors = eigh(normals.spread[i], normals.spread[j])
    # vectors^T S_j vectors = I, so points are m_i + inv(vectors)^T z.
    shift = vectors.T @ (normals.means[j] - normals.means[i])
    return values, shift, np.linalg.inv(vectors).T


def _chernoff(first, second, shift, spare: int, log_a, log_b) -> tuple[np.ndarray, np.ndarray]:
    """Return `min_s ln int (a p)^(1-s) (b q)^s` over a grid of `s`, and the `s`, for diagonal covariances.

    `ln int p^(1-s) q^s = -s (1-s) / 2 sum shift^2 / m - (sum ln m - (1-s) ... ) / 2` with
    `m = s first + (1-s) second` per coordinate.
    """
    best = np.minimum(log_a, log_b)
    exponents = np.where(log_a <= log_b, 0.0, 1.0)
    copies = np.ones(first.shape[1])
    copies[:1] += spare
    log_first, log_second = np.log(first) @ copies, np.log(second) @ copies
    for s in _EXPONENTS[1:-1]:
        mixed = s * first + (1 - s) * second
        determinant = np.log(mixed) @ copies - s * log_first - (1 - s) * log_second
        quadratic = (shift**2 / mixed).sum(-1)
        found = (1 - s) * log_a + s * log_b - 0.5 * s * (1 - s) * quadratic - 0.5 * determinant
        best, exponents = np.where(found < best, found, best), np.where(found < best, s, exponents)
    return best, exponents


def _spanned(coordinates: np.ndarray) -> np.ndarray:
    """Return the points in coordinates of their own span where that is smaller."""
    if coordinates.shape[1] <= coordinates.shape[0]:
        return coordinates
    left, sizes, _ = np.linalg.svd(coordinates, full_matrices=False)
    return left * sizes


def _chi_squared(rng: np.random.Generator, degrees: int, count: int) -> np.ndarray:
    return rng.chisquare(degrees, count) if degrees else np.zeros(count)
