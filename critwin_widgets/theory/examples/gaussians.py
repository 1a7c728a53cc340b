"""Gaussian examples: two means (LKC25, Example 1) and random means (LKC25, Example 2)."""

import math
from typing import Any

import numpy as np
from scipy import special

from ...engine._types import TimeLike
from ...engine._validation import check_count, check_eps, check_times, finite_array
from ...engine.mixtures import GaussianMixture
from ...engine.separation import CERTIFIED, EXACT, total_variation
from ..times import ALWAYS_WITHIN, NEVER_SEPARATED, REACHED, SEPARATED, Time
from ..windows import end_time, start_time
from ._example import Example, PrintedBound

_EXAMPLE_1, _EXAMPLE_2 = "LKC25, Example 1", "LKC25, Example 2"


class TwoGaussians(Example):
    """Two Gaussians `N(mu, I)` and `N(-mu, I)` of equal weight; times in OU time.

    Attributes:
        mixture: the mixture; component 0 is at `mu`.
        norm: `|mu|`.
    """

    title, source, unit = "Two Gaussians N(±μ, I)", _EXAMPLE_1, "OU time"

    def __init__(self, mixture: GaussianMixture, norm: float):
        self.mixture, self.norm = mixture, norm

    def total_variation(self, t: TimeLike):
        """Return `TV(p_t^+, p_t^-) = erf(e^{-t} |mu| / sqrt 2)`, with the shape of `t`."""
        return special.erf(np.exp(-check_times(t)) * self.norm / math.sqrt(2.0))

    def after_time(self, eps: float) -> Time:
        """Return `ln(|mu| / (sqrt 2 erf^{-1}(1 - eps^2)))`; "never separated" for means too close."""
        value = math.log(self.norm / (math.sqrt(2.0) * float(special.erfcinv(check_eps(eps) ** 2))))
        if value < 0:
            return Time(math.nan, math.nan, math.nan, NEVER_SEPARATED, EXACT)
        return Time(value, value, value, SEPARATED, EXACT)

    def before_time(self, eps: float) -> Time:
        """Return `ln(|mu| / (sqrt 2 erf^{-1}(2 eps)))`: `TV(p_t^+, p_t) = TV(p_t^+, p_t^-) / 2`."""
        level = check_eps(eps)
        value = math.log(self.norm / (math.sqrt(2.0) * float(special.erfinv(2 * level)))) if level < 0.5 else 0.0
        if value <= 0:
            return Time(0.0, 0.0, 0.0, ALWAYS_WITHIN, EXACT)
        return Time(value, value, value, REACHED, EXACT)

    def printed(self, eps: float) -> tuple[PrintedBound, ...]:
        """Return Example 1's bounds; those of `T_after` exist for `eps < 1 / sqrt 2`.

        The printed `T_after` serves the conclusion `TV <~ eps`; it is no time of Definition 4: at
        `eps = 0.4` the overlap there is 0.255, more than `eps^2 = 0.16`.
        """
        level = check_eps(eps)
        log_norm = math.log(self.norm)
        before = PrintedBound(
            "T_before", "<=", log_norm + math.log(2 / level), "ln‖μ‖ + ln 2 + ln(1/ε)", _EXAMPLE_1, "an upper bound"
        )
        inside = -math.log(2 * level**2)
        if inside <= 0:
            return (before,)
        return (
            before,
            PrintedBound(
                "T_after",
                "=",
                log_norm - math.log(inside),
                "ln‖μ‖ − ln ln(1/(2ε²))",
                _EXAMPLE_1,
                "serves the conclusion TV ≲ ε; separation to 1 − ε² (Definition 4) need not hold there",
            ),
            PrintedBound(
                "T_after",
                "=",
                log_norm - 0.5 * math.log(inside),
                "ln‖μ‖ − ½ ln ln(1/(2ε²))",
                f"{_EXAMPLE_1}, proof",
                "what the proof gives; separation to 1 − ε² (Definition 4) need not hold there",
            ),
        )


def two_gaussians(mu: Any) -> TwoGaussians:
    """Return `N(mu, I)` and `N(-mu, I)` with equal weights (LKC25, Example 1).

    Args:
        mu: the mean, `(d,)`; a number is its length, in one dimension.

    Raises:
        ValueError: `mu` is not finite, is zero, or has more than one axis.
    """
    mean = np.atleast_1d(finite_array("mu", mu, (0, 1)))
    norm = float(np.linalg.norm(mean))
    if norm == 0:
        raise ValueError("mu must not be zero: the two Gaussians would be one")
    return TwoGaussians(GaussianMixture(np.stack([mean, -mean]), 1.0, labels=["+", "−"]), norm)


class RandomMeans(Example):
    """`K` Gaussians `N(mu_i, I)` with means drawn from `N(0, I)`; times in OU time.

    Times are certified brackets (closed forms, no sampling) that hold for these very means; for
    `K = 2` they are exact.

    Attributes:
        mixture: the mixture, equal weights.
        distances: `|mu_0 - mu_j|` for `j >= 1`, `(K - 1,)`.
    """

    title, source, unit = "Random means μᵢ ~ N(0, I)", _EXAMPLE_2, "OU time"

    def __init__(self, mixture: GaussianMixture):
        self.mixture = mixture
        means = mixture.component_means
        self.distances = np.linalg.norm(means[1:] - means[0], axis=1)
        self._method = "auto" if mixture.n_components == 2 else CERTIFIED

    def total_variation(self, t: TimeLike):
        """Return the total variation of component 0 and the nearest other, exact, with the shape of `t`."""
        nearest = 1 + int(np.argmin(self.distances))
        return total_variation(self.mixture, 0, nearest, t).value

    def after_time(self, eps: float) -> Time:
        """Return `T_after` of component 0 among all."""
        return start_time(self.mixture, 0, eps, method=self._method)

    def before_time(self, eps: float) -> Time:
        """Return `T_before` of component 0 among all."""
        return end_time(self.mixture, 0, range(self.mixture.n_components), eps, method=self._method)

    def printed(self, eps: float) -> tuple[PrintedBound, ...]:
        """Return Example 2's bounds, whose difference does not grow with `d`, since all distances do alike.

        The constant of the printed `T_after` makes the overlap at most `eps` there (each pair's is at
        most `exp(-Delta^2 / 8) = eps / K`), where Definition 4 asks for `eps^2`: for small `eps` the
        exact time can lie below it. The same step with `eps^2` gives the third bound (derived here).
        """
        level = check_eps(eps)
        count = self.mixture.n_components
        return (
            PrintedBound(
                "T_before",
                "<=",
                math.log(self.distances.max()) + math.log(1 / level),
                "max_j ln‖μᵢ − μⱼ‖ + ln(1/ε)",
                _EXAMPLE_2,
                "an upper bound",
            ),
            PrintedBound(
                "T_after",
                ">=",
                math.log(self.distances.min()) - 0.5 * math.log(8 * math.log(count / level)),
                "min_j ln‖μᵢ − μⱼ‖ − ½ ln(8 ln(K/ε))",
                _EXAMPLE_2,
                "the overlap is at most ε there; separation to 1 − ε² (Definition 4) need not hold for small ε",
            ),
            PrintedBound(
                "T_after",
                ">=",
                math.log(self.distances.min()) - 0.5 * math.log(8 * math.log(count / level**2)),
                "min_j ln‖μᵢ − μⱼ‖ − ½ ln(8 ln(K/ε²))",
                "derived here",
                "a lower bound",
            ),
        )


def random_means(count: int, dim: int, seed: int = 0) -> RandomMeans:
    """Return `K` Gaussians `N(mu_i, I)` of equal weight with `mu_i ~ N(0, I)` (LKC25, Example 2).

    Args:
        count: number of components `K`, at least 2.
        dim: dimension `d`.
        seed: of the means.

    Raises:
        ValueError: `count < 2`, `dim < 1` or `seed < 0`.
    """
    size = (check_count("count", count, 2), check_count("dim", dim))
    means = np.random.default_rng(check_count("seed", seed, 0)).normal(size=size)
    return RandomMeans(GaussianMixture(means, 1.0))
