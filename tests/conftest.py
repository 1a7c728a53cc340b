"""Settings of the whole test run: JAX on the processor, array shapes checked as they are annotated."""

from __future__ import annotations

import os

# Before anything imports JAX: the tests' tolerances are set for one kind of device.
os.environ.setdefault("JAX_PLATFORMS", "cpu")

from jaxtyping import install_import_hook

# The annotations in the engine and the theory state shapes; under test they are enforced.
install_import_hook(["critwin_widgets.engine", "critwin_widgets.theory"], "beartype.beartype")
