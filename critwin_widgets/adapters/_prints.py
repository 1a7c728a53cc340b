"""What tells two models of torch apart: a hash of their weights and settings."""

import enum
from collections.abc import Mapping
from typing import Any

from ..engine._digest import digest

_WHOLE = 1 << 14
_SOME = 1 << 10
"""Numbers up to which all of a tensor are hashed, and how many are, evenly spread, of a larger one."""

_OF_THEIR_WRITER = ("transformers_version", "torch_dtype", "dtype", "architectures")
"""Entries of a configuration that say who wrote a file, or what the tensors say themselves."""

_TURNED = ("scaling", "scale", "_active_adapter", "_disable_adapters", "b1", "b2", "s1", "s2")
"""What low-rank adapters, image prompts and FreeU are turned up, down and off by, beside the weights."""


def weights_hash(model: Any) -> str:
    """Return a short hash of a torch module, the same on every device.

    It takes in the module's class and configuration and of each tensor its name, shape, dtype and numbers:
    all of them up to 16,384, else about a thousand throughout it, as gigabytes need not be read to see
    training, which moves them all. A tensor whose numbers are not there (offloaded to a disk) counts by
    name, and the model by the name it was loaded by.
    """
    parts: list[Any] = [type(model).__name__, settings(getattr(model, "config", None))]
    for name, tensor in model.state_dict().items():
        if callable(getattr(tensor, "detach", None)):
            parts += [name, tuple(tensor.shape), str(tensor.dtype), _numbers(tensor, model)]
        else:
            parts += [name, tensor]
    turned = [
        (name, word, own[word])
        for name, own in ((name, vars(module)) for name, module in model.named_modules())
        for word in _TURNED
        if isinstance(own.get(word), bool | int | float | str | list | dict)
    ]
    return digest(*parts, turned)


def settings(config: Any) -> Any:
    """Return a configuration as a mapping, without what says where it was read and who wrote it."""
    if callable(getattr(config, "to_diff_dict", None)):
        # Without the defaults, to which a newer version may add.
        config = config.to_diff_dict()
    if not isinstance(config, Mapping):
        return None
    kept = {name: value for name, value in config.items() if not str(name).startswith("_")}
    return {name: _setting(value) for name, value in kept.items() if name not in _OF_THEIR_WRITER}


def _setting(value: Any) -> Any:
    if isinstance(value, Mapping):
        return settings(value)
    # A file holds an enumeration's members as numbers, and tuples as lists.
    return list(value) if isinstance(value, tuple) else int(value) if isinstance(value, enum.IntEnum) else value


def _numbers(tensor: Any, model: Any) -> Any:
    if tensor.is_meta:
        return "offloaded", getattr(getattr(model, "config", None), "_name_or_path", None)
    flat = tensor.detach().reshape(-1)
    if flat.numel() > _WHOLE:
        # An odd step, so that the numbers do not all come from one column.
        flat = flat[:: flat.numel() // _SOME | 1]
    return flat.cpu().double().numpy()
