"""The reverse process of mixtures whose noised laws are made for one time after the other, stepped from the host.

The noised law of a product, say, is a table for each time: inside compiled code, where times are
not known yet, there is none. So diffrax's solvers are called step by step, with compilation off, and
ask for the score at times that are plain numbers. As for Gaussian mixtures a pilot chooses the steps,
which are then frozen and serve every sample.

A density may end abruptly, as a truncated one does, and its score near the edge grows without limit as
`t` goes to 0. So the steps end where the noise left is as small as the error allowed. What
remains is no longer integrated: the SDE's last stretch is drawn from the posterior, which is exact in
law, and the flow's is replaced by the posterior mean.
"""

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from ..mixtures import LogConcaveMixture, Mixture
from ..processes import noise_variance, signal
from ._process import Clock, ReverseError
from .steps import METHODS, PILOTS, check_finite, gave_up

_TABULATED = 16
"""Times whose noised laws are made in one go."""

_FIRST_STEP = 0.01


@dataclasses.dataclass(frozen=True)
class HostProcess(Clock):
    """Drifts of the reverse process in the coordinates `U`, at times known on the host.

    Args:
        mixture: any mixture.
        log_unit: `ln v`, the logarithm of the smallest variance of any component in any direction.
        offset: the mean of the mixture, `(d,)`.
        levels: the values of `tau` at which the score will be asked for: what is asked for is the
            nearest one, so that rounding makes no new times.
    """

    mixture: Mixture
    log_unit: np.ndarray
    offset: np.ndarray
    levels: np.ndarray

    @staticmethod
    def of(mixture: Mixture) -> "HostProcess":
        """Return the process of a mixture."""
        log_unit = np.log(np.asarray(mixture.variance_range[0], dtype=np.float64))
        return HostProcess(mixture, log_unit, np.asarray(mixture.noised_mean(), np.float64), np.zeros(1))

    def reach(self, stops: np.ndarray, t: float, tolerance: float) -> np.ndarray:
        """Return decreasing OU times with the last, 0, moved to where the noise is `tolerance` of the unit."""
        if t == 0.0:
            return stops
        least = 0.5 * np.log1p(tolerance**2 * np.exp(self.log_unit))
        # At least one step, and none beyond a time that is kept.
        near = 0.5 * np.log1p(np.expm1(2.0 * t) / 16.0)
        return np.append(stops[:-1], min(least, near, *stops[:-1]))

    def time(self, tau: np.ndarray | float) -> np.ndarray:
        """Return the OU time at `tau`."""
        with np.errstate(divide="ignore"):
            return 0.5 * np.logaddexp(0.0, self.log_unit + 2.0 * tau + np.log(-np.expm1(-2.0 * np.asarray(tau))))

    def ready(self, levels: np.ndarray) -> "HostProcess":
        """Return the process with what it needs at values of `tau` made in one go."""
        if isinstance(self.mixture, LogConcaveMixture):
            with jax.disable_jit(False):
                self.mixture.prepare(self.time(levels).tolist())
        return dataclasses.replace(self, levels=levels)

    def score(self, tau: Any, u: jax.Array) -> jax.Array:
        """Return `grad ln q_tau(u)` for points `(n, d)`."""
        if isinstance(u, Tracer):
            return jnp.zeros_like(u)  # solvers that look at shapes first
        t = float(self.time(self.levels[np.argmin(np.abs(self.levels - float(tau)))]))
        scale = self.scale(t)
        with jax.disable_jit(False):
            # In float64 on the host, where a common offset costs no digits.
            found = self.mixture.at(t).score(scale * np.asarray(u, np.float64) + signal(t) * self.offset)
            return jnp.asarray(scale * np.asarray(found, np.float64), u.dtype)

    def start_points(self, key: jax.Array, n: int, t: float) -> np.ndarray:
        """Draw `n` points from `q_tau` at the OU time `t`, `(n, d)`."""
        points = np.asarray(self.mixture.at(t).sample(key, n), np.float64)
        return (points - signal(t) * self.offset) / self.scale(t)

    def expected(self, y: np.ndarray, t: float) -> np.ndarray:
        """Return the posterior mean of `X` given `Y_t = y`, `(n, d)` (Tweedie's formula)."""
        pull = np.asarray(self.mixture.at(t).score(y), np.float64)
        return (y + noise_variance(t) * pull) / signal(t)


class _Walk:
    """Points moved step by step by a solver, with its hidden state."""

    def __init__(self, method: str, solver: diffrax.AbstractSolver, top: float, points: jax.Array, keys: jax.Array):
        self.method, self.solver, self.top, self.keys = method, _plain(solver), top, keys
        self.points, self.state = points, None

    def attempt(self, process: HostProcess, first: float, last: float, number: int):
        """Return points, hidden state and error estimate after a step that is not taken yet."""
        args = process, np.float64(self.top)
        # Numbers of its own for every step, however short.
        keys = _folded(self.keys, np.uint32(number)) if self.method == "sde" else self.keys
        with jax.disable_jit():
            terms: Any = METHODS[self.method].terms(self.solver, keys, self.points.shape[1])
            ends = np.float64(first), np.float64(last)
            state = self.state
            if number == 0:
                state = self.solver.init(terms, *ends, self.points, args)
            points, error, _, state, result = self.solver.step(terms, *ends, self.points, args, state, False)
        if not bool(result == diffrax.RESULTS.successful):
            raise ReverseError(f"method {self.method!r} failed: {diffrax.RESULTS[result]}")
        return points, state, error


def _plain(solver: Any) -> Any:
    """Return a solver whose loops over stages are those that run on the host."""
    if hasattr(solver, "scan_kind"):
        return eqx.tree_at(lambda s: s.scan_kind, solver, "lax", is_leaf=lambda x: x is None)
    inner = getattr(solver, "solver", None)
    return solver if inner is None else eqx.tree_at(lambda s: s.solver, solver, _plain(inner))


@eqx.filter_jit
def _folded(keys: jax.Array, number) -> jax.Array:
    return jax.vmap(lambda key: jax.random.fold_in(key, number))(keys)


@eqx.filter_jit
def _row_keys(key: jax.Array, first, rows: jax.Array) -> jax.Array:
    return jax.vmap(lambda i: jax.random.fold_in(key, first + i))(rows)


class _Recorder:
    """Stands in for a process and notes when the score is asked for."""

    def __init__(self):
        self.moments: set[float] = set()

    def score(self, tau: Any, u: jax.Array) -> jax.Array:
        if not isinstance(u, Tracer):
            self.moments.add(float(tau))
        return jnp.zeros_like(u)


def _stages(method: str, solver: diffrax.AbstractSolver) -> np.ndarray:
    """Return the parts of a step at which a solver asks for the score, both ends included."""
    recorder: Any = _Recorder()
    keys = jax.random.split(jax.random.key(0), 1)
    _Walk(method, solver, 1.0, jnp.zeros((1, 1)), keys).attempt(recorder, 0.0, 1.0, 0)
    return np.unique(np.append(1.0 - np.array(sorted(recorder.moments)), [0.0, 1.0]))


def choose_on_host(
    process: HostProcess, method: str, solver: diffrax.AbstractSolver, t: float, end: float, tolerance: float, most: int
) -> np.ndarray:
    """Return the step ends, from 0 to `end` on the clock of reverse time, that a pilot needed.

    Args:
        process: the reverse process.
        method: "sde" or "ode".
        solver: a diffrax solver with an error estimate.
        t: OU time at the start.
        end: reverse time at which the steps end.
        tolerance: largest error of a step, in standard deviations of the narrowest component.
        most: steps after which to give up, rejected ones included.

    Raises:
        ReverseError: more steps would be needed, or the solver failed.
    """
    start_key, path_key = jax.random.split(jax.random.key(0))
    start = jnp.asarray(process.start_points(start_key, PILOTS, t), jnp.result_type(float))
    walk = _Walk(method, solver, float(process.clock(t)), start, jax.random.split(path_key, PILOTS))
    stages, order = _stages(method, solver), _error_order(method, solver)
    relative = 10 * float(jnp.finfo(start.dtype).eps)
    ends, step = [0.0], min(_FIRST_STEP, end)
    for number in range(most):
        last = ends[-1] + step if ends[-1] + 1.01 * step < end else end
        moments = walk.top - (ends[-1] + stages * (last - ends[-1]))
        points, state, error = walk.attempt(process.ready(moments), ends[-1], last, number)
        size = np.maximum(np.abs(walk.points), np.abs(points))
        worst = float(np.sqrt(np.square(np.asarray(error) / (tolerance + relative * size)).mean(-1)).max())
        taken = last - ends[-1]
        if worst <= 1.0:
            walk.points, walk.state = points, state
            ends.append(last)
            if last == end:
                return np.array(ends)
        change = 0.9 * worst ** (-1.0 / order) if worst > 0.0 else np.inf  # NaN where points left the numbers
        # Noise makes errors jump: after a good step of the SDE the next grows little by little.
        damped = change**0.4 if method == "sde" and worst <= 1.0 else change
        step = float(np.clip(np.nan_to_num(damped, nan=0.2, posinf=3.0), 0.2, 3.0)) * taken
    raise ReverseError(gave_up(method, tolerance, most))


def _error_order(method: str, solver: diffrax.AbstractSolver) -> float:
    terms: Any = METHODS[method].terms(solver, jax.random.split(jax.random.key(0), 1), 1)
    return float(solver.error_order(terms) or 1.0)


def integrate_on_host(
    process: HostProcess,
    method: str,
    solver: diffrax.AbstractSolver,
    key: jax.Array,
    grid: np.ndarray,
    places: np.ndarray,
    top: float,
    start: np.ndarray,
    first: int,
    tick: Callable[[float], Any],
) -> np.ndarray:
    """Move points from reverse time 0 along `grid` and return them at `places`, `(S, n, d)`.

    Args:
        process: the reverse process.
        method: "sde" or "ode".
        solver: a diffrax solver.
        key: key of all samples.
        grid: increasing step ends.
        places: entries of `grid`, increasing.
        top: `tau` at the start.
        start: points at reverse time 0 in the coordinates `U`, `(n, d)`.
        first: number of the first of these samples; sample i uses the i-th key made from `key`.
        tick: called after every step with the part of the way that is done.

    Raises:
        ReverseError: the solver failed, or points are not finite.
    """
    keys = _row_keys(key, np.uint32(first), jnp.arange(len(start), dtype=jnp.uint32))
    walk = _Walk(method, solver, top, jnp.asarray(start, jnp.result_type(float)), keys)
    stages = _stages(method, solver)
    ahead = max(_TABULATED // len(stages), 1)
    kept = np.empty((len(places), *start.shape))
    for number, (begin, end) in enumerate(itertools.pairwise(grid)):
        if number % ahead == 0:
            steps = grid[number : number + ahead + 1]
            moments = top - (steps[:-1, None] + stages * np.diff(steps)[:, None])
            process = process.ready(np.unique(moments))
        walk.points, walk.state, _ = walk.attempt(process, begin, end, number)
        kept[places == end] = np.asarray(walk.points)
        tick((number + 1) / (len(grid) - 1))
    check_finite(kept, method, first, len(grid) - 1)
    return kept
