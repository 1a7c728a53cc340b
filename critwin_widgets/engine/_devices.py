"""Samples spread over all devices JAX sees, on one machine or on many.

Whatever is drawn per sample is split along the sample axis over `jax.devices()`, and sums over
samples become reductions across devices; with one device nothing changes. The draws are the same
numbers however many devices share them, since JAX's generator counts elements, not devices: results
differ by the order of floating-point sums at most.

On a cluster, start the same script once per node (or per device) and let the processes find each
other before JAX is used for anything else:

    import jax
    jax.distributed.initialize()      # SLURM, Open MPI and TPU pods are recognised
    import critwin_widgets as cw
    moves = cw.forward_reverse(mixture, None, 0.7, key=0, n=10_000_000)

Every process calls every function with the same arguments and receives the whole result. Elsewhere
`jax.distributed.initialize` takes the coordinator's address, the number of processes and the
index of this one; between processors of several machines
`jax.config.update("jax_cpu_collectives_implementation", "gloo")` comes first.
"""

import functools
from typing import Any

import jax
import numpy as np
from jax.core import Tracer
from jax.sharding import Mesh, NamedSharding, PartitionSpec

_AXIS = "samples"


def device_count() -> int:
    """Return the number of devices of all processes."""
    return len(jax.devices())


def divisible(n: int) -> int:
    """Return the smallest multiple of the number of devices that is at least `n`."""
    count = device_count()
    return -(-n // count) * count


@functools.lru_cache(maxsize=8)
def _mesh(devices: tuple) -> Mesh:
    return Mesh(np.asarray(devices), (_AXIS,))


def spread(array: Any, axis: int = 0) -> Any:
    """Return `array` split along its sample axis over all devices; unchanged on one device.

    An axis that the number of devices does not divide (see `divisible`) stays whole on each device.
    Inside a compiled function what produces the array is split with it.

    Args:
        array: an array, traced or not, or one on the host, which stays there for one device.
        axis: the axis that counts samples.
    """
    devices = tuple(jax.devices())
    if len(devices) == 1:
        return array
    names: list[str | None] = [None] * array.ndim
    if array.shape[axis] % len(devices) == 0:
        names[axis] = _AXIS
    sharding = NamedSharding(_mesh(devices), PartitionSpec(*names))
    if isinstance(array, Tracer):
        return jax.lax.with_sharding_constraint(array, sharding)
    # From the host, so that every process may hand in its own copy of the same numbers.
    return jax.device_put(fetch(array), sharding)


def fetch(array: jax.Array | np.ndarray) -> np.ndarray:
    """Return the whole array on the host, in every process, wherever its parts lie."""
    if isinstance(array, jax.Array) and not (array.is_fully_addressable or array.is_fully_replicated):
        from jax.experimental import multihost_utils

        return np.asarray(multihost_utils.process_allgather(array, tiled=True))
    return np.asarray(array)
