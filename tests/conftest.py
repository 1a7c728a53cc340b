"""Settings of the whole test run: JAX on the processor, array shapes checked as they are annotated."""

from __future__ import annotations

import os

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
