"""Samples followed backwards from a time, by any of the three methods, in pieces that fit."""

import dataclasses
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Union

import jax
import jax.numpy as jnp
import numpy as np
from tqdm.auto import tqdm

from .._devices import device_count, divisible
from .._types import Array
from ..processes import signal
from ._arguments import check_method, check_positive, check_solver, check_steps
from ._process import ReverseProcess
from ._words import at_times, by_method, label_counts
from .exact import Experiment

if TYPE_CHECKING:
    import diffrax

    from .host import HostProcess

Process = Union[ReverseProcess, "HostProcess"]
"""Compiled as a whole, or stepped from the host."""

CHUNK_BYTES = 2**26
"""Memory that the samples integrated at once may take."""

CHUNK = 8192
"""Most samples per device that are integrated at once: more would not be faster, only harder to interrupt."""

PATIENCE = 2.0
"""Seconds after which a run shows a bar."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """How the reverse process is run: fixed steps, or steps chosen by a tolerance."""

    method: str
    steps: int | None
    tolerance: float
    solver: "diffrax.AbstractSolver | None"
    max_steps: int

    @staticmethod
    def of(method: Any, steps: Any, tolerance: Any, solver: Any, max_steps: Any) -> "Plan":
        """Check the arguments and fill in the method's own solver and tolerance."""
        check_method(method)
        fixed, most = check_steps(steps, max_steps)
        if method == "exact":
            given = {"steps": steps, "tolerance": tolerance, "solver": solver}
            named = [name for name, value in given.items() if value is not None]
            if named:
                raise ValueError(f"{named[0]} is for methods 'sde' and 'ode'; method 'exact' takes no steps")
            return Plan(method, None, 0.0, None, most)
        from .steps import METHODS

        ways = METHODS[method]
        chosen = ways.SOLVER if solver is None else solver
        check_solver(chosen, method, fixed is None)
        return Plan(
            method,
            fixed,
            ways.TOLERANCE if tolerance is None else check_positive("tolerance", tolerance),
            chosen,
            most,
        )


@dataclasses.dataclass(frozen=True, repr=False)
class Trajectories:
    """Samples followed from noise to data.

    Attributes:
        times: OU times, `(S,)`, in the order asked for.
        points: where the samples are at each time, `(S, n, d)`.
        component: the component of each sample at `t = 0`, drawn from its posterior, `(n,)`.
        method: "exact", "sde" or "ode".
        steps: integration steps taken; 0 when exact.
    """

    times: np.ndarray
    points: np.ndarray
    component: np.ndarray
    method: str
    steps: int

    def __repr__(self) -> str:
        _, n, dim = self.points.shape
        return (
            f"Trajectories({by_method(self.method, self.steps)}, n={n} in {dim} dimensions, {at_times(self.times)}; "
            f"components at t=0: {label_counts(self.component)})"
        )


def follow(experiment: Experiment, y: Array, t: float, times: np.ndarray, plan: Plan, progress: bool):
    """Return the trajectories of points `y` at OU time `t`, kept at `times` and always followed to 0.

    Args:
        experiment: the draws that the trajectories belong to.
        y: noised points as the experiment draws them, `(size, d)`.
        t: their OU time.
        times: OU times to keep, in `[0, t]`.
        plan: how to run the process.
        progress: whether to show a bar when it takes long.

    Returns:
        `Trajectories`, and the points at time 0 on the host, `(n, d)`.
    """
    stops, order = np.unique(-np.append(times, 0.0), return_inverse=True)
    kept = np.empty((len(stops), experiment.n, y.shape[1]))
    if plan.method == "exact":
        x, component = experiment.back(y, t)
        for place, z in enumerate(experiment.path(x, y, t, -stops)):
            kept[place] = experiment.host(z, -stops[place])
        taken = 0
    else:
        process = experiment.process()
        reached = process.reach(-stops, t, plan.tolerance)
        taken = _integrate(experiment, process, y, t, reached, plan, progress, kept)
        kept[-1], component = experiment.arrive(process, kept[-1], float(reached[-1]), plan.method)
    # Times are mostly asked for in falling order: then nothing is copied.
    ordered = np.array_equal(order[:-1], np.arange(len(times)))
    points = kept[: len(times)] if ordered else kept[order[:-1]]
    labels = experiment.labels_on_host(component)
    return Trajectories(times, points, labels, plan.method, taken), kept[-1]


def _integrate(
    experiment: Experiment, process: Process, y, t: float, stops: np.ndarray, plan: Plan, progress: bool, kept
) -> int:
    """Fill `kept` `(S, n, d)` with the points at decreasing times, chunk by chunk; return the steps taken."""
    scales, start_scale = process.scale(stops), process.scale(t)
    start = (experiment.centred_host(y) - signal(t) * process.offset) / start_scale
    top = float(process.clock(t))
    moments = np.where(stops == t, 0.0, np.maximum(top - process.clock(stops), 0.0))
    kept[moments == 0.0] = start * start_scale
    steps = 0
    if moments[-1] > 0.0:
        grid, places, where = _grid(process, plan, t, moments)
        steps = len(grid) - 1
        rows = min(divisible(experiment.n), _rows(experiment, len(places)))
        move = _mover(process, plan, experiment.keys.path, grid, places, top)
        hidden = not progress or (isinstance(process, ReverseProcess) and rows >= experiment.n)
        with tqdm(total=experiment.n, unit="samples", delay=PATIENCE, disable=hidden, leave=False) as bar:
            for first in range(0, experiment.n, rows):
                block = start[first : first + rows]
                filled = np.pad(block, ((0, rows - len(block)), (0, 0)), mode="edge")
                moved = move(filled, first, functools.partial(_show, bar, first, len(block)))
                for row in np.flatnonzero(moments > 0.0):
                    kept[row, first : first + rows] = scales[row] * moved[where[row], : len(block)]
    for row, now in enumerate(stops):
        kept[row] += experiment.shift(now) + signal(now) * process.offset
    return steps


def _show(bar: tqdm, first: int, size: int, part: float) -> None:
    """Show that part of a chunk's way is done, in samples."""
    bar.update(first + round(part * size) - bar.n)


def _grid(process: Process, plan: Plan, t: float, moments: np.ndarray):
    """Return step ends, the distinct moments to stop at as the steps see them, and each moment's place in them."""
    from .steps import choose_steps, freeze

    end = moments[-1]
    if plan.steps is not None or plan.solver is None:
        ends = np.linspace(0.0, end, (plan.steps or 1) + 1)
    elif isinstance(process, ReverseProcess):
        ends = choose_steps(process, plan.method, plan.solver, end, plan.tolerance, plan.max_steps)
    else:
        from .host import choose_on_host

        ends = choose_on_host(process, plan.method, plan.solver, t, end, plan.tolerance, plan.max_steps)
    wanted = moments[moments > 0.0]
    grid = freeze(ends, wanted, jnp.result_type(float) if isinstance(process, ReverseProcess) else np.float64)
    places, where = np.unique(wanted.astype(grid.dtype), return_inverse=True)
    return grid, places, np.concatenate([np.zeros(len(moments) - len(wanted), int), where])


def _mover(process: Process, plan: Plan, key: jax.Array, grid: np.ndarray, places: np.ndarray, top: float):
    """Return the function that moves points, numbered from a first one, along the grid, and reports on the way."""
    if isinstance(process, ReverseProcess):
        from .steps import integrate

        def move(block: np.ndarray, first: int, tick: Callable[[float], Any]) -> np.ndarray:
            moved = integrate(process, plan.method, plan.solver, block, key, first, grid, places)
            tick(1.0)
            return moved

        return move
    from .host import integrate_on_host

    assert plan.solver is not None  # methods other than "exact" have one
    return functools.partial(integrate_on_host, process, plan.method, plan.solver, key, grid, places, top)


def _rows(experiment: Experiment, stops: int) -> int:
    """Return how many samples to integrate at once, a power of two times the number of devices."""
    per_row = 4 * (experiment.mixture.dim * (stops + 24) + 8 * experiment.mixture.n_components)
    fits = min(max(int(CHUNK_BYTES / per_row), 64), CHUNK)
    return (1 << (fits.bit_length() - 1)) * device_count()
