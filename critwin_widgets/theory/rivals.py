"""Rival predictors of when features emerge, on the same clock: speciation, collapse, symmetry breaking.

BBBM24: Biroli, Bonnaire, de Bortoli & Mezard, "Dynamical regimes of diffusion models"
(arXiv:2402.18491). RA23: Raya & Ambrogioni, "Spontaneous symmetry breaking in generative diffusion
models" (arXiv:2305.19693).
"""

import math
from typing import Any

import numpy as np
import xarray as xr

from ..engine._types import TimeLike
from ..engine._validation import check_count, check_times, finite_array
from ..engine.mixtures import GaussianMixture, Mixture
from ..engine.separation import CERTIFIED, ESTIMATED, EXACT, Estimate, Survey
from ._reduce import reduced
from .symmetry import LARGEST, TOO_LARGE, symmetry_breaking_time
from .times import REACHED, Time

NEVER_SPECIATES = "never speciates"

_DENSE = 512
"""Side of the largest matrix that is diagonalised in full."""


def speciation_time(data: Mixture | Any) -> Time:
    """Return `t_S = ln(Lambda) / 2`, Lambda the largest eigenvalue of the data's covariance (BBBM24).

    At `t_S` the signal in the most spread direction is as large as the noise. The argument behind
    it is for two far, equally likely classes along that direction, in high dimension. No `d x d`
    matrix is formed (beyond those that a mixture already holds), so `d = 100,000` is cheap.

    Args:
        data: a mixture, or data points `(n, d)` (their sample covariance, divided by `n`).

    Returns:
        A `Time` (OU time) with status "reached", or "never speciates" when `Lambda <= 1`: the data
        are nowhere wider than the noise. Exact for Gaussian mixtures and for points; for other
        mixtures certified, from the means and the range of the components' variances.

    Raises:
        ValueError: `data` is neither a mixture nor a finite array `(n, d)` with at least two points.
    """
    if isinstance(data, GaussianMixture):
        largest = _mixture_variance(data)
        bounds = (largest, largest, largest)
    elif isinstance(data, Mixture):
        between = _top_of_rows(np.sqrt(np.asarray(data.weights))[:, None] * data.component_offsets)
        narrow, wide = data.variance_range
        bounds = (between + (narrow + wide) / 2, between + narrow, between + wide)
    else:
        points = finite_array("data", data, 2)
        if points.shape[0] < 2 or points.shape[1] < 1:
            raise ValueError(f"data must hold at least two points, not shape {points.shape}")
        largest = _top_of_rows((points - points.mean(0)) / math.sqrt(len(points)))
        bounds = (largest, largest, largest)
    method = EXACT if bounds[1] == bounds[2] else CERTIFIED
    if bounds[0] <= 1.0:
        return Time(math.nan, math.nan, math.nan, NEVER_SPECIATES, method)
    value, low, high = (0.5 * math.log(max(bound, 1.0)) for bound in bounds)
    return Time(value, low, high, REACHED, method)


def _mixture_variance(mixture: GaussianMixture) -> float:
    """Return the largest eigenvalue of `sum_i w_i (Sigma_i + o_i o_i^T)`, o_i the offsets of the means."""
    weights = np.asarray(mixture.weights)
    rows = np.sqrt(weights)[:, None] * mixture.component_offsets
    narrow, wide = mixture.variance_range
    kind, covariances = mixture.covariance_type, np.asarray(mixture.covariances)
    if kind == "spherical":
        return _top_of_rows(rows) + float(weights @ covariances)
    if narrow == wide:
        return _top_of_rows(rows) + wide
    if kind == "diag":
        within = weights @ covariances
        return _top(lambda v: within * v + rows.T @ (rows @ v), mixture.dim)
    within = covariances if kind == "tied" else np.tensordot(weights, covariances, 1)
    return _top(lambda v: within @ v + rows.T @ (rows @ v), mixture.dim)


def _top_of_rows(rows: np.ndarray) -> float:
    """Return the largest eigenvalue of `R^T R` for rows `R`, from the smaller of the two Gram matrices."""
    if rows.shape[0] > rows.shape[1]:
        rows = rows.T
    if len(rows) <= _DENSE:
        return float(max(np.linalg.eigvalsh(rows @ rows.T)[-1], 0.0))
    return _top(lambda v: rows @ (rows.T @ v), len(rows))


def _top(apply, size: int) -> float:
    """Return the largest eigenvalue of a symmetric matrix known by its products with vectors."""
    if size <= _DENSE:
        columns = np.stack([apply(column) for column in np.eye(size)], axis=1)
        return float(np.linalg.eigvalsh((columns + columns.T) / 2)[-1])
    from scipy.sparse.linalg import LinearOperator, eigsh  # slow to load, and only large mixtures need it

    operator = LinearOperator((size, size), matvec=lambda v: apply(np.ravel(v)), dtype=np.float64)  # pyright: ignore[reportCallIssue]
    # A fixed start, not orthogonal to anything in particular: the same data give the same number.
    start = np.random.default_rng(0).normal(size=size)
    return float(eigsh(operator, k=1, which="LA", v0=start, return_eigenvectors=False)[0])


def collapse_time(n: int, dim: int, variance: float = 1.0) -> Time:
    """Return `t_C = ln(1 + variance / (n^{2/d} - 1)) / 2`, when a sampler of `n` points memorises (BBBM24).

    Below `t_C` the exact score of `n` training points pulls each trajectory to one of them. Valid
    for points of one Gaussian class `N(m, variance I)` and for `n` exponential in `d`.

    Args:
        n: number of training points, at least 2.
        dim: dimension `d`, at least 1.
        variance: of the class in each direction, positive.

    Raises:
        ValueError: an argument is out of range.
    """
    count, size = check_count("n", n, 2), check_count("dim", dim)
    spread = float(finite_array("variance", variance, 0))
    if spread <= 0:
        raise ValueError(f"variance must be positive, not {variance!r}")
    # n^{2/d} - 1 without cancellation: d may be far larger than ln n. Beyond e^700 the time is 0.
    growth = math.expm1(min(2.0 * math.log(count) / size, 700.0))
    value = 0.5 * math.log1p(spread / growth)
    return Time(value, value, value, REACHED, EXACT)


def clone_probability(mixture: Mixture, t: TimeLike, *, n: int = 4096, seed: int = 0) -> Estimate:
    """Return the probability that two denoisings of one `Y_t` end in the same component, shape of `t`.

    `phi(t) = sum_k E_{Y ~ p_t}[P(k | Y)^2] = sum_k w_k M_t[k, k]`, from 1 at `t = 0` (for separated
    components) to `sum_k w_k^2`. For two Gaussians `N(+-m, sigma^2 I)` with equal weights it is
    `int (G_+^2 + G_-^2) / (G_+ + G_-) / 2` with `G_+- = N(+-|m| e^{-t}, s_t^2 + sigma^2 e^{-2t})`
    (BBBM24), which at `t_S` tends to 0.775 as `|m|` grows.

    Exact by quadrature on a line (two Gaussians of one covariance in any dimension), otherwise
    estimated from `n` draws per component.

    Raises:
        ValueError: a time is negative or not finite, or `n < 2`.
    """
    times = check_times(t)
    survey = Survey(mixture, times.reshape(-1), check_count("n", n, 2), seed)
    eye = np.eye(mixture.n_components, dtype=bool)
    found = survey.returns(eye, np.ones_like(eye))
    value = found.value @ survey.weights
    # Components are strata with independent draws: their standard errors add in squares.
    reach = np.sqrt(np.square((found.high - found.low) / 2 * survey.weights).sum(-1))
    low, high = np.clip(value - reach, 0.0, 1.0), np.clip(value + reach, 0.0, 1.0)
    value, low, high = (np.reshape(side, times.shape) for side in (value, low, high))
    return Estimate(value, low, high, found.method if found.method == EXACT else ESTIMATED).scalar


_CITATIONS = {
    "speciation": "Biroli, Bonnaire, de Bortoli & Mézard 2024, arXiv:2402.18491",
    "collapse": "Biroli, Bonnaire, de Bortoli & Mézard 2024, arXiv:2402.18491",
    "symmetry breaking": "Raya & Ambrogioni 2023, arXiv:2305.19693",
}
_CONDITIONS = {
    "speciation": "two far classes of equal weight along the most spread direction, in high dimension",
    "collapse": "training points of one isotropic Gaussian class, exponentially many in the dimension",
    "symmetry breaking": "a fixed point of the reverse drift that is central by symmetry; components narrower "
    "than unit variance",
}


def rival_times(mixture: Mixture, n_training: int | None = None) -> xr.Dataset:
    """Return the rivals' times for a mixture, on the OU clock, with citation and condition of validity.

    Args:
        mixture: the mixture.
        n_training: number of training points, for the collapse time of a sampler that knows only
            them; the components' mean variance serves as the class variance.

    Returns:
        Dataset over `rival` ("speciation", "symmetry breaking", and "collapse" when `n_training` is
        given): `time`, `time_low`, `time_high` (NaN where `status` begins with "never"), and the
        strings `status`, `method`, `formula`, `citation` and `condition`. Symmetry breaking is "never
        computed" in more than 512 dimensions after reduction.

    Raises:
        ValueError: `n_training` is not an integer of at least 2.
        TypeError: `mixture` is not a mixture.
    """
    if not isinstance(mixture, Mixture):
        raise TypeError(f"mixture must be a Mixture, not {type(mixture).__name__}")
    if n_training is not None:
        check_count("n_training", n_training, 2)
    found = {"speciation": speciation_time(mixture)}
    if reduced(mixture).dim <= LARGEST:
        found["symmetry breaking"] = symmetry_breaking_time(mixture)
    else:
        found["symmetry breaking"] = Time(math.nan, math.nan, math.nan, TOO_LARGE, ESTIMATED)
    if n_training is not None:
        narrow, wide = mixture.variance_range
        found["collapse"] = collapse_time(n_training, mixture.dim, (narrow + wide) / 2)
    formulas = {
        "speciation": "½ ln Λ",
        "collapse": "½ ln(1 + σ² / (n^(2/d) − 1))",
        "symmetry breaking": "largest eigenvalue of I + 2 Hess ln p_t at the fixed point = 0",
    }
    names = list(found)
    columns = {
        "time": [time.value for time in found.values()],
        "time_low": [time.low for time in found.values()],
        "time_high": [time.high for time in found.values()],
        "status": [time.status for time in found.values()],
        "method": [time.method for time in found.values()],
        "formula": [formulas[name] for name in names],
        "citation": [_CITATIONS[name] for name in names],
        "condition": [_CONDITIONS[name] for name in names],
    }
    return xr.Dataset(
        {name: ("rival", np.array(column)) for name, column in columns.items()},
        coords={"rival": names},
        attrs={"time_units": "OU time"},
    )
