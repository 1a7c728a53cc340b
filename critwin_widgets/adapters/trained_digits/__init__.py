"""A small diffusion model of handwritten digits, trained here, and a classifier of what it makes."""

from .classifier import DigitClassifier, digit_classifier
from .process import DigitsModel, digits_model

__all__ = ["DigitClassifier", "DigitsModel", "digit_classifier", "digits_model"]
