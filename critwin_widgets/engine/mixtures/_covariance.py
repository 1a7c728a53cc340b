"""Covariances of scikit-learn's four types, by one eigendecomposition that serves every time.

Noising maps `Sigma` to `a_t^2 Sigma + s_t^2 I`: eigenvectors stay, eigenvalues move. So a mixture
keeps `(eigenvalues, eigenvectors)` from construction on; shapes by type:
spherical `(K,)` and none, diag `(K, d)` and none, tied `(d,)` and `(d, d)`, full `(K, d)` and
`(K, d, d)` (eigenvectors in columns).
"""

import numpy as np

from .._validation import finite_array, owned

COVARIANCE_TYPES = ("spherical", "diag", "tied", "full")
_NDIM = {"spherical": 1, "diag": 2, "tied": 2, "full": 3}


def covariance_shape(covariance_type: str, count: int, dim: int) -> tuple[int, ...]:
    """Return the shape scikit-learn gives covariances of this type."""
    return {
        "spherical": (count,),
        "diag": (count, dim),
        "tied": (dim, dim),
        "full": (count, dim, dim),
    }[covariance_type]


def decompose(covariances, covariance_type: str, count: int, dim: int):
    """Validate covariances and return `(covariances, eigenvalues, eigenvectors)` in float64.

    Raises:
        ValueError: wrong shape, not symmetric, or not positive definite; names the component.
    """
    shape = covariance_shape(covariance_type, count, dim)
    array = finite_array(
        "covariances", covariances, (0, 1) if covariance_type == "spherical" else _NDIM[covariance_type]
    )
    if covariance_type == "spherical" and array.ndim == 0:
        array = np.full(shape, float(array))
    if array.shape != shape:
        raise ValueError(
            f"covariances of type {covariance_type!r} must have shape {shape} for {count} components "
            f"in {dim} dimensions, not {array.shape}"
        )
    if covariance_type in ("spherical", "diag"):
        if (array <= 0).any():
            where = tuple(int(i) for i in np.argwhere(array <= 0)[0])
            raise ValueError(
                f"covariances must be positive variances, but covariances{list(where)} is {float(array[where])!r}"
            )
        array = owned(array, covariances)
        return array, array, None
    return owned(array, covariances), *_eigh(array)


def _eigh(array: np.ndarray):
    stack = array if array.ndim == 3 else array[None]
    asymmetry = np.abs(stack - np.swapaxes(stack, -1, -2)).max(axis=(-1, -2))
    scale = np.abs(stack).max(axis=(-1, -2))
    for k, (gap, size) in enumerate(zip(asymmetry, scale, strict=True)):
        if gap > 1e-8 * max(size, 1e-300):
            raise ValueError(
                f"covariances{_name(array, k)} is not symmetric: entries differ by {gap:.3g}; use (C + C.T) / 2"
            )
    values, vectors = np.linalg.eigh((stack + np.swapaxes(stack, -1, -2)) / 2)
    for k, smallest in enumerate(values[:, 0]):
        # Below this the smallest eigenvalue is rounding error of the largest.
        if not smallest > 1e-14 * values[k, -1] or smallest <= 0:
            raise ValueError(
                f"covariances{_name(array, k)} is not positive definite: smallest eigenvalue {smallest:.3g}; "
                "add a small multiple of the identity"
            )
    return (values, vectors) if array.ndim == 3 else (values[0], vectors[0])


def _name(array: np.ndarray, k: int) -> str:
    return f"[{k}]" if array.ndim == 3 else ""


def condition_number(eigenvalues: np.ndarray) -> float:
    """Return the largest ratio of eigenvalues within one covariance."""
    if eigenvalues.ndim == 1:
        return float(eigenvalues.max() / eigenvalues.min())
    return float((eigenvalues.max(-1) / eigenvalues.min(-1)).max())


def shift(covariances, covariance_type: str, scale, variance, dim: int):
    """Return `scale^2 * covariances + variance * I` in the shape of the type."""
    if covariance_type in ("spherical", "diag"):
        return scale**2 * covariances + variance
    return scale**2 * covariances + variance * np.eye(dim)
