"""Draws from a log-concave density by the No-U-Turn sampler of blackjax, in whitened coordinates.

Chains live in the coordinates `z` of a Gaussian fitted to the density (`Fit`), where it is close to
a standard normal one, so no mass matrix is adapted, only the step. The same moves serve the density
before noise and the posteriors of noised points, whose fits whiten them as well.
"""

import functools
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from .._precision import working_dtype
from .._row_random import has_row_keys
from ._mixing import effective_size, split_r_hat
from ._noised import Facts, Fit, log_weights

ROWS = 64
"""Points of one call where few are asked for."""

BLOCK = 100
"""Moves between two looks at the clock: the progress bar and an interrupt act here."""

WARM_UP = 3
"""Blocks that adapt the step; their draws are dropped."""

_ACCEPTANCE = 0.8
_DOUBLINGS = 8


class SamplingError(RuntimeError):
    """The chains did not converge: their draws do not describe the density."""


class SamplingWarning(UserWarning):
    """The chains or the weights are poorer than they should be; the stated errors may be too small."""


class Diagnostics(NamedTuple):
    """How well the chains mixed.

    Attributes:
        r_hat: largest split R-hat of any coordinate or of the log-density.
        effective_size: smallest effective sample size of these.
        divergences: moves whose energy error exceeded 1000.
        acceptance: mean acceptance probability.
        step: step of the integrator, in whitened coordinates.
        lag: moves after which autocorrelation is below 0.05.
    """

    r_hat: float
    effective_size: float
    divergences: int
    acceptance: float
    step: float
    lag: int


def blackjax():
    """Return the blackjax package.

    Raises:
        ImportError: it is not installed; names the command that installs it.
    """
    try:
        import blackjax as package
        import blackjax.diagnostics
    except ImportError as error:
        raise ImportError(
            'a Potential is sampled by blackjax, which is not installed: pip install "critwin-widgets[nuts]"'
        ) from error
    return package


def _move(log_density, facts: Facts, found: Fit, key, z, step):
    """Return `z` after one transition, its acceptance probability and whether it diverged."""
    nuts = blackjax().nuts

    def value(place):
        return found.exponent(log_density, facts, found.place(place))

    state, info = nuts.build_kernel()(key, nuts.init(z, value), value, step, jnp.ones_like(z), _DOUBLINGS)
    return state.position, info.acceptance_rate, info.is_divergent


@eqx.filter_jit
def _block(log_density, facts, found, key, number, z, tuning, adapting):
    """Run every chain for block `number`; `tuning` is the state of the dual averaging of their common step."""
    from blackjax.optimizers.dual_averaging import dual_averaging

    _, update, _ = dual_averaging()

    def body(carry, key):
        z, tuning = carry
        step = jnp.exp(jnp.where(adapting, tuning.log_x, tuning.log_x_avg))
        moved = jax.vmap(lambda k, place: _move(log_density, facts, found, k, place, step))
        z, acceptance, diverged = moved(jax.random.split(key, z.shape[0]), z)
        new = update(tuning, _ACCEPTANCE - jnp.mean(acceptance))
        tuning = jax.tree.map(lambda n, o: jnp.where(adapting, n, o).astype(z.dtype), new, tuning)
        return (z, tuning), (z, acceptance.mean(), diverged.sum())

    (z, tuning), (places, acceptance, diverged) = jax.lax.scan(
        body, (z, tuning), jax.random.split(jax.random.fold_in(key, number), BLOCK)
    )
    return z, tuning, places, acceptance.mean(), diverged.sum()


def run_chains(log_density, facts: Facts, found: Fit, seed: int, chains: int, draws: int):
    """Return draws in whitened coordinates, `(chains, draws, d)` in float64, and their diagnostics.

    A progress bar appears when sampling takes longer than two seconds.

    Raises:
        ImportError: blackjax is not installed.
        SamplingError: split R-hat above 1.05 or fewer than 100 effective draws.
    """
    blackjax()
    from blackjax.optimizers.dual_averaging import DualAveragingState

    dtype = working_dtype()
    # Wider than the target, so that R-hat sees chains that do not find it.
    z = 1.5 * np.random.default_rng([seed, 1]).normal(size=(chains, len(facts.centre))).astype(dtype)
    # The first step is 1/2. Leaves of their final types: the second block must not compile again.
    first: Any = (np.asarray(leaf, dtype) for leaf in (np.log(0.5), 0.0, 1.0, 0.0, np.log(5.0)))
    tuning = DualAveragingState(*first)
    key = jax.random.key(seed)
    kept, acceptance, diverged = [], [], 0
    blocks = WARM_UP + -(-draws // BLOCK)
    for block in tqdm(range(blocks), desc="sampling the potential", delay=2, leave=False):
        z, tuning, places, rate, count = _block(
            log_density, facts, found, key, np.uint32(block), z, tuning, np.asarray(block < WARM_UP)
        )
        if block >= WARM_UP:
            kept.append(np.asarray(places, np.float64))
            acceptance.append(float(rate))
            diverged += int(count)
    whitened = np.swapaxes(np.concatenate(kept)[:draws], 0, 1)
    return whitened, diagnose(
        whitened, diverged, float(np.mean(acceptance)), float(np.exp(np.asarray(tuning.log_x_avg)))
    )


def diagnose(whitened: np.ndarray, divergences: int, acceptance: float, step: float) -> Diagnostics:
    """Return the diagnostics of draws `(chains, draws, d)`, or raise `SamplingError`."""
    chains, draws, _ = whitened.shape
    # The squared radius stands for what means cannot see: a chain too narrow or too wide.
    watched = np.concatenate([whitened, np.sum(whitened**2, -1, keepdims=True)], -1)
    r_hat, size = float(np.max(split_r_hat(watched))), float(np.min(effective_size(watched)))
    if not (r_hat < 1.05 and size > 100):
        raise SamplingError(
            f"the chains did not converge: split R-hat {r_hat:.3g} (below 1.05 wanted), effective sample size "
            f"{size:.3g} (above 100 wanted), {divergences} divergences; ask for more draws, or rescale the density"
        )
    centred = watched - watched.mean((0, 1))
    lag, variance = 1, np.mean(centred**2, (0, 1))
    while lag < min(50, draws - 1) and np.max(
        np.abs(np.mean(centred[:, lag:] * centred[:, :-lag], (0, 1))) / variance
    ) > max(0.05, 4.0 / np.sqrt(chains * draws)):
        lag += 1
    return Diagnostics(r_hat, size, divergences, acceptance, step, lag)


@eqx.filter_jit
def walk(log_density, facts: Facts, found: Fit, keys, z, step, moves):
    """Return places `b + s e` `(n, d)` after a number of transitions from whitened `z`, each row by its own fit.

    `keys` holds one for each row; `found` is batched as `z` is.
    """

    def one(key, fit, place):
        def body(count, place):
            return _move(log_density, facts, fit, jax.random.fold_in(key, count), place, step)[0]

        return fit.base + fit.s * fit.place(jax.lax.fori_loop(0, moves, body, place))

    return jax.vmap(one)(keys, found, z)


@eqx.filter_jit
def pick(log_density, facts: Facts, found: Fit, keys):
    """Return, for each fit, one of as many normal points as there are pilots, picked by weight, whitened `(n, d)`.

    It is close to a draw from the integrand already: few transitions make it one.
    """

    def one(key, fit):
        pick, shake = jax.random.split(key)
        # Fresh points for every row: common ones would make the rows' draws dependent.
        z = jax.random.normal(shake, facts.pilots.shape, facts.pilots.dtype)
        logs, u, _ = log_weights(log_density, facts, fit, z)
        return u[jax.random.categorical(pick, logs)]

    return jax.vmap(one)(keys, found)


@functools.partial(jax.jit, static_argnums=2)
def keys_of_batch(key, number, rows: int):
    """Return a key for each row of batch `number`: split from one key, or made from the row's own."""
    if has_row_keys(key):
        return jax.vmap(lambda one: jax.random.fold_in(one, number))(key)
    return jax.random.split(jax.random.fold_in(key, number), rows)
