"""One-dimensional strongly log-concave densities, the factors of a product-form component."""

import abc
import dataclasses
import functools
import math

import numpy as np
from scipy import special

from ..processes import clock
from ._posterior import posterior_moments

DEPTH = 200.0
"""Nats below the peak at which a density is taken to have ended: tables reach so far."""

TRANSPORT_GRID = np.linspace(-8.5, 8.5, 545)
"""Standard normal places at which the map to a factor is tabulated."""


@dataclasses.dataclass(frozen=True)
class Factor(abc.ABC):
    """A strongly log-concave density on an interval of the line, noised by one-dimensional quadrature.

    A kind defines `concavity`, `support` and `shape` (the log-density up to a constant, with its
    slope) and, where the density has edges or kinks, `breaks`. Mean, variance, normaliser and the
    noised law follow; a kind with a closed form overrides `noised`. All of it is float64 NumPy.
    """

    @property
    @abc.abstractmethod
    def concavity(self) -> float:
        """`alpha > 0` with `-(ln p)'' >= alpha`."""

    @property
    def support(self) -> tuple[float, float]:
        """The interval that carries the density; ends may be infinite."""
        return (-math.inf, math.inf)

    @property
    def breaks(self) -> tuple[tuple[float, float], ...]:
        """Places where the log-density changes faster than on its own scale, each with the width of the change.

        Width 0 is a kink; finite ends of the support are breaks without being listed.
        """
        return ()

    @property
    @abc.abstractmethod
    def guess(self) -> float:
        """A point inside the support, near the mode where that is known."""

    @abc.abstractmethod
    def shape(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the log-density up to a constant and its slope, at points of the support."""

    # ---- what follows from the shape ----------------------------------------------------------

    @functools.cached_property
    def mode(self) -> float:
        """The point of highest density."""
        low, high = self._reach(self.guess, 1e12 / math.sqrt(self.concavity))
        for _ in range(200):
            middle = (low + high) / 2
            if not low < middle < high:
                break
            low, high = (middle, high) if self.shape(np.array([middle]))[1][0] > 0 else (low, middle)
        return (low + high) / 2

    @functools.cached_property
    def extent(self) -> tuple[float, float]:
        """The interval outside of which the density lies more than 200 nats below its peak."""
        peak, reach = float(self.shape(np.array([self.mode]))[0][0]), math.sqrt(2 * DEPTH / self.concavity)
        ends = []
        for side, limit in zip((-1.0, 1.0), self.support, strict=True):
            inside, outside = 0.0, min(reach, abs(limit - self.mode))
            if peak - float(self.shape(np.array([self.mode + side * outside]))[0][0]) > DEPTH:
                for _ in range(60):
                    middle = (inside + outside) / 2
                    fallen = peak - float(self.shape(np.array([self.mode + side * middle]))[0][0]) > DEPTH
                    inside, outside = (inside, middle) if fallen else (middle, outside)
            ends.append(limit if outside == abs(limit - self.mode) else self.mode + side * outside)
        return ends[0], ends[1]

    @functools.cached_property
    def outline(self) -> tuple[np.ndarray, np.ndarray]:
        """Points across the extent, dense at breaks, and the slope of the log-density there."""
        low, high = self.extent
        # Where a tail rises steeply the mode is a small part of the extent.
        points = _crowded(low, high, [self.mode, *self.edges, *(place for place, _ in self.breaks)])
        # Rounding may break the order of slopes that are equal in exact arithmetic.
        return points, np.minimum.accumulate(self.shape(points)[1])

    @property
    def edges(self) -> tuple[float, ...]:
        """Finite ends of the support."""
        return tuple(end for end in self.support if math.isfinite(end))

    @functools.cached_property
    def standard(self) -> tuple["Factor", float, float]:
        """The same density at a standard place and scale, with that place and scale.

        `X = place + scale * X'`: factors that differ only so share their tables.
        """
        return self, 0.0, 1.0

    @functools.cached_property
    def _clean(self) -> tuple[float, float, float]:
        found = posterior_moments(self, np.zeros((1, 1)), np.zeros((1, 1)))
        return float(found.log_mass[0, 0]), float(found.mean[0, 0]), float(found.variance[0, 0])

    @property
    def log_normaliser(self) -> float:
        """`ln int exp(shape)`."""
        return self._clean[0]

    @property
    def mean(self) -> float:
        """Mean of the density."""
        return self._clean[1]

    @property
    def variance(self) -> float:
        """Variance of the density."""
        return self._clean[2]

    def log_density(self, x) -> np.ndarray:
        """Return `ln p(x)`, `-inf` outside the support."""
        points = np.asarray(x, dtype=np.float64)
        low, high = self.support
        inside = (points >= low) & (points <= high)
        values = self.shape(np.where(inside, points, self.mode))[0] - self.log_normaliser
        return np.where(inside, values, -np.inf)

    def noised(self, u: np.ndarray, sigma: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return `ln g(u)` of `X + sigma Z` with its first and second derivative, by quadrature.

        Args:
            u: points, `(T, G)`.
            sigma: standard deviations of the noise, positive, `(T, 1)`.
        """
        precision = 1.0 / np.square(sigma)
        found = posterior_moments(self, u, precision)
        value = found.log_mass - self.log_normaliser - np.log(sigma) - 0.5 * math.log(2 * math.pi)
        return value, found.slope, found.curvature

    def log_prob(self, y, t: float = 0.0) -> np.ndarray:
        """Return `ln p_t(y)` in float64, straight from the quadrature; same shape as `y`, OU time `t >= 0`.

        Mixtures interpolate in tables of these values; this is the slow reference.
        """
        points = np.asarray(y, dtype=np.float64)
        if t == 0:
            return self.log_density(points)
        flat = points.reshape(1, -1) * math.exp(t)
        found = self.noised(flat, np.array([[float(clock.to_sigma(t))]]))[0]
        return found.reshape(points.shape) + t

    @functools.cached_property
    def transport(self) -> np.ndarray:
        """The increasing map from a standard normal to the density, at `TRANSPORT_GRID`, in standard deviations.

        `(quantile(Phi(z)) - mean) / sd`; beyond the grid lies less than 1e-16 of the mass.
        """
        from scipy import interpolate  # a quarter of a second that Gaussian mixtures do without

        low, high = self.extent
        x = _crowded(low, high, [self.mode, *self.edges, *(place for place, _ in self.breaks)], 2001)
        nodes, weights = np.polynomial.legendre.leggauss(6)
        half = np.diff(x)[:, None] / 2
        values = self.log_density(((x[1:] + x[:-1]) / 2)[:, None] + half * nodes)
        mass = (np.exp(values) * half * weights).sum(-1)
        below, above = np.append(0.0, np.cumsum(mass)), np.append(np.cumsum(mass[::-1])[::-1], 0.0)
        # The smaller tail keeps its digits.
        z = np.where(below < above, special.ndtri(below), -special.ndtri(above))
        x, z = x[np.abs(z) < 12], z[np.abs(z) < 12]
        keep = np.diff(z, prepend=-np.inf) > 1e-9
        x, z = x[keep], z[keep]
        rate = np.exp(-0.5 * z**2 - self.log_density(x)) / math.sqrt(2 * math.pi)
        places = interpolate.CubicHermiteSpline(z, x, rate)(np.clip(TRANSPORT_GRID, z[0], z[-1]))
        return (np.clip(places, low, high) - self.mean) / math.sqrt(self.variance)

    def _reach(self, start: float, limit: float) -> tuple[float, float]:
        """Return an interval around the mode, growing from a point of the support."""
        low, high = self.support
        step = 1.0 / math.sqrt(self.concavity)
        left = right = start
        while step < limit:
            left, right = max(start - step, low), min(start + step, high)
            slopes = self.shape(np.array([left, right]))[1]
            if (slopes[0] > 0 or left == low) and (slopes[1] < 0 or right == high):
                break
            step *= 4
        return left, right


def _crowded(low: float, high: float, places: list[float], count: int = 601) -> np.ndarray:
    """Return increasing points from `low` to `high`, even overall and ever denser towards the places."""
    close = (high - low) * np.geomspace(1e-12, 0.5, count // 10)
    near = [place + side * close for place in places for side in (-1, 1)]
    points = np.unique(np.concatenate([np.linspace(low, high, count), places, *near]))
    return points[(points >= low) & (points <= high)]
