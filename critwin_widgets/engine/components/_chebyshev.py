"""Adaptive piecewise Chebyshev interpolation of a function on an interval, with its derivative."""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
from numpy.polynomial import chebyshev

_DEGREE = 15
_NODES = np.cos(math.pi * (np.arange(_DEGREE + 1) + 0.5) / (_DEGREE + 1))
_MOST = 1500


@dataclasses.dataclass(frozen=True, eq=False)
class Pieces:
    """Polynomials between `edges` `(P + 1,)`, with coefficients `(16, P)` and those of the slope `(15, P)`."""

    edges: np.ndarray
    coefficients: np.ndarray
    slopes: np.ndarray

    def __call__(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return values and slopes at points of the interval."""
        index = np.clip(np.searchsorted(self.edges, x, side="right") - 1, 0, len(self.edges) - 2)
        left, right = self.edges[index], self.edges[index + 1]
        place = (2 * x - left - right) / (right - left)
        return _clenshaw(self.coefficients, index, place), _clenshaw(self.slopes, index, place)

    def kinks(self, support: tuple[float, float], most: int = 6) -> list[float]:
        """Return where slopes jump between pieces, and the middles of runs of narrow pieces inside the interval."""
        before = self.slopes.sum(0)[:-1]
        after = (self.slopes * np.where(np.arange(len(self.slopes)) % 2, -1.0, 1.0)[:, None]).sum(0)[1:]
        jumps = np.abs(after - before) > 1e-5 * (np.abs(after) + np.abs(before)) + 1e-9 * np.abs(self.slopes[0]).max()
        width = np.diff(self.edges)
        narrow = width < 1e-4 * (self.edges[-1] - self.edges[0])
        found = [(0.0, float(place)) for place in self.edges[1:-1][jumps]]
        for run in np.split(np.arange(len(width)), np.flatnonzero(np.diff(narrow)) + 1):
            if not narrow[run[0]]:
                continue
            k = run[int(np.argmin(width[run]))]
            place = float((self.edges[k] + self.edges[k + 1]) / 2)
            far = 1e-3 * (self.edges[-1] - self.edges[0])
            if min(abs(place - other) for other in (*support, *(p for _, p in found))) > far:
                found.append((float(width[k]), place))
        return sorted(place for _, place in sorted(found)[:most])


def fit(values: Callable[[np.ndarray], np.ndarray], low: float, high: float, inner: float) -> Pieces:
    """Interpolate a function on `[low, high]`, halving pieces until each is resolved.

    Args:
        values: the function, of arrays of points in the open interval.
        low, high: the interval.
        inner: a point at which the first two pieces meet, when it lies inside.

    Raises:
        ValueError: values are not finite, or too rough for 1,500 pieces even to 1e-7.
    """
    for tolerance in (1e-12, 1e-10, 1e-7):
        found = _halve(values, [low, inner, high] if low < inner < high else [low, high], tolerance)
        if found is not None:
            return found
    raise ValueError(
        f"log_density is too rough on [{low:.6g}, {high:.6g}] to be interpolated to 1e-7; "
        "it must be piecewise smooth and computed in float64"
    )


def _halve(values, edges: list[float], tolerance: float) -> Pieces | None:
    left, right = np.array(edges[:-1]), np.array(edges[1:])
    smallest = 1e-12 * (right[-1] - left[0])
    turn = chebyshev.chebvander(_NODES, _DEGREE).T * (2.0 / (_DEGREE + 1))
    turn[0] /= 2
    done: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    total = 0
    while len(left):
        x = ((left + right) / 2)[:, None] + ((right - left) / 2)[:, None] * _NODES
        y = values(x.ravel()).reshape(x.shape)
        if not np.isfinite(y).all():
            where = float(x[~np.isfinite(y)][0])
            raise ValueError(f"log_density is -inf at x = {where!r} inside the support; give the support")
        coefficients = y @ turn.T
        rough = np.abs(coefficients[:, -3:]).max(1) > tolerance * (1.0 + np.abs(y).max(1))
        split = rough & (right - left > smallest)
        done.append((left[~split], right[~split], coefficients[~split]))
        total += int((~split).sum())
        middle = (left[split] + right[split]) / 2
        left, right = np.concatenate([left[split], middle]), np.concatenate([middle, right[split]])
        if total + len(left) > _MOST:
            return None
    left, right, coefficients = (np.concatenate(side) for side in zip(*done, strict=True))
    order = np.argsort(left)
    left, right, coefficients = left[order], right[order], coefficients[order].T
    slopes = chebyshev.chebder(coefficients) * (2.0 / (right - left))
    return Pieces(np.append(left, right[-1]), coefficients, slopes)


def _clenshaw(coefficients: np.ndarray, index: np.ndarray, x: np.ndarray) -> np.ndarray:
    later, last = np.zeros_like(x), np.zeros_like(x)
    for row in coefficients[:0:-1]:
        later, last = row[index] + 2 * x * later - last, later
    return coefficients[0][index] + x * later - last
