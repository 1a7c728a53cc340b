"""Draws from one-dimensional posteriors `X | Y_t = y` by inverse distribution functions, in JAX.

In standard deviations of the factor the posterior's log-density is `q(x) - p x^2 / 2 + b x` with the
factor's own `q` from its table. It is log-concave, so bisection finds its mode and Newton's steps
from outside its ends. In between, cells carry an exponential density whose mass is corrected for its
bend, which leaves an error of the fourth order in the width of a cell.
"""

import functools

import jax
import jax.numpy as jnp

from .._row_random import has_row_keys, pad_rows, uniform
from ._tables import evaluate

_DROP = 25.0
"""Nats below the peak at which a posterior is cut."""

_CELLS = 40
"""Cells on each side of the mode."""

_AT_ONCE = 4_000_000
"""Values of densities held in memory at a time."""


def draw_posteriors(arrays, facts, key, place, pull) -> jax.Array:
    """Draw from the posterior of every row and coordinate, `(n, d)`, in standard deviations.

    Args:
        arrays: tables of the factors before noise, as `evaluate` takes them.
        facts: `(7, d)`, in standard deviations of the factor: mode, concavity, both ends of the
            support, both ends of the extent, and precision `p`.
        key: `jax.random` key, or a key for each row, `(n,)`.
        place: `y / a` less the mean, in standard deviations, `(n, d)`.
        pull: `b = p * place`, `(n, d)`, finite however weak the signal is.
    """
    rows, dim = place.shape
    batch = max(1, min(rows, _AT_ONCE // (2 * _CELLS * dim)))
    blocks = -(-rows // batch)
    place, pull = (
        jnp.pad(x, ((0, blocks * batch - rows), (0, 0)), mode="edge").reshape(blocks, batch, dim)
        for x in (jnp.asarray(place), jnp.asarray(pull))
    )
    chosen = _uniforms(pad_rows(key, blocks * batch), blocks, batch, dim)
    return _draw_blocks(arrays, facts, chosen, place, pull).reshape(-1, dim)[:rows]


@functools.partial(jax.jit, static_argnums=(1, 2, 3))
def _uniforms(key, blocks: int, batch: int, dim: int):
    if has_row_keys(key):
        return uniform(key, (blocks * batch, dim)).reshape(blocks, batch, dim)
    return jax.vmap(lambda one: uniform(one, (batch, dim)))(jax.random.split(key, blocks))


@jax.jit
def _draw_blocks(arrays, facts, chosen, place, pull):
    return jax.lax.map(lambda block: _draw(arrays, facts, *block), (chosen, place, pull))


def _draw(arrays, facts, chosen, place, pull):
    mode, concavity, low, high, first, last, precision = facts
    curved = concavity + precision

    def rise(x):
        return evaluate(arrays, x)[1] - jnp.where(precision > 1, precision * (x - place), precision * x - pull)

    # |peak - mode| <= |slope at the mode| / curvature.
    start = rise(mode)
    near = jnp.broadcast_to(mode, start.shape)
    far = jnp.clip(mode + 1.01 * start / curved, low, high)

    def halve(_, ends):
        near, far = ends
        middle = (near + far) / 2
        on = (rise(middle) > 0) == (start > 0)
        return jnp.where(on, middle, near), jnp.where(on, far, middle)

    near, far = jax.lax.fori_loop(0, 22, halve, (near, far))
    peak = jnp.clip((near + far) / 2, low, high)
    top = evaluate(arrays, peak)[0]
    tilt = jnp.where(precision > 1, precision * (peak - place), precision * peak - pull)

    def height(step):
        """Return the log-density less that at the peak, and its slope, a step away from it."""
        value, slope = evaluate(arrays, jnp.clip(peak + step, low, high))
        return value - top - tilt * step - 0.5 * precision * step**2, slope - tilt - precision * step

    def cut(side, end, limit):
        # A density that ends within its extent is not looked for outside; far points draw beyond it.
        inside = side * (end - peak)
        room = jnp.minimum(side * (limit - peak), jnp.where(inside > 0, inside, jnp.inf))
        reach = jnp.minimum(jnp.sqrt(2 * _DROP / curved), room)

        def closer(_, reach):
            value, slope = height(side * reach)
            steep = -side * slope
            beyond = (value < -_DROP) & (steep > 0)
            return reach - jnp.where(beyond, (-_DROP - value) / jnp.where(steep > 0, steep, 1.0), 0.0)

        return jnp.maximum(jax.lax.fori_loop(0, 4, closer, reach), 0.0)

    left, right = cut(-1.0, first, low), cut(1.0, last, high)
    share = jnp.linspace(0.0, 1.0, _CELLS + 1)[:, None, None]
    steps = jnp.concatenate([-left * (1 - share), right * share[1:]])
    value = height(steps)[0]
    width, drop = jnp.diff(steps, axis=0), jnp.diff(value, axis=0)
    # Bends at the nodes; those beside the ends and the mode, where the spacing changes, are their neighbours'.
    bend = drop[1:] - drop[:-1]
    bend = (
        jnp.concatenate([bend[:1], bend[: _CELLS - 1], bend[_CELLS - 2 : _CELLS - 1]]),
        jnp.concatenate([bend[_CELLS : _CELLS + 1], bend[_CELLS:], bend[-1:]]),
    )
    bend = jnp.concatenate([(side[1:] + side[:-1]) / 2 for side in bend])
    mass = width * jnp.exp(value[:-1]) * _growth(drop) * jnp.clip(1.0 - bend / 12, 0.0, 2.0)
    # A product with a triangular matrix: on CPU a tenth of the time of a cumulative sum.
    below = jnp.tensordot(jnp.tril(jnp.ones((2 * _CELLS, 2 * _CELLS), mass.dtype)), mass, 1)
    goal = chosen * below[-1]
    cell = jnp.minimum(jnp.sum(below < goal, axis=0), 2 * _CELLS - 1)
    h, top, bottom, full, least = (
        jnp.take_along_axis(x, cell[None], axis=0)[0] for x in (width, drop, steps, mass, below)
    )
    share = jnp.clip(1.0 - (least - goal) / jnp.where(full > 0, full, 1.0), 0.0, 1.0)
    # Inside a cell the density is exponential.
    steep = jnp.where(jnp.abs(top) > 1e-3, top, 1.0)
    within = jnp.where(jnp.abs(top) > 1e-3, jnp.log1p(share * jnp.expm1(steep)) / steep, share)
    return jnp.clip(peak + bottom + h * within, low, high)


def _growth(drop):
    """Return `(e^x - 1) / x`, the mean of an exponential over a cell."""
    safe = jnp.where(jnp.abs(drop) > 1e-3, drop, 1.0)
    return jnp.where(jnp.abs(drop) > 1e-3, jnp.expm1(safe) / safe, 1.0 + drop / 2)
