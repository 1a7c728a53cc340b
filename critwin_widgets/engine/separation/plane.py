"""Exact overlaps of Gaussian mixtures in two effective dimensions.

A Gaussian mixture on a plane, cut along a line, is a weighted Gaussian mixture on that line, where
`int min(p, q)` is known (`slices`). What remains is one smooth integral over the lines, done by
adaptive quadrature. Two effective dimensions have: Gaussians on `R^2`, and Gaussians of one
covariance in any `d` whose mean differences span two dimensions.

Where it lives (derived here): `min(p, q) <= sum_ij sqrt(a_i b_j p_i p_j)`, and each term is
`sqrt(a_i b_j) BC_ij` times a Gaussian. These say where to put panels and what lies beyond them.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from .._types import Curves, PerTime, SubsetMasks, SubsetWeights
from ..mixtures import GaussianMixture, Mixture
from ..processes import clock
from . import pairs, quadrature, slices

_AIM = 1e-9
_TAIL = 25.0
"""Panels reach until the envelope beyond them is below `exp(-25)` of what is there at least."""


class Plane(NamedTuple):
    """Gaussians on a plane at every time: means `(T, K, 2)` and covariances `(T, K, 2, 2)`."""

    means: Float[np.ndarray, "T K 2"]
    covariances: Float[np.ndarray, "T K 2 2"]


def plane_of(mixture: Mixture, times: PerTime) -> Plane | None:
    """Return the components on the plane they span at every time, or `None` for more than two dimensions.

    On the sigma clock (`Y_t / a_t`), which changes no overlap.
    """
    if not isinstance(mixture, GaussianMixture):
        return None
    variance = clock.to_sigma(times) ** 2
    count = mixture.n_components
    if mixture.dim == 2:
        means = np.tile(np.asarray(mixture.offsets), (len(times), 1, 1))
        return Plane(means, _full(mixture)[None] + variance[:, None, None, None] * np.eye(2))
    if mixture.dim == 1 or not pairs.same_covariance(mixture):
        return None
    coordinates, values = pairs.shared_basis(mixture)
    left, sizes, directions = np.linalg.svd(coordinates - coordinates.mean(0), full_matrices=False)
    if len(sizes) > 2 and sizes[2] > 1e-9 * max(sizes[0], 1e-300):
        return None
    # In the plane of the means the precision is R (Sigma + sigma^2 I)^{-1} R^T, with R orthonormal rows.
    span = directions[:2]
    precision = np.einsum("ad,td,bd->tab", span, 1.0 / (values + variance[:, None]), span)
    means = np.tile(left[:, :2] * sizes[:2], (len(times), 1, 1))
    covariances = np.linalg.inv(precision)[:, None]
    return Plane(means, np.broadcast_to(covariances, (len(times), count, 2, 2)))


def log_overlap_on_plane(
    means: Float[np.ndarray, "K 2"],
    covariances: Float[np.ndarray, "K 2 2"],
    a: Float[np.ndarray, "K"],
    b: Float[np.ndarray, "K"],
    aim: float = _AIM,
) -> quadrature.Integral:
    """Return `ln int min(sum a_i p_i, sum b_j p_j)` at one time, with its estimated relative error."""
    keep = np.flatnonzero((a > 0) | (b > 0))
    means, covariances = _turned(means[keep], covariances[keep])
    with np.errstate(divide="ignore"):
        log_a, log_b = np.log(a[keep]), np.log(b[keep])
    edges = _panels(means, covariances, log_a, log_b)
    slope = covariances[:, 0, 1] / covariances[:, 0, 0]
    deviation = np.sqrt(covariances[:, 1, 1] - slope * covariances[:, 0, 1])
    width = np.sqrt(covariances[:, 0, 0])

    def log_slice(u: np.ndarray) -> np.ndarray:
        gap = u[:, None] - means[:, 0]
        here = -0.5 * (gap / width) ** 2 - np.log(width) - 0.5 * np.log(2 * np.pi)
        places = means[:, 1] + slope * gap
        return slices.log_min_on_lines(log_a + here, log_b + here, places, np.tile(deviation, (len(u), 1)))

    return quadrature.integrate(log_slice, edges, aim)


def _full(mixture: GaussianMixture) -> np.ndarray:
    covariances = np.asarray(mixture.covariances, dtype=np.float64)
    kind = mixture.covariance_type
    if kind == "spherical":
        return covariances[:, None, None] * np.eye(2)
    if kind == "diag":
        return covariances[:, :, None] * np.eye(2)
    return np.tile(covariances, (mixture.n_components, 1, 1)) if kind == "tied" else covariances


def _turned(means: np.ndarray, covariances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return means and covariances turned so that lines of constant `u` run along the widest spread of means.

    Far components then meet on one line, where everything is in closed form.
    """
    centred = means - means.mean(0)
    vectors = np.linalg.eigh(centred.T @ centred)[1]  # ascending: u is the narrow direction
    return centred @ vectors, vectors.T @ covariances @ vectors


def _panels(means, covariances, log_a, log_b) -> np.ndarray:
    """Return edges on the `u` axis: around every Gaussian of the envelope, out to where all of it is negligible."""
    first, second = np.flatnonzero(np.isfinite(log_a)), np.flatnonzero(np.isfinite(log_b))
    i, j = (axis.ravel() for axis in np.meshgrid(first, second))
    precisions = np.linalg.inv(covariances)
    joint = np.linalg.inv((precisions[i] + precisions[j]) / 2)
    pulled = np.einsum("pab,pb->pa", precisions[i], means[i]) + np.einsum("pab,pb->pa", precisions[j], means[j])
    centres = np.einsum("pab,pb->pa", joint, pulled / 2)[:, 0]
    widths = np.sqrt(joint[:, 0, 0])
    middle = (covariances[i] + covariances[j]) / 2
    delta = means[i] - means[j]
    quadratic = np.einsum("pa,pa->p", delta, np.linalg.solve(middle, delta[:, :, None])[:, :, 0])
    logdet = np.linalg.slogdet(np.stack([middle, covariances[i], covariances[j]]))[1]
    log_bc = -quadratic / 8 - (logdet[0] - (logdet[1] + logdet[2]) / 2) / 2
    low, high = pairs.bhattacharyya_bracket(log_bc, log_a[i], log_b[j])
    excess = high - low.max() + _TAIL + np.log(len(i))
    reach = np.sqrt(2.0 * np.maximum(excess, 0.0))
    marks = np.array([-1.0, -0.4, 0.0, 0.4, 1.0])
    spots = np.concatenate(
        [centres[:, None] + (widths * reach)[:, None] * marks, centres[:, None] + widths[:, None] * [-1.5, 1.5]], axis=1
    )[excess > 0]
    return quadrature.thinned(spots, 0.8 * np.repeat(widths[excess > 0, None], spots.shape[1], axis=1))


def returns_on_plane(
    place: Plane,
    weights: Float[np.ndarray, "K"],
    sets: SubsetMasks,
    contexts: SubsetMasks,
    sources: SubsetWeights,
    with_logs: bool,
) -> tuple[Curves, Curves, float]:
    """Return `E[P(set | Y, context)]`, `E[ln P(set | Y, context)]` over draws from `sources`, `(T, M)`, and an error.

    Args:
        place: the components at every time.
        weights: mixture weights, `(K,)`.
        sets, contexts: boolean masks `(K, M)`.
        sources: normalised weights of the sub-mixture drawn from, `(K, M)`.
        with_logs: whether to average logarithms too; zeros without.

    Returns:
        The two expectations and the largest estimated relative error of the first.
    """
    values, logs = (np.empty((len(place.means), sets.shape[1])) for _ in range(2))
    worst = 0.0
    for t, (means, covariances) in enumerate(zip(*place, strict=True)):
        means, covariances = _turned(means, covariances)
        roots = np.linalg.inv(np.linalg.cholesky(covariances))
        constants = np.log(np.abs(np.linalg.det(roots))) - np.log(2 * np.pi)

        def log_densities(points: np.ndarray, means=means, roots=roots, constants=constants) -> np.ndarray:
            z = np.einsum("kab,nkb->nka", roots, points[:, None] - means)
            return constants - 0.5 * np.square(z).sum(-1)

        axes = [
            quadrature.clustered(means[:, axis], np.sqrt(covariances[:, axis, axis]), quadrature.SPOTS, 40)
            for axis in (0, 1)
        ]
        values[t], logs[t], error = quadrature.returns_in_boxes(
            log_densities, axes, weights, sets, contexts, sources, with_logs
        )
        worst = max(worst, error)
    return values, logs, worst
