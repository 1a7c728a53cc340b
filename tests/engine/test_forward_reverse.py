"""The forward-reverse experiment: three methods against each other and against exact transition matrices."""

import jax
import numpy as np
import pytest
from scipy import stats

from critwin_widgets.engine import (
    GaussianMixture,
    count_compilations,
    forward_reverse,
    reverse_trajectories,
)
from critwin_widgets.engine.samplers import follow, steps
from critwin_widgets.theory import transition_matrix
from tests.engine.two_samples import RARE, same_labels, same_law

N = 4096  # one size for all: every other one would be compiled anew
T = 0.8

MIXTURE = GaussianMixture(
    [[-2.0, 0.0], [1.0, 0.5], [2.0, 3.0]], [0.3, 1.0, 0.15], [0.5, 0.2, 0.3], labels=["cat", "dog", "ship"]
)
LINE = GaussianMixture([[-2.0, 1.0], [0.0, 0.0], [3.0, -1.5]], [0.4, 0.4, 0.4], [0.5, 0.2, 0.3])


@pytest.fixture(scope="module")
def runs():
    """One experiment from the whole mixture by each method."""
    return {
        method: forward_reverse(MIXTURE, None, T, key=key, n=N, method=method)
        for key, method in enumerate(("exact", "sde", "ode"))
    }


@pytest.fixture(scope="module")
def from_cat():
    """One experiment from a part of the mixture, exactly and by SDE."""
    return {
        method: forward_reverse(MIXTURE, "cat", T, key=key, n=N, method=method)
        for key, method in enumerate(("exact", "sde"), 10)
    }


def test_exact_labels_have_the_law_of_the_transition_matrix():
    t = np.array([0.3, 1.0])
    exact = transition_matrix(LINE, t)
    assert exact.method == "exact"
    for labels_only in (False, True):
        counts = forward_reverse(LINE, None, t, key=3, n=N, labels_only=labels_only).counts
        for k in range(len(t)):
            for row, chance in zip(counts[k], exact.value[k], strict=True):
                assert stats.chisquare(row, row.sum() * chance).pvalue > RARE


def test_methods_agree_in_law_from_the_whole_mixture(runs):
    fresh = np.asarray(MIXTURE.sample(99, N), np.float64)
    for run in runs.values():
        assert same_law(run.x, fresh) > RARE
        assert stats.chisquare(np.bincount(run.component), N * np.asarray(MIXTURE.weights)).pvalue > RARE
    assert same_labels(runs["sde"].component, runs["exact"].component) > RARE
    assert same_labels(runs["ode"].component, runs["exact"].component) > RARE


def test_the_sde_agrees_in_law_with_the_exact_experiment_from_a_part(from_cat):
    exact, sde = from_cat["exact"], from_cat["sde"]
    assert same_labels(exact.component, sde.component) > RARE
    assert same_law(exact.x, sde.x) > RARE
    # Start and return together: the way X moved, and not only where it ended.
    assert same_law(exact.x - exact.x0, sde.x - sde.x0) > RARE
    assert (exact.source == 0).all()
    assert exact.counts[1:].sum() == 0


def test_the_ode_from_a_part_is_a_transport_and_not_the_experiment(runs):
    exact, ode = runs["exact"], runs["ode"]
    # The flow carries p_t to p, but a sample's end follows from its beginning, so fewer change label.
    assert np.trace(ode.counts) > np.trace(exact.counts) + 5 * np.sqrt(N)
    again = reverse_trajectories(MIXTURE, 5, N, T, method="ode", start=ode.y)
    np.testing.assert_allclose(again.points[-1], ode.x, atol=1e-4)


def test_labels_come_back_in_detailed_balance(runs):
    for method in ("exact", "sde"):
        counts = runs[method].counts.astype(float)
        gap, total = (counts - counts.T)[np.triu_indices(3, 1)], (counts + counts.T)[np.triu_indices(3, 1)]
        assert (np.abs(gap) < 4.5 * np.sqrt(total)).all()


def test_no_noise_returns_the_sample_and_all_noise_forgets_it():
    for method in ("exact", "sde", "ode"):
        still = forward_reverse(MIXTURE, ["cat", "ship"], 0.0, key=0, n=N, method=method)
        np.testing.assert_allclose(still.x, still.x0, atol=1e-6)
        np.testing.assert_array_equal(still.y, still.x0)
    far = forward_reverse(MIXTURE, None, 30.0, key=0, n=N)
    assert stats.chi2_contingency(far.counts).pvalue > RARE
    assert same_law(far.y, np.random.default_rng(1).normal(size=(N, 2))) > RARE


def test_several_times_share_samples_and_noise():
    times = np.array([0.1, 0.5, 2.0])
    both = forward_reverse(MIXTURE, [0, 1], times, key=7, n=N)
    assert both.x.shape == both.y.shape == (3, N, 2)
    assert both.component.shape == (3, N)
    assert both.counts.shape == (3, 3, 3)
    for k, t in enumerate(times):
        one = forward_reverse(MIXTURE, [0, 1], t, key=7, n=N)
        np.testing.assert_array_equal(one.x0, both.x0)
        np.testing.assert_array_equal(one.source, both.source)
        np.testing.assert_array_equal(one.component, both.component[k])
        np.testing.assert_allclose(one.x, both.x[k], atol=1e-6)
    # The same noise: what is left of Y when the signal is taken away is one set of numbers.
    noise = [(y - np.exp(-t) * both.x0) / np.sqrt(-np.expm1(-2 * t)) for y, t in zip(both.y, times, strict=True)]
    np.testing.assert_allclose(noise[1], noise[2], atol=1e-4)


def test_the_same_key_gives_the_same_bits_however_samples_are_cut(monkeypatch, runs):
    again = forward_reverse(MIXTURE, None, T, key=jax.random.key(1), n=N, method="sde")
    np.testing.assert_array_equal(again.x, runs["sde"].x)
    np.testing.assert_array_equal(again.component, runs["sde"].component)
    monkeypatch.setattr(follow, "CHUNK", 1024)
    cut = forward_reverse(MIXTURE, None, T, key=1, n=N, method="sde")
    np.testing.assert_allclose(cut.x, runs["sde"].x, atol=1e-5)
    other = forward_reverse(MIXTURE, None, T, key=2, n=N)
    assert not np.array_equal(other.x, runs["exact"].x)


def test_a_common_offset_of_a_million_costs_no_digits():
    far = GaussianMixture(np.asarray(MIXTURE.means) + 1e6, MIXTURE.covariances, MIXTURE.weights)
    for method in ("exact", "ode"):
        here, there = (forward_reverse(m, None, T, key=4, n=N, method=method) for m in (MIXTURE, far))
        np.testing.assert_allclose(there.x - 1e6, here.x, atol=1e-4)
        np.testing.assert_array_equal(there.component, here.component)


def test_results_are_told_in_a_few_words(runs):
    exact, sde = runs["exact"], runs["sde"]
    kept = np.trace(exact.counts) / N
    assert exact.retention == pytest.approx(kept)
    assert repr(exact) == f"ForwardReverse(exact, n={N}, t=0.8, 3 components: {100 * kept:.3g} % kept their component)"
    assert repr(sde).startswith(f"ForwardReverse(sde in {sde.steps} steps, n={N}, t=0.8, 3 components: ")
    lines = str(exact).splitlines()
    assert lines[0] == repr(exact)
    np.testing.assert_array_equal([line.split()[1:] for line in lines[2:]], exact.counts.astype(str))
    many = forward_reverse(MIXTURE, None, np.linspace(0.1, 2.0, 9), key=0, n=N, labels_only=True)
    low, high = many.retention.min(), many.retention.max()
    assert str(many) == (
        f"ForwardReverse(exact, n={N}, 9 times t=0.1 to 2, 3 components: "
        f"{100 * low:.3g} % to {100 * high:.3g} % kept their component)"
    )


def test_nothing_compiles_anew_when_time_key_or_means_change():
    moved = GaussianMixture(np.asarray(MIXTURE.means) + 0.1, [0.2, 0.7, 0.2], labels=MIXTURE.labels)

    def run(mixture, t, key, init):
        for method in ("exact", "sde", "ode"):
            forward_reverse(mixture, init, t, key=key, n=N, method=method)
        forward_reverse(mixture, init, t, key=key, n=N, labels_only=True)

    run(MIXTURE, 0.5, 0, [0])
    with count_compilations() as compiled:
        run(moved, 0.9, jax.random.key(1), [1, 2])
    assert compiled.count == 0, compiled.names


def test_an_interrupt_leaves_everything_usable(monkeypatch):
    monkeypatch.setattr(follow, "CHUNK", 1024)
    whole = forward_reverse(MIXTURE, None, T, key=1, n=N, method="sde")
    calls, real = [], steps.integrate

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(steps, "integrate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        forward_reverse(MIXTURE, None, T, key=1, n=N, method="sde")
    assert len(calls) == 2
    monkeypatch.setattr(steps, "integrate", real)
    again = forward_reverse(MIXTURE, None, T, key=1, n=N, method="sde")
    np.testing.assert_array_equal(again.x, whole.x)


BAD = [
    ({"t": -0.1}, ValueError, "t must be finite and not negative .*-0.1"),
    ({"t": np.nan}, ValueError, "t must be finite and not negative .*nan"),
    ({"t": [0.1, np.inf]}, ValueError, "t must be finite and not negative .*inf"),
    ({"t": "late"}, ValueError, "t must be an OU time or an array of them, not 'late'"),
    ({"t": []}, ValueError, r"t must be one OU time or times \(T,\), not an array of shape \(0,\)"),
    ({"t": [[0.1]]}, ValueError, r"not an array of shape \(1, 1\)"),
    ({"n": 0}, ValueError, "n must be an integer of at least 1, not 0"),
    ({"n": 2.5}, ValueError, "n must be an integer of at least 1, not 2.5"),
    ({"n": True}, ValueError, "n must be an integer of at least 1, not True"),
    ({"method": "sed"}, ValueError, "method must be one of .* not 'sed'; did you mean 'sde'"),
    ({"init": []}, ValueError, "init is empty"),
    ({"init": ["cta"]}, ValueError, "init has the unknown label 'cta'.*did you mean 'cat'"),
    ({"init": [3]}, ValueError, "init has the index 3, but components run from 0 to 2"),
    ({"init": [0.5]}, TypeError, "init must hold component indices or labels, not 0.5"),
    ({"key": "seed"}, TypeError, "key must be a jax.random key or an integer seed, not 'seed'"),
    ({"key": 1.5}, TypeError, "key must be a jax.random key or an integer seed, not 1.5"),
    ({"key": np.zeros(2)}, TypeError, "key must be"),
    ({"key": jax.numpy.zeros(2)}, TypeError, "key must be .* not an array of float32"),
    ({"key": jax.random.split(jax.random.key(0))}, TypeError, r"array of keys of shape \(2,\); split it first"),
    ({"labels_only": True, "method": "ode"}, ValueError, "labels_only is for method 'exact', not 'ode'"),
    ({"labels_only": True, "save_at": 0.1}, ValueError, "save_at keeps the way back from one time"),
    ({"t": [0.1, 0.5], "save_at": 0.1}, ValueError, "save_at keeps the way back from one time"),
    ({"save_at": [0.1, 0.9]}, ValueError, r"save_at must lie in \[0, 0.5\].* got 0.9"),
    ({"save_at": [-0.1]}, ValueError, "save_at must be finite and not negative"),
    ({"steps": 10}, ValueError, "steps is for methods 'sde' and 'ode'"),
    ({"tolerance": 1e-3}, ValueError, "tolerance is for methods 'sde' and 'ode'"),
    ({"method": "sde", "steps": 0}, ValueError, "steps must be an integer of at least 1, not 0"),
    ({"method": "sde", "tolerance": -1.0}, ValueError, "tolerance must be positive and finite, not -1.0"),
    ({"method": "ode", "tolerance": np.nan}, ValueError, "tolerance must be positive and finite, not nan"),
    ({"method": "ode", "max_steps": 0}, ValueError, "max_steps must be an integer of at least 1, not 0"),
    (
        {"n": 10**8},
        MemoryError,
        "100000000 samples at 1 times in 2 dimensions would need 4.47 GiB, more than max_bytes=1 GiB",
    ),
    ({"n": 1000, "max_bytes": 4800}, MemoryError, "would need 46.88 KiB, more than max_bytes=4.688 KiB; use fewer"),
    ({"max_bytes": 0}, ValueError, "max_bytes must be positive and finite, not 0"),
]


@pytest.mark.parametrize(("change", "error", "message"), BAD)
def test_bad_input_is_named(change, error, message):
    good = {"init": None, "t": 0.5, "key": 0, "n": 8}
    with pytest.raises(error, match=message):
        forward_reverse(MIXTURE, **(good | change))
