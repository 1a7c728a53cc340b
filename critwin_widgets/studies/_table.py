"""The outcomes of a study as they come in, and the dataset made of them."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from ._cells import Outcome
from ._values import Vocabulary, recode

PENDING, DONE, FAILED, STOPPED = range(4)
STATUSES = ("pending", "done", "failed", "stopped")


@dataclasses.dataclass
class LevelData:
    """What is known at one level: codes `(S, R, F)`, and the errors of failed cells by source."""

    outcome: np.ndarray
    errors: dict[int, str]


class Table:
    """Outcomes by level, in one vocabulary.

    Attributes:
        vocabulary: the values that codes stand for.
        original: codes of the sources themselves, `(S, F)`.
        levels: what is known at each level.
    """

    def __init__(self, sources: int, repeats: int, vocabulary: Vocabulary):
        self.sources, self.repeats, self.vocabulary = sources, repeats, vocabulary
        self.original = np.full((sources, len(vocabulary.names)), -1, np.int16)
        self.broken: dict[int, str] = {}
        self.levels: dict[float, LevelData] = {}

    def set_original(self, values: Mapping[str, Sequence[str]], codes: np.ndarray, errors: Mapping[int, str]) -> None:
        """Record what the sources themselves are; the cells of those that fail, fail."""
        self._grow(values)
        self.original = self.vocabulary.codes_of(values, codes)
        self.broken = {source: f"the source itself: {reason}" for source, reason in errors.items()}
        for data in self.levels.values():
            data.errors.update(self.broken)

    def level(self, level: float) -> LevelData:
        """Return what is known at a level; nothing yet for a new one."""
        if level not in self.levels:
            shape = (self.sources, self.repeats, len(self.vocabulary.names))
            self.levels[level] = LevelData(np.full(shape, -1, np.int16), dict(self.broken))
        return self.levels[level]

    def put(self, found: Outcome) -> None:
        """Record the outcome of a block."""
        self._grow(found.values)
        data = self.level(found.level)
        codes = self.vocabulary.codes_of(found.values, found.codes)
        data.outcome[found.positions, found.first : found.first + codes.shape[1]] = codes
        data.errors.update(found.errors)
        data.outcome[list(data.errors)] = -1

    def forget_failures(self) -> int:
        """Make failed cells pending again, but for those whose source failed; return how many."""
        count = 0
        for data in self.levels.values():
            count += len(data.errors) - len(self.broken)
            data.errors = dict(self.broken)
        return count

    def missing(self, level: float, repeats: range) -> np.ndarray:
        """Return the sources that lack some of these repeats at a level and have not failed."""
        data = self.level(level)
        lacks = np.any(data.outcome[:, repeats.start : repeats.stop, 0] < 0, axis=1)
        return np.setdiff1d(np.flatnonzero(lacks), list(data.errors))

    def status(self, level: float, stopped: bool) -> np.ndarray:
        """Return the status of each source's cell at a level, `(S,)`."""
        data = self.level(level)
        full = (data.outcome[..., 0] >= 0).all(axis=1)
        status = np.where(full, DONE, STOPPED if stopped else PENDING).astype(np.int8)
        status[list(data.errors)] = FAILED
        return status

    def number(self, levels: Sequence[float], stopped: Sequence[float]) -> np.ndarray:
        """Return how many cells have each status, in the order of `STATUSES`."""
        every = [self.status(level, level in stopped) for level in levels]
        return np.bincount(np.concatenate(every), minlength=len(STATUSES))

    def _grow(self, values: Mapping[str, Sequence[str]]) -> None:
        tables = self.vocabulary.extend(values)
        if tables is None:
            return
        self.original = recode(self.original, tables)
        for data in self.levels.values():
            data.outcome = recode(data.outcome, tables)


def dataset(
    table: Table,
    levels: Sequence[float],
    stopped: Sequence[float],
    source_ids: Sequence[Any],
    info: Mapping[str, Any],
    attributes: Mapping[str, Any],
    ou_time: np.ndarray | None,
) -> xr.Dataset:
    """Return the results as a dataset of their own: later cells do not change it."""
    data = [table.level(level) for level in levels]
    outcome = np.stack([one.outcome for one in data], axis=1)
    status = np.stack([table.status(level, level in stopped) for level in levels], axis=1)
    errors = np.full((table.sources, len(levels)), "", object)
    for column, one in enumerate(data):
        for source, reason in one.errors.items():
            errors[source, column] = reason
    flags = {"flag_values": np.arange(len(STATUSES), dtype=np.int8), "flag_meanings": " ".join(STATUSES)}
    found = xr.Dataset(
        {
            "outcome": (("source", "level", "repeat", "feature"), outcome),
            "original": (("source", "feature"), table.original.copy()),
            "status": (("source", "level"), status, flags),
            "error": (("source", "level"), errors),
            **{name: ("source", np.asarray(column)) for name, column in info.items()},
        },
        coords={
            "source": list(source_ids),
            "level": np.asarray(levels, np.float64),
            "repeat": np.arange(table.repeats),
            "feature": table.vocabulary.names,
        },
        attrs={"values": json.dumps(table.vocabulary.values, ensure_ascii=False), **attributes},
    )
    return found if ou_time is None else found.assign_coords(ou_time=("level", ou_time))
