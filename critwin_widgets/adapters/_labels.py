"""Label columns: from whatever people keep labels in to named columns of strings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

JOIN = " · "


@dataclass(frozen=True)
class Classes:
    """The observed combinations of label values, one per mixture component.

    Attributes:
        labels: One unique name per class.
        features: Column name → value of each class, as strings.
        members: For every class, the row numbers that belong to it.
    """

    labels: tuple[str, ...]
    features: dict[str, tuple[str, ...]]
    members: tuple[np.ndarray, ...]


def read_classes(y: Any, rows: int, feature_names: Sequence[str] | None = None) -> Classes:
    """Group rows by label.

    Args:
        y: One label per row, shape ``(n,)``; or several label columns as a mapping, a pandas
            DataFrame or an ``(n, f)`` array.
        rows: Number of rows of the data the labels belong to.
        feature_names: Names of the columns, where ``y`` does not carry its own.

    Raises:
        ValueError: On a wrong length, a missing label, or two values that read the same.
    """
    columns = _columns(y, feature_names)
    for name, column in columns.items():
        if len(column) != rows:
            raise ValueError(f"y has {len(column)} labels in {name!r} but X has {rows} rows; they must match.")
    codes, values = [], []
    for name, column in columns.items():
        code, value = _encode(name, column)
        codes.append(code)
        values.append(value)
    combos, inverse = np.unique(np.stack(codes, axis=1), axis=0, return_inverse=True)
    inverse = np.ravel(inverse)
    features = {name: tuple(values[j][c] for c in combos[:, j]) for j, name in enumerate(columns)}
    labels = tuple(JOIN.join(parts) for parts in zip(*features.values(), strict=True))
    if len(set(labels)) < len(labels):
        # "a · b" + "c" and "a" + "b · c" would read the same; spelling the columns out tells them apart.
        named = [[f"{name}={part}" for part in features[name]] for name in features]
        labels = tuple(JOIN.join(parts) for parts in zip(*named, strict=True))
    members = tuple(np.flatnonzero(inverse == k) for k in range(len(labels)))
    return Classes(labels, features, members)


def _columns(y: Any, feature_names: Sequence[str] | None) -> dict[str, np.ndarray]:
    if hasattr(y, "columns") and hasattr(y, "to_numpy"):  # a DataFrame, without importing pandas
        columns = {str(name): np.asarray(y[name], dtype=object) for name in y.columns}
    elif isinstance(y, Mapping):
        columns = {str(name): np.asarray(column, dtype=object) for name, column in y.items()}
    else:
        columns = _array_columns(y, feature_names)
        feature_names = None
    if not columns:
        raise ValueError("y has no label columns; it needs at least one.")
    for name, column in columns.items():
        if column.ndim != 1:
            raise ValueError(f"y[{name!r}] has shape {column.shape}; a label column is one-dimensional.")
    if feature_names is not None:
        if len(feature_names) != len(columns):
            raise ValueError(f"feature_names has {len(feature_names)} names but y has {len(columns)} columns.")
        columns = dict(zip(map(str, feature_names), columns.values(), strict=True))
    return columns


def _array_columns(y: Any, feature_names: Sequence[str] | None) -> dict[str, np.ndarray]:
    array = np.asarray(y, dtype=object)
    if array.ndim == 1:
        given = getattr(y, "name", None)  # a pandas Series carries its own name
        default = ["class" if given is None else str(given)]
        array = array[:, None]
    elif array.ndim == 2:
        default = [f"feature {j + 1}" for j in range(array.shape[1])]
    else:
        raise ValueError(f"y has shape {array.shape}; it must be (n,) for one feature or (n, f) for several.")
    names = default if feature_names is None else [str(name) for name in feature_names]
    if len(names) != array.shape[1]:
        raise ValueError(f"feature_names has {len(names)} names but y has {array.shape[1]} columns.")
    if len(set(names)) < len(names):
        raise ValueError(f"feature_names {names} holds a name twice; names must be unique.")
    return {name: array[:, j] for j, name in enumerate(names)}


def _encode(name: str, column: np.ndarray) -> tuple[np.ndarray, list[str]]:
    missing = [i for i, value in enumerate(column) if _is_missing(value)]
    if missing:
        raise ValueError(
            f"y[{name!r}] has {len(missing)} missing labels (first in row {missing[0]}); "
            "drop those rows or give them a label of their own."
        )
    distinct = set(column.tolist())
    try:
        ordered = sorted(distinct)
    except TypeError:  # mixed types have no order of their own
        ordered = sorted(distinct, key=str)
    shown = [str(value) for value in ordered]
    twins = sorted({text for text in shown if shown.count(text) > 1})
    if twins:
        raise ValueError(f"y[{name!r}] has different labels that read the same: {twins}; rename one of them.")
    number = {value: i for i, value in enumerate(ordered)}
    return np.array([number[value] for value in column.tolist()]), shown


def _is_missing(value: object) -> bool:
    if value is None:
        return True
    try:
        return bool(value != value)  # NaN and NaT are the values that differ from themselves
    except TypeError:  # pandas.NA refuses the question, which is answer enough
        return True
