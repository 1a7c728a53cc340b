"""The eps-mixture tree and its soft form (LC24; LKC25, Definition 8; theory section 7)."""

import dataclasses
import functools
from typing import Any

import numpy as np
import xarray as xr

from ..engine._types import TimeLike
from ..engine._validation import check_choice, check_count, check_eps, check_times
from ..engine.mixtures import Mixture, as_key
from ..engine.processes import IndexSet
from ..engine.processes.diffusion import OrnsteinUhlenbeck
from ..engine.processes.known import MixtureProcess, mixture_of, on_own_clock
from ..engine.separation import EXACT_SECONDS, Estimate, Survey, draws_per_component, interactive_draws
from ..engine.separation.many import serves
from . import _records
from ._family import candidate_sets, children_of, fold, laminar, parents_of, preorder
from ._large import DRAWS, LARGE, large_tree
from ._measures import EPS_GRID, Returns, eps_stars, masks_of, pairs_to_measure, separation, tree_curves
from .features import choose_features, curves_from, feature_groups
from .times import GRID_SIZE, time_grid
from .vertex import CROSSING, FOLDED, KEPT, Candidate, Vertex, build_vertices, cut
from .windows import NOT_SEPARATED, OPEN_ABOVE, WINDOW, CriticalWindow

BUDGETS = FULL, INTERACTIVE = ("full", "interactive")
QUICK_TIMES = 39
"""Positive times of an interactive tree."""


@dataclasses.dataclass(frozen=True, eq=False)
class MixtureTree:
    """An eps-mixture tree inside the soft tree it was cut from.

    Attributes:
        mixture: the mixture.
        eps: the level of the strict tree.
        n, seed: draws per component and seed behind the estimates.
        times: OU times of all curves, `(T,)`, 0 first.
        vertices: soft tree in preorder, root first, down to single components.
        nodes: vertices of the strict tree at `eps` in preorder, linked among themselves.
        windows: one critical window per edge of the strict tree, in the order of `nodes[1:]`.
        candidates: every set considered.
        unique: whether theory guarantees that no finer eps-mixture tree exists.
        curves: over `(vertex, time)` `overlap`, `within`, `decided` and `retention`
            (each with `_low`, `_high`); over `(vertex, eps)` `t_start` and `t_end` (likewise).
        features: decision curves of the mixture's features, see `decision_curves`.
    """

    mixture: Mixture
    eps: float
    n: int
    seed: int
    times: np.ndarray
    vertices: tuple[Vertex, ...]
    candidates: tuple[Candidate, ...]
    curves: xr.Dataset
    features: xr.Dataset

    @property
    def index(self) -> IndexSet:
        """Index set that all times in the tree belong to, with the name of their unit."""
        return OrnsteinUhlenbeck.index

    @property
    def eps_grid(self) -> np.ndarray:
        """Levels at which `curves` tabulates plateaus, `(E,)`."""
        return self.curves["eps"].values

    @property
    def order(self) -> tuple[int, ...]:
        """Components in tree order, as streams are stacked."""
        return tuple(v.subset[0] for v in self.vertices if not v.children)

    @functools.cached_property
    def nodes(self) -> tuple[Vertex, ...]:
        """Vertices of the strict tree at `eps`, linked among themselves; ids stay those of `vertices`."""
        inside = [v for v in self.vertices if v.certificate != "none"]
        parents = parents_of([v.subset for v in inside])
        ids = {v.subset: v.id for v in inside}
        parent_ids = {v.id: ids.get(parents[v.subset] or ()) for v in inside}
        return tuple(
            dataclasses.replace(
                v, parent=parent_ids[v.id], children=tuple(c.id for c in inside if parent_ids[c.id] == v.id)
            )
            for v in inside
        )

    @functools.cached_property
    def windows(self) -> tuple[CriticalWindow, ...]:
        """One window `[T_start(child), T_end(parent)]` per edge of the strict tree."""
        by_id = {v.id: v for v in self.nodes}
        found = []
        for child in self.nodes[1:]:
            parent = by_id[child.parent if child.parent is not None else 0]
            status = WINDOW if parent.plateau_end.value <= parent.plateau_start.value else OPEN_ABOVE
            status = NOT_SEPARATED if not child.plateau_start.exists else status
            found.append(CriticalWindow(child.plateau_start, parent.plateau_end, status, child.subset, parent.subset))
        return tuple(found)

    @property
    def unique(self) -> bool:
        """Whether `eps^2 < (1 - eps) min(a_i, b_j)` for every strict vertex (theory section 7)."""
        weights = np.asarray(self.mixture.weights)
        for vertex in self.nodes[1:]:
            inside = np.isin(np.arange(len(weights)), vertex.subset)
            least = min((weights[side] / weights[side].sum()).min() for side in (inside, ~inside))
            if self.eps**2 >= (1 - self.eps) * least:
                return False
        return True

    @property
    def t_max(self) -> float:
        """OU time above which less than 1 % of anything is decided: where a picture may begin."""
        decided = np.concatenate([self.curves["decided"].values, self.features["decided"].values])
        decided = np.nanmax(np.where(np.isfinite(decided), decided, 0.0), axis=0, initial=0.0)
        active = np.flatnonzero(decided > 0.01)
        # A feature with one value is decided at all times and must not stretch the axis.
        if not len(active) or active[-1] == len(self.times) - 1:
            splits = np.nan_to_num(self.curves["decided"].values, nan=0.0).max(axis=0, initial=0.0)
            active = np.flatnonzero(splits > 0.01)
        return float(self.times[min(active[-1] + 1, len(self.times) - 1)]) if len(active) else float(self.times[-1])

    @property
    def t_min(self) -> float:
        """Smallest positive OU time of the curves: where a logarithmic clock may end."""
        return float(self.times[1])

    def at_eps(self, eps: float) -> "MixtureTree":
        """Return the tree cut at another level; nothing is recomputed, curves are read again.

        Raises:
            ValueError: `eps` is not strictly between 0 and 1.
        """
        level = check_eps(eps)
        return dataclasses.replace(self, eps=level, vertices=cut(self.vertices, self.curves, level))

    def path(self, component: int | str) -> tuple[Vertex, ...]:
        """Return the vertices that hold a component, from its leaf up to the root (LKC25, Corollary 1).

        Raises:
            ValueError: no such component.
        """
        found = self.mixture.indices(component, "component")
        if len(found) != 1:
            raise ValueError(f"component must be one component, not {len(found)}")
        return tuple(v for v in reversed(self.nodes) if found[0] in v.subset)

    def vertex(self, subset: Any) -> Vertex:
        """Return the vertex of the soft tree with this subset of indices or labels.

        Raises:
            ValueError: the subset is not a vertex of the soft tree.
        """
        wanted = self.mixture.indices(subset)
        for vertex in self.vertices:
            if vertex.subset == wanted:
                return vertex
        raise ValueError(f"subset {wanted} is not a vertex of the tree; its vertices are listed in tree.vertices")

    def table(self) -> list[dict[str, Any]]:
        """Return the decision table, one row per split of the soft tree, as plain records."""
        return _records.rows(self)

    def summary(self) -> str:
        """Return the decision table as plain text."""
        return _records.text(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the strict tree as nested plain records, ready for JSON."""
        return _records.nested(self)

    def to_networkx(self):
        """Return the strict tree as a `networkx.DiGraph`, edges from parent to child."""
        return _records.graph(self)

    def to_newick(self) -> str:
        """Return the strict tree in Newick notation; branch lengths are differences of plateau times."""
        return _records.newick(self)

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        return f"MixtureTree(eps={self.eps:g}, {len(self.nodes)} vertices, {self.mixture.n_components} components)"


def mixture_tree(
    mixture: Mixture | MixtureProcess,
    eps: float = 0.05,
    *,
    n: int | None = None,
    seed: int = 0,
    times: TimeLike | None = None,
    budget: str = "full",
) -> MixtureTree:
    """Return the eps-mixture tree of a mixture, inside the soft tree of all its decisions.

    A set S of components is a vertex when every two of them come within `eps` while S is still
    separated from the rest to `1 - eps^2`: `T_end(S) <= T_start(S)` (LKC25, Definition 8).
    Candidates come from dendrograms of the merge times; each knows `eps_star`, the least eps at
    which it is a vertex, so moving eps recomputes nothing. The soft tree is the laminar family
    with the smallest `eps_star`, without splits that are not decided later than their parent's.

    Args:
        mixture: the mixture; or a process of `cw.processes` on one, whose levels then are the times.
        eps: level of the strict tree, strictly between 0 and 1.
        n: draws per component behind the estimates (chosen by the budget when `None`).
        seed: seed of the draws; the same seed gives the same tree.
        times: OU times of the curves, increasing from 0 (chosen from the mixture when `None`).
        budget: "full" is for keeps: 97 times and up to 1024 draws per component. "interactive"
            follows a hand that moves components: 40 times and as many draws as a few hundredths of a
            second allow. Intervals say how accurate either is.

    Raises:
        ValueError: `eps` is out of range, `budget` is unknown, or times are negative, not finite or
            not increasing.
        MemoryError: the pairs of components would not fit into memory.
    """
    level = check_eps(eps)
    quick = check_choice("budget", budget, BUDGETS) == INTERACTIVE
    process, mixture = on_own_clock(mixture), mixture_of(mixture)
    if process is not None:
        from .on_processes import process_tree

        return process_tree(
            process, level, n if n is None else check_count("n", n, 2), check_count("seed", seed, 0), times
        )
    if not isinstance(mixture, Mixture):
        raise TypeError(f"mixture must be a Mixture, not {type(mixture).__name__}")
    size = QUICK_TIMES if quick else GRID_SIZE
    given = None if times is None else check_times(times, "times").reshape(-1)
    if given is not None and (len(given) < 3 or (np.diff(given) <= 0).any() or given[0] != 0):
        raise ValueError("times must increase strictly from 0 and hold at least 3 values")
    if n is not None:
        check_count("n", n, 2)
    as_key(seed)
    if mixture.n_components > LARGE and serves(mixture):
        return _of_many(mixture, level, n or DRAWS, seed, given, size)
    grid = time_grid(mixture, size) if given is None else given
    choose = interactive_draws if quick else draws_per_component
    draws = choose(mixture, len(grid)) if n is None else n
    # An answer that follows the hand leaves no time for quadrature in the plane.
    survey = Survey(mixture, grid, draws, seed, exact_seconds=0.0 if quick else EXACT_SECONDS, keep=True)
    pairs = survey.pair_overlaps()
    count = mixture.n_components
    proposed = candidate_sets(grid, pairs.value)
    everything = [tuple(range(count))] if count > 1 else []
    subsets = [(k,) for k in range(count)] + proposed + everything
    measured = separation(survey, pairs, subsets)
    stars, proven = eps_stars(measured)
    family = laminar(proposed, np.array([star.value for star in stars[count : count + len(proposed)]]), count)
    by_subset = {s: m for m, s in enumerate(subsets)}
    keep = {s for s in family if stars[by_subset[s]].value <= max(EPS_GRID[-1], level)}
    returns, features = _returns(survey, family, keep)
    returns.measure([(s, tuple(found)) for s, found in children_of(parents_of(family)).items()])
    soft = preorder(fold(family, returns.half_of, keep))
    columns = [by_subset[s] for s in soft]
    curves = tree_curves(measured.take(columns), returns, soft)
    vertices = build_vertices(mixture, curves, soft, [stars[m] for m in columns], proven[columns], level)
    family_sets, soft_sets = set(family), set(soft)
    candidates = tuple(
        Candidate(s, stars[m], KEPT if s in soft_sets else FOLDED if s in family_sets else CROSSING)
        for m, s in enumerate(subsets)
    )
    return MixtureTree(mixture, level, draws, seed, grid, vertices, candidates, curves, features)


def _of_many(mixture, level: float, n: int, seed: int, times, size: int) -> MixtureTree:
    grid, soft, stars, proven, curves, features, others = large_tree(mixture, level, n, seed, times, size)
    vertices = build_vertices(mixture, curves, soft, stars, proven, level)
    candidates = [Candidate(s, star, KEPT) for s, star in zip(soft, stars, strict=True)]
    candidates += [Candidate(s, star, FOLDED) for s, star in others]
    candidates.sort(key=lambda c: (len(c.subset), c.subset))
    return MixtureTree(mixture, level, n, seed, grid, vertices, tuple(candidates), curves, features)


def _returns(survey: Survey, family, keep) -> tuple[Returns, xr.Dataset]:
    """Return the returns that folding may ask for and the curves of the features, from one pass."""
    chosen = choose_features(survey.mixture, None)
    groups = feature_groups(chosen)
    pairs = pairs_to_measure(family, parents_of(family), keep)
    count, many = survey.mixture.n_components, len(pairs)
    sets, contexts = (masks_of([pair[side] for pair in pairs], count) for side in (0, 1))
    logged = np.arange(many + groups.shape[1]) >= many
    found, logs = survey.returns_with_logs(
        np.concatenate([sets, groups], axis=1), np.concatenate([contexts, np.ones_like(groups)], axis=1), logged
    )
    inner, outer = (
        Estimate(found.value[:, part], found.low[:, part], found.high[:, part], found.method)
        for part in (slice(many), slice(many, None))
    )
    features = curves_from(survey, chosen, outer, logs[:, many:])
    return Returns(inner, pairs, survey.weights, survey.times), features
