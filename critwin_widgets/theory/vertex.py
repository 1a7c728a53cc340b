"""Vertices of a tree: what each sub-mixture is, when it is decided, and how that is known."""

import dataclasses
import math

import numpy as np
import xarray as xr

from ..engine.mixtures import Mixture
from ..engine.separation import EXACT, Estimate
from ._family import parents_of
from ._labels import subset_label
from ._measures import end_times, start_times
from .features import falls_to
from .times import NEVER_DECIDED, NEVER_SEPARATED, REACHED, UNBOUNDED, Time
from .windows import end_time_of, start_time_of

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
    times: np.ndarray,
    curves: xr.Dataset,
    soft: list[tuple[int, ...]],
    stars: list[Estimate],
    proven: np.ndarray,
    eps: float,
) -> tuple[Vertex, ...]:
    """Return the vertices of a soft tree in the order of its subsets, cut at `eps`.

    Args:
        mixture: the mixture.
        times: OU times of the curves, `(T,)`.
        curves: see `MixtureTree`.
        soft: subsets in preorder.
        stars, proven: `eps*` of each, and the smallest eps proven in closed form.
        eps: level of the strict tree.
    """
    parents = parents_of(soft)
    ids = {s: i for i, s in enumerate(soft)}
    weights = np.asarray(mixture.weights)
    blank = Time(math.nan, math.nan, math.nan, NEVER_SEPARATED, EXACT)
    vertices = []
    for i, subset in enumerate(soft):
        parent = parents[subset]
        draft = Vertex(
            id=i,
            subset=subset,
            label=subset_label(mixture, subset),
            weight=float(weights[list(subset)].sum()),
            parent=None if parent is None else ids[parent],
            children=tuple(ids[s] for s in soft if parents[s] == subset),
            eps_star=stars[i],
            eps_certified=float(proven[i]),
            plateau_end=blank,
            plateau_start=blank,
            certificate="none",
            half_time=None,
            decision_interval=None,
            sharp_bound=_sharp(curves, i),
        )
        vertices.append(cut(_with_split(draft, times, curves), times, curves, eps))
    return tuple(vertices)


def _with_split(vertex: Vertex, times: np.ndarray, curves: xr.Dataset) -> Vertex:
    if not vertex.children:
        return vertex
    value, low, high = (curves[f"decided{suffix}"].values[vertex.id] for suffix in ("", "_low", "_high"))
    half, early, late = (falls_to(times, side, 0.5) for side in (value, low, high))
    # A curve whose lower limit never reaches a half may have been half decided at no time at all.
    early = 0.0 if math.isnan(early) and not math.isnan(half) else early
    status = NEVER_DECIDED if math.isnan(half) else REACHED
    interval = (falls_to(times, value, 0.95), falls_to(times, value, 0.05))
    return dataclasses.replace(
        vertex,
        half_time=Time(half, early, late, status, curves.attrs["decided_method"]),
        decision_interval=interval,
    )


def _sharp(curves: xr.Dataset, i: int) -> Estimate:
    def least(within: str, retention: str) -> float:
        return float((curves[within].values[i] + 1.0 - curves[retention].values[i]).min())

    return Estimate(
        value=least("within", "retention"),
        low=least("within_low", "retention_high"),
        high=least("within_high", "retention_low"),
        method=curves.attrs["decided_method"],
    )


def cut(vertex: Vertex, times: np.ndarray, curves: xr.Dataset, eps: float) -> Vertex:
    """Return the vertex with its plateau and certificate at `eps`."""
    level = np.array([eps])

    def start(name: str) -> float:
        return float(start_times(times, curves[name].values[vertex.id], level)[0])

    def end(name: str) -> float:
        return float(end_times(times, curves[name].values[vertex.id], level)[0])

    # A larger overlap is reached earlier, so the limits of a start time swap sides.
    found = Estimate(start("overlap"), start("overlap_high"), start("overlap_low"), curves.attrs["overlap_method"])
    plateau_start = start_time_of(found)
    if math.isinf(found.value):
        plateau_start = Time(math.inf, math.inf, math.inf, UNBOUNDED, EXACT)
    within = Estimate(end("within"), end("within_low"), end("within_high"), curves.attrs["within_method"])
    certificate = "none"
    if vertex.eps_star.value <= eps:
        proven = "certified" if vertex.eps_certified <= eps else "estimated"
        certificate = EXACT if vertex.eps_star.method == EXACT else proven
    return dataclasses.replace(
        vertex, plateau_start=plateau_start, plateau_end=end_time_of(within), certificate=certificate
    )
