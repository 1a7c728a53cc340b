"""The engine: mixtures, processes and separations, computed by JAX and closed forms."""

from ._compilation import count_compilations, enable_compilation_cache
from .mixtures import GaussianMixture, LogConcaveMixture, Mixture
from .separation import Estimate, overlap, total_variation

__all__ = [
    "Estimate",
    "GaussianMixture",
    "LogConcaveMixture",
    "Mixture",
    "count_compilations",
    "enable_compilation_cache",
    "overlap",
    "total_variation",
]
