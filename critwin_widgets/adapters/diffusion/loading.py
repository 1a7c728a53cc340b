"""From what a user names to a pipeline that is ready: by hub name or object, with its scheduler, device and dtype."""

import copy
import os
from pathlib import Path
from typing import Any

from .._optional import require

EXTRA = "diffusers"


def load_by_name(load: Any, name: str, what: str, **arguments: Any) -> Any:
    """Load something by its name on the hub or its folder.

    Raises:
        OSError: it is in none of the places that were tried; the message says which, and what to do.
    """
    try:
        return load(name, **arguments)
    except (OSError, ValueError, RuntimeError) as error:
        from huggingface_hub import constants

        offline = constants.HF_HUB_OFFLINE
        tried = [f"the folder {name!r}", f"the cache in {constants.HF_HUB_CACHE}"]
        tried += [] if offline else [f"the hub at {constants.ENDPOINT}"]
        ways = "Give the folder of a copy saved with save_pretrained(), or download it once with a network"
        ways += " and without HF_HUB_OFFLINE=1" if offline else ""
        ways += f" (hf download {name})" if not Path(name).exists() else ""
        raise OSError(
            f"{what} {name!r} could not be loaded. Tried: {', '.join(tried)}"
            f"{'; the network was left alone because HF_HUB_OFFLINE is set' if offline else ''}. "
            f"{ways}; a gated model also needs its licence accepted and HF_TOKEN set. "
            f"The reason given was {type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"
        ) from error


def read_dtype(dtype: Any) -> Any:
    """Return a floating torch dtype from itself or its name."""
    torch = require("torch", "DiffusersProcess", EXTRA)
    found: Any = getattr(torch, dtype, None) if isinstance(dtype, str) else dtype
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise ValueError(f'dtype must be a floating torch dtype or its name, such as "bfloat16", not {dtype!r}')
    return found


def read_device(device: Any) -> Any:
    """Return a torch device that is there."""
    torch = require("torch", "DiffusersProcess", EXTRA)
    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (RuntimeError, TypeError, AssertionError) as error:
        raise ValueError(f'device must be one that torch has here, such as "cpu", not {device!r}: {error}') from error
    return found


def best_device() -> str:
    """Return the accelerator when there is one, else the processor."""
    torch = require("torch", "DiffusersProcess", EXTRA)
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def open_pipeline(pipeline: Any, scheduler: Any, device: Any, dtype: Any) -> Any:
    """Return a shallow copy of a pipeline with the scheduler, on the device and in the dtype asked for.

    The copy shares its models with the pipeline given, which moves with it; its own scheduler and progress
    bar stay.
    """
    require("torch", "DiffusersProcess", EXTRA)
    diffusers = require("diffusers", "DiffusersProcess", EXTRA)
    dtype = None if dtype is None else read_dtype(dtype)
    device = None if device is None else read_device(device)
    if isinstance(pipeline, str | os.PathLike):
        # Newer versions call the argument dtype, and warn of its old name.
        renamed = hasattr(require("diffusers.utils.deprecation_utils", "DiffusersProcess", EXTRA), "_resolve_dtype")
        named = {} if dtype is None else {"dtype" if renamed else "torch_dtype": dtype}
        load = diffusers.DiffusionPipeline.from_pretrained
        pipeline = load_by_name(load, str(pipeline), "The pipeline", **named)
        device = read_device(best_device()) if device is None else device
    elif not isinstance(pipeline, diffusers.DiffusionPipeline):
        raise TypeError(
            f"pipeline must be a diffusers pipeline or the name of one on the hub, not a {type(pipeline).__name__}"
        )
    if device is not None or dtype is not None:
        pipeline.to(**{k: v for k, v in (("device", device), ("dtype", dtype)) if v is not None})
    own = copy.copy(pipeline)
    # Dropout would draw numbers that no seed of ours decides.
    for module in modules_of(own):
        module.eval()
    own.set_progress_bar_config(disable=True)
    if not hasattr(own, "scheduler"):
        raise ValueError(f"pipeline is a {type(own).__name__}, which has no scheduler and so no noise levels")
    if scheduler is not None:
        own.scheduler = _read_scheduler(diffusers, scheduler, own.scheduler)
    return own


def modules_of(pipeline: Any) -> list[Any]:
    """Return the torch modules among a pipeline's components."""
    torch = require("torch", "DiffusersProcess", EXTRA)
    return [part for part in pipeline.components.values() if isinstance(part, torch.nn.Module)]


def _read_scheduler(diffusers: Any, scheduler: Any, current: Any) -> Any:
    if isinstance(scheduler, str):
        found = getattr(diffusers, scheduler, None)
        if not isinstance(found, type) or not issubclass(found, diffusers.SchedulerMixin):
            raise ValueError(f'scheduler must name one of diffusers, such as "DDIMScheduler", not {scheduler!r}')
        scheduler = found
    if isinstance(scheduler, type) and issubclass(scheduler, diffusers.SchedulerMixin):
        return scheduler.from_config(current.config)
    if not isinstance(scheduler, diffusers.SchedulerMixin):
        raise TypeError(
            "scheduler must be a scheduler of diffusers, its class or the name of its class, "
            f"not a {type(scheduler).__name__}"
        )
    return scheduler
