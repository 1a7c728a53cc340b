"""Mixtures without structure, for laws that hold for all of them."""

import numpy as np

from critwin_widgets.engine import GaussianMixture, LogConcaveMixture
from critwin_widgets.engine.components import Gaussian, LogisticTimesNormal, Normal, Product, TruncatedNormal


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


def mixed_mixture(dim: int = 2) -> LogConcaveMixture:
    """Four components of two kinds, in unequal shares."""
    rng = np.random.default_rng(dim)
    turn = np.linalg.qr(rng.normal(size=(dim, dim)))[0]
    means = 3 * rng.normal(size=(4, dim))
    edges = Product([TruncatedNormal(0.2, 1.0, -1.0, 1.5)] * dim, turn, means[0])
    bends = Product([LogisticTimesNormal(0.0, 0.5, 0.3, 1.0)] * dim, turn, means[1])
    other = Product([Normal(0.0, 0.7)] + [TruncatedNormal(0.0, 2.0, -1.0)] * (dim - 1), None, means[2])
    return LogConcaveMixture(
        [edges, bends, Gaussian(means[3], np.linspace(0.5, 1.5, dim)), other],
        [0.1, 0.2, 0.3, 0.4],
        labels=["edges", "bends", "bell", "other"],
        features={"round": ["no", "no", "yes", "no"]},
    )


def plane_mixture(kind: str, count: int, seed: int = 0) -> GaussianMixture:
    """Return a mixture in the plane, as one draws it by hand."""
    rng = np.random.default_rng(seed)
    turn = np.array([[1.0, 0.3], [0.3, 0.8]])
    covariances = {
        "spherical": rng.uniform(0.5, 2, count),
        "diag": rng.uniform(0.5, 2, (count, 2)),
        "tied": turn,
        "full": turn + rng.uniform(0, 1, count)[:, None, None] * np.eye(2),
    }[kind]
    return GaussianMixture(rng.normal(size=(count, 2)) * 6, covariances, covariance_type=kind)
