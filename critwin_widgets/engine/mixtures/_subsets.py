"""Subsets of components, by index or by label."""

from collections.abc import Iterable

import numpy as np

from .._types import Subset
from .._validation import near_miss


def resolve(subset: Subset | None, labels: tuple[str, ...], name: str = "subset") -> tuple[int, ...]:
    """Return the sorted component indices of `subset`; `None` stands for all of them.

    Raises:
        ValueError: unknown label, index out of range, or no component at all.
        TypeError: an entry is neither an integer nor a string.
    """
    count = len(labels)
    if subset is None:
        return tuple(range(count))
    if isinstance(subset, str | int | np.integer):
        subset = (subset,)
    if not isinstance(subset, Iterable):
        raise TypeError(f"{name} must be component indices or labels, not {subset!r}")
    entries = list(subset)
    found = sorted({_one(entry, labels, name) for entry in entries})
    if not found:
        raise ValueError(f"{name} is empty; name at least one of the {count} components")
    return tuple(found)


def _one(entry, labels: tuple[str, ...], name: str) -> int:
    if isinstance(entry, str):
        if entry not in labels:
            raise ValueError(
                f"{name} has the unknown label {entry!r}; known labels are {_some(labels)}{near_miss(entry, labels)}"
            )
        return labels.index(entry)
    if isinstance(entry, bool | np.bool_) or not isinstance(entry, int | np.integer):
        raise TypeError(f"{name} must hold component indices or labels, not {entry!r}")
    if not 0 <= entry < len(labels):
        raise ValueError(f"{name} has the index {int(entry)}, but components run from 0 to {len(labels) - 1}")
    return int(entry)


def _some(labels: tuple[str, ...]) -> str:
    shown = ", ".join(repr(label) for label in labels[:8])
    return shown if len(labels) <= 8 else f"{shown}, ... ({len(labels)} in all)"
