"""Trees and features on the levels of a process that masks tokens: the same theory, another clock."""

import dataclasses
import functools
import math
from typing import Any

import numpy as np
import xarray as xr

from ..engine.processes import IndexSet
from ..engine.processes.known import MixtureProcess
from ..engine.separation import EXACT, Estimate
from ..engine.separation.levels import LevelSurvey, check_levels
from ._family import candidate_sets_of, children_of, fold, laminar, parents_of, preorder
from ._labels import subset_label
from ._levels import crossings, falls, level_grid
from ._measures import (
    EPS_GRID,
    SIDES,
    SUFFIXES,
    Returns,
    Separation,
    curves_in_time,
    eps_stars,
    masks_of,
    pairs_to_measure,
    separation,
)
from .features import TransitionMatrix, choose_features, curve_data, curves_dataset, feature_groups
from .times import NEVER_DECIDED, REACHED, UNBOUNDED, Time
from .tree import MixtureTree
from .vertex import CROSSING, FOLDED, KEPT, Candidate, Vertex
from .windows import end_time_of, start_time_of


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ProcessTree(MixtureTree):
    """An eps-mixture tree on the levels of a process; `times` and all times in it are such levels.

    Attributes:
        process: the process.
    """

    process: Any = None

    @property
    def index(self) -> IndexSet:
        """Index set of the process: the unit of all times in the tree."""
        return self.process.index

    @property
    def t_max(self) -> float:
        """The level at which a picture begins: the noise end."""
        return float(self.times[-1])

    @property
    def t_min(self) -> float:
        """The level at which a picture ends: the clean end."""
        return float(self.times[0])

    def at_eps(self, eps: float) -> "ProcessTree":
        """Return the tree cut at another level; nothing is recomputed, curves are read again.

        Raises:
            ValueError: `eps` is not strictly between 0 and 1.
        """
        from ..engine._validation import check_eps

        level = check_eps(eps)
        stars = [v.eps_star for v in self.vertices]
        found = _plateaus(self.index, self.curves, stars, [v.eps_certified for v in self.vertices], level)
        vertices = tuple(
            dataclasses.replace(vertex, plateau_end=end, plateau_start=start, certificate=certificate)
            for vertex, (end, start, certificate) in zip(self.vertices, found, strict=True)
        )
        return dataclasses.replace(self, eps=level, vertices=vertices)


class _Returns(Returns):
    """Return probabilities whose half-way points are levels of a process."""

    index: IndexSet

    def know(self, keys: list, tables: list) -> None:
        """Enter splits with their curves, `(L, 3)` each."""
        halves = falls(self.index, self.times, np.concatenate(tables, axis=1), 0.5).reshape(-1, 3)
        for (subset, children), table, (value, low, high) in zip(keys, tables, halves.tolist(), strict=True):
            ends = [abs(x - value) for x in (low, high) if not math.isnan(x)]
            margin = 0.0 if math.isnan(value) else max(ends, default=0.0)
            self._known[subset, tuple(sorted(children))] = (table, value, margin)


def process_tree(process: Any, eps: float, n: int | None, seed: int, levels: Any) -> ProcessTree:
    """Return the eps-mixture tree on the levels of a process; see `mixture_tree`."""
    grid = level_grid(process.index) if levels is None else _check_grid(process, levels)
    survey = LevelSurvey(process, grid, n, seed)
    pairs = survey.pair_overlaps()
    count = process.n_components
    proposed = candidate_sets_of(functools.partial(_merged, process.index, grid), pairs.value)
    everything = [tuple(range(count))] if count > 1 else []
    subsets = [(k,) for k in range(count)] + proposed + everything
    measured = separation(survey, pairs, subsets)
    stars, proven = _eps_stars(process.index, measured)
    family = laminar(proposed, np.array([star.value for star in stars[count : count + len(proposed)]]), count)
    place = {s: m for m, s in enumerate(subsets)}
    keep = {s for s in family if stars[place[s]].value <= max(EPS_GRID[-1], eps)}
    returns, features = _returns(survey, process.index, family, keep)
    returns.measure([(s, tuple(found)) for s, found in children_of(parents_of(family)).items()])
    soft = preorder(fold(family, returns.half_of, keep))
    columns = [place[s] for s in soft]
    curves = _curves(process.index, measured.take(columns), returns, soft)
    vertices = _vertices(process, curves, soft, [stars[m] for m in columns], proven[columns], eps)
    family_sets, soft_sets = set(family), set(soft)
    candidates = tuple(
        Candidate(s, stars[m], KEPT if s in soft_sets else FOLDED if s in family_sets else CROSSING)
        for m, s in enumerate(subsets)
    )
    return ProcessTree(process.mixture, eps, survey.n, seed, grid, vertices, candidates, curves, features, process)


def _check_grid(process, levels) -> np.ndarray:
    given = np.ravel(check_levels(process, levels, "times"))
    if len(given) < 2 or (np.diff(given) <= 0).any() or given[0] != process.index.clean:
        raise ValueError(f"times must increase strictly from {process.index.clean:g} and hold at least 2 levels")
    return given


def _merged(index: IndexSet, grid: np.ndarray, overlaps: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """Return the level at which each pair comes within each total variation, `(E, P)`."""
    rows, columns = np.triu_indices(overlaps.shape[1], 1)
    with np.errstate(divide="ignore"):
        logs = np.log(overlaps[:, rows, columns])
    found = crossings(index, grid, logs, np.log1p(-distances), last=False)
    return np.nan_to_num(found, nan=index.clean, posinf=2 * grid[-1] + 1).T


def _eps_stars(index: IndexSet, measured: Separation) -> tuple[list[Estimate], np.ndarray]:
    """Return `eps*` of every subset and the smallest eps proven; on whole numbers nothing is interpolated."""
    if not index.whole:
        return eps_stars(measured)

    def least(within: np.ndarray, overlap: np.ndarray) -> np.ndarray:
        return np.maximum(within, np.sqrt(overlap)).min(axis=0)

    sides = [least(getattr(measured.within, s), getattr(measured.overlap, s)) for s in SIDES]
    proven = least(measured.certified_within, measured.certified_overlap)
    exact = measured.overlap.method == measured.within.method == EXACT
    method = EXACT if exact else "estimated"
    found = [Estimate(*(float(x) for x in row), method=method) for row in zip(*sides, strict=True)]
    if measured.whole is not None:
        found[measured.whole], proven[measured.whole] = Estimate(0.0, 0.0, 0.0, EXACT), 0.0
    return found, proven


def _returns(survey: LevelSurvey, index: IndexSet, family, keep) -> tuple[_Returns, xr.Dataset]:
    """Return the returns that folding may ask for, and the curves of the features."""
    pairs = pairs_to_measure(family, parents_of(family), keep)
    sets, contexts = (masks_of([pair[side] for pair in pairs], survey.process.n_components) for side in (0, 1))
    found = survey.returns(sets, contexts) if pairs else _nothing(len(survey.times))
    returns = _Returns(found, pairs, survey.weights, survey.times)
    returns.index = index
    return returns, _feature_curves(survey, choose_features(survey.process, None))


def _nothing(levels: int) -> Estimate:
    empty = np.zeros((levels, 0))
    return Estimate(empty, empty, empty, EXACT)


def _feature_curves(survey: LevelSurvey, features: dict[str, tuple[str, ...]]) -> xr.Dataset:
    groups = feature_groups(features)
    found, logs = survey.returns_with_logs(groups, np.ones_like(groups))
    index = survey.process.index
    read = functools.partial(falls, index, survey.times)
    data = curve_data(survey, features, found, logs)
    curves = curves_dataset(survey.times, features, data, found.method, survey.n, read)
    curves.attrs["time_units"] = index.name
    return curves


def level_curves(process: Any, levels: Any, features: Any, n: int | None, seed: int) -> xr.Dataset:
    """Return `decision_curves` over levels of a process."""
    grid = np.ravel(check_levels(process, levels, "times"))
    return _feature_curves(LevelSurvey(process, grid, n, seed), choose_features(process, features))


def level_transitions(process: MixtureProcess, level: Any, n: int, seed: int) -> TransitionMatrix:
    """Return `transition_matrix` at levels of a process."""
    levels = check_levels(process, level, "t")
    value, error, method = LevelSurvey(process, np.ravel(levels), n, seed).transitions()  # pyright: ignore
    shape = (*levels.shape, process.n_components, process.n_components)
    return TransitionMatrix(value.reshape(shape), error.reshape(shape), method, process.index.name)


def _curves(index: IndexSet, measured: Separation, returns: _Returns, soft: list[tuple[int, ...]]) -> xr.Dataset:
    found = curves_in_time(measured, returns, soft, index.name)
    plateaus = _plateau_levels(index, found, EPS_GRID)
    return found.assign({name: (("vertex", "eps"), array) for name, array in plateaus.items()})


def _plateau_levels(index: IndexSet, curves: xr.Dataset, eps: np.ndarray) -> dict[str, np.ndarray]:
    """Return `t_start` and `t_end` of every vertex at every eps, with limits, `(M, E)` each; the root comes first."""
    levels = curves["time"].values
    found = {}
    with np.errstate(divide="ignore"):
        # A larger overlap is reached earlier: limits swap sides for start times. A larger distance
        # within is left later: they do not for end times.
        for suffix, side in {"": "", "_low": "_high", "_high": "_low"}.items():
            logs = np.log(curves[f"overlap{side}"].values.T)
            found[f"t_start{suffix}"] = crossings(index, levels, logs, 2 * np.log(eps), last=True)
            found[f"t_start{suffix}"][0] = np.inf  # nothing lies outside the root
        for suffix in SUFFIXES:
            logs = np.log1p(-np.minimum(curves[f"within{suffix}"].values.T, 1.0))
            ends = crossings(index, levels, logs, np.log1p(-eps), last=False)
            found[f"t_end{suffix}"] = np.nan_to_num(ends, nan=index.clean, posinf=np.inf)
    missing = np.isnan(found["t_start_low"]) & ~np.isnan(found["t_start"])
    found["t_start_low"][missing] = index.clean
    return found


def _plateaus(index: IndexSet, curves: xr.Dataset, stars, proven, eps: float) -> list[tuple[Time, Time, str]]:
    """Return `T_end`, `T_start` and the certificate of every vertex at `eps`, root first."""
    at = {name: array[:, 0] for name, array in _plateau_levels(index, curves, np.array([eps])).items()}
    outside, inside = curves.attrs["overlap_method"], curves.attrs["within_method"]
    found = []
    for row, (star, certified) in enumerate(zip(stars, proven, strict=True)):
        start, end = (
            Estimate(*(float(at[f"{name}{suffix}"][row]) for suffix in SUFFIXES), method=method)
            for name, method in (("t_start", outside), ("t_end", inside))
        )
        begins = start_time_of(start) if row else Time(math.inf, math.inf, math.inf, UNBOUNDED, EXACT)
        certificate = "none"
        if star.value <= eps:
            certificate = "certified" if certified <= eps else "estimated"
            certificate = EXACT if star.method == EXACT else certificate
        found.append((end_time_of(end), begins, certificate))
    return found


def _vertices(process, curves: xr.Dataset, soft, stars, proven, eps: float) -> tuple[Vertex, ...]:
    index, levels = process.index, curves["time"].values
    parents, ids = parents_of(soft), {s: i for i, s in enumerate(soft)}
    children = {s: tuple(sorted(ids[c] for c in found)) for s, found in children_of(parents).items()}
    method = curves.attrs["decided_method"]
    plateaus = _plateaus(index, curves, stars, proven.tolist(), eps)
    halves = [falls(index, levels, curves[f"decided{s}"].values.T, 0.5) for s in SUFFIXES]
    spans = [falls(index, levels, curves["decided"].values.T, value) for value in (0.95, 0.05)]
    sharp = [
        (curves[within].values + 1.0 - curves[retention].values).min(axis=1)
        for within, retention in (
            ("within", "retention"),
            ("within_low", "retention_high"),
            ("within_high", "retention_low"),
        )
    ]
    vertices = []
    for i, subset in enumerate(soft):
        half, interval = None, None
        if subset in children:
            value, low, high = (float(side[i]) for side in halves)
            low = index.clean if math.isnan(low) and not math.isnan(value) else low
            half = Time(value, low, high, NEVER_DECIDED if math.isnan(value) else REACHED, method)
            interval = (float(spans[0][i]), float(spans[1][i]))
        parent = parents[subset]
        end, start, certificate = plateaus[i]
        vertices.append(
            Vertex(
                id=i,
                subset=subset,
                label=subset_label(process.mixture, subset),
                weight=float(process.weights[list(subset)].sum()),
                parent=None if parent is None else ids[parent],
                children=children.get(subset, ()),
                eps_star=stars[i],
                eps_certified=float(proven[i]),
                plateau_end=end,
                plateau_start=start,
                certificate=certificate,
                half_time=half,
                decision_interval=interval,
                sharp_bound=Estimate(*(float(side[i]) for side in sharp), method=method),
            )
        )
    return tuple(vertices)
