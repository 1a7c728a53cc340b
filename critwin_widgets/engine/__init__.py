"""The engine: mixtures, processes and separations, computed by JAX and closed forms."""

from .mixtures import GaussianMixture, LogConcaveMixture, Mixture
from .separation import Estimate, overlap, total_variation

__all__ = ["Estimate", "GaussianMixture", "LogConcaveMixture", "Mixture", "overlap", "total_variation"]
