"""A mixture of all three kinds of components, against the same mixture with every law in closed form."""

import numpy as np
import pytest

from critwin_widgets.engine import LogConcaveMixture
from critwin_widgets.engine.components import Gaussian, LogisticTimesNormal, Potential, Product
from tests.engine.potentials import Rotated


@pytest.fixture(scope="module")
def mixtures():
    """The mixture with a potential, and its twin where the potential is the Gaussian that it is."""
    law = Rotated.make(2, 1.0, 0.0, 0.0)
    others = [
        Gaussian([40.0, 0.0], 1.3),
        Product([LogisticTimesNormal(0.0, 0.8, 0.0, 2.0)] * 2, centre=[5.0, 2.0]),
    ]
    potential = Potential(law, 1.0, 2, draws=300, chains=4)
    twin = Gaussian(law.shift, 1.0)
    weights, labels = [0.3, 0.3, 0.4], ["far", "product", "potential"]
    return (
        LogConcaveMixture([*others, potential], weights, labels),
        LogConcaveMixture([*others, twin], weights, labels),
    )


def test_densities_scores_and_posteriors_agree(mixtures):
    ours, twin = mixtures
    x = np.asarray(twin.sample(0, 200))
    for t in (0.0, 0.3, 2.0):
        np.testing.assert_allclose(ours.at(t).log_prob(x), twin.at(t).log_prob(x), atol=1e-3)
        np.testing.assert_allclose(ours.at(t).score(x), twin.at(t).score(x), atol=1e-3)
        np.testing.assert_allclose(ours.at(t).posterior(x), twin.at(t).posterior(x), atol=1e-3)
    np.testing.assert_allclose(ours.component_means, twin.component_means, atol=1e-3)
    np.testing.assert_allclose(ours.concavity, twin.concavity)
    assert ours.at(0.3).log_prob_error < 1e-3
