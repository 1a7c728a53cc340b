"""Which digit an image shows, and what its strokes have in common with other digits'."""

import functools
from typing import Any

import numpy as np

from ...engine._digest import digest
from .._optional import require
from .images import split_digits

LOOPS = {"0": "one", "1": "none", "2": "none", "3": "none", "4": "none"} | {
    "5": "none", "6": "one", "7": "none", "8": "two", "9": "one"
}  # fmt: skip
"""Closed loops in each digit, as most people write it (many of these fours are open)."""


class DigitClassifier:
    """Two features of images `(B, 64)`: `digit`, and `loops`, the closed loops of that digit.

    A support vector machine on the pixels, trained on the images that the model was trained on.

    Attributes:
        features: the values of each feature.
        held_out_accuracy: share of the 360 images held out whose digit is told right.
    """

    features = {"digit": tuple("0123456789"), "loops": ("none", "one", "two")}  # noqa: RUF012

    def __init__(self):
        svm = require("sklearn.svm", "The classifier of digits")
        split = split_digits()
        self._estimator = svm.SVC(C=10.0).fit(split.members, split.member_digits)
        self.held_out_accuracy = float(self._estimator.score(split.non_members, split.non_member_digits))

    def __call__(self, images: Any) -> dict[str, np.ndarray]:
        """Return the values of both features, text `(B,)` each.

        Args:
            images: grey levels in [-1, 1], `(B, 64)`.
        """
        digits = self._estimator.predict(np.asarray(images))
        return {"digit": digits, "loops": np.array([LOOPS[digit] for digit in digits.tolist()], object)}

    @property
    def fingerprint(self) -> str:
        """The classifier in one line: what tells two studies apart."""
        # The images that it rests on decide all else, whose last digits differ between machines.
        own = self._estimator
        return f"DigitClassifier({digest(own.get_params(), own.classes_, own.support_vectors_)})"

    def __repr__(self) -> str:
        return f"DigitClassifier(held-out accuracy {self.held_out_accuracy:.1%})"


@functools.cache
def digit_classifier() -> DigitClassifier:
    """Return the classifier of handwritten digits, trained on first use in less than a second.

    Raises:
        ImportError: scikit-learn is missing.
    """
    return DigitClassifier()
