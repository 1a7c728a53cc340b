"""Densities, posteriors and scores of a Gaussian mixture at rows of points, as compiled functions."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.scipy.special as jsp
import numpy as np

from .._types import Array
from ._pairs import Pair, split
from ._quadratic import Terms, diagonal_terms, full_terms, spherical_terms, whitened_terms

CONDITION_LIMIT = 100.0
"""Condition number up to which precision matrices in float32 keep log-densities within about 1e-4."""


class Law(eqx.Module):
    """A Gaussian mixture prepared for evaluation, one leading axis of `G` groups of `p` components.

    Attributes:
        centre: mean of the mixture, `(d,)`; `None` when points come less it.
        places: centres of the groups less that mean, `(G, d)`; `None` for one group around it.
        whitened: for a tied covariance the same in whitened coordinates.
        deltas: component means less their group's centre, `(G, p, d)`; `None` for full.
        variances: `(G, p)` spherical, `(G, p, d)` diag, `(d,)` tied, `(K, d)` full.
        vectors: eigenvectors of tied and full covariances.
        members: component indices, `(G, p)`, -1 on padding.
        position: place of each component among the flattened members, `(K,)`; `None`: in order.
        well_conditioned: full covariances may be replaced by precision matrices in float32.
    """

    centre: Pair | None
    places: Pair | None
    whitened: Pair | None
    deltas: Array | None
    variances: Array
    vectors: Array | None
    members: Array
    position: Array | None
    covariance_type: str = eqx.field(static=True)
    well_conditioned: bool = eqx.field(static=True)


def law_of(mixture, centred: bool) -> Law:
    """Prepare a mixture, in float64 on the host unless its arrays are traced."""
    kind, offsets, groups = mixture.covariance_type, mixture.offsets, mixture.groups
    values, vectors = mixture.eigenvalues, mixture.eigenvectors
    leaders, members = groups[:, 0], groups[:, 1:]
    traced = isinstance(offsets, jax.Array)
    centre = None if centred else split(mixture.centre)
    places = whitened = position = None
    if kind == "full":
        places, deltas = split(offsets), None
    elif mixture.near:
        deltas = offsets[None]
        values = values if kind == "tied" else values[None]
    else:
        centres = offsets[leaders]
        deltas = offsets[members] - centres[:, None]
        places = split(centres)
        position = (jnp if traced else np).argsort(members.ravel())[-mixture.n_components :]
        if kind == "tied":
            scale = vectors / values**0.5
            whitened = split(centres @ scale)
        else:
            values = values[members]
    return Law(centre, places, whitened, deltas, values, vectors, members, position, kind, mixture.well_conditioned)


@eqx.filter_jit
def log_components(law: Law, points: Pair):
    """Return `ln p^i` of every component, `(B, K)`, at points `(B, d)`."""
    inner, common = _all_terms(law, points, None)
    return inner + common


@eqx.filter_jit
def posterior(law: Law, points: Pair, log_weights):
    """Return `P(component | x)`, `(B, K)`."""
    inner, common = _all_terms(law, points, log_weights)
    if common.shape[-1] > 1:
        best = jnp.argmax(inner + common, -1, keepdims=True)
        inner = (inner - jnp.take_along_axis(inner, best, -1)) + (common - jnp.take_along_axis(common, best, -1))
    return jax.nn.softmax(inner, axis=-1)


@eqx.filter_jit
def log_prob(law: Law, points: Pair, log_weights):
    """Return `ln p`, `(B,)`."""
    coordinates, blocks, terms = _blocks(law, points, log_weights)
    if law.places is None:
        only = terms(coordinates, blocks)
        return only.common + jsp.logsumexp(only.inner, axis=-1)

    def add(carry, block):
        top, common, total, _ = carry
        return _join(top, common, total, None, terms(coordinates, block)), None

    rows, dtype = coordinates.high.shape[0], coordinates.high.dtype
    top, common, total, _ = jax.lax.scan(add, _start(rows, dtype, None), blocks)[0]
    return common + (top + jnp.log(total))


@eqx.filter_jit
def score(law: Law, points: Pair, log_weights):
    """Return `grad ln p`, `(B, d)`."""
    coordinates, blocks, terms = _blocks(law, points, log_weights)
    if law.places is None:
        only = terms(coordinates, blocks)
        weights = jnp.exp(only.inner - jax.lax.stop_gradient(only.inner.max(-1, keepdims=True)))
        # Scaling the product's rows instead of the weights saves a pass over them.
        pulled = only.pull(weights) / weights.sum(-1, keepdims=True)
    else:

        def add(carry, block):
            return _join(*carry, terms(coordinates, block)), None

        start = _start(*coordinates.high.shape[:1], coordinates.high.dtype, jnp.zeros_like(coordinates.high))
        _, _, total, pulled = jax.lax.scan(add, start, blocks)[0]
        pulled = pulled / total[:, None]
    return (pulled / jnp.sqrt(law.variances)) @ law.vectors.T if law.covariance_type == "tied" else pulled


def _start(rows: int, dtype, pulled):
    # Finite, so that a group without any weight leaves it as it is.
    lowest = jnp.full(rows, float(jnp.finfo(dtype).min) / 4, dtype)
    return lowest, jnp.zeros(rows, dtype), jnp.zeros(rows, dtype), pulled


def _join(top, common, total, pulled, terms: Terms):
    """Add a group to sums that are relative to `exp(top + common)`, the largest term so far."""
    best = terms.inner.max(-1)
    better = (terms.common - common) + (best - top) > 0
    # Two numbers, not their sum: within one group the common part cancels, however large it is.
    new_top = jax.lax.stop_gradient(jnp.where(better, best, top))
    new_common = jax.lax.stop_gradient(jnp.where(better, terms.common, common))
    old = jnp.exp((common - new_common) + (top - new_top))
    new = jnp.exp((terms.common - new_common)[:, None] + (terms.inner - new_top[:, None]))
    if pulled is not None:
        pulled = pulled * old[:, None] + terms.pull(new)
    return new_top, new_common, total * old + new.sum(-1), pulled


def _all_terms(law: Law, points: Pair, log_weights):
    coordinates, blocks, terms = _blocks(law, points, log_weights)
    if law.places is None:
        only = terms(coordinates, blocks)
        return only.inner, only.common[:, None]
    inner, common = jax.lax.map(lambda block: terms(coordinates, block)[:2], blocks)
    rows, width = inner.shape[1:]
    inner = jnp.moveaxis(inner, 0, 1).reshape(rows, -1)
    common = jnp.repeat(common.T, width, axis=1)
    return (inner, common) if law.position is None else (inner[:, law.position], common[:, law.position])


def _blocks(law: Law, points: Pair, log_weights):
    """Return coordinates of the points, what differs between blocks, and the function of the two."""
    kind, near = law.covariance_type, law.places is None
    variances = jnp.asarray(law.variances)
    logs = 0.0 if log_weights is None else jnp.asarray(log_weights)[law.members]
    logs = jnp.where(law.members < 0, -jnp.inf, logs) if not near else jnp.zeros(law.members.shape) + logs
    if law.centre is not None:
        points = Pair(points.less(law.centre)) if near else points.shifted(law.centre)
    elif near and points.low is not None:
        points = Pair(points.high + points.low)
    if kind == "full":
        rows, dim = points.high.shape
        # The precision matrix costs as much as a product with d points.
        by_precision = law.well_conditioned and rows >= dim

        def full(at, block):
            place, values, vectors, log = block
            return _weighted(full_terms(at.less(place), values, vectors, by_precision), log)

        return points, (law.places, variances, jnp.asarray(law.vectors), logs), full
    if kind == "tied":
        return _tied_blocks(law, points, variances, logs)
    function = spherical_terms if kind == "spherical" else diagonal_terms
    weakest = variances.max() if kind == "spherical" else variances.max((0, 1))

    def separate(at, block):
        place, deltas, values, log = block
        g = at.high if place is None else at.less(place)
        return _weighted(function(g, deltas, values, weakest), log)

    blocks = (law.places, jnp.asarray(law.deltas), variances, logs)
    return points, jax.tree.map(lambda a: a[0], blocks) if near else blocks, separate


def _weighted(terms: Terms, log_weights) -> Terms:
    return terms._replace(inner=terms.inner + log_weights)


def _tied_blocks(law: Law, points: Pair, variances, logs):
    whitener = jnp.asarray(law.vectors) / jnp.sqrt(variances)
    determinant = jnp.sum(jnp.log(variances))
    deltas = jnp.asarray(law.deltas) @ whitener
    if law.places is None or law.whitened is None:
        whitened = Pair(points.high @ whitener)
        return whitened, (deltas[0], logs[0]), lambda at, b: _weighted(whitened_terms(at.high, b[0], determinant), b[1])
    # Only a small vector can be rotated without loss: what is left from the nearest group's centre.
    centres = jnp.asarray(law.places.high)
    nearest = jnp.argmax(points.high @ centres.T - 0.5 * jnp.sum(centres * centres, -1), -1)
    rest = points.less(law.places.rows(nearest)) @ whitener
    start = Pair(jnp.asarray(law.whitened.high), law.whitened.low).rows(nearest)
    whitened = Pair(start.high, rest if start.low is None else rest + start.low)

    def tied(at, block):
        place, offsets, log = block
        return _weighted(whitened_terms(at.less(place), offsets, determinant), log)

    return whitened, (law.whitened, deltas, logs), tied
