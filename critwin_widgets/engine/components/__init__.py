"""Strongly log-concave densities that a `LogConcaveMixture` can be made of; `cw.components` to users."""

from .component import Component
from .factor import Factor
from .factors import GeneralisedNormalTimesNormal, LogisticTimesNormal, Normal, TruncatedNormal
from .gaussian import Gaussian
from .product import Product

__all__ = [
    "Component",
    "Factor",
    "Gaussian",
    "GeneralisedNormalTimesNormal",
    "LogisticTimesNormal",
    "Normal",
    "Product",
    "TruncatedNormal",
]
