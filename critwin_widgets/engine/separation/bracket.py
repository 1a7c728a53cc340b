"""Certified brackets of overlaps from means, concavities and weights, without any density."""

from typing import Any

import numpy as np

from .._types import Subset, TimeLike
from .._validation import check_times, check_weights, finite_array
from ..mixtures._subsets import resolve
from .concave import check_transport, pair_bounds
from .estimate import CERTIFIED, Estimate
from .table import PairTable


def concave_bracket(
    means: Any,
    concavities: Any,
    weights: Any,
    a: Subset,
    b: Subset,
    t: TimeLike,
    *,
    wasserstein: Any = None,
) -> Estimate:
    """Return a bracket of `O(p_t^A, p_t^B)` that holds for every mixture with these moments.

    Component i may be any `alpha_i`-strongly log-concave density with mean `mu_i` (LC24; the bounds
    are derived here, see `separation/concave.py`). The value is the geometric mean of both ends.

    Args:
        means: `mu_i`, `(K, d)`; `(K,)` is read as one dimension.
        concavities: `alpha_i > 0`, `(K,)`; a number serves all.
        weights: `w_i > 0`, `(K,)`, sum 1; equal when `None`.
        a, b: component indices of each sub-mixture; they may intersect.
        t: OU time or array of times, not negative.
        wasserstein: upper bounds of `W_2` between components before noise, `(K, K)`, where known
            (infinite elsewhere); they sharpen the lower end.

    Raises:
        ValueError: a value that is not finite, `alpha <= 0`, shapes that do not fit, an unknown or
            empty subset, a bad time, or a `wasserstein` that is asymmetric or below a gap of means.
    """
    array = finite_array("means", means, (1, 2))
    array = array[:, None] if array.ndim == 1 else array
    count = len(array)
    if not array.size:
        raise ValueError(f"means must hold at least one component and one dimension, not shape {array.shape}")
    alphas = finite_array("concavities", concavities, (0, 1))
    alphas = np.full(count, float(alphas)) if alphas.ndim == 0 else alphas
    if alphas.shape != (count,):
        raise ValueError(f"concavities must have one entry per component ({count}), not shape {alphas.shape}")
    if (alphas <= 0).any():
        index = int(np.argmax(alphas <= 0))
        raise ValueError(f"concavities must be positive, but concavities[{index}] is {float(alphas[index])!r}")
    shares = check_weights(weights, count)
    times = check_times(t)
    labels = tuple(str(k) for k in range(count))
    masks = [np.isin(np.arange(count), resolve(subset, labels, name)) * shares for subset, name in ((a, "a"), (b, "b"))]
    known = None if wasserstein is None else check_transport(wasserstein, array)
    table = PairTable(
        times.reshape(-1), "concave", *pair_bounds(array - shares @ array, alphas, times.reshape(-1), known)
    )
    low, high = table.bracket(*(mask / mask.sum() for mask in masks))
    low, high = (np.exp(side).reshape(times.shape) for side in (low, high))
    return Estimate(np.sqrt(low) * np.sqrt(high), low, high, CERTIFIED).scalar
