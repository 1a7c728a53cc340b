"""The reverse SDE `dU = (U + 2 grad ln q) du + sqrt(2) dB` as diffrax terms."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp

from ._process import ReverseProcess

SOLVER = diffrax.ShARK()
"""Strong order 1.5 for additive noise, two scores a step, with an error estimate."""

TOLERANCE = 0.05
"""Largest error of a step, in standard deviations of the narrowest component."""


def drift(u, x: jax.Array, args: tuple[ReverseProcess, jax.Array]) -> jax.Array:
    """Return `U + 2 grad ln q` at reverse time `u`; `args` are the process and `tau` at the start."""
    process, end = args
    return x + 2.0 * process.score(end - u, x)


class _ScaledNoise(diffrax.ControlTerm):
    """`sqrt(2) dB`: the same number for every coordinate, so no matrix is formed."""

    def prod(self, vf, control):
        return jax.tree.map(lambda increment: vf * increment, control)


class RowPaths(diffrax.AbstractBrownianPath):
    """One Brownian path per row, `(n, d)`, each with a key of its own.

    A row's path is the same whatever rows it is computed with: results do not depend on how
    samples are cut into chunks or spread over devices. For fixed steps only.
    """

    keys: jax.Array
    dim: int = eqx.field(static=True)
    levy_area: type = eqx.field(static=True)

    @property
    def t0(self):
        """Start of the interval on which the paths are defined."""
        return -jnp.inf

    @property
    def t1(self):
        """End of the interval on which the paths are defined."""
        return jnp.inf

    def evaluate(self, t0, t1=None, left: bool = True, use_levy: bool = False):
        """Return the increments from `t0` to `t1`, with Lévy areas when asked for."""
        dtype = jnp.result_type(float)
        shape = jax.ShapeDtypeStruct((self.dim,), dtype)

        def one(key):
            return diffrax.UnsafeBrownianPath(shape, key, self.levy_area).evaluate(t0, t1, left, use_levy)

        found = jax.vmap(one)(self.keys)
        if use_levy:  # the length of the step is one number, not one per row
            found = eqx.tree_at(lambda levy: levy.dt, found, found.dt[0])
        return found


def _levy_area(solver: diffrax.AbstractSolver) -> type:
    needed = getattr(solver, "minimal_levy_area", diffrax.AbstractBrownianIncrement)
    known = (diffrax.BrownianIncrement, diffrax.SpaceTimeLevyArea, diffrax.SpaceTimeTimeLevyArea)
    return next(kind for kind in known if issubclass(kind, needed))


def _with_noise(path) -> diffrax.MultiTerm:
    noise = _ScaledNoise(lambda u, x, args: jnp.sqrt(jnp.asarray(2.0, x.dtype)), path)
    return diffrax.MultiTerm(diffrax.ODETerm(drift), noise)


def terms(solver: diffrax.AbstractSolver, keys: jax.Array, dim: int) -> diffrax.MultiTerm:
    """Return the terms for fixed steps, with one key per row."""
    return _with_noise(RowPaths(keys=keys, dim=dim, levy_area=_levy_area(solver)))


def adaptive_terms(solver: diffrax.AbstractSolver, key: jax.Array, shape: tuple[int, int], end) -> diffrax.MultiTerm:
    """Return the terms for adaptive steps, which need a path that can be asked again on a shorter step."""
    tree = diffrax.VirtualBrownianTree(0.0, end, 1e-4 * end, shape, key, _levy_area(solver))
    return _with_noise(tree)
