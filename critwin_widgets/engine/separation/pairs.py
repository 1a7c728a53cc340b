"""Overlaps of two Gaussians at every time, in closed form and on a log scale.

All functions work in float64 on the host: pairs are few and their overlaps span hundreds of
decades. `theory` of the bounds: same covariance, exact (an affine likelihood ratio); different
covariances, the Bhattacharyya bracket `ab BC^2 / (a + b) <= int min(a p, b q) <= sqrt(ab) BC`.
"""

import numpy as np
from scipy import special

from .._types import PairCurves, PerTime
from ..mixtures import GaussianMixture
from ..processes import clock


def same_covariance(mixture: GaussianMixture) -> bool:
    """Tell whether all components share one covariance."""
    if mixture.covariance_type == "tied" or mixture.n_components == 1:
        return True
    covariances = np.asarray(mixture.covariances)
    return bool((covariances == covariances[:1]).all())


def shared_basis(mixture: GaussianMixture) -> tuple[np.ndarray, np.ndarray]:
    """Return centred means in the shared covariance's eigenbasis, `(K, d)`, and its eigenvalues, `(d,)`."""
    centred = np.asarray(mixture.offsets)
    values = np.asarray(mixture.eigenvalues, dtype=np.float64)
    kind = mixture.covariance_type
    if kind == "spherical":
        return centred, np.full(mixture.dim, values[0])
    if kind == "diag":
        return centred, values[0]
    vectors = np.asarray(mixture.eigenvectors)
    return (centred @ vectors, values) if kind == "tied" else (centred @ vectors[0], values[0])


def mahalanobis(mixture: GaussianMixture, times: PerTime) -> PairCurves:
    """Return `Delta_t` of every pair for a shared covariance, shape `(T, K, K)`.

    On the sigma clock `Delta^2 = delta^T (Sigma + sigma^2 I)^{-1} delta`; distances come from mean
    differences, so a common offset or a far third component costs no digits.
    """
    coordinates, values = shared_basis(mixture)
    count = mixture.n_components
    rows, columns = np.triu_indices(count, 1)
    precision = 1.0 / (values + clock.to_sigma(times)[:, None] ** 2)
    squared = np.zeros((len(times), count, count))
    if (values == values[0]).all():
        gaps = np.square(coordinates[rows] - coordinates[columns]).sum(-1)
        upper = precision[:, :1] * gaps
    else:
        # Blocks of pairs bound the memory of the differences to about 64 MB.
        block = max(1, int(8e6 / coordinates.shape[1]))
        upper = np.concatenate(
            [
                precision @ np.square(coordinates[rows[s : s + block]] - coordinates[columns[s : s + block]]).T
                for s in range(0, max(len(rows), 1), block)
            ],
            axis=1,
        )
    squared[:, rows, columns] = squared[:, columns, rows] = upper
    return np.sqrt(squared)


def log_bhattacharyya(mixture: GaussianMixture, times: PerTime) -> PairCurves:
    """Return `ln BC(p_t^i, p_t^j)`, shape `(T, K, K)`, for any covariances.

    `ln BC = -delta^T C^{-1} delta / 8 - (ln det C - (ln det C_i + ln det C_j) / 2) / 2` with `C` the
    mean of the two covariances; one eigendecomposition per pair serves all times.
    """
    means = np.asarray(mixture.offsets)
    values = np.asarray(mixture.eigenvalues, dtype=np.float64)
    variance = clock.to_sigma(times)[:, None] ** 2
    count, dim = means.shape
    kind = mixture.covariance_type
    out = np.zeros((len(times), count, count))
    for i in range(count):
        for j in range(i + 1, count):
            delta = means[i] - means[j]
            if kind == "tied":
                middle = mixed_i = mixed_j = values
                delta = delta @ np.asarray(mixture.eigenvectors)
            elif kind == "full":
                middle, vectors = np.linalg.eigh(
                    (np.asarray(mixture.covariances[i]) + np.asarray(mixture.covariances[j])) / 2
                )
                delta, mixed_i, mixed_j = delta @ vectors, values[i], values[j]
            else:
                mixed_i, mixed_j = (np.broadcast_to(values[k], (dim,)) for k in (i, j))
                middle = (mixed_i + mixed_j) / 2
            quadratic = (delta**2 / (middle + variance)).sum(-1)
            logs = [np.log(v + variance).sum(-1) for v in (middle, mixed_i, mixed_j)]
            out[:, i, j] = out[:, j, i] = np.minimum(-quadratic / 8 - (logs[0] - (logs[1] + logs[2]) / 2) / 2, 0.0)
    return out


def log_weighted_overlap(delta: np.ndarray, log_a: np.ndarray, log_b: np.ndarray) -> np.ndarray:
    """Return `ln int min(a p, b q)` for unit-covariance Gaussians at distance `delta`, exact.

    `a Phi(-c) + b Phi(c - Delta)` with `c = Delta / 2 + ln(a / b) / Delta`; `min(a, b)` at
    `Delta = 0`.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        threshold = delta / 2 + (log_a - log_b) / delta
        value = np.logaddexp(log_a + special.log_ndtr(-threshold), log_b + special.log_ndtr(threshold - delta))
    return np.where(delta > 0, value, np.minimum(log_a, log_b))


def bhattacharyya_bracket(log_bc: np.ndarray, log_a: np.ndarray, log_b: np.ndarray):
    """Return lower and upper bounds of `ln int min(a p, b q)` from `ln BC`."""
    low = log_a + log_b + 2 * log_bc - np.logaddexp(log_a, log_b)
    return low, np.minimum((log_a + log_b) / 2 + log_bc, np.minimum(log_a, log_b))
