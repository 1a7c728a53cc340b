"""How well chains mix: effective sample sizes and split R-hat, on the host in float64.

Both are those of Vehtari et al. (2021), Section 3, without rank normalisation. NumPy rather than
`blackjax.diagnostics`, which compiles about sixty small kernels for every new shape of draws.
"""

import numpy as np


def split_r_hat(draws: np.ndarray) -> np.ndarray:
    """Return split R-hat of draws `(chains, draws, ...)`, shape `(...)`; 1 where all halves agree."""
    half = draws.shape[1] // 2
    parts = np.concatenate([draws[:, :half], draws[:, half : 2 * half]])
    within = parts.var(1, ddof=1).mean(0)
    return np.sqrt((half - 1) / half + parts.mean(1).var(0, ddof=1) / within)


def effective_size(draws: np.ndarray) -> np.ndarray:
    """Return the effective sample size of the mean of draws `(chains, draws, ...)`, shape `(...)`.

    The autocorrelations are summed in pairs as long as these are positive, made monotone (Geyer
    1992); chains that disagree count as one long memory. Antithetic chains may have more than their
    number of draws.
    """
    chains, count = draws.shape[:2]
    means = draws.mean(1, keepdims=True)
    power = np.abs(np.fft.rfft(draws - means, 2 * count, axis=1)) ** 2
    covariance = np.fft.irfft(power, 2 * count, axis=1)[:, :count].mean(0) / (count - 1)
    total = covariance[0] * (count - 1) / count + means[:, 0].var(0, ddof=1)
    correlation = 1.0 - (covariance[0] - covariance) / total
    correlation[0] = 1.0
    even = count // 2 * 2
    pairs = correlation[0:even:2] + correlation[1:even:2]
    pairs = np.minimum.accumulate(pairs, 0) * np.logical_and.accumulate(pairs > 0, 0)
    return chains * count / np.maximum(2.0 * pairs.sum(0) - 1.0, 1.0 / np.log10(chains * count))
