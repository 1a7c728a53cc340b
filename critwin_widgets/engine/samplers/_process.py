"""The reverse process in the coordinates in which it is easiest to follow.

With `sigma^2 = e^{2t} - 1` the noised point is `Y = a_t (X + sigma Z)`. In units of the smallest
standard deviation `sqrt(v)` of any component, on the clock `tau = ln(1 + sigma^2 / v) / 2`,

    U = (e^t Y - c) / sqrt(v + sigma^2)

obeys the very equations of the paper, `dU = (U + 2 grad ln q_tau) du + sqrt(2) dB` and
`dU = (U + grad ln q_tau) du` with `tau = tau_T - u` (derived here: rescaling data by `sqrt(v)` maps one
Ornstein-Uhlenbeck process to another). Since no component is then narrower than 1, the score has no
steep place near `tau = 0`: nothing is stiff, and the integration ends at `t = 0` itself. `c` is the
mean of the mixture, which is added back on the host in float64.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..mixtures import GaussianMixture


def centred(mixture: GaussianMixture) -> GaussianMixture:
    """Return the mixture moved so that its mean is 0, without names.

    A large common offset so never meets float32, and mixtures that differ in labels share what is compiled.
    """
    zeros = np.zeros_like(np.asarray(mixture.centre))
    moved = eqx.tree_at(lambda m: (m.means, m.centre), mixture, (mixture.offsets, zeros))
    nameless = {"labels": tuple(map(str, range(mixture.n_components))), "feature_values": (), "image_shape": None}
    for name, value in nameless.items():
        object.__setattr__(moved, name, value)  # a new object that nobody has seen: not yet immutable
    return moved


def log_sigma_squared(t: np.ndarray | float) -> np.ndarray:
    """Return `ln(e^{2t} - 1)` for OU times, without overflow; `-inf` at 0."""
    times = np.asarray(t, dtype=np.float64)
    with np.errstate(divide="ignore"):
        return 2.0 * times + np.log(-np.expm1(-2.0 * times))


class ReverseError(RuntimeError):
    """The reverse process could not be integrated to the tolerance asked for."""


class Clock:
    """The clock `tau` and the scale of the coordinates `U`, for a unit of variance `v = exp(log_unit)`."""

    log_unit: np.ndarray | jax.Array

    def clock(self, t: np.ndarray | float) -> np.ndarray:
        """Return `tau` at OU times, on the host."""
        return 0.5 * np.logaddexp(0.0, log_sigma_squared(t) - self.log_unit)

    def scale(self, t: np.ndarray | float) -> np.ndarray:
        """Return `a_t sqrt(v + sigma^2)`, by which `U` is multiplied to give `Y`, on the host."""
        return np.exp(0.5 * np.logaddexp(self.log_unit, log_sigma_squared(t)) - np.asarray(t, dtype=np.float64))


class ReverseProcess(Clock, eqx.Module):
    """Drifts of the reverse process of a mixture in the coordinates `U` and on the clock `tau`.

    Args:
        mixture: a mixture whose mean is 0 (see `centred`).
        log_unit: `ln v`, the logarithm of the smallest variance of any component in any direction.
    """

    mixture: GaussianMixture
    log_unit: np.ndarray | jax.Array

    @property
    def offset(self) -> np.ndarray:
        """The mean of the mixture, `(d,)`, that points have in these coordinates: none."""
        return np.zeros(self.mixture.dim)

    def reach(self, stops: np.ndarray, t: float, tolerance: float) -> np.ndarray:
        """Return the OU times at which points are kept, as they are: 0 itself is reached."""
        del t, tolerance
        return stops

    @staticmethod
    def of(mixture: GaussianMixture) -> "ReverseProcess":
        """Return the process of a mixture, moved to mean 0."""
        return ReverseProcess(centred(mixture), np.log(np.asarray(mixture.variance_range[0], dtype=np.float64)))

    def score(self, tau: jax.Array, u: jax.Array) -> jax.Array:
        """Return `grad ln q_tau(u)` for points `(n, d)`."""
        t, scale = self._noise(tau)
        return scale * self.mixture.at(t).score(scale * u)

    def start(self, key: jax.Array, n: int, tau: jax.Array) -> jax.Array:
        """Draw `n` points from `q_tau`, `(n, d)`."""
        t, scale = self._noise(tau)
        return jnp.asarray(self.mixture.at(t).sample(key, n)) / scale

    def _noise(self, tau: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Return OU time and `Y / U` at `tau`, for traced arrays."""
        # t = ln(1 + v (e^{2 tau} - 1)) / 2, without overflow.
        t = 0.5 * jnp.logaddexp(0.0, self.log_unit + 2.0 * tau + jnp.log(-jnp.expm1(-2.0 * tau)))
        return t, jnp.exp(0.5 * self.log_unit + tau - t)
