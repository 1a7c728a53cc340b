"""The engine against its own dense floor: trees from scratch, and one pass of log-densities."""

from __future__ import annotations

from critwin_widgets.adapters import datasets
from critwin_widgets.engine import GaussianMixture
from critwin_widgets.theory import mixture_tree
from tests.benchmarks.rows import Row
from tests.benchmarks.timing import dense_pass, median


def run() -> list[Row]:
    """Times each tree against a dense `log_prob` pass over as many noised samples as it draws."""
    cases = {
        "digits, 10 components": datasets.digits(),
        "digits, 30 components": datasets.digits(styles=3),
    }
    rows = []
    for name, data in cases.items():
        mixture = data.mixture()
        tree = mixture_tree(mixture, 0.1)
        scratch = median(lambda m=mixture: mixture_tree(_again(m), 0.1, seed=1))
        dense = median(dense_pass(mixture, tree))
        peer = f"one dense log_prob pass, {1e3 * dense:.0f} ms"
        rows.append(Row(f"tree from scratch, {name}", 1e3 * scratch, "ms", peer, scratch / dense, 10.0))
        moved = median(lambda t=tree: t.at_eps(0.2).nodes)
        rows.append(Row(f"another eps, {name}", 1e3 * moved, "ms", "the tree from scratch", moved / scratch))
    return rows


def _again(mixture: GaussianMixture) -> GaussianMixture:
    """Build the mixture anew, its eigendecomposition included."""
    return GaussianMixture(
        mixture.means, mixture.covariances, mixture.weights, mixture.covariance_type, mixture.labels, mixture.features
    )
