"""The horizontal axis of every static picture: noise on the left, data on the right, any clock."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engine.processes import clock as clocks

CLOCK_NAMES = {
    "t": "noise level, as time t of the forward process",
    "sigma": "noise level σ",
    "alpha_bar": "signal left, ᾱ",
    "log_snr": "log signal-to-noise ratio λ",
    "masked": "noise level, as fraction of tokens masked",
    "hidden": "noise level, as tokens hidden",
}

CLOCKS_OF_SYMBOL = {"t": ("t", "sigma", "alpha_bar", "log_snr"), "m": ("masked",), "h": ("hidden",)}
"""Clocks on which times of an index set can be shown, by its symbol; the first is their own unit."""

_OWN = ("t", "masked", "hidden")
"""Clocks that show times as they are stored."""


def clocks_of(tree: Any) -> tuple[str, ...]:
    """The clocks on which a tree's times can be shown; the first is the unit that they are stored in."""
    return CLOCKS_OF_SYMBOL[tree.index.symbol]


def clock_for(tree: Any, clock: str) -> str:
    """The clock to draw a tree with: the one asked for; its own unit where ``"t"``, the default, is none of its clocks.

    Raises:
        ValueError: The clock is unknown, or the tree's times cannot be shown on it.
    """
    known = clocks_of(tree)
    if clock == "t":
        return known[0]
    if clock not in known:
        unit = "" if clock not in CLOCK_NAMES else f" The times of this tree are {tree.index.name}."
        raise ValueError(f"clock is {clock!r}; it must be one of {', '.join(map(repr, known))}.{unit}")
    return clock


SYMBOLS = {"t": "t", "sigma": "σ", "alpha_bar": "ᾱ", "log_snr": "λ", "masked": "m", "hidden": "h"}


@dataclass(frozen=True)
class Axis:
    """Maps OU time to pixels under a clock.

    Attributes:
        clock: "t", "sigma" (log scale), "alpha_bar" (log scale when the picture reaches back to
            where it is below 1e-3) or "log_snr"; "masked" or "hidden" for masked tokens, whose times
            are levels.
        t_min: Smallest time shown on the clocks that are infinite at the data end.
        t_max: Time at the left end, in OU time.
        x0, x1: Pixels of the noise end and of the data end.
    """

    clock: str
    t_min: float
    t_max: float
    x0: float
    x1: float

    def __post_init__(self) -> None:
        if self.clock not in CLOCK_NAMES:
            raise ValueError(f"clock is {self.clock!r}; it must be one of {', '.join(map(repr, CLOCK_NAMES))}.")

    @property
    def t_data(self) -> float:
        """OU time at the right end: 0, or ``t_min`` on a logarithmic clock."""
        return self.t_min if self.clock in ("sigma", "log_snr") else 0.0

    def x(self, t: float | np.ndarray) -> np.ndarray:
        """Pixels of OU times, clipped to the axis."""
        left, right = self._coordinate(self.t_max), self._coordinate(self.t_data)
        here = self._coordinate(np.clip(t, self.t_data, self.t_max))
        return self.x0 + (self.x1 - self.x0) * (left - here) / (left - right)

    def t(self, x: float) -> float:
        """OU time at a pixel; inverse of :meth:`x`."""
        left, right = self._coordinate(self.t_max), self._coordinate(self.t_data)
        share = (x - self.x0) / (self.x1 - self.x0)
        return float(self._time(left + share * (right - left)))

    def times(self, count: int) -> np.ndarray:
        """``count`` OU times whose pixels are evenly spaced, from noise to data."""
        left, right = self._coordinate(self.t_max), self._coordinate(self.t_data)
        return self._time(np.linspace(left, right, count))

    @property
    def logarithmic(self) -> bool:
        """Whether the clock's values are spaced by their logarithm."""
        return self.clock == "sigma" or (self.clock == "alpha_bar" and float(clocks.to_alpha_bar(self.t_max)) < 1e-3)

    def ticks(self, about: int | None = None) -> list[tuple[float, str]]:
        """Positions and labels of round values."""
        about = about or max(int((self.x1 - self.x0) / 85), 2)
        low, high = float(self._value(self.t_data)), float(self._value(self.t_max))
        low, high = min(low, high), max(low, high)
        values = _log_ticks(low, high, about) if self.logarithmic else _linear_ticks(low, high, about)
        if self.clock == "hidden":  # nothing lies between whole numbers
            values = np.unique(np.rint(values))
        places = [(float(self.x(self._time_of(v))), _short(v)) for v in values]
        return [(x, label) for x, label in places if self.x0 - 0.5 <= x <= self.x1 + 0.5]

    def show(self, t: float) -> str:
        """A time in words, in the clock's own units."""
        symbol = SYMBOLS[self.clock]
        value = float(self._value(t))
        return f"{symbol} = {value:.0f}" if self.clock == "hidden" else f"{symbol} = {value:.3g}"

    def _value(self, t):
        if self.clock in _OWN:
            return np.asarray(t, dtype=np.float64)
        return {
            "sigma": lambda: clocks.to_sigma(t),
            "alpha_bar": lambda: clocks.to_alpha_bar(t),
            "log_snr": lambda: clocks.to_log_snr(t),
        }[self.clock]()

    def _time_of(self, value):
        if self.clock in _OWN:
            return np.asarray(value, dtype=np.float64)
        return {
            "sigma": lambda: clocks.from_sigma(value),
            "alpha_bar": lambda: clocks.from_alpha_bar(np.maximum(value, 1e-300)),
            "log_snr": lambda: clocks.from_log_snr(value),
        }[self.clock]()

    def _coordinate(self, t):
        """A number that grows with noise and is drawn linearly."""
        value = self._value(t)
        if self.logarithmic:
            value = np.log(np.maximum(value, 1e-300))
        return -value if self.clock in ("alpha_bar", "log_snr") else value

    def _time(self, coordinate):
        value = -coordinate if self.clock in ("alpha_bar", "log_snr") else coordinate
        if self.logarithmic:
            value = np.exp(value)
        return np.clip(self._time_of(value), self.t_data, self.t_max)


def time_axis_of(tree: Any, clock: str, x0: float, x1: float) -> Axis:
    """The axis of a tree's pictures, over the times that the live picture shows too."""
    return Axis(clock_for(tree, clock), float(tree.t_min), float(tree.t_max), x0, x1)


def _linear_ticks(low: float, high: float, about: int) -> np.ndarray:
    span = max(high - low, 1e-12)
    step = 10.0 ** np.floor(np.log10(span / about))
    for factor in (5, 2):  # round up to 1, 2 or 5 times a power of ten
        if span / (step * factor) >= about:
            step *= factor
            break
    if span / step > 1.6 * about:
        step *= 2
    return step * np.arange(np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9) + 1)


def _log_ticks(low: float, high: float, about: int) -> np.ndarray:
    first, last = int(np.floor(np.log10(low))), int(np.ceil(np.log10(high)))
    mantissas = (1.0, 2.0, 5.0) if 3 * (last - first) <= max(about, 9) else (1.0,)
    step = max(-(-(last - first) // about), 1)
    powers = range(-(-first // step) * step, last + 1, step)
    return np.array([m * 10.0**e for e in powers for m in mantissas if low * 0.999 <= m * 10.0**e <= high * 1.001])


def power_of_ten(exponent: int) -> str:
    """10 with a raised exponent."""
    return "10" + "".join("⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".index(c)] for c in str(exponent))


def _short(value: float) -> str:
    if value > 0 and not 1e-3 <= value < 1e5 and np.isclose(np.log10(value) % 1, 0):
        return power_of_ten(round(np.log10(value)))
    return f"{value + 0.0:.6g}".replace("-", "−")  # adding 0.0 turns a minus zero into a plain one
