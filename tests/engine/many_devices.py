"""What the tests of several devices compute in every process; run as a script it prints this as JSON."""

from __future__ import annotations

import json
import sys

N = 1002  # samples of an experiment, which are padded where 4 devices do not divide them
M = 1000  # draws of a survey, which are not


def results(points: bool) -> dict:
    """Compute numbers that depend on samples spread over devices, with or without the samples themselves."""
    import diffrax
    import numpy as np

    from critwin_widgets.engine import forward_reverse, overlap
    from critwin_widgets.theory import transition_matrix

    mixture = _bells()
    separation = overlap(mixture, [0], [1, 2], [0.2, 1.0], method="estimated", n=M)
    matrix = transition_matrix(mixture, 0.6, n=M)
    found = {
        "labels": forward_reverse(mixture, None, 0.6, key=1, n=N, labels_only=True).counts.tolist(),
        "methods": [separation.method, matrix.method],
        "overlap": np.stack([separation.value, separation.low, separation.high]).tolist(),
        "transitions": [matrix.value.tolist(), matrix.standard_error.tolist()],
    }
    if points:
        exact = forward_reverse(mixture, None, 0.6, key=1, n=N)
        sde = forward_reverse(mixture, None, 0.6, key=1, n=N, method="sde", steps=12, solver=diffrax.Euler())
        found["exact"] = [exact.counts.tolist(), exact.x[-3:].tolist()]
        found["sde"] = [sde.counts.tolist(), sde.x[-3:].tolist()]
        stored = transition_matrix(_stored(), 0.6, n=64)  # log-ratios that are kept in memory
        found["stored"] = [stored.value.tolist(), stored.standard_error.tolist()]
        found["methods"].append(stored.method)
    return found


def _bells():
    """Return a mixture whose means span too many dimensions for quadrature."""
    from critwin_widgets.engine import GaussianMixture

    means = [[-1.5, 0.0, 0.0], [1.0, 0.5, 0.0], [2.0, 3.0, 0.0], [0.0, 1.0, 2.0]]
    return GaussianMixture(means, [0.3] * 4, [0.4, 0.2, 0.3, 0.1])


def _stored():
    """Return a mixture that is served from log-ratios of its draws."""
    from critwin_widgets.engine import LogConcaveMixture, components

    return LogConcaveMixture([components.Gaussian(mean, 0.3) for mean in _bells().means])


def shards(points: bool) -> dict:
    """Tell how arrays lie on the devices, with or without those that only runs with points compile."""
    import jax
    import numpy as np

    from critwin_widgets.engine._devices import divisible, fetch, spread
    from critwin_widgets.engine.samplers.exact import Experiment
    from critwin_widgets.engine.separation.passes import Draws
    from critwin_widgets.engine.separation.survey import Survey

    mixture = _bells()
    source, _ = Experiment(mixture, (0, 1, 2, 3), jax.random.key(0), N).labels(0.6)
    noise = Survey(mixture, np.array([0.5]), M).noise[0]
    rows = np.arange(24.0).reshape(8, 3)
    pair = spread(jax.numpy.asarray(rows)), spread(jax.numpy.asarray(rows[:6]))
    found = {
        "devices": jax.device_count(),
        "divisible": divisible(N),
        "labels": [shard.data.shape for shard in source.addressable_shards],
        "noise": [shard.data.shape for shard in noise.addressable_shards],
        "even": [shard.data.shape for shard in pair[0].addressable_shards],
        "uneven": [shard.data.shape for shard in pair[1].addressable_shards],
        "whole": all(np.array_equal(fetch(a), rows[: len(a)]) for a in pair),
    }
    if points:
        x, _ = Experiment(mixture, (0, 1, 2, 3), jax.random.key(0), N).begin()
        ratios = jax.numpy.asarray(Draws.of(_stored(), np.array([0.6]), 64, jax.random.key(0)).per_time[0])
        found["points"] = [shard.data.shape for shard in x.addressable_shards]
        found["ratios"] = [shard.data.shape for shard in ratios.addressable_shards]
    return found


def main() -> None:
    """Join the other processes if there are any, compute, and print."""
    import jax

    apart = len(sys.argv) > 1
    if apart:
        address, count, index = sys.argv[1:]
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        jax.distributed.initialize(address, int(count), int(index))
    print(json.dumps({"results": results(points=not apart), "shards": shards(points=not apart)}))


if __name__ == "__main__":
    main()
