"""Clocks: one noise level, many names."""

import numpy as np
import pytest

from critwin_widgets.engine.processes import clock, noise_variance, signal

TIMES = np.array([1e-6, 0.01, 0.4407, 1.0, 5.0, 20.0])


@pytest.mark.parametrize("name", ["sigma", "alpha_bar", "log_snr", "flow_time"])
def test_clocks_invert(name):
    there, back = getattr(clock, f"to_{name}"), getattr(clock, f"from_{name}")
    # 1 - u keeps few digits of a late flow time, and 1 - alpha_bar of an early one.
    np.testing.assert_allclose(back(there(TIMES)), TIMES, rtol=1e-5)


def test_clocks_agree_on_the_noise_level():
    ratio = signal(TIMES) ** 2 / noise_variance(TIMES)
    np.testing.assert_allclose(np.exp(clock.to_log_snr(TIMES)), ratio, rtol=1e-9)
    np.testing.assert_allclose(clock.to_sigma(TIMES) ** -2, ratio, rtol=1e-9)
    np.testing.assert_allclose(clock.to_alpha_bar(TIMES) / (1 - clock.to_alpha_bar(TIMES)), ratio, rtol=1e-6)
    assert clock.to_sigma(0.0) == 0
    assert clock.to_alpha_bar(0.0) == 1
    assert np.isinf(clock.to_log_snr(0.0))
