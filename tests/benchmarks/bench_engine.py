"""The engine against its own dense floor: trees from scratch, and one pass of log-densities."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp

from critwin_widgets.adapters import datasets
from critwin_widgets.engine import GaussianMixture
from critwin_widgets.theory import MixtureTree, mixture_tree
from tests.benchmarks.rows import Row


def run() -> list[Row]:
    """Times each tree against a dense `log_prob` pass over as many noised samples as it draws."""
    cases = {
        "digits, 10 components": datasets.digits(),
        "digits, 30 components": datasets.digits(styles=3),
    }
    rows = []
    for name, data in cases.items():
        mixture = data.mixture()
        tree = mixture_tree(mixture, 0.1)
        scratch = _median(lambda m=mixture: mixture_tree(_again(m), 0.1, seed=1))
        dense = _median(_dense_pass(mixture, tree))
        peer = f"one dense log_prob pass, {1e3 * dense:.0f} ms"
        rows.append(Row(f"tree from scratch, {name}", 1e3 * scratch, "ms", peer, scratch / dense, 10.0))
        moved = _median(lambda t=tree: t.at_eps(0.2).nodes)
        rows.append(Row(f"another eps, {name}", 1e3 * moved, "ms", "the tree from scratch", moved / scratch))
    return rows


def _again(mixture: GaussianMixture) -> GaussianMixture:
    """Build the mixture anew, its eigendecomposition included."""
    return GaussianMixture(
        mixture.means, mixture.covariances, mixture.weights, mixture.covariance_type, mixture.labels, mixture.features
    )


def _dense_pass(mixture: GaussianMixture, tree: MixtureTree) -> Callable[[], object]:
    """Return a function that evaluates `log_prob` in all dimensions at every draw and time of a tree."""
    base = jnp.asarray(mixture.sample(0, tree.n * mixture.n_components))
    noise = jax.random.normal(jax.random.key(1), base.shape)
    times = jnp.asarray(tree.times)

    @eqx.filter_jit
    def every(mixture, base, noise, times):
        def one(t):
            points = jnp.exp(-t) * base + jnp.sqrt(-jnp.expm1(-2 * t)) * noise
            return mixture.at(t).log_prob(points)

        return jax.lax.map(one, times)

    return lambda: every(mixture, base, noise, times).block_until_ready()


def _median(call: Callable[[], object], repeats: int = 5) -> float:
    call()  # the first call compiles
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)
