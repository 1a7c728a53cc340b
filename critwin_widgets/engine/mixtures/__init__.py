"""Mixtures of component laws that can be noised exactly: densities on `R^d`, and sequences of tokens."""

from .gaussian import GaussianMixture, as_key
from .log_concave import LogConcaveMixture
from .mixture import Mixture
from .tokens import TokenMixture

__all__ = ["GaussianMixture", "LogConcaveMixture", "Mixture", "TokenMixture", "as_key"]
