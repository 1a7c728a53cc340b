"""Index sets: the noise levels of a process, from clean to all noise, and the unit of their clock."""

import dataclasses
import math
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class IndexSet:
    """The levels at which a process can be stopped (LKC25: the index set of a localization process).

    Levels grow with the noise. Anything that can be ordered this way serves: OU time, the fraction of
    tokens masked, the number of tokens hidden, the step index of a scheduler.

    Attributes:
        name: what a level is, in words, as a picture's axis says it ("OU time", "tokens masked").
        symbol: its short form in formulas and tables ("t", "m").
        clean: level at which nothing is lost.
        noise: level at which everything is lost; may be `inf`.
        whole: whether levels are whole numbers.
        levels: the only levels there are, increasing; `()` when every number (or whole number) between
            `clean` and `noise` is one.
        ou_times: OU time of each of `levels`, when the process has that clock too; otherwise `()`.
            A process whose levels are OU times themselves (`symbol == "t"`) needs none.
    """

    name: str
    symbol: str
    clean: float
    noise: float
    whole: bool = False
    levels: tuple[float, ...] = ()
    ou_times: tuple[float, ...] = ()

    def __post_init__(self):
        if not self.clean < self.noise:
            raise ValueError(f"noise must lie above clean, but clean = {self.clean!r} and noise = {self.noise!r}")
        if self.levels and not np.all(np.diff(self.levels) > 0):
            raise ValueError(f"levels must increase, but are {self.levels!r}")
        if self.ou_times and len(self.ou_times) != len(self.levels):
            raise ValueError(f"ou_times has {len(self.ou_times)} entries for {len(self.levels)} levels")

    def check(self, level: Any, name: str = "level") -> float:
        """Return one level as a float.

        Raises:
            ValueError: `level` is no number, outside the index set, or between its levels.
        """
        try:
            value = math.nan if isinstance(level, bool | str) else float(level)
        except (TypeError, ValueError):
            value = math.nan
        if not self.clean <= value <= self.noise:
            raise ValueError(f"{name} must be {self.describe()}, not {level!r}")
        if (self.whole and math.isfinite(value) and value != round(value)) or (
            self.levels and value not in self.levels
        ):
            raise ValueError(f"{name} must be {self.describe()}, not {level!r}")
        return value

    def check_all(self, levels: Any, name: str = "levels") -> np.ndarray:
        """Return distinct levels in increasing order, float64 `(L,)`.

        Raises:
            ValueError: there is none, or one of them is not in the index set.
        """
        given = np.atleast_1d(np.asarray(levels, dtype=object))
        if given.ndim != 1 or not given.size:
            raise ValueError(f"{name} must be a list of at least one level, not {levels!r}")
        return np.unique([self.check(level, f"{name}[{i}]") for i, level in enumerate(given)])

    def between(self, low: float, high: float) -> float | None:
        """Return the level halfway between two, or `None` when there is none strictly between."""
        if self.levels:
            inside = [level for level in self.levels if low < level < high]
            return inside[len(inside) // 2] if inside else None
        middle = 0.5 * (low + high)
        middle = float(math.floor(middle)) if self.whole else middle
        return middle if low < middle < high else None

    def describe(self) -> str:
        """Return the index set in words: "a whole number from 0 to 8 (tokens hidden)"."""
        if self.levels:
            first, last = self.levels[0], self.levels[-1]
            return f"one of the {len(self.levels)} levels from {first:g} to {last:g} ({self.name})"
        kind = "a whole number" if self.whole else "a number"
        return f"{kind} from {self.clean:g} to {self.noise:g} ({self.name})"
