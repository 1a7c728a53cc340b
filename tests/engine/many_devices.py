"""What the tests of several devices compute in every process; run as a script it prints this as JSON."""

from __future__ import annotations

import json
import sys

N = 1002  # what neither 4 devices nor buckets divide


def results(points: bool) -> dict:
    """Compute numbers that depend on samples spread over devices, with or without the samples themselves."""
    import diffrax
    import numpy as np

    from critwin_widgets.engine import GaussianMixture, forward_reverse, overlap
    from critwin_widgets.theory import transition_matrix

    mixture = GaussianMixture([[-1.5, 0.0], [1.0, 0.5], [2.0, 3.0]], [0.3, 0.3, 0.3], [0.5, 0.2, 0.3])
    separation = overlap(mixture, [0], [1, 2], [0.2, 1.0], n=N)
    matrix = transition_matrix(mixture, 0.6, n=N)
    found = {
        "labels": forward_reverse(mixture, None, 0.6, key=1, n=N, labels_only=True).counts.tolist(),
        "overlap": np.stack([separation.value, separation.low, separation.high]).tolist(),
        "transitions": [matrix.value.tolist(), matrix.standard_error.tolist()],
    }
    if points:
        exact = forward_reverse(mixture, None, 0.6, key=1, n=N)
        sde = forward_reverse(mixture, None, 0.6, key=1, n=N, method="sde", steps=12, solver=diffrax.Euler())
        found["exact"] = [exact.counts.tolist(), exact.x[-3:].tolist()]
        found["sde"] = [sde.counts.tolist(), sde.x[-3:].tolist()]
    return found


def shards() -> dict:
    """Tell how arrays lie on the devices."""
    import jax
    import numpy as np

    from critwin_widgets.engine import GaussianMixture
    from critwin_widgets.engine._devices import divisible, fetch, spread
    from critwin_widgets.engine.samplers.exact import Experiment
    from critwin_widgets.engine.separation.survey import Survey

    mixture = GaussianMixture([[-1.5, 0.0], [1.0, 0.5], [2.0, 3.0]], [0.3, 0.3, 0.3])
    x, source = Experiment(mixture, (0, 1, 2), jax.random.key(0), N).begin()
    noise = Survey(mixture, np.array([0.5]), 64).noise[0]
    rows = np.arange(24.0).reshape(8, 3)
    pair = spread(jax.numpy.asarray(rows)), spread(jax.numpy.asarray(rows[:6]))
    return {
        "devices": jax.device_count(),
        "divisible": divisible(N),
        "points": [shard.data.shape for shard in x.addressable_shards],
        "labels": [shard.data.shape for shard in source.addressable_shards],
        "noise": [shard.data.shape for shard in noise.addressable_shards],
        "even": [shard.data.shape for shard in pair[0].addressable_shards],
        "uneven": [shard.data.shape for shard in pair[1].addressable_shards],
        "whole": all(np.array_equal(fetch(a), rows[: len(a)]) for a in pair),
    }


def main() -> None:
    """Join the other processes if there are any, compute, and print."""
    import jax

    apart = len(sys.argv) > 1
    if apart:
        address, count, index = sys.argv[1:]
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        jax.distributed.initialize(address, int(count), int(index))
    print(json.dumps({"results": results(points=not apart), "shards": shards()}))


if __name__ == "__main__":
    main()
