"""Draws from a log-concave density by the No-U-Turn sampler of blackjax, in whitened coordinates.

Chains live in the coordinates `z` of a Gaussian fitted to the density (`Fit`), where it is close to
a standard normal one, so no mass matrix is adapted, only the step. The same moves serve the density
before noise and the posteriors of noised points, whose fits whiten them as well.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from ._noised import Facts, Fit, fit, log_weights

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
def _block(log_density, facts, found, key, z, tuning, adapting):
    """Run every chain for a block; `tuning` is the state of the dual averaging of their common step."""
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

    (z, tuning), (places, acceptance, diverged) = jax.lax.scan(body, (z, tuning), jax.random.split(key, BLOCK))
    return z, tuning, places, acceptance.mean(), diverged.sum()


def run_chains(log_density, facts: Facts, found: Fit, seed: int, chains: int, draws: int):
    """Return draws in whitened coordinates, `(chains, draws, d)` in float64, and their diagnostics.

    A progress bar appears when sampling takes longer than two seconds.

    Raises:
        ImportError: blackjax is not installed.
        SamplingError: split R-hat above 1.05 or fewer than 100 effective draws.
    """
    blackjax()
    from blackjax.optimizers.dual_averaging import dual_averaging

    key, start = jax.random.split(jax.random.key(seed))
    # Wider than the target, so that R-hat sees chains that do not find it.
    z = 1.5 * jax.random.normal(start, (chains, facts.centre.shape[0]))
    # All leaves as arrays of their final types: the second block must not compile again.
    tuning = jax.tree.map(lambda leaf: jnp.array(leaf, z.dtype), dual_averaging()[0](jnp.asarray(0.5, z.dtype)))
    kept, acceptance, diverged = [], [], 0
    blocks = WARM_UP + -(-draws // BLOCK)
    for block in tqdm(range(blocks), desc="sampling the potential", delay=2, leave=False):
        z, tuning, places, rate, count = _block(
            log_density, facts, found, jax.random.fold_in(key, block), z, tuning, jnp.asarray(block < WARM_UP)
        )
        if block >= WARM_UP:
            kept.append(np.asarray(places, np.float64))
            acceptance.append(float(rate))
            diverged += int(count)
    whitened = np.swapaxes(np.concatenate(kept)[:draws], 0, 1)
    return whitened, diagnose(whitened, diverged, float(np.mean(acceptance)), float(np.exp(tuning.log_x_avg)))


def diagnose(whitened: np.ndarray, divergences: int, acceptance: float, step: float) -> Diagnostics:
    """Return the diagnostics of draws `(chains, draws, d)`, or raise `SamplingError`."""
    tools = blackjax().diagnostics
    chains, draws, _ = whitened.shape
    # The squared radius stands for what means cannot see: a chain too narrow or too wide.
    watched = np.concatenate([whitened, np.sum(whitened**2, -1, keepdims=True)], -1)
    half = draws // 2
    split = np.concatenate([watched[:, :half], watched[:, half : 2 * half]])
    r_hat = float(np.max(np.asarray(tools.potential_scale_reduction(jnp.asarray(split)))))
    size = float(np.min(np.asarray(tools.effective_sample_size(jnp.asarray(watched)))))
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
def moved(log_density, facts: Facts, found: Fit, key, z, step, moves):
    """Return whitened draws `(n, d)` after a number of transitions, each with its own randomness."""

    def one(key, place):
        def body(count, place):
            return _move(log_density, facts, found, jax.random.fold_in(key, count), place, step)[0]

        return found.place(jax.lax.fori_loop(0, moves, body, place))

    return jax.vmap(one)(jax.random.split(key, z.shape[0]), z)


@eqx.filter_jit
def posterior_draws(log_density, facts: Facts, key, y, a, s, step, moves):
    """Return draws of `X | Y_t = y`, less the mode of the density, one per row of `y` `(n, d)`.

    One of the pilot points, picked by its weight, starts the moves; since it is close to a draw
    already, few of them make it one.
    """

    def one(key, point):
        pick, shake, walk = jax.random.split(key, 3)
        found = fit(log_density, facts, point, a, s)
        z = facts.pilots
        # Fresh points for every row: a common rotation would make the rows' draws dependent.
        z = jax.random.normal(shake, z.shape, z.dtype)
        logs, u, _ = log_weights(log_density, facts, found, z)
        place = u[jax.random.categorical(pick, logs)]

        def body(count, place):
            return _move(log_density, facts, found, jax.random.fold_in(walk, count), place, step)[0]

        return found.base + s * found.place(jax.lax.fori_loop(0, moves, body, place))

    return jax.vmap(one)(jax.random.split(key, y.shape[0]), y)
