"""Mixtures from scikit-learn and to scikit-learn."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from ..engine import GaussianMixture
from ..engine._validation import check_choice
from ._optional import require


def from_sklearn(
    model: Any,
    *,
    labels: Sequence[str] | None = None,
    features: Mapping[str, Sequence[object]] | None = None,
    image_shape: tuple[int, ...] | None = None,
) -> GaussianMixture:
    """Take over a fitted ``sklearn.mixture.GaussianMixture`` or ``BayesianGaussianMixture``.

    What is taken are ``weights_``, ``means_`` and ``covariances_``, with labels and features added. For
    a Bayesian model these are its plug-in parameters: the spread of the variational posterior is not
    part of our mixture, while the model's own ``score_samples`` averages log-weights and
    log-precisions over it.

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
        weights=np.asarray(model.weights_, dtype=np.float64),
        covariance_type=model.covariance_type,
        labels=None if labels is None else [str(label) for label in labels],
        features=None if features is None else {str(k): [str(v) for v in vs] for k, vs in features.items()},
        image_shape=image_shape,
    )


_CERTAIN = 1e12
"""Observations that a Bayesian model is made to have seen; what is left of its doubt is about d² over this."""


def to_sklearn(mixture: GaussianMixture, *, kind: str = "gaussian") -> Any:
    """Return the mixture as a fitted scikit-learn estimator.

    ``score_samples``, ``predict``, ``predict_proba``, ``sample``, ``aic`` and ``bic`` work on it, and
    ``from_sklearn`` gives the same mixture back. Labels, features and the shape of images have no place
    in scikit-learn; pass them to ``from_sklearn`` again.

    Args:
        mixture: Any of the four covariance types.
        kind: ``"gaussian"`` for a ``GaussianMixture``, ``"bayesian"`` for a ``BayesianGaussianMixture``
            whose posterior is concentrated on these parameters, so that its density agrees with ours.

    Raises:
        TypeError: When ``mixture`` is not a Gaussian mixture.
        ValueError: For an unknown ``kind``.
        ImportError: When scikit-learn is missing.
    """
    if not isinstance(mixture, GaussianMixture):
        raise TypeError(
            f"mixture is a {type(mixture).__name__}; to_sklearn takes a GaussianMixture, because scikit-learn "
            "has no other components."
        )
    check_choice("kind", kind, ("gaussian", "bayesian"))
    module = require("sklearn.mixture", "to_sklearn")
    options: dict[str, Any] = {"n_components": mixture.n_components, "covariance_type": mixture.covariance_type}
    if kind == "gaussian":
        model = module.GaussianMixture(**options)
    else:
        model = module.BayesianGaussianMixture(**options, weight_concentration_prior_type="dirichlet_distribution")
        _make_certain(model, mixture)
    # Copies: an estimator may be fitted again, a mixture never changes.
    model.weights_, model.means_, model.covariances_ = (
        np.array(array, dtype=np.float64) for array in (mixture.weights, mixture.means, mixture.covariances)
    )
    model.precisions_cholesky_, model.precisions_ = _precisions(model.covariances_, mixture.covariance_type)
    model.n_features_in_ = mixture.dim
    # It was never fitted by iteration: converged, after no steps, with no bound of a likelihood.
    model.converged_, model.n_iter_ = True, 0
    model.lower_bound_, model.lower_bounds_ = -np.inf, []
    return model


def _precisions(covariances: np.ndarray, covariance_type: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the factors ``P`` and the precisions ``P Pᵀ`` in scikit-learn's shapes, ``P`` upper triangular."""
    if covariance_type in ("spherical", "diag"):
        return 1.0 / np.sqrt(covariances), 1.0 / covariances
    stack = covariances if covariance_type == "full" else covariances[None]
    eye = np.eye(stack.shape[-1])
    factors = np.stack([solve_triangular(cholesky(one, lower=True), eye, lower=True).T for one in stack])
    precisions = factors @ np.swapaxes(factors, 1, 2)
    return (factors, precisions) if covariance_type == "full" else (factors[0], precisions[0])


def _make_certain(model: Any, mixture: GaussianMixture) -> None:
    weights, means = np.asarray(mixture.weights), np.asarray(mixture.means)
    model.weight_concentration_ = _CERTAIN * weights
    model.mean_precision_ = np.full(len(weights), _CERTAIN)
    model.degrees_of_freedom_ = np.full(len(weights), _CERTAIN)
    # The priors that `fit` would choose by itself.
    model.weight_concentration_prior_ = 1.0 / len(weights)
    model.mean_precision_prior_ = 1.0
    model.mean_prior_ = weights @ means
    model.degrees_of_freedom_prior_ = float(mixture.dim)
    covariances = np.asarray(mixture.covariances)
    tied = mixture.covariance_type == "tied"
    model.covariance_prior_ = covariances.copy() if tied else np.tensordot(weights, covariances, 1)[()]
