"""A number that says how it is known."""

import dataclasses
from typing import Any

import numpy as np

EXACT, CERTIFIED, ESTIMATED = "exact", "certified", "estimated"
METHODS = (EXACT, CERTIFIED, ESTIMATED)
CONFIDENCE_Z = 1.959963984540054
"""Normal quantile of the two-sided 95 % intervals that estimates carry."""


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A value (scalar, or an array over times) with an interval and the way it is known.

    Attributes:
        value: best value.
        low, high: *exact*: equal to `value`; *certified*: a bracket that holds always;
            *estimated*: a 95 % confidence interval, cut to the certified bracket.
        method: "exact", "certified" or "estimated".
    """

    value: Any  # a float, or an array over times: checkers cannot tell which
    low: Any
    high: Any
    method: str

    @property
    def scalar(self) -> "Estimate":
        """The same with floats in place of zero-dimensional arrays."""
        if np.ndim(self.value):
            return self
        return Estimate(float(self.value), float(self.low), float(self.high), self.method)

    def complement(self) -> "Estimate":
        """Return `1 - value` with its interval, as from overlap to total variation."""
        return Estimate(1.0 - self.value, 1.0 - self.high, 1.0 - self.low, self.method)

    def __float__(self) -> float:
        return float(self.value)

    def __str__(self) -> str:
        if np.ndim(self.value):
            return f"{self.method} values at {np.size(self.value)} times"
        if self.method == EXACT:
            return f"{self.value:.4g} (exact)"
        return f"{self.value:.4g} in [{self.low:.4g}, {self.high:.4g}] ({self.method})"
