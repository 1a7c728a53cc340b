"""The engine: mixtures, processes and separations, computed by JAX and closed forms."""

from ._compilation import count_compilations, enable_compilation_cache
from .mixtures import GaussianMixture, LogConcaveMixture, Mixture, TokenMixture
from .samplers import ForwardReverse, ReverseError, Trajectories, forward_reverse, reverse_trajectories
from .separation import BudgetWarning, Estimate, concave_bracket, log_overlap, overlap, total_variation

__all__ = [
    "BudgetWarning",
    "Estimate",
    "ForwardReverse",
    "GaussianMixture",
    "LogConcaveMixture",
    "Mixture",
    "ReverseError",
    "TokenMixture",
    "Trajectories",
    "concave_bracket",
    "count_compilations",
    "enable_compilation_cache",
    "forward_reverse",
    "log_overlap",
    "overlap",
    "reverse_trajectories",
    "total_variation",
]
