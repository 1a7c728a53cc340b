"""Training of the digits model: `python -m critwin_widgets.adapters.trained_digits.train`.

Writes `weights.safetensors` beside this file. The same seed on the same machine gives the same file.
"""

import argparse
import functools
from pathlib import Path
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._optional import require
from .images import Split, split_digits
from .network import SPREAD, WEIGHTS, Denoiser, dropout_masks, to_arrays

_BATCH = 128
_DROPOUT = 0.1
_RATE = 2e-3
_DECAY = 0.02
_MEMORY = 0.999
"""Exponential moving average of the weights, which is what is kept."""
_LOG_SIGMA = (-0.2, 1.3)
"""Mean and standard deviation of `ln sigma` in training: decisions fall between 0.5 and 5."""


class State(NamedTuple):
    """What training carries from step to step."""

    model: Denoiser
    kept: Denoiser
    moments: object


def loss(model: Denoiser, x, sigma, noise, keep=None):
    """Return the weighted denoising loss of one image: Karras et al. (2022), with their weight of `sigma`."""
    weight = (sigma**2 + SPREAD**2) / (sigma * SPREAD) ** 2
    return weight * jnp.mean((model(x + sigma * noise, sigma, keep) - x) ** 2)


def train(split: Split, steps: int, seed: int = 0, report=print) -> Denoiser:
    """Return a denoiser trained on `split.members`.

    Args:
        split: the images.
        steps: number of steps of 128 images.
        seed: of the weights, the order of images and the noise.
        report: called with a line of text now and then.
    """
    start, many = _stepping(steps)
    first, key = jax.random.split(jax.random.key(seed))
    state = start(Denoiser(first))
    images = jnp.asarray(split.members, jnp.float32)
    rounds = max(1, steps // 500)
    for number, keys in enumerate(np.array_split(jax.random.split(key, steps), rounds)):
        state, values = many(state, images, keys)
        held = [evaluate(state.kept, images) for images in (split.members, split.non_members)]
        report(f"step {(number + 1) * steps // rounds}: loss {float(values.mean()):.4f}, "
               f"after averaging {held[0]:.4f} on members, {held[1]:.4f} on held-out images")  # fmt: skip
    return state.kept


@functools.cache
def _stepping(steps: int):
    """Return what starts a training of so many steps, and the compiled function that takes some of them."""
    optax = require("optax", "Training the digits model", "train")
    schedule = optax.warmup_cosine_decay_schedule(0.0, _RATE, max(1, steps // 20), steps)
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule, weight_decay=_DECAY))

    def start(model: Denoiser) -> State:
        return State(model, model, optimiser.init(eqx.filter(model, eqx.is_array)))

    def step(images, state: State, key: jax.Array):
        batch_key, level_key, noise_key, drop_key = jax.random.split(key, 4)
        x = images[jax.random.randint(batch_key, (_BATCH,), 0, len(images))]
        sigma = jnp.exp(_LOG_SIGMA[0] + _LOG_SIGMA[1] * jax.random.normal(level_key, (_BATCH,)))
        noise = jax.random.normal(noise_key, x.shape)
        keep = dropout_masks(drop_key, _BATCH, _DROPOUT)
        losses = jax.vmap(loss, in_axes=(None, 0, 0, 0, 0))
        value, slope = eqx.filter_value_and_grad(lambda m: jnp.mean(losses(m, x, sigma, noise, keep)))(state.model)
        change, moments = optimiser.update(slope, state.moments, eqx.filter(state.model, eqx.is_array))
        model = eqx.apply_updates(state.model, change)
        kept = jax.tree_util.tree_map(lambda old, new: _MEMORY * old + (1 - _MEMORY) * new, state.kept, model)
        return State(model, kept, moments), value

    return start, jax.jit(lambda state, images, keys: jax.lax.scan(functools.partial(step, images), state, keys))


def evaluate(model: Denoiser, images: np.ndarray, sigma: float | None = None, draws: int = 4, seed: int = 1) -> float:
    """Return the mean weighted loss over images, at one noise scale or over those of training."""
    level_key, noise_key = jax.random.split(jax.random.key(seed))
    x = jnp.tile(jnp.asarray(images, jnp.float32), (draws, 1))
    levels = jnp.exp(_LOG_SIGMA[0] + _LOG_SIGMA[1] * jax.random.normal(level_key, (len(x),)))
    levels = levels if sigma is None else jnp.full(len(x), sigma)
    noise = jax.random.normal(noise_key, x.shape)
    return float(_mean_loss(model, x, levels, noise))


@eqx.filter_jit
def _mean_loss(model, x, sigma, noise):
    return jnp.mean(jax.vmap(lambda *one: loss(model, *one))(x, sigma, noise))


def main() -> None:
    """Train, and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    chosen = parser.parse_args()
    model = train(split_digits(), chosen.steps, chosen.seed)
    numpy_files = require("safetensors.numpy", "Writing the weights", "train")
    chosen.out.write_bytes(numpy_files.save(to_arrays(model)))
    print(f"{chosen.out}: {chosen.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
