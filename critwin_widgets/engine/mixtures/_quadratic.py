"""Quadratic forms of the four covariance types, in the eigenbasis, for traced arrays.

Squared distances of close components are expanded, `|x|^2 - 2<x, m> + |m|^2`, one matrix product.
Far apart they are sums of squared differences: in float32 the expansion loses a digit of the
log-density for every factor of ten in the squared distance, and all of them at 1e4 deviations.
"""

import jax
import jax.numpy as jnp

NEAR = 1e3
"""Largest squared distance of a component from the centre, in variances, that is expanded."""


def is_near(means, covariance_type: str, eigenvalues, eigenvectors) -> bool:
    """Tell whether expanded squared distances keep float32 log-densities within about 1e-4."""
    if covariance_type == "spherical":
        return float((means**2).sum(-1).max() / eigenvalues.min()) <= NEAR
    if covariance_type == "tied":
        return float(((means @ eigenvectors) ** 2 / eigenvalues).sum(-1).max()) <= NEAR
    return False


def squared_distances(y, means, covariance_type: str, eigenvalues, eigenvectors, near: bool):
    """Return `(y - m_k)^T C_k^{-1} (y - m_k)` for all components, shape `(..., K)`."""
    if covariance_type == "spherical":
        return _sums(y, means, near) / eigenvalues
    if covariance_type == "diag":
        per_component = jax.lax.map(lambda mv: jnp.sum((y - mv[0]) ** 2 / mv[1], axis=-1), (means, eigenvalues))
        return jnp.moveaxis(per_component, 0, -1)
    if covariance_type == "tied":
        scale = eigenvectors / jnp.sqrt(eigenvalues)
        return _sums(y @ scale, means @ scale, near)
    per_component = jax.lax.map(
        lambda mve: jnp.sum(((y - mve[0]) @ mve[2]) ** 2 / mve[1], axis=-1), (means, eigenvalues, eigenvectors)
    )
    return jnp.moveaxis(per_component, 0, -1)


def _sums(y, means, near: bool):
    if near:
        expanded = jnp.sum(y**2, -1, keepdims=True) - 2 * (y @ means.T) + jnp.sum(means**2, -1)
        return jnp.maximum(expanded, 0.0)
    return jnp.moveaxis(jax.lax.map(lambda mean: jnp.sum((y - mean) ** 2, axis=-1), means), 0, -1)


def log_normalisers(covariance_type: str, eigenvalues, dim: int):
    """Return `-(d ln 2 pi + ln det C_k) / 2`, shape `(K,)` (a scalar for tied)."""
    logs = jnp.log(eigenvalues)
    determinant = dim * logs if covariance_type == "spherical" else jnp.sum(logs, axis=-1)
    return -0.5 * (dim * jnp.log(2 * jnp.pi) + determinant)


def pull(y, posterior, means, covariance_type: str, eigenvalues, eigenvectors):
    """Return the score `sum_k r_k C_k^{-1} (m_k - y)`, same shape as `y`."""
    if covariance_type == "spherical":
        rates = posterior / eigenvalues
        return rates @ means - rates.sum(-1, keepdims=True) * y
    if covariance_type == "diag":
        return posterior @ (means / eigenvalues) - (posterior @ (1.0 / eigenvalues)) * y
    if covariance_type == "tied":
        return ((posterior @ means - y) @ eigenvectors / eigenvalues) @ eigenvectors.T

    def add(total, component):
        weight, mean, values, vectors = component
        return total + weight[..., None] * (((mean - y) @ vectors / values) @ vectors.T), None

    start = jnp.zeros(y.shape, jnp.result_type(y, means, posterior))
    return jax.lax.scan(add, start, (jnp.moveaxis(posterior, -1, 0), means, eigenvalues, eigenvectors))[0]


def transform_noise(noise, which, covariance_type: str, eigenvalues, eigenvectors):
    """Return standard normal `noise` `(n, d)` scaled to the covariance of component `which` `(n,)`."""
    if covariance_type in ("spherical", "diag"):
        return transform(noise, which, covariance_type, jnp.sqrt(eigenvalues), eigenvectors)
    if covariance_type == "tied":
        return (noise * jnp.sqrt(eigenvalues)) @ eigenvectors.T
    # Noise is as good in the eigenbasis as out of it: one rotation fewer.
    return _each(
        lambda values, vectors: (noise * jnp.sqrt(values)) @ vectors.T, noise, which, eigenvalues, eigenvectors
    )


def transform(x, which, covariance_type: str, values, eigenvectors):
    """Return `U diag(values) U^T x` of component `which` `(n,)` for every row of `x` `(n, d)`."""
    if covariance_type == "spherical":
        return x * jnp.asarray(values)[which][:, None]
    if covariance_type == "diag":
        return x * jnp.asarray(values)[which]
    if covariance_type == "tied":
        return ((x @ eigenvectors) * values) @ eigenvectors.T
    return _each(lambda value, vectors: ((x @ vectors) * value) @ vectors.T, x, which, values, eigenvectors)


def _each(row, x, which, values, vectors):
    def place(total, component):
        k, value, basis = component
        # One component at a time: gathering a (d, d) matrix per sample would need n d^2 memory.
        return jnp.where((which == k)[:, None], row(value, basis), total), None

    count = values.shape[0]
    return jax.lax.scan(place, jnp.zeros_like(x), (jnp.arange(count), values, vectors))[0]
