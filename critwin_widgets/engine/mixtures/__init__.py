"""Mixtures of component densities that can be noised exactly."""

from .gaussian import GaussianMixture, as_key
from .mixture import Mixture

__all__ = ["GaussianMixture", "Mixture", "as_key"]
