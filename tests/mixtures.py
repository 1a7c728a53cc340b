"""Mixtures without structure, for laws that hold for all of them."""

import numpy as np

from critwin_widgets.engine import GaussianMixture


def random_mixture(
    kind: str = "spherical", count: int = 5, dim: int = 3, seed: int = 0, spread: float = 2.5
) -> GaussianMixture:
    """Draw means, covariances of the given type and unequal weights."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(count, dim, dim))
    full = root @ np.swapaxes(root, 1, 2) / dim + 0.3 * np.eye(dim)
    covariances = {
        "spherical": rng.uniform(0.3, 2, count),
        "diag": rng.uniform(0.3, 2, (count, dim)),
        "tied": full[0],
        "full": full,
    }
    weights = rng.uniform(0.5, 1.5, count)
    return GaussianMixture(spread * rng.normal(size=(count, dim)), covariances[kind], weights / weights.sum(), kind)
