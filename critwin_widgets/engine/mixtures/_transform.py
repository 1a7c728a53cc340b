"""Linear maps in the eigenbasis of a component's covariance, for traced rows of points."""

import jax
import jax.numpy as jnp


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
