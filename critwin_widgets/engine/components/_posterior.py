"""Gauss-Legendre quadrature of `X | X + sigma Z = u` for a log-concave `X` on the line.

The posterior is log-concave with curvature at least `alpha + 1 / sigma^2`, so its mode splits it
into two monotone sides, each of which is cut where it has fallen by `DROP` nats. That places the
nodes for any ratio of noise to scale, at edges of the support and at kinks.
"""

import dataclasses
import itertools
from typing import Any

import numpy as np

DROP = 32.0
"""Nats below the peak at which a posterior is cut: what lies beyond is below 1e-13 of it."""

_NODES, _NODE_WEIGHTS = np.polynomial.legendre.leggauss(26)
_BLOCK = 20_000
"""Points whose nodes are held in memory at a time."""


@dataclasses.dataclass(frozen=True)
class Moments:
    """The posterior at every point: `ln int exp(shape - (x - u)^2 / 2 sigma^2) dx` and what follows.

    `slope` and `curvature` are the derivatives of the logarithm of that integral in `u`.
    """

    log_mass: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    slope: np.ndarray
    curvature: np.ndarray


def posterior_moments(factor: Any, u: np.ndarray, precision: np.ndarray) -> Moments:
    """Return the moments of the posterior given each `u` `(T, G)` at precisions `1 / sigma^2` `(T, 1)`."""
    points, slopes = factor.outline
    rows = [np.interp(p * row, p * points - slopes, points) for p, row in zip(precision[:, 0], u, strict=True)]
    flat = [np.ravel(x) for x in (u, np.broadcast_to(precision, u.shape), np.stack(rows))]
    parts = [_block(factor, *(x[start : start + _BLOCK] for x in flat)) for start in range(0, max(u.size, 1), _BLOCK)]
    return Moments(*(np.concatenate(side).reshape(u.shape) for side in zip(*parts, strict=True)))


def _block(factor, u, p, peak):
    low, high = factor.support
    _chase(factor, u, p, peak)
    top = _height(factor, peak, u, p)
    left, right = (_cut(factor, u, p, peak, top, side) for side in (-1.0, 1.0))
    inner = [np.clip(place, left, right) for place, _ in factor.breaks]
    bounds = np.sort(np.stack([left, peak, right, *inner]), axis=0)
    kinks = np.array([place for place, width in factor.breaks if width == 0])
    sums = np.zeros((5, len(u)))
    for lower, upper in itertools.pairwise(bounds):
        if not (upper > lower).any():
            continue
        place, step = _nodes(lower, upper, kinks)
        x = np.clip(place, low, high)
        value, slope = factor.shape(x)
        gap = x - peak[:, None]
        mass = np.exp(value - 0.5 * p[:, None] * np.square(x - u[:, None]) - top[:, None])
        mass *= step
        for k, part in enumerate((mass, mass * gap, mass * gap**2, mass * slope, mass * slope * gap)):
            sums[k] += part.sum(-1)
    total = sums[0]
    shift, square, pull, tilt = sums[1:] / total
    mean, variance = peak + shift, square - shift**2
    # Where no edge of the support cuts the posterior, integration by parts gives the derivatives as
    # moments of the slope; they stay accurate when the noise is small and `mean - u` is a small
    # difference. When it is large they are small differences, and Tweedie's formula is accurate.
    free = (left > low) & (right < high) & (p * variance > 0.5)
    slope = np.where(free, pull, p * (mean - u))
    curvature = np.where(free, p * (tilt - pull * shift), p * (p * variance - 1.0))
    return np.log(total) + top, mean, variance, slope, curvature


def _nodes(lower, upper, kinks):
    """Return nodes and weights `(B, n)` on panels; near a kink they crowd as the cube of the distance.

    In the cube root of the distance to the nearest kink, `|x|^1.5` is as smooth as Gauss-Legendre needs.
    """
    s, w = (1.0 + _NODES) / 2, _NODE_WEIGHTS / 2
    if not len(kinks):
        length = (upper - lower)[:, None]
        return lower[:, None] + length * s, length * w
    distance = np.maximum(np.maximum(lower[:, None] - kinks, kinks - upper[:, None]), 0.0)
    kink = kinks[np.argmin(distance, axis=1)]
    start, stop = (np.cbrt(end - kink)[:, None] for end in (lower, upper))
    root = start + (stop - start) * s
    return kink[:, None] + root**3, (stop - start) * w * 3.0 * root**2


def _chase(factor, u, p, peak) -> None:
    """Find the modes that lie outside of the extent, by bisection between its end and `u`."""
    for end, limit in zip(factor.extent, factor.support, strict=True):
        away = np.flatnonzero((peak == end) & (end != limit) & (p > 0))
        if not len(away):
            continue
        near, far = peak[away], np.clip(u[away], *factor.support)
        for _ in range(60):
            middle = (near + far) / 2
            rising = (factor.shape(middle)[1] - p[away] * (middle - u[away])) * np.sign(far - near) > 0
            near, far = np.where(rising, middle, near), np.where(rising, far, middle)
        peak[away] = near


def _height(factor, x, u, p):
    return factor.shape(x)[0] - 0.5 * p * np.square(x - u)


def _cut(factor, u, p, peak, top, side: float):
    """Return where the posterior has fallen by `DROP` on one side of its peak, or the end of the support.

    Newton's steps from outside: a concave function lies below its tangents, so none passes the cut.
    """
    low, high = factor.extent
    wide = np.sqrt(2 * DROP / (factor.concavity + p))
    room = high - peak if side > 0 else peak - low
    if (low, high)[side > 0] != factor.support[side > 0]:
        room = np.where(room > 0, room, np.inf)
    reach = np.minimum(wide, room)
    for _ in range(4):
        x = peak + side * reach
        value, slope = factor.shape(x)
        excess = top - DROP - (value - 0.5 * p * np.square(x - u))  # positive outside the cut
        steep = -side * (slope - p * (x - u))
        step = np.where((excess > 0) & (steep > 0), excess / np.where(steep > 0, steep, 1.0), 0.0)
        reach = np.maximum(reach - step, 0.0)
    return peak + side * reach
