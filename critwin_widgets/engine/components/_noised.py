"""The noised laws of an unnormalised log-concave density: one importance-sampling estimator for all times.

With `x = b + s e` and `r = (y - a b) / s` the noised density is

    p_t(y) = (2 pi)^{-d/2} Z^{-1} int exp(l(b + s e) - |r - a e|^2 / 2) de,

which has no singularity at any time when the base `b` is `y / a` (then `r = 0`) while noise is
small, and the mode of the density once it is large: at `t = 0` it is the density itself. The
integrand is strongly log-concave in `e`. It is integrated against a Gaussian at its mode, whose
centre and axes are corrected by the moments of a first small set of points and whose tails are made
heavier where the density's are, over a fixed set of randomised quasi-Monte Carlo points that is the
same for every `y` and `t`: the estimate is smooth in both. As `t` grows the integrand becomes that
of the normaliser `Z`, so the weights of `Z` at the same points, whose mean is known better, serve as
a control variate. (Derived here.)
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import cho_solve, solve_triangular

from .._types import Array

PILOTS = 64
"""Points that correct the Gaussian at the mode."""

REPLICATES = 8
"""Independent randomisations, from whose scatter the error is found."""

STUDENT = 2.3646
"""97.5 % quantile of Student's law with `REPLICATES - 1` degrees of freedom."""


class Facts(eqx.Module):
    """What the estimator knows of a density, in coordinates less its mode.

    `hessian` is `-Hess l` at the mode, `log_z` the logarithm of `int exp(l - l(mode))`, with its
    standard error; `points` `(R, m, d)` and `pilots` `(n, d)` are standard normal, and `ratios`
    `(R, m)` are the weights of the normaliser at `points`, less their known mean, 1; `bend` says how
    much heavier than a Gaussian's the tails of the proposal for the normaliser are.
    """

    centre: Array
    level: Array
    hessian: Array
    log_z: Array
    log_z_error: Array
    pilots: Array
    points: Array
    ratios: Array
    bend: Array


class Fit(eqx.Module):
    """The integrand at one `(y, t)` and the proposal fitted to it, `e = mode + L^{-T} (shift + scale warp(z))`."""

    base: Array
    residual: Array
    a: Array
    s: Array
    mode: Array
    curvature: Array
    root: Array
    shift: Array
    scale: Array
    bend: Array

    def place(self, u):
        """Return `e` for whitened `u` `(..., d)`."""
        moved = jnp.reshape(self.shift + self.scale * u, (-1, u.shape[-1]))
        return self.mode + jnp.reshape(solve_triangular(self.root.T, moved.T, lower=False).T, u.shape)

    def exponent(self, log_density, facts: Facts, e):
        """Return `l(b + s e) - l(mode) - |r - a e|^2 / 2` at one `e` `(d,)`."""
        value = log_density(facts.centre + self.base + self.s * e) - facts.level
        return value - 0.5 * jnp.sum((self.residual - self.a * e) ** 2)

    @property
    def log_volume(self):
        """Log-determinant of the map from `u` to `e`."""
        return jnp.sum(jnp.log(self.scale)) - jnp.sum(jnp.log(jnp.diagonal(self.root)))


def climb(value, start, tolerance: float, most: int):
    """Return the maximiser of a strongly concave function and the last Newton decrement.

    Newton's method; the step is the best of the halvings of the full one, all tried at once. It
    stops when the decrement (the distance to the mode in standard deviations) is below `tolerance`.
    """
    halvings = 2.0 ** -jnp.arange(12.0, dtype=start.dtype)

    def step(state):
        x, best, count, _, _ = state
        gradient, hessian = jax.grad(value)(x), -jax.hessian(value)(x)
        root = jnp.linalg.cholesky(hessian)
        move = cho_solve((root, True), gradient)
        decrement = jnp.sqrt(jnp.sum(move * gradient))
        tried = x + halvings[:, None] * move
        values = jax.vmap(value)(tried)
        values = jnp.where(jnp.isnan(values), -jnp.inf, values)
        index = jnp.argmax(values)
        better = values[index] > best
        moved = jnp.where(better, tried[index], x)
        # Without a better point the rest is rounding.
        return moved, jnp.where(better, values[index], best), count + 1, decrement, better

    def going(state):
        _, _, count, decrement, better = state
        return (count < most) & better & ~(decrement < tolerance)

    first = (start, value(start), 0, jnp.asarray(jnp.inf, start.dtype), jnp.asarray(True))
    x, _, _, decrement, _ = jax.lax.while_loop(going, step, first)
    return x, decrement


def split(facts: Facts, y, a, s):
    """Return the base `b` and the residual `(y - a b) / s`: `y / a` and 0 while noise is small, else 0 and `y / s`."""
    near = a**2 * y.shape[0] > s**2 * jnp.trace(facts.hessian)
    base = jnp.where(near, y / jnp.where(near, a, 1.0), 0.0)
    return base, jnp.where(near, 0.0, y / jnp.where(near, 1.0, s))


def fit(log_density, facts: Facts, y, a, s) -> Fit:
    """Return the Gaussian proposal at one point `y` `(d,)`, relative to the noised mode, with signal `a`, noise `s`."""
    base, residual = split(facts, y, a, s)
    # Derivatives of an estimate are those of its integrand; axes and scales of the proposal are held fixed.
    live = base, residual, a, s
    base, residual, a, s = jax.lax.stop_gradient(live)
    dim = y.shape[0]
    eye, zero, one = jnp.eye(dim, dtype=y.dtype), jnp.zeros(dim, y.dtype), jnp.ones(dim, y.dtype)
    # Tails grow with the posterior's variance, as a share of what it is without data.
    bend = facts.bend * s**2 * jnp.trace(facts.hessian) / (s**2 * jnp.trace(facts.hessian) + a**2 * dim)
    blank = Fit(base, residual, a, s, zero, eye, eye, zero, one, bend)
    # A Gaussian density with the curvature of the mode would have its mode here.
    start = jnp.linalg.solve(s**2 * facts.hessian + a**2 * eye, a * residual - s * (facts.hessian @ base))

    def value(e):
        return blank.exponent(log_density, facts, e)

    mode, _ = climb(value, start, 1e-2, 30)
    curvature = -jax.hessian(log_density)(facts.centre + base + s * mode)
    # The mode's exact place does not matter, a broken factor would: fall back on the prior's curvature.
    root = jnp.linalg.cholesky(s**2 * curvature + a**2 * eye)
    sound = jnp.isfinite(root).all()
    curvature = jnp.where(sound, curvature, facts.hessian)
    root = jnp.where(sound, root, jnp.linalg.cholesky(s**2 * facts.hessian + a**2 * eye))
    found = eqx.tree_at(lambda f: (f.mode, f.curvature, f.root), blank, (mode, curvature, root))
    for _ in range(2):
        found = _corrected(log_density, facts, found)
    # The mode moves with `y` (implicit function theorem), which keeps a Gaussian's derivative exact.
    moving = live[2] * (live[1] - residual) - live[3] * curvature @ (live[0] - base)
    mode = found.mode + cho_solve((found.root, True), moving)
    return eqx.tree_at(lambda f: (f.base, f.residual, f.a, f.s, f.mode), found, (*live, mode))


def _corrected(log_density, facts: Facts, found: Fit) -> Fit:
    """Return the fit with centre and axes corrected by the moments of the pilot points."""
    logs, u, _ = log_weights(log_density, facts, found, facts.pilots)
    share = jax.nn.softmax(logs)
    mean = share @ u
    spread = jnp.sqrt((share @ (u - mean) ** 2) / jnp.mean(u**2, 0))
    # Few effective points say little; equal weights change nothing.
    size = 1.0 / jnp.sum(share**2)
    trust = size / (size + 4.0)
    scale = found.scale * jnp.clip(spread, 0.4, 2.5) ** trust
    return eqx.tree_at(lambda f: (f.shift, f.scale), found, (found.shift + found.scale * trust * mean, scale))


def warp(z, bend, xp: Any = jnp):
    """Return `u = sinh(k z) / (k c)`, of variance 1 when `z` is standard normal, and its log-determinant.

    Its tails are heavier than those of any strongly log-concave density, so that weights are bounded;
    `k = bend = 0` is the identity.
    """
    k = xp.where(bend > 0, bend, 1.0)
    unit = xp.sqrt(xp.expm1(2 * k**2) / (2 * k**2))
    u = xp.where(bend > 0, xp.sinh(k * z) / (k * unit), z)
    slope = xp.where(bend > 0, xp.log(xp.cosh(k * z)) - xp.log(unit), 0.0)
    return u, xp.sum(slope, -1)


def unwarp(u, bend: float) -> np.ndarray:
    """Return the `z` of `u`, on the host."""
    unit = np.sqrt(np.expm1(2 * bend**2) / (2 * bend**2)) if bend > 0 else 1.0
    return np.arcsinh(bend * unit * u) / bend if bend > 0 else np.asarray(u)


def log_weights(log_density, facts: Facts, found: Fit, z):
    """Return log-weights of standard normal points `z` `(..., d)`, without the fit's volume, and their `u` and `e`."""
    u, slope = warp(z, found.bend)
    places = found.place(u)
    flat = jnp.reshape(places, (-1, z.shape[-1]))
    values = jax.vmap(lambda e: found.exponent(log_density, facts, e))(flat)
    return jnp.reshape(values, z.shape[:-1]) + 0.5 * jnp.sum(z**2, -1) + slope, u, places


def one_log_prob(log_density, facts: Facts, y, a, s):
    """Return `ln p_t(y)` at one point and the standard error of its estimate."""
    found = fit(log_density, facts, y, a, s)
    logs, _, _ = log_weights(log_density, facts, found, facts.points)
    top = jnp.max(logs)
    weights = jnp.exp(logs - top)
    mean = jnp.mean(weights)
    relative = weights / mean
    # The control variate; its coefficient is 0 where weights are equal, 1 as t grows.
    slope = jnp.mean((relative - 1.0) * facts.ratios) / (jnp.mean(facts.ratios**2) + 1e-12)
    replicas = jnp.mean(relative - slope * facts.ratios, axis=-1)
    middle = jnp.mean(replicas)
    # The mean is positive; a control variate that says otherwise is not believed.
    middle = jnp.where(middle > 0.1, middle, 1.0)
    variance = jnp.var(replicas, ddof=1) / REPLICATES / middle**2
    value = found.log_volume + top + jnp.log(mean * middle) - facts.log_z
    return value, jnp.sqrt(variance + ((1.0 - slope) * facts.log_z_error) ** 2)


def one_score(log_density, facts: Facts, y, a, s):
    """Return `grad ln p_t(y)` at one point `(d,)` and the standard errors of its entries.

    With `H` the curvature of `-l` at the posterior mode and `H' = s^2 H + a^2 I`, Tweedie's formula
    plus the right multiple of `E[grad exponent] = 0` is (derived here)

        grad ln p_t(y) = H'^{-1} (a E[grad l(x) + s H e] - s H r),

    regular at all times, and free of variance for a Gaussian.
    """
    found = fit(log_density, facts, y, a, s)
    logs, _, e = log_weights(log_density, facts, found, facts.points)
    weights = jnp.exp(logs - jnp.max(logs))
    flat = jnp.reshape(e, (-1, y.shape[0]))
    gradients = jax.vmap(lambda v: jax.grad(log_density)(facts.centre + found.base + s * v))(flat)
    values = jnp.reshape(gradients, e.shape) + s * e @ found.curvature
    totals = jnp.sum(weights, -1)
    each = jnp.einsum("rm,rmd->rd", weights, values)
    mean = jnp.sum(each, 0) / jnp.sum(totals)
    each = (each - totals[:, None] * mean) / jnp.mean(totals)
    factor = (found.root, True)
    value = cho_solve(factor, a * mean - s * found.curvature @ found.residual)
    moved = a * cho_solve(factor, each.T).T
    return value, jnp.std(moved, axis=0, ddof=1) / np.sqrt(REPLICATES)
