"""From pairwise merge times to a laminar family of sub-mixtures, and which splits to fold.

Candidates are the nodes of the single-, average- and complete-linkage dendrograms of the merge
times at several levels; they enter a laminar family greedily, smallest `eps*` first. Under the
condition of theory section 7 every vertex of an eps-mixture tree is a single-linkage node, so the
family contains them all.
"""

import functools
import math

import numpy as np

from ._curves import crossings, heights

_LEVELS = np.array([0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7])
"""Levels of total variation at which components are merged to propose candidates."""


def merge_times(times: np.ndarray, overlaps: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return when each pair `i < j` comes within each level of total variation, `(L, P)` OU times."""
    rows, columns = np.triu_indices(overlaps.shape[1], 1)
    found = crossings(times, heights(overlaps[:, rows, columns]), 1.0 - levels)
    return np.nan_to_num(found, nan=0.0).T  # NaN: within it from the start


def candidate_sets(times: np.ndarray, overlaps: np.ndarray) -> list[tuple[int, ...]]:
    """Return the candidate subsets with more than one and fewer than all components, sorted."""
    return candidate_sets_of(functools.partial(merge_times, times), overlaps)


def candidate_sets_of(merge, overlaps: np.ndarray) -> list[tuple[int, ...]]:
    """Return `candidate_sets` from a function that says when pairs merge: of overlaps and levels, `(L, P)`."""
    count = overlaps.shape[1]
    if count <= 2:
        return []
    merged = np.full((len(_LEVELS), count, count), np.inf)
    rows, columns = np.triu_indices(count, 1)
    merged[:, rows, columns] = merged[:, columns, rows] = merge(overlaps, _LEVELS)
    nodes = linkage_nodes(merged)
    _, first = np.unique(np.packbits(nodes, axis=1), axis=0, return_index=True)
    found = [tuple(np.flatnonzero(node).tolist()) for node in nodes[first]]
    return sorted(found, key=lambda s: (len(s), s))


def linkage_nodes(distances: np.ndarray) -> np.ndarray:
    """Return the nodes of single, complete and average linkage of several distance matrices at once.

    Args:
        distances: `(B, K, K)`, symmetric, infinite on the diagonal.

    Returns:
        Masks of the sets with more than one and fewer than all components, `(3 B (K - 2), K)`.
    """
    many, count, _ = distances.shape
    trees = np.arange(3 * many)
    now = np.concatenate([distances] * 3)
    sizes, members = np.ones((3 * many, count)), np.tile(np.eye(count, dtype=bool), (3 * many, 1, 1))
    found = []
    for _ in range(count - 2):
        one, other = np.divmod(now.reshape(len(trees), -1).argmin(1), count)
        first, second = now[trees, one], now[trees, other]
        share = (sizes[trees, one] / (sizes[trees, one] + sizes[trees, other]))[2 * many :, None]
        new = np.concatenate(
            [
                np.minimum(first[:many], second[:many]),
                np.maximum(first[many : 2 * many], second[many : 2 * many]),
                share * first[2 * many :] + (1 - share) * second[2 * many :],
            ]
        )
        # Infinite where either is joined already, and between the two themselves.
        new[np.isinf(first) | np.isinf(second)] = np.inf
        now[trees, one] = now[trees, :, one] = new
        now[trees, other] = now[trees, :, other] = np.inf
        sizes[trees, one] += sizes[trees, other]
        members[trees, one] |= members[trees, other]
        found.append(members[trees, one])
    return np.concatenate(found)


def laminar(candidates: list[tuple[int, ...]], eps_star: np.ndarray, count: int) -> list[tuple[int, ...]]:
    """Return a laminar family with the root and all singletons, chosen greedily by `eps*`."""
    family: list[tuple[int, ...]] = [(k,) for k in range(count)]
    if count > 1:
        family.append(tuple(range(count)))
    if not candidates:
        return family
    masks = np.zeros((len(candidates), count))
    for m, subset in enumerate(candidates):
        masks[m, list(subset)] = 1.0
    shared, size = masks @ masks.T, masks.sum(1)
    crossing = (shared > 0) & (shared < np.minimum(size[:, None], size))
    blocked = np.zeros(len(candidates), bool)
    for index in np.argsort(eps_star, kind="stable").tolist():
        if not blocked[index]:
            blocked |= crossing[index]
            family.append(candidates[index])
    return family


def parents_of(family: list[tuple[int, ...]]) -> dict[tuple[int, ...], tuple[int, ...] | None]:
    """Return each subset's smallest strict superset in a laminar family (`None` for the root)."""
    owner: dict[int, tuple[int, ...]] = {}
    found: dict[tuple[int, ...], tuple[int, ...] | None] = {}
    # Largest first: what owns a set's first component when its turn comes is what holds it most closely.
    for subset in sorted(family, key=len, reverse=True):
        found[subset] = owner.get(subset[0])
        owner.update(dict.fromkeys(subset, subset))
    return found


def children_of(parents: dict) -> dict[tuple[int, ...], list[tuple[int, ...]]]:
    """Return the children of every subset that has any, from `parents_of`, in the order of the latter."""
    found: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
    for subset, parent in parents.items():
        if parent is not None:
            found.setdefault(parent, []).append(subset)
    return found


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
    parents = parents_of(family)
    children = children_of(parents)
    halves: dict[tuple[int, ...], tuple[float, float]] = {s: half_of(s, found) for s, found in children.items()}
    while True:
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
            return [s for s in family if s in parents]
        parent, orphans = parents.pop(offender), children.pop(offender)
        assert parent is not None, "the root is never folded"
        del halves[offender]
        parents.update(dict.fromkeys(orphans, parent))
        children[parent] = [s for s in children[parent] if s != offender] + orphans
        halves[parent] = half_of(parent, children[parent])
