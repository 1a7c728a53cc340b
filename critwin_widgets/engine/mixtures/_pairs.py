"""Coordinates that float32 cannot hold, as pairs of a rounded part and what rounding lost.

A point at 1e6 that is off its component by 1 keeps all digits of that 1: the pair is kept until the
difference to a centre nearby is formed. Under JAX's 64-bit mode there are no low parts.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._precision import working_dtype
from .._types import Array


class Pair(eqx.Module):
    """The sum of `high` and, unless it is `None`, `low`."""

    high: Array
    low: Array | None = None

    def rows(self, index) -> "Pair":
        """Return the rows of an index."""
        low = None if self.low is None else jnp.asarray(self.low)[index]
        return Pair(jnp.asarray(self.high)[index], low)

    def less(self, other: "Pair"):
        """Return the difference in the working precision, accurate where the two are close."""
        gap = self.high - other.high
        gap = gap if self.low is None else gap + self.low
        return gap if other.low is None else gap - other.low

    def shifted(self, other: "Pair") -> "Pair":
        """Return the difference as a pair, with no digit lost (Knuth's two-sum)."""
        gap = self.high - other.high
        if self.low is None and other.low is None:
            return Pair(gap)
        back = gap - self.high
        low = (self.high - (gap - back)) - (other.high + back)
        low = low if self.low is None else low + self.low
        return Pair(gap, low if other.low is None else low - other.low)


def split(array: Array) -> Pair:
    """Return a host array as a pair in the working precision; device arrays have no low part."""
    dtype = working_dtype()
    if not isinstance(array, np.ndarray) or array.dtype == dtype:
        return Pair(array)
    high = array.astype(dtype)
    if np.can_cast(array.dtype, dtype):
        return Pair(high)
    return Pair(high, np.subtract(array, high, dtype=array.dtype).astype(dtype))


def as_points(x: Any, dim: int, name: str = "x") -> Array:
    """Return points with a last axis of length `dim`, a JAX array in the working precision or a host array.

    Raises:
        ValueError: they do not hold real numbers, or the last axis has another length.
    """
    try:
        points = x if isinstance(x, jax.Array) else np.asarray(x)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be an array of numbers: {error}") from None
    if not (jnp.issubdtype(points.dtype, jnp.floating) or jnp.issubdtype(points.dtype, jnp.integer)):
        raise ValueError(f"{name} must hold real numbers, not {points.dtype}")
    if points.ndim == 0 or points.shape[-1] != dim:
        raise ValueError(f"{name} must have a last axis of length {dim}, not shape {points.shape}")
    return points.astype(working_dtype()) if isinstance(points, jax.Array) else points


def less_centre(points: Array, centre: Array, near: bool) -> Pair | None:
    """Return wide host points less a centre, or `None` where the device can subtract without loss.

    Points that the working precision cannot hold are made small in their own first; the low part of
    what is left matters only when components are far apart.
    """
    if isinstance(points, jax.Array) or isinstance(centre, jax.Array):
        return None
    if np.can_cast(points.dtype, working_dtype()):
        return None
    if not near:
        return split(points - centre)
    small = np.empty(points.shape, working_dtype())
    return Pair(np.subtract(points, centre, out=small, casting="same_kind"))
