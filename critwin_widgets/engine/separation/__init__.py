"""How far apart two sub-mixtures are, and how that is known."""

from .estimate import CERTIFIED, ESTIMATED, EXACT, BudgetWarning, Estimate
from .overlap import check_effort, log_overlap, overlap, overlap_of_sets, total_variation
from .passes import draws_per_component
from .survey import Survey
from .table import PairTable
from .ways import Effort, subset_weights

__all__ = [
    "CERTIFIED",
    "ESTIMATED",
    "EXACT",
    "BudgetWarning",
    "Effort",
    "Estimate",
    "PairTable",
    "Survey",
    "check_effort",
    "draws_per_component",
    "log_overlap",
    "overlap",
    "overlap_of_sets",
    "subset_weights",
    "total_variation",
]
