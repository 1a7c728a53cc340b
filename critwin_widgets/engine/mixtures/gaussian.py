"""Gaussian mixtures with scikit-learn's covariance types, noised exactly at every OU time."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from .._row_random import normal
from .._types import Array, Features, Subset
from .._validation import check_choice, check_count, check_times, check_weights, finite_array, owned
from ..processes import noise_variance, signal
from . import _densities as densities
from ._choice import choose_many
from ._covariance import COVARIANCE_TYPES, condition_number, decompose, shift
from ._groups import group
from ._metadata import check_features, check_image_shape, check_labels
from ._pairs import Pair, as_points, less_centre, split
from ._transform import transform, transform_noise
from .mixture import Mixture


class GaussianMixture(Mixture):
    """A mixture of `K` Gaussians on `R^d`, with labels and features on its components.

    Parameters are kept in float64 on the host, and nobody can write to them. Densities, scores and
    samples are computed by JAX, in float64 where its 64-bit mode is on and in float32 otherwise, from
    differences to centres nearby rather than from raw coordinates: with means 1e4 deviations apart and
    a common offset of 1e6, float32 posteriors are within 1e-5 and log-densities within 1e-5 of their
    size (plus 1e-4) of the exact ones, at points near the mixture given in float64 or held exactly in
    float32. Points that are not finite give NaN.

    A score costs about its two matrix products, `(B, d) x (d, K)` and `(B, K) x (K, d)`; twice that
    for diag, four products for tied, and K products `(B, d) x (d, d)` for full.

    Args:
        means: component means, shape `(K, d)`; `(K,)` is read as one dimension.
        covariances: `(K,)` spherical variances (a scalar serves all), `(K, d)` diag,
            `(d, d)` tied or `(K, d, d)` full, as in scikit-learn.
        weights: positive, sum 1 (a sum off by at most 1e-6 is normalised); equal when `None`.
        covariance_type: "spherical", "diag", "tied" or "full".
        labels: `K` distinct names; "0", "1", ... when `None`.
        features: for each feature (class, colour, ...) its value on every component.
        image_shape: `(h, w)` or `(h, w, c)` with product `d` when points are images.

    Raises:
        ValueError: what is wrong with which argument, and what would be right.
    """

    means: Array
    covariances: Array
    weights: Array
    eigenvalues: Array
    eigenvectors: Array | None
    centre: Array
    offsets: Array
    groups: Array
    covariance_type: str = eqx.field(static=True)
    labels: tuple[str, ...] = eqx.field(static=True)
    feature_values: tuple[tuple[str, tuple[str, ...]], ...] = eqx.field(static=True)
    image_shape: tuple[int, ...] | None = eqx.field(static=True)
    well_conditioned: bool = eqx.field(static=True)

    def __init__(
        self,
        means: Any,
        covariances: Any,
        weights: Any = None,
        covariance_type: str = "spherical",
        labels: Sequence[Any] | None = None,
        features: Features | None = None,
        image_shape: Sequence[int] | None = None,
    ):
        array = finite_array("means", means, (1, 2))
        # Nobody can write to it: everything below is derived from it.
        array = owned(array, means)
        self.means = array[:, None] if array.ndim == 1 else array
        count, dim = self.means.shape
        if count == 0 or dim == 0:
            raise ValueError(f"means must hold at least one component and one dimension, not shape {array.shape}")
        self.covariance_type = check_choice("covariance_type", covariance_type, COVARIANCE_TYPES)
        self.covariances, self.eigenvalues, self.eigenvectors = decompose(covariances, covariance_type, count, dim)
        self.weights = owned(check_weights(weights, count), weights)
        self.centre = owned(self.weights @ self.means, None)
        # Kept in float64 from here on: formed inside a float32 computation, these differences
        # would lose a far mixture's digits.
        self.offsets = owned(self.means - self.centre, None)
        # Noise only brings components closer and covariances nearer to the identity, so both serve
        # all later times.
        self.groups = group(np.asarray(self.offsets), covariance_type, np.asarray(self.eigenvalues), self.eigenvectors)
        self.well_conditioned = covariance_type == "full" and (
            condition_number(np.asarray(self.eigenvalues)) <= densities.CONDITION_LIMIT
        )
        self.labels = check_labels(labels, count)
        self.feature_values = check_features(features, count)
        self.image_shape = check_image_shape(image_shape, dim)

    @property
    def _identity(self) -> tuple[Any, ...]:
        # Eigenvectors and all else follow from these, but for the last digits.
        return (
            *(self.means, self.covariances, self.weights, self.covariance_type),
            *(self.labels, self.feature_values, self.image_shape),
        )

    @property
    def dim(self) -> int:
        """Dimension `d` of the data."""
        return self.means.shape[1]

    @property
    def near(self) -> bool:
        """Whether all components are close to the mixture's mean, on their own scale."""
        return self.groups.shape[0] == 1

    @property
    def component_means(self) -> np.ndarray:
        """Means of the components, `(K, d)`."""
        return np.asarray(self.means)

    @property
    def component_offsets(self) -> np.ndarray:
        """Means less the mean of the whole mixture, `(K, d)`, free of any common offset."""
        return np.asarray(self.offsets)

    @property
    def concavity(self) -> np.ndarray:
        """`alpha_i = 1 / lambda_max(Sigma_i)`, `(K,)`."""
        values = np.asarray(self.eigenvalues, dtype=np.float64)
        if self.covariance_type in ("diag", "full"):
            values = values.max(-1)
        elif self.covariance_type == "tied":
            values = np.full(self.n_components, values.max())
        return 1.0 / values

    @property
    def variance_range(self) -> tuple[float, float]:
        """The smallest and largest eigenvalue of any covariance."""
        values = np.asarray(self.eigenvalues, dtype=np.float64)
        return float(values.min()), float(values.max())

    def at(self, t: float | jax.Array) -> "GaussianMixture":
        """Return the noised mixture `p_t` at OU time `t >= 0`: means `a_t mu`, covariances `a_t^2 Sigma + s_t^2 I`.

        Raises:
            ValueError: `t` is negative or not finite (concrete times only).
        """
        if not isinstance(t, jax.Array):
            checked = check_times(t)
            if checked.ndim:
                raise ValueError(f"t must be one OU time, not an array of shape {checked.shape}")
            t = float(checked)
        a, s2 = signal(t), noise_variance(t)
        return eqx.tree_at(
            lambda m: (m.means, m.covariances, m.eigenvalues, m.centre, m.offsets),
            self,
            (
                a * self.means,
                shift(self.covariances, self.covariance_type, a, s2, self.dim),
                a**2 * self.eigenvalues + s2,
                a * self.centre,
                a * self.offsets,
            ),
        )

    def subset_mixture(self, subset: Subset) -> "GaussianMixture":
        """Return the sub-mixture `p^S` with weights `w_i / w(S)`."""
        keep = list(self.indices(subset))
        tied = self.covariance_type == "tied"
        return GaussianMixture(
            self.means[keep],
            self.covariances if tied else self.covariances[np.asarray(keep)],
            np.asarray(self.weights)[keep] / np.sum(np.asarray(self.weights)[keep]),
            self.covariance_type,
            [self.labels[k] for k in keep],
            {name: [values[k] for k in keep] for name, values in self.feature_values},
            self.image_shape,
        )

    def log_prob_components(self, x: Any) -> jax.Array:
        """Return `ln p^i(x)` of every component, shape `(..., K)` for points of shape `(..., d)`.

        Raises:
            ValueError: the last axis of `x` is not `d`, or `x` does not hold real numbers.
        """
        law, points, shape = self._prepared(x)
        return densities.log_components(law, points).reshape(*shape, self.n_components)

    def log_prob(self, x: Any, subset: Subset | None = None) -> jax.Array:
        """Return `ln p(x)`, or `ln p^S(x)` for a subset, shape `(...)` for points of shape `(..., d)`.

        Raises:
            ValueError: the last axis of `x` is not `d`, or `x` does not hold real numbers, or the
                subset is empty or unknown.
        """
        weights = self._log_weights(subset)
        law, points, shape = self._prepared(x)
        return densities.log_prob(law, points, weights).reshape(shape)

    def score(self, x: Any, subset: Subset | None = None) -> jax.Array:
        """Return the score `grad ln p(x)` (of `p^S` for a subset), same shape as `x`.

        Raises:
            ValueError: the last axis of `x` is not `d`, or `x` does not hold real numbers, or the
                subset is empty or unknown.
        """
        weights = self._log_weights(subset)
        law, points, shape = self._prepared(x)
        return densities.score(law, points, weights).reshape(*shape, self.dim)

    def posterior(self, x: Any) -> jax.Array:
        """Return `P(component | x)`, shape `(..., K)`, for points of shape `(..., d)`.

        Raises:
            ValueError: the last axis of `x` is not `d`, or `x` does not hold real numbers.
        """
        law, points, shape = self._prepared(x)
        return densities.posterior(law, points, self._log_weights(None)).reshape(*shape, self.n_components)

    def sample(self, key: jax.Array | int, n: int, subset: Subset | None = None, *, return_components: bool = False):
        """Draw `n` points from `p` (or `p^S`), shape `(n, d)`; the same key gives the same points.

        Args:
            key: `jax.random` key or integer seed.
            n: number of points, at least 1.
            subset: draw from this sub-mixture.
            return_components: also return the component index of each point, shape `(n,)`.
        """
        check_count("n", n)
        parts = (self.means, self.eigenvalues, self.eigenvectors)
        return _sample(parts, self.covariance_type, as_key(key), n, self._log_weights(subset), return_components)

    def denoise_components(self, key: jax.Array | int, y: Any, which: Any, t: float) -> jax.Array:
        """Draw `X ~ N(m, C)`, the posterior of component `which` given `Y_t = y`, one per row `(n, d)`.

        With `Sigma = U S U^T`: `C = U (S s^2 / (a^2 S + s^2)) U^T` and
        `m = mu + a Sigma (a^2 Sigma + s^2)^{-1} (y - a mu)`.

        Args:
            key: `jax.random` key or integer seed, or a key for each row, `(n,)`.
            y: noised points, `(n, d)`.
            which: component of each row, `(n,)`.
            t: OU time of the noise in `y`.

        Raises:
            ValueError: shapes that do not fit, components that do not exist, or a negative time.
        """
        # An array in any case: a Python number would compile anew at every time.
        time = t if isinstance(t, jax.Array) else np.asarray(float(check_times(t)))
        a, s2 = signal(time), noise_variance(time)
        points = as_points(y, self.dim, "y")
        if points.ndim != 2:
            raise ValueError(f"y must have shape (n, {self.dim}), not {points.shape}")
        chosen = _check_which(which, len(points), self.n_components)
        shift = a * self.centre
        centred = less_centre(points, shift, near=False)
        at, centre = (Pair(points), split(shift)) if centred is None else (centred, None)
        parts = (self.means, self.eigenvalues, self.eigenvectors)
        return _denoise(parts, self.covariance_type, as_key(key), at, centre, split(a * self.offsets), chosen, a, s2)

    def _prepared(self, x: Any) -> tuple[densities.Law, Pair, tuple[int, ...]]:
        points = as_points(x, self.dim)
        shape, rows = points.shape[:-1], points.reshape(-1, self.dim)
        centred = less_centre(rows, self.centre, self.near)
        law = densities.law_of(self, centred is not None)
        return law, Pair(rows) if centred is None else centred, shape

    def _log_weights(self, subset: Subset | None) -> np.ndarray | jax.Array:
        if subset is None:
            return jnp.log(self.weights) if isinstance(self.weights, jax.Array) else np.log(self.weights)
        keep = list(self.indices(subset))
        weights = np.asarray(self.weights)
        logs = np.full(self.n_components, -np.inf)
        logs[keep] = np.log(weights[keep] / weights[keep].sum())
        return logs

    def __repr__(self) -> str:
        names = ", ".join(self.labels[:4]) + (", ..." if self.n_components > 4 else "")
        return (
            f"GaussianMixture({self.n_components} components in {self.dim} dimensions, {self.covariance_type}: {names})"
        )


def as_key(key: jax.Array | int) -> jax.Array:
    """Return a `jax.random` key from a key or an integer seed."""
    if isinstance(key, jax.Array):
        return key
    if isinstance(key, bool) or not isinstance(key, int | np.integer):
        raise TypeError(f"key must be a jax.random key or an integer seed, not {key!r}")
    return jax.random.key(int(key))


def _check_which(which: Any, rows: int, count: int):
    if isinstance(which, Tracer):
        return which
    chosen = np.asarray(which)
    if chosen.shape != (rows,):
        raise ValueError(f"which must have one component per row of y ({rows}), not shape {chosen.shape}")
    if not np.issubdtype(chosen.dtype, np.integer):
        raise ValueError(f"which must hold component indices, not {chosen.dtype}")
    if ((chosen < 0) | (chosen >= count)).any():
        wrong = int(chosen[(chosen < 0) | (chosen >= count)][0])
        raise ValueError(f"which has the index {wrong}, but components run from 0 to {count - 1}")
    return chosen


@eqx.filter_jit
def _sample(parts, kind: str, key, n: int, log_weights, return_components: bool):
    means, values, vectors = parts
    which_key, noise_key = jax.random.split(key)
    which = choose_many(which_key, jnp.asarray(log_weights), n)
    noise = jax.random.normal(noise_key, (n, means.shape[1]))
    points = jnp.asarray(means)[which] + transform_noise(noise, which, kind, values, vectors)
    return (points, which) if return_components else points


@eqx.filter_jit
def _denoise(parts, kind: str, key, at: Pair, centre: Pair | None, offsets: Pair, which, a, s2):
    means, values, vectors = parts
    values = jnp.asarray(values)
    at = at if centre is None else at.shifted(centre)
    gap = at.less(offsets.rows(which))
    pulled = transform(gap, which, kind, a * values / (a**2 * values + s2), vectors)
    noise = normal(key, gap.shape, gap.dtype)
    spread = transform_noise(noise, which, kind, values * s2 / (a**2 * values + s2), vectors)
    return jnp.asarray(means)[which] + pulled + spread
