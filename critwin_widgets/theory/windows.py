"""Start times, end times and critical windows (LKC25, Theorem 2 and Definition 4)."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, overload

import numpy as np

from ..engine._types import Subset
from ..engine._validation import check_eps
from ..engine.mixtures import Mixture
from ..engine.processes.known import MixtureProcess, mixture_of, on_own_clock
from ..engine.separation import BUDGET_SPENT, EXACT, Effort, Estimate, check_effort
from ._levels import level_crossings
from .roots import crossing_times
from .times import ALWAYS_WITHIN, NEVER_SEPARATED, REACHED, SEPARATED, UNBOUNDED, Time

Model = Mixture | MixtureProcess
"""What windows can be asked of: a mixture along OU time, or a process along its own levels."""

WINDOW, OPEN_ABOVE, NOT_SEPARATED = "window", "open above", "not separated"


@dataclasses.dataclass(frozen=True)
class CriticalWindow:
    """The interval of OU times (or of levels of a process) `[t_after, t_before]` in which `before` narrows to `after`.

    Attributes:
        t_after: below it the sampler has committed to `after`.
        t_before: above it the sampler has only committed to `before`.
        status: "window"; "open above" (no time meets both conditions on `before`); "not
            separated" (`after` is never separated from the rest at this level).
        after, before: component indices.
        limit: the time up to which `before` is separated from the rest; the window is open above
            when `t_before` lies beyond it.
    """

    t_after: Time
    t_before: Time
    status: str
    after: tuple[int, ...]
    before: tuple[int, ...]
    limit: Time | None = None

    @property
    def certain(self) -> bool:
        """Whether the status would be the same anywhere within the intervals of the times."""
        if self.status == NOT_SEPARATED:
            return math.isnan(self.t_after.high)
        if self.limit is None or math.isnan(self.t_after.low):
            return False
        if self.status == WINDOW:
            return self.t_before.high <= self.limit.low
        return not self.t_before.low <= self.limit.high

    def __str__(self) -> str:
        return f"[{self.t_after.value:.3f}, {self.t_before.value:.3f}] ({self.status})"


@overload
def start_time(
    mixture: Model,
    target: Subset,
    eps: float,
    *,
    method: str = ...,
    n: int = ...,
    seed: int = ...,
    rtol: float | None = ...,
    budget: float | None = ...,
) -> Time: ...
@overload
def start_time(
    mixture: Model,
    target: Subset,
    eps: Sequence[float] | np.ndarray,
    *,
    method: str = ...,
    n: int = ...,
    seed: int = ...,
    rtol: float | None = ...,
    budget: float | None = ...,
) -> tuple[Time, ...]: ...
def start_time(
    mixture: Model,
    target: Subset,
    eps: float | Sequence[float] | np.ndarray,
    *,
    method: str = "auto",
    n: int = 4096,
    seed: int = 0,
    rtol: float | None = None,
    budget: float | None = None,
) -> Time | tuple[Time, ...]:
    """Return `T_start = sup{t : TV(p_t^target, p_t^rest) >= 1 - eps^2}` (LKC25, section 3).

    An exact time solves for the root of exact overlaps; a certified interval is where the proven
    bounds cross the level; an estimated one inverts curves under common random numbers, the time
    from the value and its interval from the limits of the 95 % intervals of the overlap.

    Args:
        mixture: the mixture, or a process of `cw.processes` on one.
        target: components of `S_target`.
        eps: level, strictly between 0 and 1, or a list of them.
        method: "auto", "exact", "certified" or "estimated", as for `overlap`.
        n: draws per component of an estimate.
        seed: its seed.
        rtol: wanted relative error of the overlaps near the crossing, as for `overlap`.
        budget: seconds, 5 by default.

    Returns:
        A `Time` (OU time, or a level of the process) with status "separated", "never separated" (the
        value is NaN) or, for the whole mixture, "unbounded"; a tuple of them for a list of levels.

    Raises:
        ValueError: `target` is empty or unknown, `eps` or another number is out of range, or the
            exact way is asked for where there is none.
        TypeError: a subset does not hold indices and labels.
    """
    levels, single = _levels(eps)
    effort = check_effort(method, n, seed, rtol, budget)
    inside = mixture.indices(target, "target")
    found = _start_times(mixture, inside, levels, effort)
    return found[0] if single else found


def start_time_of(found: Estimate) -> Time:
    """Return a start time from the crossing of `eps^2`; NaN ends of an interval count as 0."""
    complete = found.status != BUDGET_SPENT
    if math.isnan(found.value):
        return Time(math.nan, math.nan, found.high, NEVER_SEPARATED, found.method, complete)
    low = 0.0 if math.isnan(found.low) else found.low
    return Time(found.value, low, found.high, SEPARATED, found.method, complete)


@overload
def end_time(
    mixture: Model,
    init: Subset,
    target: Subset,
    eps: float,
    *,
    method: str = ...,
    n: int = ...,
    seed: int = ...,
    rtol: float | None = ...,
    budget: float | None = ...,
) -> Time: ...
@overload
def end_time(
    mixture: Model,
    init: Subset,
    target: Subset,
    eps: Sequence[float] | np.ndarray,
    *,
    method: str = ...,
    n: int = ...,
    seed: int = ...,
    rtol: float | None = ...,
    budget: float | None = ...,
) -> tuple[Time, ...]: ...
def end_time(
    mixture: Model,
    init: Subset,
    target: Subset,
    eps: float | Sequence[float] | np.ndarray,
    *,
    method: str = "auto",
    n: int = 4096,
    seed: int = 0,
    rtol: float | None = None,
    budget: float | None = None,
) -> Time | tuple[Time, ...]:
    """Return `T_end = inf{t : TV(p_t^init, p_t^target) <= eps}` (LKC25, section 3).

    Args:
        mixture: the mixture, or a process of `cw.processes` on one.
        init: components of `S_init`, inside `target`.
        target: components of `S_target`.
        eps: level, strictly between 0 and 1, or a list of them.
        method: "auto", "exact", "certified" or "estimated", as for `overlap`.
        n: draws per component of an estimate.
        seed: its seed.
        rtol: wanted relative error of the overlaps near the crossing, as for `overlap`.
        budget: seconds, 5 by default.

    Returns:
        A `Time` (OU time, or a level of the process) with status "reached", or "always within" with
        value 0; a tuple of them for a list of levels.

    Raises:
        ValueError: a subset is empty or unknown, `init` is not inside `target`, `eps` or another
            number is out of range, or the exact way is asked for where there is none.
        TypeError: a subset does not hold indices and labels.
    """
    levels, single = _levels(eps)
    effort = check_effort(method, n, seed, rtol, budget)
    first, second = mixture.indices(init, "init"), mixture.indices(target, "target")
    check_inside(mixture, first, second, "init", "target")
    found = _end_times(mixture, first, second, levels, effort)
    return found[0] if single else found


def end_time_of(found: Estimate) -> Time:
    """Return an end time from the crossing of `1 - eps`; NaN means within from the start."""
    value, low, high = (0.0 if math.isnan(x) else x for x in (found.value, found.low, found.high))
    status = ALWAYS_WITHIN if value == 0 else REACHED
    return Time(value, low, high, status, found.method, found.status != BUDGET_SPENT)


@overload
def critical_window(
    mixture: Model,
    after: Subset,
    before: Subset,
    eps: float,
    *,
    method: str = ...,
    n: int = ...,
    seed: int = ...,
    rtol: float | None = ...,
    budget: float | None = ...,
) -> CriticalWindow: ...
@overload
def critical_window(
    mixture: Model,
    after: Subset,
    before: Subset,
    eps: Sequence[float] | np.ndarray,
    *,
    method: str = ...,
    n: int = ...,
    seed: int = ...,
    rtol: float | None = ...,
    budget: float | None = ...,
) -> tuple[CriticalWindow, ...]: ...
def critical_window(
    mixture: Model,
    after: Subset,
    before: Subset,
    eps: float | Sequence[float] | np.ndarray,
    *,
    method: str = "auto",
    n: int = 4096,
    seed: int = 0,
    rtol: float | None = None,
    budget: float | None = None,
) -> CriticalWindow | tuple[CriticalWindow, ...]:
    """Return the critical window of `after` inside `before` (LKC25, Definition 4).

    `T_after = sup{t : TV(p_t^after, p_t^rest) >= 1 - eps^2}`; `T_before` is the first time at
    which `after` is within `eps` of `before` while `before` is still separated (to `1 - eps^2`)
    from everything else; when there is none the window is "open above" and `t_before` is the time
    of the first condition alone.

    Args:
        mixture: the mixture, or a process of `cw.processes` on one.
        after: components decided below the window, strictly inside `before`.
        before: components decided above it.
        eps: level, strictly between 0 and 1, or a list of them.
        method: as for `overlap`.
        n: draws per component of an estimate.
        seed: its seed.
        rtol: wanted relative error of the overlaps near each crossing, as for `overlap`.
        budget: seconds for each of the three times, 5 by default.

    Returns:
        A `CriticalWindow` (OU times, or levels of the process); a tuple of them for a list of levels.

    Raises:
        ValueError: a subset is empty or unknown, `after` is not strictly inside `before`, `eps` or
            another number is out of range, or the exact way is asked for where there is none.
        TypeError: a subset does not hold indices and labels.
    """
    levels, single = _levels(eps)
    effort = check_effort(method, n, seed, rtol, budget)
    inner, outer = mixture.indices(after, "after"), mixture.indices(before, "before")
    check_inside(mixture, inner, outer, "after", "before")
    if inner == outer:
        raise ValueError(f"after must leave out some component of before, but both are {names(mixture, inner)}")
    afters = _start_times(mixture, inner, levels, effort)
    befores = _end_times(mixture, inner, outer, levels, effort)
    limits = _start_times(mixture, outer, levels, effort)
    found = tuple(_window(*times, inner, outer) for times in zip(afters, befores, limits, strict=True))
    return found[0] if single else found


def _window(t_after: Time, t_before: Time, limit: Time, inner, outer) -> CriticalWindow:
    status = WINDOW if t_before.value <= limit.value else OPEN_ABOVE
    if not t_after.exists:
        status = NOT_SEPARATED
    return CriticalWindow(t_after, t_before, status, inner, outer, limit)


def _levels(eps: Any) -> tuple[list[float], bool]:
    """Return checked levels, and whether there was one alone."""
    if isinstance(eps, str) or np.ndim(eps) == 0:
        return [check_eps(eps)], True
    if np.ndim(eps) != 1 or not len(eps):
        raise ValueError(f"eps must be one level or a list of at least one, not shape {np.shape(eps)}")
    return [check_eps(level, f"eps[{k}]") for k, level in enumerate(eps)], False


def _start_times(mixture: Model, inside: tuple[int, ...], levels: list[float], effort: Effort) -> tuple[Time, ...]:
    rest = complement(mixture, inside)
    if not rest:
        return (Time(math.inf, math.inf, math.inf, UNBOUNDED, EXACT),) * len(levels)
    found = _crossings(mixture, inside, rest, [2 * math.log(eps) for eps in levels], effort, last=True)
    return tuple(start_time_of(one) for one in found)


def _end_times(mixture: Model, first, second, levels: list[float], effort: Effort) -> tuple[Time, ...]:
    if first == second:
        return (Time(0.0, 0.0, 0.0, ALWAYS_WITHIN, EXACT),) * len(levels)
    found = _crossings(mixture, first, second, [math.log1p(-eps) for eps in levels], effort, last=False)
    return tuple(end_time_of(one) for one in found)


def _crossings(model: Model, first, second, log_levels, effort: Effort, last: bool):
    process = on_own_clock(model)
    if process is not None:
        return level_crossings(process, first, second, log_levels, effort, last)
    return crossing_times(mixture_of(model), first, second, log_levels, effort)


def complement(mixture: Model, subset: tuple[int, ...]) -> tuple[int, ...]:
    """Return the components outside `subset`."""
    return tuple(k for k in range(mixture.n_components) if k not in set(subset))


def check_inside(mixture: Model, inner, outer, inner_name: str, outer_name: str) -> None:
    """Raise `ValueError` unless `inner` lies inside `outer`; names the components that stick out."""
    extra = tuple(int(k) for k in np.setdiff1d(inner, outer))
    if extra:
        raise ValueError(
            f"{inner_name} must lie inside {outer_name}, but {names(mixture, extra)} is not in "
            f"{outer_name} {names(mixture, outer)}"
        )


def names(mixture: Model, subset: tuple[int, ...], most: int = 6) -> str:
    """Return the labels of a subset in braces, shortened."""
    shown = [mixture.labels[k] for k in subset[:most]]
    return "{" + ", ".join(shown) + (f", ... {len(subset)} in all" if len(subset) > most else "") + "}"
