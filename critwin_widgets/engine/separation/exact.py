"""Which overlaps and returns are exact, what they cost, and their values.

*Exact* is a closed form, or a quadrature whose own error estimate is below `TOLERANCE`. The error
that a quadrature reached is kept, so that a caller can turn to another method when it is larger.
"""

import numpy as np
from jaxtyping import Float

from .._types import Curves, PerTime, SubsetMasks, SubsetWeights
from ..mixtures import GaussianMixture, LogConcaveMixture, Mixture
from . import line, numeric, plane, slices

TOLERANCE = 1e-6
"""Largest relative error of a quadrature that may call itself exact."""

LONGEST = 3600.0
"""Seconds beyond which an exact answer is refused rather than begun."""

LINE, PLANE, NUMERIC = "line", "plane", "numeric"

NEEDS = (
    "needs components on a line or a plane: at most two dimensions, or one covariance and means that span "
    "at most two, and no component whose density is estimated; use 'auto', 'certified' or 'estimated'"
)
"""The end of an error message about a missing exact method."""


def kind_of(mixture: Mixture) -> str | None:
    """Return how the mixture's overlaps are exact: "line", "plane", "numeric" (any density), or `None`."""
    zero = np.zeros(1)
    if not isinstance(mixture, GaussianMixture):
        # A quadrature of an estimate is an estimate, however fine.
        estimated = isinstance(mixture, LogConcaveMixture) and any(c.estimated for c in mixture.components)
        return NUMERIC if mixture.dim <= 2 and not estimated else None
    if line.line_of(mixture, zero) is not None:
        return LINE
    return PLANE if plane.plane_of(mixture, zero) is not None else None


def overlap_seconds(kind: str, mixture: Mixture, times: int, pairs: int) -> float:
    """Return about how long `log_overlaps` takes on one core; a model, so that choices do not vary by machine.

    Args:
        kind: from `kind_of`.
        mixture: the mixture.
        times: how many times are asked for.
        pairs: pairs of components, one from each sub-mixture; summed over questions.
    """
    count = mixture.n_components
    slice_ = 1e-7 * count * (33 * count + 2 * pairs)
    if kind == NUMERIC:
        return times * (0.02 if mixture.dim == 1 else 0.5) * count
    return times * slice_ * (1.0 if kind == LINE else 800.0)


def return_seconds(kind: str, mixture: Mixture, times: int, sets: int) -> float:
    """Return about how long `returns` takes on one core."""
    count = mixture.n_components
    if kind == LINE:
        return times * 2e-7 * 400 * count * (count + sets)
    return times * 4e-8 * 200_000 * (count + 2 * sets) * (5.0 if kind == NUMERIC else 1.0)


def log_overlaps(
    kind: str, mixture: Mixture, times: PerTime, a: Float[np.ndarray, "K"], b: Float[np.ndarray, "K"]
) -> tuple[PerTime, PerTime]:
    """Return `ln O(P, Q)` at all times and its relative error, `(T,)` each; `a`, `b` normalised weights."""
    if kind == NUMERIC:
        return numeric.log_overlaps(mixture, times, a, b)
    if kind == LINE:
        placed = line.line_of(mixture, times)
        assert placed is not None, "kind_of found a line"
        with np.errstate(divide="ignore"):
            log_a, log_b = (np.tile(np.log(x), (len(times), 1)) for x in (a, b))
        # Rounding of the masses: a few units in the last place of each logarithm.
        return np.minimum(slices.log_min_on_lines(log_a, log_b, *placed), 0.0), np.full(len(times), 1e-12)
    spread = plane.plane_of(mixture, times)
    assert spread is not None, "kind_of found a plane"
    found = [plane.log_overlap_on_plane(*place, a, b) for place in zip(*spread, strict=True)]
    return np.minimum([x.log_value for x in found], 0.0), np.array([x.relative_error for x in found])


def returns(
    kind: str,
    mixture: Mixture,
    times: PerTime,
    sets: SubsetMasks,
    contexts: SubsetMasks,
    sources: SubsetWeights,
    with_logs: bool,
) -> tuple[Curves, Curves, float]:
    """Return `E[P(set | Y, context)]` and `E[ln ...]` over draws from `sources`, `(T, M)`, and the largest error."""
    weights = np.asarray(mixture.weights)
    if kind == NUMERIC:
        return numeric.returns(mixture, times, sets, contexts, sources, with_logs)
    if kind == LINE:
        placed = line.line_of(mixture, times)
        assert placed is not None, "kind_of found a line"
        return *line.returns_on_line(*placed, weights, sets, contexts, sources), 0.0
    spread = plane.plane_of(mixture, times)
    assert spread is not None, "kind_of found a plane"
    return plane.returns_on_plane(spread, weights, sets, contexts, sources, with_logs)
