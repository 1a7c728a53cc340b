"""`ln int min(p, q)` of weighted Gaussian mixtures on many lines at once.

Each line has its own weights, places and widths, given as logarithms where they may span thousands
of decades. Crossings of the two densities are bracketed between the components, between pairs of
components (so that two components far apart are crossed where they are equal, however improbable
that place is), and where the densities come close without crossing; between crossings the smaller
density has a mass in closed form.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import special

Rows = Float[np.ndarray, "N"]
RowComponents = Float[np.ndarray, "N K"]

_REACH = 12.0 * np.sinh(3.0 * np.linspace(-1, 1, 33)) / np.sinh(3.0)
"""Offsets in standard deviations: spacing 0.22 at the centre; further out pairs of components cross."""

_BLOCK = 4_000_000
"""Numbers in one block of rows."""


class Lines(NamedTuple):
    """Two mixtures on each of `N` lines: `sum exp(log_a) N(x, s^2)` and the same with `log_b`, `(N, K)` each."""

    log_a: np.ndarray
    log_b: np.ndarray
    x: np.ndarray
    s: np.ndarray

    def take(self, rows) -> "Lines":
        """Return some of the lines."""
        return Lines(self.log_a[rows], self.log_b[rows], self.x[rows], self.s[rows])

    def log_ratio(self, points: np.ndarray) -> np.ndarray:
        """Return `ln p - ln q` at points `(N, G)` of each line."""
        z = (points[..., None] - self.x[:, None, :]) / self.s[:, None, :]
        logs = -0.5 * z * z - np.log(self.s)[:, None, :]
        return _logsumexp(logs + self.log_a[:, None, :]) - _logsumexp(logs + self.log_b[:, None, :])


def log_min_on_lines(log_a: RowComponents, log_b: RowComponents, x: RowComponents, s: RowComponents) -> Rows:
    """Return `ln int min(p, q)` on every line, `(N,)`; `-inf` where either has no mass.

    Args:
        log_a, log_b: logarithms of the weights of `p` and `q`, `-inf` outside.
        x, s: places and standard deviations of the components.
    """
    lines = Lines(log_a, log_b, x, s)
    count = x.shape[1]
    pairs = int(np.isfinite(log_a).any(0).sum() * np.isfinite(log_b).any(0).sum())
    size = (count * len(_REACH) + 2 * pairs) * count
    blocks = np.array_split(np.arange(len(x)), max(1, -(-len(x) * size // _BLOCK)))
    return np.concatenate([_log_min(lines.take(block)) for block in blocks])


def _log_min(lines: Lines) -> np.ndarray:
    # On every row the same columns carry weight, but for exact underflow.
    grid = np.sort(np.concatenate([_around(lines), _pair_crossings(lines)], axis=1), axis=1)
    with np.errstate(invalid="ignore"):
        ratio = np.nan_to_num(lines.log_ratio(grid), nan=0.0)
    above = ratio > 0
    rows, columns = np.nonzero(above[:, 1:] != above[:, :-1])
    brackets = [(rows, grid[rows, columns], grid[rows, columns + 1], above[rows, columns])]
    brackets += _tangencies(lines, grid, ratio)
    rows, low, high, starts_above = (np.concatenate(parts) for parts in zip(*brackets, strict=True))
    roots = _roots(lines.take(rows), low, high, starts_above)
    return _masses(lines, rows, roots, starts_above, above[:, 0])


def _around(lines: Lines) -> np.ndarray:
    points = lines.x[:, :, None] + lines.s[:, :, None] * _REACH
    return points.reshape(len(lines.x), -1)


def _pair_crossings(lines: Lines) -> np.ndarray:
    """Return where `a_i p_i = b_j q_j`, both roots for every cross pair, `(N, 2 P)`; centres where there is none."""
    first = np.flatnonzero(np.isfinite(lines.log_a).any(0))
    second = np.flatnonzero(np.isfinite(lines.log_b).any(0))
    i, j = (axis.ravel() for axis in np.meshgrid(first, second))
    x, s = lines.x, lines.s
    gap = x[:, j] - x[:, i]
    with np.errstate(all="ignore"):
        rise = (lines.log_a[:, i] - np.log(s[:, i])) - (lines.log_b[:, j] - np.log(s[:, j]))
        # On z = v - x_i: (p_j - p_i) z^2 / 2 - p_j gap z + p_j gap^2 / 2 + rise = 0, p the precisions.
        precise_i, precise_j = s[:, i] ** -2.0, s[:, j] ** -2.0
        square, linear, constant = (precise_j - precise_i) / 2, -precise_j * gap, precise_j * gap**2 / 2 + rise
        root = np.sqrt(linear**2 - 4 * square * constant)
        away = -0.5 * (linear + np.where(linear < 0, -root, root))
        found = [away / square, constant / away]
    fallback = np.concatenate([np.zeros_like(gap), gap], axis=1)
    roots = np.concatenate(found, axis=1)
    return np.where(np.isfinite(roots), roots, fallback) + np.tile(x[:, i], (1, 2))


def _tangencies(lines: Lines, grid: np.ndarray, ratio: np.ndarray) -> list:
    """Return brackets of crossings that come in pairs between neighbouring grid points."""
    size = np.abs(ratio)
    inner = size[:, 1:-1]
    sign = np.sign(ratio)
    alike = (sign[:, 1:-1] == sign[:, :-2]) & (sign[:, 1:-1] == sign[:, 2:])
    rows, columns = np.nonzero(alike & (inner < size[:, :-2]) & (inner <= size[:, 2:]) & (inner < 3.0))
    if not len(rows):
        return []
    part, side = lines.take(rows), sign[rows, columns + 1]
    left, best, right = (grid[rows, columns + k] for k in range(3))
    at_best = inner[rows, columns]
    crossed = np.full(len(rows), np.nan)
    golden = 0.381966
    outer_left, outer_right = left, right
    for _ in range(14):
        wider = right - best > best - left
        trial = np.where(wider, best + golden * (right - best), best - golden * (best - left))
        value = side * part.log_ratio(trial[:, None])[:, 0]
        crossed = np.where(np.isnan(crossed) & (value < 0), trial, crossed)
        better = value < at_best
        left = np.where(better & wider, best, np.where(~better & ~wider, trial, left))
        right = np.where(better & ~wider, best, np.where(~better & wider, trial, right))
        best, at_best = np.where(better, trial, best), np.where(better, value, at_best)
    keep = ~np.isnan(crossed)
    above = side[keep] > 0
    crossed = crossed[keep]
    return [
        (rows[keep], outer_left[keep], crossed, above),
        (rows[keep], crossed, outer_right[keep], ~above),
    ]


def _roots(lines: Lines, low: np.ndarray, high: np.ndarray, above: np.ndarray) -> np.ndarray:
    """Return a crossing in each bracket. The integral moves with the square of an error here."""
    if not len(low):
        return low
    side = np.where(above, 1.0, -1.0)
    at_low = side * lines.log_ratio(low[:, None])[:, 0]
    at_high = side * lines.log_ratio(high[:, None])[:, 0]
    for step in range(28):
        with np.errstate(invalid="ignore", divide="ignore"):
            secant = low + (high - low) * at_low / (at_low - at_high)
        middle = low + (high - low) / 2
        trial = middle if step % 2 else np.where((secant > low) & (secant < high), secant, middle)
        value = side * lines.log_ratio(trial[:, None])[:, 0]
        ahead = value > 0
        low, at_low = np.where(ahead, trial, low), np.where(ahead, value, at_low)
        high, at_high = np.where(ahead, high, trial), np.where(ahead, at_high, value)
    return low + (high - low) / 2


def _masses(lines: Lines, rows, roots, starts_above, first_above) -> np.ndarray:
    """Return the log of the smaller density's mass, summed over the pieces between crossings."""
    count = len(lines.x)
    owner = np.concatenate([np.arange(count), rows])
    lower = np.concatenate([np.full(count, -np.inf), roots])
    p_above = np.concatenate([first_above, ~starts_above])
    order = np.lexsort((lower, owner))
    owner, lower, p_above = owner[order], lower[order], p_above[order]
    upper = np.append(lower[1:], np.inf)
    upper[np.append(owner[1:] != owner[:-1], True)] = np.inf
    x, s = lines.x[owner], lines.s[owner]
    logs = log_mass((lower[:, None] - x) / s, (upper[:, None] - x) / s)
    pieces = _logsumexp(logs + np.where(p_above[:, None], lines.log_b[owner], lines.log_a[owner]))
    top = np.full(count, -np.inf)
    np.maximum.at(top, owner, pieces)
    safe = np.where(np.isfinite(top), top, 0.0)
    total = np.zeros(count)
    np.add.at(total, owner, np.exp(pieces - safe[owner]))
    with np.errstate(divide="ignore"):
        return np.log(total) + safe


def log_mass(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return `ln P(low < Z < high)` of a standard normal; differences of the smaller tail keep their digits."""
    right = low > -high
    inner = np.where(right, -low, high)
    outer = np.where(right, -high, low)
    with np.errstate(divide="ignore", invalid="ignore"):
        big, small = special.log_ndtr(inner), special.log_ndtr(outer)
        return big + np.log(-np.expm1(np.where(small == big, 0.0, small - big)))


def _logsumexp(logs: np.ndarray) -> np.ndarray:
    top = logs.max(-1)
    safe = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        return np.log(np.exp(logs - safe[..., None]).sum(-1)) + safe
