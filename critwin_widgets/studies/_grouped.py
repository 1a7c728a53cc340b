"""The outcomes of one attribute, counted by source, level and group."""

import dataclasses
from typing import Any

import numpy as np
import xarray as xr

from ..engine._validation import near_miss
from .retention import choose_features, values_of

MOST_GROUPS = 12
"""Groups that can be compared: all pairs of more are too many to tell anything apart."""


@dataclasses.dataclass(frozen=True)
class Grouped:
    """Counts of an attribute's outcomes.

    Attributes:
        groups: names of the groups, `G`.
        values: values of the attribute, `V`.
        levels: noise levels with outcomes in every group, `(L,)`.
        column: group of each source, `(S,)`; "" for a source in none.
        inside: which sources are in each group, `(G, S)`.
        original: the sources' own values as codes, `(S,)`, -1 where unknown.
        counts: outcomes of each value, `(S, L, V)`.
        generated: outcomes by their own group, at the highest level, `(G, S, V)`; `None` when the
            group is no feature of outcomes.
        missing: share of repeats without an outcome, at these levels and sources.
        dropped: levels that were left out because a group has no outcome there.
    """

    groups: list[str]
    values: list[str]
    levels: np.ndarray
    column: np.ndarray
    inside: np.ndarray
    original: np.ndarray
    counts: np.ndarray
    generated: np.ndarray | None
    missing: float
    dropped: int

    def hits(self, level: int) -> np.ndarray:
        """Return the outcomes at the level at a place, by group, source and value, `(G, S, V)`."""
        return self.inside[:, :, None] * self.counts[None, :, level]

    @property
    def kept(self) -> np.ndarray:
        """Outcomes that are kept or not, `(S, L, 2)`; none for sources of unknown value."""
        own = np.maximum(self.original, 0)
        kept = np.take_along_axis(self.counts, np.broadcast_to(own[:, None, None], (*self.counts.shape[:2], 1)), 2)
        both = np.concatenate([kept, self.counts.sum(-1, keepdims=True) - kept], axis=-1)
        return both * (self.original >= 0)[:, None, None]

    @property
    def own(self) -> np.ndarray:
        """The sources' own values by group, `(G, S, V)`: one each."""
        one_hot = self.original[:, None] == np.arange(len(self.values))
        return self.inside[:, :, None] * one_hot[None]


def read_grouped(results: xr.Dataset, group: str, attribute: str) -> Grouped:
    """Return the counts of an attribute by groups of sources.

    Raises:
        TypeError: a name is no string.
        ValueError: an unknown name, the same for both, or groups that cannot be compared.
    """
    for name, given in (("group", group), ("attribute", attribute)):
        if not isinstance(given, str):
            raise TypeError(f"{name} must be a name, not {given!r}")
    choose_features(results, attribute)
    if group == attribute:
        raise ValueError(f"group and attribute must differ, but both are {group!r}")
    values = values_of(results)
    column, is_feature = _column(results, group, values)
    groups = sorted(set(column.tolist()) - {""})
    if len(groups) < 2 or len(groups) > MOST_GROUPS:
        what = f"{len(groups)} group{'s' if len(groups) != 1 else ''} among {len(column)} sources"
        remedy = "a comparison needs at least two" if len(groups) < 2 else f"at most {MOST_GROUPS} can be compared"
        raise ValueError(f"group {group!r} makes {what}; {remedy}")
    inside = np.array([column == name for name in groups])
    outcome = _outcomes(results, attribute)
    counts = (outcome[..., None] == np.arange(len(values[attribute]))).sum(2)
    there = np.array([counts[rows].sum((0, 2)) > 0 for rows in inside]).all(0)
    if not there.any():
        raise ValueError(
            f"attribute {attribute!r} has no level with outcomes in every group of {group!r}; run the study"
        )
    levels = results["level"].values.astype(np.float64)
    used = outcome[(column != "")][:, there]
    generated = None
    if is_feature:
        last = int(np.flatnonzero(there)[-1])
        codes = [values[group].index(name) for name in groups]
        generated = _jointly(_outcomes(results, group)[:, last], codes, outcome[:, last], len(values[attribute]))
    return Grouped(
        groups,
        list(values[attribute]),
        levels[there],
        column,
        inside,
        results["original"].sel(feature=attribute).values.astype(np.int64),
        counts[:, there],
        generated,
        float(np.mean(used < 0)),
        int((~there).sum()),
    )


def _column(results: xr.Dataset, group: str, values: dict[str, list[str]]) -> tuple[np.ndarray, bool]:
    """Return the group of each source as text, "" for none, and whether it is the value of a feature."""
    own = [str(name) for name, column in results.variables.items() if column.dims == ("source",) and name != "source"]
    if group in values and group in own:
        raise ValueError(f"group {group!r} is a feature and a column of the sources; rename the column")
    if group in values:
        codes = results["original"].sel(feature=group).values
        return np.array(["" if code < 0 else values[group][code] for code in codes], object), True
    if group not in own:
        known = [*own, *values]
        raise ValueError(
            f"group must be a column of the sources or a feature ({', '.join(map(repr, known))}), "
            f"not {group!r}{near_miss(group, known)}"
        )
    return np.array([_text(value) for value in results[group].values.tolist()], object), False


def _text(value: Any) -> str:
    return "" if value is None or value != value or str(value).strip() == "" else str(value)


def _outcomes(results: xr.Dataset, feature: str) -> np.ndarray:
    """Return outcomes as codes, `(S, L, R)`."""
    return results["outcome"].sel(feature=feature).transpose("source", "level", "repeat").values


def _jointly(of_group: np.ndarray, codes: list[int], of_attribute: np.ndarray, values: int) -> np.ndarray:
    """Return how many repeats of each source have both, `(G, S, V)`."""
    own = (of_group[None] == np.array(codes)[:, None, None])[..., None]
    return (own & (of_attribute[None, ..., None] == np.arange(values))).sum(2)
