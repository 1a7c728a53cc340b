"""Mixtures of component densities that can be noised exactly."""

from .gaussian import GaussianMixture, as_key

__all__ = ["GaussianMixture", "as_key"]
