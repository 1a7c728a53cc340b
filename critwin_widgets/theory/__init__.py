"""What the papers define: windows, bounds, features and trees."""

from .bounds import leak, sharp_bound, theorem_bound
from .curves import bound_curves, looseness
from .features import TransitionMatrix, decision_curves, transition_matrix
from .measured import measured_distance
from .pairwise import WindowComparison, compare_windows, lower_time, upper_time
from .rivals import clone_probability, collapse_time, rival_times, speciation_time
from .symmetry import symmetry_breaking_time
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
    "WindowComparison",
    "bound_curves",
    "clone_probability",
    "collapse_time",
    "compare_windows",
    "critical_window",
    "decision_curves",
    "end_time",
    "leak",
    "looseness",
    "lower_time",
    "measured_distance",
    "mixture_tree",
    "rival_times",
    "sharp_bound",
    "speciation_time",
    "start_time",
    "symmetry_breaking_time",
    "theorem_bound",
    "transition_matrix",
    "upper_time",
]
