"""Log-density ratios of mixtures without a kernel of their own: evaluated once, kept in memory."""

import jax
import numpy as np
from jaxtyping import Float

from .._memory import check_memory
from .._types import PerTime
from ..mixtures import LogConcaveMixture, Mixture
from ..processes import noise_variance, signal

_TABULATED = 16
"""Times whose tables of noised densities are made in one go."""


def log_ratios(mixture: Mixture, times: PerTime, n: int, key) -> Float[np.ndarray, "T K n K"]:
    """Return `ln p_t^j(Y) - ln p_t^k(Y)` for `n` draws from every component k, in float32.

    The draws before noise and the noise are the same at all times (common random numbers).

    Raises:
        MemoryError: the ratios would not fit into the free memory.
    """
    count, dim = mixture.n_components, mixture.dim
    check_memory(
        4.0 * len(times) * n * count**2 + 8.0 * count * n * (3 * dim + 2 * count),
        f"log-density ratios of {n} draws from each of {count} components at {len(times)} times",
        "use fewer draws (n), components or times",
    )
    keys = jax.random.split(key, count + 1)
    clean = _clean_draws(mixture, keys[:count], n)
    noise = np.asarray(jax.random.normal(keys[-1], clean.shape), np.float64)
    own = np.arange(count)
    found = np.empty((len(times), count, n, count), np.float32)
    for row, t in enumerate(times):
        if row % _TABULATED == 0:
            _prepare(mixture, times[row : row + _TABULATED])
        # In float64 on the host, so that components may lie 1e4 deviations apart.
        y = float(signal(t)) * clean + float(np.sqrt(noise_variance(t))) * noise
        logs = np.asarray(mixture.at(float(t)).log_prob_components(y), np.float64)
        found[row] = logs - logs[own, :, own][:, :, None]
    return found


def log_errors(mixture: Mixture, times: PerTime) -> PerTime:
    """Return how far the log-density of any component may be off at points it draws, `(T,)`; 0 for closed forms."""
    if not isinstance(mixture, LogConcaveMixture):
        return np.zeros(len(times))
    return np.array([mixture.at(float(t)).log_prob_error for t in times])


def overlap_shift(mean: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Return how far errors of log-densities may have moved an average of `2 min(p, q) / (p + q)`.

    With `l = ln(p / q)` the average is of `2 / (1 + e^|l|)`, and errors up to `error` of both
    logarithms move l by at most `2 error`: the value by at most `tanh(error)`, and by at most a
    factor `e^{2 error}` (derived here).
    """
    return np.minimum(np.tanh(error), np.expm1(2 * error) * mean)


def return_shift(mean: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Return how far errors of log-densities may have moved an average of posterior probabilities.

    The logit of a probability moves by at most `2 error`: the probability by at most
    `tanh(error / 2)`, and it and its complement by at most a factor `e^{2 error}` (derived here).
    """
    return np.minimum(np.tanh(error / 2), np.expm1(2 * error) * np.minimum(mean, 1.0 - mean))


def _clean_draws(mixture: Mixture, keys, n: int) -> np.ndarray:
    """Return `n` draws before noise from every component, `(K, n, d)` in float64."""
    if isinstance(mixture, LogConcaveMixture) and isinstance(mixture.elapsed, float) and mixture.elapsed == 0:
        # Draws without the mean, to which it is added in float64: a far component keeps its digits.
        offsets = [
            np.asarray(c.sample_offsets(k, n), np.float64) for c, k in zip(mixture.components, keys, strict=True)
        ]
        return np.stack(offsets) + mixture.component_means[:, None, :]
    return np.stack([np.asarray(mixture.sample(key, n, k), np.float64) for k, key in enumerate(keys)])


def _prepare(mixture: Mixture, times: PerTime) -> None:
    if isinstance(mixture, LogConcaveMixture):
        mixture.prepare(times)
