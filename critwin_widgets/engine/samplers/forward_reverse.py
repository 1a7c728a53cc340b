"""The forward-reverse experiment: noise a sample for a while, denoise it, and see what became of it."""

import dataclasses
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from .._types import Subset, TimeLike
from .._validation import check_count, check_times
from ..mixtures import Mixture
from ._arguments import MAX_BYTES, MAX_STEPS, check_key, check_size, save_times
from ._words import at_times, by_method, shares, table
from .exact import Experiment
from .follow import Plan, Trajectories, follow

if TYPE_CHECKING:
    import diffrax


@dataclasses.dataclass(frozen=True, repr=False)
class ForwardReverse:
    """What became of `n` samples at one time, or at `T` times.

    Attributes:
        t: OU time, or times `(T,)`.
        source: the component of each `X ~ p^init`, `(n,)`; the same samples at all times.
        component: the component of each `X'`, `(n,)` or `(T, n)`.
        x0: where each sample started, `X`, `(n, d)`; `None` when only labels were drawn.
        y: the noised samples `Y_t`, `(n, d)` or `(T, n, d)`; or `None`.
        x: the samples that came back, `X'`, `(n, d)` or `(T, n, d)`; or `None`.
        method: "exact", "sde" or "ode".
        n_components: number of components `K`.
        steps: integration steps taken, `()` or `(T,)`; 0 when exact.
        trajectories: the way back, when `save_at` was given.
    """

    t: np.ndarray
    source: np.ndarray
    component: np.ndarray
    x0: np.ndarray | None
    y: np.ndarray | None
    x: np.ndarray | None
    method: str
    n_components: int
    steps: np.ndarray
    trajectories: Trajectories | None = None

    @property
    def counts(self) -> np.ndarray:
        """How many samples of component i came back as j, `(K, K)` or `(T, K, K)`."""
        size = self.n_components**2
        rows = np.reshape(self.component, (-1, len(self.source))) + self.n_components * self.source
        found = np.stack([np.bincount(row, minlength=size) for row in rows])
        return found.reshape(*np.shape(self.t), self.n_components, self.n_components)

    @property
    def retention(self) -> np.ndarray:
        """The share of samples that came back to the component they started in, `()` or `(T,)`."""
        return np.mean(np.asarray(self.component) == self.source, axis=-1)

    def __repr__(self) -> str:
        return (
            f"ForwardReverse({by_method(self.method, self.steps)}, n={len(self.source)}, {at_times(self.t)}, "
            f"{self.n_components} components: {shares(self.retention)} kept their component)"
        )

    def __str__(self) -> str:
        """The same with the label counts, if they are few."""
        counts = table(self.counts) if not np.ndim(self.t) else ""
        return f"{self!r}\n{counts}" if counts else repr(self)


def forward_reverse(
    mixture: Mixture,
    init: Subset | None,
    t: TimeLike,
    *,
    key: jax.Array | int,
    n: int,
    method: str = "exact",
    labels_only: bool = False,
    save_at: TimeLike | None = None,
    steps: int | None = None,
    tolerance: float | None = None,
    solver: "diffrax.AbstractSolver | None" = None,
    max_steps: int = MAX_STEPS,
    max_bytes: float = MAX_BYTES,
    progress: bool = True,
) -> ForwardReverse:
    """Draw `X ~ p^init`, noise it to `Y_t`, and draw `X' ~ P(. | Y_t)` under the whole prior.

    The experiment of LC24 and LKC25 Definition 3; the law of `X'` is `p^{init,t}`. "exact" draws the
    component of `X'` from the posterior and `X'` from that component's posterior, in one shot for any
    mixture. "sde" integrates the reverse SDE and agrees with it in law, up to its step size. "ode"
    follows the probability-flow ODE back: `X'` is then a function of `Y_t`, so it has the law of
    `X' ~ p` when `init` is the whole mixture, but for a part of it only the transport of
    `p_t^init` along the flow, which is not `p^{init,t}`.

    Several times use the same `X`, the same noise and, when exact, the same numbers on the way back
    (common random numbers). All methods start from the same `X` and `Y_t`.

    Args:
        mixture: any mixture; the integration of other kinds than Gaussian is not compiled as a whole, and slower.
        init: the sub-mixture that samples start from, by indices or labels; all of it when `None`.
        t: OU time or times `(T,)`, not negative.
        key: `jax.random` key or integer seed; the same key gives the same samples.
        n: number of samples.
        method: "exact", "sde" or "ode".
        labels_only: draw the components of `X` and `X'` but no points; exact only, and several times cheaper.
        save_at: OU times in `[0, t]` at which to keep the way back (one `t` only).
        steps, tolerance, solver, max_steps: as for `reverse_trajectories`.
        max_bytes: largest size of the points returned.
        progress: show a bar when a run takes more than two seconds.

    Raises:
        ValueError: `init` is empty or unknown, a time is negative, not finite or (of `save_at`) outside
            `[0, t]`, an unknown method, or a count that is not positive.
        TypeError: `key` is neither a key nor an integer, or `solver` is no diffrax solver.
        MemoryError: the points would take more than `max_bytes`, or than is free.
        ReverseError: the tolerance could not be met, or the solver failed.
    """
    plan = Plan.of(method, steps, tolerance, solver, max_steps)
    start, times = mixture.indices(init, "init"), check_times(t)
    key, n = check_key(key), check_count("n", n)
    stops = _check_results(mixture, times, n, method, labels_only, save_at, max_bytes)
    experiment = Experiment(mixture, start, key, n)
    if labels_only:
        return _labels(experiment, times)
    return _points(experiment, times, stops, plan, progress)


def _check_results(mixture: Mixture, times, n: int, method: str, labels_only: bool, save_at: Any, max_bytes: Any):
    """Return the times at which to keep the way back, if all that is asked for can be had and held."""
    if times.ndim > 1 or not times.size:
        raise ValueError(f"t must be one OU time or times (T,), not an array of shape {times.shape}")
    stops = np.empty(0)
    if save_at is not None:
        if times.ndim or labels_only:
            raise ValueError("save_at keeps the way back from one time t: give one, and labels_only=False")
        stops = save_times(save_at, float(times))
    if labels_only and method != "exact":
        raise ValueError(f"labels_only is for method 'exact', not {method!r}: an integration needs the points")
    kept = times.size / mixture.dim if labels_only else 2 * times.size + 1 + len(stops)
    check_size(
        n * mixture.dim * kept,
        f"{n} samples at {times.size} times in {mixture.dim} dimensions",
        max_bytes,
        "use fewer samples or times, or labels_only=True",
    )
    return stops


def _labels(experiment: Experiment, times: np.ndarray) -> ForwardReverse:
    drawn = [experiment.labels(float(t)) for t in times.flat]
    sources, found = ([experiment.labels_on_host(side) for side in sides] for sides in zip(*drawn, strict=True))
    return ForwardReverse(
        times,
        sources[0],  # the same at all times
        _stacked(found, (*times.shape, experiment.n)),
        None,
        None,
        None,
        "exact",
        experiment.mixture.n_components,
        np.zeros(times.shape, int),
    )


def _points(experiment: Experiment, times: np.ndarray, stops: np.ndarray, plan: Plan, progress: bool):
    x0, source = experiment.begin()
    noised, back, component, steps, way = [], [], [], [], None
    for t in times.reshape(-1):
        y = experiment.noised(x0, float(t))
        if plan.method == "exact" and not len(stops):
            x, which = experiment.back(y, float(t))
            back.append(experiment.host(x, 0.0))
            component.append(experiment.labels_on_host(which))
            steps.append(0)
        else:
            way, x = follow(experiment, y, float(t), stops, plan, progress)
            back.append(x)
            component.append(way.component)
            steps.append(way.steps)
        noised.append(experiment.host(y, float(t)))
    points = (*times.shape, experiment.n, experiment.mixture.dim)
    return ForwardReverse(
        times,
        experiment.labels_on_host(source),
        _stacked(component, points[:-1]),
        experiment.host(x0, 0.0),
        _stacked(noised, points),
        _stacked(back, points),
        plan.method,
        experiment.mixture.n_components,
        np.reshape(steps, times.shape),
        way if len(stops) else None,
    )


def _stacked(parts: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """Return one array of the parts of all times; that of a single time is not copied."""
    return parts[0].reshape(shape) if len(parts) == 1 else np.reshape(parts, shape)
