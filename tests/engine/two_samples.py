"""Two-sample tests of laws: points by projections, labels by counts."""

import numpy as np
from scipy import stats

RARE = 1e-4  # with fixed seeds: a p-value below this is a fault, not bad luck


def same_law(a: np.ndarray, b: np.ndarray) -> float:
    """Return the least p-value of Kolmogorov-Smirnov tests on projections in a few directions."""
    directions = np.random.default_rng(0).normal(size=(4, a.shape[1]))
    values = [stats.ks_2samp(a @ u, b @ u).pvalue for u in directions]
    return len(values) * min(values)


def same_labels(a: np.ndarray, b: np.ndarray) -> float:
    """Return the p-value of a chi-squared test that two samples of labels have one law."""
    count = max(a.max(), b.max()) + 1
    table = np.stack([np.bincount(x, minlength=count) for x in (a, b)])
    return stats.chi2_contingency(table[:, table.sum(0) > 0]).pvalue
