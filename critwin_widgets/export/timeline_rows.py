"""What a timeline of features shows: rows, the models they belong to, and the unit of their clock."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

DECIDED, CONSTANT, UNDECIDED, PENDING = "decided", "constant", "undecided", "pending"
STATES = (DECIDED, CONSTANT, UNDECIDED, PENDING)
SORTS = ("time", "given", "name")
CURVES = ("decided", "retention")
MOST_TINTS = 8
"""Features of a single model that have a colour each."""
COMMON_TINT = 2


@dataclass(frozen=True)
class Unit:
    """The clock of a timeline.

    Attributes:
        name: What a level is, in words.
        symbol: Its short form.
        ou: Whether levels are OU times, so that every clock of the noise process serves.
        whole: Whether levels are whole numbers.
    """

    name: str = "OU time"
    symbol: str = "t"
    ou: bool = True
    whole: bool = False


@dataclass(frozen=True)
class Interval:
    """A level with its interval, ``low <= value <= high``."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class TimelineRow:
    """One feature in one model.

    Attributes:
        feature: Name of the feature.
        model: Place of the model in `Timeline.models`.
        state: "decided" (it has a half-way time), "constant" (one value: nothing to decide),
            "undecided" (no half-way time in the range) or "pending" (no results yet).
        note: Why there is no half-way time, in words; empty where there is one.
        half: Level at which D = 1/2.
        start: Level at which D = 0.05, met first in generation.
        end: Level at which D = 0.95.
        chance: Retention at infinite noise; NaN while it is not known.
        levels: Increasing levels, ``(L,)``.
        decided, low, high: Decided fraction with its interval, ``(L,)`` each; NaN where there is no result.
        jumps: Pairs of consecutive levels between which retention falls by more than 0.5, low first.
        values: Value of the feature for each component, where the components are known.
    """

    feature: str
    model: int
    state: str
    note: str
    half: Interval | None
    start: Interval | None
    end: Interval | None
    chance: float
    levels: np.ndarray
    decided: np.ndarray
    low: np.ndarray
    high: np.ndarray
    jumps: tuple[tuple[float, float], ...] = ()
    values: tuple[str, ...] | None = None

    def decided_at(self, level: float) -> float:
        """Decided fraction at a level, interpolated between the known ones; NaN where nothing is known."""
        known = np.isfinite(self.decided)
        if not known.any():
            return float("nan")
        return float(np.clip(np.interp(level, self.levels[known], self.decided[known]), 0.0, 1.0))


@dataclass(frozen=True)
class Model:
    """A model whose features are shown: its name, and how its curves are known."""

    name: str
    method: str


@dataclass(frozen=True)
class Timeline:
    """Rows of one or several models on one clock.

    Attributes:
        rows: In the order given: feature by feature, the models of each together.
        models: The models.
        unit: The clock.
        t_max: Level at the noise end of the axis.
        t_min: Smallest level worth showing on logarithmic clocks; used where `unit.ou`.
    """

    rows: tuple[TimelineRow, ...]
    models: tuple[Model, ...]
    unit: Unit
    t_max: float
    t_min: float

    def tints(self) -> list[int]:
        """Place of each row's colour among the line colours.

        Models have a colour each; the features of a single one have those of the river's curves, unless
        they are too many to be told apart, when all share one.
        """
        if len(self.models) > 1:
            return [row.model for row in self.rows]
        telling = [row for row in self.rows if row.state != CONSTANT]
        if len(telling) > MOST_TINTS:
            return [COMMON_TINT for _ in self.rows]
        place = {id(row): i for i, row in enumerate(telling)}
        return [place.get(id(row), 0) for row in self.rows]

    def groups(self, sort: str) -> list[tuple[str, list[TimelineRow]]]:
        """Features with their rows: by "time" (decided first in generation first), "name", or as "given"."""
        grouped: dict[str, list[TimelineRow]] = {}
        for row in self.rows:
            grouped.setdefault(row.feature, []).append(row)
        order = list(grouped.items())
        keys: dict[str, Callable[[Any], Any]] = {
            "time": lambda group: -first_half(group[1]),
            "name": lambda group: (group[0].casefold(), group[0]),
            "given": lambda group: 0,
        }
        return sorted(order, key=keys[sort])


def name_of(label: str) -> str:
    """A label as it is shown: one without a visible character is said to be blank."""
    return label if label.strip() else "(blank)"


def first_half(rows: list[TimelineRow]) -> float:
    """The half-way level met first in generation; below every level where there is none."""
    return max((row.half.value for row in rows if row.half is not None), default=-1.0)
