"""Is a log-density as concave as it is said to be? Checked at points, by the eigenvalues of its Hessian."""

import equinox as eqx
import jax
import numpy as np

from .._validation import finite_array

CHECKED = 64
"""Points of one check; fewer in high dimension, where a Hessian is large."""


@eqx.filter_jit
def _hessians(log_density, points):
    return jax.lax.map(jax.hessian(log_density), points)


def check_curvature(log_density, points: np.ndarray, concavity: float) -> None:
    """Raise `ValueError` where the Hessian's largest eigenvalue is above `-concavity`.

    The tolerance, `1e-3 concavity` and 2e-6 of the largest curvature, covers the rounding of a
    log-density that computes in float32.

    Args:
        log_density: function of one point `(d,)`.
        points: `(n, d)`.
        concavity: what is claimed.
    """
    count = int(np.clip(2**22 // points.shape[1] ** 2, 4, CHECKED))
    points = np.resize(points, (min(count, CHECKED), points.shape[1]))
    found = np.asarray(_hessians(log_density, points), np.float64)
    for point, hessian in zip(points, found, strict=True):
        if not np.isfinite(hessian).all():
            raise ValueError(f"log_density has no finite second derivatives at x = {show(point)}")
        values = np.linalg.eigvalsh((hessian + hessian.T) / 2)
        worst = float(values[-1])
        if worst > -concavity * (1 - 1e-3) + 2e-6 * float(np.abs(values).max()):
            remedy = f"lower concavity to at most {-worst:.4g}" if worst < 0 else "it is not log-concave there"
            raise ValueError(
                f"log_density is not {concavity:g}-strongly log-concave: at x = {show(point)} the largest "
                f"eigenvalue of its Hessian is {worst:.6g}, above {-concavity:.6g}; {remedy}"
            )


def show(point: np.ndarray) -> str:
    """Return a point in short, at most six coordinates."""
    shown = ", ".join(f"{value:.6g}" for value in finite_array("point", point, 1)[:6])
    return f"[{shown}{', ...' if len(point) > 6 else ''}]"
