"""Independent reference values on a line, computed by quadrature outside this package."""

import json
from pathlib import Path

import numpy as np

from critwin_widgets.engine import GaussianMixture

CASES = json.loads((Path(__file__).parent / "data" / "one_dimensional.json").read_text())


def mixture_of(case: dict) -> GaussianMixture:
    """Build the mixture of a reference case."""
    return GaussianMixture(np.array(case["means"])[:, None], np.square(case["stds"]), case["weights"])
