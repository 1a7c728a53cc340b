"""The fewest dimensions in which a mixture's forward-reverse experiment can be told."""

import numpy as np

from ..engine.mixtures import GaussianMixture, Mixture
from ..engine.separation import pairs


def reduced(mixture: Mixture) -> Mixture:
    """Return a mixture with the same posteriors before and after noise, centred and in fewer dimensions.

    Gaussians of one covariance (derived here): in its eigenbasis the posteriors at every time depend,
    for each distinct eigenvalue, only on the span of the means' coordinates there, at most `K - 1`
    directions. Other Gaussians are only centred, so that a common offset costs no digits; other
    mixtures are returned as they are.
    """
    if not isinstance(mixture, GaussianMixture):
        return mixture
    if not pairs.same_covariance(mixture):
        return GaussianMixture(mixture.offsets, mixture.covariances, mixture.weights, mixture.covariance_type)
    coordinates, values = pairs.shared_basis(mixture)
    # Equal eigenvalues of a decomposition differ by rounding.
    levels = np.round(np.log(values), 10)
    largest = np.abs(coordinates).max(initial=0.0)
    kept, variances = [], []
    for level in np.unique(levels):
        block = coordinates[:, levels == level]
        left, sizes, _ = np.linalg.svd(block - block.mean(0), full_matrices=False)
        rank = int((sizes > 1e-12 * max(largest, 1e-300)).sum())
        kept.append(left[:, :rank] * sizes[:rank])
        variances += [float(np.exp(level))] * rank
    places = np.concatenate(kept, axis=1)
    if not variances:  # all means are equal
        places, variances = np.zeros((mixture.n_components, 1)), [float(values[0])]
    spread = np.tile(variances, (mixture.n_components, 1))
    return GaussianMixture(places, spread, mixture.weights, "diag")
