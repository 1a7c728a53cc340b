"""What the papers define: windows, bounds, features and trees."""

from .bounds import leak, measured_distance, sharp_bound, theorem_bound
from .features import TransitionMatrix, decision_curves, transition_matrix
from .times import Time
from .tree import MixtureTree, mixture_tree
from .vertex import Candidate, Vertex
from .windows import CriticalWindow, critical_window, end_time, start_time

__all__ = [
    "Candidate",
    "CriticalWindow",
    "MixtureTree",
    "Time",
    "TransitionMatrix",
    "Vertex",
    "critical_window",
    "decision_curves",
    "end_time",
    "leak",
    "measured_distance",
    "mixture_tree",
    "sharp_bound",
    "start_time",
    "theorem_bound",
    "transition_matrix",
]
