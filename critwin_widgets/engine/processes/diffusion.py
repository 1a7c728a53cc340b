"""The Ornstein-Uhlenbeck process on a mixture, with exact posteriors and no time stepping."""

import math
from typing import Any

import numpy as np

from .._types import Subset
from .._validation import check_count, check_points
from ..mixtures import Mixture
from ._components_after import components_after
from ._draws import CHOICE, NOISE, POINT, REMASK, choose, jax_keys, normals, uniforms
from .clock import from_sigma
from .index_set import IndexSet
from .known import MixtureProcess
from .ornstein_uhlenbeck import noise_variance, signal
from .process import repeat_seeds, row_seeds

_LATEST = 300.0
"""OU time that stands for infinity: `e^-300` of the signal is left."""

_START = 1e5
"""Noise over all that the mixture spans at the level where generation starts."""

_ROWS = 1 << 16
_NUMBERS = 1 << 24
"""Rows, and numbers, that are denoised at a time."""


class OrnsteinUhlenbeck(MixtureProcess):
    """`Y_t = e^{-t} X + sqrt(1 - e^{-2t}) Z` on a mixture of any kind; its level is OU time `t`.

    Samples are points `(B, d)` in float64. Denoising draws a component from the posterior weights
    `w_j p_t^j(y) / p_t(y)` and a point from that component's posterior (LC24; LKC25, Definition 3).

    Args:
        mixture: a `GaussianMixture`, a `LogConcaveMixture` or another `Mixture`.

    Raises:
        TypeError: `mixture` is not a `Mixture`.
    """

    index = IndexSet("OU time", "t", 0.0, math.inf)

    def __init__(self, mixture: Mixture):
        if not isinstance(mixture, Mixture):
            raise TypeError(f"mixture must be a Mixture, not {type(mixture).__name__}")
        self.mixture = mixture

    @property
    def start_level(self) -> float:
        """OU time at which at most a hundred-thousandth of all that the mixture spans is left."""
        reach = np.sqrt(np.square(self.mixture.component_means).sum(-1).max() + self.mixture.variance_range[1])
        return float(from_sigma(_START * max(1.0, float(reach))))

    def sample(self, key: Any, n: int, subset: Subset | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return `n` points of the mixture (or a sub-mixture), `(n, d)`, and the component of each, `(n,)`.

        Args:
            key: an integer seed, or a `jax.random` key.
            n: number of points.
            subset: component indices or labels; the whole mixture when `None`.

        Raises:
            ValueError: `n` is no positive integer, or the subset is empty or unknown.
        """
        drawn: Any = self.mixture.sample(key, check_count("n", n), subset, return_components=True)
        return np.asarray(drawn[0], np.float64), np.asarray(drawn[1], np.int64)

    def prior(self, key: Any, n: int) -> np.ndarray:
        """Return `n` draws of `N(0, I)`, `(n, d)`: the law of `Y` at `start_level` up to a TV of about 1e-5.

        Args:
            key: an integer seed, or one for each row `(n,)`.
            n: number of draws.

        Raises:
            ValueError: `n` is no positive integer, or the seeds don't fit.
        """
        return normals(row_seeds(key, check_count("n", n)), NOISE, self.mixture.dim)

    def noise(self, x: Any, level: float, key: Any) -> np.ndarray:
        """Return `Y_level | X = x`, `(B, d)`.

        Args:
            x: points, `(B, d)`.
            level: OU time, not negative.
            key: an integer seed, or one for each row `(B,)`; the same seeds give the same `Z` at all levels.

        Raises:
            ValueError: shapes that do not fit, or a negative level.
        """
        points, time = self._points(x, "x"), self._time(level)
        z = normals(row_seeds(key, len(points)), NOISE, self.mixture.dim)
        return np.asarray(signal(time) * points + math.sqrt(noise_variance(time)) * z)

    def denoise(self, y: Any, level: float, key: Any, n: int = 1, to: float | None = None) -> np.ndarray:
        """Return `n` exact draws of `X' | Y_level = y` (or of `Y_to`) for each row, `(B * n, d)`.

        Args:
            y: points at `level`, `(B, d)`.
            level: OU time, not negative.
            key: an integer seed, or one for each row `(B,)`.
            n: draws for each row; those of a row follow each other.
            to: a lower OU time at which to stop; 0 when `None`.

        Raises:
            ValueError: shapes that do not fit, a negative level, or `to` above `level`.
        """
        points, time = self._points(y, "y"), self._time(level)
        seeds = repeat_seeds(row_seeds(key, len(points)), check_count("n", n))
        stop = check_stop(self.index, to, level)
        rows = np.repeat(points, n, axis=0)
        if time == 0.0 or stop == time:
            return rows
        odds = np.repeat(np.log(np.maximum(self.posterior(points, level), 1e-300)), n, axis=0)
        which = choose(odds, uniforms(seeds, CHOICE, 1)[:, 0])
        clean = np.empty_like(rows)
        size = max(1, min(_ROWS, _NUMBERS // self.mixture.dim))
        for first in range(0, len(rows), size):
            part = np.arange(first, min(first + size, len(rows)))
            # Padded to powers of two: another number of rows rarely compiles anew.
            padded = np.resize(part, 1 << (len(part) - 1).bit_length())
            keys = jax_keys(seeds[padded], POINT)
            drawn = self.mixture.denoise_components(keys, rows[padded], which[padded], time)
            clean[part] = np.asarray(drawn, np.float64)[: len(part)]
        return clean if stop == 0.0 else self._bridge(clean, rows, time, stop, seeds)

    def posterior(self, y: Any, level: float) -> np.ndarray:
        """Return `P(component | Y_level = y)`, `(B, K)` in float64.

        Args:
            y: points at `level`, `(B, d)`.
            level: OU time, not negative.

        Raises:
            ValueError: a shape that does not fit, or a negative level.
        """
        points, time = self._points(y, "y"), self._time(level)
        return np.asarray(self.mixture.at(time).posterior(points), np.float64)

    def components_after(self, x: Any, level: float, key: Any, n: int = 1) -> np.ndarray:
        """Return the components of `n` independent draws of `X'` for each clean point, `(B, n)`.

        For Gaussians of one covariance only the projection of the noise on the span of the means is
        drawn, at most `K - 1` numbers, whatever the dimension.

        Args:
            x: clean points, `(B, d)`.
            level: OU time, not negative.
            key: an integer seed, or one for each row `(B,)`.
            n: draws for each row; each has its own noise.

        Raises:
            ValueError: shapes that do not fit, or a negative level.
        """
        points, time = self._points(x, "x"), self._time(level)
        return components_after(self.mixture, points, time, row_seeds(key, len(points)), check_count("n", n))

    def _bridge(self, clean, noised, time: float, stop: float, seeds) -> np.ndarray:
        """Draw `Y_stop` given `X` and `Y_time`: a Brownian bridge in `sigma^2`."""
        pulled = math.exp(stop - time) * noise_variance(stop) / noise_variance(time)
        share = math.exp(stop - time) * pulled  # sigma_stop^2 / sigma_time^2
        of_noise = math.sqrt(noise_variance(stop) * (1.0 - share))
        z = normals(seeds, REMASK, self.mixture.dim)
        return signal(stop) * (1.0 - share) * clean + pulled * noised + of_noise * z

    def _points(self, points: Any, name: str) -> np.ndarray:
        found = np.asarray(check_points(points, self.mixture.dim, name), np.float64)
        if found.ndim != 2:
            raise ValueError(f"{name} must have shape (B, {self.mixture.dim}), not {found.shape}")
        return found

    def _time(self, level: float) -> float:
        return min(self.index.check(level), _LATEST)

    def __repr__(self) -> str:
        return f"OrnsteinUhlenbeck({self.mixture!r})"


def check_stop(index: IndexSet, to: float | None, level: float) -> float:
    """Return the level at which denoising stops, the clean end when `to` is `None`.

    Raises:
        ValueError: `to` is not in the index set, or above `level`.
    """
    if to is None:
        return index.clean
    stop = index.check(to, "to")
    if stop > level:
        raise ValueError(f"to must not lie above level, but to = {to!r} and level = {level!r}")
    return stop
