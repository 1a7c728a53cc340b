"""A number that says how it is known."""

import dataclasses
from typing import Any

import numpy as np

EXACT, CERTIFIED, ESTIMATED = "exact", "certified", "estimated"
METHODS = (EXACT, CERTIFIED, ESTIMATED)
CONFIDENCE_Z = 1.959963984540054
"""Normal quantile of the two-sided 95 % intervals that estimates carry."""

COMPLETE, BUDGET_SPENT = "complete", "budget spent"

_SMALLEST = np.nextafter(0.0, 1.0)


class BudgetWarning(UserWarning):
    """The time allowed ran out before the wanted relative error was reached; the result says what was."""


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A value (scalar, or an array over times) with an interval and the way it is known.

    Attributes:
        value: best value.
        low, high: *exact*: equal to `value`; *certified*: a bracket that holds always;
            *estimated*: a 95 % confidence interval, cut to the certified bracket.
        method: "exact", "certified" or "estimated".
        status: "complete", or "budget spent" when a wanted relative error was not reached in time.
        log_value: for overlaps, the natural logarithm of the value, finite where the value itself is
            below the smallest float (then `low` is 0 and `high` is the smallest float above it).
    """

    value: Any  # a float, or an array over times: checkers cannot tell which
    low: Any
    high: Any
    method: str
    status: str = COMPLETE
    log_value: Any = dataclasses.field(default=None, compare=False, repr=False)

    @staticmethod
    def from_logs(logs: "Estimate") -> "Estimate":
        """Return the numbers whose logarithms are given; underflow shows in the interval, not as a plain 0."""
        value, low, high = (np.exp(np.minimum(x, 0.0)) for x in (logs.value, logs.low, logs.high))
        high = np.where((high == 0.0) & (np.asarray(logs.high) > -np.inf), _SMALLEST, high)
        return Estimate(value, low, high, logs.method, logs.status, logs.value)

    @property
    def relative_error(self) -> Any:
        """Half the width of the interval over the value; 0 when exact, infinite where the value is 0."""
        if self.method == EXACT:
            return np.zeros(np.shape(self.value)) if np.ndim(self.value) else 0.0
        with np.errstate(divide="ignore", invalid="ignore"):
            half = (np.asarray(self.high) - np.asarray(self.low)) / 2
            found = np.where(np.asarray(self.value) == 0.0, np.inf, half / np.abs(self.value))
        return float(found) if np.ndim(found) == 0 else found

    @property
    def scalar(self) -> "Estimate":
        """The same with floats in place of zero-dimensional arrays."""
        if np.ndim(self.value):
            return self
        log_value = None if self.log_value is None else float(self.log_value)
        return Estimate(float(self.value), float(self.low), float(self.high), self.method, self.status, log_value)

    def reshaped(self, shape: tuple[int, ...]) -> "Estimate":
        """Return the same with arrays of another shape, floats for an empty one."""
        value, low, high = (np.reshape(x, shape) for x in (self.value, self.low, self.high))
        logs = None if self.log_value is None else np.reshape(self.log_value, shape)
        return Estimate(value, low, high, self.method, self.status, logs).scalar

    def complement(self) -> "Estimate":
        """Return `1 - value` with its interval, as from overlap to total variation."""
        return Estimate(1.0 - self.value, 1.0 - self.high, 1.0 - self.low, self.method, self.status)

    def __float__(self) -> float:
        return float(self.value)

    def __str__(self) -> str:
        if np.ndim(self.value):
            return f"{self.method} values at {np.size(self.value)} times"
        end = f", {self.status})" if self.status != COMPLETE else ")"
        if self.method == EXACT:
            return f"{self.value:.4g} (exact{end}"
        return f"{self.value:.4g} in [{self.low:.4g}, {self.high:.4g}] ({self.method}{end}"
