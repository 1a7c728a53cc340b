"""Squared distances of many points in many dimensions, without an array of their differences."""

import numpy as np
from jaxtyping import Float
from scipy.sparse.csgraph import connected_components

_BLOCK = 2**22
"""Numbers in a block of coordinates, about 32 MiB."""

_FEW = 2e7
"""Differences (pairs times dimensions) up to which they are formed outright."""

_DIGITS = 1e-6
"""Squared distances below this part of the largest have lost digits in a Gram matrix."""


def squared_gaps(points: Float[np.ndarray, "K d"]) -> Float[np.ndarray, "K K"]:
    """Return `|m_i - m_j|^2` of all pairs to about ten digits, `(K, K)`.

    One Gram matrix, `|x|^2 + |y|^2 - 2<x, y>`, loses the digits of pairs that are close beside the
    extent of all; those lie in clusters, and each cluster is measured again from its own centre.
    The work is that of one product of the points with themselves, the memory `O(K^2)`.
    """
    count, dim = points.shape
    if count**2 * dim <= _FEW:
        rows, columns = np.triu_indices(count, 1)
        found = np.zeros((count, count))
        found[rows, columns] = found[columns, rows] = _differences(points, rows, columns)
        return found
    found = _gram_gaps(points)
    near = found < _DIGITS * found.max()
    clusters, member = connected_components(near, directed=False)
    if clusters == 1:  # a chain of near points as long as all: only outright differences are left
        rows, columns = np.nonzero(np.triu(near, 1))
        found[rows, columns] = found[columns, rows] = _differences(points, rows, columns)
        return found
    for cluster in np.flatnonzero(np.bincount(member) > 1):
        inside = np.flatnonzero(member == cluster)
        found[np.ix_(inside, inside)] = squared_gaps(points[inside])
    return found


def _gram_gaps(points: np.ndarray) -> np.ndarray:
    count, dim = points.shape
    gram = np.zeros((count, count))
    width = max(1, _BLOCK // count)
    for first in range(0, dim, width):
        block = points[:, first : first + width]
        block = block - block.mean(0)
        gram += block @ block.T
    square = np.diag(gram)
    found = np.maximum(square[:, None] + square - 2 * gram, 0.0)
    np.fill_diagonal(found, 0.0)
    return (found + found.T) / 2


def _differences(points: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    block = max(1, _BLOCK // points.shape[1])
    parts = [
        np.square(points[rows[s : s + block]] - points[columns[s : s + block]]).sum(-1)
        for s in range(0, len(rows), block)
    ]
    return np.concatenate(parts) if parts else np.zeros(0)
