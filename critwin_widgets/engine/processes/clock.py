"""One noise level, many clocks: OU time `t` against sigma, alpha-bar, log-SNR and flow time.

`alpha_bar = exp(-2t)` (VP, DDPM), `sigma = sqrt(exp(2t) - 1)` (VE, EDM), log-SNR
`lambda = -ln(exp(2t) - 1)`, flow-matching time `u = sigma / (1 + sigma)`. All functions take
scalars or arrays and work in float64; at `t = 0` sigma is 0 and log-SNR is infinite.
"""

import numpy as np

CLOCKS = ("t", "sigma", "alpha_bar", "log_snr")
"""Clocks a picture can show; every time is stored as OU time `t`."""


def to_sigma(t):
    """Return `sigma = sqrt(exp(2t) - 1)` for OU times `t >= 0`."""
    return np.sqrt(np.expm1(2.0 * np.asarray(t, dtype=np.float64)))


def from_sigma(sigma):
    """Return the OU time at noise scale `sigma >= 0`."""
    return 0.5 * np.log1p(np.square(np.asarray(sigma, dtype=np.float64)))


def to_alpha_bar(t):
    """Return `alpha_bar = exp(-2t)` for OU times `t >= 0`."""
    return np.exp(-2.0 * np.asarray(t, dtype=np.float64))


def from_alpha_bar(alpha_bar):
    """Return the OU time at which the squared signal is `alpha_bar` in (0, 1]."""
    return -0.5 * np.log(np.asarray(alpha_bar, dtype=np.float64))


def to_log_snr(t):
    """Return `lambda = -ln(exp(2t) - 1)`; infinite at `t = 0`."""
    times = np.asarray(t, dtype=np.float64)
    with np.errstate(divide="ignore"):
        # ln(e^{2t} - 1) = 2t + ln(1 - e^{-2t}) does not overflow for large t.
        return -(2.0 * times + np.log(-np.expm1(-2.0 * times)))


def from_log_snr(log_snr):
    """Return the OU time at log signal-to-noise ratio `log_snr`."""
    return 0.5 * np.logaddexp(0.0, -np.asarray(log_snr, dtype=np.float64))


def to_flow_time(t):
    """Return flow-matching time `u = sigma / (1 + sigma)` in [0, 1)."""
    sigma = to_sigma(t)
    return sigma / (1.0 + sigma)


def from_flow_time(u):
    """Return the OU time at flow-matching time `u` in [0, 1)."""
    flow = np.asarray(u, dtype=np.float64)
    return from_sigma(flow / (1.0 - flow))
