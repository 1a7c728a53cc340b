"""Shape aliases, named once and used by every module of the engine.

Letters in the annotations: `K` components, `d` dimensions of the data, `T` times, `n` samples per
component, `B` points of a batch, `M` subsets.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Bool, Float

Array = jax.Array | np.ndarray
"""Host (NumPy) or device (JAX) array."""

PerTime = Float[np.ndarray, "T"]
Curves = Float[np.ndarray, "T M"]
PairCurves = Float[np.ndarray, "T K K"]
Places = Float[np.ndarray, "T K"]
SubsetWeights = Float[np.ndarray, "K M"]
SubsetMasks = Bool[np.ndarray, "K M"]

Subset = Iterable[int | str] | int | str
"""A set of components, by index, by label, or mixed; a single index or label stands for one."""

Features = Mapping[str, Sequence[Any]]
"""For each feature, its value on every component."""

TimeLike = float | int | Sequence[float] | np.ndarray | jax.Array
"""Ornstein-Uhlenbeck time, a scalar or an array."""
