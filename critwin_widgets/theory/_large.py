"""The tree of a spherical mixture of very many components.

The small path holds all pairs at all times; this one goes through the times one by one. Candidates
are the nodes of one single-linkage dendrogram, which holds every vertex of an eps-mixture tree
wherever theory makes that tree unique (section 7). Certified brackets decide which of them can be
vertices; a pass with few draws estimates what those do.
"""

import dataclasses
import math
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import xarray as xr
from scipy import special

from ..engine._types import PerTime
from ..engine.mixtures import GaussianMixture
from ..engine.processes import clock
from ..engine.separation import CERTIFIED, CONFIDENCE_Z, ESTIMATED, EXACT, Estimate
from ..engine.separation.many import Crowd, chunks
from ..engine.separation.survey import half_width, within_bracket
from ._curves import heights, least_level
from ._measures import SIDES, Returns, Separation, eps_stars, tree_curves
from .features import choose_features, curves_dataset

LARGE = 128
"""Spherical mixtures of more components than this are taken time by time."""

DRAWS = 16
"""Draws per component of a large tree: few, since its sets are large."""


@dataclasses.dataclass(frozen=True)
class Node:
    """A set of the soft tree: its range of places, the row of its parent, and its members' own children."""

    first: int
    last: int
    parent: int


def large_grid(crowd_squared: np.ndarray, variances: np.ndarray, size: int) -> PerTime:
    """Return `size` OU times after 0, evenly in `ln sigma` over all that happens; as `time_grid`."""
    widest = np.sqrt(crowd_squared.max())
    apart = crowd_squared + np.where(np.eye(len(crowd_squared), dtype=bool), np.inf, 0.0)
    nearest = np.sqrt(apart[apart > 0].min())
    narrow, wide = np.sqrt(variances.min()), np.sqrt(variances.max())
    # From where the nearest pair is 20 deviations apart, or noise begins to be felt at all, ...
    first = max(0.04 * narrow, np.sqrt(max((nearest / 20) ** 2 - variances.max(), 0.0)))
    # ... to where the farthest is 0.01 apart, or different variances are alike to that much.
    last = max(widest / 0.01, 20 * wide if wide > narrow else 0.0, 10 * first)
    return np.concatenate([[0.0], clock.from_sigma(np.geomspace(min(first, last / 10), last, size))])


def bounds_of(crowd: Crowd, times: PerTime) -> dict[str, np.ndarray]:
    """Return the certified curves of every node of the dendrogram, `(T, 2K - 1)` each."""
    names = ("low", "high", "within", "within_low", "within_high")
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        found = list(threads.map(crowd.bounds, clock.to_sigma(times) ** 2))
    return {name: np.stack(side) for name, side in zip(names, zip(*found, strict=True), strict=True)}


def stars_of(bounds: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the middle, least and largest `eps*` of every node that the brackets allow, `(2K - 1,)`."""
    middle = np.sqrt(bounds["low"]) * np.sqrt(bounds["high"])
    found = [
        least_level(heights(1.0 - bounds[within]), heights(overlap))
        for within, overlap in (("within", middle), ("within_low", bounds["low"]), ("within_high", bounds["high"]))
    ]
    for side in found:
        side[-1] = 0.0  # the whole mixture
    return found[0], found[1], found[2]


def soft_nodes(crowd: Crowd, least: np.ndarray, level: float) -> tuple[list[int], list[Node]]:
    """Return the nodes that can be vertices at `level`, and all single components, in preorder.

    The second list holds them as ranges with the row of their parent, -1 for the root.
    """
    count = len(crowd.order)
    kept = [m for m in range(2 * count - 1) if m < count or m == 2 * count - 2 or least[m] <= level]
    kept.sort(key=lambda m: (crowd.ranges[m, 0], -crowd.ranges[m, 1]))
    rows: list[Node] = []
    above: list[int] = []
    for m in kept:
        first, last = map(int, crowd.ranges[m])
        while above and rows[above[-1]].last < last:
            above.pop()
        while above and rows[above[-1]].last <= first:
            above.pop()
        rows.append(Node(first, last, above[-1] if above else -1))
        above.append(len(rows) - 1)
    return kept, rows


@dataclasses.dataclass(frozen=True)
class Draws:
    """What `n` noise vectors say of every node and feature, averaged over components.

    Attributes:
        overlap: `min(1, p^rest / p^S)` over draws from each node, `(T, V, n)`.
        retention: `P(S | Y)`, `(T, V, n)`.
        share: `P(S | Y, parent)`, `(T, V, n)`.
        kept, logs: chance and its logarithm that a feature keeps its value, `(T, F, n)`.
    """

    overlap: np.ndarray
    retention: np.ndarray
    share: np.ndarray
    kept: np.ndarray
    logs: np.ndarray


def measure(crowd: Crowd, times: PerTime, rows: list[Node], features: np.ndarray) -> Draws:
    """Draw from every component at every time; `features` `(F, K)` are numbers of values, in tree order."""
    count, n = len(crowd.order), crowd.draws
    leaves: dict[int, list[int]] = {}
    for row in rows:
        if row.last - row.first == 1:
            leaves.setdefault(row.parent, []).append(row.first)
    found = Draws(*(np.zeros((len(times), size, n)) for size in (*[len(rows)] * 3, *[len(features)] * 2)))
    mass = np.array([crowd.weights[row.first : row.last].sum() for row in rows])
    place = np.empty(count, int)
    for v, row in enumerate(rows):
        if row.last - row.first == 1:
            place[row.first] = v
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for t, variance in enumerate(clock.to_sigma(times) ** 2):
            jobs = [
                (variance, rows, place, mass, features, parent, part, columns)
                for parent, members in leaves.items()
                for columns in [crowd.near(np.asarray(members), variance)]
                for part in chunks(members, n, len(columns))
            ]
            for nodes, sums, kept, logs in threads.map(lambda job: _block(crowd, *job), jobs):
                for array, one in zip((found.overlap, found.retention, found.share), sums, strict=True):
                    np.add.at(array[t], nodes, one)
                found.kept[t] += kept
                found.logs[t] += logs
    for array in (found.overlap, found.retention, found.share):
        array /= mass[:, None]
    return found


def _block(crowd: Crowd, variance, rows, place, mass, features, parent, members, columns):
    """Return the sums over some components below one parent, weighted, for every node that holds them."""
    ratios = crowd.ratios(members, columns, variance)  # (b, n, J)
    weights = crowd.weights[members]
    own = np.searchsorted(columns, members)
    each = np.arange(len(members))
    alone = ratios[each, :, own].copy()  # (b, n)
    ratios[each, :, own] = 0.0
    chain = []
    while parent >= 0:
        chain.append(parent)
        parent = rows[parent].parent
    # Outward from the component: what lies in each set beside what the set below held.
    ends = np.searchsorted(columns, [(rows[v].first, rows[v].last) for v in chain]).reshape(-1, 2)
    rings = []
    for i, (a, b) in enumerate(ends):
        inner = ends[i - 1] if i else (a, a)
        rings.append(ratios[..., a : inner[0]].sum(-1) + ratios[..., inner[1] : b].sum(-1))
    inside = np.cumsum([alone, *rings], axis=0)  # (1 + chain, b, n)
    outside = np.concatenate([np.cumsum(rings[::-1], axis=0)[::-1], np.zeros((1, *alone.shape))])
    total = inside[-1]
    rest = np.maximum(1.0 - mass, 1e-300)
    alike = []
    for i, masses in enumerate([place[members], *([v] for v in chain)]):
        inner, outer = mass[masses][:, None], rest[masses][:, None]
        alike.append(np.minimum(1.0, (outside[i] / outer) / (inside[i] / inner)))
    shares = [*(inside[i] / inside[i + 1] for i in range(len(chain))), np.ones_like(total)]
    sums = (alike, [one / total for one in inside], shares)
    nodes = np.concatenate([place[members], chain]).astype(int)
    kept, logs = _features(ratios, alone, total, features, members, columns, weights)
    return nodes, [_per_node(values, weights) for values in sums], kept, logs


def _per_node(values: list[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """Return weighted values, one row per component and one for each set that holds them all."""
    single, *grouped = (one * weights[:, None] for one in values)
    return np.concatenate([single, *(one.sum(0, keepdims=True) for one in grouped)])


def _features(ratios, alone, total, features, members, columns, weights):
    same = features[:, members][:, :, None] == features[:, columns][:, None]  # (F, b, J)
    mask = np.moveaxis(same, 0, -1).astype(np.float32)
    kept = (np.matmul(ratios, mask) + alone[..., None]) / total[..., None]  # (b, n, F)
    logs = np.log(np.maximum(kept, 1e-300))
    return tuple(np.einsum("bnf,b->fn", x, weights) for x in (kept, logs))


def interval(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard error over noise vectors, the latter widened to Student's quantile."""
    n = values.shape[-1]
    widen = special.stdtrit(n - 1, 0.975) / CONFIDENCE_Z
    return values.mean(-1), widen * values.std(-1, ddof=1) / np.sqrt(n)


def large_tree(mixture: GaussianMixture, level: float, n: int, seed: int, times: PerTime | None, size: int):
    """Return times, soft subsets, `eps*` of each, the smallest proven eps, curves, features and other candidates.

    The soft tree holds the sets that can be vertices at `level`, or at an eps at which theory makes
    the finest tree unique, if that is larger.
    """
    crowd = Crowd.of(mixture, n, seed, level)
    grid = large_grid(crowd.squared, crowd.variances, size) if times is None else times
    bounds = bounds_of(crowd, grid)
    middle, least, most = stars_of(bounds)
    kept, rows = soft_nodes(crowd, least, max(level, unique_below(crowd.weights)))
    chosen = choose_features(mixture, None)
    values = [np.unique(one, return_inverse=True)[1][crowd.order] for one in map(np.asarray, chosen.values())]
    draws = measure(crowd, grid, rows, np.array(values))
    everything = [tuple(sorted(crowd.order[a:b].tolist())) for a, b in crowd.ranges]
    soft = [everything[m] for m in kept]
    measured = _separation(crowd, grid, bounds, kept, draws)
    stars, proven = eps_stars(measured)
    curves = tree_curves(measured, _returns(crowd, grid, rows, soft, draws), soft)
    features = _feature_curves(mixture, grid, chosen, draws, crowd.independent(np.array([mixture.n_components])))
    inside = set(kept)
    others = [
        (everything[m], Estimate(float(middle[m]), float(least[m]), float(most[m]), CERTIFIED))
        for m in range(len(everything))
        if m not in inside
    ]
    return grid, soft, stars, proven, curves, features, others


def unique_below(weights: np.ndarray) -> float:
    """Return the eps below which every finest tree is unique: `eps^2 = (1 - eps) min w_i` (theory section 7)."""
    least = float(weights.min())
    return (math.sqrt(least**2 + 4 * least) - least) / 2


def _separation(crowd: Crowd, times: PerTime, bounds: dict[str, np.ndarray], kept: list[int], draws: Draws):
    mean, error = interval(draws.overlap)
    sizes = np.diff(crowd.ranges[kept], axis=1)[:, 0]
    found = within_bracket(mean, error, bounds["low"][:, kept], bounds["high"][:, kept], crowd.independent(sizes))
    whole = int(np.argmax(sizes))
    sides = (np.where(np.arange(len(kept)) == whole, 0.0, getattr(found, side)) for side in SIDES)
    names = ("within", "within_low", "within_high")
    method = EXACT if crowd.shared else CERTIFIED
    return Separation(
        times,
        Estimate(*sides, method=ESTIMATED),
        Estimate(*(bounds[name][:, kept] for name in names), method=method),
        bounds["high"][:, kept],
        bounds["within_high"][:, kept],
        whole,
    )


def _returns(crowd: Crowd, times: PerTime, rows: list[Node], soft: list[tuple[int, ...]], draws: Draws) -> Returns:
    """Return retentions with their intervals, and every split already measured."""
    sizes = np.array([len(s) for s in soft])
    mean, error = interval(draws.retention)
    reach = half_width(mean, error, crowd.independent(sizes))
    retention = Estimate(mean, np.maximum(mean - reach, 0.0), np.minimum(mean + reach, 1.0), ESTIMATED)
    weights = np.empty(len(crowd.order))
    weights[crowd.order] = crowd.weights
    root = rows.index(next(row for row in rows if row.parent < 0))
    found = Returns(retention, [(s, soft[root]) for s in soft], weights, times)
    mass = np.array([crowd.weights[row.first : row.last].sum() for row in rows])
    children: dict[int, list[int]] = {}
    for v, row in enumerate(rows):
        if row.parent >= 0:
            children.setdefault(row.parent, []).append(v)
    keys, tables = [], []
    for parent, below in children.items():
        shares = mass[below] / mass[parent]
        chance = float(shares @ shares)
        mean, error = interval(np.einsum("tvn,v->tn", draws.share[:, below], shares))
        reach = half_width(mean, error, crowd.independent(sizes[[parent]]))
        sides = ((side - chance) / (1.0 - chance) for side in (mean, mean - reach, mean + reach))
        keys.append((soft[parent], tuple(soft[v] for v in below)))
        tables.append(np.clip(np.stack(list(sides), axis=1), 0.0, 1.0))
    found.know(keys, tables)
    return found


def _feature_curves(mixture: GaussianMixture, times: PerTime, features, draws: Draws, independent) -> xr.Dataset:
    weights = np.asarray(mixture.weights)
    data = {name: [] for name in ("retention", "decided", "decided_low", "decided_high", "information", "chance")}
    for f, values in enumerate(features.values()):
        _, place = np.unique(np.asarray(values), return_inverse=True)
        shares = np.bincount(place, weights)
        chance, entropy = float(shares @ shares), -float(shares @ np.log(shares))
        mean, error = interval(draws.kept[:, f])
        reach = half_width(mean, error, independent)
        data["retention"].append(mean)
        data["chance"].append(min(chance, 1.0))
        varies = len(shares) > 1
        for name, side in (("decided", mean), ("decided_low", mean - reach), ("decided_high", mean + reach)):
            data[name].append(np.clip((side - chance) / (1 - chance), 0.0, 1.0) if varies else np.ones(len(mean)))
        gained = draws.logs[:, f].mean(-1) + entropy
        data["information"].append(np.clip(gained / entropy, 0.0, 1.0) if varies else np.ones(len(mean)))
    return curves_dataset(times, features, data, ESTIMATED, draws.kept.shape[-1])
