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

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import cho_solve, solve_triangular

from .._types import Array

PILOTS = 64
"""Points that correct the Gaussian at the mode."""

BLOCK = 16
"""Points per randomisation that are summed at once."""

REPLICATES = 8
"""Independent randomisations, from whose scatter the error is found."""

STUDENT = 2.3646
"""97.5 % quantile of Student's law with `REPLICATES - 1` degrees of freedom."""


class Facts(eqx.Module):
    """What fits need to know of a density, in coordinates less its mode.

    `hessian` is `-Hess l` at the mode; `pilots` `(n, d)` are standard normal; `bend` says how much
    heavier than a Gaussian's the tails of the proposal for the normaliser are.
    """

    centre: Array
    level: Array
    hessian: Array
    pilots: Array
    bend: Array


class Rule(eqx.Module):
    """The points of all integrals, and what they are compared with.

    `log_z` is the logarithm of `int exp(l - l(mode))`, with its standard error; `points`
    `(blocks, R, BLOCK, d)` are standard normal, and `ratios` `(blocks, R, BLOCK)` are the weights of
    the normaliser there, less their known mean, 1.
    """

    log_z: Array
    log_z_error: Array
    points: Array
    ratios: Array


class Fit(eqx.Module):
    """The integrand at one `(y, t)` and the proposal fitted to it, `e = mode + axes (shift + scale warp(z))`.

    `curvature` is `-Hess l` at the mode of the integrand, `root` the Cholesky factor L of the
    integrand's, and `axes` is `L^{-T}`.
    """

    base: Array
    residual: Array
    a: Array
    s: Array
    mode: Array
    curvature: Array
    root: Array
    axes: Array
    shift: Array
    scale: Array
    bend: Array

    def place(self, u):
        """Return `e` for whitened `u` `(..., d)`."""
        return self.mode + (self.shift + self.scale * u) @ self.axes.T

    def exponent(self, log_density, facts: Facts, e):
        """Return `l(b + s e) - l(mode) - |r - a e|^2 / 2` at one `e` `(d,)`."""
        value = log_density(facts.centre + self.base + self.s * e) - facts.level
        return value - 0.5 * jnp.sum((self.residual - self.a * e) ** 2)

    def log_volume(self, xp: Any = jnp):
        """Return the log-determinant of the map from `u` to `e`."""
        diagonal = xp.diagonal(self.root, axis1=-2, axis2=-1)
        return xp.sum(xp.log(self.scale), -1) - xp.sum(xp.log(diagonal), -1)


def climb(value, curvature, start, tolerance: float, most: int, add: Callable = lambda hessian: hessian):
    """Return the maximiser of a strongly concave function, the last Newton decrement and the last curvature.

    Newton's method; the step is the best of the halvings of the full one, all tried at once. It
    stops when the decrement (the distance to the mode in standard deviations) is below `tolerance`.

    Args:
        value: the function of `x` `(d,)`.
        curvature: a matrix at `x`; the one returned belongs to the last step's start.
        start: where to start, `(d,)`.
        tolerance: decrement at which to stop.
        most: most steps.
        add: makes the function's negative Hessian of `curvature(x)`.
    """
    halvings = 2.0 ** -jnp.arange(12.0, dtype=start.dtype)

    def step(state):
        x, best, count, _, _, _ = state
        found = curvature(x)
        gradient, root = jax.grad(value)(x), jnp.linalg.cholesky(add(found))
        move = cho_solve((root, True), gradient)
        decrement = jnp.sqrt(jnp.sum(move * gradient))
        tried = x + halvings[:, None] * move
        values = jax.vmap(value)(tried)
        values = jnp.where(jnp.isnan(values), -jnp.inf, values)
        index = jnp.argmax(values)
        better = values[index] > best
        moved = jnp.where(better, tried[index], x)
        # Without a better point the rest is rounding.
        return moved, jnp.where(better, values[index], best), count + 1, decrement, better, found

    def going(state):
        _, _, count, decrement, better, _ = state
        return (count < most) & better & ~(decrement < tolerance)

    nothing = jnp.zeros(start.shape * 2, start.dtype)
    first = (
        start,
        jnp.asarray(-jnp.inf, start.dtype),
        0,
        jnp.asarray(jnp.inf, start.dtype),
        jnp.asarray(True),
        nothing,
    )
    x, _, _, decrement, _, found = jax.lax.while_loop(going, step, first)
    return x, decrement, found


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
    blank = Fit(base, residual, a, s, zero, eye, eye, eye, zero, one, bend)
    # A Gaussian density with the curvature of the mode would have its mode here.
    before = jnp.linalg.cholesky(s**2 * facts.hessian + a**2 * eye)
    start = cho_solve((before, True), a * residual - s * (facts.hessian @ base))

    def value(e):
        return blank.exponent(log_density, facts, e)

    def curvature_at(e):
        return -jax.hessian(log_density)(facts.centre + base + s * e)

    mode, _, curvature = climb(value, curvature_at, start, 1e-2, 30, lambda h: s**2 * h + a**2 * eye)
    # The mode's exact place does not matter, a broken factor would: fall back on the prior's curvature.
    root = jnp.linalg.cholesky(s**2 * curvature + a**2 * eye)
    sound = jnp.isfinite(root).all()
    curvature, root = jnp.where(sound, curvature, facts.hessian), jnp.where(sound, root, before)
    axes = solve_triangular(root, eye, lower=True).T
    found = eqx.tree_at(lambda f: (f.mode, f.curvature, f.root, f.axes), blank, (mode, curvature, root, axes))
    found = jax.lax.fori_loop(0, 2, lambda _, f: _corrected(log_density, facts, f), found)
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
    """Return log-weights of standard normal points `z` `(n, d)`, without the fit's volume, and their `u` and `e`."""
    u, slope = warp(z, found.bend)
    places = found.place(u)
    values = jax.vmap(lambda e: found.exponent(log_density, facts, e))(places)
    return values + 0.5 * jnp.sum(z**2, -1) + slope, u, places


class Sums(NamedTuple):
    """Sums over the points of every replicate, of weights relative to `exp(top)` and of weights times features."""

    top: Any
    weights: Any
    features: Any


def sums(features: Callable, log_density, facts: Facts, found: Fit, rule: Rule, blocks) -> Sums:
    """Return the sums over the first `blocks` blocks of points, of which each has `R BLOCK`.

    Args:
        features: function of `(log_density, facts, found, places, ratios)`, places `(n, d)`, that
            returns `(n, f)`.
        log_density: function of one point `(d,)`.
        facts, found, rule: the density, the fit and the points.
        blocks: how many; a number, or a traced one so that it is not compiled in.
    """
    _, replicates, width, dim = rule.points.shape

    def body(block, so_far: Sums) -> Sums:
        z = jnp.reshape(rule.points[block], (-1, dim))
        logs, _, places = log_weights(log_density, facts, found, z)
        values = features(log_density, facts, found, places, jnp.reshape(rule.ratios[block], (-1,)))
        top = jnp.maximum(so_far.top, jnp.max(logs))
        weights = jnp.reshape(jnp.exp(logs - top), (replicates, width))
        shrink = jnp.exp(so_far.top - top)
        total = so_far.weights * shrink + jnp.sum(weights, 1)
        each = jnp.einsum("rm,rmf->rf", weights, jnp.reshape(values, (replicates, width, -1)))
        return Sums(top, total, so_far.features * shrink + each)

    count = 1 if features is ratio_features else dim
    dtype = found.mode.dtype
    first = Sums(
        jnp.asarray(jnp.finfo(dtype).min, dtype), jnp.zeros(replicates, dtype), jnp.zeros((replicates, count), dtype)
    )
    return jax.lax.fori_loop(0, blocks, body, first)


def ratio_features(log_density, facts: Facts, found: Fit, places, ratios):
    """Return the control variate at the points, `(n, 1)`."""
    return ratios[:, None]


def slope_features(log_density, facts: Facts, found: Fit, places, ratios):
    """Return `grad l + s H e`, whose mean gives the score, at the points, `(n, d)`."""
    gradients = jax.vmap(lambda e: jax.grad(log_density)(facts.centre + found.base + found.s * e))(places)
    return gradients + found.s * places @ found.curvature


def log_prob_of(found: Fit, parts: Sums, rule: Rule, count, xp: Any = jnp):
    """Return `ln p_t(y)` and the standard error of its estimate, of sums over `count` points per replicate.

    Fits and sums may be batched; the result has their batch axes.
    """
    totals = parts.weights, parts.features[..., 0], xp.sum(rule.ratios, (0, 2)), xp.sum(rule.ratios**2, (0, 2))
    whole = [xp.sum(part, -1, keepdims=True) for part in totals]
    # The jackknife: all of the estimate, its control variate's coefficient too, without one replicate at a time.
    rest = [total - part for total, part in zip(whole, totals, strict=True)]
    value, slope = _controlled(*whole, count * REPLICATES, xp)
    parts_of = _controlled(*rest, count * (REPLICATES - 1), xp)[0]
    variance = xp.var(parts_of, -1) * (REPLICATES - 1)
    known = ((1.0 - slope[..., 0]) * rule.log_z_error) ** 2
    return found.log_volume(xp) + parts.top + value[..., 0] - rule.log_z, xp.sqrt(variance + known)


def _controlled(weights, products, ratios, squares, count, xp: Any):
    """Return the logarithm of the mean weight with its control variate, and its coefficient, of sums of `count`."""
    # The coefficient is 0 where weights are equal, 1 as t grows.
    slope = (products / weights * count - ratios) / (squares + 1e-12 * count)
    middle = 1.0 - slope * ratios / count
    # The mean is positive; a control variate that says otherwise is not believed.
    return xp.log(weights / count) + xp.log(xp.where(middle > 0.1, middle, 1.0)), slope


def score_of(found: Fit, parts: Sums, rule: Rule, count, xp: Any = jnp):
    """Return `grad ln p_t(y)` and the standard errors of its entries, of sums over points; batch axes as they are.

    With `H` the curvature of `-l` at the posterior mode and `H' = s^2 H + a^2 I`, Tweedie's formula
    plus the right multiple of `E[grad exponent] = 0` is (derived here)

        grad ln p_t(y) = H'^{-1} (a E[grad l(x) + s H e] - s H r),

    regular at all times, and free of variance for a Gaussian.
    """
    weights, features = parts.weights, parts.features
    mean = xp.sum(features, -2) / xp.sum(weights, -1)[..., None]
    each = (features - weights[..., None] * mean[..., None, :]) / xp.mean(weights, -1)[..., None, None]
    inverse = found.axes @ xp.swapaxes(found.axes, -1, -2)
    a, s = found.a[..., None], found.s[..., None]
    value = xp.einsum(
        "...ij,...j->...i", inverse, a * mean - s * xp.einsum("...ij,...j->...i", found.curvature, found.residual)
    )
    moved = a[..., None] * each @ inverse
    return value, xp.std(moved, -2, ddof=1) / np.sqrt(REPLICATES)
