"""Brackets that need only means, concavities and weights (theory: LC24; forms derived here).

With `1 / kappa_i = a_t^2 / alpha_i + s_t^2` every noised component is `kappa_i`-strongly
log-concave. Everything is written on the sigma clock, where `1 / kappa_i = 1 / alpha_i + sigma^2`.
"""

import numpy as np

from .._types import PairCurves, PerTime
from ..mixtures import Mixture
from ..processes import clock


def log_overlap_bounds(mixture: Mixture, times: PerTime) -> tuple[PairCurves, PairCurves]:
    """Return bounds of `ln O(p_t^i, p_t^j)` for all pairs, `(T, K, K)` each.

    Above: `O <= 2 exp(-gap^2 / 2 (kappa_i^{-1/2} + kappa_j^{-1/2})^2)`, by concentration of the
    projection on the line through both means. Below: `KL <= W_2^2 / (2 sigma^2)` and
    `TV <= min(sqrt(KL / 2), sqrt(1 - e^{-KL}))`, with `W_2 <= gap + sqrt(d / alpha_i) + sqrt(d / alpha_j)`.
    """
    offsets, spread = mixture.component_offsets, 1.0 / np.asarray(mixture.concavity)
    gap = np.sqrt(np.square(offsets[:, None] - offsets[None]).sum(-1))
    variance = clock.to_sigma(times)[:, None] ** 2
    width = np.sqrt(spread + variance)
    high = np.log(2.0) - 0.5 * np.square(gap / (width[:, :, None] + width[:, None, :]))
    transport = gap + np.sqrt(mixture.dim) * (np.sqrt(spread)[:, None] + np.sqrt(spread)[None])
    with np.errstate(divide="ignore"):
        kl = np.square(transport) / (2 * variance[:, :, None])
    # 1 - sqrt(1 - x) = x / (1 + sqrt(1 - x)) keeps the digits of a tiny x = e^{-KL}.
    low = -kl - np.log1p(np.sqrt(-np.expm1(-kl)))
    with np.errstate(divide="ignore", invalid="ignore"):
        low = np.maximum(low, np.log(np.maximum(1.0 - np.sqrt(kl / 2), 0.0)))
    high = np.minimum(high, 0.0)
    diagonal = np.arange(mixture.n_components)
    low[:, diagonal, diagonal] = high[:, diagonal, diagonal] = 0.0
    return low, high


def weighted_bracket(log_low: np.ndarray, log_high: np.ndarray, log_a: np.ndarray, log_b: np.ndarray):
    """Return bounds of `ln int min(a p, b q)` from bounds of `ln int min(p, q)`."""
    least, most = np.minimum(log_a, log_b), np.maximum(log_a, log_b)
    return least + log_low, np.minimum(least, most + log_high)
