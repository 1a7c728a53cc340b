"""Drawing components: one uniform number each, looked up in the cumulative probabilities."""

import jax
import jax.numpy as jnp
import jax.scipy.special as jsp


def choose(key: jax.Array, logits: jax.Array) -> jax.Array:
    """Draw one component per row from unnormalised log-probabilities `(n, K)`, shape `(n,)`.

    `K` times fewer random numbers than a maximum over Gumbel variables.
    """
    total = jnp.cumsum(jax.nn.softmax(logits, axis=-1), axis=-1)
    place = jax.random.uniform(key, (*logits.shape[:-1], 1), logits.dtype) * total[..., -1:]
    # A component without probability adds nothing to the sum and is never met.
    return jnp.minimum(jnp.sum(total <= place, axis=-1), logits.shape[-1] - 1)


def choose_many(key: jax.Array, logits: jax.Array, n: int) -> jax.Array:
    """Draw `n` components from one set of unnormalised log-probabilities `(K,)`, shape `(n,)`."""
    total = jnp.cumsum(jnp.exp(logits - jsp.logsumexp(logits)))
    place = jax.random.uniform(key, (n,), total.dtype) * total[-1]
    return jnp.minimum(jnp.searchsorted(total, place, side="right"), len(total) - 1)
