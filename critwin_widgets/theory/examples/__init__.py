"""Examples with known answers: exact critical windows, with the papers' printed bounds beside them.

LKC25: Li, Karan & Chen, "Blink of an eye: a simple theory for feature localization in generative
models" (ICML 2025, arXiv:2502.00921). Each example names its own clock in `unit`.
"""

from ._example import Example, PrintedBound
from .coins import BiasedCoins, biased_coins
from .gaussians import RandomMeans, TwoGaussians, random_means, two_gaussians
from .strings import MaskedStrings, masked_strings, symbol_tree

__all__ = [
    "BiasedCoins",
    "Example",
    "MaskedStrings",
    "PrintedBound",
    "RandomMeans",
    "TwoGaussians",
    "biased_coins",
    "masked_strings",
    "random_means",
    "symbol_tree",
    "two_gaussians",
]
