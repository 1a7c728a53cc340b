"""The forward process dX = -X dt + sqrt(2) dB: `Y_t = a_t X + s_t Z` (LKC25, section 2)."""

import jax
import jax.numpy as jnp
import numpy as np

from .._types import TimeLike


def _namespace(t: TimeLike):
    return jnp if isinstance(t, jax.Array) else np


def signal(t: TimeLike):
    """Return `a_t = exp(-t)`, the factor that multiplies the data at OU time `t`."""
    return _namespace(t).exp(-t)  # pyright: ignore[reportArgumentType, reportOperatorIssue]


def noise_variance(t: TimeLike):
    """Return `s_t^2 = 1 - exp(-2t)`, the variance of the added noise, accurate for small `t`."""
    return -_namespace(t).expm1(-2.0 * t)  # pyright: ignore[reportArgumentType, reportOperatorIssue]
