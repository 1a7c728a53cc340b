"""A fitted scikit-learn mixture as ours."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..engine import GaussianMixture
from ._optional import require


def from_sklearn(
    model: Any,
    *,
    labels: Sequence[str] | None = None,
    features: Mapping[str, Sequence[object]] | None = None,
    image_shape: tuple[int, ...] | None = None,
) -> GaussianMixture:
    """Take over a fitted ``sklearn.mixture.GaussianMixture`` (or its Bayesian sibling).

    Args:
        model: The fitted estimator; all four covariance types are understood.
        labels: Unique names of the K components, in the order of ``model.means_``.
        features: Feature name → K values, one per component.
        image_shape: ``(h, w)`` or ``(h, w, c)`` when the columns are pixels.

    Raises:
        TypeError: When ``model`` is something else.
        ValueError: When ``model`` is not fitted, or ``labels`` / ``features`` have the wrong length.
        ImportError: When scikit-learn is missing.
    """
    mixture = require("sklearn.mixture", "from_sklearn")
    if not isinstance(model, (mixture.GaussianMixture, mixture.BayesianGaussianMixture)):
        raise TypeError(
            f"model is a {type(model).__name__}; from_sklearn takes a fitted sklearn.mixture.GaussianMixture "
            "or BayesianGaussianMixture. For data with labels use from_labelled(X, y)."
        )
    if not hasattr(model, "means_"):
        raise ValueError(f"model is a {type(model).__name__} that is not fitted; call model.fit(X) first.")
    count = len(model.means_)
    if labels is not None and len(labels) != count:
        raise ValueError(f"labels has {len(labels)} names but the model has {count} components.")
    for name, values in (features or {}).items():
        if len(values) != count:
            raise ValueError(f"features[{name!r}] has {len(values)} values but the model has {count} components.")
    return GaussianMixture(
        np.asarray(model.means_, dtype=np.float64),
        np.asarray(model.covariances_, dtype=np.float64),
        weights=np.asarray(model.weights_, dtype=np.float64) / np.sum(model.weights_),
        covariance_type=model.covariance_type,
        labels=None if labels is None else [str(label) for label in labels],
        features=None if features is None else {str(k): [str(v) for v in vs] for k, vs in features.items()},
        image_shape=image_shape,
    )
