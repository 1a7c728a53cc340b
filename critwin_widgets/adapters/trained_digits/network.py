"""The denoiser: a residual network on 64 pixels, told the noise level in every block."""

from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

PIXELS = 64
WEIGHTS = Path(__file__).with_name("weights.safetensors")
SPREAD = 0.75
"""Standard deviation of the pixels in [-1, 1], `sigma_data` of the preconditioning."""

_WIDTH = 320
_BLOCKS = 4
_FREQUENCIES = 16


class Block(eqx.Module):
    """Two layers on a residual path, scaled and shifted by what is known of the noise level."""

    inner: eqx.nn.Linear
    outer: eqx.nn.Linear
    level: eqx.nn.Linear

    def __init__(self, key: jax.Array):
        first, second, third = jax.random.split(key, 3)
        self.inner = eqx.nn.Linear(_WIDTH, _WIDTH, key=first)
        self.outer = _quiet(eqx.nn.Linear(_WIDTH, _WIDTH, key=second))
        self.level = _quiet(eqx.nn.Linear(2 * _FREQUENCIES, 2 * _WIDTH, key=third))

    def __call__(self, hidden, level, keep):
        """Return the hidden state after the block; `keep` is a dropout mask or 1."""
        scale, shift = jnp.split(self.level(level), 2)
        normal = (hidden - jnp.mean(hidden)) * jax.lax.rsqrt(jnp.var(hidden) + 1e-5)
        inside = jax.nn.silu(self.inner(normal * (1 + scale) + shift)) * keep
        return hidden + self.outer(inside)


class Denoiser(eqx.Module):
    """`D(x, sigma)`, an estimate of `E[X | X + sigma Z = x]`, preconditioned as by Karras et al. (2022, Table 1)."""

    first: eqx.nn.Linear
    blocks: tuple[Block, ...]
    last: eqx.nn.Linear

    def __init__(self, key: jax.Array):
        first, last, *rest = jax.random.split(key, 2 + _BLOCKS)
        self.first = eqx.nn.Linear(PIXELS, _WIDTH, key=first)
        self.blocks = tuple(Block(one) for one in rest)
        self.last = _quiet(eqx.nn.Linear(_WIDTH, PIXELS, key=last))

    def __call__(self, x: Float[Array, " 64"], sigma: Float[Array, ""], keep=None) -> Float[Array, " 64"]:
        """Denoise one image.

        Args:
            x: `X + sigma Z`, pixels `(64,)`.
            sigma: noise scale, positive.
            keep: dropout masks, one row per block, while training.
        """
        total = jax.lax.rsqrt(sigma**2 + SPREAD**2)
        level = _waves(jnp.log(sigma))
        hidden = self.first(x * total)
        for number, block in enumerate(self.blocks):
            hidden = block(hidden, level, 1.0 if keep is None else keep[number])
        change = self.last(jax.nn.silu(hidden))
        return (SPREAD * total) ** 2 * x + sigma * SPREAD * total * change


def dropout_masks(key: jax.Array, rows: int, rate: float) -> jax.Array:
    """Return one dropout mask for each row and block, `(rows, blocks, width)`, scaled to keep the mean."""
    return jax.random.bernoulli(key, 1 - rate, (rows, _BLOCKS, _WIDTH)) / (1 - rate)


def to_arrays(model: Denoiser) -> dict[str, np.ndarray]:
    """Return all weights by name in half precision."""
    named = jax.tree_util.tree_flatten_with_path(eqx.filter(model, eqx.is_array))[0]
    return {_name(path): np.asarray(leaf, np.float16) for path, leaf in named}


def from_arrays(arrays: dict[str, np.ndarray]) -> Denoiser:
    """Return the network of `to_arrays`, computing in float32.

    Raises:
        ValueError: the names or shapes are those of another network.
    """
    blank = eqx.filter_eval_shape(Denoiser, jax.random.key(0))
    leaves, structure = jax.tree_util.tree_flatten_with_path(blank)
    wanted = {_name(path): leaf.shape for path, leaf in leaves}
    found = {name: value.shape for name, value in arrays.items()}
    if wanted != found:
        odd = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
        raise ValueError(f"the weights are not those of this network: {', '.join(odd[:4])} differ")
    return jax.tree_util.tree_unflatten(
        structure, [jnp.asarray(arrays[_name(path)], jnp.float32) for path, _leaf in leaves]
    )


def _name(path) -> str:
    return jax.tree_util.keystr(path, simple=True, separator=".")


def _quiet(layer: eqx.nn.Linear) -> eqx.nn.Linear:
    """The layer with weights of zero, so that training starts from the identity."""
    return jax.tree_util.tree_map(jnp.zeros_like, layer)


def _waves(log_sigma: jax.Array) -> jax.Array:
    places = log_sigma * jnp.geomspace(0.25, 4.0, _FREQUENCIES)
    return jnp.concatenate([jnp.sin(places), jnp.cos(places)])
