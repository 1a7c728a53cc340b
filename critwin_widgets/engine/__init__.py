"""The engine: mixtures, processes and separations, computed by JAX and closed forms."""

from .mixtures import GaussianMixture, Mixture
from .samplers import ForwardReverse, ReverseError, Trajectories, forward_reverse, reverse_trajectories
from .separation import Estimate, overlap, total_variation

__all__ = [
    "Estimate",
    "ForwardReverse",
    "GaussianMixture",
    "Mixture",
    "ReverseError",
    "Trajectories",
    "forward_reverse",
    "overlap",
    "reverse_trajectories",
    "total_variation",
]
