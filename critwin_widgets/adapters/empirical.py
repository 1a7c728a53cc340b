"""The training set itself as a mixture: what a model that memorises perfectly would generate."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine import GaussianMixture
from ..engine._types import Features
from ..engine._validation import check_positive, finite_array


def empirical_mixture(
    points: Any,
    bandwidth: float,
    *,
    labels: Sequence[Any] | None = None,
    features: Features | None = None,
) -> GaussianMixture:
    """Return `p = (1/n) sum_i N(x_i, h^2 I)`, the kernel density of training points, as a mixture.

    With h = 0 it would be the law that an optimally trained, unregularised diffusion model generates:
    its training points (BBBM24). The posterior over training points is exact at all noise levels:
    `mixture.at(t).posterior(y)`. As h grows, members and other samples of the same kind become alike.

    Args:
        points: training points, `(n, d)`; `(n,)` is one dimension; images `(n, h, w)` or `(n, h, w, c)`.
        bandwidth: standard deviation h > 0 of each point's kernel, in units of the data.
        labels: `n` distinct names; "0", "1", ... when `None`.
        features: for each feature (class, colour, ...) its value at every point.

    Returns:
        A mixture with one component for each point, in order.

    Raises:
        ValueError: points are not finite numbers of one of these shapes, or the bandwidth is not positive.
    """
    data = finite_array("points", points, (1, 2, 3, 4))
    if not data.size:
        raise ValueError(f"points must hold at least one point, not shape {data.shape}")
    width = check_positive("bandwidth", bandwidth)
    image_shape = data.shape[1:] if data.ndim > 2 else None
    flat = data.reshape(len(data), -1)
    return GaussianMixture(
        flat, np.full(len(flat), width**2), labels=labels, features=features, image_shape=image_shape
    )
