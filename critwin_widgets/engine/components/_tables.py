"""Tables of noised one-dimensional log-densities, and their evaluation by JAX.

A table holds, in units of the law's own standard deviation, quintic Hermite pieces through values,
slopes and curvatures of `ln p_t`. Knots are even in `w = sum_b asinh((v - e_b) / delta_b)`, which
crowds them around the centre and around every edge and kink, on the scale that the noise leaves
there; so a piece is found by arithmetic, without a search. Beyond the last knots, 200 nats below
the peak, the pieces are parabolas: values stay finite and ordered at any distance.
"""

import collections
import dataclasses
import threading
from collections.abc import Iterable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from .factor import Factor

TOLERANCE = 2e-8
"""Error of a table's log-density that the number of knots is chosen for."""

_PIECES = (48, 96, 192, 384, 768, 1536)
_BULK = 60.0
"""Nats below the peak down to which the tolerance is checked."""
_NOISELESS = 1e-7
"""Noise below this many standard deviations of the factor is none: its law is read off the density."""
_DEVIATIONS = 20.0


@dataclasses.dataclass(frozen=True)
class Table:
    """One noised factor, `v = (y - a mean) / sd_t`.

    Attributes:
        anchors: `(B, 2)`: places `e_b` and reciprocal widths `1 / delta_b` of the warp.
        first, rate, last: `w` of the first knot, pieces per unit of `w`, and the number of pieces.
        pieces: `(G + 2, 8)`: start, reciprocal length and six coefficients of every piece; the
            first and last are the parabolas outside.
        inside: the interval of `v` outside of which there is no density.
        error: measured bound of the error of `ln p_t`.
    """

    anchors: np.ndarray
    first: float
    rate: float
    last: int
    pieces: np.ndarray
    inside: tuple[float, float]
    error: float


class _Cache:
    """Tables by factor and noise, the most recently used ones, up to a size in bytes."""

    def __init__(self, limit: int):
        self.limit, self.size = limit, 0
        self.kept: collections.OrderedDict[tuple[Factor, float], Table] = collections.OrderedDict()
        self.lock = threading.Lock()

    def get(self, key: tuple[Factor, float]) -> Table | None:
        with self.lock:
            if key in self.kept:
                self.kept.move_to_end(key)
            return self.kept.get(key)

    def put(self, key: tuple[Factor, float], table: Table) -> None:
        with self.lock:
            if key not in self.kept:
                self.size += table.pieces.nbytes
            self.kept[key] = table
            while self.size > self.limit and len(self.kept) > 1:
                self.size -= self.kept.popitem(last=False)[1].pieces.nbytes


_CACHE = _Cache(256 * 2**20)


def prepare(factors: Iterable[Factor], sigmas: Sequence[float]) -> None:
    """Make the tables of factors at several noises in one go, where they are not made yet."""
    wanted: dict[Factor, dict[float, None]] = {}
    for factor in factors:
        plain, _, scale = factor.standard
        wanted.setdefault(plain, {}).update(dict.fromkeys(_ratio(sigma, scale) for sigma in sigmas))
    for plain, noises in wanted.items():
        missing = [noise for noise in noises if _CACHE.get((plain, noise)) is None]
        if missing:
            for noise, table in zip(missing, tabulate(plain, np.array(missing)), strict=True):
                _CACHE.put((plain, noise), table)


def table_of(factor: Factor, sigma: float) -> Table:
    """Return the table of `X + sigma Z`, made or remembered; factors that differ by place and scale share it."""
    plain, _, scale = factor.standard
    key = plain, _ratio(sigma, scale)
    found = _CACHE.get(key)
    if found is None:
        (found,) = tabulate(plain, np.array([key[1]]))
        _CACHE.put(key, found)
    return found


def _ratio(sigma: float, scale: float) -> float:
    # Twelve digits: quotients that differ by rounding are one noise.
    return float(f"{sigma / scale:.12g}")


def tabulate(factor: Factor, sigmas: np.ndarray) -> list[Table]:
    """Return the tables of a factor at noises `(T,)` on the sigma clock, without remembering them."""
    clean = np.sqrt(factor.variance)
    found: list[Table | None] = [None] * len(sigmas)
    # Noise beyond 1e9 standard deviations leaves a normal law to 1e-9; the ratio must stay finite.
    noise = np.minimum(sigmas, 1e9 * clean)
    for quiet in (True, False):
        rows = np.flatnonzero((noise < _NOISELESS * clean) == quiet)
        for pieces in _PIECES:
            if not len(rows):
                break
            made = _tabulate(factor, np.zeros(len(rows)) if quiet else noise[rows], pieces)
            good = np.array([table.error <= TOLERANCE or pieces == _PIECES[-1] for table in made])
            for row, table in zip(rows, made, strict=True):
                found[row] = table
            rows = rows[~good]
    return [table for table in found if table is not None]


def _tabulate(factor: Factor, sigmas: np.ndarray, pieces: int) -> list[Table]:
    scale = np.sqrt(factor.variance + sigmas**2)[:, None]
    anchors, ends = _warp(factor, sigmas, scale)
    knots, first, rate = _knots(anchors, ends, pieces)
    u = factor.mean + scale * knots
    if sigmas.any():
        value, slope, curvature = factor.noised(u, sigmas[:, None])
    else:
        value, slope, curvature = _clean(factor, u)
    value, slope, curvature = value + np.log(scale), slope * scale, curvature * scale**2
    # The error is measured on half as many pieces; a quintic's falls 64-fold with the next halving.
    coarse = _pieces(*(x[:, ::2] for x in (knots, value, slope, curvature)))
    middle = (knots[:, 1::2] - coarse[..., 0]) * coarse[..., 1]
    miss = np.abs(_polynomial(coarse, middle) - value[:, 1::2]) / 16
    bulk = value[:, 1::2] > value.max(1, keepdims=True) - _BULK
    errors = np.where(bulk, miss, 0.0).max(1) + 4e-9
    rows = _pieces(knots, value, slope, curvature)
    low, high = (_tail(knots, value, slope, curvature, k) for k in (0, -1))
    stacked = np.concatenate([low[:, None], rows, high[:, None]], axis=1)
    inside = [(-np.inf, np.inf)] * len(sigmas)
    if not sigmas.any():
        inside = [tuple((np.array(factor.support) - factor.mean) / scale[0, 0])] * len(sigmas)
    return [
        Table(anchors[t], first[t], rate[t], pieces, stacked[t], inside[t], float(errors[t]))
        for t in range(len(sigmas))
    ]


def _warp(factor: Factor, sigmas: np.ndarray, scale: np.ndarray):
    """Return anchors `(T, B, 2)` and the first and last place of the tables, `(T, 2)`."""
    sigma, centre, clean = sigmas[:, None], factor.mean, np.sqrt(factor.variance)
    ends = []
    slopes = factor.outline[1][[0, -1]]
    for side, place, edge, slope in zip((-1, 1), factor.extent, factor.support, slopes, strict=True):
        # Past an open end the noise adds at most what tilts the posterior's mode up to that end.
        room = _DEVIATIONS if place == edge else np.minimum(_DEVIATIONS, np.abs(slope) * sigma)
        ends.append((place + side * room * sigma - centre) / scale)
    places = [((centre - centre) / scale, np.ones_like(scale))]
    for place, width in (*((edge, 0.0) for edge in factor.edges), *factor.breaks):
        spread = np.maximum(np.hypot(sigma, width), 1e-6 * clean)
        places.append(((place - centre) / scale, scale / spread))
    anchors = np.stack([np.concatenate(pair, axis=1) for pair in places], axis=1)
    # As JAX sees them: on the scale of a sharp edge the rounding of its place is a shift.
    anchors = anchors.astype(np.float32).astype(np.float64)
    return anchors, np.concatenate(ends, axis=1)


def _knots(anchors: np.ndarray, ends: np.ndarray, pieces: int):
    """Return knots `(T, G + 1)`, even in the warp, with the warp of the first and the rate."""
    span = np.stack([_warped(anchors, ends[:, k : k + 1]) for k in (0, 1)])[..., 0]
    wanted = span[0][:, None] + (span[1] - span[0])[:, None] * np.linspace(0, 1, pieces + 1)
    spread = np.sinh(np.linspace(-20, 20, 401))
    dense = np.sort((anchors[..., :1] + spread / anchors[..., 1:]).reshape(len(anchors), -1), axis=1)
    dense = np.clip(dense, ends[:, :1], ends[:, 1:])
    heights = _warped(anchors, dense)
    knots = np.stack([np.interp(w, h, d) for w, h, d in zip(wanted, heights, dense, strict=True)])
    knots -= (_warped(anchors, knots) - wanted) / _warp_rate(anchors, knots)
    knots[:, 0], knots[:, -1] = ends[:, 0], ends[:, 1]
    # JAX sees the starts of the pieces in float32.
    rounded = np.clip(knots.astype(np.float32), ends[:, :1], ends[:, 1:]).astype(np.float64)
    knots = np.where(np.diff(rounded, axis=1, prepend=-np.inf) > 0, rounded, knots)
    return knots, span[0], pieces / (span[1] - span[0])


def _warped(anchors, v):
    return np.arcsinh((v[:, None] - anchors[..., :1]) * anchors[..., 1:]).sum(1)


def _warp_rate(anchors, v):
    return (anchors[..., 1:] / np.hypot(1.0, (v[:, None] - anchors[..., :1]) * anchors[..., 1:])).sum(1)


def _clean(factor: Factor, u: np.ndarray):
    """Return value, slope and curvature of the density before noise; curvature by differences of slopes."""
    low, high = factor.support
    u = np.clip(u, low, high)
    value, slope = factor.shape(u)
    gaps = np.diff(u, axis=1)
    step = 0.02 * np.minimum(np.concatenate([gaps[:, :1], gaps], 1), np.concatenate([gaps, gaps[:, -1:]], 1))
    below, above = np.maximum(u - step, low), np.minimum(u + step, high)
    width = above - below
    known = width > 1e-13 * np.abs(u).max()
    curvature = np.where(known, factor.shape(above)[1] - factor.shape(below)[1], 0.0) / np.where(known, width, 1.0)
    return value - factor.log_normaliser, slope, curvature


def _pieces(knots, value, slope, curvature) -> np.ndarray:
    """Return quintic Hermite pieces `(T, G, 8)` between neighbouring knots."""
    h = np.diff(knots, axis=1)
    rise = np.diff(value, axis=1)
    (d0, d1), (s0, s1) = ((x[:, :-1] * scale, x[:, 1:] * scale) for x, scale in ((slope, h), (curvature, h**2)))
    return np.stack(
        [
            knots[:, :-1],
            1.0 / np.maximum(h, 1e-30),
            value[:, :-1],
            d0,
            s0 / 2,
            10 * rise - 6 * d0 - 4 * d1 - 1.5 * s0 + 0.5 * s1,
            -15 * rise + 8 * d0 + 7 * d1 + 1.5 * s0 - s1,
            6 * rise - 3 * d0 - 3 * d1 - 0.5 * s0 + 0.5 * s1,
        ],
        axis=-1,
    )


def _tail(knots, value, slope, curvature, k: int) -> np.ndarray:
    zero = np.zeros(len(knots))
    bend = np.minimum(curvature[:, k], 0.0) / 2
    return np.stack([knots[:, k], zero + 1.0, value[:, k], slope[:, k], bend, zero, zero, zero], axis=-1)


def _polynomial(pieces, x):
    total = pieces[..., 7]
    for k in range(6, 1, -1):
        total = total * x + pieces[..., k]
    return total


def stack(tables: list[Table]) -> tuple[np.ndarray, ...]:
    """Return the arrays of `d` tables, padded to common sizes, as `evaluate` takes them."""
    # Few shapes, so that another time rarely recompiles.
    breadth = _bucket(max(len(t.anchors) for t in tables), (1, 2, 4, 8))
    height = _bucket(max(len(t.pieces) for t in tables), (_PIECES[3] + 2, _PIECES[-1] + 2))
    anchors = np.zeros((len(tables), breadth, 2))
    columns = np.zeros((8, len(tables), height), jax.dtypes.canonicalize_dtype(np.float64))
    for j, table in enumerate(tables):
        anchors[j, : len(table.anchors)] = table.anchors
        columns[:, j, : len(table.pieces)] = table.pieces.T
    numbers = np.array([(t.first, t.rate, t.last, *_widened(t.inside)) for t in tables])
    return anchors, numbers, columns


def _bucket(size: int, sizes: tuple[int, ...]) -> int:
    return next((s for s in sizes if s >= size), size)


def _widened(inside: tuple[float, float]) -> tuple[float, float]:
    """Return an interval with room for the float32 rounding of points at its ends."""
    low, high = inside
    return low - 1e-6 * (1 + abs(low)), high + 1e-6 * (1 + abs(high))


def evaluate(arrays: tuple, v) -> tuple[jax.Array, jax.Array]:
    """Return `ln q(v)` and its slope for every coordinate, `(..., d)` each; `v` in standard deviations."""
    anchors, numbers, columns = (jnp.asarray(x) for x in arrays)
    v = jnp.asarray(v)
    w = jnp.zeros_like(v)
    for b in range(anchors.shape[1]):
        z = (v - anchors[:, b, 0]) * anchors[:, b, 1]
        w = w + jnp.sign(z) * jnp.log(jnp.abs(z) + jnp.sqrt(z * z + 1.0))  # arcsinh, at half its cost
    first, rate, last, low, high = numbers.T
    # Far outside the product may exceed an integer: clip before it becomes one.
    place = jnp.clip(jnp.floor((w - first) * rate) + 1, 0, last + 1).astype(jnp.int32)
    # One gather per column, at places computed once: a third of the time of gathering whole pieces.
    place = jax.lax.optimization_barrier(place + jnp.arange(columns.shape[1], dtype=jnp.int32) * columns.shape[2])
    piece = [column.at[place].get(mode="promise_in_bounds") for column in columns.reshape(8, -1)]
    x = (v - piece[0]) * piece[1]
    value, slope = piece[7], jnp.zeros_like(x)
    for k in range(6, 1, -1):
        slope = slope * x + value
        value = value * x + piece[k]
    return jnp.where((v < low) | (v > high), -jnp.inf, value), slope * piece[1]
