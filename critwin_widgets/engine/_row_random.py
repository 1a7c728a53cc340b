"""Random numbers for the rows of an array: from one key for all of them, or from a key for each row.

With a key for each row, what a row draws does not depend on how many rows are drawn with it.
"""

import jax
import jax.numpy as jnp

from ._types import Array


def has_row_keys(key: jax.Array) -> bool:
    """Return whether a key is an array of keys, one for each row."""
    return jnp.issubdtype(key.dtype, jax.dtypes.prng_key) and key.ndim == 1


def split_rows(key: jax.Array, number: int) -> jax.Array:
    """Return `number` new keys `(number,)`, or as many for each row, `(number, n)`."""
    if has_row_keys(key):
        return jnp.moveaxis(jax.vmap(lambda one: jax.random.split(one, number))(key), 1, 0)
    return jax.random.split(key, number)


def normal(key: jax.Array, shape: tuple[int, ...], dtype=None) -> Array:
    """Return standard normal numbers, rows along the first axis."""
    kind = jnp.result_type(float) if dtype is None else dtype
    if has_row_keys(key):
        return jax.vmap(lambda one: jax.random.normal(one, shape[1:], kind))(key)
    return jax.random.normal(key, shape, kind)


def uniform(key: jax.Array, shape: tuple[int, ...]) -> Array:
    """Return uniform numbers in [0, 1), rows along the first axis."""
    if has_row_keys(key):
        return jax.vmap(lambda one: jax.random.uniform(one, shape[1:]))(key)
    return jax.random.uniform(key, shape)


def pad_rows(key: jax.Array, rows: int) -> jax.Array:
    """Return a key for `rows` rows, those beyond its own repeated from the start; one key serves any number."""
    return key[jnp.arange(rows) % len(key)] if has_row_keys(key) else key
