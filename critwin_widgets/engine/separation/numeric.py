"""Quadrature for mixtures of any kind in one or two dimensions, from their log-densities alone.

Strong log-concavity says where a component can have mass: `P(|<e, Y - m>| >= r) <= 2 exp(-kappa r^2 / 2)`.
Panels are laid around every component and between every two, and halved where densities cross, jump
(the edge of a support) or peak. Log-densities are evaluated in float64, for this thread and for the
time of the evaluation only.
"""

import jax
import numpy as np
from jaxtyping import Float

from .._types import Curves, PerTime, SubsetMasks, SubsetWeights
from ..mixtures import Mixture
from . import quadrature

_AIM = 1e-8
_FAR = np.array([-40.0, -20.0, -12.0, *quadrature.SPOTS, 12.0, 20.0, 40.0])
_BOX_AIM = 2e-7


def log_overlaps(
    mixture: Mixture, times: PerTime, a: Float[np.ndarray, "K"], b: Float[np.ndarray, "K"]
) -> tuple[PerTime, PerTime]:
    """Return `ln int min(sum a_i p_i, sum b_j p_j)` at all times and its estimated relative error, `(T,)` each."""
    found = [_log_overlap(mixture.at(float(t)), a, b) for t in times]
    return np.array([x.log_value for x in found]), np.array([x.relative_error for x in found])


def _log_overlap(mixture: Mixture, a: np.ndarray, b: np.ndarray) -> quadrature.Integral:
    with np.errstate(divide="ignore"):
        log_a, log_b = np.log(a), np.log(b)

    def log_min(points: np.ndarray) -> np.ndarray:
        logs = log_densities(mixture, points)
        return np.minimum(np.logaddexp.reduce(logs + log_a, axis=-1), np.logaddexp.reduce(logs + log_b, axis=-1))

    if mixture.dim == 1:
        found = quadrature.integrate(lambda x: log_min(x[:, None]), _edges(mixture, 0, _FAR, 4000), _AIM)
    else:
        axes = [_edges(mixture, axis, quadrature.SPOTS, 24) for axis in (0, 1)]
        found = quadrature.integrate_log_boxes(log_min, axes, _BOX_AIM)
    return quadrature.Integral(found.log_value, found.relative_error + 2 * log_prob_error(mixture))


def returns(
    mixture: Mixture,
    times: PerTime,
    sets: SubsetMasks,
    contexts: SubsetMasks,
    sources: SubsetWeights,
    with_logs: bool,
) -> tuple[Curves, Curves, float]:
    """Return what `plane.returns_on_plane` does, for any mixture on a plane or a line."""
    values, logs = (np.empty((len(times), sets.shape[1])) for _ in range(2))
    weights, worst = np.asarray(mixture.weights), 0.0
    for t, time in enumerate(times):
        noised = mixture.at(float(time))
        axes = [_edges(noised, axis, quadrature.SPOTS, 40) for axis in range(mixture.dim)]
        if mixture.dim == 1:
            # One dimension is a plane on which nothing depends on the second place.
            axes.append(np.array([0.0, 1.0]))

        def densities(points: np.ndarray, noised=noised) -> np.ndarray:
            return log_densities(noised, points[:, : noised.dim])

        values[t], logs[t], error = quadrature.returns_in_boxes(
            densities, axes, weights, sets, contexts, sources, with_logs
        )
        worst = max(worst, error + 2 * log_prob_error(noised))
    return values, logs, worst


def log_prob_error(mixture: Mixture) -> float:
    """Return the error that a mixture states for its log-densities in float64."""
    with jax.enable_x64(True):
        return float(mixture.log_prob_error)


def log_densities(mixture: Mixture, points: np.ndarray) -> np.ndarray:
    """Return `ln p^i` at points `(N, d)` in float64, `(N, K)`; few shapes are compiled."""
    size = max(1024, 1 << (len(points) - 1).bit_length())
    padded = np.concatenate([points, np.repeat(points[-1:], size - len(points), axis=0)])
    with jax.enable_x64(True):
        return np.asarray(mixture.log_prob_components(padded), np.float64)[: len(points)]


def _edges(mixture: Mixture, axis: int, offsets: np.ndarray, most: int) -> np.ndarray:
    means = mixture.component_means[:, axis]
    wide = 1.0 / np.sqrt(np.asarray(mixture.concavity))
    narrow = np.full(len(means), np.sqrt(mixture.variance_range[0]))
    between = (means[:, None] + means[None]).ravel() / 2
    centres = np.concatenate([means, means, between])
    scales = np.concatenate([wide, narrow, np.full(len(between), narrow[0])])
    return quadrature.clustered(centres, scales, offsets, most)
