"""Optional dependencies: imported where they are used, with the install line in the error."""

import difflib
import importlib
from collections.abc import Iterable
from types import ModuleType

INSTALL = 'pip install "critwin-widgets[data]"'


def require(module: str, purpose: str) -> ModuleType:
    """Import an optional module or say how to get it.

    Args:
        module: Dotted name, e.g. ``"sklearn.covariance"``.
        purpose: What the caller wants it for, in the user's words.

    Raises:
        ImportError: When it is not installed; the message holds the ``pip install`` line.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ImportError(f"{purpose} needs {package}, which is not installed. Run: {INSTALL}") from error


def one_of(argument: str, value: object, allowed: Iterable[str]) -> str:
    """Return ``value`` if it is one of ``allowed``, else raise naming the closest allowed value."""
    names = tuple(allowed)
    if isinstance(value, str) and value in names:
        return value
    near = difflib.get_close_matches(str(value), names, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    listed = ", ".join(repr(name) for name in names)
    raise ValueError(f"{argument} is {value!r}; it must be one of {listed}.{hint}")
