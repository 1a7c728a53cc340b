"""The precision of device arrays: float64 where the user has switched it on, float32 otherwise.

JAX's own switch `jax_enable_x64`, or `with jax.enable_x64(True):` for a while, decides; nothing here
sets it. Facts about a mixture stay in float64 on the host under either.
"""

import jax
import jax.numpy as jnp
import numpy as np


def working_dtype() -> np.dtype:
    """Return the dtype of device arrays made now: float64 if JAX's 64-bit mode is on, else float32."""
    return np.dtype(np.float64 if jnp.result_type(float) == jnp.float64 else np.float32)


def to_device(array) -> jax.Array:
    """Return a host array on the device, rounded to the working precision."""
    return jnp.asarray(np.asarray(array, dtype=working_dtype()))
