"""What everything downstream asks of a mixture: one small interface for all kinds of components."""

import abc

import equinox as eqx
import jax
import numpy as np

from .._types import Array, Subset
from .._validation import check_times
from ..processes import signal
from ._subsets import resolve


class Mixture(eqx.Module):
    """A mixture `p = sum_i w_i p^i` of `K` components on `R^d` that can be noised and denoised.

    Concrete kinds: `GaussianMixture` and `LogConcaveMixture`. Facts about the components are kept
    in float64 on the host; densities and draws are computed by JAX.
    """

    weights: eqx.AbstractVar[Array]
    labels: eqx.AbstractVar[tuple[str, ...]]
    feature_values: eqx.AbstractVar[tuple[tuple[str, tuple[str, ...]], ...]]
    image_shape: eqx.AbstractVar[tuple[int, ...] | None]

    # ---- facts ------------------------------------------------------------------------------

    @property
    @abc.abstractmethod
    def dim(self) -> int:
        """Dimension `d` of the data."""

    @property
    @abc.abstractmethod
    def component_means(self) -> np.ndarray:
        """Means of the components, `(K, d)`."""

    @property
    @abc.abstractmethod
    def component_offsets(self) -> np.ndarray:
        """Means less the mean of the whole mixture, `(K, d)`, free of any common offset."""

    @property
    @abc.abstractmethod
    def concavity(self) -> np.ndarray:
        """`alpha_i > 0` such that component i is `alpha_i`-strongly log-concave, `(K,)`."""

    @property
    @abc.abstractmethod
    def variance_range(self) -> tuple[float, float]:
        """The smallest and largest variance of any component in any direction."""

    @property
    def log_prob_error(self) -> float:
        """How far a log-density may be off at points that the mixture draws; 0 for closed forms."""
        return 0.0

    @property
    def n_components(self) -> int:
        """Number of components `K`."""
        return len(self.labels)

    @property
    def features(self) -> dict[str, tuple[str, ...]]:
        """For each feature, its value on every component."""
        return dict(self.feature_values)

    # ---- densities and draws ----------------------------------------------------------------

    @abc.abstractmethod
    def at(self, t: float) -> "Mixture":
        """Return the noised mixture `p_t` at OU time `t >= 0`."""

    @abc.abstractmethod
    def subset_mixture(self, subset: Subset) -> "Mixture":
        """Return the sub-mixture `p^S` with weights `w_i / w(S)`."""

    @abc.abstractmethod
    def log_prob_components(self, x) -> jax.Array:
        """Return `ln p^i(x)` of every component, shape `(..., K)` for points of shape `(..., d)`."""

    @abc.abstractmethod
    def log_prob(self, x, subset: Subset | None = None) -> jax.Array:
        """Return `ln p(x)`, or `ln p^S(x)` for a subset, shape `(...)` for points of shape `(..., d)`."""

    @abc.abstractmethod
    def score(self, x, subset: Subset | None = None) -> jax.Array:
        """Return the score `grad ln p(x)` (of `p^S` for a subset), same shape as `x`."""

    @abc.abstractmethod
    def posterior(self, x) -> jax.Array:
        """Return `P(component | x)`, shape `(..., K)`, for points of shape `(..., d)`."""

    @abc.abstractmethod
    def sample(self, key, n: int, subset: Subset | None = None, *, return_components: bool = False):
        """Draw `n` points from `p` (or `p^S`), shape `(n, d)`; the same key gives the same points."""

    @abc.abstractmethod
    def denoise_components(self, key, y, which, t: float) -> jax.Array:
        """Draw `X ~ P(X | Y_t = y, component)`, one per row.

        Args:
            key: `jax.random` key or integer seed, or a key for each row, `(n,)`: then what a row draws
                depends on its own key alone.
            y: noised points, `(n, d)`.
            which: component of each row, `(n,)`.
            t: OU time of the noise in `y`.
        """

    # ---- subsets ----------------------------------------------------------------------------

    def indices(self, subset: Subset | None, name: str = "subset") -> tuple[int, ...]:
        """Return the sorted indices of a subset given by indices or labels (`None`: all).

        Raises:
            ValueError: `subset` is empty or names a component that does not exist.
        """
        return resolve(subset, self.labels, name)

    def noised_mean(self, subset: Subset | None = None, t: float = 0.0) -> np.ndarray:
        """Return the mean `a_t mu(S)` of the noised sub-mixture, shape `(d,)`; OU time `t >= 0`."""
        keep = list(self.indices(subset))
        weights = np.asarray(self.weights)[keep]
        return float(signal(float(check_times(t)))) * (weights / weights.sum()) @ self.component_means[keep]
