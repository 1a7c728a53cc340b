"""Mixtures of component densities that can be noised exactly."""

from .gaussian import GaussianMixture, as_key
from .log_concave import LogConcaveMixture
from .mixture import Mixture

__all__ = ["GaussianMixture", "LogConcaveMixture", "Mixture", "as_key"]
