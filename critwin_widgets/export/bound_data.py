"""What noising and denoising does to one group, and what bounds it: the numbers behind `BoundCurves`.

Shared by the static and the live picture. The measured curve is the dear one, so it is filled in piece
by piece; the rest is there at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..theory import Time, end_time, measured_distance, sharp_bound, start_time, theorem_bound
from ..theory._labels import subset_label
from ..theory.times import ALWAYS_WITHIN, time_grid
from ._axis import Axis
from .rival_marks import Mark, rival_marks

_SPREAD, _EVEN, _CLOSE = 15, 12, 14
"""Times at which the distance is measured: over all of the picture, and where the sharp bound is smallest."""
_PIECE = 4
_HEADROOM = 1.12
"""The axis begins this much above the last thing that happens."""


@dataclass(frozen=True)
class BoundData:
    """Curves, levels and times of the experiment that starts in `init` and should end as `target`.

    Attributes:
        mixture: The mixture.
        init, target: Component indices, `init` inside `target`.
        eps: Level of the times and of the theorem.
        times: OU times of the sharp curve, rising from 0, ``(T,)``.
        sharp, sharp_low, sharp_high: The sharp bound, ``(T,)``.
        measured_times: Rising OU times at which the distance is measured, ``(M,)``.
        measured, measured_low, measured_high: Measured distance, ``(M,)``; NaN where not yet known.
        level: The theorem's bound, valid between `t_end` and `t_start`.
        t_end, t_start: The times of LKC25 Theorem 2 at `eps`.
        rivals: Other predictors on the same clock.
        sharp_method, measured_method: How the curves are known.
    """

    mixture: Any
    init: tuple[int, ...]
    target: tuple[int, ...]
    eps: float
    times: np.ndarray
    sharp: np.ndarray
    sharp_low: np.ndarray
    sharp_high: np.ndarray
    measured_times: np.ndarray
    measured: np.ndarray
    measured_low: np.ndarray
    measured_high: np.ndarray
    level: float
    t_end: Time
    t_start: Time
    rivals: tuple[Mark, ...]
    sharp_method: str
    measured_method: str

    @property
    def applies(self) -> bool:
        """Whether there is a time between `t_end` and `t_start`, at which the theorem speaks."""
        return self.t_start.exists and self.t_end.value <= self.t_start.value

    @property
    def theorem_span(self) -> tuple[float, float]:
        """The OU times between which the theorem speaks, the upper cut to the picture; ``applies`` must hold."""
        return self.t_end.value, min(self.t_start.value, float(self.times[-1]))

    @property
    def known(self) -> np.ndarray:
        """Indices of `measured` that are known."""
        return np.flatnonzero(np.isfinite(self.measured))

    @property
    def done(self) -> float:
        """Share of the measured curve that is known."""
        return len(self.known) / len(self.measured_times)

    @property
    def init_name(self) -> str:
        """What the components of `init` share, or their labels, in braces."""
        return f"{{{subset_label(self.mixture, self.init)}}}"

    @property
    def target_name(self) -> str:
        """The same of `target`."""
        return f"{{{subset_label(self.mixture, self.target)}}}"

    @property
    def floor(self) -> float:
        """Bottom of the logarithmic axis, a power of ten: below all that matters, and not below 1e-6."""
        seen = [self.level, float(self.sharp.min()), *self.measured[self.known]]
        lowest = max(min(value for value in seen if value > 0), 1e-6)
        return float(10.0 ** max(np.floor(np.log10(0.6 * lowest)), -6))

    def axis(self, clock: str, x0: float, x1: float) -> Axis:
        """The time axis of the pictures."""
        return Axis(clock, float(self.times[1]), float(self.times[-1]), x0, x1)

    def marks(self) -> list[Mark]:
        """Vertical lines: the theorem's times where they exist, then the rivals, within the picture."""
        own = [
            Mark("T_end", "end time", self.t_end, "from here on the start can no longer be told from the target"),
            Mark("T_start", "start time", self.t_start, "up to here the target is told apart from the rest"),
        ]
        kept = [mark for mark in (*own, *self.rivals) if mark.time.exists and mark.time.status != ALWAYS_WITHIN]
        return [mark for mark in kept if mark.time.value <= self.times[-1]]

    def at(self, name: str, t: Any) -> np.ndarray:
        """A curve (``"sharp"``, ``"measured"``, or either with ``_low`` or ``_high``) at OU times.

        Between known times the logarithm is interpolated; NaN while nothing is known.
        """
        values = getattr(self, name)
        times = self.times if name.startswith("sharp") else self.measured_times
        good = np.isfinite(values)
        if not good.any():
            return np.full(np.shape(t), np.nan)
        return 10.0 ** np.interp(t, times[good], np.log10(np.maximum(values[good], 1e-300)))


def bound_data(
    mixture: Any,
    init: Any,
    target: Any,
    eps: float,
    *,
    n: int = 2048,
    seed: int = 0,
    n_training: int | None = None,
) -> BoundData:
    """All of the picture but the measured curve, which `measuring` fills in.

    Args:
        mixture: A mixture.
        init: Components started from, inside `target`.
        target: Components that the experiment should reach.
        eps: Level, strictly between 0 and 1.
        n: Draws of an estimate.
        seed: Their seed.
        n_training: Number of training points, for the rival called collapse.

    Raises:
        ValueError: A subset is empty or unknown, `init` is not inside `target`, or `eps` is out of range.
    """
    start, goal = mixture.indices(init, "init"), mixture.indices(target, "target")
    grid = np.asarray(time_grid(mixture), dtype=np.float64)
    rivals = rival_marks(mixture, n_training)
    level, t_end, t_start = _at(mixture, start, goal, eps, n, seed)
    sharp = sharp_bound(mixture, start, goal, grid, n=n, seed=seed)
    last = _last_moment(grid, np.asarray(sharp.value), [t_end, t_start, *(mark.time for mark in rivals)])
    # The grid is even in ln sigma, which is nearly even in t where t is large: it serves every clock.
    shown = slice(0, last + 1)
    measured_times = _measured_times(grid[shown], np.asarray(sharp.value)[shown])
    nothing = np.full(len(measured_times), np.nan)
    value, low, high = (np.asarray(side, dtype=np.float64)[shown] for side in (sharp.value, sharp.low, sharp.high))
    return BoundData(
        mixture=mixture, init=start, target=goal, eps=float(eps), times=grid[shown],
        sharp=value, sharp_low=low, sharp_high=high, sharp_method=sharp.method,
        measured_times=measured_times, measured=nothing, measured_low=nothing, measured_high=nothing,
        measured_method="", level=level, t_end=t_end, t_start=t_start, rivals=rivals,
    )  # fmt: skip


def measuring(data: BoundData, *, n: int = 2048, seed: int = 0) -> Iterator[BoundData]:
    """Yield the data with more and more of what is not yet known: a rough curve first, then between its points."""
    order = np.array(
        [j for j in _coarse_to_fine(len(data.measured_times)) if not np.isfinite(data.measured[j])], dtype=int
    )
    while len(order):
        piece, order = order[:_PIECE], order[_PIECE:]
        # Always as many times in one call: arrays of one shape are compiled once.
        asked = np.resize(piece, _PIECE)
        found = measured_distance(data.mixture, data.init, data.target, data.measured_times[asked], n=n, seed=seed)
        columns = {}
        for name, side in (("measured", "value"), ("measured_low", "low"), ("measured_high", "high")):
            column = getattr(data, name).copy()
            column[piece] = np.asarray(getattr(found, side), dtype=np.float64)[: len(piece)]
            columns[name] = column
        data = replace(data, **columns, measured_method=found.method)
        yield data


def at_eps(data: BoundData, eps: float, *, n: int = 2048, seed: int = 0) -> BoundData:
    """The data at another ε: the curves stay, the theorem's level and times move.

    Raises:
        ValueError: `eps` is not strictly between 0 and 1.
    """
    level, t_end, t_start = _at(data.mixture, data.init, data.target, eps, n, seed)
    return replace(data, eps=float(eps), level=level, t_end=t_end, t_start=t_start)


def _at(mixture: Any, init: Any, target: Any, eps: float, n: int, seed: int) -> tuple[float, Time, Time]:
    return (
        float(theorem_bound(mixture, target, eps)),
        end_time(mixture, init, target, eps, n=n, seed=seed),
        start_time(mixture, target, eps, n=n, seed=seed),
    )


def _last_moment(grid: np.ndarray, sharp: np.ndarray, marks: list[Time]) -> int:
    """Place in the grid at which the picture may begin: the bound has risen to its end, all marks are inside."""
    moving = np.flatnonzero(np.abs(sharp - sharp[-1]) > 0.03 * sharp[-1])
    last = grid[min(moving[-1] + 1, len(grid) - 1)] if len(moving) else grid[-1]
    shown = [mark.value for mark in marks if mark.exists and np.isfinite(mark.value)]
    return min(int(np.searchsorted(grid, _HEADROOM * max([last, *shown]))), len(grid) - 1)


def _measured_times(times: np.ndarray, sharp: np.ndarray) -> np.ndarray:
    """Times over the whole picture, evenly on either clock, and more about the valley, where the distance turns."""
    valley = times[int(np.argmin(sharp))] + 0.12 * times[-1] * np.linspace(-1, 1, _CLOSE)
    wide = np.linspace(0, len(times) - 1, _SPREAD).astype(int)
    even = np.linspace(0.0, times[-1], _EVEN)
    return np.unique(np.concatenate([times[wide], even, valley[(valley > 0) & (valley < times[-1])]]))


def _coarse_to_fine(count: int) -> np.ndarray:
    """Indices 0 to ``count − 1`` such that every beginning of the list is spread over all of them."""
    order, step = [0, count - 1], 1 << max((count - 1).bit_length() - 1, 0)
    while step:
        order += list(range(step, count, 2 * step)) if step > 1 else list(range(count))
        step //= 2
    return np.array(list(dict.fromkeys(order)))
