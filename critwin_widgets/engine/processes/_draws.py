"""Random numbers of rows: each is a hash of its row's seed and its place, so that no batch changes it."""

import jax
import numpy as np
from jaxtyping import Float, Int

from .process import finalised, fold_seeds

NOISE, CHOICE, POINT, REMASK = range(4)
"""What a row's numbers are for; each kind has its own stream, whatever seeds the caller gives."""

_GOLDEN = 0x9E3779B97F4A7C15


def uniforms(seeds: Int[np.ndarray, "B"], stream: int, count: int) -> Float[np.ndarray, "B count"]:
    """Return `count` numbers of each row, uniform and strictly between 0 and 1."""
    with np.errstate(over="ignore"):
        state = finalised(fold_seeds(seeds, stream).astype(np.uint64) + np.uint64(_GOLDEN))[:, None]
        bits = finalised(state + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(_GOLDEN))
    # 53 bits, each the middle of its interval: neither 0 nor 1, whose normal quantiles are infinite.
    return ((bits >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def normals(seeds: Int[np.ndarray, "B"], stream: int, count: int) -> Float[np.ndarray, "B count"]:
    """Return `count` standard normal numbers of each row."""
    from scipy import special

    return special.ndtri(uniforms(seeds, stream, count))


def jax_keys(seeds: Int[np.ndarray, "B"], stream: int) -> jax.Array:
    """Return one `jax.random` key of each row, `(B,)`."""
    words = fold_seeds(seeds, stream).astype(np.uint64)
    halves = np.stack([words >> np.uint64(32), words & np.uint64(0xFFFFFFFF)], axis=1).astype(np.uint32)
    return jax.random.wrap_key_data(jax.numpy.asarray(halves), impl="threefry2x32")


def choose(logits: Float[np.ndarray, "B K"], uniform: Float[np.ndarray, "B"]) -> Int[np.ndarray, "B"]:
    """Return one component of each row from unnormalised log-probabilities and a uniform number."""
    chances = np.exp(logits - logits.max(axis=1, keepdims=True))
    below = np.cumsum(chances, axis=1)
    # A component without probability is never met: numbers lie strictly between 0 and 1.
    return np.minimum((below <= (uniform * below[:, -1])[:, None]).sum(axis=1), logits.shape[1] - 1)
