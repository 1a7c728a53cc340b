"""Densities and scores beside their own matrix products, automatic differentiation and scikit-learn.

All calls of a comparison run in turn, and the fastest of each counts: what else the machine does then
falls on none of them. Plots of growth go to `build/bench/`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from critwin_widgets.adapters import to_sklearn
from critwin_widgets.engine import GaussianMixture
from tests.benchmarks.rows import Row

FOLDER = Path(__file__).resolve().parents[2] / "build" / "bench"

_POINTS, _COMPONENTS, _DIM = 4096, 256, 256
_FULL = (64, 128)
_PEER_POINTS = 512
"""Points for automatic differentiation, which holds `(B, K, d)` arrays of them."""


def run() -> list[Row]:
    """Scores against floors, differentiation and scikit-learn; then the plots."""
    rows = [_floor(*case) for case in _floors()]
    rows += [_arrays(), *_differentiation(), *_scikit_learn()]
    growth()
    return rows


def make(
    kind: str, count: int = _COMPONENTS, dim: int = _DIM, spread: float = 0.3, clusters: int = 0
) -> GaussianMixture:
    """Return a random mixture; "common" has one variance for all, clusters lie 100 deviations apart."""
    rng = np.random.default_rng(0)
    means = spread * rng.normal(size=(count, dim))
    if clusters:
        means += np.repeat(100.0 * rng.normal(size=(clusters, dim)), -(-count // clusters), axis=0)[:count]
    if kind in ("common", "spherical"):
        return GaussianMixture(means, np.full(count, 0.7) if kind == "common" else rng.uniform(0.5, 1.5, count))
    if kind == "diag":
        return GaussianMixture(means, rng.uniform(0.5, 1.5, (count, dim)), covariance_type=kind)
    root = rng.normal(size=(count if kind == "full" else 1, dim, dim))
    covariances = root @ np.swapaxes(root, 1, 2) / dim + 0.3 * np.eye(dim)
    return GaussianMixture(means, covariances if kind == "full" else covariances[0], covariance_type=kind)


def points(mixture: GaussianMixture, count: int = _POINTS) -> jax.Array:
    """Return draws from the mixture as a float32 array of JAX."""
    return jnp.asarray(mixture.sample(0, count), dtype=jnp.float32)


def fastest(calls: Mapping[str, Callable[[], object]], repeats: int = 15) -> dict[str, float]:
    """Return the shortest time of each call in seconds, the calls taking turns."""
    for call in calls.values():
        jax.block_until_ready(call())
    best = dict.fromkeys(calls, np.inf)
    for _ in range(repeats):
        for name, call in calls.items():
            start = time.perf_counter()
            jax.block_until_ready(call())
            best[name] = min(best[name], time.perf_counter() - start)
    return best


@jax.jit
def _two_products(x, means):
    return (x @ means.T) @ means


@jax.jit
def _diagonal_products(x, means):
    first = x @ means.T + (x * x) @ means.T
    return first @ means + (first @ means) * x


@jax.jit
def _tied_products(x, means, square):
    return (((x @ square) @ means.T) @ means) @ square


@jax.jit
def _full_products(x, squares):
    return jax.lax.scan(lambda total, square: (total + x @ square, None), jnp.zeros_like(x), squares)[0]


def _floors():
    yield "isotropic", make("common"), "its two matrix products", _two_products, 1.5
    yield "spherical, a variance each", make("spherical"), "its two matrix products", _two_products, 1.5
    yield "diagonal", make("diag"), "its four matrix products", _diagonal_products, 2.0
    yield "tied", make("tied"), "its four matrix products", _tied_products, 2.0
    yield "full", make("full", *_FULL), "its K matrix products", _full_products, 2.0
    yield "isotropic, 16 far clusters", make("common", clusters=16), "its two matrix products", _two_products, None


def _floor(name: str, mixture: GaussianMixture, floor: str, products: Callable, limit: float | None) -> Row:
    x = points(mixture)
    means = jnp.asarray(mixture.offsets, dtype=jnp.float32)
    vectors = None if mixture.eigenvectors is None else jnp.asarray(mixture.eigenvectors, dtype=jnp.float32)
    arrays = {"tied": (means, vectors), "full": (vectors,)}.get(mixture.covariance_type, (means,))
    best = fastest({"ours": lambda: mixture.score(x), "floor": lambda: products(x, *arrays)})
    size = f"B={len(x)}, K={mixture.n_components}, d={mixture.dim}"
    peer = f"{floor}, {1e3 * best['floor']:.3g} ms"
    return Row(f"score, {name}, {size}", 1e3 * best["ours"], "ms", peer, best["ours"] / best["floor"], limit)


def _arrays() -> Row:
    """A float32 array of NumPy costs what one of JAX does: nothing is widened on the way."""
    mixture = make("common")
    x = points(mixture)
    host, means = np.asarray(x), jnp.asarray(mixture.offsets, dtype=jnp.float32)
    best = fastest({"ours": lambda: mixture.score(host), "floor": lambda: _two_products(x, means)})
    peer = f"its two matrix products, {1e3 * best['floor']:.3g} ms"
    return Row("score, isotropic, NumPy float32", 1e3 * best["ours"], "ms", peer, best["ours"] / best["floor"], 1.5)


def _differentiation() -> list[Row]:
    """Scores beside compiled automatic differentiation of the mixtures of numpyro and distrax."""
    rows = []
    # Both sides of a full covariance are bound by their matrix products, so nothing is promised there.
    for name, kind, size, limit in (("isotropic", "common", (_COMPONENTS, _DIM), 0.01), ("full", "full", _FULL, None)):
        mixture = make(kind, *size)
        x = points(mixture, _PEER_POINTS)
        calls = {
            "numpyro": _differentiated(_numpyro(mixture), x),
            "distrax": _differentiated(_distrax(mixture), x),
        }
        ours = fastest({"ours": lambda m=mixture, y=x: m.score(y)})["ours"]
        for peer, best in fastest(calls, repeats=3).items():
            # The two differ in nothing but speed.
            np.testing.assert_allclose(calls[peer](), mixture.score(x), rtol=1e-2, atol=1e-2)
            about = f"differentiating {peer}'s mixture, {1e3 * best:.3g} ms"
            title = f"score, {name}, B={len(x)}, K={size[0]}, d={size[1]}"
            rows.append(Row(title, 1e3 * ours, "ms", about, ours / best, limit))
    return rows


def _differentiated(log_prob: Callable, x: jax.Array) -> Callable[[], jax.Array]:
    gradient = jax.jit(jax.vmap(jax.grad(log_prob)))
    return lambda: gradient(x)


def _numpyro(mixture: GaussianMixture) -> Callable:
    import numpyro.distributions as dist

    means, variances = (jnp.asarray(a, dtype=jnp.float32) for a in (mixture.offsets, mixture.covariances))
    if mixture.covariance_type == "full":
        components = dist.MultivariateNormal(means, covariance_matrix=variances)
    else:
        components = dist.Normal(means, jnp.sqrt(variances)[:, None]).to_event(1)
    mixing = dist.Categorical(probs=jnp.asarray(mixture.weights, dtype=jnp.float32))
    return _shifted(dist.MixtureSameFamily(mixing, components).log_prob, mixture)


def _distrax(mixture: GaussianMixture) -> Callable:
    import distrax

    means, variances = (jnp.asarray(a, dtype=jnp.float32) for a in (mixture.offsets, mixture.covariances))
    if mixture.covariance_type == "full":
        components = distrax.MultivariateNormalFullCovariance(means, variances)
    else:
        components = distrax.MultivariateNormalDiag(means, jnp.sqrt(variances)[:, None] * jnp.ones_like(means))
    mixing = distrax.Categorical(probs=jnp.asarray(mixture.weights, dtype=jnp.float32))
    return _shifted(distrax.MixtureSameFamily(mixing, components).log_prob, mixture)


def _shifted(log_prob: Callable, mixture: GaussianMixture) -> Callable:
    centre = jnp.asarray(mixture.centre, dtype=jnp.float32)
    return lambda x: log_prob(x - centre)


def _scikit_learn() -> list[Row]:
    rows = []
    for kind in ("spherical", "diag", "tied", "full"):
        mixture = make(kind, *(_FULL if kind == "full" else (_COMPONENTS, _DIM)))
        x = points(mixture)
        model, host = to_sklearn(mixture), np.asarray(x, dtype=np.float64)
        # One after the other: scikit-learn's threads go on spinning for a while after each of its calls.
        ours = fastest({"ours": lambda m=mixture, y=x: m.log_prob(y)})["ours"]
        theirs = fastest({"theirs": lambda m=model, y=host: m.score_samples(y)}, 9)["theirs"]
        peer = f"scikit-learn's score_samples, {1e3 * theirs:.3g} ms"
        rows.append(Row(f"log_prob, {kind}", 1e3 * ours, "ms", peer, ours / theirs, 1 / 3))
    return rows


def growth(folder: Path = FOLDER) -> Path:
    """Draw the time of a score against B, K and d beside that of its two products; return the file."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    sizes = {"B": (256, 1024, 4096, 16384), "K": (16, 64, 256, 1024), "d": (16, 64, 256, 1024)}
    figure, axes = pyplot.subplots(1, 3, figsize=(12, 3.6), sharey=True, layout="constrained")
    for axis, (letter, values) in zip(axes, sizes.items(), strict=True):
        found = [_grown(**{letter: value}) for value in values]
        axis.loglog(values, [1e3 * one["ours"] for one in found], "o-", label="score, isotropic")
        axis.loglog(values, [1e3 * one["floor"] for one in found], "s--", label="its two matrix products")
        others = {"B": _POINTS, "K": _COMPONENTS, "d": _DIM}
        del others[letter]
        axis.set(xlabel=letter, title=", ".join(f"{name}={value}" for name, value in others.items()))
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("time of a call, ms")
    axes[0].legend()
    path = folder / "score_growth.svg"
    figure.savefig(path)
    pyplot.close(figure)
    return path


def _grown(B: int = _POINTS, K: int = _COMPONENTS, d: int = _DIM) -> dict[str, float]:
    mixture = make("common", K, d)
    x, means = points(mixture, B), jnp.asarray(mixture.offsets, dtype=jnp.float32)
    return fastest({"ours": lambda: mixture.score(x), "floor": lambda: _two_products(x, means)}, 5)
