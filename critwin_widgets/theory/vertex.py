"""Vertices of a tree: what each sub-mixture is, when it is decided, and how that is known."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import xarray as xr

from ..engine.mixtures import Mixture
from ..engine.separation import EXACT, Estimate
from ._curves import crossings, falls, heights
from ._family import parents_of
from ._labels import subset_label
from .times import NEVER_DECIDED, REACHED, UNBOUNDED, Time
from .windows import end_time_of, start_time_of

SUFFIXES = ("", "_low", "_high")
KEPT, FOLDED, CROSSING = "kept", "folded", "crossing"


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A set of components that was considered, with the smallest eps at which it is a vertex.

    `status` is "kept" (in the soft tree), "folded" (its split is not decided later than its
    parent's) or "crossing" (it overlaps a set with smaller `eps_star`).
    """

    subset: tuple[int, ...]
    eps_star: Estimate
    status: str


@dataclasses.dataclass(frozen=True)
class Vertex:
    """A sub-mixture in the tree.

    Attributes:
        id: index in `MixtureTree.vertices`.
        subset: component indices.
        label: what its components share.
        weight: `w(S)`.
        parent, children: ids; the parent of the root is `None`.
        eps_star: smallest eps at which it is a vertex of the eps-mixture tree.
        eps_certified: smallest eps at which closed forms alone prove it.
        plateau_end, plateau_start: `T_end` and `T_start` at the tree's eps; between them the
            sampler has decided S and nothing more.
        certificate: "exact", "certified" (proven in closed form at this eps), "estimated", or
            "none" (not a vertex at this eps).
        half_time: time at which half of this vertex's split is decided; `None` for components.
        decision_interval: times at which 95 % and 5 % of the split are decided.
        sharp_bound: least over t of `max TV inside S + leak`, which bounds how far the
            forward-reverse experiment from any of its components ends from `p^S`.
    """

    id: int
    subset: tuple[int, ...]
    label: str
    weight: float
    parent: int | None
    children: tuple[int, ...]
    eps_star: Estimate
    eps_certified: float
    plateau_end: Time
    plateau_start: Time
    certificate: str
    half_time: Time | None
    decision_interval: tuple[float, float] | None
    sharp_bound: Estimate


def build_vertices(
    mixture: Mixture,
    curves: xr.Dataset,
    soft: list[tuple[int, ...]],
    stars: list[Estimate],
    proven: np.ndarray,
    eps: float,
) -> tuple[Vertex, ...]:
    """Return the vertices of a soft tree in the order of its subsets, cut at `eps`.

    Args:
        mixture: the mixture.
        curves: see `MixtureTree`.
        soft: subsets in preorder.
        stars, proven: `eps*` of each, and the smallest eps proven in closed form.
        eps: level of the strict tree.
    """
    parents = parents_of(soft)
    ids = {s: i for i, s in enumerate(soft)}
    below: dict[int, list[int]] = {}
    for i, subset in enumerate(soft):
        below.setdefault(ids.get(parents[subset] or (), -1), []).append(i)
    weights = np.asarray(mixture.weights)
    splits, sharp = _splits(curves), _sharp(curves)
    plateaus = _plateaus(curves, stars, proven.tolist(), eps)
    vertices = []
    for i, subset in enumerate(soft):
        children = tuple(below.get(i, ()))
        half, interval = splits[i] if children else (None, None)
        parent = parents[subset]
        end, start, certificate = plateaus[i]
        vertices.append(
            Vertex(
                id=i,
                subset=subset,
                label=subset_label(mixture, subset),
                weight=float(weights[list(subset)].sum()),
                parent=None if parent is None else ids[parent],
                children=children,
                eps_star=stars[i],
                eps_certified=float(proven[i]),
                plateau_end=end,
                plateau_start=start,
                certificate=certificate,
                half_time=half,
                decision_interval=interval,
                sharp_bound=sharp[i],
            )
        )
    return tuple(vertices)


def _splits(curves: xr.Dataset) -> list[tuple[Time, tuple[float, float]]]:
    """Return the half-way time and decision interval of each vertex's split (of no meaning without one)."""
    method = curves.attrs["decided_method"]
    times, value, low, high = _arrays(curves, "time", "decided", "decided_low", "decided_high")
    levels = np.repeat([0.5, 0.5, 0.5, 0.95, 0.05], len(value))
    found = falls(times, np.concatenate([value, low, high, value, value]).T, levels).reshape(5, -1).T
    halves, spans = found[:, :3], found[:, 3:]
    # A curve whose lower limit never reaches a half may have been half decided at no time at all.
    halves[:, 1] = np.where(np.isnan(halves[:, 1]) & ~np.isnan(halves[:, 0]), 0.0, halves[:, 1])
    return [
        (Time(half, early, late, NEVER_DECIDED if math.isnan(half) else REACHED, method), (first, last))
        for (half, early, late), (first, last) in zip(halves.tolist(), spans.tolist(), strict=True)
    ]


def _sharp(curves: xr.Dataset) -> list[Estimate]:
    ends = (("within", "retention"), ("within_low", "retention_high"), ("within_high", "retention_low"))
    arrays = (_arrays(curves, *names) for names in ends)
    found = [(within + 1.0 - retention).min(1).tolist() for within, retention in arrays]
    method = curves.attrs["decided_method"]
    return [Estimate(value, low, high, method) for value, low, high in zip(*found, strict=True)]


def cut(vertices: Sequence[Vertex], curves: xr.Dataset, eps: float) -> tuple[Vertex, ...]:
    """Return the vertices with their plateaus and certificates at `eps`, root first."""
    plateaus = _plateaus(curves, [v.eps_star for v in vertices], [v.eps_certified for v in vertices], eps)
    return tuple(
        dataclasses.replace(vertex, plateau_end=end, plateau_start=start, certificate=certificate)
        for vertex, (end, start, certificate) in zip(vertices, plateaus, strict=True)
    )


def _plateaus(
    curves: xr.Dataset, stars: Sequence[Estimate], proven: Sequence[float], eps: float
) -> list[tuple[Time, Time, str]]:
    """Return `T_end`, `T_start` and the certificate of every vertex at `eps`, root first."""
    times, *sides = _arrays(curves, "time", *(name + s for name in ("overlap", "within") for s in SUFFIXES))
    overlap, within = np.concatenate(sides[:3]).T, np.concatenate(sides[3:]).T
    starts = crossings(times, heights(overlap), np.array([eps**2])).reshape(3, -1)
    ends = crossings(times, heights(1.0 - within), np.array([1.0 - eps])).reshape(3, -1)
    method, inner = curves.attrs["overlap_method"], curves.attrs["within_method"]
    found = []
    columns = (*starts.tolist(), *ends.tolist())
    # A larger overlap is reached earlier, so the limits of a start time swap sides.
    for star, certified, start, late, early, end, low, high in zip(stars, proven, *columns, strict=True):
        plateau_start = start_time_of(Estimate(start, early, late, method))
        if not found:  # nothing lies outside the root
            plateau_start = Time(math.inf, math.inf, math.inf, UNBOUNDED, EXACT)
        certificate = "none"
        if star.value <= eps:
            certificate = "certified" if certified <= eps else "estimated"
            certificate = EXACT if star.method == EXACT else certificate
        found.append((end_time_of(Estimate(end, low, high, inner)), plateau_start, certificate))
    return found


def _arrays(curves: xr.Dataset, *names: str) -> list[np.ndarray]:
    """Return the numbers of several curves; `curves[name]` would build a labelled array around each."""
    return [np.asarray(curves.variables[name].values) for name in names]
