"""Mixtures of strongly log-concave components of any kind, noised to any OU time."""

from collections.abc import Iterable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.scipy.special as jsp
import numpy as np

from .._row_random import has_row_keys, normal, split_rows
from .._types import Array, Features, Subset
from .._validation import check_count, check_points, check_time, check_weights
from ..components.component import Component
from ..processes import noise_variance, signal
from ._metadata import check_features, check_image_shape, check_labels
from .gaussian import as_key
from .mixture import Mixture


class LogConcaveMixture(Mixture):
    """A mixture of `K` strongly log-concave components on `R^d`; kinds may differ.

    Args:
        components: `Component`s of one dimension, such as those of `cw.components`.
        weights: positive, sum 1 (a sum off by at most 1e-6 is normalised); equal when `None`.
        labels: `K` distinct names; "0", "1", ... when `None`.
        features: for each feature (class, colour, ...) its value on every component.
        image_shape: `(h, w)` or `(h, w, c)` with product `d` when points are images.

    Raises:
        ValueError: no component, components of different dimensions, or weights, labels, features
            or an image shape that do not fit.
        TypeError: an entry of `components` is not a `Component`.
    """

    components: tuple[Component, ...]
    weights: Array
    elapsed: Any  # a float, or a traced number: checkers cannot tell which
    labels: tuple[str, ...] = eqx.field(static=True)
    feature_values: tuple[tuple[str, tuple[str, ...]], ...] = eqx.field(static=True)
    image_shape: tuple[int, ...] | None = eqx.field(static=True)

    def __init__(
        self,
        components: Iterable[Component],
        weights: Any = None,
        labels: Sequence[Any] | None = None,
        features: Features | None = None,
        image_shape: Sequence[int] | None = None,
    ):
        self.components = _check_components(components)
        count = len(self.components)
        self.weights = check_weights(weights, count)
        self.elapsed = 0.0
        self.labels = check_labels(labels, count)
        self.feature_values = check_features(features, count)
        self.image_shape = check_image_shape(image_shape, self.dim)

    # ---- facts ------------------------------------------------------------------------------

    @property
    def dim(self) -> int:
        """Dimension `d` of the data."""
        return self.components[0].dim

    @property
    def component_means(self) -> np.ndarray:
        """Means of the components, `(K, d)`."""
        return np.asarray(signal(self.elapsed) * self._clean_means)

    @property
    def component_offsets(self) -> np.ndarray:
        """Means less the mean of the whole mixture, `(K, d)`, free of any common offset."""
        return np.asarray(signal(self.elapsed) * (self._clean_means - np.asarray(self.weights) @ self._clean_means))

    @property
    def concavity(self) -> np.ndarray:
        """`kappa_i` with `1 / kappa_i = a_t^2 / alpha_i + s_t^2` after the time elapsed, `(K,)`."""
        clean = np.array([component.concavity for component in self.components])
        return 1.0 / np.asarray(signal(self.elapsed) ** 2 / clean + noise_variance(self.elapsed))

    @property
    def variance_range(self) -> tuple[float, float]:
        """The smallest and largest variance of any component in any direction."""
        ranges = np.array([component.variance_range for component in self.components])
        a2, s2 = signal(self.elapsed) ** 2, noise_variance(self.elapsed)
        return float(a2 * ranges[:, 0].min() + s2), float(a2 * ranges[:, 1].max() + s2)

    @property
    def log_prob_error(self) -> float:
        """The largest error of a component's log-density at points it draws."""
        return max(component.log_prob_error(self.elapsed) for component in self.components)

    @property
    def _clean_means(self) -> np.ndarray:
        return np.stack([component.mean for component in self.components])

    # ---- densities and draws ----------------------------------------------------------------

    def at(self, t: float | jax.Array) -> "LogConcaveMixture":
        """Return the noised mixture `p_t` at OU time `t >= 0`; times add up, `m.at(s).at(t)` is `m.at(s + t)`.

        Raises:
            ValueError: `t` is negative or not finite (concrete times only).
        """
        later = t if isinstance(t, jax.Array) else check_time(t)
        return eqx.tree_at(lambda m: m.elapsed, self, self.elapsed + later)

    def subset_mixture(self, subset: Subset) -> "LogConcaveMixture":
        """Return the sub-mixture `p^S` with weights `w_i / w(S)`."""
        keep = list(self.indices(subset))
        weights = np.asarray(self.weights)[keep]
        part = LogConcaveMixture(
            [self.components[k] for k in keep],
            weights / weights.sum(),
            [self.labels[k] for k in keep],
            {name: [values[k] for k in keep] for name, values in self.feature_values},
            self.image_shape,
        )
        return eqx.tree_at(lambda m: m.elapsed, part, self.elapsed)

    def prepare(self, times: Iterable[float]) -> None:
        """Let the components make in one go what they need at OU times `(T,)`; nothing changes but speed."""
        later = [float(self.elapsed) + check_time(t, "times") for t in times]
        for component in self.components:
            component.prepare(later)

    def log_prob_components(self, x: Any) -> jax.Array:
        """Return `ln p^i(x)` of every component, shape `(..., K)` for points of shape `(..., d)`."""
        return self._logs(check_points(x, self.dim), range(self.n_components))

    def log_prob(self, x: Any, subset: Subset | None = None) -> jax.Array:
        """Return `ln p(x)`, or `ln p^S(x)` for a subset, shape `(...)` for points of shape `(..., d)`.

        Raises:
            ValueError: the last axis of `x` is not `d`, or the subset is empty or unknown.
        """
        keep, log_weights = self._part(subset)
        return jsp.logsumexp(self._logs(check_points(x, self.dim), keep) + log_weights, axis=-1)

    def score(self, x: Any, subset: Subset | None = None) -> jax.Array:
        """Return the score `grad ln p(x)` (of `p^S` for a subset), same shape as `x`.

        Raises:
            ValueError: the last axis of `x` is not `d`, or the subset is empty or unknown.
        """
        keep, log_weights = self._part(subset)
        points = check_points(x, self.dim)
        share = jax.nn.softmax(self._logs(points, keep) + log_weights, axis=-1)
        total = jnp.zeros(points.shape)
        for column, k in enumerate(keep):
            part = share[..., column, None]
            total = total + jnp.where(part > 0, part * self.components[k].score(points, self.elapsed), 0.0)
        return total

    def posterior(self, x: Any) -> jax.Array:
        """Return `P(component | x)`, shape `(..., K)`, for points of shape `(..., d)`."""
        return jax.nn.softmax(self.log_prob_components(x) + self._part(None)[1], axis=-1)

    def sample(self, key: jax.Array | int, n: int, subset: Subset | None = None, *, return_components: bool = False):
        """Draw `n` points from `p` (or `p^S`), shape `(n, d)`; the same key gives the same points.

        Args:
            key: `jax.random` key or integer seed.
            n: number of points, at least 1.
            subset: draw from this sub-mixture.
            return_components: also return the component index of each point, shape `(n,)`.
        """
        check_count("n", n)
        keep, log_weights = self._part(subset)
        which_key, noise_key, points_key = jax.random.split(as_key(key), 3)
        which = jnp.asarray(keep)[jax.random.categorical(which_key, jnp.asarray(log_weights), shape=(n,))]
        keys = dict(zip(keep, jax.random.split(points_key, len(keep)), strict=True))
        clean = _scatter(np.asarray(which), lambda k, rows: self.components[k].sample(keys[k], len(rows)), self.dim)
        points = clean
        if self.elapsed > 0:
            a, s = signal(self.elapsed), np.sqrt(noise_variance(self.elapsed))
            points = a * clean + s * jax.random.normal(noise_key, clean.shape)
        return (points, which) if return_components else points

    def denoise_components(self, key: jax.Array | int, y: Any, which: Any, t: float) -> jax.Array:
        """Draw `X ~ P(X | Y_t = y, component)`, one per row.

        Args:
            key: `jax.random` key or integer seed, or a key for each row, `(n,)`.
            y: noised points, `(n, d)`.
            which: component of each row, `(n,)`.
            t: OU time of the noise in `y`.
        """
        time, points = check_time(t), check_points(y, self.dim, "y")
        keys = split_rows(as_key(key), self.n_components + 1)

        def draw(k: int, rows: np.ndarray) -> jax.Array:
            mine = keys[k][rows] if has_row_keys(keys[k]) else keys[k]
            return self.components[k].denoise(mine, points[rows], self.elapsed + time)

        clean = _scatter(np.asarray(which), draw, self.dim)
        return clean if self.elapsed == 0 else self._bridge(keys[-1], clean, points, time)

    def _bridge(self, key, clean, y, t: float) -> jax.Array:
        """Draw `X_s` given `X_0` and `Y_{s + t}`, `s` the time elapsed: Gaussian, as the noise is."""
        a, v = signal(self.elapsed), noise_variance(self.elapsed)
        b, w = signal(t), noise_variance(t)
        total = b**2 * v + w
        mean = a * clean + (b * v / total) * (y - a * b * clean)
        return mean + np.sqrt(v * w / total) * normal(key, clean.shape)

    def _logs(self, points, keep: Iterable[int]) -> jax.Array:
        return jnp.stack([self.components[k].log_prob(points, self.elapsed) for k in keep], axis=-1)

    def _part(self, subset: Subset | None) -> tuple[list[int], np.ndarray]:
        """Return the components of a subset and the logarithms of their normalised weights."""
        keep = list(self.indices(subset))
        weights = np.asarray(self.weights)[keep]
        return keep, np.log(weights / weights.sum())

    def __repr__(self) -> str:
        names = ", ".join(self.labels[:4]) + (", ..." if self.n_components > 4 else "")
        kinds = ", ".join(dict.fromkeys(type(component).__name__ for component in self.components))
        return f"LogConcaveMixture({self.n_components} components in {self.dim} dimensions, {kinds}: {names})"


def _check_components(components: Any) -> tuple[Component, ...]:
    if isinstance(components, Component) or not isinstance(components, Iterable):
        raise TypeError(f"components must be a sequence of Components, not {type(components).__name__}")
    found = tuple(components)
    if not found:
        raise ValueError("components is empty; a mixture needs at least one component")
    for k, component in enumerate(found):
        if not isinstance(component, Component):
            raise TypeError(
                f"components[{k}] is a {type(component).__name__}, not a Component; make one with cw.components"
            )
        if component.dim != found[0].dim:
            raise ValueError(f"components[{k}] has {component.dim} dimensions, but components[0] has {found[0].dim}")
    return found


def _scatter(which: np.ndarray, draw, dim: int) -> jax.Array:
    """Return rows made component by component: `draw(k, rows)` gives the points of the rows of k.

    Rows are padded to powers of two, so that another split among the components rarely recompiles.
    """
    points = jnp.zeros((len(which), dim))
    for k in np.unique(which):
        rows = np.flatnonzero(which == k)
        padded = np.resize(rows, 1 << (len(rows) - 1).bit_length())
        points = points.at[rows].set(draw(int(k), padded)[: len(rows)])
    return points
