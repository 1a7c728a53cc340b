"""Samplers of the reverse process: exact, by SDE and by ODE."""

from ._process import ReverseError
from .follow import Trajectories
from .forward_reverse import ForwardReverse, forward_reverse
from .trajectories import reverse_trajectories

__all__ = ["ForwardReverse", "ReverseError", "Trajectories", "forward_reverse", "reverse_trajectories"]
