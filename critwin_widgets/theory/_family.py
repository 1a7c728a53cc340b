"""From pairwise merge times to a laminar family of sub-mixtures, and which splits to fold.

Candidates are the nodes of the single-, average- and complete-linkage dendrograms of the merge
times at several levels; they enter a laminar family greedily, smallest `eps*` first. Under the
condition of theory section 7 every vertex of an eps-mixture tree is a single-linkage node, so the
family contains them all.
"""

import math

import numpy as np
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from .times import crossing

_LEVELS = np.array([0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7])
"""Levels of total variation at which components are merged to propose candidates."""


def merge_times(times: np.ndarray, overlaps: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return when each pair comes within each level of total variation, `(L, K, K)` OU times."""
    count = overlaps.shape[1]
    merged = np.zeros((len(levels), count, count))
    for i in range(count):
        for j in range(i + 1, count):
            found = crossing(times, overlaps[:, i, j], 1.0 - levels)
            merged[:, i, j] = merged[:, j, i] = np.nan_to_num(found, nan=0.0)  # NaN: within it from the start
    return merged


def candidate_sets(times: np.ndarray, overlaps: np.ndarray) -> list[tuple[int, ...]]:
    """Return the candidate subsets with more than one and fewer than all components, sorted."""
    count = overlaps.shape[1]
    found: set[tuple[int, ...]] = set()
    if count > 2:
        for merged in merge_times(times, overlaps, _LEVELS):
            condensed = squareform(merged, checks=False)
            for method in ("single", "average", "complete"):
                found.update(_nodes(hierarchy.linkage(condensed, method), count))
    return sorted(found, key=lambda s: (len(s), s))


def _nodes(tree: np.ndarray, count: int) -> list[tuple[int, ...]]:
    members: list[tuple[int, ...]] = [(k,) for k in range(count)]
    for left, right in tree[:, :2].astype(int):
        members.append(tuple(sorted(members[left] + members[right])))
    return [m for m in members[count:] if len(m) < count]


def laminar(candidates: list[tuple[int, ...]], eps_star: np.ndarray, count: int) -> list[tuple[int, ...]]:
    """Return a laminar family with the root and all singletons, chosen greedily by `eps*`."""
    chosen: list[frozenset[int]] = [frozenset({k}) for k in range(count)]
    if count > 1:
        chosen.append(frozenset(range(count)))
    for index in np.argsort(eps_star, kind="stable"):
        subset = frozenset(candidates[index])
        if all(subset <= other or other <= subset or not subset & other for other in chosen):
            chosen.append(subset)
    return [tuple(sorted(s)) for s in chosen]


def parents_of(family: list[tuple[int, ...]]) -> dict[tuple[int, ...], tuple[int, ...] | None]:
    """Return each subset's smallest strict superset in a laminar family (`None` for the root)."""
    sets = {s: frozenset(s) for s in family}
    by_size = sorted(family, key=len)
    return {s: next((larger for larger in by_size if sets[s] < sets[larger]), None) for s in family}


def preorder(family: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Return the family with parents before children and siblings by their first component."""
    parents = parents_of(family)
    children: dict[tuple[int, ...] | None, list[tuple[int, ...]]] = {}
    for subset in sorted(family):
        children.setdefault(parents[subset], []).append(subset)
    result, stack = [], list(reversed(children[None]))
    while stack:
        subset = stack.pop()
        result.append(subset)
        stack.extend(reversed(children.get(subset, [])))
    return result


def fold(family: list[tuple[int, ...]], half_of, keep: set[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Return the family without the splits that are not decided later than their parent's.

    Args:
        family: laminar family.
        half_of: function from a subset and its children to `(half time, margin)` of the split.
        keep: subsets that stay in any case (vertices of an eps-mixture tree).

    A split is later in generation when its half-way time lies below its parent's by more than both
    margins of error together. The worst offender is folded first, and its parent's split, which
    now has more ways, is measured anew.
    """
    family = list(family)
    while True:
        parents = parents_of(family)
        splits = {s: [c for c in family if parents[c] == s] for s in family if len(s) > 1}
        halves: dict[tuple[int, ...], tuple[float, float]] = {s: half_of(s, children) for s, children in splits.items()}
        worst, offender = 0.0, None
        for subset, (half, margin) in halves.items():
            parent = parents[subset]
            if parent is None or subset in keep:
                continue
            above, above_margin = halves[parent]
            excess = (half if not math.isnan(half) else -1.0) - (above if not math.isnan(above) else -1.0)
            excess += math.hypot(margin, above_margin)
            if excess >= worst:
                worst, offender = excess, subset
        if offender is None:
            return family
        family.remove(offender)
