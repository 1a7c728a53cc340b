"""Bridges from other people's data and models to our mixtures, processes and classifiers."""

from .classifiers import ClipClassifier, SklearnClassifier
from .datasets import DataSet, digits, hierarchy, penguins, scenes
from .diffusion import DiffusersProcess
from .labelled import from_labelled
from .sklearn import from_sklearn, to_sklearn

__all__ = [
    "ClipClassifier",
    "DataSet",
    "DiffusersProcess",
    "SklearnClassifier",
    "digits",
    "from_labelled",
    "from_sklearn",
    "hierarchy",
    "penguins",
    "scenes",
    "to_sklearn",
]
