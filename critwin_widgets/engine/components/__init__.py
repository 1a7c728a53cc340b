"""Strongly log-concave densities that a `LogConcaveMixture` can be made of; `cw.components` to users."""

from .component import Component
from .gaussian import Gaussian

__all__ = ["Component", "Gaussian"]
