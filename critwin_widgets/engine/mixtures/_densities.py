"""Densities, posteriors and scores of a Gaussian mixture at rows of points, as compiled functions."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
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
        # Close to the mixture's mean, rounded numbers do as well as pairs and are read faster.
        places = Pair(offsets) if mixture.near else split(offsets)
        deltas, members = None, members.reshape(-1, 1)
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
    coordinates, blocks, terms = _blocks(law, points, log_weights, scored=False)
    if law.places is None:
        only = terms(coordinates, blocks)
        return only.common + jax.nn.logsumexp(only.inner, axis=-1)

    sums = _summed(coordinates, blocks, terms, None)
    return sums.common + (sums.top + jnp.log(sums.total))


@eqx.filter_jit
def score(law: Law, points: Pair, log_weights):
    """Return `grad ln p`, `(B, d)`."""
    coordinates, blocks, terms = _blocks(law, points, log_weights, scored=True)
    if law.places is None:
        only = terms(coordinates, blocks)
        weights = jnp.exp(only.inner - jax.lax.stop_gradient(only.inner.max(-1, keepdims=True)))
        # Scaling the product's rows instead of the weights saves a pass over them.
        pulled = only.pull(weights) / weights.sum(-1, keepdims=True)
    else:
        sums = _summed(coordinates, blocks, terms, jnp.zeros_like(coordinates.high))
        pulled = sums.pulled / sums.total[:, None]
    if law.vectors is None or law.covariance_type != "tied":
        return pulled
    return (pulled / jnp.sqrt(law.variances)) @ law.vectors.T


class Sums(NamedTuple):
    """Sums over components so far, relative to `exp(top + common)`, the largest term, `(B,)` each.

    `pulled` is the weighted sum of scores, `(B, d)`, or `None` when nobody asks for it.
    """

    top: jax.Array
    common: jax.Array
    total: jax.Array
    pulled: Any

    def joined(self, terms: Terms) -> "Sums":
        """Return the sums with one more group."""
        best = terms.inner.max(-1)
        better = (terms.common - self.common) + (best - self.top) > 0
        # Two numbers, not their sum: within one group the common part cancels, however large it is.
        top = jax.lax.stop_gradient(jnp.where(better, best, self.top))
        common = jax.lax.stop_gradient(jnp.where(better, terms.common, self.common))
        old = jnp.exp((self.common - common) + (self.top - top))
        new = jnp.exp((terms.common - common)[:, None] + (terms.inner - top[:, None]))
        pulled = None if self.pulled is None else self.pulled * old[:, None] + terms.pull(new)
        return Sums(top, common, self.total * old + new.sum(-1), pulled)


def _summed(coordinates: Pair, blocks, terms, pulled) -> Sums:
    zero = jnp.zeros_like(coordinates.high[:, 0])
    # Finite, so that a group without any weight leaves it as it is.
    lowest = jnp.full_like(zero, float(jnp.finfo(zero.dtype).min) / 4)
    start = Sums(lowest, zero, zero, pulled)
    return jax.lax.scan(lambda sums, block: (sums.joined(terms(coordinates, block)), None), start, blocks)[0]


def _all_terms(law: Law, points: Pair, log_weights):
    coordinates, blocks, terms = _blocks(law, points, log_weights, scored=False)
    if law.places is None:
        only = terms(coordinates, blocks)
        return only.inner, only.common[:, None]
    inner, common = jax.lax.map(lambda block: terms(coordinates, block)[:2], blocks)
    rows, width = inner.shape[1:]
    inner = jnp.moveaxis(inner, 0, 1).reshape(rows, -1)
    common = jnp.repeat(common.T, width, axis=1)
    return (inner, common) if law.position is None else (inner[:, law.position], common[:, law.position])


def _blocks(law: Law, points: Pair, log_weights, scored: bool):
    """Return coordinates of the points, what differs between blocks, and the function of the two."""
    kind, near = law.covariance_type, law.places is None
    variances = jnp.asarray(law.variances)
    logs = 0.0 if log_weights is None else jnp.asarray(log_weights)[law.members]
    logs = jnp.where(law.members < 0, -jnp.inf, logs) if not near else jnp.zeros(law.members.shape) + logs
    # A component within reach of the mixture's mean needs no more than one number for each coordinate.
    single = law.places is None or (kind == "full" and law.places.low is None)
    if law.centre is not None:
        points = Pair(points.less(law.centre)) if single else points.shifted(law.centre)
    elif single and points.low is not None:
        points = Pair(points.high + points.low)
    if kind == "full":
        rows, dim = points.high.shape
        # The precision matrix costs as much as a product with d points.
        by_precision = law.well_conditioned and rows >= dim

        def full(at, block):
            place, values, vectors, log = block
            return _weighted(full_terms(at.less(place), values, vectors, by_precision, scored), log)

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
    start = law.whitened.rows(nearest)
    whitened = Pair(start.high, rest if start.low is None else rest + start.low)

    def tied(at, block):
        place, offsets, log = block
        return _weighted(whitened_terms(at.less(place), offsets, determinant), log)

    return whitened, (law.whitened, deltas, logs), tied
