"""How far apart two sub-mixtures are, and how that is known."""

from .bracket import concave_bracket
from .budget import draws_per_component, interactive_draws
from .estimate import BUDGET_SPENT, CERTIFIED, CONFIDENCE_Z, ESTIMATED, EXACT, BudgetWarning, Estimate
from .overlap import check_effort, log_overlap, overlap, overlap_of_sets, total_variation
from .survey import EXACT_SECONDS, Survey
from .table import PairTable, pair_gaps
from .ways import Effort, log_overlap_of_sets, subset_weights

__all__ = [
    "BUDGET_SPENT",
    "CERTIFIED",
    "CONFIDENCE_Z",
    "ESTIMATED",
    "EXACT",
    "EXACT_SECONDS",
    "BudgetWarning",
    "Effort",
    "Estimate",
    "PairTable",
    "Survey",
    "check_effort",
    "concave_bracket",
    "draws_per_component",
    "interactive_draws",
    "log_overlap",
    "log_overlap_of_sets",
    "overlap",
    "overlap_of_sets",
    "pair_gaps",
    "subset_weights",
    "total_variation",
]
