"""Exact overlaps of mixtures in one effective dimension.

On a line `min(p, q)` is integrated by finding every crossing of the two densities and adding
normal tail masses between them, so an overlap of 1e-258 keeps its digits. Problems with a shared
covariance and collinear means are one-dimensional in any `d`.
"""

import numpy as np
from jaxtyping import Float
from scipy import special

from .._types import Curves, PerTime, Places, SubsetMasks, SubsetWeights
from ..mixtures import GaussianMixture, Mixture
from ..processes import clock
from . import pairs, quadrature

_REACH = 40.0 * np.sinh(4.0 * np.linspace(-1, 1, 161)) / np.sinh(4.0)
"""Offsets in standard deviations, dense at the centre: beyond 38 a normal tail is below 1e-308."""

_MOST_BYTES, _BLOCK_BYTES = 4 << 30, 64 << 20

_PANELS = np.linspace(-12.0, 12.0, 49)
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)


def line_of(mixture: Mixture, times: PerTime, members=None) -> tuple[Places, Places] | None:
    """Return positions and standard deviations `(T, K')` on the line the components span, or `None`.

    Positions are on the sigma clock (`Y_t / a_t`), which changes no overlap. `members` restricts
    the question to some components.
    """
    if not isinstance(mixture, GaussianMixture):
        return None
    keep = np.arange(mixture.n_components) if members is None else np.asarray(members)
    variance = clock.to_sigma(times)[:, None] ** 2
    if mixture.dim == 1:
        centred = np.asarray(mixture.offsets)[keep, 0]
        values = np.asarray(mixture.eigenvalues, dtype=np.float64).reshape(-1)
        spread = values[keep] if mixture.covariance_type != "tied" else np.full(len(keep), values[0])
        return np.tile(centred, (len(times), 1)), np.sqrt(spread + variance)
    if not pairs.same_covariance(mixture):
        return None
    coordinates, values = pairs.shared_basis(mixture)
    centred = coordinates[keep] - coordinates[keep].mean(0)
    left, sizes, direction = np.linalg.svd(centred, full_matrices=False)
    if len(sizes) > 1 and sizes[1] > 1e-9 * max(sizes[0], 1e-300):
        return None
    # Whitening scales the one direction: Delta^2 = gap^2 * v^T (Sigma + sigma^2 I)^{-1} v.
    scale = np.sqrt((direction[0] ** 2 / (values + variance)).sum(-1, keepdims=True))
    return scale * (left[:, 0] * sizes[0]), np.ones((len(times), len(keep)))


def overlap_on_line(positions: Places, deviations: Places, a: SubsetWeights, b: SubsetWeights) -> Curves:
    """Return `O(P, Q)` exactly, shape `(T, M)`, for `M` pairs of sub-mixtures on a line.

    Args:
        positions, deviations: of every component at every time, `(T, K)`.
        a, b: normalised weights of `P` and `Q`, `(K, M)`, zero outside the sub-mixture.

    Raises:
        ValueError: one time alone would take more than 4 GiB; the message says how much.
    """
    count, sets = a.shape
    size = 8 * len(_REACH) * count * (count + sets)
    if size > _MOST_BYTES:
        raise ValueError(
            f"{count} components and {sets} pairs of sub-mixtures would take {size / 2**30:.1f} GiB at every time; "
            "ask for fewer components, or for method 'certified' or 'estimated'"
        )
    blocks = np.array_split(np.arange(len(positions)), max(1, -(-len(positions) * size // _BLOCK_BYTES)))
    return np.concatenate([_overlap_on_line(positions[t], deviations[t], a, b) for t in blocks])


def _overlap_on_line(positions: np.ndarray, deviations: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    grid = np.sort((positions[:, :, None] + deviations[:, :, None] * _REACH).reshape(len(positions), -1), axis=1)
    above = _difference(grid, positions, deviations, a, b) > 0
    flips = np.argwhere(above[:, 1:] != above[:, :-1])
    t, g, m = flips.T
    roots = _bisect(grid[t, g], grid[t, g + 1], above[t, g, m], positions[t], deviations[t], a[:, m].T, b[:, m].T)
    # Intervals between crossings of one (time, pair): sort by pair, then by place.
    order = np.lexsort((roots, m, t))
    t, m, roots = t[order], m[order], roots[order]
    starts_above = ~above[t, g[order], m]  # after the crossing
    times, sets = len(positions), a.shape[1]
    first_t, first_m = (axis.ravel() for axis in np.indices((times, sets)))
    owner = np.concatenate([first_t * sets + first_m, t * sets + m])
    lower = np.concatenate([np.full(times * sets, -np.inf), roots])
    p_above = np.concatenate([above[first_t, 0, first_m], starts_above])
    order = np.lexsort((lower, owner))
    owner, lower, p_above = owner[order], lower[order], p_above[order]
    upper = np.append(lower[1:], np.inf)
    upper[np.append(owner[1:] != owner[:-1], True)] = np.inf
    at, pair = owner // sets, owner % sets
    mass = _mass((lower[:, None] - positions[at]) / deviations[at], (upper[:, None] - positions[at]) / deviations[at])
    weights = np.where(p_above[:, None], b[:, pair].T, a[:, pair].T)
    total = np.zeros(times * sets)
    np.add.at(total, owner, (mass * weights).sum(-1))
    return np.minimum(total.reshape(times, sets), 1.0)


def expectation_grid(positions: np.ndarray, deviations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return Gauss-Legendre points and weights `(G,)` that resolve every component of one time.

    Panels cluster at each component and between neighbours, where ratios of densities turn.
    """
    order = np.argsort(positions)
    x, s = positions[order], deviations[order]
    pieces, gaps = [x[:, None] + s[:, None] * _PANELS], [np.repeat(s[:, None], len(_PANELS), axis=1)]
    far = np.flatnonzero(np.diff(x) > 6 * s[:-1])
    if len(far):
        # p_k = p_{k+1} near the point that splits the gap by deviations; it turns over s^2 / gap.
        gap = (x[far + 1] - x[far])[:, None]
        middle = x[far, None] + gap * (s[far] / (s[far] + s[far + 1]))[:, None]
        width = np.maximum(s[far], s[far + 1])[:, None] ** 2 / gap
        pieces.append(middle + 40 * width * np.linspace(-1, 1, 41))
        gaps.append(np.repeat(4 * width, 41, axis=1))
    spots, spacing = (np.concatenate([part.ravel() for part in parts]) for parts in (pieces, gaps))
    edges = quadrature.thinned(spots, 0.25 * spacing)
    half = np.diff(edges)[:, None] / 2
    return (edges[:-1, None] + half * (1 + _NODES)).ravel(), (half * _WEIGHTS).ravel()


def returns_on_line(
    positions: Places,
    deviations: Places,
    weights: Float[np.ndarray, "K"],
    sets: SubsetMasks,
    contexts: SubsetMasks,
    sources: SubsetWeights,
) -> tuple[Curves, Curves]:
    """Return `E[P(set | Y, context)]` and `E[ln P(set | Y, context)]` over draws from `sources`, `(T, M)` each.

    Args:
        positions, deviations: of every component at every time, `(T, K)`.
        weights: mixture weights, `(K,)`.
        sets, contexts: boolean masks `(K, M)`.
        sources: normalised weights of the sub-mixture drawn from, `(K, M)`.
    """
    means = np.empty((len(positions), sets.shape[1]))
    logs = np.empty_like(means)
    for t, (x, s) in enumerate(zip(positions, deviations, strict=True)):
        grid, steps = expectation_grid(x, s)
        densities = log_components_on_line(grid[:, None], x, s)
        joint = np.exp(densities - densities.max(-1, keepdims=True)) * weights
        part, whole = joint @ sets, joint @ contexts
        # Far from every component of a context both sums underflow; the draws never go there.
        share = np.divide(part, whole, out=np.ones_like(part), where=whole > 0)
        mass = (np.exp(densities) @ sources) * steps[:, None]
        means[t] = (mass * share).sum(0) / mass.sum(0)
        logs[t] = (mass * np.log(np.maximum(share, 1e-300))).sum(0) / mass.sum(0)
    return means, logs


def log_components_on_line(x: np.ndarray, positions: np.ndarray, deviations: np.ndarray) -> np.ndarray:
    """Return the log-densities of all components at points `x` `(..., 1)` broadcast to `(..., K)`."""
    return -0.5 * ((x - positions) / deviations) ** 2 - np.log(deviations) - 0.5 * np.log(2 * np.pi)


def _difference(grid, positions, deviations, a, b):
    logs = log_components_on_line(grid[:, :, None], positions[:, None, :], deviations[:, None, :])
    return np.exp(logs - logs.max(-1, keepdims=True)) @ (a - b)


def _bisect(low, high, above, positions, deviations, a, b):
    for _ in range(60):
        middle = (low + high) / 2
        logs = log_components_on_line(middle[:, None], positions, deviations)
        sign = (np.exp(logs - logs.max(-1, keepdims=True, initial=-np.inf)) * (a - b)).sum(-1) > 0
        same = sign == above
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    return (low + high) / 2


def _mass(low, high):
    # Differences of the smaller tail keep relative precision on both sides.
    right = low > 0
    return np.where(right, special.ndtr(-low) - special.ndtr(-high), special.ndtr(high) - special.ndtr(low))
