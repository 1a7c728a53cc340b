"""A scheduler that walks one leg of its way, from one level down to another.

A pipeline asks its scheduler for timesteps and steps through them. Handing it a scheduler that lists only
those of one leg makes the pipeline itself denoise from the middle, with all it does to the model's input
and output. What the scheduler knows of its whole way (how many steps there are, which noise scale belongs
to which step) must not change: a multistep solver lowers its order near the end. So the list is short to
the pipeline and whole to the scheduler's own methods.
"""

import contextlib
import copy
import functools
import inspect
from typing import Any


class ScheduleAsked(Exception):
    """Raised when a pipeline has come to setting timesteps, with what it sets them to."""

    def __init__(self, arguments: dict[str, Any]):
        super().__init__("timesteps were set")
        self.arguments = arguments


class _Leg:
    """What a scheduler's class is mixed with."""

    _inside = 0
    _walk: list[int] | None = None
    _generators: Any = None
    _stop = False
    _unscaled = False
    _done = 0
    _whole: Any = None
    _part: Any = None
    _own_scale: Any = None

    @contextlib.contextmanager
    def _whole_way(self):
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1

    @property
    def timesteps(self) -> Any:
        return self._whole if self._inside or self._part is None else self._part

    @timesteps.setter
    def timesteps(self, values: Any) -> None:
        self._whole = values

    @property
    def init_noise_sigma(self) -> Any:
        # A pipeline multiplies the latents it is given by this; ours are on their level already.
        if self._unscaled:
            return 1.0
        inherited = super()
        try:
            return inherited.init_noise_sigma  # pyright: ignore[reportAttributeAccessIssue]
        except AttributeError:
            return 1.0 if self._own_scale is None else self._own_scale

    @init_noise_sigma.setter
    def init_noise_sigma(self, value: Any) -> None:
        self._own_scale = value

    def set_begin_index(self, begin_index: int = 0) -> None:
        inherited: Any = super()
        if hasattr(inherited, "set_begin_index"):
            inherited.set_begin_index(begin_index + (self._walk[0] if self._walk else 0))

    def _set_timesteps(self, *args: Any, **kwargs: Any) -> None:
        inherited: Any = super()
        if self._stop:
            names = [*inspect.signature(inherited.set_timesteps).parameters]
            given = dict(zip(names, args, strict=False)) | kwargs
            raise ScheduleAsked({name: value for name, value in given.items() if value is not None})
        with self._whole_way():
            inherited.set_timesteps(*args, **kwargs)
        if self._walk is not None:
            self._part = self._whole[self._walk]
            self.set_begin_index(0)

    def _step(self, model_output: Any, timestep: Any, sample: Any, *args: Any, **kwargs: Any) -> Any:
        inherited: Any = super()
        parameters = inspect.signature(inherited.step).parameters
        if "generator" in parameters and kwargs.get("generator") is None:
            kwargs["generator"] = self._generators
        if "order" in parameters:
            # The linear multistep method counts the steps since the top, but knows only those of this leg.
            self._done += 1
            kwargs["order"] = min(kwargs.get("order", 4), self._done)
        with self._whole_way():
            return inherited.step(model_output, timestep, sample, *args, **kwargs)

    def _scale_model_input(self, sample: Any, *args: Any, **kwargs: Any) -> Any:
        inherited: Any = super()
        with self._whole_way():
            return inherited.scale_model_input(sample, *args, **kwargs)


def make_leg(
    scheduler: Any,
    walk: list[int] | None = None,
    generators: Any = None,
    *,
    scaled: bool = False,
    stop: bool = False,
) -> Any:
    """Return a copy of a scheduler that walks one leg.

    Args:
        scheduler: of diffusers; it stays as it is.
        walk: positions of the timesteps of the leg; the whole way when `None`.
        generators: one `torch.Generator` for each row, used where a pipeline hands the scheduler none.
        scaled: whether the pipeline is to scale its prior latents as the scheduler says.
        stop: whether to raise `ScheduleAsked` as soon as timesteps are set.
    """
    leg = copy.deepcopy(scheduler)
    state = {name: leg.__dict__.pop(name) for name in ("timesteps", "init_noise_sigma") if name in leg.__dict__}
    leg.__class__ = _leg_class(type(scheduler))
    for name, value in state.items():
        setattr(leg, name, value)
    leg._walk, leg._generators, leg._stop, leg._unscaled = walk, generators, stop, not scaled
    return leg


def model_input(scheduler: Any, sample: Any, timestep: Any) -> Any:
    """Return a noised sample as the model takes it; flow-matching schedulers leave it as it is."""
    return scheduler.scale_model_input(sample, timestep) if hasattr(scheduler, "scale_model_input") else sample


@functools.lru_cache(maxsize=64)
def _leg_class(base: type) -> type:
    # Pipelines look at the signatures of these methods, and at the class's name and module.
    members: dict[str, Any] = {"__module__": base.__module__, "__qualname__": base.__qualname__}
    methods = ("set_timesteps", "step", "scale_model_input")
    for name in methods:
        if hasattr(base, name):
            members[name] = _with_signature(getattr(_Leg, f"_{name}"), getattr(base, name))
    return type(base.__name__, (_Leg, base), members)


def _with_signature(method: Any, like: Any) -> Any:
    @functools.wraps(like)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        return method(self, *args, **kwargs)

    return wrapped
