"""Public names that load the module that defines them on first use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from importlib import import_module
from sys import modules
from typing import Any


def lazy_names(
    package: str, homes: Mapping[str, str], submodules: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The `__getattr__` and `__dir__` of a package whose names load lazily (PEP 562).

    Args:
      package: the package's `__name__`.
      homes: each public name and the module that defines it.
      submodules: each name that is itself a module, and that module's full name.

    Returns:
      The two functions. Asking for an unknown name raises `AttributeError` with the near miss.
    """

    def load(name: str) -> Any:
        if name in submodules:
            value = import_module(submodules[name])
        elif name in homes:
            value = getattr(import_module(homes[name]), name)
        else:
            raise AttributeError(_missing(package, name, listed()))
        setattr(modules[package], name, value)
        return value

    def listed() -> list[str]:
        dunders = [name for name in vars(modules[package]) if name.startswith("__")]
        return sorted({*homes, *submodules, *dunders})

    return load, listed


def _missing(package: str, name: str, known: list[str]) -> str:
    message = f"module {package!r} has no attribute {name!r}"
    # Case and underscores are what people most often get wrong, so they don't count.
    folded = {_fold(other): other for other in known if not other.startswith("_")}
    near = get_close_matches(_fold(name), folded, n=1, cutoff=0.7)
    return f"{message}; did you mean {folded[near[0]]!r}?" if near else message


def _fold(name: str) -> str:
    return name.casefold().replace("_", "")
