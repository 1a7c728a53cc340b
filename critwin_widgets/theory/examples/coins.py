"""Biased coins read left to right (LKC25, Example 5), exact from binomial tails."""

import math

import numpy as np

from ...engine._validation import check_count, check_eps, finite_array
from ...engine.separation import EXACT
from ..times import ALWAYS_WITHIN, NEVER_SEPARATED, REACHED, SEPARATED, Time
from ._example import Example, PrintedBound

_EXAMPLE_5 = "LKC25, Example 5"


class BiasedCoins(Example):
    """`T` tosses of a coin with heads at `1/2 + Delta` or at `1/2 - Delta`, equally likely.

    At time `t` the last `t` tosses are hidden. What is seen matters through its number of heads
    alone, a binomial; times are whole numbers of hidden tosses.

    Attributes:
        bias: `Delta`.
        length: `T`.
    """

    title, source, unit = "Biased coins ½ ± Δ, read left to right", _EXAMPLE_5, "tokens hidden"

    def __init__(self, bias: float, length: int):
        self.bias, self.length = bias, length

    def overlap(self, t):
        """Return `1 - TV` of the two coins with `t` tosses hidden (whole numbers), accurate when tiny."""
        hidden = finite_array("t", t, (0, 1))
        if (hidden < 0).any() or (hidden > self.length).any() or (hidden != np.round(hidden)).any():
            raise ValueError(f"t must be whole numbers of hidden tosses from 0 to {self.length}, not {t!r}")
        seen = self.length - hidden
        # The fair coin's half splits the two laws; a tie is as likely under both.
        half = np.floor(seen / 2)
        from scipy import stats  # slow to load, and only this example needs it

        few_heads = stats.binom.cdf(half, seen, 0.5 + self.bias)
        many_heads = stats.binom.sf(half, seen, 0.5 - self.bias)
        return few_heads + many_heads

    def total_variation(self, t):
        """Return the total variation of the two coins with `t` tosses hidden (whole numbers)."""
        return 1.0 - self.overlap(t)

    def after_time(self, eps: float) -> Time:
        """Return the most hidden tosses at which the coins are still separated to `1 - eps^2`."""
        level = check_eps(eps) ** 2
        if self.overlap(0) > level:
            return Time(math.nan, math.nan, math.nan, NEVER_SEPARATED, EXACT)
        value = float(self._last(lambda hidden: self.overlap(hidden) <= level))
        return Time(value, value, value, SEPARATED, EXACT)

    def before_time(self, eps: float) -> Time:
        """Return the fewest hidden tosses at which one coin is within `eps` of both: half their distance."""
        level = check_eps(eps)

        def apart(hidden):
            return 0.5 * self.total_variation(hidden) > level

        if not apart(0):
            return Time(0.0, 0.0, 0.0, ALWAYS_WITHIN, EXACT)
        value = float(self._last(apart) + 1)
        return Time(value, value, value, REACHED, EXACT)

    def _last(self, condition) -> int:
        """Return the last hidden count that meets a condition that 0 meets and that fails once and for all."""
        low, high = 0, self.length + 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if condition(middle) else (low, middle)
        return low

    def printed(self, eps: float) -> tuple[PrintedBound, ...]:
        """Return Example 5's approximations.

        They are sufficient conditions: hiding as many tosses as the first says is enough for `eps`,
        and showing as many as the second says is enough for separation (Hoeffding's inequality). So
        the exact `T_before` lies at or below the first and the exact `T_after` at or above the second.
        """
        level = check_eps(eps)
        return (
            PrintedBound(
                "T_before",
                ">=",
                self.length - (level / self.bias) ** 2 + 2,
                "T − ε²/Δ² + 2",
                _EXAMPLE_5,
                "approximation; every such time is late enough",
            ),
            PrintedBound(
                "T_after",
                "<=",
                self.length - math.log(2 / level**2) / (2 * self.bias**2),
                "T − ln(2/ε²)/(2Δ²)",
                _EXAMPLE_5,
                "approximation; every such time is early enough",
            ),
        )


def biased_coins(bias: float, length: int) -> BiasedCoins:
    """Return two coins with heads at `1/2 +- bias`, tossed `length` times (LKC25, Example 5).

    Args:
        bias: `Delta`, strictly between 0 and 1/2.
        length: number of tosses `T`, at least 1.

    Raises:
        ValueError: an argument is out of range.
    """
    value = float(finite_array("bias", bias, 0))
    if not 0.0 < value < 0.5:
        raise ValueError(f"bias must lie strictly between 0 and 1/2, not {value!r}")
    return BiasedCoins(value, check_count("length", length))
