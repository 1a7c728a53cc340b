"""The probability-flow ODE `dU = (U + grad ln q) du` as diffrax terms."""

import diffrax
import jax

from ._process import ReverseProcess

SOLVER = diffrax.Tsit5()
"""Order 5, six scores a step, with an error estimate."""

TOLERANCE = 1e-4
"""Largest error of a step, in standard deviations of the narrowest component."""


def drift(u, x: jax.Array, args: tuple[ReverseProcess, jax.Array]) -> jax.Array:
    """Return `U + grad ln q` at reverse time `u`; `args` are the process and `tau` at the start."""
    process, end = args
    return x + process.score(end - u, x)


def terms(solver: diffrax.AbstractSolver, keys: jax.Array, dim: int) -> diffrax.ODETerm:
    """Return the term; there is no noise, so keys are not used."""
    del solver, keys, dim
    return diffrax.ODETerm(drift)
