"""Log-densities with known noised laws, for tests of components that know a log-density alone."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from scipy.stats import ortho_group

GRID = np.linspace(-16.0, 16.0, 8001)


class Line(eqx.Module):
    """A log-density on a line: a Gaussian, times a peak with long tails, times a skew factor, whatever the numbers.

    `-alpha u^2 / 2 - 4 peak ln cosh(u) - skew ln(1 + e^{3u})`: `alpha`-strongly log-concave.
    """

    alpha: np.ndarray
    peak: np.ndarray
    skew: np.ndarray

    def __call__(self, u):
        cosh = jnp.logaddexp(u, -u)
        return -0.5 * self.alpha * u**2 - 4 * self.peak * cosh - self.skew * jnp.logaddexp(0.0, 3.0 * u)

    def log_mass(self) -> float:
        """The logarithm of the integral, in NumPy alone."""
        return float(self(GRID)[len(GRID) // 2] - self.log_table()[len(GRID) // 2])

    def log_table(self) -> np.ndarray:
        """The normalised log-density on `GRID`, in NumPy alone."""
        cosh = np.logaddexp(GRID, -GRID)
        logs = -0.5 * self.alpha * GRID**2 - 4 * self.peak * cosh - self.skew * np.logaddexp(0.0, 3.0 * GRID)
        return logs - np.log(np.trapezoid(np.exp(logs - logs.max()), GRID)) - logs.max()


class Rotated(eqx.Module):
    """The sum of a `Line` over the coordinates `Q (x - m)`, off by a constant that no result may depend on."""

    line: Line
    rotation: np.ndarray
    shift: np.ndarray

    def __call__(self, x):
        return jnp.sum(self.line(self.rotation @ (x - self.shift))) + 3.0

    @staticmethod
    def make(dim: int, alpha: float, peak: float, skew: float, seed: int = 0) -> "Rotated":
        rotation = np.eye(1) if dim == 1 else ortho_group.rvs(dim, random_state=seed)
        line = Line(*(np.asarray(float(v)) for v in (alpha, peak, skew)))
        return Rotated(line, rotation, np.random.default_rng(seed).normal(size=dim))

    def log_mass(self) -> float:
        """The logarithm of the integral, less the constant."""
        return len(self.shift) * self.line.log_mass()

    def draw(self, n: int, seed: int) -> np.ndarray:
        """Independent draws, by the inverse distribution function of each coordinate."""
        below = np.cumsum(np.exp(self.line.log_table()))
        u = np.interp(np.random.default_rng(seed).random((n, len(self.shift))) * below[-1], below, GRID)
        return u @ self.rotation + self.shift

    def noised(self, y: np.ndarray, t: float) -> tuple[np.ndarray, np.ndarray]:
        """`ln p_t(y)` and its gradient, by quadrature along each coordinate."""
        a, s2 = np.exp(-t), -np.expm1(-2.0 * t)
        v = (y - a * self.shift) @ self.rotation.T
        logs = self.line.log_table() - 0.5 * np.square(v[..., None] - a * GRID) / s2
        weights = np.exp(logs - logs.max(-1, keepdims=True))
        total = weights.sum(-1)
        value = np.log(total * (GRID[1] - GRID[0]) / np.sqrt(2 * np.pi * s2)) + logs.max(-1)
        return value.sum(-1), ((a * (weights @ GRID) / total - v) / s2) @ self.rotation


def gradient(function, points: np.ndarray, step: float = 1e-2) -> np.ndarray:
    """The gradient of a function of points `(n, d)` by central differences, in one call."""
    moves = step * np.concatenate([np.eye(points.shape[1]), -np.eye(points.shape[1])])
    values = np.asarray(function(points[:, None, :] + moves), np.float64)
    return (values[:, : points.shape[1]] - values[:, points.shape[1] :]) / (2 * step)


def noised_points(law: Rotated, t: float, n: int = 64) -> np.ndarray:
    """Points that the noised law draws."""
    noise = np.random.default_rng(9).normal(size=(n, len(law.shift)))
    return np.exp(-t) * law.draw(n, 8) + np.sqrt(-np.expm1(-2.0 * t)) * noise
