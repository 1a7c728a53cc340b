"""Checks of arguments that several modules share; each message names argument, value and remedy."""

import difflib
import math
from collections.abc import Iterable
from typing import Any

import jax
import numpy as np


def near_miss(word: str, known: Iterable[str]) -> str:
    """Return `"; did you mean 'x'?"` for the closest known word, or an empty string."""
    close = difflib.get_close_matches(str(word), list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def check_choice(name: str, value: Any, known: Iterable[str]) -> str:
    """Return `value` if it is one of `known`, else raise `ValueError` naming the near miss."""
    options = tuple(known)
    if value not in options:
        raise ValueError(f"{name} must be one of {options}, not {value!r}{near_miss(value, options)}")
    return value


def check_eps(eps: Any, name: str = "eps") -> float:
    """Return `eps` as a float strictly between 0 and 1, else raise `ValueError`."""
    try:
        value = float(eps)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a number strictly between 0 and 1, not {eps!r}") from None
    if not 0.0 < value < 1.0:
        raise ValueError(f"{name} must lie strictly between 0 and 1, not {value!r}")
    return value


def check_times(t: Any, name: str = "t") -> np.ndarray:
    """Return `t` as a float64 array of finite, non-negative OU times, else raise `ValueError`."""
    try:
        given = np.asarray(t)
        if given.size and given.dtype.kind not in "iuf":
            raise TypeError
        times = given.astype(np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be an OU time or an array of them, not {t!r}") from None
    bad = ~(np.isfinite(times) & (times >= 0))
    if bad.any():
        first = float(times[bad].flat[0])
        raise ValueError(f"{name} must be finite and not negative (OU time), got {first!r}")
    return times


def check_time(t: Any, name: str = "t") -> float:
    """Return one finite, non-negative OU time as a float, else raise `ValueError`."""
    times = check_times(t, name)
    if times.ndim:
        raise ValueError(f"{name} must be one OU time, not an array of shape {times.shape}")
    return float(times)


def check_count(name: str, value: Any, minimum: int = 1) -> int:
    """Return `value` as an int of at least `minimum`, else raise `ValueError`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < minimum:
        raise ValueError(f"{name} must be an integer of at least {minimum}, not {value!r}")
    return int(value)


def check_positive(name: str, value: Any, below: float = math.inf) -> float:
    """Return `value` as a positive finite float less than `below`, else raise `ValueError`."""
    limit = f" and less than {below:g}" if math.isfinite(below) else ""
    wrong = isinstance(value, bool | str) or np.ndim(value) != 0
    try:
        number = math.nan if wrong else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0.0 < number < below:
        raise ValueError(f"{name} must be a positive number{limit}, not {value!r}")
    return number


def finite_array(name: str, value: Any, ndim: int | tuple[int, ...]) -> np.ndarray:
    """Return `value` as a float64 array of the given number of axes with finite entries only."""
    try:
        given = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be an array of numbers: {error}") from None
    # NumPy would read "1.5" as a number, True as 1, and drop imaginary parts.
    if given.dtype.kind in "bcOSUmM":
        raise ValueError(f"{name} must hold real numbers, not {given.dtype}")
    array = given.astype(np.float64, copy=False)
    allowed = (ndim,) if isinstance(ndim, int) else ndim
    if array.ndim not in allowed:
        raise ValueError(f"{name} must have {' or '.join(map(str, allowed))} axes, not shape {array.shape}")
    if not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        place = ", ".join(map(str, where))
        raise ValueError(f"{name} must be finite, but {name}[{place}] is {float(array[where])!r}")
    return array


def check_points(x: Any, dim: int, name: str = "x") -> np.ndarray | jax.Array:
    """Return points with a last axis of length `dim`: JAX arrays as they are, all else in float64."""
    points = x if isinstance(x, jax.Array) else np.asarray(x, dtype=np.float64)
    if points.ndim == 0 or points.shape[-1] != dim:
        raise ValueError(f"{name} must have a last axis of length {dim}, not shape {points.shape}")
    return points


def owned(array: np.ndarray, source: Any) -> np.ndarray:
    """Return `array` as one that nobody can write to, copied where it may share memory with `source`."""
    kept = array if array.flags.owndata and array is not source else array.copy()
    kept.setflags(write=False)
    return kept


def check_weights(weights: Any, count: int) -> np.ndarray:
    """Return positive weights that sum to 1, normalising a sum off by at most 1e-6."""
    if weights is None:
        return np.full(count, 1.0 / count)
    array = finite_array("weights", weights, 1)
    if array.shape != (count,):
        raise ValueError(f"weights must have one entry per component ({count}), not shape {array.shape}")
    if (array <= 0).any():
        index = int(np.argmax(array <= 0))
        raise ValueError(f"weights must be positive, but weights[{index}] is {float(array[index])!r}")
    total = math.fsum(array)
    if abs(total - 1.0) > 1e-6:
        raise ValueError(f"weights sum to {total:.6g}, not 1; divide them by their sum")
    return array / total
