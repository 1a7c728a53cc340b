"""Checks of the arguments that samplers share."""

import math
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from .._memory import check_memory
from .._types import TimeLike
from .._validation import check_choice, check_count, check_times
from ..mixtures import as_key

if TYPE_CHECKING:
    import diffrax

MAX_BYTES = 2**30
"""Largest result, unless a larger one is allowed."""

MAX_STEPS = 4096


def check_key(key: Any) -> jax.Array:
    """Return one `jax.random` key from a key, an old-style key array or an integer seed.

    Raises:
        TypeError: anything else, or several keys.
    """
    found = as_key(key)
    if jnp.issubdtype(found.dtype, jax.dtypes.prng_key):
        data, kind = found, jax.random.key_impl(found)
    elif found.dtype == jnp.uint32 and found.ndim == 1:
        data, kind = jax.random.wrap_key_data(found), None
    else:
        raise TypeError(f"key must be a jax.random key or an integer seed, not an array of {found.dtype}")
    if data.shape:
        raise TypeError(f"key must be one jax.random key, not an array of keys of shape {data.shape}; split it first")
    # A key that lives on one device would tie all draws to it.
    return jax.random.wrap_key_data(jnp.asarray(np.asarray(jax.random.key_data(data))), impl=kind)


def one_time(t: Any, name: str) -> float:
    """Return one OU time, else raise `ValueError`."""
    found = check_times(t, name)
    if found.ndim:
        raise ValueError(f"{name} must be one OU time, not an array of shape {found.shape}")
    return float(found)


def save_times(save_at: TimeLike | None, t_start: float) -> np.ndarray:
    """Return the OU times at which trajectories are kept, `(S,)`; both ends when `None`.

    Raises:
        ValueError: no time at all, or one outside `[0, t_start]`.
    """
    if save_at is None:
        return np.asarray([t_start, 0.0])
    times = np.atleast_1d(check_times(save_at, "save_at"))
    if times.ndim > 1 or not len(times):
        raise ValueError(f"save_at must be OU times (S,) with at least one entry, not shape {times.shape}")
    if times.max() > t_start:
        raise ValueError(f"save_at must lie in [0, {t_start:g}], the times of the reverse process, got {times.max():g}")
    return times


def check_positive(name: str, value: Any) -> float:
    """Return a finite number above 0, else raise `ValueError`."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise ValueError(f"{name} must be a positive number, not {value!r}")
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be positive and finite, not {float(value)!r}")
    return float(value)


def check_solver(solver: Any, method: str, adaptive: bool) -> None:
    """Raise unless `solver` is a diffrax solver that can do what is asked of it."""
    import diffrax  # a quarter of a second that the exact method does without

    if not isinstance(solver, diffrax.AbstractSolver):
        raise TypeError(f"solver must be a diffrax solver such as diffrax.Heun(), not {solver!r}")
    name = type(solver).__name__
    if isinstance(solver, diffrax.AbstractImplicitSolver):
        raise ValueError(f"solver must be explicit, not {name}: nothing about the reverse process is stiff")
    noisy = isinstance(solver, diffrax.AbstractItoSolver | diffrax.AbstractStratonovichSolver)
    if method == "sde" and not noisy:
        raise ValueError(f"solver must be one for SDEs, such as diffrax.ShARK(), not {name}")
    if method == "ode" and isinstance(solver, diffrax.AbstractSRK):
        raise ValueError(f"solver must be one for ODEs, such as diffrax.Tsit5(), not {name}")
    if adaptive and not _estimates_errors(solver):
        raise ValueError(f"solver {name} estimates no errors: give the number of steps as well")


def _estimates_errors(solver: "diffrax.AbstractSolver") -> bool:
    import diffrax

    if isinstance(solver, diffrax.AbstractSRK):
        return solver.tableau.b_error is not None
    return isinstance(solver, diffrax.AbstractAdaptiveSolver)


def check_size(numbers: float, what: str, max_bytes: Any, remedy: str) -> None:
    """Refuse, before anything is allocated, a result larger than allowed or than there is memory for.

    Args:
        numbers: how many float64 numbers are returned.
        what: what they are, as the subject of a sentence.
        max_bytes: the size allowed.
        remedy: what to do instead.
    """
    most, size = check_positive("max_bytes", max_bytes), 8.0 * numbers
    if size > most:
        raise MemoryError(f"{what} would need {_bytes(size)}, more than max_bytes={_bytes(most)}; {remedy}")
    check_memory(2.0 * size, what, remedy)  # the device has its copy


def _bytes(size: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.4g} {unit}"
        size /= 1024
    return f"{size:.4g} GiB"


def check_method(method: Any) -> str:
    """Return the name of a way to run the reverse process."""
    return check_choice("method", method, ("exact", "sde", "ode"))


def check_steps(steps: Any, max_steps: Any) -> tuple[int | None, int]:
    """Return the number of fixed steps, if any, and the most that a pilot may take."""
    return None if steps is None else check_count("steps", steps), check_count("max_steps", max_steps)
