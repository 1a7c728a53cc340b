"""Measuring a family of sub-mixtures: separation curves, `eps*`, decided fractions, returns."""

import dataclasses
import functools
import math
from typing import Any

import numpy as np
import xarray as xr

from ..engine._types import Curves, PerTime, SubsetMasks
from ..engine.separation import ESTIMATED, EXACT, Estimate, Survey
from ._curves import crossings, falls, heights, least_level
from ._family import children_of, parents_of
from .features import decided_fractions

SIDES = ("value", "low", "high")
SUFFIXES = {"": "value", "_low": "low", "_high": "high"}

EPS_GRID = np.geomspace(0.005, 0.5, 49)
"""Levels at which plateaus are tabulated; a set that is a vertex at some of them is never folded."""


def masks_of(subsets: list[tuple[int, ...]], count: int) -> SubsetMasks:
    """Return boolean masks `(K, M)` of subsets of K components."""
    masks = np.zeros((count, len(subsets)), bool)
    for m, subset in enumerate(subsets):
        masks[list(subset), m] = True
    return masks


@dataclasses.dataclass(frozen=True)
class Separation:
    """Curves of `M` subsets on the survey's times, `(T, M)` each.

    Attributes:
        times: OU times, `(T,)`.
        overlap: `O(p_t^S, p_t^rest)`; zero for the whole mixture.
        within: the largest total variation between two components of S.
        certified_overlap, certified_within: closed-form upper bounds of both.
        whole: which subset is the whole mixture, if any: nothing lies outside it.
    """

    times: np.ndarray
    overlap: Estimate
    within: Estimate
    certified_overlap: np.ndarray
    certified_within: np.ndarray
    whole: int | None

    @functools.cached_property
    def overlap_heights(self) -> dict[str, np.ndarray]:
        """`heights` of the overlaps, by side."""
        return _heights({side: getattr(self.overlap, side) for side in SIDES}, self.overlap.method)

    @functools.cached_property
    def within_heights(self) -> dict[str, np.ndarray]:
        """`heights` of one minus the distances inside, by side."""
        return _heights({side: 1.0 - getattr(self.within, side) for side in SIDES}, self.within.method)

    def take(self, columns: list[int]) -> "Separation":
        """Return the curves of some of the subsets, their heights with them."""

        def some(found: Estimate) -> Estimate:
            return Estimate(*(getattr(found, side)[:, columns] for side in SIDES), method=found.method)

        whole = columns.index(self.whole) if self.whole in columns else None
        taken = Separation(
            self.times,
            some(self.overlap),
            some(self.within),
            self.certified_overlap[:, columns],
            self.certified_within[:, columns],
            whole,
        )
        for name in ("overlap_heights", "within_heights"):
            taken.__dict__[name] = {side: found[:, columns] for side, found in getattr(self, name).items()}
        return taken


def _heights(curves: dict[str, np.ndarray], method: str) -> dict[str, np.ndarray]:
    if method == EXACT:
        return dict.fromkeys(SIDES, heights(curves["value"]))
    found = heights(np.concatenate(list(curves.values()), axis=1))
    return dict(zip(curves, np.split(found, len(curves), axis=1), strict=True))


def separation(survey: Survey, pairs: Estimate, subsets: list[tuple[int, ...]]) -> Separation:
    """Measure how far each subset is from the rest, and its components from each other."""
    count = survey.mixture.n_components
    shape = (len(survey.times), len(subsets))
    proper = [m for m, s in enumerate(subsets) if len(s) < count]
    sides = {side: np.zeros(shape) for side in SIDES}
    certified = np.zeros(shape)
    method = EXACT
    if proper:
        inside = masks_of([subsets[m] for m in proper], count)
        a, b = (np.where(side, survey.weights[:, None], 0.0) for side in (inside, ~inside))
        found, ceiling = survey.overlaps_with_ceiling(a / a.sum(0), b / b.sum(0))
        for side, array in sides.items():
            array[:, proper] = getattr(found, side)
        certified[:, proper] = ceiling
        method = found.method
    value, high, low, proven = _largest_gaps(pairs, np.exp(survey.table.log_low), subsets)
    whole = next((m for m, s in enumerate(subsets) if len(s) == count), None)
    return Separation(
        survey.times,
        Estimate(sides["value"], sides["low"], sides["high"], method),
        Estimate(value, low, high, method=pairs.method),
        certified,
        high if pairs.method == EXACT else proven,
        whole,
    )


def _largest_gaps(pairs: Estimate, bounds: np.ndarray, subsets: list[tuple[int, ...]]) -> list[np.ndarray]:
    """Return the largest total variation inside each subset, `(T, M)`, from value, low, high and bounds."""
    exact = pairs.method == EXACT
    sides = [pairs.value] if exact else [pairs.value, pairs.low, pairs.high, bounds]
    times, count = len(pairs.value), pairs.value.shape[1]
    rows, columns = np.triu_indices(count, 1)
    place = np.zeros((count, count), int)
    place[rows, columns] = np.arange(len(rows))
    # Curves of one pair side by side in memory: each subset reads a few long rows.
    stack = np.ascontiguousarray(np.concatenate([side[:, rows, columns] for side in sides]).T)
    found = np.zeros((len(subsets), len(sides) * times))
    for m, subset in enumerate(subsets):
        if len(subset) > 1:
            index = np.array(subset)
            inner = place[index[:, None], index][_upper(len(index))]
            found[m] = 1.0 - stack[inner].min(0)
    curves = [side.T for side in np.moveaxis(found.reshape(len(subsets), len(sides), times), 1, 0)]
    return curves * 4 if exact else curves


@functools.lru_cache(256)
def _upper(size: int) -> tuple[np.ndarray, np.ndarray]:
    return np.triu_indices(size, 1)


def eps_stars(measured: Separation) -> tuple[list[Estimate], np.ndarray]:
    """Return `eps*` of every subset with its interval, and the smallest eps proven in closed form."""
    overlap, within = measured.overlap_heights, measured.within_heights
    exact = measured.overlap.method == measured.within.method == EXACT
    sides = SIDES[:1] if exact else SIDES
    inside = [*(within[side] for side in sides), heights(1.0 - measured.certified_within)]
    outside = [*(overlap[side] for side in sides), heights(measured.certified_overlap)]
    *found, proven = least_level(np.concatenate(inside, axis=1), np.concatenate(outside, axis=1)).reshape(
        len(sides) + 1, -1
    )
    value, low, high = found * 3 if exact else found
    method = EXACT if exact else ESTIMATED
    found = [Estimate(float(x), float(y), float(z), method) for x, y, z in zip(value, low, high, strict=True)]
    if measured.whole is not None:
        # Nothing lies outside the whole mixture, and late enough its components agree: a vertex at every eps.
        found[measured.whole], proven[measured.whole] = Estimate(0.0, 0.0, 0.0, EXACT), 0.0
    return found, proven


class Returns:
    """Return probabilities of subsets inside their ancestors.

    Args:
        found: `E[P(S | Y_t, context)]` over draws from S, an `Estimate` with arrays `(T, P)`.
        pairs: the `(subset, context)` of each column.
        weights: of the mixture, `(K,)`.
        times: OU times `(T,)`.
    """

    def __init__(self, found: Estimate, pairs: list, weights: np.ndarray, times: PerTime):
        self.found, self.weights, self.times = found, weights, times
        self.column = {pair: m for m, pair in enumerate(pairs)}
        self._mass = {subset: weights[list(subset)].sum() for subset in {subset for subset, _ in pairs}}
        self._known: dict = {}

    def split(self, subset: tuple[int, ...], children: list[tuple[int, ...]]) -> tuple[Curves, float, float]:
        """Return the decided fraction of a split, columns value, low and high `(T, 3)`, with `half_of`'s answer."""
        key = (subset, tuple(sorted(children)))
        if key not in self._known:
            self.measure([key])
        return self._known[key]

    def measure(self, splits: list[tuple[tuple[int, ...], tuple[tuple[int, ...], ...]]]) -> None:
        """Measure several splits at once, each a subset and its children, for `split` to look up."""
        if not splits:
            return
        columns = [self.column[child, subset] for subset, children in splits for child in children]
        shares = np.array([self._mass[child] for _, children in splits for child in children])
        many = [len(children) for _, children in splits]
        starts = np.cumsum([0, *many[:-1]])
        shares = shares / np.repeat(np.add.reduceat(shares, starts), many)
        sides = decided_fractions(self.found, columns, shares, starts)[:3]
        self.know(splits, list(np.stack(sides, axis=2).swapaxes(0, 1)))

    def know(self, keys: list, tables: list[Curves]) -> None:
        """Enter splits, as `measure` names them, with curves that were measured elsewhere, `(T, 3)` each."""
        halves = falls(self.times, np.concatenate(tables, axis=1), 0.5).reshape(-1, 3).tolist()
        for key, table, (value, low, high) in zip(keys, tables, halves, strict=True):
            subset, children = key
            ends = [abs(x - value) for x in (low, high) if not math.isnan(x)]
            self._known[subset, tuple(sorted(children))] = (
                table,
                value,
                max(ends, default=0.0) if not math.isnan(value) else 0.0,
            )

    def half_of(self, subset: tuple[int, ...], children: list[tuple[int, ...]]) -> tuple[float, float]:
        """Return the half-way time of a split and its margin of error."""
        return self.split(subset, children)[1:]


def pairs_to_measure(family: list[tuple[int, ...]], parents: dict, keep: set[tuple[int, ...]]) -> list:
    """Return every `(subset, ancestor)` that folding may ask for, and each with the whole mixture.

    A kept set is never folded, so nothing inside it is ever measured against what is around it.
    """
    found = {}
    for subset in family:
        above, root = parents[subset], None
        while above is not None:
            found[subset, above] = None
            root = above
            if above in keep:
                break
            above = parents[above]
        while root is not None and parents[root] is not None:
            root = parents[root]
        if root is not None:
            found[subset, root] = None
    return list(found)


def plateau_curves(measured: Separation, levels: np.ndarray) -> dict[str, np.ndarray]:
    """Return `T_start` and `T_end` of every subset at every eps, with limits, `(M, E)` each.

    NaN where a subset is never separated; the whole mixture starts at infinity.
    """
    # A larger overlap is reached earlier: limits swap sides for start times. A larger distance
    # within is left later: they do not for end times.
    curves = [measured.overlap_heights[side] for side in ("value", "high", "low")]
    starts = crossings(measured.times, np.concatenate(curves, axis=1), levels**2).reshape(3, -1, len(levels))
    if measured.whole is not None:
        starts[:, measured.whole] = np.inf
    curves = [measured.within_heights[side] for side in SIDES]
    ends = crossings(measured.times, np.concatenate(curves, axis=1), 1.0 - levels).reshape(3, -1, len(levels))
    ends = np.nan_to_num(ends, nan=0.0, posinf=np.inf)
    columns = {f"t_start{suffix}": side for suffix, side in zip(SUFFIXES, starts, strict=True)}
    columns |= {f"t_end{suffix}": side for suffix, side in zip(SUFFIXES, ends, strict=True)}
    missing = np.isnan(columns["t_start_low"]) & ~np.isnan(columns["t_start"])
    columns["t_start_low"][missing] = 0.0
    return columns


def tree_curves(measured: Separation, returns: Returns, soft: list[tuple[int, ...]]) -> xr.Dataset:
    """Return the curves of a soft tree, see `MixtureTree`, from what was measured of its vertices."""
    curves = curves_in_time(measured, returns, soft, "OU time")
    plateaus = plateau_curves(measured, EPS_GRID)
    return curves.assign({name: (("vertex", "eps"), array) for name, array in plateaus.items()})


def curves_in_time(measured: Separation, returns: Returns, soft: list[tuple[int, ...]], unit: str) -> xr.Dataset:
    """Return the curves of a soft tree over the levels of a clock, without its plateaus."""
    data: dict[str, Any] = {}
    for name in ("overlap", "within"):
        for suffix, side in SUFFIXES.items():
            data[name + suffix] = (("vertex", "time"), getattr(getattr(measured, name), side).T)
    shape = (len(soft), len(measured.times))
    decided, retention = np.full((3, *shape), np.nan), np.ones((3, *shape))
    children = children_of(parents_of(soft))
    for row, subset in enumerate(soft):
        if subset in children:
            decided[:, row] = returns.split(subset, children[subset])[0].T
        if row:
            column = returns.column[subset, soft[0]]
            retention[:, row] = [getattr(returns.found, side)[:, column] for side in SUFFIXES.values()]
    for name, array in (("decided", decided), ("retention", retention)):
        data |= {name + suffix: (("vertex", "time"), one) for suffix, one in zip(SUFFIXES, array, strict=True)}
    attrs = {
        "overlap_method": measured.overlap.method,
        "within_method": measured.within.method,
        "decided_method": returns.found.method,
        "confidence": 0.95,
        "time_units": unit,
    }
    return xr.Dataset(
        data, coords={"vertex": np.arange(len(soft)), "time": measured.times, "eps": EPS_GRID}, attrs=attrs
    )
