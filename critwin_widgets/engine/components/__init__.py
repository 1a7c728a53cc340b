"""Strongly log-concave densities that a `LogConcaveMixture` can be made of; `cw.components` to users."""

from .component import Component
from .factor import Factor
from .factors import GeneralisedNormalTimesNormal, LogisticTimesNormal, Normal, TruncatedNormal
from .gaussian import Gaussian
from .log_density import LogDensity
from .potential import Potential
from .product import Product
from .unspecified import Unspecified

__all__ = [
    "Component",
    "Factor",
    "Gaussian",
    "GeneralisedNormalTimesNormal",
    "LogDensity",
    "LogisticTimesNormal",
    "Normal",
    "Potential",
    "Product",
    "TruncatedNormal",
    "Unspecified",
]
