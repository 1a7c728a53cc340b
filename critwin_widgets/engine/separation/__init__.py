"""How far apart two sub-mixtures are, and how that is known."""

from .budget import draws_per_component, interactive_draws
from .estimate import CERTIFIED, CONFIDENCE_Z, ESTIMATED, EXACT, Estimate
from .overlap import overlap, overlap_of_sets, subset_weights, total_variation
from .survey import Survey
from .table import PairTable, pair_gaps

__all__ = [
    "CERTIFIED",
    "CONFIDENCE_Z",
    "ESTIMATED",
    "EXACT",
    "Estimate",
    "PairTable",
    "Survey",
    "draws_per_component",
    "interactive_draws",
    "overlap",
    "overlap_of_sets",
    "pair_gaps",
    "subset_weights",
    "total_variation",
]
