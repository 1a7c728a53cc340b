"""Optional dependencies: imported where they are used, with the install line in the error."""

import importlib
from types import ModuleType


def install_line(extra: str) -> str:
    """The command that installs one of the package's extras."""
    return f'pip install "critwin-widgets[{extra}]"'


INSTALL = install_line("data")


def require(module: str, purpose: str, extra: str = "data") -> ModuleType:
    """Import an optional module or say how to get it.

    Args:
        module: Dotted name, e.g. ``"sklearn.covariance"``.
        purpose: What the caller wants it for, in the user's words.
        extra: The package's extra that brings it.

    Raises:
        ImportError: When it is not installed; the message holds the ``pip install`` line.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ImportError(f"{purpose} needs {package}, which is not installed. Run: {install_line(extra)}") from error
