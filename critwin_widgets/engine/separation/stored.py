"""Log-density ratios of mixtures without a kernel of their own: evaluated once, kept in memory."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from .._types import PerTime
from ..mixtures import Mixture
from ..processes import noise_variance, signal


def log_ratios(mixture: Mixture, times: PerTime, n: int, key) -> Float[np.ndarray, "T K n K"]:
    """Return `ln p_t^j(Y) - ln p_t^k(Y)` for `n` draws from every component k, in float32.

    The draws before noise and the noise are the same at all times (common random numbers).
    """
    count = mixture.n_components
    keys = jax.random.split(key, count + 1)
    clean = jnp.stack([jnp.asarray(mixture.sample(keys[k], n, k)) for k in range(count)])
    noise = jax.random.normal(keys[-1], clean.shape)
    own = np.arange(count)
    found = np.empty((len(times), count, n, count), np.float32)
    for row, t in enumerate(times):
        y = float(signal(t)) * clean + float(np.sqrt(noise_variance(t))) * noise
        logs = np.asarray(mixture.at(float(t)).log_prob_components(y), np.float64)
        found[row] = logs - logs[own, :, own][:, :, None]
    return found
