"""When the reverse drift's central fixed point loses stability (RA23: spontaneous symmetry breaking)."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optimistix as optx
from scipy.optimize import brentq

from ..engine.mixtures import GaussianMixture, Mixture
from ..engine.processes import clock
from ..engine.separation import ESTIMATED
from ._reduce import reduced
from .times import REACHED, Time

NEVER_BREAKS, BROADENS = "never breaks symmetry", "broadens without splitting"

_LARGEST = 512
"""Dimension up to which the drift's Jacobian is formed."""
_STEPS = 48


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
        A `Time` with status "reached", "broadens without splitting" or "never breaks symmetry" (the
        value is NaN). It is called "estimated" because the root is numerical: its interval is what an
        error of 1e-6 in the eigenvalue (rounding; 1e-3 for components that are not Gaussian) makes
        of the time.

    Raises:
        ValueError: the problem has more than 512 dimensions after reduction (Gaussians of one
            covariance reduce to `K - 1` per distinct eigenvalue).
    """
    small = reduced(mixture)
    if small.dim > _LARGEST:
        raise ValueError(
            f"mixture must have at most {_LARGEST} dimensions after reduction to find the drift's fixed point, "
            f"not {small.dim}; Gaussians of one covariance reduce to K - 1 per distinct eigenvalue"
        )
    narrow, wide = (math.sqrt(x) for x in small.variance_range)
    extent = 2 * float(np.sqrt(np.square(small.component_offsets).sum(-1).max()))
    grid = clock.from_sigma(np.geomspace(0.02 * min(narrow, 1.0), 20.0 * max(extent, wide, 1.0), _STEPS))[::-1]
    point = jnp.zeros(small.dim) + small.noised_mean(None, float(grid[0]))
    before = float(grid[0])
    for t in grid[1:]:
        moved, top, found = _follow(small.at(float(t)), point)
        if not bool(found) or not math.isfinite(float(top)):
            break
        if float(top) >= 0.0:
            return _refine(small, point, float(t), before, wide**2)
        point, before = moved, float(t)
    return Time(math.nan, math.nan, math.nan, NEVER_BREAKS, ESTIMATED)


def _refine(mixture: Mixture, point, low: float, high: float, widest: float) -> Time:
    """Close in on the crossing between two times; the fixed point is restarted from the stable side."""

    def top(t: float) -> float:
        return float(_follow(mixture.at(t), point)[1])

    value = high if top(high) >= 0.0 else float(brentq(top, low, high, xtol=1e-09, rtol=1e-09))
    # How well the eigenvalue is known; its slope in t turns that into time.
    error = 1e-6 if isinstance(mixture, GaussianMixture) else 1e-3
    left, right = max(value - 1e-3, low), value + 1e-3
    slope = (top(left) - top(right)) / (right - left)
    reach = error / max(slope, 1e-3)
    # The Jacobian of the widest component alone, at its best 1 - 2 / (a^2 v + s^2).
    alone = 1.0 - 2.0 / (1.0 + math.exp(-2.0 * value) * (widest - 1.0))
    status = BROADENS if alone >= -1e-6 else REACHED
    return Time(value, max(value - reach, 0.0), value + reach, status, ESTIMATED)


def _drift(x, noised: Mixture):
    return x + 2.0 * noised.score(x)


@eqx.filter_jit
def _follow(noised: Mixture, start):
    """Return the fixed point near `start`, the largest eigenvalue of the drift's Jacobian there, and success."""
    precision = jnp.finfo(start.dtype).eps
    # Damped: at the bifurcation the Jacobian is singular, where Newton's own step would be 0 / 0.
    solver = optx.LevenbergMarquardt(rtol=math.sqrt(precision) * 0.1, atol=math.sqrt(precision) * 0.1)
    solution = optx.root_find(_drift, solver, start, args=noised, max_steps=64, throw=False)
    jacobian = jax.jacfwd(_drift)(solution.value, noised)
    top = jnp.linalg.eigvalsh((jacobian + jacobian.T) / 2)[-1]
    return solution.value, top, solution.result == optx.RESULTS.successful
