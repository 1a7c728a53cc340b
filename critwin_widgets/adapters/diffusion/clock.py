"""The clock of a scheduler: its timesteps as levels, and the OU time of each.

A scheduler noises linearly, `y = a x + s z`, so that its two factors are read off by noising a one with
no noise and a zero with one. This serves every parameterisation alike: variance preserving
(`a = sqrt(alpha_bar)`, `s = sqrt(1 - alpha_bar)`), variance exploding (`a = 1`, `s = sigma`) and flow
matching (`a = 1 - u`, `s = u`). The OU time follows from `sigma = s / a`.
"""

import copy
import dataclasses
import inspect
from typing import Any

import numpy as np

from ...engine.processes import IndexSet, clock


@dataclasses.dataclass(frozen=True)
class Schedule:
    """The levels at which a scheduler's walk from noise to clean can be entered and left.

    Attributes:
        levels: increasing, the clean end 0 first.
        positions: for each level, the position in the scheduler's list of timesteps at which the walk from
            there begins; for the clean end the length of that list.
        signal: factor `a` of the data at each level, 1 at the clean end.
        noise: factor `s` of the noise at each level, 0 at the clean end.
        repeats_second: whether the walk takes its second timestep twice (PNDM's start).
        continuous: whether levels are noise scales sigma, because the timesteps are no usual ones.
    """

    levels: tuple[float, ...]
    positions: tuple[int, ...]
    signal: np.ndarray
    noise: np.ndarray
    repeats_second: bool = False
    continuous: bool = False

    @property
    def ou_times(self) -> np.ndarray:
        """OU time of each level; infinite where nothing of the data is left."""
        return ou_time(self.signal, self.noise)

    def index_set(self) -> IndexSet:
        """Return the levels as an index set with OU times."""
        name, symbol = ("noise scale sigma", "σ") if self.continuous else ("scheduler timestep", "τ")
        return IndexSet(
            name,
            symbol,
            clean=0.0,
            noise=self.levels[-1],
            levels=self.levels,
            ou_times=tuple(float(t) for t in self.ou_times),
        )

    def at(self, level: float) -> int:
        """Return the number of a level."""
        return self.levels.index(level)

    def walk(self, level: float, to: float) -> list[int]:
        """Return the positions of the timesteps that lead from one level down to another."""
        begin, end = self.at(level), self.at(to)
        if not self.repeats_second:
            return list(range(self.positions[begin], self.positions[end]))
        steps = [self.positions[k] for k in range(begin, end, -1)]
        return steps[:1] + steps[1:2] + steps[1:]


def ou_time(signal: Any, noise: Any) -> np.ndarray:
    """Return the OU time at which the signal-to-noise ratio is that of `signal * x + noise * z`."""
    with np.errstate(divide="ignore"):
        return clock.from_sigma(np.asarray(noise, np.float64) / np.asarray(signal, np.float64))


def read_schedule(scheduler: Any, arguments: dict[str, Any]) -> Schedule:
    """Read the levels of a scheduler after `set_timesteps(**arguments)`; the scheduler itself stays as it is.

    Raises:
        ValueError: the scheduler cannot noise, or its noise does not grow with its timesteps.
    """
    own = copy.deepcopy(scheduler)
    parameters = inspect.signature(own.set_timesteps).parameters
    try:
        own.set_timesteps(**(arguments | ({"device": "cpu"} if "device" in parameters else {})))
    except (ValueError, IndexError, AssertionError) as error:
        raise ValueError(
            f"num_inference_steps = {arguments.get('num_inference_steps')} is nothing that a {type(own).__name__} "
            f"can do: {error}"
        ) from error
    timesteps = own.timesteps.detach().cpu().double().numpy()
    pndm = type(own).__name__ == "PNDMScheduler"
    if pndm and not own.config["skip_prk_steps"]:
        raise ValueError(
            "scheduler is a PNDMScheduler that begins with Runge-Kutta steps, whose walk cannot be entered midway; "
            "pass scheduler=PNDMScheduler.from_config(pipeline.scheduler.config, skip_prk_steps=True)"
        )
    # A scheduler of second order lists two timesteps a step; only the first of each pair is a place to enter.
    starts = np.arange(0, len(timesteps), getattr(own, "order", 1))
    if pndm:
        starts = np.unique(timesteps, return_index=True)[1][::-1]
    factors = np.array([_factors(own, int(i)) for i in starts])
    continuous = bool((timesteps < 0).any())
    values = factors[:, 1] / factors[:, 0] if continuous else timesteps[starts]
    # Timestep 0 of a scheduler is its last, least noised step, not the clean end; there is no stopping at it.
    # Where rounding gives two steps the same timestep, the level is the first of them.
    kept = [i for i in range(len(starts)) if values[i] > 0 and (i == 0 or values[i] != values[i - 1])][::-1]
    schedule = Schedule(
        levels=(0.0, *(float(values[i]) for i in kept)),
        positions=(len(timesteps), *(int(starts[i]) for i in kept)),
        signal=np.array([1.0, *factors[kept, 0]]),
        noise=np.array([0.0, *factors[kept, 1]]),
        repeats_second=pndm,
        continuous=continuous,
    )
    if len(kept) == 0 or not np.all(np.diff(schedule.levels) > 0) or not np.all(np.diff(schedule.ou_times) > 0):
        raise ValueError(
            f"scheduler is a {type(own).__name__} whose noise does not fall from step to step: timesteps "
            f"{timesteps[:3].tolist()}..., signal {factors[:3, 0].tolist()}..., noise {factors[:3, 1].tolist()}..."
        )
    return schedule


def _factors(scheduler: Any, position: int) -> tuple[float, float]:
    """Return the factors of the data and of the noise at one of the scheduler's timesteps."""
    import torch

    at = scheduler.timesteps[position : position + 1]
    if hasattr(scheduler, "set_begin_index"):
        # Timesteps may be rounded or listed twice; the position is not.
        scheduler.set_begin_index(position)
    if getattr(scheduler, "_step_index", None) is not None:
        # Left by the noising before: some schedulers count it as the start of a walk.
        scheduler._step_index = None
    one, zero = torch.ones(1, 1, 1, 1, dtype=torch.float64), torch.zeros(1, 1, 1, 1, dtype=torch.float64)
    if hasattr(scheduler, "add_noise"):
        pair = [scheduler.add_noise(x, z, at) for x, z in ((one, zero), (zero, one))]
    elif hasattr(scheduler, "scale_noise"):
        pair = [scheduler.scale_noise(sample=x, timestep=at, noise=z) for x, z in ((one, zero), (zero, one))]
    else:
        raise ValueError(
            f"scheduler is a {type(scheduler).__name__}, which has no add_noise or scale_noise and so cannot noise a "
            "sample to a level; take one that has, such as DDIMScheduler or DPMSolverMultistepScheduler"
        )
    return float(pair[0]), float(pair[1])
