"""Components grouped so that each is close to its group's centre, on its own scale.

Within a group squared distances may be expanded, `|g|^2 - 2<g, d> + |d|^2` with `g` and `d` taken
from the group's centre: one matrix product for the whole group. Expanded around a centre further
off, float32 loses a digit of the log-density for every factor of ten in the squared distance, and
all of them at 1e4 deviations. Noise only brings components closer, so groups serve all times.
"""

import numpy as np

NEAR = 1e3
"""Largest squared distance of a component from its group's centre, in its own variances."""

_SKETCH = 64
_WHOLE = 1 << 22
"""Entries of the means up to which squared distances are taken without a sketch."""


def group(offsets: np.ndarray, covariance_type: str, eigenvalues: np.ndarray, eigenvectors) -> np.ndarray:
    """Return one row per group, `(G, 1 + p)`: the component at its centre, then its members.

    Rows are padded with -1. A single row `[-1, 0, ..., K-1]` says that all components are close to the
    mixture's mean, which is the centre then. Full covariances have coordinates of their own, so each
    component is its own group unless all are close.
    """
    count = len(offsets)
    everything = np.arange(count, dtype=np.int32)
    if covariance_type == "full":
        near = (np.einsum("kd,kd->k", offsets, offsets) <= NEAR * eigenvalues.min(-1)).all()
        return np.arange(-1, count, dtype=np.int32)[None] if near else np.stack([everything, everything], axis=1)
    if covariance_type == "tied":
        offsets = (offsets @ eigenvectors) / np.sqrt(eigenvalues)
        scale = np.ones(count)
    else:
        # For a diagonal covariance the smallest variance is on the safe side.
        scale = eigenvalues if covariance_type == "spherical" else eigenvalues.min(-1)
    squared = np.einsum("kd,kd->k", offsets, offsets)  # without an array of squares
    if (squared <= NEAR * scale).all():
        return np.arange(-1, count, dtype=np.int32)[None]
    return _pack(_leaders(offsets, NEAR * scale))


def _leaders(offsets: np.ndarray, reach: np.ndarray) -> list[np.ndarray]:
    """Greedy groups: the first component left leads all those left that it is within reach of."""
    if offsets.size > _WHOLE and offsets.shape[1] > _SKETCH:
        # Distances in a sketch are off by some 18 %; half the reach leaves room for that.
        offsets, reach = _sketch(offsets), reach / 2
    left = np.arange(len(offsets))
    groups = []
    while len(left):
        gaps = offsets[left] - offsets[left[0]]
        close = np.einsum("kd,kd->k", gaps, gaps) <= reach[left]
        groups.append(left[close])
        left = left[~close]
    return groups


def _sketch(offsets: np.ndarray) -> np.ndarray:
    """Return a few coordinates whose squared distances estimate those of large means without bias.

    Each is a sum with random signs over every `_SKETCH`-th coordinate: cheap, and neighbouring pixels
    fall into different sums.
    """
    signs = np.random.default_rng(0).choice([-1.0, 1.0], offsets.shape[1])
    sketch = np.empty((len(offsets), _SKETCH))
    for row, mean in zip(sketch, offsets, strict=True):
        signed = mean * signs
        signed = np.pad(signed, (0, -len(signed) % _SKETCH))
        row[:] = signed.reshape(-1, _SKETCH).sum(0)
    return sketch


def _pack(groups: list[np.ndarray]) -> np.ndarray:
    """Return groups as rows of one width, large ones cut so that little of it is padding."""
    sizes = np.array([len(members) for members in groups])
    # A group costs about eight columns of its matrix product besides the columns themselves.
    widths = np.unique(sizes)
    width = int(min(widths, key=lambda w: int((-(-sizes // w) * (w + 8)).sum())))
    rows = [(members[0], members[i : i + width]) for members in groups for i in range(0, len(members), width)]
    packed = np.full((len(rows), 1 + width), -1, dtype=np.int32)
    for row, (leader, members) in zip(packed, rows, strict=True):
        row[0], row[1 : 1 + len(members)] = leader, members
    return packed
