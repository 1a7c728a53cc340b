"""Components that are products of one-dimensional factors after a rotation."""

import math
from collections.abc import Iterable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._types import Array
from .._validation import check_points, check_time, finite_array
from ..processes import clock, noise_variance, signal
from ._denoise import draw_posteriors
from ._tables import evaluate, prepare, stack, table_of
from .component import Component
from .factor import TRANSPORT_GRID, Factor
from .factors import Normal
from .gaussian import Gaussian


class Product(Component):
    """The law of `centre + R W` with independent `W_1, ..., W_d`, each strongly log-concave on a line.

    Noise keeps the form: every factor is noised by itself, by one-dimensional quadrature. Its
    log-density is tabulated once for every noise level, to 1e-8; factors that differ by place and
    scale only share a table.

    Args:
        factors: `d` factors, such as `TruncatedNormal` or `LogDensity`.
        rotation: orthogonal matrix `R`, `(d, d)`; the identity when `None`.
        centre: `(d,)`; 0 when `None`.

    Raises:
        ValueError: no factor, a rotation that is not orthogonal, or a shape that does not fit.
        TypeError: an entry of `factors` is not a `Factor`.
    """

    factors: tuple[Factor, ...] = eqx.field(static=True)
    rotation: Array | None
    centre: Array

    def __init__(self, factors: Iterable[Factor], rotation: Any = None, centre: Any = None):
        self.factors = _check_factors(factors)
        dim = len(self.factors)
        self.rotation = None if rotation is None else _check_rotation(rotation, dim)
        self.centre = np.zeros(dim) if centre is None else np.atleast_1d(finite_array("centre", centre, (0, 1)))
        if self.centre.shape != (dim,):
            raise ValueError(f"centre must have one entry per factor ({dim}), not shape {self.centre.shape}")

    @property
    def dim(self) -> int:
        """Dimension `d`."""
        return len(self.factors)

    @property
    def mean(self) -> np.ndarray:
        """Mean, `(d,)` in float64."""
        return np.asarray(self.centre) + _turn(np.array([f.mean for f in self.factors]), self.rotation)

    @property
    def concavity(self) -> float:
        """The least `alpha` of the factors."""
        return min(f.concavity for f in self.factors)

    @property
    def variance_range(self) -> tuple[float, float]:
        """The smallest and largest variance of a factor, hence in any direction."""
        return float(self._variances.min()), float(self._variances.max())

    @property
    def _variances(self) -> np.ndarray:
        return np.array([f.variance for f in self.factors])

    # ---- densities ----------------------------------------------------------------------------

    def prepare(self, times: Iterable[float]) -> None:
        """Tabulate all factors at OU times `(T,)` in one go."""
        prepare(self.factors, [float(clock.to_sigma(t)) for t in times])

    def log_prob(self, x, t: float = 0.0) -> jax.Array:
        """Return `ln p_t(x)`, shape `(...)` for points of shape `(..., d)`; OU time `t >= 0`.

        `-inf` outside the support at `t = 0`; finite everywhere once there is noise.
        """
        arrays, v, scale = self._placed(x, t)
        return _log_prob(arrays, v, np.log(scale))

    def score(self, x, t: float = 0.0) -> jax.Array:
        """Return `grad ln p_t(x)`, same shape as `x`."""
        arrays, v, scale = self._placed(x, t)
        return _score(arrays, v, scale, self.rotation)

    def log_prob_error(self, t: float = 0.0) -> float:
        """Return the tables' errors, added up, and the rounding of a sum of `d` numbers of JAX's precision."""
        sigma = float(clock.to_sigma(check_time(t)))
        rounding = float(jnp.finfo(jnp.zeros(()).dtype).eps)
        return sum(table_of(f, sigma).error for f in self.factors) + 10 * rounding * math.sqrt(self.dim)

    def _placed(self, x, t: float):
        """Return the tables at `t`, the points in standard deviations of the rotated factors, and these."""
        points, time = check_points(x, self.dim), check_time(t)
        a, sigma = float(signal(time)), float(clock.to_sigma(time))
        scale = np.sqrt(a**2 * self._variances + noise_variance(time))
        # Points from the host keep their digits: the mean is subtracted in float64.
        v = _turn_back(points - a * self.mean, self.rotation) / scale
        return stack([table_of(f, sigma) for f in self.factors]), v, scale

    # ---- draws --------------------------------------------------------------------------------

    def sample(self, key, n: int) -> jax.Array:
        """Draw `n` points before noise, `(n, d)`."""
        return jnp.asarray(self.mean) + self.sample_offsets(key, n)

    def sample_offsets(self, key, n: int) -> jax.Array:
        """Draw `n` points before noise, less the mean, `(n, d)`: standard normals through the factors' transports."""
        maps = np.stack([f.standard[0].transport for f in self.factors], axis=1)
        return _sample(key, n, maps, np.sqrt(self._variances), self.rotation)

    def denoise(self, key, y, t: float) -> jax.Array:
        """Draw `X ~ P(X | Y_t = y)`, one for each row of `y` `(n, d)`: each rotated coordinate by its own posterior."""
        points, time = check_points(y, self.dim, "y"), check_time(t)
        if time == 0:
            return jnp.asarray(points)
        a, s2, clean = float(signal(time)), float(noise_variance(time)), np.sqrt(self._variances)
        gap = _turn_back(points - a * self.mean, self.rotation)
        modes = np.array([f.mode - f.mean for f in self.factors]) / clean
        ends = np.array([(*f.support, *f.extent) for f in self.factors]).T
        ends = (ends - [[f.mean for f in self.factors]]) / clean
        alphas = np.array([f.concavity for f in self.factors]) * clean**2
        facts = np.stack([modes, alphas, *ends, (a * clean) ** 2 / s2])
        arrays = stack([table_of(f, 0.0) for f in self.factors])
        # At late times y / a may overflow; the pull a (y - a mean) sd / s^2 does not.
        place = np.clip(gap / (a * clean), -1e30, 1e30) if isinstance(gap, np.ndarray) else gap / (a * clean)
        drawn = draw_posteriors(arrays, facts, key, place, gap * (a * clean / s2))
        return jnp.asarray(self.mean) + _turn(drawn * clean, self.rotation)

    # ---- distances ----------------------------------------------------------------------------

    def wasserstein(self, other: Component) -> float:
        """Return `W_2` to a component that is a product along the same axes; infinite for others.

        Coordinates are coupled by their quantiles, which is optimal on a line and, for products along
        common axes, in space. A Gaussian counts when its covariance is diagonal in these axes.
        """
        axes = self._along(other)
        if axes is None:
            return math.inf
        gap = np.square(self.mean - other.mean).sum()
        weights = np.exp(-(TRANSPORT_GRID**2) / 2)
        weights /= weights.sum()
        spread = 0.0
        for mine, (map_, deviation) in zip(self.factors, axes, strict=True):
            spread += weights @ np.square(math.sqrt(mine.variance) * mine.standard[0].transport - deviation * map_)
        # The quadrature's error, 1e-6 of the variances, is added, so that the bound holds.
        slack = 1e-6 * (self._variances.sum() + sum(deviation**2 for _, deviation in axes))
        return math.sqrt(gap + spread + slack * (spread > 0))

    def _along(self, other: Component) -> list[tuple[np.ndarray, float]] | None:
        """Return the map and the standard deviation of another component's factor along each axis, or `None`."""
        eye = np.eye(self.dim)
        turn = eye if self.rotation is None else np.asarray(self.rotation)
        if isinstance(other, Product) and other.dim == self.dim:
            theirs = eye if other.rotation is None else np.asarray(other.rotation)
            if np.abs(turn - theirs).max() > 1e-12:
                return None
            return [(f.standard[0].transport, math.sqrt(f.variance)) for f in other.factors]
        if isinstance(other, Gaussian) and other.dim == self.dim:
            turned = turn.T @ other.covariance @ turn
            variances = np.diag(turned)
            if np.abs(turned - np.diag(variances)).max() > 1e-12 * variances.max():
                return None
            return [(Normal(0.0, 1.0).transport, math.sqrt(v)) for v in variances]
        return None

    def __repr__(self) -> str:
        kinds = ", ".join(dict.fromkeys(type(f).__name__ for f in self.factors))
        return f"Product({self.dim} dimensions, {kinds}{'' if self.rotation is None else ', rotated'})"


def _check_factors(factors: Any) -> tuple[Factor, ...]:
    if isinstance(factors, Factor) or not isinstance(factors, Iterable):
        raise TypeError(f"factors must be a sequence of Factors, one per dimension, not {type(factors).__name__}")
    found = tuple(factors)
    if not found:
        raise ValueError("factors is empty; a product needs at least one factor")
    for j, factor in enumerate(found):
        if not isinstance(factor, Factor):
            raise TypeError(
                f"factors[{j}] is a {type(factor).__name__}, not a Factor such as TruncatedNormal or LogDensity"
            )
    return found


def _check_rotation(rotation: Any, dim: int) -> np.ndarray:
    matrix = finite_array("rotation", rotation, 2)
    if matrix.shape != (dim, dim):
        raise ValueError(f"rotation must have shape {(dim, dim)} for {dim} factors, not {matrix.shape}")
    off = float(np.abs(matrix.T @ matrix - np.eye(dim)).max())
    if off > 1e-8:
        raise ValueError(
            f"rotation must be orthogonal, but R.T @ R differs from the identity by {off:.3g}; "
            "take the q of numpy.linalg.qr"
        )
    return matrix


def _turn(points, rotation):
    return points if rotation is None else points @ rotation.T


def _turn_back(points, rotation):
    return points if rotation is None else points @ rotation


@eqx.filter_jit
def _log_prob(arrays, v, log_scale):
    return jnp.sum(evaluate(arrays, v)[0] - log_scale, axis=-1)


@eqx.filter_jit
def _score(arrays, v, scale, rotation):
    return _turn(evaluate(arrays, v)[1] / scale, rotation)


@eqx.filter_jit
def _sample(key, n, maps, deviations, rotation):
    z = jax.random.normal(key, (n, maps.shape[1]))
    place = (jnp.clip(z, -8.49, 8.49) - TRANSPORT_GRID[0]) / (TRANSPORT_GRID[1] - TRANSPORT_GRID[0])
    index = jnp.clip(jnp.floor(place), 1, len(TRANSPORT_GRID) - 3).astype(jnp.int32)
    x, column = place - index, jnp.arange(maps.shape[1])
    # Cubic interpolation through four neighbours (Catmull and Rom), monotone on these smooth maps.
    a, b, c, d = (jnp.asarray(maps)[index + k, column] for k in (-1, 0, 1, 2))
    value = b + x / 2 * (c - a + x * (2 * a - 5 * b + 4 * c - d + x * (3 * (b - c) + d - a)))
    return _turn(value * deviations, rotation)
