"""How the benchmarks of the engine take the time, and the dense pass that trees are compared with."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp

from critwin_widgets.engine import GaussianMixture
from critwin_widgets.theory import MixtureTree


def median(call: Callable[[], object], repeats: int = 5) -> float:
    """The median seconds of a call that has been made once before: the first compiles."""
    call()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def dense_pass(mixture: GaussianMixture, tree: MixtureTree) -> Callable[[], object]:
    """A function that evaluates all components in all dimensions at every draw and time of a tree."""
    base = jnp.asarray(mixture.sample(0, tree.n * mixture.n_components))
    noise = jax.random.normal(jax.random.key(1), base.shape)
    times = jnp.asarray(tree.times)

    @eqx.filter_jit
    def every(mixture, base, noise, times):
        def one(t):
            points = jnp.exp(-t) * base + jnp.sqrt(-jnp.expm1(-2 * t)) * noise
            return mixture.at(t).log_prob_components(points)

        return jax.lax.map(one, times)

    return lambda: every(mixture, base, noise, times).block_until_ready()
