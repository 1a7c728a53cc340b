"""When the reverse drift's central fixed point loses stability (RA23: spontaneous symmetry breaking)."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from ..engine.mixtures import GaussianMixture, Mixture
from ..engine.processes import clock
from ..engine.separation import ESTIMATED
from ._reduce import reduced
from .times import REACHED, Time

NEVER_BREAKS, BROADENS = "never breaks symmetry", "broadens without splitting"
LOST, TOO_LARGE = "never resolved", "never computed"

LARGEST = 512
"""Dimension, after reduction, up to which the drift's Jacobian is formed."""
_STEPS = 48
_NEWTON = 50
_DAMPING = 1e-3


def symmetry_breaking_time(mixture: Mixture) -> Time:
    """Return the OU time `t_c` at which the central fixed point of the reverse drift loses stability (RA23).

    The drift of the reverse SDE is `x + 2 grad ln p_t(x)`. At large `t` it has one fixed point,
    which attracts; it is followed down in time by a damped Newton method, and `t_c` is where the largest
    eigenvalue of its Jacobian `I + 2 Hess ln p_t` reaches 0. For two points at +-1,
    `e^{-t_c} = sqrt(sqrt(2) - 1)`; for `N(+-mu, I)`, `t_c = ln|mu| + ln(2) / 2` (derived here).

    The fixed point of a mixture without symmetry glides into one of the modes instead of losing
    stability; that is the status "never breaks symmetry". A component wider than unit variance
    repels without any neighbour (`N(0, v)` alone at `e^{-2t}(v - 1) = 1`); when the widest component
    alone would lose stability at or before `t_c`, the status is "broadens without splitting".

    Returns:
        A `Time` with status "reached", "broadens without splitting", "never breaks symmetry" or "never
        resolved" (Newton's method lost the fixed point); the value of the last two is NaN. It is
        called "estimated" because the root is numerical: its interval is what an error of 1e-6 in the
        eigenvalue (rounding; 1e-3 for components that are not Gaussian) makes of the time.

    Raises:
        TypeError: `mixture` is not a mixture.
        ValueError: the problem has more than 512 dimensions after reduction (Gaussians of one
            covariance reduce to `K - 1` per distinct eigenvalue).
    """
    if not isinstance(mixture, Mixture):
        raise TypeError(f"mixture must be a Mixture, not {type(mixture).__name__}")
    small = reduced(mixture)
    if small.dim > LARGEST:
        raise ValueError(
            f"mixture must have at most {LARGEST} dimensions after reduction to find the drift's fixed point, "
            f"not {small.dim}; Gaussians of one covariance reduce to K - 1 per distinct eigenvalue"
        )
    narrow, wide = (math.sqrt(x) for x in small.variance_range)
    extent = 2 * float(np.sqrt(np.square(small.component_offsets).sum(-1).max()))
    # Other components tabulate their noised laws anew at every time.
    steps = _STEPS if isinstance(small, GaussianMixture) else _STEPS // 3
    grid = clock.from_sigma(np.geomspace(0.02 * min(narrow, 1.0), 6.0 * max(extent, wide, 1.0), steps))[::-1]
    point = np.asarray(small.noised_mean(None, float(grid[0])), np.float64)
    before = float(grid[0])
    for t in grid[1:]:
        moved, top, found = _follow(small.at(float(t)), point)
        if not found:
            return Time(math.nan, math.nan, math.nan, LOST, ESTIMATED)
        if top >= 0.0:
            return _refine(small, point, float(t), before, wide**2)
        point, before = moved, float(t)
    return Time(math.nan, math.nan, math.nan, NEVER_BREAKS, ESTIMATED)


def _refine(mixture: Mixture, point: np.ndarray, low: float, high: float, widest: float) -> Time:
    """Close in on the crossing between two times; the fixed point is restarted from the stable side."""

    def top(t: float) -> float:
        # A fixed point that is lost between two found ones is lost to the instability.
        found = _follow(mixture.at(t), point)
        return found[1] if found[2] else 1.0

    from scipy.optimize import (
        root_scalar,  # scipy.optimize takes a third of a second to load, and most calls do without
    )

    value = high if top(high) >= 0.0 else float(root_scalar(top, bracket=(low, high), xtol=1e-9).root)
    # How well the eigenvalue is known; its slope in t turns that into time.
    error = 1e-6 if isinstance(mixture, GaussianMixture) else 1e-3
    left, right = max(value - 1e-3, low), value + 1e-3
    slope = (top(left) - top(right)) / (right - left)
    reach = error / max(slope, 1e-3)
    # The Jacobian of the widest component alone, at its best 1 - 2 / (a^2 v + s^2).
    alone = 1.0 - 2.0 / (1.0 + math.exp(-2.0 * value) * (widest - 1.0))
    status = BROADENS if alone >= -1e-6 else REACHED
    return Time(value, max(value - reach, 0.0), value + reach, status, ESTIMATED)


def _follow(noised: Mixture, start: np.ndarray) -> tuple[np.ndarray, float, bool]:
    """Return the fixed point near `start`, the largest eigenvalue of the drift's Jacobian there, and success.

    Newton's method on the host: components may need times as plain numbers, so that a solver
    compiled as a whole would be compiled again at every time.
    """
    point = np.array(start)
    scale = np.sqrt(noised.variance_range[1]) + np.abs(noised.component_offsets).max()
    # The score's rounding: near the bifurcation it keeps steps from ever becoming small.
    rounding = 16 * float(jnp.finfo(jnp.zeros(()).dtype).eps) * scale
    for _ in range(_NEWTON):
        x = jnp.asarray(point)
        drift = point + 2.0 * np.asarray(noised.score(x), np.float64)
        jacobian = np.eye(len(point)) + 2.0 * np.asarray(jax.jacfwd(noised.score)(x), np.float64)
        values, vectors = np.linalg.eigh((jacobian + jacobian.T) / 2)
        # Damped: at the bifurcation an eigenvalue is 0, and Newton's own step along it would be 0 / 0.
        slopes = np.where(values > 0, np.maximum(values, _DAMPING), np.minimum(values, -_DAMPING))
        step = -vectors @ ((vectors.T @ drift) / slopes)
        moved = point + step
        if not np.isfinite(moved).all():
            return start, np.nan, False
        if np.abs(step).max() <= 1e-5 * scale or np.abs(drift).max() <= rounding:
            return point, float(values[-1]), True
        point = moved
    return start, np.nan, False
