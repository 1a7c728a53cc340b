"""Optional dependencies: imported where they are used, with the install line in the error."""

import importlib
from types import ModuleType


def require(module: str, purpose: str, extra: str = "data") -> ModuleType:
    """Import an optional module or say how to get it.

    Args:
        module: Dotted name, e.g. ``"sklearn.covariance"``.
        purpose: What the caller wants it for, in the user's words.
        extra: The extra of this package that installs it.

    Raises:
        ImportError: When it is not installed; the message holds the ``pip install`` line.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ImportError(
            f'{purpose} needs {package}, which is not installed. Run: pip install "critwin-widgets[{extra}]"'
        ) from error
