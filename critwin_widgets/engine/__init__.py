"""The engine: mixtures, processes and separations, computed by JAX and closed forms."""

from .mixtures import GaussianMixture
from .separation import Estimate, overlap, total_variation

__all__ = ["Estimate", "GaussianMixture", "overlap", "total_variation"]
