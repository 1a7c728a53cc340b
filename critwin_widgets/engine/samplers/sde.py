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
    samples are cut into chunks or spread over devices. Every interval has numbers of its own, as
    steps that are never rejected need; a pilot may reject some, since its samples are thrown away.
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
        """Return the increments from `t0` to `t1`, `(n, d)`, with Lévy areas when asked for."""
        del left
        if t1 is None:
            t0, t1 = jnp.zeros_like(t0), t0
        with jax.disable_jit(False):  # a host that steps with compilation off has it on here
            return self._increments(t0, t1, use_levy)

    @eqx.filter_jit
    def _increments(self, t0, t1, use_levy: bool):
        dtype = jnp.result_type(float)
        dt = jnp.asarray(t1 - t0, dtype)
        # The end of a step numbers its draws.
        number = jax.lax.bitcast_convert_type(jnp.asarray(t1, jnp.float32), jnp.uint32)
        parts = _PARTS[self.levy_area] if use_levy else _PARTS[diffrax.BrownianIncrement]
        shape = (len(parts), self.dim)
        draws = jax.vmap(lambda key: jax.random.normal(jax.random.fold_in(key, number), shape, dtype))(self.keys)
        scaled = {name: jnp.sqrt(dt / over) * draws[:, place] for place, (name, over) in enumerate(parts.items())}
        return self.levy_area(dt=dt, **scaled) if use_levy else scaled["W"]


_PARTS = {
    diffrax.BrownianIncrement: {"W": 1},
    diffrax.SpaceTimeLevyArea: {"W": 1, "H": 12},
    diffrax.SpaceTimeTimeLevyArea: {"W": 1, "H": 12, "K": 720},
}
"""What each kind of increment holds, and by how much its variance falls short of the step's length."""


def _levy_area(solver: diffrax.AbstractSolver) -> type:
    needed = getattr(solver, "minimal_levy_area", diffrax.AbstractBrownianIncrement)
    return next(kind for kind in _PARTS if issubclass(kind, needed))


def terms(solver: diffrax.AbstractSolver, keys: jax.Array, dim: int) -> diffrax.MultiTerm:
    """Return the terms of drift and noise, with one key per row."""
    paths = RowPaths(keys=keys, dim=dim, levy_area=_levy_area(solver))
    noise = _ScaledNoise(lambda u, x, args: jnp.sqrt(jnp.asarray(2.0, x.dtype)), paths)
    return diffrax.MultiTerm(diffrax.ODETerm(drift), noise)
