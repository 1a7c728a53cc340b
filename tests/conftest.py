"""Settings of the whole test run: JAX on the processor, array shapes checked as they are annotated."""

from __future__ import annotations

import os
import shutil
import tempfile

# Before anything imports JAX: the tests' tolerances are set for one kind of device.
os.environ.setdefault("JAX_PLATFORMS", "cpu")

from jaxtyping import install_import_hook

# Modules whose annotations state shapes; under test they are enforced. Modules a user calls check
# their own arguments, with messages that are tested.
SHAPED = [
    *(f"critwin_widgets.engine.separation.{name}" for name in ("line", "pairs", "passes", "survey", "table")),
    *(f"critwin_widgets.engine.separation.{name}" for name in ("exact", "numeric", "plane", "slices")),
    *(f"critwin_widgets.theory.{name}" for name in ("_family", "_measures")),
]
install_import_hook(SHAPED, "beartype.beartype")

_SHARED = "CRITWIN_TESTS_COMPILED"


def pytest_configure(config):
    """Let the processes that tests start (kernels, cluster workers) share what they compile.

    The test processes themselves compile everything: some tests count that. So JAX is imported, and
    has read its settings, before they are changed for its children.
    """
    leads = not hasattr(config, "workerinput")
    if leads:
        os.environ[_SHARED] = tempfile.mkdtemp(prefix="critwin-tests-")
    if not (leads and config.getoption("numprocesses", None)):
        import jax  # noqa: F401

        os.environ["JAX_COMPILATION_CACHE_DIR"] = os.environ[_SHARED]
        os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.2"


def pytest_unconfigure(config):
    """Leave nothing behind."""
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ.pop(_SHARED), ignore_errors=True)
