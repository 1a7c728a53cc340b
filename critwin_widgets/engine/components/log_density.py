"""A factor given by its log-density and its constant of concavity, both from the user."""

import dataclasses
import functools
import math
from collections.abc import Callable

import jax
import numpy as np

from ._chebyshev import Pieces, fit
from .factor import DEPTH, Factor
from .factors import check_number

_CHECKED = 30.0
"""Nats below the peak down to which the claimed concavity is checked."""


@dataclasses.dataclass(frozen=True)
class LogDensity(Factor):
    """A density on an interval of the line, given by its logarithm up to a constant.

    The logarithm is interpolated by piecewise Chebyshev polynomials, to about 1e-10, where the
    density lies within 200 nats of its peak, and normalised by quadrature.

    Args:
        log_density: function of an array of points that returns as many numbers, in NumPy or JAX
            (JAX computes it in float64 here); concave and finite inside the support.
        concavity: `alpha > 0` with `-(ln p)'' >= alpha`; checked at 400 points.
        support: `(low, high)`; ends may be infinite.

    Raises:
        TypeError: `log_density` is not callable.
        ValueError: `concavity` or `support` is out of range, a value is NaN or infinite inside the
            support, the function is too rough to be resolved, or the claimed concavity does not
            hold; the message names the point and the curvature measured there.
    """

    log_density_of: Callable
    alpha: float
    bounds: tuple[float, float]
    pieces: Pieces = dataclasses.field(compare=False, repr=False)

    def __init__(self, log_density: Callable, concavity: float, support: tuple[float, float] = (-math.inf, math.inf)):
        if not callable(log_density):
            raise TypeError(f"log_density must be a function of an array of points, not {log_density!r}")
        put = functools.partial(object.__setattr__, self)
        put("log_density_of", log_density)
        put("alpha", check_number("concavity", concavity, positive=True))
        put("bounds", _check_support(support))
        mode = _find_mode(self._values, self.bounds)
        put("mode", mode)
        peak = float(self._values(np.array([mode]))[0])
        low, high = self._end(mode, peak, -1, DEPTH), self._end(mode, peak, 1, DEPTH)
        put("extent", (low, high))
        self._check_concavity(mode, peak)
        put("pieces", fit(self._values, low, high, mode))

    @property
    def concavity(self) -> float:
        """The `alpha` claimed and checked."""
        return self.alpha

    @property
    def support(self) -> tuple[float, float]:
        """The interval that carries the density."""
        return self.bounds

    @property
    def guess(self) -> float:
        """The mode."""
        return self.mode

    @functools.cached_property
    def breaks(self) -> tuple[tuple[float, float], ...]:
        """Kinks: where the interpolation needed pieces far narrower than the density."""
        return tuple((place, 0.0) for place in self.pieces.kinks(self.support))

    def shape(self, x):
        """Return the log-density up to a constant and its slope; beyond 200 nats a parabola continues it."""
        inside = np.clip(x, *self.extent)
        value, slope = self.pieces(inside)
        away = x - inside
        return value + away * (slope - 0.5 * self.alpha * away), slope - self.alpha * away

    def _values(self, x: np.ndarray) -> np.ndarray:
        """Return the user's values, in float64, with NaN and shapes checked; `-inf` passes."""
        with jax.enable_x64(True):
            found = np.asarray(self.log_density_of(x), dtype=np.float64)
        if found.shape != x.shape:
            raise ValueError(f"log_density must return one number per point, shape {x.shape}, not {found.shape}")
        bad = np.isnan(found) | (found == np.inf)
        if bad.any():
            raise ValueError(
                f"log_density is {float(found[bad][0])!r} at x = {float(x[bad][0])!r}; "
                "give the support if it ends there"
            )
        return found

    def _end(self, mode: float, peak: float, side: int, depth: float) -> float:
        """Return where the log-density has fallen by `depth` on one side of the mode, or the end of the support."""
        limit = self.bounds[side > 0]
        farthest = mode + side * math.sqrt(2 * depth / self.alpha)
        open_end = side * (limit - farthest) > 0
        outer = farthest if open_end else limit
        fallen = peak - float(self._values(np.array([outer if open_end else (outer + 1e-12 * (mode - outer))]))[0])
        if fallen < depth * (1 - 1e-6):
            if not open_end:
                return limit
            curvature = -2 * fallen / (outer - mode) ** 2
            raise ValueError(
                f"log_density is not {self.alpha:g}-strongly log-concave as claimed: between its mode {mode:.6g} and "
                f"x = {outer:.6g} its mean curvature is {curvature:.6g}, not at most {-self.alpha:.6g}"
            )
        inner = mode
        for _ in range(8):
            grid = np.linspace(inner, outer, 33)
            below = peak - self._values(grid[1:-1]) > depth
            first = int(np.argmax(below)) + 1 if below.any() else 32
            inner, outer = float(grid[first - 1]), float(grid[first])
        return inner

    def _check_concavity(self, mode: float, peak: float) -> None:
        low, high = (self._end(mode, peak, side, _CHECKED) for side in (-1, 1))
        step = (high - low) / 2000
        x = np.linspace(low + step, high - step, 401)
        left, middle, right = (self._values(x + shift) for shift in (-step, 0.0, step))
        if not np.isfinite([left, middle, right]).all():
            where = float(x[~np.isfinite(middle + left + right)][0])
            raise ValueError(f"log_density is -inf near x = {where!r} inside the support; give the support")
        curvature = (left - 2 * middle + right) / step**2
        rounding = 16 * np.finfo(float).eps * np.abs(middle).max() / step**2
        worst = int(np.argmax(curvature))
        if curvature[worst] > -self.alpha * (1 - 1e-6) + rounding:
            raise ValueError(
                f"log_density is not {self.alpha:g}-strongly log-concave as claimed: at x = {x[worst]:.6g} its "
                f"curvature is {curvature[worst]:.6g}, not at most {-self.alpha:.6g}"
            )


def _check_support(support) -> tuple[float, float]:
    try:
        low, high = support
    except (TypeError, ValueError):
        raise ValueError(f"support must be a pair (low, high), not {support!r}") from None
    low, high = check_number("support[0]", low, infinite=True), check_number("support[1]", high, infinite=True)
    if not low < high:
        raise ValueError(f"support must have low < high, not {(low, high)}")
    return low, high


def _find_mode(values: Callable[[np.ndarray], np.ndarray], support: tuple[float, float]) -> float:
    low, high = support
    if math.isfinite(low) and math.isfinite(high):
        grid = np.linspace(low, high, 515)[1:-1]
    else:
        steps = np.geomspace(1e-9, 1e12, 211)
        start = low if math.isfinite(low) else high if math.isfinite(high) else 0.0
        above, below = (
            start + steps if high == math.inf else steps[:0],
            start - steps if low == -math.inf else steps[:0],
        )
        centre = [start] if low == -high else []
        grid = np.concatenate([below[::-1], centre, above])
    found = values(grid)
    if not np.isfinite(found).any():
        raise ValueError(f"log_density is -inf wherever it was tried in the support {support}; give the support")
    for _ in range(16):
        best = int(np.argmax(found))
        if best in (0, len(grid) - 1) and not math.isfinite((low, high)[best > 0]) and abs(grid[best]) > 1e11:
            raise ValueError(f"log_density still rises at x = {grid[best]:.3g}: it cannot be normalised")
        left = grid[best - 1] if best else max(low, grid[0] - (grid[1] - grid[0]))
        right = grid[best + 1] if best < len(grid) - 1 else min(high, grid[-1] + (grid[-1] - grid[-2]))
        grid = np.linspace(left, right, 35)[1:-1]
        if right - left < 1e-13 * max(abs(left), abs(right)):
            break
        found = values(grid)
    return float(grid[int(np.argmax(found))]) if len(found) == len(grid) else float(grid[len(grid) // 2])
