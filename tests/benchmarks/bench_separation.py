"""Overlaps: rare ones against plain draws, exact ones on a plane against a grid."""

from __future__ import annotations

import numpy as np

from critwin_widgets.engine import GaussianMixture, overlap
from tests.benchmarks.rows import Row
from tests.benchmarks.timing import median

_RTOL = 0.01


def run() -> list[Row]:
    """Times an overlap of 1e-6 to one per cent, and an exact overlap on a plane."""
    means, variances = np.array([0.0, 1.0, 10.2, 11.7]), np.array([1.0, 0.6, 0.8, 1.3])
    deep = GaussianMixture(np.c_[means, np.zeros((4, 2))], np.c_[variances, np.ones((4, 2))], covariance_type="diag")
    value = float(overlap(deep, [0, 1], [2, 3], 0.1, rtol=_RTOL, budget=60.0))
    rare = median(lambda: overlap(deep, [0, 1], [2, 3], 0.1, rtol=_RTOL, budget=60.0, method="estimated"))
    # Draws of min(p, q) / ((p + q) / 2) vary by 1 / O relative to their mean.
    needed = (1.96 / _RTOL) ** 2 / value
    plain = _plain_seconds(deep, 1 << 18) * needed / (1 << 18)
    rows = [
        Row(
            f"overlap of {value:.1e} to 1 %", 1e3 * rare, "ms", f"{needed:.1e} plain draws, {plain:.0f} s", rare / plain
        )
    ]
    flat = GaussianMixture(deep.means[:, :2], deep.covariances[:, :2], covariance_type="diag")
    exact = median(lambda: overlap(flat, [0, 1], [2, 3], 0.1, method="exact"))
    grid = median(lambda: _grid(flat, 1000))
    rows.append(
        Row(
            "exact overlap on a plane, 1e-9",
            1e3 * exact,
            "ms",
            f"a grid of 1e6 points, {1e3 * grid:.0f} ms",
            exact / grid,
        )
    )
    return rows


def _plain_seconds(mixture: GaussianMixture, draws: int) -> float:
    noised = mixture.at(0.1)

    def once() -> None:
        x = noised.sample(0, draws)
        np.minimum(*(np.asarray(noised.log_prob(x, side)) for side in ([0, 1], [2, 3])))

    return median(once)


def _grid(mixture: GaussianMixture, size: int) -> float:
    noised = mixture.at(0.1)
    axes = [np.linspace(-8.0, 20.0, size), np.linspace(-9.0, 9.0, size)]
    points = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
    p, q = (np.exp(np.asarray(noised.log_prob(points, side))) for side in ([0, 1], [2, 3]))
    return float(np.minimum(p, q).sum())
