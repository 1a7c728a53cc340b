"""Draws from one-dimensional posteriors `X | Y_t = y` by inverse distribution functions, in JAX.

In standard deviations of the factor the posterior's log-density is `q(x) - p x^2 / 2 + b x` with the
factor's own `q` from its table. It is log-concave, so bisection finds its mode and Newton's steps
from outside its ends; in between, its distribution function is the integral of cubic Hermite pieces.
"""

import functools

import jax
import jax.numpy as jnp

from ._tables import evaluate

_DROP = 25.0
"""Nats below the peak at which a posterior is cut."""

_CELLS = 64
"""Cells on each side of the mode."""

_AT_ONCE = 4_000_000
"""Values of densities held in memory at a time."""


@functools.partial(jax.jit, static_argnames="batch")
def _draw_batched(arrays, facts, keys, place, pull, batch: int):
    return jax.lax.map(lambda row: _draw(arrays, facts, *row), (keys, place, pull), batch_size=batch)


def draw_posteriors(arrays, facts, key, place, pull) -> jax.Array:
    """Draw from the posterior of every row and coordinate, `(n, d)`, in standard deviations.

    Args:
        arrays: tables of the factors before noise, as `evaluate` takes them.
        facts: `(5, d)`: mode, concavity, lower and upper end of the support, and precision `p`, all in
            standard deviations of the factor.
        key: `jax.random` key.
        place: `y / a` less the mean, in standard deviations, `(n, d)`.
        pull: `b = p * place`, `(n, d)`, finite however weak the signal is.
    """
    rows, dim = place.shape
    keys = jax.random.split(key, rows)
    batch = max(1, min(rows, _AT_ONCE // (2 * _CELLS * dim)))
    return _draw_batched(arrays, facts, keys, jnp.asarray(place), jnp.asarray(pull), batch)


def _draw(arrays, facts, key, place, pull):
    mode, concavity, low, high, precision = facts
    curved = concavity + precision

    def rise(x):
        return evaluate(arrays, x)[1] - jnp.where(precision > 1, precision * (x - place), precision * x - pull)

    # |peak - mode| <= |slope at the mode| / curvature.
    start = rise(mode)
    near, far = mode, jnp.clip(mode + 1.01 * start / curved, low, high)

    def halve(_, ends):
        near, far = ends
        middle = (near + far) / 2
        on = (rise(middle) > 0) == (start > 0)
        return jnp.where(on, middle, near), jnp.where(on, far, middle)

    near, far = jax.lax.fori_loop(0, 30, halve, (near, far))
    peak = jnp.clip((near + far) / 2, low, high)
    top = evaluate(arrays, peak)[0]
    tilt = jnp.where(precision > 1, precision * (peak - place), precision * peak - pull)

    def height(step):
        """Return the log-density less that at the peak, and its slope, a step away from it."""
        value, slope = evaluate(arrays, jnp.clip(peak + step, low, high))
        return value - top - tilt * step - 0.5 * precision * step**2, slope - tilt - precision * step

    def cut(side):
        reach = jnp.minimum(jnp.sqrt(2 * _DROP / curved), jnp.where(side > 0, high - peak, peak - low))
        for _ in range(5):
            value, slope = height(side * reach)
            steep = -side * slope
            beyond = (value < -_DROP) & (steep > 0)
            reach = reach - jnp.where(beyond, (-_DROP - value) / jnp.where(steep > 0, steep, 1.0), 0.0)
        return jnp.maximum(reach, 0.0)

    left, right = cut(-1.0), cut(1.0)
    share = jnp.linspace(0.0, 1.0, _CELLS + 1)[:, None]
    steps = jnp.concatenate([-left * (1 - share), right * share[1:]])
    value, slope = height(steps)
    density = jnp.exp(value)
    slope = density * slope
    width = jnp.diff(steps, axis=0)
    mass = width * (density[:-1] + density[1:]) / 2 + width**2 * (slope[:-1] - slope[1:]) / 12
    below = jnp.cumsum(jnp.maximum(mass, 0.0), axis=0)
    goal = jax.random.uniform(key, peak.shape) * below[-1]
    cell = jnp.minimum(jnp.sum(below < goal, axis=0), 2 * _CELLS - 1)

    def at(array, shift=0):
        return jnp.take_along_axis(array, (cell + shift)[None], axis=0)[0]

    rest = goal - jnp.where(cell > 0, at(jnp.pad(below, ((1, 0), (0, 0)))), 0.0)
    h, f0, f1, s0, s1 = at(width), at(density), at(density, 1), at(slope) * at(width), at(slope, 1) * at(width)
    # The integral of the cubic Hermite density over a share x of the cell.
    c2, c3 = -3 * f0 + 3 * f1 - 2 * s0 - s1, 2 * f0 - 2 * f1 + s0 + s1

    def bisect(_, ends):
        lower, upper = ends
        x = (lower + upper) / 2
        short = h * x * (f0 + x * (s0 / 2 + x * (c2 / 3 + x * c3 / 4))) < rest
        return jnp.where(short, x, lower), jnp.where(short, upper, x)

    lower, upper = jax.lax.fori_loop(0, 20, bisect, (jnp.zeros_like(rest), jnp.ones_like(rest)))
    return jnp.clip(peak + at(steps) + h * (lower + upper) / 2, low, high)
