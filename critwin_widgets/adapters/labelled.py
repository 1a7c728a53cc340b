"""Labelled data as a Gaussian mixture: one component per observed combination of labels."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine import GaussianMixture
from ..engine._validation import check_choice
from ._labels import Classes, read_classes
from ._optional import require

COVARIANCE_TYPES = ("tied", "full", "diag", "spherical")


def from_labelled(
    X: Any,
    y: Any,
    *,
    covariance_type: str = "tied",
    shrinkage: str | float | None = "ledoit_wolf",
    feature_names: Sequence[str] | None = None,
    image_shape: tuple[int, ...] | None = None,
) -> GaussianMixture:
    """Fit one Gaussian per class to labelled data.

    A class is an observed combination of label values; its weight is its frequency and its mean
    the class mean. Covariances are maximum-likelihood estimates around the class means, pooled
    over classes for ``"tied"``, and shrunk towards a multiple of the identity so that they stay
    positive definite when there are more columns than rows. Distances are taken in the units of
    ``X``: columns of different units should be standardised first.

    Args:
        X: Data, shape ``(n, d)``, or images ``(n, h, w)`` / ``(n, h, w, c)``, which are
            flattened and set ``image_shape``. A pandas DataFrame is accepted.
        y: Labels, shape ``(n,)``; or several features at once as a DataFrame, a mapping from name
            to column, or an ``(n, f)`` array. A plain ``y`` gives one feature named ``y.name`` or
            ``"class"``.
        covariance_type: ``"tied"`` (one ``(d, d)`` matrix for all), ``"full"``, ``"diag"`` or
            ``"spherical"``, with scikit-learn's shapes.
        shrinkage: ``"ledoit_wolf"`` (scikit-learn's estimate), a number in [0, 1], or ``None``.
        feature_names: Names for the columns of ``y`` where it carries none.
        image_shape: ``(h, w)`` or ``(h, w, c)`` with ``h·w·c = d``, for thumbnails. Pixels that
            never change (the border of a digit) are then accepted as long as shrinkage is on.

    Returns:
        The mixture, with ``labels`` and ``features`` filled in.

    Raises:
        ValueError: For missing or constant columns, lengths that differ, a class with a single
            example (its spread, and how far its mean can be trusted, is unknown whatever the
            covariance type), an unknown ``covariance_type`` or a covariance that is not positive
            definite.
        ImportError: When Ledoit–Wolf is asked for and scikit-learn is missing.
    """
    kind = check_choice("covariance_type", covariance_type, COVARIANCE_TYPES)
    amount = _check_shrinkage(shrinkage)
    data, columns, image_shape = _read_data(X, image_shape)
    _check_constant(data, columns, allowed=image_shape is not None and amount not in (None, 0.0))
    classes = read_classes(y, len(data), feature_names)
    for label, rows in zip(classes.labels, classes.members, strict=True):
        if len(rows) < 2:
            raise ValueError(
                f"y: class {label!r} has 1 example; every class needs at least 2 to have a mean and a "
                "spread. Drop that row, or merge the class with another."
            )
    means = np.stack([data[rows].mean(axis=0) for rows in classes.members])
    return GaussianMixture(
        means,
        _covariances(data, means, classes, kind, amount, columns),
        weights=np.array([len(rows) for rows in classes.members]) / len(data),
        covariance_type=kind,
        labels=classes.labels,
        features=classes.features,
        image_shape=image_shape,
    )


def _check_shrinkage(shrinkage: object) -> str | float | None:
    if shrinkage is None:
        return None
    if isinstance(shrinkage, (int, float)) and not isinstance(shrinkage, bool):
        if not 0.0 <= shrinkage <= 1.0:
            raise ValueError(f"shrinkage is {shrinkage!r}; a number must lie in [0, 1].")
        return float(shrinkage)
    return check_choice("shrinkage", shrinkage, ("ledoit_wolf",))


def _read_data(X: Any, image_shape: tuple[int, ...] | None) -> tuple[np.ndarray, list[str], tuple[int, ...] | None]:
    names = [repr(str(c)) for c in X.columns] if hasattr(X, "columns") else None
    try:
        data = np.asarray(X, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"X must hold numbers only: {error}.") from error
    if data.ndim in (3, 4):
        if image_shape is None:
            image_shape = data.shape[1:]
        data = data.reshape(len(data), -1)
    if data.ndim != 2 or data.size == 0:
        raise ValueError(f"X has shape {np.shape(X)}; it must be (n, d) with n, d ≥ 1, or images (n, h, w[, c]).")
    if image_shape is not None and int(np.prod(image_shape)) != data.shape[1]:
        raise ValueError(
            f"image_shape is {tuple(image_shape)}, that is {int(np.prod(image_shape))} numbers, but X has "
            f"{data.shape[1]} columns; the product must equal the number of columns."
        )
    names = names or [str(j) for j in range(data.shape[1])]
    bad = ~np.isfinite(data)
    if bad.any():
        j = int(np.argmax(bad.any(axis=0)))
        others = int(bad.any(axis=0).sum()) - 1
        more = f", and {others} more columns have some" if others else ""
        raise ValueError(
            f"X has {int(bad[:, j].sum())} missing or infinite values in column {names[j]}{more}; "
            "all values must be finite. Drop or fill those rows."
        )
    return data, names, image_shape


def _check_constant(data: np.ndarray, columns: list[str], *, allowed: bool) -> None:
    constant = np.flatnonzero(np.ptp(data, axis=0) == 0.0)
    # With one row every column is constant; the class size is the problem then, and is reported as such.
    if len(constant) and len(data) > 1 and not allowed:
        listed = ", ".join(columns[j] for j in constant[:5]) + (", …" if len(constant) > 5 else "")
        value = data[0, constant[0]]
        raise ValueError(
            f"X is constant in {len(constant)} of {data.shape[1]} columns ({listed}; first value {value:g}); "
            "a column must vary. Drop these columns; for images pass image_shape and keep shrinkage on."
        )


def _covariances(
    data: np.ndarray,
    means: np.ndarray,
    classes: Classes,
    kind: str,
    shrinkage: str | float | None,
    columns: list[str],
) -> np.ndarray:
    centred = [data[rows] - means[k] for k, rows in enumerate(classes.members)]
    if kind == "tied":
        return _shrunk(np.concatenate(centred), shrinkage, "pooled over all classes", columns)
    if kind == "spherical":  # shrinkage keeps the trace, so it does not change a spherical estimate
        variances = np.array([float(np.mean(block**2)) for block in centred])
        for label, variance in zip(classes.labels, variances, strict=True):
            if variance <= 0.0:
                raise ValueError(f"X: all examples of class {label!r} are identical; a class must vary.")
        return variances
    return np.stack(
        [
            _shrunk(block, shrinkage, f"of class {label!r}", columns, diagonal=kind == "diag")
            for label, block in zip(classes.labels, centred, strict=True)
        ]
    )


def _shrunk(
    centred: np.ndarray,
    shrinkage: str | float | None,
    whose: str,
    columns: list[str],
    *,
    diagonal: bool = False,
) -> np.ndarray:
    """Covariance of rows that have mean zero, ``(d, d)`` or its diagonal ``(d,)``, checked positive."""
    n, d = centred.shape
    if shrinkage == "ledoit_wolf":
        module = require("sklearn.covariance", "Ledoit–Wolf shrinkage")
        covariance, _ = module.ledoit_wolf(centred, assume_centered=True)
    else:
        covariance = centred.T @ centred / n
        if isinstance(shrinkage, float):
            level = np.trace(covariance) / d
            covariance = (1 - shrinkage) * covariance + shrinkage * level * np.eye(d)
    variances = np.diag(covariance)
    smallest = float(variances.min() if diagonal else np.linalg.eigvalsh(covariance)[0])
    if not smallest > 1e-12 * float(variances.mean()):
        flat = [columns[j] for j in np.flatnonzero(np.ptp(centred, axis=0) == 0.0)[:5]]
        why = f"column {', '.join(flat)} does not vary there" if flat else f"{n} rows do not span {d} columns"
        raise ValueError(
            f"X: the covariance {whose} is not positive definite with shrinkage={shrinkage!r}: {why}. "
            "Use shrinkage='ledoit_wolf' or a number above 0, or drop redundant columns."
        )
    return variances.copy() if diagonal else covariance
