"""Random numbers of a row: from its seed alone, on the processor."""

from typing import Any

import numpy as np

from .legs import make_leg, model_input


def generators_for(seeds: np.ndarray) -> list[Any]:
    """Return a new `torch.Generator` on the processor for each seed."""
    import torch

    return [torch.Generator(device="cpu").manual_seed(int(seed)) for seed in seeds]


def check_randomness(scheduler: Any, schedule_arguments: dict[str, Any], step_arguments: dict[str, Any]) -> bool:
    """Return whether a scheduler's steps draw random numbers, by trying one in the middle.

    Raises:
        ValueError: they draw from somewhere else than the generators they are given, so that a row's outcome
            would not follow from its seed.
    """
    import torch

    def step(seed: int, elsewhere: int) -> torch.Tensor:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(elsewhere)
            leg = make_leg(scheduler, None, generators_for(np.array([seed, seed + 1])))
            arguments = {k: v for k, v in schedule_arguments.items() if k != "device"}
            leg.set_timesteps(**arguments)
            order = getattr(leg, "order", 1)
            middle = len(leg.timesteps) // 2
            middle -= middle % order
            leg._walk = list(range(middle, min(middle + order, len(leg.timesteps))))
            leg.set_timesteps(**arguments)
            sample = torch.ones(2, 2, 2, 2)
            learned = str(leg.config.get("variance_type")).startswith("learned")
            for t in leg.timesteps:
                output = torch.zeros(2, 4 if learned else 2, 2, 2)
                model_input(leg, sample, t)
                sample = leg.step(output, t, sample, **step_arguments).prev_sample
            return sample

    try:
        first = step(0, 0)
    except ImportError as error:
        raise ValueError(f"scheduler is a {type(scheduler).__name__}, which cannot step here: {error}") from error
    if hasattr(scheduler, "noise_sampler") or not torch.equal(first, step(0, 1)):
        raise ValueError(
            f"scheduler is a {type(scheduler).__name__}, whose random numbers do not come from generators of ours, so "
            "that a sample would not follow from its seed; take DDPMScheduler, EulerAncestralDiscreteScheduler or "
            "another that does"
        )
    return not torch.equal(first, step(2, 0))
