"""The trained digits model as a process: noise a digit, denoise it with the network."""

import functools
import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ...engine._digest import digest
from ...engine._validation import check_choice, check_count, check_points
from ...engine.processes import IndexSet, Process, noise_variance, repeat_seeds, row_seeds, signal
from ...engine.processes._draws import NOISE, POINT, jax_keys, normals
from ...engine.processes.clock import from_sigma, to_sigma
from ...engine.processes.diffusion import check_stop
from .._optional import require
from .images import split_digits
from .network import PIXELS, WEIGHTS, Denoiser, from_arrays

SAMPLERS = STOCHASTIC, ODE = ("stochastic", "ode")

_SIGMA_MAX = 80.0
_SIGMA_MIN = 0.03
"""Noise scale of the last step but one; a fraction of one of 17 grey levels is left."""
_ROWS = 4096
"""Rows denoised at a time; fewer are padded to a power of two, so that few shapes are compiled."""


class DigitsModel(Process):
    """A diffusion model trained on handwritten digits of 8 x 8 pixels; its level is OU time `t`.

    Samples are images `(B, 64)`, grey levels in [-1, 1]. Noise is the Ornstein-Uhlenbeck process.
    Denoising integrates the reverse process of the network's score `(D(x, sigma) - x) / sigma^2` in
    `sigma = sqrt(exp(2t) - 1)` (Karras et al. 2022, whose preconditioning the network has): the reverse
    SDE by a two-step solver of second order (Lu et al. 2022, DPM-Solver++), or the deterministic
    probability flow by Heun's method.

    Args:
        network: the denoiser.
        sampler: "stochastic" or "ode"; the second gives the same image for every draw.
        steps: levels from pure noise to data; from a lower level only the rest of them is taken.

    Attributes:
        members, non_members: images trained on and held out, `(1437, 64)` and `(360, 64)`.
        member_digits, non_member_digits: the digit of each.
        image_shape: `(8, 8)`.

    Raises:
        ValueError: an unknown sampler, or fewer than 2 steps.
    """

    image_shape = (8, 8)

    def __init__(self, network: Denoiser, sampler: str = STOCHASTIC, steps: int = 64):
        self.network = network
        self.sampler = check_choice("sampler", sampler, SAMPLERS)
        self.steps = check_count("steps", steps, 2)
        self.index = IndexSet("OU time", "t", 0.0, float(from_sigma(_SIGMA_MAX)))

    def prior(self, key: Any, n: int) -> np.ndarray:
        """Return `n` draws of `N(0, I)`, `(n, 64)`, the law of `Y` at `start_level` but for 1 % of the signal."""
        return normals(row_seeds(key, check_count("n", n)), NOISE, PIXELS)

    def noise(self, x: Any, level: float, key: Any) -> np.ndarray:
        """Return `Y_level = e^{-t} x + sqrt(1 - e^{-2t}) Z`, `(B, 64)`.

        Args:
            x: images, `(B, 64)`.
            level: OU time in [0, 4.38].
            key: an integer seed, or one for each row `(B,)`.

        Raises:
            ValueError: a shape that does not fit, or a level outside.
        """
        images, time = _images(x, "x"), self.index.check(level)
        z = normals(row_seeds(key, len(images)), NOISE, PIXELS)
        return np.asarray(signal(time) * images + math.sqrt(noise_variance(time)) * z)

    def denoise(self, y: Any, level: float, key: Any, n: int = 1, to: float | None = None) -> np.ndarray:
        """Return `n` images the network makes of each noised one, `(B * n, 64)`.

        Args:
            y: images at `level`, `(B, 64)`.
            level: OU time in [0, 4.38].
            key: an integer seed, or one for each row `(B,)`.
            n: draws for each row; those of a row follow each other.
            to: a lower OU time at which to stop; 0 when `None`.

        Raises:
            ValueError: a shape that does not fit, a level outside, or `to` above `level`.
        """
        images, time = _images(y, "y"), self.index.check(level)
        seeds = repeat_seeds(row_seeds(key, len(images)), check_count("n", n))
        stop = check_stop(self.index, to, level)
        rows = np.repeat(images, n, axis=0)
        if stop == time:
            return rows
        sigmas = jnp.asarray(self._sigmas(time, stop), jnp.float32)
        found = np.empty_like(rows)
        for first in range(0, len(rows), _ROWS):
            part = np.arange(first, min(first + _ROWS, len(rows)))
            padded = np.resize(part, 1 << (len(part) - 1).bit_length())
            # x + sigma Z has the signal at full size.
            scaled = jnp.asarray(rows[padded] / signal(time), jnp.float32)
            clean = _descend(self.network, scaled, jax_keys(seeds[padded], POINT), sigmas, self.sampler == ODE)
            found[part] = np.asarray(clean, np.float64)[: len(part)]
        return np.asarray(signal(stop) * found)

    def denoising_loss(self, x: Any, level: float, key: Any, n: int = 8) -> np.ndarray:
        """Return the mean squared error of the network's guess of each image from its noised self, `(B,)`.

        What membership tests threshold: images that were trained on are guessed a little better.

        Args:
            x: images, `(B, 64)`.
            level: OU time in (0, 4.38].
            key: an integer seed, or one for each row `(B,)`.
            n: noised versions of each image.

        Raises:
            ValueError: a shape that does not fit, or a level outside or at 0, where nothing is to guess.
        """
        images, time = _images(x, "x"), self.index.check(level)
        if time == 0:
            raise ValueError("level must lie above 0: without noise there is nothing to guess")
        seeds = repeat_seeds(row_seeds(key, len(images)), check_count("n", n))
        sigma, rows = float(to_sigma(time)), np.repeat(images, n, axis=0)
        noised = rows + sigma * normals(seeds, NOISE, PIXELS)
        guess = np.concatenate(
            [
                np.asarray(_guess(self.network, np.resize(part, (_ROWS, PIXELS)), sigma))[: len(part)]
                for part in (noised[i : i + _ROWS] for i in range(0, len(noised), _ROWS))
            ]
        )
        return ((guess - rows) ** 2).mean(axis=1).reshape(-1, n).mean(axis=1)

    def sample(self, key: Any, n: int) -> np.ndarray:
        """Return `n` images from pure noise, `(n, 64)`."""
        seeds = row_seeds(key, check_count("n", n))
        return self.denoise(self.prior(seeds, n), self.start_level, seeds)

    @functools.cached_property
    def split(self):
        """The images trained on and held out."""
        return split_digits()

    @property
    def members(self) -> np.ndarray:
        """Images that the network was trained on, `(1437, 64)`."""
        return self.split.members

    @property
    def member_digits(self) -> np.ndarray:
        """The digit of each member, text `(1437,)`."""
        return self.split.member_digits

    @property
    def non_members(self) -> np.ndarray:
        """Images held out, `(360, 64)`."""
        return self.split.non_members

    @property
    def non_member_digits(self) -> np.ndarray:
        """The digit of each image held out, text `(360,)`."""
        return self.split.non_member_digits

    def _sigmas(self, time: float, stop: float) -> np.ndarray:
        """Return noise scales from one time to another, padded with the last, `(steps + 2,)`."""
        top, bottom = float(to_sigma(time)), float(to_sigma(stop))
        grid = np.geomspace(_SIGMA_MAX, _SIGMA_MIN, self.steps)
        # A step shorter than a tenth of the usual one buys nothing.
        short = (_SIGMA_MAX / _SIGMA_MIN) ** (0.1 / self.steps)
        inside = grid[(grid < top / short) & (grid > bottom * short)]
        path = np.concatenate([[top], inside, [bottom]])
        return np.pad(path, (0, self.steps + 2 - len(path)), mode="edge")

    @property
    def fingerprint(self) -> str:
        """The process in one line, with a hash of the weights: what tells two studies apart."""
        return f"DigitsModel({self.sampler}; {self.steps} steps; weights {digest(self.network)})"

    def __repr__(self) -> str:
        return f"DigitsModel({self.sampler}, {self.steps} steps)"


def digits_model(*, sampler: str = STOCHASTIC, steps: int = 64) -> DigitsModel:
    """Return the small diffusion model of handwritten digits that comes with this package.

    A residual network of 950,000 weights, trained on 1,437 of scikit-learn's 1,797 digits by
    `python -m critwin_widgets.adapters.trained_digits.train`; the other 360 were never seen.

    Args:
        sampler: "stochastic" (reverse process) or "ode" (probability flow).
        steps: levels from pure noise to data.

    Raises:
        ImportError: safetensors is missing.
        ValueError: an unknown sampler, or fewer than 2 steps.
    """
    files = require("safetensors.numpy", "The trained digits model", "data")
    return DigitsModel(from_arrays(files.load(WEIGHTS.read_bytes())), sampler, steps)


def _images(images: Any, name: str) -> np.ndarray:
    found = np.asarray(check_points(images, PIXELS, name), np.float64)
    if found.ndim != 2:
        raise ValueError(f"{name} must have shape (B, {PIXELS}), not {found.shape}")
    if not np.isfinite(found).all():
        row = int(np.flatnonzero(~np.isfinite(found).all(axis=1))[0])
        raise ValueError(f"{name} must be finite, but row {row} holds {found[row][~np.isfinite(found[row])][0]}")
    return found


@eqx.filter_jit
def _guess(network: Denoiser, noised, sigma):
    return jax.vmap(network, in_axes=(0, None))(jnp.asarray(noised, jnp.float32), jnp.asarray(sigma, jnp.float32))


@eqx.filter_jit
def _descend(network: Denoiser, x: jax.Array, keys: jax.Array, sigmas: jax.Array, flow: bool) -> jax.Array:
    """Follow `x = X + sigma Z` down a list of noise scales that ends in repeats of the last."""
    denoise = jax.vmap(network, in_axes=(0, None))

    def stochastic(number, carry):
        # DPM-Solver++(2M) for the reverse SDE (Lu et al. 2022): between two noise scales the guess is carried on
        # along its last change in ln sigma. Held still, as in ancestral sampling, 32 steps draw three quarters of
        # the variance that the posterior of a Gaussian has, and keep a digit too often.
        x, last, before = carry
        above, below = sigmas[number], sigmas[number + 1]
        share = (below / above) ** 2
        noise = jax.vmap(lambda key: jax.random.normal(jax.random.fold_in(key, number), (PIXELS,)))(keys)
        clean = denoise(x, above)
        width = jnp.log(above / jnp.maximum(below, 1e-6))
        # Nothing to go by at the first step; at sigma = 0 the guess is the end.
        ahead = jnp.where((number > 0) & (below > 0), width / (2 * before), 0.0)
        guess = clean + ahead * (clean - last)
        return guess + share * (x - guess) + below * jnp.sqrt(1 - share) * noise, clean, width

    def heun(number, x):
        above, below = sigmas[number], sigmas[number + 1]
        slope = (x - denoise(x, above)) / above
        guess = x + (below - above) * slope
        # At sigma = 0 there is no slope, and Euler's step is the end.
        ahead = (guess - denoise(guess, jnp.maximum(below, 1e-6))) / jnp.maximum(below, 1e-6)
        return jnp.where(below > 0, x + (below - above) * 0.5 * (slope + ahead), guess)

    steps = jnp.sum(sigmas[1:] < sigmas[:-1])
    if flow:
        return jax.lax.fori_loop(0, steps, heun, x)
    return jax.lax.fori_loop(0, steps, stochastic, (x, x, jnp.ones_like(sigmas[0])))[0]
