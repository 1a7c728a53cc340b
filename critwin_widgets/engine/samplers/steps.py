"""Integration on steps that an error-controlled pilot has chosen.

A pilot of a few hundred samples is integrated with adaptive steps, all of them sharing the step
that the worst one needs. The steps it took are then frozen and serve every sample. So a step size
never depends on the sample that is moved by it (no bias, and the same key gives the same path
however samples are cut into chunks), the score is one matrix product for all samples, and none of
them waits for another. The pilot's key is fixed: the steps are a fact of the mixture and the times.
"""

from types import ModuleType
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._devices import fetch, spread
from . import ode, sde
from ._process import ReverseError, ReverseProcess

METHODS: dict[str, ModuleType] = {"sde": sde, "ode": ode}

PILOTS = 256
"""Samples in a pilot."""


class Frozen(diffrax.AbstractStepSizeController[Any, None]):
    """Steps to given ends, of which there may be fewer than places: infinity fills the rest.

    So a number of steps compiles nothing anew that its bucket has compiled before.
    """

    ends: jax.Array

    def wrap(self, direction):
        """Return the controller itself: reverse time runs forwards."""
        return self

    def init(self, terms, t0, t1, y0, dt0, args, func, error_order):
        """Return the end of the first step and the place of the next."""
        return self.ends[1], 2

    def adapt_step_size(self, t0, t1, y0, y1_candidate, args, y_error, error_order, controller_state):
        """Accept the step and return the next."""
        ahead = self.ends[jnp.minimum(controller_state, len(self.ends) - 1)]
        return True, t1, ahead, False, controller_state + 1, diffrax.RESULTS.successful


def choose_steps(
    process: ReverseProcess,
    method: str,
    solver: diffrax.AbstractSolver,
    end: float,
    tolerance: float,
    max_steps: int,
) -> np.ndarray:
    """Return the step ends, from 0 to `end` on the clock of reverse time, that a pilot needed.

    Args:
        process: the reverse process.
        method: "sde" or "ode".
        solver: a diffrax solver with an error estimate.
        end: `tau` at the start.
        tolerance: largest error of a step, in standard deviations of the narrowest component.
        max_steps: steps after which to give up, rejected ones included.

    Raises:
        ReverseError: more steps would be needed, or the solver failed.
    """
    ends, result = _pilot(process, method, solver, jnp.asarray(end, float), jnp.asarray(tolerance, float), max_steps)
    if not bool(result == diffrax.RESULTS.successful):
        reason = str(diffrax.RESULTS[result]).strip().split("\n")[0]
        raise ReverseError(f"{gave_up(method, tolerance, max_steps)} ({reason})")
    found = fetch(jnp.asarray(ends)).astype(np.float64)
    return np.concatenate([[0.0], found[np.isfinite(found)]])


def gave_up(method: str, tolerance: float, max_steps: int) -> str:
    """Return what to say when a pilot has run out of steps."""
    return (
        f"method {method!r} could not keep the error of a step below tolerance={tolerance:g} "
        f"with max_steps={max_steps}; raise tolerance or max_steps"
    )


def _worst(error: Any) -> Any:
    return jnp.max(jnp.sqrt(jnp.mean(jnp.square(error), axis=-1)))


@eqx.filter_jit
def _pilot(process: ReverseProcess, method: str, solver, end, tolerance, max_steps: int):
    start_key, path_key = jax.random.split(jax.random.key(0))
    start = process.start(start_key, PILOTS, end)
    proportional, integral = (0.1, 0.3) if method == "sde" else (0.0, 1.0)  # noise makes errors jump
    control = diffrax.PIDController(
        # Relative to the size of a point only where its last digits are all there is.
        rtol=10 * float(jnp.finfo(start.dtype).eps),
        atol=tolerance,
        norm=_worst,
        pcoeff=proportional,
        icoeff=integral,
    )
    solution = diffrax.diffeqsolve(
        METHODS[method].terms(solver, jax.random.split(path_key, PILOTS), start.shape[1]),
        solver,
        jnp.zeros_like(end),
        end,
        None,
        start,
        args=(process, end),
        saveat=diffrax.SaveAt(steps=True, fn=lambda u, x, args: u),
        stepsize_controller=control,
        max_steps=max_steps,
        throw=False,
        adjoint=diffrax.ForwardMode(),  # nothing is kept for a backward pass
    )
    return solution.ts, solution.result


def freeze(ends: np.ndarray, stops: np.ndarray, dtype: Any) -> np.ndarray:
    """Return increasing step ends that meet every stop, as the device (or the host) will see them.

    Args:
        ends: the step ends wanted, from 0 to the end.
        stops: moments to be met exactly, in the same range.
        dtype: the precision of the clock.
    """
    far = np.abs(ends[:, None] - stops[None]).min(axis=1, initial=np.inf) > 1e-6 * ends[-1]
    return np.unique(np.concatenate([ends[far], stops, ends[:1], ends[-1:]]).astype(dtype))


def integrate(process: ReverseProcess, method: str, solver, start: np.ndarray, key, first: int, grid, stops):
    """Move points from reverse time 0 along `grid` and return them at `stops`, `(S, n, d)`.

    Args:
        process: the reverse process.
        method: "sde" or "ode".
        solver: a diffrax solver.
        start: points at reverse time 0 in the coordinates `U`, `(n, d)`.
        key: key of all samples.
        first: number of the first of these samples; sample i uses the i-th key made from `key`.
        grid: increasing step ends from `freeze`.
        stops: entries of `grid`, increasing.

    Raises:
        ReverseError: the solver failed, or points are not finite.
    """
    ends = np.pad(grid, (0, bucket(len(grid), 64) - len(grid)), constant_values=np.inf)
    kept = np.pad(stops, (0, bucket(len(stops), 4) - len(stops)), mode="edge")
    points, result = _run(
        process, method, solver, start.astype(grid.dtype), key, np.uint32(first), ends, kept, grid[-1]
    )
    if not bool(result == diffrax.RESULTS.successful):
        raise ReverseError(f"method {method!r} failed: {diffrax.RESULTS[result]}")
    found = fetch(points)[: len(stops)]
    check_finite(found, method, first, len(grid) - 1)
    return found


def check_finite(points: np.ndarray, method: str, first: int, steps: int) -> None:
    """Raise where points `(S, n, d)`, numbered from `first`, are not finite."""
    if not np.isfinite(points).all():
        row = int(np.argwhere(~np.isfinite(points))[0][1])
        raise ReverseError(
            f"method {method!r} left the finite numbers at sample {first + row}: "
            f"{steps} steps are too few; raise steps, or leave the steps to the tolerance"
        )


def bucket(size: int, least: int) -> int:
    """Return the next of `least`, 2 `least`, 4 `least`, ...: few sizes are few compilations."""
    return least << max(-(-size // least) - 1, 0).bit_length()


@eqx.filter_jit
def _run(process: ReverseProcess, method: str, solver, start, key, first, ends, stops, end):
    keys = jax.vmap(lambda i: jax.random.fold_in(key, first + i))(jnp.arange(start.shape[0], dtype=jnp.uint32))
    start, keys = spread(jnp.asarray(start)), spread(keys)
    solution = diffrax.diffeqsolve(
        METHODS[method].terms(solver, keys, start.shape[1]),
        solver,
        jnp.zeros_like(end),
        end,
        None,
        start,
        args=(process, end),
        saveat=diffrax.SaveAt(ts=stops),
        stepsize_controller=Frozen(ends),
        max_steps=len(ends),
        throw=False,
        adjoint=diffrax.ForwardMode(),  # nothing is kept for a backward pass
    )
    return spread(jnp.asarray(solution.ys), 1), solution.result
