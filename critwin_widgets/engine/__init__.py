"""The engine: mixtures, processes and separations, computed by JAX and closed forms."""

from .mixtures import GaussianMixture, Mixture
from .separation import Estimate, overlap, total_variation

__all__ = ["Estimate", "GaussianMixture", "Mixture", "overlap", "total_variation"]
