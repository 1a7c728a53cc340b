"""The forward-reverse experiment and reverse paths drawn exactly, with no time stepping.

The posterior of a mixture given `Y_t` is the mixture of its components' posteriors with the weights
`w_j p_t^j(Y) / p_t(Y)` (theory: LC24; LKC25 Definition 3). Given both of its ends a noised path is a
Brownian bridge in `sigma^2`. So one draw of a component and one of a Gaussian do what a reverse SDE
approximates in a thousand steps.
"""

from typing import TYPE_CHECKING, NamedTuple, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._devices import divisible, fetch, spread
from ..mixtures import GaussianMixture, Mixture
from ..mixtures._choice import choose
from ..processes import noise_variance, signal
from ._process import ReverseProcess, centred, log_sigma_squared

if TYPE_CHECKING:
    from .host import HostProcess


class Keys(NamedTuple):
    """What each part of an experiment draws from: the same numbers at all times and by all methods."""

    source: jax.Array
    noise: jax.Array
    choice: jax.Array
    posterior: jax.Array
    path: jax.Array

    @staticmethod
    def of(key: jax.Array) -> "Keys":
        """Split one key."""
        return Keys(*jax.random.split(key, len(Keys._fields)))


class Experiment:
    """Draws of one mixture, prepared for any number of times.

    Gaussian mixtures are moved to mean 0 and compiled as a whole; other kinds are called as they are.

    Args:
        mixture: the mixture.
        start: indices of the sub-mixture that samples start from.
        key: a `jax.random` key.
        n: number of samples.
    """

    def __init__(self, mixture: Mixture, start: tuple[int, ...], key: jax.Array, n: int):
        self.keys, self.n, self.size = Keys.of(key), n, divisible(n)
        self.centre = np.zeros(mixture.dim)
        self.mixture, self.call, part = mixture, _as_it_is, start
        if isinstance(mixture, GaussianMixture):
            self.centre, self.mixture, self.call = np.asarray(mixture.centre), centred(mixture), _compiled
            part = None  # told by the weights, which compile nothing anew
        shares = np.zeros(mixture.n_components)
        shares[list(start)] = np.asarray(mixture.weights)[list(start)]
        self.start = part, shares / shares.sum()

    def begin(self) -> tuple[jax.Array, jax.Array]:
        """Draw `X ~ p^S` and its component."""
        return self.call(_begin, self.mixture, self.start, self.keys, self.size)

    def noised(self, x: jax.Array, t: float) -> jax.Array:
        """Draw `Y_t | X`."""
        return self.call(_noised, x, self.time(t), self.keys)

    def back(self, y: jax.Array | np.ndarray, t: float) -> tuple[jax.Array, jax.Array]:
        """Draw `X' | Y_t` under the whole prior, and its component."""
        return self.call(_back, self.mixture, y, self.time(t), self.keys)

    def labels(self, t: float) -> tuple[jax.Array, jax.Array]:
        """Draw the components of `X` and `X'` alone: `Y_t` comes from its component's noised law at once."""
        return self.call(_labels, self.mixture, self.start, self.time(t), self.keys, self.size)

    def label(self, x: np.ndarray) -> jax.Array:
        """Draw the component of points `(n, d)` on the host at time 0 from its posterior."""
        return self.call(_label, self.mixture, self.device(x, 0.0), self.keys)

    def path(self, x: jax.Array, y: jax.Array | np.ndarray, t: float, times: np.ndarray):
        """Yield the path from `Y_t = y` down to `X = x` at decreasing OU times."""
        for number, now in enumerate(times):
            y = self.call(_bridge, x, y, *_bridge_numbers(t, now), self.keys, np.uint32(number))
            t = float(now)
            yield y

    def time(self, t: float):
        """Return a time as the draws take it: traced when compiled, so that no time compiles anew."""
        return np.asarray(t, jnp.result_type(float)) if self.call is _compiled else float(t)

    def shift(self, t: float) -> np.ndarray:
        """Return what is added to points at OU time `t` on the host: the mixture's noised mean, `(d,)`."""
        return float(signal(t)) * self.centre

    def host(self, points: jax.Array | np.ndarray, t: float) -> np.ndarray:
        """Return points at OU time `t` on the host in float64, `(n, d)`, with the mixture's mean put back."""
        return np.add(fetch(points)[: self.n], self.shift(t), dtype=np.float64)

    def centred_host(self, points: jax.Array | np.ndarray) -> np.ndarray:
        """Return points on the host in float64, `(n, d)`, as the experiment draws them."""
        return fetch(points)[: self.n].astype(np.float64)

    def labels_on_host(self, which: jax.Array) -> np.ndarray:
        """Return components on the host, `(n,)`."""
        return fetch(which)[: self.n].astype(np.int64)

    def device(self, points: np.ndarray, t: float) -> jax.Array | np.ndarray:
        """Return points `(n, d)` at OU time `t` as the experiment takes them, padded to its size."""
        moved = np.pad(points - self.shift(t), ((0, self.size - self.n), (0, 0)), mode="edge")
        # What is not moved to its mean stays on the host, where a common offset costs no digits.
        return spread(jnp.asarray(moved, jnp.result_type(float))) if self.call is _compiled else moved

    def process(self) -> "ReverseProcess | HostProcess":
        """Return the reverse process to integrate."""
        if isinstance(self.mixture, GaussianMixture):
            return ReverseProcess.of(self.mixture)
        from .host import HostProcess

        return HostProcess.of(self.mixture)

    def arrive(self, process: "ReverseProcess | HostProcess", points: np.ndarray, t: float, method: str):
        """Return where points `(n, d)` at the OU time `t` at which integration ended are at 0, and their components.

        Where that is not 0 itself, the SDE's last stretch is drawn from the posterior, and the flow's is
        replaced by the posterior mean.
        """
        if t == 0.0 or isinstance(process, ReverseProcess):
            return points, self.label(points)
        padded = self.device(points, t)
        if method == "ode":
            return process.expected(points, t), _label(self.mixture.at(t), padded, self.keys, traced=False)
        x, which = self.back(padded, t)
        return self.host(x, 0.0), which


_choose = jax.jit(choose)  # its loop would be compiled anew at every call


def _as_it_is(draw, *arguments):
    return draw(*arguments, traced=False)


@eqx.filter_jit
def _compiled(draw, *arguments):
    return draw(*arguments, traced=True)


def _source(mixture: Mixture, start, key, n: int, traced: bool) -> tuple[jax.Array, jax.Array]:
    """Draw from the sub-mixture; traced, its weights are numbers like any other and compile nothing anew."""
    part, shares = start
    if not traced:
        return cast(tuple, mixture.sample(key, n, part, return_components=True))
    reweighted = eqx.tree_at(lambda m: m.weights, mixture, shares)
    return cast(tuple, reweighted.sample(key, n, return_components=True))


def _begin(mixture: Mixture, start, keys: Keys, n: int, *, traced: bool):
    x, source = _source(mixture, start, keys.source, n, traced)
    return spread(x), spread(source)


def _noised(x, t, keys: Keys, *, traced: bool):
    del traced
    noise = spread(jax.random.normal(keys.noise, x.shape, x.dtype))
    return signal(t) * x + jnp.sqrt(noise_variance(t)) * noise


def _logits(mixture: Mixture, y, t):
    return mixture.at(t).log_prob_components(y) + jnp.log(jnp.asarray(mixture.weights))


def _back(mixture: Mixture, y, t, keys: Keys, *, traced: bool):
    del traced
    which = _choose(keys.choice, _logits(mixture, y, t))
    return spread(mixture.denoise_components(keys.posterior, y, which, t)), spread(which)


def _labels(mixture: Mixture, start, t, keys: Keys, n: int, *, traced: bool):
    y, source = _source(mixture.at(t), start, keys.source, n, traced)
    return spread(source), spread(_choose(keys.choice, _logits(mixture, spread(y), t)))


def _label(mixture: Mixture, x, keys: Keys, *, traced: bool):
    del traced
    logits = mixture.log_prob_components(x) + jnp.log(jnp.asarray(mixture.weights))
    return spread(_choose(keys.choice, logits))


def _bridge_numbers(t: float, now: float) -> tuple[np.ndarray, ...]:
    """Return the coefficients of `Y_now` given `Y_t` and `X`: of `X`, of `Y_t`, and of the noise."""
    with np.errstate(invalid="ignore"):
        share = np.exp(np.nan_to_num(log_sigma_squared(now) - log_sigma_squared(t), nan=0.0))  # sigma'^2 / sigma^2
    coefficients = (
        signal(now) * (1.0 - share),
        np.exp(t - now) * share,
        np.sqrt(noise_variance(now) * (1.0 - share)),
    )
    return tuple(np.asarray(c, jnp.result_type(float)) for c in coefficients)


def _bridge(x, y, of_x, of_y, of_noise, keys: Keys, number, *, traced: bool):
    del traced
    noise = spread(jax.random.normal(jax.random.fold_in(keys.path, number), x.shape, x.dtype))
    return of_x * x + of_y * y + of_noise * noise
