"""Noising processes and their clocks."""

from . import clock
from .index_set import IndexSet
from .ornstein_uhlenbeck import noise_variance, signal
from .process import Process, fold_seeds, repeat_seeds, row_seeds

__all__ = ["IndexSet", "Process", "clock", "fold_seeds", "noise_variance", "repeat_seeds", "row_seeds", "signal"]
