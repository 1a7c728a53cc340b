"""Strongly log-concave densities that a mixture can be made of."""

from .component import Component

__all__ = ["Component"]
