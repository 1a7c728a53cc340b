"""What a classifier says: values of named features, as codes into a list of known values."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ._batch import host_array

LABEL = "label"
"""Name of the feature of a classifier that returns one array."""

MOST_VALUES = np.iinfo(np.int16).max


class Vocabulary:
    """The values each feature takes: declared, or collected as they come and kept in order.

    Collected values are sorted, so that codes do not depend on the order in which cells finish.
    """

    def __init__(self, values: Mapping[str, Sequence[str]]):
        self.values = {name: list(known) for name, known in values.items()}
        self.declared = {name for name, known in values.items() if known}

    @property
    def names(self) -> list[str]:
        """The features, in order."""
        return list(self.values)

    def extend(self, other: Mapping[str, Sequence[str]]) -> list[np.ndarray] | None:
        """Add values that are new; return how old codes map to new ones, or `None` when nothing is new."""
        merged = {
            name: known if name in self.declared else sorted({*known, *other.get(name, ())}, key=_natural)
            for name, known in self.values.items()
        }
        if all(len(merged[name]) == len(known) for name, known in self.values.items()):
            return None
        old, self.values = self.values, merged
        return [_positions(old[name], merged[name]) for name in merged]

    def codes_of(self, values: Mapping[str, Sequence[str]], codes: np.ndarray) -> np.ndarray:
        """Return codes `(..., F)` into another vocabulary's values as codes into these."""
        if list(values.items()) == list(self.values.items()):
            return codes
        return recode(codes, [_positions(values[name], known) for name, known in self.values.items()])


def recode(codes: np.ndarray, tables: Sequence[np.ndarray]) -> np.ndarray:
    """Return codes `(..., F)` mapped through one table per feature; -1 stays -1."""
    mapped = [np.append(table, -1)[codes[..., f]] for f, table in enumerate(tables)]
    return np.stack(mapped, axis=-1).astype(np.int16)


def read_values(
    returned: Any, rows: int, known: Mapping[str, Sequence[str]] | None
) -> tuple[dict[str, list[str]], np.ndarray, dict[int, str]]:
    """Return values, codes `(rows, F)` and what is wrong with single rows, from what a classifier returned.

    Args:
        returned: a mapping from features to `rows` values each, or one such array.
        rows: how many samples it was given.
        known: the features' declared values; an empty list where any value may come; `None` when not
            even the features are known yet.

    Raises:
        ValueError: a feature is missing, unknown or has another number of values.
    """
    columns = dict(returned) if isinstance(returned, Mapping) else {LABEL: returned}
    columns = {str(name): column for name, column in columns.items()}
    names = list(columns) if known is None else list(known)
    if not names:
        raise ValueError("the classifier returned no feature")
    if set(columns) != set(names):
        raise ValueError(f"the classifier must return the features {sorted(names)}, not {sorted(columns)}")
    values, codes, wrong = {}, np.full((rows, len(names)), -1, np.int16), {}
    for f, name in enumerate(names):
        found, inverse, bad = _column(name, columns[name], rows)
        if known and known[name]:
            table = _positions(found, known[name])
            for code in np.flatnonzero(table < 0):
                reason = f"feature {name!r} has no value {found[code]!r}; known are {', '.join(map(repr, known[name]))}"
                bad |= dict.fromkeys(np.flatnonzero(inverse == code).tolist(), f"ValueError: {reason}")
            inverse, found = np.append(table, -1)[inverse], list(known[name])
        values[name], codes[:, f] = found, inverse
        for row, reason in bad.items():
            wrong.setdefault(row, reason)
    codes[list(wrong)] = -1
    return values, codes, wrong


def _column(name: str, column: Any, rows: int) -> tuple[list[str], np.ndarray, dict[int, str]]:
    """Return the distinct values of one feature as strings, each row's code, and bad rows."""
    if isinstance(column, list | tuple):
        # One by one: an array of strings and numbers would turn NaN into a word.
        given = np.empty(len(column), object)
        given[:] = column
    else:
        given = host_array(column)
    if given.dtype.kind not in "biufSUOT" or given.shape != (rows,):
        raise ValueError(f"feature {name!r} must have one value for each of {rows} samples, not shape {given.shape}")
    if given.dtype.kind in "bi" or given.dtype.kind in "uU":
        found, inverse = np.unique(given, return_inverse=True)
        return _coded([str(value) for value in found.tolist()], inverse)
    texts, bad = [], {}
    for row, value in enumerate(given.tolist()):
        text, reason = _text(value)
        texts.append(text)
        if reason:
            bad[row] = f"ValueError: feature {name!r} is {reason}"
    found = sorted({text for text in texts if text is not None})
    code = {text: i for i, text in enumerate(found)} | {None: -1}
    return found, np.array([code[text] for text in texts], np.int64), bad


def _coded(found: list[str], inverse: np.ndarray) -> tuple[list[str], np.ndarray, dict[int, str]]:
    if len(found) > MOST_VALUES:
        raise ValueError(f"a feature may have at most {MOST_VALUES} values, not {len(found)}")
    return found, inverse.astype(np.int64), {}


def _text(value: Any) -> tuple[str | None, str]:
    """Return a value as a string, or what is wrong with it."""
    if value is None:
        return None, "missing (None)"
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, str | bool | int | np.bool_ | np.integer):
        return str(value), ""
    if isinstance(value, float | np.floating):
        if value != value:
            return None, "NaN"
        if float(value).is_integer():
            return str(int(value)), ""
    return None, f"{value!r}, which is no string, integer or boolean"


def _positions(values: Sequence[str], known: Sequence[str]) -> np.ndarray:
    place = {value: i for i, value in enumerate(known)}
    return np.array([place.get(value, -1) for value in values], np.int64)


def _natural(value: str) -> tuple[int, int, str]:
    """Sort whole numbers by size and before words."""
    return (0, int(value), value) if value.lstrip("-").isdecimal() else (1, 0, value)
