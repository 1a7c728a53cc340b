"""The kinds of factors: normal, truncated normal, and normal times logistic or generalised normal."""

import dataclasses
import functools
import math
from typing import Any

import numpy as np
from scipy import special

from .._validation import finite_array
from .factor import Factor


def check_number(name: str, value: Any, *, positive: bool = False, infinite: bool = False) -> float:
    """Return `value` as a float, finite unless `infinite`, above 0 if `positive`; else raise `ValueError`."""
    if (
        infinite
        and np.ndim(value) == 0
        and not isinstance(value, str | bytes | bool)
        and value in (-math.inf, math.inf)
    ):
        return float(value)
    if isinstance(value, bool):
        raise ValueError(f"{name} must be a number, not {value!r}")
    number = float(finite_array(name, value, 0))
    if positive and number <= 0:
        raise ValueError(f"{name} must be positive, not {number!r}")
    return number


def _digits(value: float) -> float:
    # Twelve digits: standard forms that differ by rounding are one.
    return float(f"{value:.12g}")


def _settle(factor: Any, *names: str, positive: tuple[str, ...] = ()) -> None:
    for name in names:
        object.__setattr__(factor, name, check_number(name, getattr(factor, name), positive=name in positive))


@dataclasses.dataclass(frozen=True)
class Normal(Factor):
    """The normal density `N(mean, std^2)`; every law is in closed form.

    Args:
        location: mean.
        std: standard deviation, positive.

    Raises:
        ValueError: a value that is not finite, or `std <= 0`.
    """

    location: float
    std: float

    def __post_init__(self):
        _settle(self, "location", "std", positive=("std",))

    @property
    def concavity(self) -> float:
        """`1 / std^2`."""
        return self.std**-2

    @property
    def guess(self) -> float:
        """The mean."""
        return self.location

    @property
    def mean(self) -> float:
        """Mean."""
        return self.location

    @property
    def variance(self) -> float:
        """Variance."""
        return self.std**2

    @functools.cached_property
    def standard(self) -> tuple[Factor, float, float]:
        """The standard normal, with mean and standard deviation."""
        return Normal(0.0, 1.0), self.location, self.std

    def shape(self, x):
        """Return the log-density up to a constant and its slope."""
        z = (x - self.location) / self.std
        return -0.5 * z**2, -z / self.std

    def noised(self, u, sigma):
        """Return `ln g(u)` of `X + sigma Z` with its first and second derivative, in closed form."""
        return _normal(u - self.location, self.std**2 + np.square(sigma))


@dataclasses.dataclass(frozen=True)
class TruncatedNormal(Factor):
    """A normal density `N(location, std^2)` restricted to `[low, high]` and normalised there.

    Args:
        location: mean of the normal before truncation; it may lie outside the interval.
        std: its standard deviation, positive.
        low, high: the interval; either end may be infinite.

    Raises:
        ValueError: a NaN, an infinite `location` or `std`, `std <= 0`, or `low >= high`.
    """

    location: float
    std: float
    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self):
        _settle(self, "location", "std", positive=("std",))
        for name in ("low", "high"):
            object.__setattr__(self, name, check_number(name, getattr(self, name), infinite=True))
        if not self.low < self.high:
            raise ValueError(f"low must be less than high, but low is {self.low!r} and high is {self.high!r}")

    @property
    def concavity(self) -> float:
        """`1 / std^2`."""
        return self.std**-2

    @property
    def support(self) -> tuple[float, float]:
        """`(low, high)`."""
        return self.low, self.high

    @property
    def guess(self) -> float:
        """The mode."""
        return min(max(self.location, self.low), self.high)

    @functools.cached_property
    def standard(self) -> tuple[Factor, float, float]:
        """The truncated standard normal, with `location` and `std`."""
        low, high = (_digits((end - self.location) / self.std) for end in (self.low, self.high))
        return TruncatedNormal(0.0, 1.0, low, high), self.location, self.std

    def shape(self, x):
        """Return the log-density up to a constant and its slope."""
        z, start = (x - self.location) / self.std, (self.guess - self.location) / self.std
        return -0.5 * (z - start) * (z + start), -z / self.std

    def noised(self, u, sigma):
        """Return `ln g(u)` of `X + sigma Z` with its first and second derivative, in closed form.

        `g = N(u; m, std^2 + sigma^2) P(X in [low, high] | u) / P(X in [low, high])`; intervals much
        narrower than the posterior are left to the quadrature, since their mass is a small difference.
        """
        sigma = np.asarray(sigma)
        spread = 1.0 / np.sqrt(self.std**-2 + 1.0 / sigma**2)
        if (self.high - self.low) / spread.min() < 0.05:
            return super().noised(u, sigma)
        total, gap = self.std**2 + sigma**2, u - self.location
        value, slope, curvature = _normal(gap, total)
        inner = self.location + gap * self.std**2 / total
        a, b = (self.low - inner) / spread, (self.high - inner) / spread
        log_mass = _log_between(a, b)
        whole = _log_between((self.low - self.location) / self.std, (self.high - self.location) / self.std)
        # Shares of the density at both cuts; at an infinite cut both share and share times place are 0.
        at_a, at_b = (np.exp(-0.5 * z**2 - 0.5 * math.log(2 * math.pi) - log_mass) for z in (a, b))
        pull = at_a - at_b
        bend = np.where(at_a > 0, at_a * _finite(a), 0.0) - np.where(at_b > 0, at_b * _finite(b), 0.0) - pull**2
        gain = spread / sigma**2
        return value + log_mass - whole, slope + gain * pull, curvature + gain**2 * bend


@dataclasses.dataclass(frozen=True)
class LogisticTimesNormal(Factor):
    """A density proportional to `logistic(x; location, scale) * N(x; mean, std^2)`, not the logit-normal.

    Args:
        location, scale: of the logistic density `sech^2((x - location) / 2 scale) / 4 scale`.
        centre, std: mean and standard deviation of the normal density it is multiplied by.

    Raises:
        ValueError: a value that is not finite, `scale <= 0` or `std <= 0`.
    """

    location: float
    scale: float
    centre: float
    std: float

    def __post_init__(self):
        _settle(self, "location", "scale", "centre", "std", positive=("scale", "std"))

    @property
    def concavity(self) -> float:
        """`1 / std^2`: the logistic density is log-concave and adds at least 0."""
        return self.std**-2

    @property
    def breaks(self) -> tuple[tuple[float, float], ...]:
        """The bend of the logistic density."""
        return ((self.location, self.scale),)

    @property
    def guess(self) -> float:
        """Where the logistic density peaks."""
        return self.location

    @functools.cached_property
    def standard(self) -> tuple[Factor, float, float]:
        """The form with `location` 0 and `scale` 1, with both."""
        centre, std = _digits((self.centre - self.location) / self.scale), _digits(self.std / self.scale)
        return LogisticTimesNormal(0.0, 1.0, centre, std), self.location, self.scale

    def shape(self, x):
        """Return the log-density up to a constant and its slope."""
        y, z = (x - self.location) / self.scale, (x - self.centre) / self.std
        size = np.abs(y)
        small = np.exp(-size)
        value = -size - 2.0 * np.log1p(small) - 0.5 * z**2
        return value, -np.sign(y) * (1.0 - small) / (1.0 + small) / self.scale - z / self.std


@dataclasses.dataclass(frozen=True)
class GeneralisedNormalTimesNormal(Factor):
    """A density proportional to `exp(-|(x - location) / scale|^power) * N(x; mean, std^2)`.

    Args:
        location, scale, power: of the generalised normal density; `power` at least 1 (1 is
            Laplace's density, 2 a normal one, large values are nearly uniform).
        centre, std: mean and standard deviation of the normal density it is multiplied by.

    Raises:
        ValueError: a value that is not finite, `scale <= 0`, `std <= 0` or `power < 1`.
    """

    location: float
    scale: float
    power: float
    centre: float
    std: float

    def __post_init__(self):
        _settle(self, "location", "scale", "power", "centre", "std", positive=("scale", "std"))
        if self.power < 1:
            raise ValueError(f"power must be at least 1 for a log-concave density, not {self.power!r}")

    @property
    def concavity(self) -> float:
        """`1 / std^2`, and `2 / scale^2` more for power 2; other powers have no curvature somewhere."""
        return self.std**-2 + (2.0 / self.scale**2 if self.power == 2 else 0.0)

    @property
    def breaks(self) -> tuple[tuple[float, float], ...]:
        """The kink at `location` (none for power 2), or the shoulders of a flat-topped density."""
        if self.power == 2:
            return ()
        kink = ((self.location, 0.0 if self.power < 6 else self.scale),)
        if self.power <= 4:
            return kink
        width = self.scale / self.power
        return (*kink, (self.location - self.scale, width), (self.location + self.scale, width))

    @property
    def guess(self) -> float:
        """Where the generalised normal density peaks."""
        return self.location

    @functools.cached_property
    def standard(self) -> tuple[Factor, float, float]:
        """The form with `location` 0 and `scale` 1, with both."""
        centre, std = _digits((self.centre - self.location) / self.scale), _digits(self.std / self.scale)
        return GeneralisedNormalTimesNormal(0.0, 1.0, self.power, centre, std), self.location, self.scale

    def shape(self, x):
        """Return the log-density up to a constant and its slope."""
        y, z = (x - self.location) / self.scale, (x - self.centre) / self.std
        size = np.abs(y)
        steep = size ** (self.power - 1.0)
        return -steep * size - 0.5 * z**2, -self.power * np.sign(y) * steep / self.scale - z / self.std


def _normal(gap, variance):
    value = -0.5 * gap**2 / variance - 0.5 * np.log(2 * math.pi * variance)
    return value, -gap / variance, np.broadcast_to(-1.0 / variance, np.shape(value))


def _log_between(a, b):
    """Return `ln (Phi(b) - Phi(a))` for `a < b`, from the tail that is smaller."""
    flip = np.asarray(a) + b > 0
    low, high = np.where(flip, np.negative(b), a), np.where(flip, np.negative(a), b)
    upper = special.log_ndtr(high)
    with np.errstate(divide="ignore"):
        return upper + np.log(-np.expm1(special.log_ndtr(low) - upper))


def _finite(z):
    return np.where(np.isfinite(z), z, 0.0)
