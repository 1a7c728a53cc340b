"""A component of which only mean and concavity are known: enough for certified brackets."""

from typing import Any

import jax
import numpy as np

from .._types import Array
from .._validation import finite_array
from .component import Component
from .factors import check_number


class Unspecified(Component):
    """Any density with this mean that is `alpha`-strongly log-concave; only certified brackets work.

    `overlap`, `start_time`, `end_time` and `critical_window` with `method="certified"` take a
    `LogConcaveMixture` of these; what needs a density or a draw raises `ValueError`.

    Args:
        mean: `(d,)`, or a number in one dimension.
        concavity: `alpha > 0` with `-Hess ln p >= alpha I`.

    Raises:
        ValueError: a value that is not finite, or `concavity <= 0`.
    """

    centre: Array
    alpha: float

    def __init__(self, mean: Any, concavity: float):
        self.centre = np.atleast_1d(finite_array("mean", mean, (0, 1)))
        if not len(self.centre):
            raise ValueError("mean must have at least one entry")
        self.alpha = check_number("concavity", concavity, positive=True)

    @property
    def dim(self) -> int:
        """Dimension `d`."""
        return len(self.centre)

    @property
    def mean(self) -> np.ndarray:
        """Mean, `(d,)` in float64."""
        return np.asarray(self.centre)

    @property
    def concavity(self) -> float:
        """The `alpha` claimed."""
        return self.alpha

    @property
    def variance_range(self) -> tuple[float, float]:
        """`1 / alpha` twice: the largest variance there can be, and the scale of the rest."""
        return 1.0 / self.alpha, 1.0 / self.alpha

    def log_prob(self, x, t: float = 0.0) -> jax.Array:
        """Raise `ValueError`."""
        raise _missing("log_prob")

    def score(self, x, t: float = 0.0) -> jax.Array:
        """Raise `ValueError`."""
        raise _missing("score")

    def log_prob_error(self, t: float = 0.0) -> float:
        """Return infinity."""
        return float("inf")

    def sample(self, key, n: int) -> jax.Array:
        """Raise `ValueError`."""
        raise _missing("sample")

    def denoise(self, key, y, t: float) -> jax.Array:
        """Raise `ValueError`."""
        raise _missing("denoise")


def _missing(what: str) -> ValueError:
    return ValueError(
        f"{what} needs a density, and this component is known by mean and concavity alone; "
        "use method='certified', or a Gaussian, Product or Potential"
    )
