"""Log-densities and scores of blocks of components, for traced rows of points.

A block is a group of components around a centre (see `_groups.py`), and `g` are points less that
centre. With the weakest precision `B` of the mixture as common part,

    ln p_k = common + inner_k,  common = -g^T B g / 2 - ln det(2 pi B^{-1}) / 2,
    inner_k = <g, P_k d_k> - g^T (P_k - B) g / 2 - d_k^T P_k d_k / 2 - ln det(B P_k^{-1}) / 2

where `P_k` is the precision of component k and `d_k` its mean less the centre. The posterior needs
only `inner`, so what all components share, however large far out, costs it no digits.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp

LOG_2PI = 1.8378770664093453

_HALVED = 128
"""Dimension from which a quadratic form is taken from half of its matrix."""


class Terms(NamedTuple):
    """Log-densities of a block: `inner` `(B, p)` and `common` `(B,)`; `pull` sums weighted scores.

    `pull(e)` returns `sum_k e_k grad ln p_k`, `(B, d)`, for any weights `(B, p)`.
    """

    inner: jnp.ndarray
    common: jnp.ndarray
    pull: Callable


def spherical_terms(g, deltas, variances, weakest) -> Terms:
    """Return the terms of components with variances `(p,)`, the largest of the mixture `weakest`."""
    rates, base, dim = 1.0 / variances, 1.0 / weakest, g.shape[-1]
    pulls = deltas * rates[:, None]
    squared = jnp.sum(g * g, -1)
    constant = -0.5 * (rates * jnp.sum(deltas * deltas, -1) + dim * jnp.log(variances * base))
    inner = g @ pulls.T + constant - 0.5 * squared[:, None] * (rates - base)
    common = -0.5 * (squared * base + dim * (LOG_2PI + jnp.log(weakest)))
    return Terms(inner, common, lambda e: e @ pulls - (e @ rates)[:, None] * g)


def diagonal_terms(g, deltas, variances, weakest) -> Terms:
    """Return the terms of components with variances `(p, d)`, the largest along each axis `weakest` `(d,)`."""
    rates, base = 1.0 / variances, 1.0 / weakest
    pulls, squares = deltas * rates, g * g
    constant = -0.5 * jnp.sum(pulls * deltas + jnp.log(variances * base), -1)
    inner = g @ pulls.T - 0.5 * (squares @ (rates - base).T) + constant
    common = -0.5 * (squares @ base + jnp.sum(LOG_2PI + jnp.log(weakest)))
    return Terms(inner, common, lambda e: e @ pulls - (e @ rates) * g)


def whitened_terms(z, deltas, log_determinant) -> Terms:
    """Return the terms of components with one covariance, in coordinates where it is the identity."""
    inner = z @ deltas.T - 0.5 * jnp.sum(deltas * deltas, -1)
    common = -0.5 * (jnp.sum(z * z, -1) + z.shape[-1] * LOG_2PI + log_determinant)
    return Terms(inner, common, lambda e: e @ deltas - jnp.sum(e, -1, keepdims=True) * z)


def full_terms(g, eigenvalues, eigenvectors, by_precision: bool, scored: bool) -> Terms:
    """Return the terms of one component with its own covariance, `p = 1`, centred on its mean.

    Args:
        g: points less the mean, `(B, d)`.
        eigenvalues, eigenvectors: of its covariance, `(d,)` and `(d, d)`.
        by_precision: one matrix product with the precision serves density and score; its rounding
            error grows with the condition number instead of the root of it.
        scored: whether `pull` is wanted; a part of the precision is enough without it.
    """
    normaliser = -0.5 * jnp.sum(LOG_2PI + jnp.log(eigenvalues))
    if by_precision:
        precision = (eigenvectors / eigenvalues) @ eigenvectors.T
        pulled = g @ precision
        squared = jnp.sum(g * pulled, -1) if scored else _quadratic_form(g, precision)
        pull = lambda e: -e * pulled  # noqa: E731
    else:
        whitener = eigenvectors / jnp.sqrt(eigenvalues)
        z = g @ whitener
        squared = jnp.sum(z * z, -1)
        pull = lambda e: -(e * z) @ whitener.T  # noqa: E731
    return Terms(normaliser - 0.5 * squared[:, None], jnp.zeros_like(squared), pull)


def _quadratic_form(g, matrix):
    """Return `g^T A g`, `(B,)`, of a symmetric `A`: what lies below its diagonal blocks counts twice.

    With two blocks a quarter of the product is spared; more of them would be too narrow to pay.
    """
    dim = g.shape[1]
    half = dim // 2 if dim >= _HALVED else 0
    right = jnp.sum(g[:, half:] * (g[:, half:] @ matrix[half:, half:]), -1)
    if not half:
        return right
    left = jnp.concatenate([matrix[:half, :half], 2.0 * matrix[half:, :half]])
    return right + jnp.sum(g[:, :half] * (g @ left), -1)
