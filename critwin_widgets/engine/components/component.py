"""What a mixture asks of one of its components, whatever kind it is."""

import abc
import math
from collections.abc import Iterable

import equinox as eqx
import jax
import numpy as np


class Component(eqx.Module):
    """A strongly log-concave density on `R^d` with its noised laws `p_t`, the laws of `a_t X + s_t Z`.

    Log-densities are normalised. `log_prob_error` says how well they are known: 0 for a closed
    form, a bound for quadrature, a 95 % half width for an estimate.

    A kind must define the abstract members. The others have defaults: `sample_offsets` (override
    it where draws can be made without the mean, whose digits a far component needs), `prepare`
    (where noised laws are tabulated) `wasserstein` (where `W_2` to another component is known), and `estimated`
    and `mean_error` (where facts are estimates).
    """

    @property
    @abc.abstractmethod
    def dim(self) -> int:
        """Dimension `d`."""

    @property
    @abc.abstractmethod
    def mean(self) -> np.ndarray:
        """Mean, `(d,)` in float64."""

    @property
    @abc.abstractmethod
    def concavity(self) -> float:
        """`alpha > 0` with `-Hess ln p >= alpha I`."""

    @property
    @abc.abstractmethod
    def variance_range(self) -> tuple[float, float]:
        """The smallest and largest variance in any direction."""

    @abc.abstractmethod
    def log_prob(self, x, t: float = 0.0) -> jax.Array:
        """Return `ln p_t(x)`, shape `(...)` for points of shape `(..., d)`; OU time `t >= 0`.

        Points in float64 NumPy keep their digits: subtract the mean on the host.
        """

    @abc.abstractmethod
    def score(self, x, t: float = 0.0) -> jax.Array:
        """Return `grad ln p_t(x)`, same shape as `x`."""

    @abc.abstractmethod
    def log_prob_error(self, t: float = 0.0) -> float:
        """Return the error of `log_prob` at points that `p_t` draws."""

    @abc.abstractmethod
    def sample(self, key, n: int) -> jax.Array:
        """Draw `n` points from the component before noise, `(n, d)`."""

    @abc.abstractmethod
    def denoise(self, key, y, t: float) -> jax.Array:
        """Draw `X ~ P(X | Y_t = y)`, one for each row of `y` `(n, d)`; from one key, or a key for each row."""

    def sample_offsets(self, key, n: int) -> np.ndarray | jax.Array:
        """Draw `n` points from the component before noise, less its mean, `(n, d)`."""
        return np.asarray(self.sample(key, n), dtype=np.float64) - self.mean

    @property
    def estimated(self) -> bool:
        """Whether mean and log-densities are statistical estimates, on which nothing exact can rest."""
        return False

    @property
    def mean_error(self) -> float:
        """How far from the true mean `mean` may lie; 0 where it is known."""
        return 0.0

    def prepare(self, times: Iterable[float]) -> None:
        """Make what the noised laws need at OU times `(T,)` in one go; a hint that changes nothing but speed."""

    def wasserstein(self, other: "Component") -> float:
        """Return an upper bound of `W_2` to another component; infinite where nothing is known."""
        return math.inf
