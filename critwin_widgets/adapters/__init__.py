"""Bridges from other people's data and models to :class:`critwin_widgets.engine.GaussianMixture`."""

from .datasets import DataSet, digits, hierarchy, penguins, scenes
from .empirical import empirical_mixture
from .labelled import from_labelled
from .sklearn import from_sklearn, to_sklearn

__all__ = [
    "DataSet",
    "digits",
    "empirical_mixture",
    "from_labelled",
    "from_sklearn",
    "hierarchy",
    "penguins",
    "scenes",
    "to_sklearn",
]
