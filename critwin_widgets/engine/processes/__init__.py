"""Noising processes and their clocks."""

from . import clock
from .ornstein_uhlenbeck import noise_variance, signal

__all__ = ["clock", "noise_variance", "signal"]
