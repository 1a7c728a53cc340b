"""How many draws a computation can afford, and the padded sizes that keep shapes few."""

from ..mixtures import GaussianMixture, Mixture
from . import pairs

_BUDGET = 2e11
"""Floating-point operations the passes of a tree may take: about two seconds on two cores."""

_INTERACTIVE = 6e7
"""Operations of an interactive tree, counted as `interactive_draws` does."""

_BUCKETS = (2, 4, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64, 96, 128)

NARROW = 64
"""Dimensions up to which whitened means are taken as they are: projecting them would cost more."""


def bucket(size: int) -> int:
    """Return the padded size: arrays come in few shapes, so a new component rarely recompiles."""
    return next((b for b in _BUCKETS if b >= size), -(-size // 128) * 128)


def draws_per_component(mixture: Mixture, times: int, subsets: int | None = None, wanted: int = 1024) -> int:
    """Return how many draws per component fit two seconds or so, between 64 and `wanted`.

    `subsets` are those that passes serve; as many as a tree has when `None`. The answer depends on
    the bucket of K only, so that a component more or less recompiles nothing.
    """
    count = bucket(mixture.n_components)
    subsets = 6 * count if subsets is None else subsets
    width = _width(mixture)
    if not isinstance(mixture, GaussianMixture):
        wanted = max(64, min(wanted, int(1e8 / (times * count**2))))  # the ratios are kept
    per_draw = times * count * (2 * count * width + 4 * count * subsets + 20 * subsets)
    memory = 5e8 / (4 * count * (4 * count + 6 * subsets))
    return _power_of_two(min(_BUDGET / per_draw, memory), 64, wanted)


def interactive_draws(mixture: Mixture, times: int) -> int:
    """Return how many draws per component fit into some ten milliseconds for a whole tree, 32 to 512."""
    count = bucket(mixture.n_components)
    # For each pair of components and draw: some thirty operations, and those of its log-density.
    return _power_of_two(_INTERACTIVE / (times * count**2 * (30 + 2 * _width(mixture))), 32, 512)


def _width(mixture: Mixture) -> int:
    """Return about how many products a log-density ratio takes."""
    count, dim = bucket(mixture.n_components), mixture.dim
    if not isinstance(mixture, GaussianMixture):
        return 200 * dim  # a density may cost a few hundred operations per coordinate
    if pairs.same_covariance(mixture):
        return min(dim, max(count, NARROW))
    return dim**2 if mixture.covariance_type == "full" else 3 * min(dim, 2 * count)


def _power_of_two(fits: float, least: int, most: int) -> int:
    """Return the largest power of two that fits, within limits: few shapes, few compilations."""
    return most if fits >= most else max(least, 1 << (max(int(fits), 1).bit_length() - 1))
