"""Overlaps of two Gaussians at every time, in closed form and on a log scale.

All functions work in float64 on the host: pairs are few and their overlaps span hundreds of
decades. `theory` of the bounds: same covariance, exact (an affine likelihood ratio); different
covariances, the Bhattacharyya bracket `ab BC^2 / (a + b) <= int min(a p, b q) <= sqrt(ab) BC`.
"""

import weakref

import numpy as np
from jaxtyping import Float
from scipy import special

from .._types import PairCurves, PerTime
from ..mixtures import GaussianMixture
from ..processes import clock
from .gaps import squared_gaps

_CACHED = 2**14
"""Numbers of an array that stays in the processor's cache beside two others."""

_FACTORS = 4
"""Variances multiplied before a logarithm is taken: products of as many neither overflow nor vanish."""


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
    """Return `Delta_t` of every pair for a shared covariance, shape `(T, K, K)`."""
    return mirrored(mahalanobis_of_pairs(mixture, times), mixture.n_components)


def log_bhattacharyya(mixture: GaussianMixture, times: PerTime) -> PairCurves:
    """Return `ln BC(p_t^i, p_t^j)`, shape `(T, K, K)`, for any covariances."""
    return mirrored(log_bhattacharyya_of_pairs(mixture, times), mixture.n_components)


def mirrored(upper: np.ndarray, count: int) -> np.ndarray:
    """Return symmetric matrices `(T, K, K)` with a zero diagonal from their upper triangles `(T, P)`."""
    rows, columns = np.triu_indices(count, 1)
    found = np.zeros((len(upper), count, count))
    found[:, rows, columns] = found[:, columns, rows] = upper
    return found


def mahalanobis_of_pairs(mixture: GaussianMixture, times: PerTime) -> Float[np.ndarray, "T P"]:
    """Return `Delta_t` of the pairs `i < j` for a shared covariance, `(T, P)` with `P = K (K - 1) / 2`.

    On the sigma clock `Delta^2 = delta^T (Sigma + sigma^2 I)^{-1} delta`; distances come from mean
    differences, so a common offset or a far third component costs no digits.
    """
    coordinates, values = shared_basis(mixture)
    rows, columns = np.triu_indices(mixture.n_components, 1)
    precision = 1.0 / (values + clock.to_sigma(times)[:, None] ** 2)
    if (values == values[0]).all():
        return np.sqrt(precision[:, :1] * squared_gaps(coordinates)[rows, columns])
    found = np.empty((len(times), len(rows)))
    for part in _blocks(len(rows), mixture.dim):
        found[:, part] = precision @ np.square(coordinates[rows[part]] - coordinates[columns[part]]).T
    return np.sqrt(found)


def log_bhattacharyya_of_pairs(mixture: GaussianMixture, times: PerTime) -> Float[np.ndarray, "T P"]:
    """Return `ln BC(p_t^i, p_t^j)` of the pairs `i < j`, `(T, P)`, for any covariances.

    `ln BC = -delta^T C^{-1} delta / 8 - (ln det C - (ln det C_i + ln det C_j) / 2) / 2` with `C` the
    mean of the two covariances; one eigendecomposition per pair serves all times.
    """
    if mixture.covariance_type == "tied":
        return -np.square(mahalanobis_of_pairs(mixture, times)) / 8
    values = np.asarray(mixture.eigenvalues, dtype=np.float64)
    variance = clock.to_sigma(times)[:, None] ** 2
    rows, columns = np.triu_indices(mixture.n_components, 1)
    if mixture.covariance_type == "spherical":
        squared = squared_gaps(np.asarray(mixture.offsets))[rows, columns]
        middle = (values[rows] + values[columns]) / 2 + variance
        logs = np.log(values + variance)
        spread = np.log(middle) - (logs[:, rows] + logs[:, columns]) / 2
        return np.minimum(-squared / middle / 8 - mixture.dim * spread / 2, 0.0)
    logs = np.log(values + variance[:, :, None]).sum(-1)
    found = np.empty((len(times), len(rows)))
    for part in _blocks(len(rows), mixture.dim * (1 if mixture.covariance_type == "diag" else mixture.dim)):
        quadratic, determinant = _sums(*_joint(mixture, values, rows[part], columns[part]), variance[:, 0])
        determinant -= (logs[:, rows[part]] + logs[:, columns[part]]) / 2
        found[:, part] = np.minimum(-quadratic / 8 - determinant / 2, 0.0)
    return found


def _sums(delta: np.ndarray, middle: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return `sum delta^2 / (m + v)` and `sum ln(m + v)` over axes of pairs `(P, d)`, for all times, `(T, P)` each.

    Axis by axis, in arrays that stay in the processor's cache.
    """
    squared, middle = np.square(delta).T, np.ascontiguousarray(middle.T)
    size = max(1, _CACHED // len(variance))
    quadratic, determinant = np.zeros((2, len(variance), delta.shape[0]))
    for first in range(0, delta.shape[0], size):
        part = slice(first, first + size)
        shape = len(variance), len(delta[part])
        ratios, logs = np.zeros(shape), np.zeros(shape)
        spread, share, product = np.empty(shape), np.empty(shape), np.empty(shape)
        for axis in range(len(middle)):
            np.add(middle[axis, part], variance[:, None], out=spread)
            ratios += np.divide(squared[axis, part], spread, out=share)
            if axis % _FACTORS == 0:
                product[:] = spread
            else:
                product *= spread
            if axis % _FACTORS == _FACTORS - 1 or axis == len(middle) - 1:
                logs += np.log(product, out=product)
        quadratic[:, part], determinant[:, part] = ratios, logs
    return quadratic, determinant


_bases: dict = {}
"""Eigenbases of all pairs of the last covariances: a tree asks for them twice, for its times and at them."""


def _joint(mixture: GaussianMixture, values: np.ndarray, rows: np.ndarray, columns: np.ndarray):
    """Return mean differences and mean covariances of pairs in the eigenbasis of the latter, `(P, d)` each."""
    means = np.asarray(mixture.offsets)
    delta = means[rows] - means[columns]
    if mixture.covariance_type == "diag":
        return delta, (values[rows] + values[columns]) / 2
    covariances = np.asarray(mixture.covariances)
    known = _bases.get(id(covariances))
    if known is not None and known[0]() is covariances and len(known[1]) == len(rows) == known[3]:
        middle, vectors = known[1:3]
    else:
        middle, vectors = np.linalg.eigh((covariances[rows] + covariances[columns]) / 2)
        _bases.clear()
        every = len(covariances) * (len(covariances) - 1) // 2
        if len(rows) == every:
            _bases[id(covariances)] = weakref.ref(covariances), middle, vectors, every
    return (delta[:, None, :] @ vectors)[:, 0], middle


def _blocks(pairs: int, width: int) -> list[slice]:
    """Return slices of pairs whose differences take about 64 MB."""
    size = max(1, int(8e6 / width))
    return [slice(first, first + size) for first in range(0, pairs, size)]


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
