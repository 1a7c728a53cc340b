"""Reverse trajectories: marginals at every time, joint laws, closed-form flows, orders of convergence, failures."""

import diffrax
import jax
import numpy as np
import pytest
from scipy import stats

from critwin_widgets.engine import (
    GaussianMixture,
    ReverseError,
    Trajectories,
    forward_reverse,
    reverse_trajectories,
)
from critwin_widgets.engine.samplers import follow
from tests.engine.two_samples import RARE, same_law

N = 4096
TIMES = np.array([1.5, 0.6, 0.2, 0.0])
MIXTURE = GaussianMixture([[-2.0, 0.0], [1.0, 0.5], [2.0, 3.0]], [0.3, 1.0, 0.15], [0.5, 0.2, 0.3])


@pytest.fixture(scope="module")
def paths():
    """The same mixture followed back by each method."""
    return {
        method: reverse_trajectories(MIXTURE, key, N, TIMES[0], method=method, save_at=TIMES)
        for key, method in enumerate(("exact", "sde", "ode"))
    }


@pytest.mark.parametrize("method", ["exact", "sde", "ode"])
def test_every_method_has_the_noised_law_at_every_time(paths, method):
    found = paths[method]
    assert found.points.shape == (4, N, 2)
    np.testing.assert_array_equal(found.times, TIMES)
    for t, points in zip(TIMES, found.points, strict=True):
        assert same_law(points, np.asarray(MIXTURE.at(t).sample(77, N), np.float64)) > RARE
    expected = N * np.asarray(MIXTURE.weights)
    assert stats.chisquare(np.bincount(found.component), expected).pvalue > RARE


def test_the_sde_moves_between_times_as_the_exact_paths_do(paths):
    exact, sde = paths["exact"].points, paths["sde"].points
    for k in range(len(TIMES) - 1):
        assert same_law(exact[k + 1] - exact[k], sde[k + 1] - sde[k]) > RARE
    # A path across all times at once.
    weights = np.array([1.0, -2.0, 3.0, -1.0])
    assert same_law(np.tensordot(weights, exact, 1), np.tensordot(weights, sde, 1)) > RARE


def test_exact_paths_are_the_forward_process_read_backwards(paths):
    points = paths["exact"].points
    for k in range(len(TIMES) - 1):
        step = TIMES[k] - TIMES[k + 1]
        noise = (points[k] - np.exp(-step) * points[k + 1]) / np.sqrt(-np.expm1(-2 * step))
        assert same_law(noise, np.random.default_rng(k).normal(size=(N, 2))) > RARE
        # Noise is independent of where the forward process was.
        assert np.abs(np.corrcoef(noise.T, points[k + 1].T)[:2, 2:]).max() < 4.5 / np.sqrt(N)


def test_times_come_in_the_order_asked_for_and_may_repeat(paths):
    asked = np.array([0.2, 0.0, 1.5, 0.2, 0.6])
    for method in ("exact", "ode"):
        key = ("exact", "sde", "ode").index(method)
        found = reverse_trajectories(MIXTURE, key, N, 1.5, method=method, save_at=asked)
        expected = paths[method].points[[2, 3, 0, 2, 1]]
        np.testing.assert_array_equal(found.points, expected)
    ends = reverse_trajectories(MIXTURE, 0, N, 1.5, method="exact")
    np.testing.assert_array_equal(ends.times, [1.5, 0.0])


def test_the_way_back_of_an_experiment_ends_in_its_result():
    for method in ("exact", "ode"):
        run = forward_reverse(MIXTURE, None, 1.5, key=3, n=N, method=method, save_at=TIMES)
        np.testing.assert_allclose(run.trajectories.points[0], run.y, atol=1e-6)
        np.testing.assert_array_equal(run.trajectories.points[-1], run.x)
        np.testing.assert_array_equal(run.trajectories.component, run.component)


def test_trajectories_are_told_in_a_few_words(paths):
    found = paths["ode"]
    counts = np.bincount(found.component)
    assert repr(found) == (
        f"Trajectories(ode in {found.steps} steps, n={N} in 2 dimensions, t=1.5, 0.6, 0.2, 0; "
        f"components at t=0: 0: {counts[0]}, 1: {counts[1]}, 2: {counts[2]})"
    )
    rng = np.random.default_rng(0)
    many = Trajectories(np.linspace(2.0, 0.0, 5), np.zeros((5, 99, 2)), rng.integers(0, 12, 99), "exact", 0)
    assert repr(many).startswith("Trajectories(exact, n=99 in 2 dimensions, 5 times t=0 to 2; components at t=0: ")
    assert repr(many).endswith(", ...)")
    assert len(repr(many)) < 160


def flow(mixture: GaussianMixture, y: np.ndarray, t: float) -> np.ndarray:
    """Return where the probability-flow ODE of one Gaussian takes points: each axis is scaled by its deviations."""
    mean, values = np.asarray(mixture.means)[0], np.asarray(mixture.covariances)[0]
    a = np.exp(-t)
    return mean + np.sqrt(values / (a**2 * values - np.expm1(-2 * t))) * (y - a * mean)


@pytest.mark.parametrize(("solver", "least", "most"), [(diffrax.Heun(), 1.8, 2.3), (diffrax.Tsit5(), 4.8, 6.5)])
def test_the_ode_converges_at_its_solvers_order(solver, least, most):
    counts = 16, 32
    y = np.random.default_rng(0).normal(size=(32, 2))
    gaussian = GaussianMixture([[3.0, -1.0]] * 2, [[0.2, 4.0]] * 2, covariance_type="diag")
    pair = GaussianMixture([[-1.5, 0.0], [1.5, 1.0]], [[0.5, 1.0], [0.7, 0.4]], covariance_type="diag")
    with jax.enable_x64(True):

        def end(mixture, steps, way=solver):
            run = reverse_trajectories(mixture, 0, 32, 1.0, method="ode", start=y, steps=steps, solver=way)
            return run.points[-1]

        references = [(gaussian, flow(gaussian, y, 1.0)), (pair, end(pair, 60, diffrax.Tsit5()))]
        for mixture, reference in references:
            errors = [np.abs(end(mixture, steps) - reference).max() for steps in counts]
            slope = np.log(errors[0] / errors[1]) / np.log(counts[1] / counts[0])
            assert errors[1] < errors[0] < 0.1
            assert least < slope < most  # Tsit5's order is 5; its next error has the upper hand for long


def test_the_tolerance_bounds_the_error_of_the_ode():
    for t in (0.01, 1.0, 6.0):
        y = np.asarray(MIXTURE.at(t).sample(0, N), np.float64)
        usual, fine = (
            reverse_trajectories(MIXTURE, 0, N, t, method="ode", start=y, **change).points[-1]
            for change in ({}, {"tolerance": 1e-6})
        )
        error = np.sqrt(np.square(usual - fine).mean(-1)) / np.sqrt(0.15)
        # Errors of steps add up, and the flow carries points between two components apart.
        assert np.quantile(error, 0.9) < 4e-4
        assert error.max() < 1e-2


def test_euler_steps_have_the_variance_that_euler_steps_have():
    # For N(0, v I) the equation is dU = -U du + sqrt(2) dB: Euler's variance after each step is known.
    gaussian = GaussianMixture([[0.0, 0.0]] * 3, [0.25] * 3)
    t, steps = 0.7, 3
    end = 0.5 * np.log1p(np.expm1(2 * t) / 0.25)
    start = np.full((N, 2), 0.3)
    scale = np.exp(-t) * np.sqrt(0.25 + np.expm1(2 * t))
    h, mean, variance = end / steps, 0.3 / scale, 0.0
    for _ in range(steps):
        mean, variance = (1 - h) * mean, (1 - h) ** 2 * variance + 2 * h
    found = reverse_trajectories(gaussian, 0, N, t, start=start, steps=steps, solver=diffrax.Euler()).points[-1] / 0.5
    assert found.mean() == pytest.approx(mean, abs=4.5 * np.sqrt(variance / (2 * N)))
    assert found.var() == pytest.approx(variance, rel=4.5 * np.sqrt(2 / (2 * N)))
    assert abs(found.var() - 1.0) > 10 * np.sqrt(2 / (2 * N))  # the bias of coarse steps is seen


def test_a_progress_bar_is_shown_for_long_runs_only(monkeypatch, capsys, paths):
    monkeypatch.setattr(follow, "PATIENCE", 0.0)
    monkeypatch.setattr(follow, "CHUNK", 1024)
    reverse_trajectories(MIXTURE, 2, N, 1.5, method="ode", progress=False)
    assert capsys.readouterr().err == ""
    shown = reverse_trajectories(MIXTURE, 2, N, 1.5, method="ode", save_at=TIMES)
    assert f"/{N}" in capsys.readouterr().err
    np.testing.assert_allclose(shown.points[-1], paths["ode"].points[-1], atol=1e-4)


def test_solvers_that_fail_say_so():
    with pytest.raises(ReverseError, match=r"tolerance=1e-07 with max_steps=5; raise tolerance or max_steps"):
        reverse_trajectories(MIXTURE, 0, N, 1.5, method="ode", tolerance=1e-7, max_steps=5)
    huge = np.full((N, 2), 1e38)
    with pytest.raises(ReverseError, match=r"'ode' left the finite numbers at sample 0: 1 steps are too few"):
        reverse_trajectories(MIXTURE, 0, N, 1.5, method="ode", start=huge, steps=1)


BAD = [
    ({"t_start": -1.0}, ValueError, "t_start must be finite and not negative"),
    ({"t_start": np.inf}, ValueError, "t_start must be finite and not negative .*inf"),
    ({"t_start": [0.1, 0.2]}, ValueError, r"t_start must be one OU time, not an array of shape \(2,\)"),
    ({"n": 0}, ValueError, "n must be an integer of at least 1, not 0"),
    ({"key": None}, TypeError, "key must be a jax.random key or an integer seed, not None"),
    ({"method": "euler"}, ValueError, "method must be one of .* not 'euler'"),
    ({"method": None}, ValueError, "method must be one of .* not None"),
    ({"save_at": 1.1}, ValueError, r"save_at must lie in \[0, 1\].* got 1.1"),
    ({"save_at": [0.5, np.nan]}, ValueError, "save_at must be finite and not negative .*nan"),
    ({"save_at": []}, ValueError, r"save_at must be OU times \(S,\) with at least one entry"),
    ({"save_at": [[0.1]]}, ValueError, r"save_at must be OU times \(S,\).* not shape \(1, 1\)"),
    ({"start": np.zeros((8, 3))}, ValueError, r"start must hold n points .* shape \(8, 2\), not \(8, 3\)"),
    ({"start": np.zeros(2)}, ValueError, r"start must have 2 axes, not shape \(2,\)"),
    ({"start": np.full((8, 2), np.nan)}, ValueError, r"start must be finite, but start\[0, 0\] is nan"),
    ({"start": "prior"}, ValueError, "start must hold real numbers, not"),
    ({"steps": 2.0}, ValueError, "steps must be an integer of at least 1, not 2.0"),
    ({"tolerance": 0.0}, ValueError, "tolerance must be positive and finite, not 0.0"),
    ({"tolerance": "small"}, ValueError, "tolerance must be a positive number, not 'small'"),
    ({"max_steps": -1}, ValueError, "max_steps must be an integer of at least 1, not -1"),
    ({"solver": "Heun"}, TypeError, "solver must be a diffrax solver such as .* not 'Heun'"),
    ({"solver": diffrax.Tsit5()}, ValueError, "solver must be one for SDEs, such as diffrax.ShARK"),
    ({"solver": diffrax.SEA()}, ValueError, "solver SEA estimates no errors: give the number of steps"),
    ({"solver": diffrax.ShARK(), "method": "ode"}, ValueError, "solver must be one for ODEs, such as diffrax.Tsit5"),
    ({"solver": diffrax.Euler(), "method": "ode"}, ValueError, "solver Euler estimates no errors"),
    ({"solver": diffrax.Kvaerno3(), "method": "ode"}, ValueError, "solver must be explicit, not Kvaerno3"),
    ({"solver": diffrax.Heun(), "method": "exact"}, ValueError, "solver is for methods 'sde' and 'ode'"),
    ({"max_bytes": 100}, MemoryError, "8 trajectories at 2 times in 2 dimensions would need 256 bytes, more than"),
    ({"max_bytes": "1 GiB"}, ValueError, "max_bytes must be a positive number, not '1 GiB'"),
    ({"n": 10**12, "max_bytes": 1e18}, MemoryError, "would need .* GiB, but .* GiB are free; use fewer samples"),
]


@pytest.mark.parametrize(("change", "error", "message"), BAD)
def test_bad_input_is_named(change, error, message):
    good = {"key": 0, "n": 8, "t_start": 1.0}
    with pytest.raises(error, match=message):
        reverse_trajectories(MIXTURE, **(good | change))
