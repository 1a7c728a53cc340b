"""Start times, end times and critical windows (LKC25, Theorem 2 and Definition 4)."""

import dataclasses
import math

import numpy as np

from ..engine._types import Subset
from ..engine._validation import check_eps
from ..engine.mixtures import Mixture
from ..engine.separation import EXACT, Estimate, overlap_of_sets
from .times import ALWAYS_WITHIN, NEVER_SEPARATED, REACHED, SEPARATED, UNBOUNDED, Time, root_of_overlap, time_grid

WINDOW, OPEN_ABOVE, NOT_SEPARATED = "window", "open above", "not separated"


@dataclasses.dataclass(frozen=True)
class CriticalWindow:
    """The interval of OU times `[t_after, t_before]` in which `before` narrows to `after`.

    Attributes:
        t_after: below it the sampler has committed to `after`.
        t_before: above it the sampler has only committed to `before`.
        status: "window"; "open above" (no time meets both conditions on `before`); "not
            separated" (`after` is never separated from the rest at this level).
        after, before: component indices.
    """

    t_after: Time
    t_before: Time
    status: str
    after: tuple[int, ...]
    before: tuple[int, ...]

    def __str__(self) -> str:
        return f"[{self.t_after.value:.3f}, {self.t_before.value:.3f}] ({self.status})"


def start_time(
    mixture: Mixture, target: Subset, eps: float, *, method: str = "auto", n: int = 4096, seed: int = 0
) -> Time:
    """Return `T_start = sup{t : TV(p_t^target, p_t^rest) >= 1 - eps^2}` (LKC25, section 3).

    Args:
        mixture: the mixture.
        target: components of `S_target`.
        eps: level, strictly between 0 and 1.
        method: "auto", "exact", "certified" or "estimated", as for `overlap`.
        n: draws per component of an estimate.
        seed: its seed.

    Returns:
        A `Time` (OU time) with status "separated", "never separated" (the value is NaN) or, for
        the whole mixture, "unbounded".

    Raises:
        ValueError: `target` is empty or unknown, or `eps` is out of range.
    """
    level = check_eps(eps) ** 2
    inside = mixture.indices(target, "target")
    rest = complement(mixture, inside)
    if not rest:
        return Time(math.inf, math.inf, math.inf, UNBOUNDED, EXACT)
    found = root_of_overlap(
        lambda times: overlap_of_sets(mixture, inside, rest, times, method, n, seed), time_grid(mixture), level
    )
    return start_time_of(found)


def start_time_of(found: Estimate) -> Time:
    """Return a start time from the crossing of `eps^2`; NaN ends of an interval count as 0."""
    if math.isnan(found.value):
        return Time(math.nan, math.nan, math.nan, NEVER_SEPARATED, found.method)
    low = 0.0 if math.isnan(found.low) else found.low
    return Time(found.value, low, found.high, SEPARATED, found.method)


def end_time(
    mixture: Mixture,
    init: Subset,
    target: Subset,
    eps: float,
    *,
    method: str = "auto",
    n: int = 4096,
    seed: int = 0,
) -> Time:
    """Return `T_end = inf{t : TV(p_t^init, p_t^target) <= eps}` (LKC25, section 3).

    Args:
        mixture: the mixture.
        init: components of `S_init`, inside `target`.
        target: components of `S_target`.
        eps: level, strictly between 0 and 1.
        method: "auto", "exact", "certified" or "estimated", as for `overlap`.
        n: draws per component of an estimate.
        seed: its seed.

    Returns:
        A `Time` (OU time) with status "reached", or "always within" with value 0.

    Raises:
        ValueError: a subset is empty or unknown, `init` is not inside `target`, or `eps` is out of
            range.
    """
    check_eps(eps)
    first, second = mixture.indices(init, "init"), mixture.indices(target, "target")
    check_inside(mixture, first, second, "init", "target")
    if first == second:
        return Time(0.0, 0.0, 0.0, ALWAYS_WITHIN, EXACT)
    found = root_of_overlap(
        lambda times: overlap_of_sets(mixture, first, second, times, method, n, seed), time_grid(mixture), 1.0 - eps
    )
    return end_time_of(found)


def end_time_of(found: Estimate) -> Time:
    """Return an end time from the crossing of `1 - eps`; NaN means within from the start."""
    value, low, high = (0.0 if math.isnan(x) else x for x in (found.value, found.low, found.high))
    return Time(value, low, high, ALWAYS_WITHIN if value == 0 else REACHED, found.method)


def critical_window(
    mixture: Mixture,
    after: Subset,
    before: Subset,
    eps: float,
    *,
    method: str = "auto",
    n: int = 4096,
    seed: int = 0,
) -> CriticalWindow:
    """Return the critical window of `after` inside `before` (LKC25, Definition 4).

    `T_after = sup{t : TV(p_t^after, p_t^rest) >= 1 - eps^2}`; `T_before` is the first time at
    which `after` is within `eps` of `before` while `before` is still separated (to `1 - eps^2`)
    from everything else; when there is none the window is "open above" and `t_before` is the time
    of the first condition alone.

    Args:
        mixture: the mixture.
        after: components decided below the window, strictly inside `before`.
        before: components decided above it.
        eps: level, strictly between 0 and 1.
        method: as for `overlap`.
        n: draws per component of an estimate.
        seed: its seed.

    Raises:
        ValueError: a subset is empty or unknown, `after` is not strictly inside `before`, or `eps`
            is out of range.
    """
    inner, outer = mixture.indices(after, "after"), mixture.indices(before, "before")
    check_inside(mixture, inner, outer, "after", "before")
    if inner == outer:
        raise ValueError(f"after must leave out some component of before, but both are {names(mixture, inner)}")
    options = {"method": method, "n": n, "seed": seed}
    t_after = start_time(mixture, inner, eps, **options)
    t_before = end_time(mixture, inner, outer, eps, **options)
    limit = start_time(mixture, outer, eps, **options)
    status = WINDOW if t_before.value <= limit.value else OPEN_ABOVE
    if not t_after.exists:
        status = NOT_SEPARATED
    return CriticalWindow(t_after, t_before, status, inner, outer)


def complement(mixture: Mixture, subset: tuple[int, ...]) -> tuple[int, ...]:
    """Return the components outside `subset`."""
    return tuple(k for k in range(mixture.n_components) if k not in set(subset))


def check_inside(mixture: Mixture, inner, outer, inner_name: str, outer_name: str) -> None:
    """Raise `ValueError` unless `inner` lies inside `outer`; names the components that stick out."""
    extra = tuple(int(k) for k in np.setdiff1d(inner, outer))
    if extra:
        raise ValueError(
            f"{inner_name} must lie inside {outer_name}, but {names(mixture, extra)} is not in "
            f"{outer_name} {names(mixture, outer)}"
        )


def names(mixture: Mixture, subset: tuple[int, ...], most: int = 6) -> str:
    """Return the labels of a subset in braces, shortened."""
    shown = [mixture.labels[k] for k in subset[:most]]
    return "{" + ", ".join(shown) + (f", ... {len(subset)} in all" if len(subset) > most else "") + "}"
