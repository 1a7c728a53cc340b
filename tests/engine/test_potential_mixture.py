"""A mixture of all kinds of components, against the same mixture with every law in closed form or by quadrature."""

import numpy as np
import pytest

from critwin_widgets.engine import LogConcaveMixture, overlap
from critwin_widgets.engine.components import Gaussian, LogDensity, LogisticTimesNormal, Potential, Product
from critwin_widgets.engine.separation import exact
from critwin_widgets.theory import end_time, mixture_tree, start_time, transition_matrix
from tests.engine.potentials import Rotated

NEAR = ["product", "bell"]


@pytest.fixture(scope="module")
def mixtures():
    """The mixture with two potentials, and its twin where they are the Gaussian and the product that they are."""
    bell, skew = Rotated.make(2, 1.0, 0.0, 0.0), Rotated.make(2, 0.6, 0.1, 0.8, seed=5)
    skew = Rotated(skew.line, skew.rotation, skew.shift + np.array([-9.0, 7.0]))
    others = [
        Gaussian([40.0, 0.0], 1.3),
        Product([LogisticTimesNormal(0.0, 0.8, 0.0, 2.0)] * 2, centre=[5.0, 2.0]),
    ]
    # Few draws, so that their errors are large enough to matter.
    few = {"draws": 300, "chains": 4}
    potentials = [Potential(bell, 1.0, 2, **few), Potential(skew, 0.6, 2, **few)]
    factor = LogDensity(lambda u: -0.3 * u**2 - 0.4 * np.logaddexp(u, -u) - 0.8 * np.logaddexp(0.0, 3.0 * u), 0.6)
    twins = [Gaussian(bell.shift, 1.0), Product([factor] * 2, rotation=skew.rotation.T, centre=skew.shift)]
    weights, labels = [0.2, 0.2, 0.3, 0.3], ["far", "product", "bell", "skew"]
    return (
        LogConcaveMixture([*others, *potentials], weights, labels),
        LogConcaveMixture([*others, *twins], weights, labels),
    )


def meet(first, second) -> bool:
    """Whether two intervals that both hold the truth have a point in common.

    Many are compared, so each is widened from 95 % to three standard errors.
    """
    wide = [(one.low - 0.25 * (one.high - one.low), one.high + 0.25 * (one.high - one.low)) for one in (first, second)]
    return bool(np.all(np.minimum(wide[0][1], wide[1][1]) >= np.maximum(wide[0][0], wide[1][0])))


def test_densities_scores_and_posteriors_agree(mixtures):
    ours, twin = mixtures
    for t in (0.0, 0.3, 2.0):
        x = np.asarray(twin.at(t).sample(0, 64))
        error = 2 * ours.at(t).log_prob_error
        assert error < 0.05
        np.testing.assert_allclose(ours.at(t).log_prob(x), twin.at(t).log_prob(x), atol=2 * error)
        np.testing.assert_allclose(ours.at(t).posterior(x), twin.at(t).posterior(x), atol=error)
    np.testing.assert_allclose(ours.at(0.3).score(x), twin.at(0.3).score(x), atol=0.05)
    gaps = np.linalg.norm(ours.component_means - twin.component_means, axis=1)
    assert (gaps <= 1.5 * np.array([c.mean_error for c in ours.components]) + 1e-9).all()
    np.testing.assert_allclose(ours.concavity, twin.concavity)


def test_overlaps_and_transitions_agree(mixtures):
    ours, twin = mixtures
    times = np.array([0.1, 1.0, 2.5])
    for a, b in ((["far"], ["bell"]), (["product"], ["bell"]), (["skew"], NEAR)):
        first, second = (overlap(m, a, b, times, n=512) for m in (ours, twin))
        assert meet(first, second)
        certified = overlap(ours, a, b, times, method="certified")
        assert meet(certified, second)
    first, second = (transition_matrix(m, 1.5, n=512) for m in (ours, twin))
    error = np.hypot(first.standard_error, second.standard_error)
    assert (np.abs(first.value - second.value) <= 4 * error + 1e-6).all()
    np.testing.assert_allclose(first.value.sum(-1), 1.0, rtol=1e-5)


def test_estimated_densities_are_never_called_exact(mixtures):
    ours, twin = mixtures
    assert exact.kind_of(ours) is None
    assert exact.kind_of(twin) == exact.NUMERIC
    with pytest.raises(ValueError, match="no component whose density is estimated"):
        overlap(ours, ["product"], ["bell"], 0.5, method="exact")


def test_errors_of_densities_widen_intervals(mixtures):
    ours, twin = mixtures
    question = (["skew"], NEAR, 2.0)
    first, second = (overlap(m, *question, n=64, method="estimated") for m in (ours, twin))
    assert first.low < second.value < first.high
    # The same draws of twins that know their densities: what is added is what errors can do.
    shift = np.tanh(ours.at(2.0).log_prob_error)
    assert shift > 1e-4
    assert first.high - first.value >= min(shift, np.expm1(2 * ours.at(2.0).log_prob_error) * first.value) * 0.99


def test_times_and_trees_agree(mixtures):
    ours, twin = mixtures
    for find in (
        lambda m: start_time(m, NEAR, 0.1, n=512),
        lambda m: end_time(m, ["bell"], NEAR, 0.1, n=512),
    ):
        first, second = find(ours), find(twin)
        assert first.status == second.status
        assert meet(first, second)
    times = np.linspace(0.0, 6.0, 20)
    first, second = (mixture_tree(m, eps=0.1, n=256, times=times) for m in (ours, twin))
    assert [vertex.subset for vertex in first.vertices] == [vertex.subset for vertex in second.vertices]
    assert (1, 2) in [vertex.subset for vertex in first.vertices]


def test_noise_and_denoise_go_through_the_mixture(mixtures):
    ours, twin = mixtures
    y = np.asarray(twin.at(0.4).sample(1, 600))
    for component in (2, 3):
        which = np.full(len(y), component)
        first, second = (np.asarray(m.denoise_components(2, y, which, 0.4)) for m in (ours, twin))
        error = np.sqrt((first.var(0) + second.var(0)) / len(y))
        assert (np.abs(first.mean(0) - second.mean(0)) < 5 * error).all()


def test_an_overlap_that_no_draw_sees_keeps_an_honest_interval(mixtures):
    # Sample mean 1e-15 or less with a variance that underflows: the truth is far above.
    ours, twin = mixtures
    question = (["far"], ["bell"], 1.0)
    first, truth = overlap(ours, *question, n=512, method="estimated"), overlap(twin, *question)
    assert truth.method == "exact"
    assert first.low <= truth.value <= first.high
