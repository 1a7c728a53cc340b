"""Gaussians on a line under the Ornstein-Uhlenbeck process, in a few lines of NumPy: quick, and known in law."""

import math

import numpy as np

from critwin_widgets.engine import GaussianMixture
from critwin_widgets.engine.processes import IndexSet, Process, fold_seeds, repeat_seeds, row_seeds

PLACES = np.array([-4.0, -1.5, 4.0])
WEIGHTS = np.array([0.3, 0.3, 0.4])
SPREAD = 0.2
SIDE, NAMES = ("left", "left", "right"), ("a", "b", "c")
MIXTURE = GaussianMixture(
    PLACES[:, None], np.full(3, SPREAD), WEIGHTS, labels=NAMES, features={"side": SIDE, "which": NAMES}
)


class Line(Process):
    """Three Gaussians of one variance."""

    index = IndexSet("OU time", "t", 0.0, math.inf)
    start_level = 12.0

    def __init__(self, components=None):
        self.components = components
        self.features = {"side": SIDE, "which": NAMES}
        self.calls = 0  # samples denoised

    def __repr__(self):
        return "Line()"

    def sample(self, key, n):
        """Draw points of the mixture."""
        seeds = row_seeds(key, n)
        which = np.searchsorted(np.cumsum(WEIGHTS), _uniform(seeds, 0))
        return (PLACES[which] + math.sqrt(SPREAD) * _normal(seeds, 1))[:, None]

    def noise(self, x, level, key):
        z = _normal(row_seeds(key, len(x)), 2)[:, None]
        return math.exp(-level) * np.asarray(x) + math.sqrt(-math.expm1(-2 * level)) * z

    def posterior(self, y, level):
        a, s2 = math.exp(-level), -math.expm1(-2 * level)
        logs = np.log(WEIGHTS) - 0.5 * (np.asarray(y) - a * PLACES) ** 2 / (a * a * SPREAD + s2)
        chances = np.exp(logs - logs.max(axis=1, keepdims=True))
        return chances / chances.sum(axis=1, keepdims=True)

    def denoise(self, y, level, key, n=1, to=None):
        self.calls += len(y) * n
        seeds = repeat_seeds(row_seeds(key, len(y)), n)
        y, target = np.repeat(np.asarray(y), n, axis=0), 0.0 if to is None else to
        below = np.cumsum(self.posterior(y, level), axis=1)
        which = np.minimum((below <= _uniform(seeds, 3)[:, None]).sum(axis=1), 2)
        # Given the component all is Gaussian: X | Y, then Y_to | X, Y.
        a, s2 = math.exp(-level), -math.expm1(-2 * level)
        gain = a * SPREAD / (a * a * SPREAD + s2)
        mean = PLACES[which] + gain * (y[:, 0] - a * PLACES[which])
        x = mean + math.sqrt(SPREAD * (1 - a * gain)) * _normal(seeds, 4)
        if target == 0.0:
            return x[:, None]
        b, r2, c = math.exp(-target), -math.expm1(-2 * target), math.exp(target - level)
        pull = c * r2 / s2
        bridge = b * x + pull * (y[:, 0] - a * x) + math.sqrt(max(r2 * (1 - c * pull), 0.0)) * _normal(seeds, 5)
        return bridge[:, None]

    def prior(self, key, n):
        return _normal(row_seeds(key, n), 6)[:, None]


def nearest(samples):
    """Classify points by the nearest mean."""
    which = np.abs(np.asarray(samples) - PLACES).argmin(axis=1)
    return {"side": np.array(SIDE)[which], "which": np.array(NAMES)[which]}


nearest.features = {"side": ("left", "right"), "which": NAMES}


def _uniform(seeds, stream):
    return (fold_seeds(seeds, stream).astype(float) + 0.5) * 2.0**-63


def _normal(seeds, stream):
    from scipy.special import ndtri

    return ndtri(_uniform(seeds, stream))
