"""A mixture of all three kinds of components, against the same mixture with every law in closed form."""

import numpy as np
import pytest

from critwin_widgets.engine import LogConcaveMixture, overlap
from critwin_widgets.engine.components import Gaussian, LogisticTimesNormal, Potential, Product
from critwin_widgets.theory import end_time, mixture_tree, start_time, transition_matrix
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


def meet(first, second) -> bool:
    """Whether two intervals that both hold the truth have a point in common."""
    return bool(np.all(np.minimum(first.high, second.high) >= np.maximum(first.low, second.low)))


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


def test_overlaps_and_transitions_agree(mixtures):
    ours, twin = mixtures
    times = np.array([0.1, 1.0, 2.5])
    for a, b in ((["far"], ["potential"]), (["product"], ["potential"]), (["far", "product"], ["potential"])):
        assert meet(overlap(ours, a, b, times, n=512), overlap(twin, a, b, times, n=512))
    first, second = (transition_matrix(m, 1.5, n=512) for m in (ours, twin))
    error = np.hypot(first.standard_error, second.standard_error)
    assert (np.abs(first.value - second.value) <= 4 * error + 1e-3).all()
    np.testing.assert_allclose(first.value.sum(-1), 1.0, rtol=1e-5)


def test_times_and_trees_agree(mixtures):
    ours, twin = mixtures
    near = ["product", "potential"]
    for find in (
        lambda m: start_time(m, near, 0.1, n=512),
        lambda m: end_time(m, ["potential"], near, 0.1, n=512),
    ):
        first, second = find(ours), find(twin)
        assert first.status == second.status
        assert meet(first, second)
    times = np.linspace(0.05, 6.0, 24)
    first, second = (mixture_tree(m, eps=0.1, n=256, times=times) for m in (ours, twin))
    assert [vertex.subset for vertex in first.vertices] == [vertex.subset for vertex in second.vertices]
    assert (1, 2) in [vertex.subset for vertex in first.vertices]


def test_noise_and_denoise_go_through_the_mixture(mixtures):
    ours, twin = mixtures
    y = np.asarray(twin.at(0.4).sample(1, 600))
    which = np.full(len(y), 2)
    first, second = (np.asarray(m.denoise_components(2, y, which, 0.4)) for m in (ours, twin))
    error = np.sqrt((first.var(0) + second.var(0)) / len(y))
    assert (np.abs(first.mean(0) - second.mean(0)) < 5 * error).all()
    part = ours.subset_mixture(["potential", "far"])
    np.testing.assert_allclose(part.log_prob(y), twin.subset_mixture(["potential", "far"]).log_prob(y), atol=1e-3)
