"""Checks of what a `Potential` is made of: its function, its concavity and its mode."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._precision import working_dtype
from ._curvature import CHECKED, check_curvature, show
from ._facts import find_mode


@eqx.filter_jit
def _value(log_density, x):
    return log_density(x)


def check_concavity(value: Any) -> float:
    """Return `concavity` as a positive number, or raise `ValueError`."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"concavity must be a positive number, not {value!r}") from None
    if not (np.isfinite(number) and number > 0):
        raise ValueError(f"concavity must be positive and finite, not {number!r}")
    return number


def check_function(log_density, start: np.ndarray) -> None:
    """Raise where the function cannot be traced, is no scalar, or is not finite at the start."""
    try:
        shape = jax.eval_shape(log_density, jax.ShapeDtypeStruct(start.shape, working_dtype()))
    except Exception as error:
        raise TypeError(
            f"log_density cannot be traced by JAX at a point of shape {start.shape}; write it with jax.numpy: {error}"
        ) from error
    if not hasattr(shape, "shape") or shape.shape != () or not jnp.issubdtype(shape.dtype, jnp.floating):
        raise ValueError(f"log_density must return one real number for a point {start.shape}, not {shape}")
    value = float(_value(log_density, start))
    if not np.isfinite(value):
        raise ValueError(f"log_density is {value} at x = {show(start)}; give a start where it is finite")


def checked_mode(log_density, start: np.ndarray, concavity: float) -> tuple:
    """Return the mode, the log-density there and its negative Hessian, after a check of the curvature around."""
    x, decrement, level, hessian = (np.asarray(part, np.float64) for part in find_mode(log_density, start))
    check_curvature(log_density, x[None], concavity)
    if not decrement < 1e-2:
        raise ValueError(
            f"no mode of log_density found from start = {show(start)}: Newton's method stopped at x = {show(x)}, "
            f"{float(decrement):.3g} standard deviations from it; give a start closer to the mode"
        )
    rng = np.random.default_rng(0)
    around = np.linalg.solve(np.linalg.cholesky(hessian).T, rng.normal(size=(len(x), CHECKED)))
    radius = np.array([1.0, 3.0, 6.0, 0.3])[np.arange(CHECKED) % 4]
    check_curvature(log_density, x + (around * radius).T, concavity)
    return x, level, hessian
