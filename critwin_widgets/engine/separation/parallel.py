"""A pass over many times, shared out to threads."""

import dataclasses
import os
from concurrent.futures import ThreadPoolExecutor

import jax
import numpy as np

_MANY_TIMES = 16
"""Times from which a pass is worth two threads."""

_compiled: set = set()
_threads = ThreadPoolExecutor(2, thread_name_prefix="critwin-pass")


def several_devices(*arrays) -> bool:
    """Tell whether any array is spread over more than one device; arrays of the host are not."""
    return any(isinstance(x, jax.Array) and len(x.sharding.device_set) > 1 for x in arrays)


def over_times(one_pass, draws, noise, *rest, filled: int | None = None):
    """Return `one_pass(draws, noise, *rest)` with its times shared out to two threads.

    A pass walks through its times one by one and its steps are too small to be worth sharing out
    themselves. The first call of each shape compiles, in one thread; draws that lie on several
    devices are left to them. Only the first `filled` groups, the second axis, of the answers are
    returned when that is given.
    """
    groups = slice(filled)
    times = len(draws.per_time[0])
    half = (times + 1) // 2
    if times < _MANY_TIMES or several_devices(*noise, *draws.per_time) or (os.cpu_count() or 1) < 2:
        return tuple(np.asarray(x)[:, groups] for x in one_pass(draws, noise, *rest))
    parts = []
    for first in (0, times - half):
        now = tuple(x[first : first + half] for x in draws.per_time)
        parts.append(dataclasses.replace(draws, per_time=now))
    leaves, structure = jax.tree_util.tree_flatten((parts[0], noise, rest))
    signature = (one_pass, structure, *((np.shape(x), str(getattr(x, "dtype", type(x)))) for x in leaves))
    if signature in _compiled:
        found = list(_threads.map(lambda part: jax.block_until_ready(one_pass(part, noise, *rest)), parts))
    else:
        found = [one_pass(part, noise, *rest) for part in parts]
        _compiled.add(signature)
    overlap = 2 * half - times
    return tuple(
        np.concatenate([np.asarray(a)[:, groups], np.asarray(b)[overlap:, groups]]) for a, b in zip(*found, strict=True)
    )
