"""A component known only by its log-density: sampled by NUTS, its noised laws estimated with stated error."""

import warnings
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from scipy.special import chdtri

from .._precision import to_device, working_dtype
from .._row_random import has_row_keys, pad_rows
from .._types import Array
from .._validation import check_count, check_points, check_time, finite_array
from ..mixtures.gaussian import as_key
from ..processes import noise_variance, signal
from ._arguments import check_concavity, check_function, checked_mode
from ._curvature import CHECKED, check_curvature
from ._facts import fits, learn, levels
from ._noised import (
    BLOCK,
    REPLICATES,
    STUDENT,
    Facts,
    Fit,
    Rule,
    fit,
    log_prob_of,
    ratio_features,
    score_of,
    slope_features,
    sums,
)
from ._nuts import ROWS, Diagnostics, SamplingWarning, blackjax, keys_of_batch, pick, walk
from .component import Component

_ROUNDING = 1e-2
"""Rounding error of log-densities above which a warning says so."""

_CELLS = 1 << 20
"""Numbers that one batch of points may take per array."""


class _Function(eqx.Module):
    """A plain function as a part of a pytree: a static fact, compared by identity."""

    call: Callable = eqx.field(static=True)

    def __call__(self, x):
        return self.call(x)


class Potential(Component):
    """A strongly log-concave density given by its unnormalised logarithm, a function that JAX can trace.

    Made once, in a few seconds: the mode by Newton's method, a check of the claimed concavity at
    sampled points, chains by the No-U-Turn sampler of blackjax, and the normaliser and moments by
    bridge sampling between the chains and a Gaussian fitted at the mode. Noised densities and scores
    are then quasi-Monte Carlo integrals against a Gaussian fitted to each posterior; their
    errors are `log_prob_error` and `score_error`. Work for one point: about `400 + 4 n` evaluations
    of `log_density`, with `n = n_points` between 128 and 2048, and five of its Hessian.

    Args:
        log_density: function of one point `(d,)` that returns a scalar, finite and twice
            differentiable on all of `R^d`. Functions whose parameters are the leaves of an
            `equinox.Module` share their compiled code.
        concavity: `alpha > 0` with `-Hess log_density >= alpha I` everywhere.
        dim: dimension `d`.
        seed: seed of chains and integration points; the same seed gives the same results bit for bit.
        draws: draws of each chain, at least 100.
        chains: number of chains, at least 2.
        start: where the search for the mode starts, `(d,)`; the origin when `None`. The density
            must be finite there.

    Raises:
        ImportError: blackjax is not installed.
        TypeError: `log_density` is not a function, or JAX cannot trace it.
        ValueError: an argument out of range, a density that is not finite at `start` or does not
            return a scalar, no mode, or less curvature than claimed (the message names the point).
        SamplingError: the chains did not converge.
    """

    log_density: Any
    alpha: float = eqx.field(static=True)
    facts: Facts
    rule: Rule
    blocks: int = eqx.field(static=True)
    prior: Fit
    whitened: Array
    bank: Array
    mean_offset: Array
    spread: Array
    diagnostics: Diagnostics = eqx.field(static=True)
    rounding: float = eqx.field(static=True)

    def __init__(
        self,
        log_density: Callable,
        concavity: float,
        dim: int,
        *,
        seed: int = 0,
        draws: int = 1000,
        chains: int = 8,
        start: Any = None,
    ):
        self.alpha = check_concavity(concavity)
        check_count("dim", dim)
        check_count("draws", draws, 100)
        check_count("chains", chains, 2)
        check_count("seed", seed, 0)
        if not callable(log_density):
            raise TypeError(f"log_density must be a function of one point, not {log_density!r}")
        self.log_density = log_density if isinstance(log_density, eqx.Module) else _Function(log_density)
        first = np.zeros(dim) if start is None else finite_array("start", start, 1)
        if first.shape != (dim,):
            raise ValueError(f"start must have one entry per dimension ({dim}), not shape {first.shape}")
        blackjax()
        check_function(self.log_density, first)
        mode = checked_mode(self.log_density, first, self.alpha)
        found = learn(self.log_density, mode, seed, chains, draws)
        rng = np.random.default_rng(seed)
        own = rng.choice(found.bank.reshape(-1, dim), CHECKED // 2)
        wide = own + rng.normal(size=own.shape) * np.sqrt(np.trace(found.covariance) / dim)
        check_curvature(self.log_density, mode[0] + np.concatenate([own, wide]), self.alpha)
        self.facts, self.rule, self.blocks, self.prior = found.facts, found.rule, found.blocks, found.prior
        self.whitened, self.bank = found.whitened, found.bank
        self.mean_offset, self.spread = found.mean, found.covariance
        self.diagnostics = found.diagnostics
        self.rounding = self._rounding()
        self._warn()

    # ---- facts ------------------------------------------------------------------------------

    @property
    def dim(self) -> int:
        """Dimension `d`."""
        return self.facts.centre.shape[0]

    @property
    def mode(self) -> np.ndarray:
        """The point of highest density, `(d,)` in float64."""
        return np.asarray(self.facts.centre)

    @property
    def mean(self) -> np.ndarray:
        """Mean, estimated, `(d,)` in float64."""
        return self.mode + np.asarray(self.mean_offset)

    @property
    def estimated(self) -> bool:
        """True: mean and log-densities are estimates."""
        return True

    @property
    def mean_error(self) -> float:
        """95 % radius of the error of `mean`, from the chains' effective sample size."""
        # The largest variance for all directions: the radius of a ball, not of an ellipsoid.
        scatter = self.variance_range[1] / min(self.diagnostics.effective_size, self.bank[..., 0].size)
        return float(np.sqrt(chdtri(self.dim, 0.05) * scatter))

    @property
    def covariance(self) -> np.ndarray:
        """Covariance, estimated, `(d, d)` in float64."""
        return np.asarray(self.spread)

    @property
    def concavity(self) -> float:
        """The `alpha` that was claimed, and checked at sampled points."""
        return self.alpha

    @property
    def variance_range(self) -> tuple[float, float]:
        """The smallest and largest variance in any direction, estimated; at most `1 / alpha`."""
        values = np.linalg.eigvalsh(self.covariance)
        return min(float(values[0]), 1.0 / self.alpha), min(float(values[-1]), 1.0 / self.alpha)

    @property
    def draws(self) -> np.ndarray:
        """The chains' draws, `(chains, draws, d)` in float64."""
        return self.mode + np.asarray(self.bank)

    @property
    def log_normaliser(self) -> float:
        """`ln int exp(log_density)`, estimated; its standard error is `log_normaliser_error`."""
        return float(self.facts.level + self.rule.log_z)

    @property
    def log_normaliser_error(self) -> float:
        """Standard error of `log_normaliser`."""
        return float(self.rule.log_z_error)

    @property
    def n_points(self) -> int:
        """Integration points for one noised density."""
        return self.blocks * REPLICATES * BLOCK

    # ---- densities --------------------------------------------------------------------------

    def log_prob(self, x, t: float | jax.Array = 0.0) -> jax.Array:
        """Return `ln p_t(x)`, shape `(...)` for points of shape `(..., d)`; OU time `t >= 0`.

        Raises:
            ValueError: the last axis of `x` is not `d`, or `t` is negative, not finite or not one number.
        """
        return self._estimate(ratio_features, x, t)[0]

    def log_prob_with_error(self, x, t: float | jax.Array = 0.0) -> tuple[jax.Array, jax.Array]:
        """Return `ln p_t(x)` and the 95 % half width of each estimate, shape `(...)` both."""
        value, error = self._estimate(ratio_features, x, t)
        return value, STUDENT * error + self.rounding

    def score(self, x, t: float | jax.Array = 0.0) -> jax.Array:
        """Return `grad ln p_t(x)`, same shape as `x`."""
        return self._estimate(slope_features, x, t)[0]

    def log_prob_error(self, t: float = 0.0) -> float:
        """Return the 95 % half width of `log_prob` at points that `p_t` draws (root mean square of 64)."""
        _, error = self._estimate(ratio_features, self._typical(t), t, centred=True)
        return STUDENT * float(np.sqrt(np.mean(np.square(np.asarray(error, np.float64))))) + self.rounding

    def score_error(self, t: float = 0.0) -> float:
        """Return the 95 % half width of an entry of `score` at points that `p_t` draws (root mean square)."""
        _, error = self._estimate(slope_features, self._typical(t), t, centred=True)
        return STUDENT * float(np.sqrt(np.mean(np.square(np.asarray(error, np.float64)))))

    # ---- draws ------------------------------------------------------------------------------

    def sample(self, key, n: int) -> jax.Array:
        """Draw `n` points before noise, `(n, d)`; the same key gives the same points.

        Each is a draw of the chains, picked at random, moved on by `diagnostics.lag` transitions of
        its own: points that began at the same place are correlated by less than 0.05.
        """
        return to_device(self.mode + self._offsets(key, n))

    def sample_offsets(self, key, n: int) -> np.ndarray:
        """Draw `n` points before noise, less the mean, `(n, d)` in float64: a far component keeps its digits."""
        return self._offsets(key, n) - np.asarray(self.mean_offset)

    def denoise(self, key, y, t: float) -> jax.Array:
        """Draw `X ~ P(X | Y_t = y)`, one for each row of `y` `(n, d)`.

        A point picked by its weight among normal ones of the posterior's fit is moved on by
        `diagnostics.lag` NUTS transitions that leave the posterior invariant.
        """
        points, time = check_points(y, self.dim, "y"), check_time(t)
        if points.ndim != 2:
            raise ValueError(f"y must have 2 axes, (n, {self.dim}), not shape {points.shape}")
        a, s = float(signal(time)), float(np.sqrt(noise_variance(time)))
        root, size = as_key(key), self._batch(len(points))

        def draw(number: int, rows):
            mine, own = root, number
            if has_row_keys(root):  # a row's key is its own in whatever batch it comes
                mine, own = pad_rows(root[number * size : (number + 1) * size], size), 0
            found = fits(self.log_density, self.facts, rows, np.float64(a), np.float64(s))
            first, second = (keys_of_batch(mine, np.uint32(2 * own + k), size) for k in (0, 1))
            start = pick(self.log_density, self.facts, found, first)
            return walk(self.log_density, self.facts, found, second, start, *self._moves)

        gaps = np.asarray(points, np.float64) - a * self.mode
        return to_device(self.mode + self._in_batches(draw, gaps))

    # ---- inside -----------------------------------------------------------------------------

    def _offsets(self, key, n: int) -> np.ndarray:
        """Draw `n` points less the mode."""
        check_count("n", n)
        root = as_key(key)
        rng = np.random.default_rng(np.asarray(jax.random.key_data(root)))
        starts = rng.choice(np.asarray(self.whitened).reshape(-1, self.dim), n)

        def draw(number: int, rows):
            prior = jax.tree.map(lambda leaf: np.broadcast_to(leaf, (len(rows), *np.shape(leaf))), self.prior)
            keys = keys_of_batch(root, np.uint32(number), len(rows))
            return walk(self.log_density, self.facts, prior, keys, rows, *self._moves)

        return self._in_batches(draw, starts)

    def _in_batches(self, function, rows: np.ndarray) -> Any:
        """Apply `function(number, rows)` to batches of few shapes; rows in and out."""
        size = self._batch(len(rows))
        parts = []
        for number, low in enumerate(range(0, len(rows), size)):
            part = rows[low : low + size]
            found = function(number, np.resize(part, (size, self.dim)))
            parts.append(jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), found))
        return jax.tree.map(lambda *leaves: np.concatenate(leaves)[: len(rows)], *parts)

    def _estimate(self, features, x, t, centred: bool = False):
        points = check_points(x, self.dim)
        if any(isinstance(part, Tracer) for part in (points, t, self.facts.centre)):
            return self._traced(features, points, t)
        time = check_time(t)
        a, s = np.float64(signal(time)), np.float64(np.sqrt(noise_variance(time)))
        gaps = np.asarray(points, np.float64) - (0.0 if centred else a * self.mode)
        flat = gaps.reshape(-1, self.dim)
        if not len(flat):
            empty = np.zeros(gaps.shape[:-1] if features is ratio_features else gaps.shape)
            return to_device(empty), to_device(empty)

        finish = log_prob_of if features is ratio_features else score_of
        count = self.blocks * BLOCK

        def run(_, rows):
            found = fits(self.log_density, self.facts, rows, a, s)
            parts = _sums(features, self.log_density, self.facts, found, self.rule, np.int32(self.blocks))
            found, parts = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), (found, parts))
            return finish(found, parts, self.rule, count, np)

        found = self._in_batches(run, flat)
        return jax.tree.map(lambda leaf: to_device(leaf.reshape(gaps.shape[:-1] + leaf.shape[1:])), found)

    def _traced(self, features, points, t):
        """Evaluate inside the caller's compiled code, in the caller's precision."""
        time = jnp.asarray(t, working_dtype())
        a, s = jnp.exp(-time), jnp.sqrt(-jnp.expm1(-2.0 * time))
        flat = jnp.reshape(points, (-1, self.dim)) - a * jnp.asarray(self.facts.centre)
        facts, rule = jax.tree.map(jnp.asarray, (self.facts, self.rule))
        finish = log_prob_of if features is ratio_features else score_of

        def one(y):
            found = fit(self.log_density, facts, y, a, s)
            return finish(
                found, sums(features, self.log_density, facts, found, rule, self.blocks), rule, self.blocks * BLOCK
            )

        found = jax.lax.map(one, flat, batch_size=self._batch(len(flat)))
        return jax.tree.map(lambda leaf: jnp.reshape(leaf, points.shape[:-1] + leaf.shape[1:]), found)

    def _batch(self, rows: int) -> int:
        """Return how many rows are handled at once: 64 of few rows, else a power of two that fits the memory."""
        most = 1 << int(np.log2(np.clip(_CELLS / (REPLICATES * BLOCK * self.dim), 16, 1024)))
        return min(ROWS, most) if rows <= ROWS else most

    @property
    def _moves(self) -> tuple[np.ndarray, np.ndarray]:
        """Step and number of transitions, as arrays: numbers would be compiled in."""
        return np.asarray(self.diagnostics.step), np.asarray(self.diagnostics.lag, np.int32)

    def _typical(self, t) -> np.ndarray:
        """Return 64 points that `p_t` draws, less the mode of the signal."""
        time = check_time(t)
        rng = np.random.default_rng(64)
        clean = rng.choice(np.asarray(self.bank).reshape(-1, self.dim), 64)
        return np.asarray(signal(time) * clean + np.sqrt(noise_variance(time)) * rng.normal(size=clean.shape))

    def _rounding(self) -> float:
        """Return by how much log-densities scatter around smooth curves near 16 draws: their rounding error."""
        steps = 1.0 + 1e-3 * np.arange(-6.0, 7.0)
        rows = (self._typical(0.0)[:16, None, :] * steps[:, None]).reshape(-1, self.dim)
        values = levels(self.log_density, self.facts, rows).reshape(-1, len(steps))
        curve = np.vander(1e3 * (steps - 1.0), 4)
        rest = values.T - curve @ np.linalg.lstsq(curve, values.T, rcond=None)[0]
        return float(2.0 * np.sqrt(np.mean(rest**2)))

    def _warn(self) -> None:
        if self.diagnostics.divergences > 0.01 * self.bank[..., 0].size or self.diagnostics.r_hat > 1.02:
            warnings.warn(f"the chains mixed poorly: {self.diagnostics}", SamplingWarning, stacklevel=3)
        if self.rounding > _ROUNDING:
            warnings.warn(
                f"log_density loses digits in {working_dtype()}: its values scatter by {self.rounding:.2g}; make and "
                "use the Potential under jax.enable_x64(True), or write it in coordinates around its mode",
                SamplingWarning,
                stacklevel=3,
            )
        if self.log_normaliser_error > 0.1:
            warnings.warn(
                f"the normaliser is known to {self.log_normaliser_error:.2g} (standard error of its logarithm) only; "
                "log_prob_error says how well noised densities are",
                SamplingWarning,
                stacklevel=3,
            )

    def __repr__(self) -> str:
        return f"Potential({self.dim} dimensions, {self.alpha:g}-strongly log-concave)"


@eqx.filter_jit
def _sums(features, log_density, facts: Facts, found: Fit, rule: Rule, blocks):
    return jax.vmap(lambda one: sums(features, log_density, facts, one, rule, blocks))(found)
