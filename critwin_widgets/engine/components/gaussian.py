"""A Gaussian as a component, so that Gaussians mix with other kinds."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._validation import check_time, finite_array
from ..mixtures.gaussian import GaussianMixture
from .component import Component


class Gaussian(Component):
    """The Gaussian `N(mean, covariance)` on `R^d`; every law and draw is in closed form.

    Args:
        mean: `(d,)`, or a number in one dimension.
        covariance: a positive variance (spherical), `(d,)` variances of the coordinates, or a
            positive definite `(d, d)` matrix.

    Raises:
        ValueError: a value that is not finite, a shape that does not fit, or a covariance that is
            not symmetric and positive definite.
    """

    law: GaussianMixture

    def __init__(self, mean: Any, covariance: Any):
        centre = np.atleast_1d(finite_array("mean", mean, (0, 1)))
        spread = finite_array("covariance", covariance, (0, 1, 2))
        kind = ("spherical", "diag", "full")[spread.ndim]
        if spread.ndim and spread.shape != (len(centre),) * spread.ndim:
            raise ValueError(
                f"covariance must be a variance, {(len(centre),)} variances or a {(len(centre),) * 2} matrix "
                f"for a mean of length {len(centre)}, not shape {spread.shape}"
            )
        self.law = GaussianMixture(centre[None], spread[None], covariance_type=kind)

    @property
    def dim(self) -> int:
        """Dimension `d`."""
        return self.law.dim

    @property
    def mean(self) -> np.ndarray:
        """Mean, `(d,)` in float64."""
        return self.law.component_means[0]

    @property
    def covariance(self) -> np.ndarray:
        """Covariance as a matrix, `(d, d)` in float64."""
        spread = np.asarray(self.law.covariances, dtype=np.float64)[0]
        return spread if spread.ndim == 2 else np.eye(self.dim) * spread

    @property
    def concavity(self) -> float:
        """`alpha = 1 / lambda_max(Sigma)`."""
        return float(self.law.concavity[0])

    @property
    def variance_range(self) -> tuple[float, float]:
        """The smallest and largest eigenvalue of the covariance."""
        return self.law.variance_range

    def log_prob(self, x, t: float | jax.Array = 0.0) -> jax.Array:
        """Return `ln p_t(x)`, shape `(...)` for points of shape `(..., d)`; OU time `t >= 0`."""
        return self.law.at(t).log_prob_components(x)[..., 0]

    def score(self, x, t: float | jax.Array = 0.0) -> jax.Array:
        """Return `grad ln p_t(x)`, same shape as `x`."""
        return self.law.at(t).score(x)

    def log_prob_error(self, t: float = 0.0) -> float:
        """Return 0: the density is a closed form."""
        return 0.0

    def sample(self, key, n: int) -> jax.Array:
        """Draw `n` points before noise, `(n, d)`."""
        return jnp.asarray(self.law.sample(key, n))

    def sample_offsets(self, key, n: int) -> jax.Array:
        """Draw `n` points before noise, less the mean, `(n, d)`."""
        centred = GaussianMixture(
            np.zeros((1, self.dim)), self.law.covariances, covariance_type=self.law.covariance_type
        )
        return jnp.asarray(centred.sample(key, n))

    def denoise(self, key, y, t: float) -> jax.Array:
        """Draw `X ~ P(X | Y_t = y)`, one for each row of `y` `(n, d)`."""
        return self.law.denoise_components(key, y, jnp.zeros(len(y), jnp.int32), check_time(t))

    def wasserstein(self, other: Component) -> float:
        """Return `W_2` to another Gaussian (the Bures distance); infinite for other kinds."""
        if not isinstance(other, Gaussian):
            return math.inf
        gap = float(np.square(self.mean - other.mean).sum())
        first, second = self.covariance, other.covariance
        values, vectors = np.linalg.eigh(first)
        root = (vectors * np.sqrt(values)) @ vectors.T
        cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ second @ root), 0.0)).sum()
        spread = max(float(np.trace(first) + np.trace(second) - 2 * cross), 0.0)
        # The spread is a difference of traces: its rounding error is added, so that the bound holds.
        return math.sqrt(gap + spread + 1e-14 * float(np.trace(first) + np.trace(second)))

    def __repr__(self) -> str:
        return f"Gaussian({self.dim} dimensions, {self.law.covariance_type})"
