"""Brackets that need only means, concavities and weights (theory: LC24; forms derived here).

With `1 / kappa_i = a_t^2 / alpha_i + s_t^2` every noised component is `kappa_i`-strongly
log-concave. Everything is written on the sigma clock, where `1 / kappa_i = s_i^2 = 1 / alpha_i +
sigma^2`. For every pair, with `gap` the distance of the means:

- above, by concentration of the projection on the line through both means, for every split
  `gap = g_i + g_j`: `int min(a p_i, b p_j) <= a exp(-g_i^2 / 2 s_i^2) + b exp(-g_j^2 / 2 s_j^2)`;
- above, since a variance is at most `s^2` and by Cauchy's inequality for `gap = int x (p_i - p_j)`:
  `TV >= gap^2 / (gap^2 + 2 s_i^2 + 2 s_j^2)`, which says something at every distance;
- below, by coupling the points before noise: `TV <= E erf(|X - X'| / 2 sqrt(2) sigma)
  <= erf(W_2 / 2 sqrt(2) sigma)`, since erf is concave, so `O >= erfc(W_2 / 2 sqrt(2) sigma)`. This is
  sharper than `KL <= W_2^2 / 2 sigma^2` with Pinsker's inequality at all distances.
"""

from typing import Any

import numpy as np
from scipy import special

from .._types import PairCurves, PerTime
from .._validation import finite_array
from ..components import Gaussian
from ..mixtures import GaussianMixture, LogConcaveMixture, Mixture
from ..processes import clock
from . import pairs

_TRANSPORTED = 4096
"""Pairs up to which `W_2` is asked of the components; beyond, it is bounded by moments."""


def log_overlap_bounds(mixture: Mixture, times: PerTime) -> tuple[PairCurves, PairCurves, PairCurves]:
    """Return `gap_ij / s_i` and bounds of `ln O(p_t^i, p_t^j)` for all pairs, `(T, K, K)` each."""
    known = transport_of(mixture) if len(times) else None
    reach, low, high = pair_bounds(
        mixture.component_offsets, mixture.concavity, times, known, errors=mean_errors(mixture)
    )
    if isinstance(mixture, LogConcaveMixture):
        _sharpen_gaussians(mixture, times, low, high)
    return reach, low, high


def pair_bounds(
    means: np.ndarray,
    concavity: np.ndarray,
    times: PerTime,
    wasserstein: np.ndarray | None = None,
    errors: np.ndarray | None = None,
) -> tuple[PairCurves, PairCurves, PairCurves]:
    """Return `gap_ij / s_i` and bounds of `ln O(p_t^i, p_t^j)` from means `(K, d)` and concavities `(K,)` alone.

    Args:
        means: `(K, d)`.
        concavity: `alpha_i`, `(K,)`.
        times: OU times, `(T,)`.
        wasserstein: upper bounds of `W_2` before noise, `(K, K)`; infinite where nothing is known.
            `W_2^2 <= gap^2 + d / alpha_i + d / alpha_j`, by independent coupling about the means,
            holds for all.
        errors: how far each mean may be off, `(K,)`; bounds hold for all means within. 0 when `None`.
    """
    spread = 1.0 / np.asarray(concavity, dtype=np.float64)
    gap = np.sqrt(np.square(means[:, None] - means[None]).sum(-1))
    slack = np.zeros_like(gap) if errors is None else errors[:, None] + errors[None]
    farthest, gap = gap + slack, np.maximum(gap - slack, 0.0)
    gap2 = np.square(gap)
    variance = clock.to_sigma(times)[:, None] ** 2
    width = np.sqrt(spread + variance)
    total = np.square(width[:, :, None]) + np.square(width[:, None, :])
    high = np.log(2.0) - 0.5 * np.square(gap / (width[:, :, None] + width[:, None, :]))
    high = np.minimum(high, -np.log1p(gap2 / (2 * total)))
    transport = np.sqrt(np.square(farthest) + means.shape[1] * (spread[:, None] + spread[None]))
    if wasserstein is not None:
        transport = np.minimum(transport, wasserstein)
    with np.errstate(divide="ignore", invalid="ignore"):
        low = np.log(2.0) + special.log_ndtr(-transport / (2 * np.sqrt(variance[:, :, None])))
    low = np.where(transport > 0, low, 0.0)  # equal laws, also before noise
    diagonal = np.arange(len(means))
    low[:, diagonal, diagonal] = high[:, diagonal, diagonal] = 0.0
    return gap / width[:, :, None], np.minimum(low, high), high


def mean_errors(mixture: Mixture) -> np.ndarray:
    """Return how far the mean of each component may be off, `(K,)`."""
    if not isinstance(mixture, LogConcaveMixture):
        return np.zeros(mixture.n_components)
    return float(np.exp(-mixture.elapsed)) * np.array([component.mean_error for component in mixture.components])


def transport_of(mixture: Mixture) -> np.ndarray | None:
    """Return upper bounds of `W_2` between components as far as these know them, `(K, K)`, or `None`."""
    count = mixture.n_components
    if not isinstance(mixture, LogConcaveMixture) or count * (count - 1) // 2 > _TRANSPORTED:
        return None
    found = np.zeros((count, count))
    for i, one in enumerate(mixture.components):
        for j, other in enumerate(mixture.components[:i]):
            found[i, j] = found[j, i] = min(one.wasserstein(other), other.wasserstein(one))
    return float(np.exp(-mixture.elapsed)) * found


def _sharpen_gaussians(mixture: LogConcaveMixture, times: PerTime, low: np.ndarray, high: np.ndarray) -> None:
    """Replace, in place, the bounds of pairs of Gaussians by Bhattacharyya's or the exact overlap, where sharper."""
    found = [k for k, component in enumerate(mixture.components) if isinstance(component, Gaussian)]
    if len(found) < 2:
        return
    laws = [mixture.components[k] for k in found]
    means = mixture.component_offsets[found] * float(np.exp(mixture.elapsed))
    covariances = np.stack([law.covariance for law in laws if isinstance(law, Gaussian)])
    gaussian = GaussianMixture(means, covariances, covariance_type="full").at(mixture.elapsed)
    place = np.array(found)
    block = (slice(None), place[:, None], place[None])
    if pairs.same_covariance(gaussian):
        exact = np.log(2.0) + special.log_ndtr(-pairs.mahalanobis(gaussian, times) / 2)
        low[block] = high[block] = exact
        return
    logs = pairs.log_bhattacharyya(gaussian, times)
    low[block] = np.maximum(low[block], 2 * logs - np.log1p(np.sqrt(-np.expm1(2 * logs))))
    high[block] = np.minimum(high[block], logs)


def weighted_bracket(reach: np.ndarray, back: np.ndarray, bounds: tuple[Any, Any], log_a: Any, log_b: Any):
    """Return bounds of `ln int min(a p, b q)` from bounds of `ln int min(p, q)` and the best split of the gap.

    Args:
        reach, back: `gap / s_p` and `gap / s_q`.
        bounds: of `ln int min(p, q)`.
        log_a, log_b: logarithms of the weights.
    """
    log_low, log_high = bounds
    least, most = np.minimum(log_a, log_b), np.maximum(log_a, log_b)
    # Both terms are equal at the share x of the gap with
    # ln a - x^2 reach^2 / 2 = ln b - (1 - x)^2 back^2 / 2; any x gives a bound.
    r2, b2 = np.square(reach), np.square(back)
    c = b2 + 2 * (log_a - log_b)
    root = np.sqrt(np.maximum(np.square(b2) - (b2 - r2) * c, 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.clip(np.nan_to_num(c / (b2 + root)), 0.0, 1.0)
    split = np.logaddexp(log_a - 0.5 * np.square(share) * r2, log_b - 0.5 * np.square(1.0 - share) * b2)
    return least + log_low, np.minimum(np.minimum(least, most + log_high), split)


def check_transport(wasserstein: Any, means: np.ndarray) -> np.ndarray:
    """Return known `W_2` as an array `(K, K)`, or raise `ValueError`: symmetric, and at least the gaps of the means."""
    count = len(means)
    given = np.asarray(wasserstein, dtype=np.float64)
    array = finite_array("wasserstein", np.where(given == np.inf, 0.0, given), 2)
    if array.shape != (count, count):
        raise ValueError(f"wasserstein must have shape {(count, count)}, not {array.shape}")
    array = np.where(given == np.inf, np.inf, array)
    gap = np.sqrt(np.square(means[:, None] - means[None]).sum(-1))
    wrong = (array < gap * (1 - 1e-9)) | (array != array.T)
    if wrong.any():
        i, j = (int(k) for k in np.argwhere(wrong)[0])
        raise ValueError(
            f"wasserstein must be symmetric and at least the distance of the means, but wasserstein[{i}, {j}] is "
            f"{float(array[i, j])!r} where the means are {float(gap[i, j])!r} apart"
        )
    return array
