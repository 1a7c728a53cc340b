"""Intervals of estimated overlaps cover the truth as often as they say, from common to one in a million."""

import numpy as np
import pytest
from scipy import stats

from critwin_widgets.engine import GaussianMixture, overlap

SEEDS = 200
# 95 % nominal: fewer hits than this has probability below 0.1 %.
FEWEST = int(stats.binom.ppf(1e-3, SEEDS, 0.95))


def cases():
    """Mixtures in three dimensions that differ along one axis, where the truth is exact, by size of overlap."""
    variances, weights = np.array([1.0, 0.6, 0.8, 1.3]), [0.1, 0.3, 0.2, 0.4]
    for size, distance in ((0.3, 2.6), (1e-2, 6.2), (1e-4, 8.3), (1e-6, 10.2)):
        means = np.array([0.0, 1.0, distance, distance + 1.5])
        line = GaussianMixture(means[:, None], variances, weights)
        places = np.c_[means, np.zeros((4, 2))]
        yield size, line, GaussianMixture(places, np.c_[variances, np.ones((4, 2))], weights, "diag")


@pytest.mark.parametrize(("size", "line", "wide"), list(cases()), ids=["common", "hundredth", "1e-4", "1e-6"])
def test_intervals_cover_the_truth_over_200_seeds(size, line, wide):
    truth = overlap(line, [0, 1], [2, 3], 0.1)
    bracket = overlap(wide, [0, 1], [2, 3], 0.1, method="certified")
    assert truth.method == "exact"
    assert size / 3 < truth.value < size * 3
    assert bracket.low <= truth.value <= bracket.high
    found = [overlap(wide, [0, 1], [2, 3], 0.1, method="estimated", n=128, seed=seed) for seed in range(SEEDS)]
    assert all(bracket.low <= x.low <= x.value <= x.high <= bracket.high for x in found)
    assert sum(x.low <= truth.value <= x.high for x in found) >= FEWEST
    # No bias: the mean over seeds is within its own error.
    values = np.array([x.value for x in found])
    assert abs(values.mean() - truth.value) < 4 * values.std() / np.sqrt(SEEDS)
    # And not by being wide: 512 draws know a rare overlap to a few per cent.
    assert np.mean([x.relative_error for x in found]) < 0.25
