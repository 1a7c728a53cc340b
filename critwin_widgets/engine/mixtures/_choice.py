"""Drawing components: one uniform number each, looked up in the cumulative probabilities."""

import jax
import jax.numpy as jnp
import jax.scipy.special as jsp


def choose(key: jax.Array, logits: jax.Array) -> jax.Array:
    """Draw one component per row from unnormalised log-probabilities `(n, K)`, shape `(n,)`.

    `K` times fewer random numbers than a maximum over Gumbel variables.
    """
    chances = jnp.exp(logits - jnp.max(logits, axis=-1, keepdims=True))
    place = jax.random.uniform(key, logits.shape[:-1], logits.dtype) * jnp.sum(chances, axis=-1)

    def pass_by(state, chance):
        left, which = state
        left = left - chance
        # A component without probability is passed by whenever it is reached.
        return (left, which + (left >= 0)), None

    # One component at a time: XLA's cumulative sum along a short last axis is three times slower.
    start = place, jnp.zeros(place.shape, jnp.int32)
    which = jax.lax.scan(pass_by, start, jnp.moveaxis(chances, -1, 0))[0][1]
    return jnp.minimum(which, logits.shape[-1] - 1)


def choose_many(key: jax.Array, logits: jax.Array, n: int) -> jax.Array:
    """Draw `n` components from one set of unnormalised log-probabilities `(K,)`, shape `(n,)`."""
    total = jnp.cumsum(jnp.exp(logits - jsp.logsumexp(logits)))
    place = jax.random.uniform(key, (n,), total.dtype) * total[-1]
    return jnp.minimum(jnp.searchsorted(total, place, side="right"), len(total) - 1)
