"""Reverse trajectories of a mixture, kept at the times asked for."""

from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from .._types import TimeLike
from .._validation import check_count, finite_array
from ..mixtures import Mixture
from ._arguments import MAX_BYTES, MAX_STEPS, check_key, check_size, one_time, save_times
from .exact import Experiment
from .follow import Plan, Trajectories, follow

if TYPE_CHECKING:
    import diffrax


def reverse_trajectories(
    mixture: Mixture,
    key: jax.Array | int,
    n: int,
    t_start: float,
    *,
    method: str = "sde",
    start: Any = None,
    save_at: TimeLike | None = None,
    steps: int | None = None,
    tolerance: float | None = None,
    solver: "diffrax.AbstractSolver | None" = None,
    max_steps: int = MAX_STEPS,
    max_bytes: float = MAX_BYTES,
    progress: bool = True,
) -> Trajectories:
    """Return `n` trajectories of the reverse process from OU time `t_start` to 0.

    "exact" draws the reverse SDE's law with no time stepping (a component, its posterior, and a
    Brownian bridge between the two ends); "sde" integrates
    `dX = (X + 2 grad ln p_{T-u}) du + sqrt(2) dB` and "ode" the probability-flow ODE
    `dX = (X + grad ln p_{T-u}) du` through diffrax. All three carry `p_t` to `p_0`; the ODE does so
    without chance: where a sample ends follows from where it starts.

    The score of a component that is not Gaussian may grow without limit as `t` goes to 0 (a truncated
    one's does). So for other mixtures steps end where the noise left is `tolerance` standard deviations
    of the narrowest component. "sde" draws what remains from the posterior, which is exact in law; "ode"
    takes the posterior mean, `tolerance` away at most, and the component from the posterior there. Steps
    are taken from the host and the scores on one device: as fast for many samples, slower for few.

    Args:
        mixture: any mixture; see below for other kinds than Gaussian.
        key: `jax.random` key or integer seed; the same key gives the same trajectories.
        n: number of samples.
        t_start: OU time to start from, not negative.
        method: "exact", "sde" or "ode".
        start: points to start from, `(n, d)`; drawn from `p_t` when `None`.
        save_at: OU times in `[0, t_start]` at which to keep the samples; both ends when `None`.
        steps: take this many equal steps on the clock `ln(1 + sigma^2 / v) / 2`, `v` the smallest variance
            of a component, instead of steps chosen by `tolerance`.
        tolerance: largest error of a step in standard deviations of the narrowest component
            (0.05 for "sde", 1e-4 for "ode" when `None`).
        solver: a diffrax solver (ShARK for "sde", Tsit5 for "ode" when `None`).
        max_steps: steps after which to give up.
        max_bytes: largest size of the points kept.
        progress: show a bar when a run takes more than two seconds.

    Returns:
        Trajectories with `points` of shape `(S, n, d)`.

    Raises:
        ValueError: a time is negative, not finite or outside `[0, t_start]`, `start` has another shape
            than `(n, d)`, an unknown method, or a count that is not positive.
        TypeError: `key` is neither a key nor an integer, or `solver` is no diffrax solver.
        MemoryError: the points kept would take more than `max_bytes`, or than is free.
        ReverseError: the tolerance could not be met, or the solver failed.
    """
    plan = Plan.of(method, steps, tolerance, solver, max_steps)
    key, n, t = check_key(key), check_count("n", n), one_time(t_start, "t_start")
    times = save_times(save_at, t)
    what = f"{n} trajectories at {len(times)} times in {mixture.dim} dimensions"
    check_size(n * mixture.dim * len(times), what, max_bytes, "use fewer samples or save_at fewer times")
    experiment = Experiment(mixture, tuple(range(mixture.n_components)), key, n)
    y = experiment.noised(experiment.begin()[0], t) if start is None else _placed(experiment, start, t)
    return follow(experiment, y, t, times, plan, progress)[0]


def _placed(experiment: Experiment, start: Any, t: float) -> jax.Array | np.ndarray:
    points = finite_array("start", start, 2)
    wanted = (experiment.n, experiment.mixture.dim)
    if points.shape != wanted:
        raise ValueError(f"start must hold n points in d dimensions, shape {wanted}, not {points.shape}")
    return experiment.device(points, t)
