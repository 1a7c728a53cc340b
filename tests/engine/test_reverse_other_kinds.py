"""The reverse process of mixtures that are not Gaussian: exact, and stepped from the host by SDE and ODE."""

import diffrax
import numpy as np
import pytest
from scipy import stats

from critwin_widgets.engine import (
    GaussianMixture,
    LogConcaveMixture,
    ReverseError,
    components,
    forward_reverse,
    reverse_trajectories,
)
from critwin_widgets.engine.samplers import follow, host
from tests.engine.two_samples import RARE, same_labels, same_law

N = 1024  # one size, for pilots too: every other one would be compiled anew
T = 0.5

BELLS = LogConcaveMixture([components.Gaussian([-2.0, 0.0], 0.3), components.Gaussian([1.0, 0.5], 0.8)], [0.4, 0.6])
SAME = GaussianMixture([[-2.0, 0.0], [1.0, 0.5]], [0.3, 0.8], [0.4, 0.6])
"""The same mixture."""

BOXES = LogConcaveMixture(
    [components.Product([components.TruncatedNormal(m, 0.8, m - 1.5, m + 1.5)]) for m in (-1.5, 1.5)], [0.4, 0.6]
)


def mixed() -> LogConcaveMixture:
    """A Gaussian and a rotated product with edges on one side of one axis and on both of another."""
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    factors = [
        components.TruncatedNormal(0.0, 1.0, -1.0, 2.0),
        components.Normal(0.0, 0.5),
        components.TruncatedNormal(0.0, 1.0, 0.0),
    ]
    box = components.Product(factors, turn, [1.5, 0.5, 0.0])
    return LogConcaveMixture([components.Gaussian([-1.0, 0.0, 0.0], 0.3), box], [0.4, 0.6], labels=["bell", "box"])


MIXED = mixed()


@pytest.fixture(scope="module", autouse=True)
def few_shapes():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(host, "PILOTS", N)
        yield


@pytest.fixture(scope="module")
def runs():
    """The mixed mixture from one component, exactly and by SDE."""
    exact = forward_reverse(MIXED, "box", T, key=0, n=N)
    return exact, forward_reverse(MIXED, "box", T, key=1, n=N, method="sde", save_at=[0.1, 0.0])


def inside(points: np.ndarray) -> np.ndarray:
    """Return whether points lie in the support of the mixed mixture's product, up to rounding."""
    turned = (points - [1.5, 0.5, 0.0]) @ np.asarray(MIXED.components[1].rotation)
    return (turned[:, 0] > -1 - 1e-4) & (turned[:, 0] < 2 + 1e-4) & (turned[:, 2] > -1e-4)


def test_the_exact_experiment_keeps_the_law(runs):
    exact, _ = runs
    assert inside(exact.x[exact.component == 1]).all()
    kept = forward_reverse(MIXED, None, T, key=2, n=N)
    assert same_law(kept.x, np.asarray(MIXED.sample(50, N), np.float64)) > RARE
    counts = kept.counts.astype(float)
    assert abs(counts[0, 1] - counts[1, 0]) < 4.5 * np.sqrt(counts[0, 1] + counts[1, 0])
    labels = forward_reverse(MIXED, [1], T, key=3, n=N, labels_only=True)
    assert same_labels(labels.component, exact.component) > RARE
    way = reverse_trajectories(MIXED, 4, N, T, method="exact", save_at=[0.1])
    assert same_law(way.points[0], np.asarray(MIXED.at(0.1).sample(51, N), np.float64)) > RARE


def test_the_sde_agrees_in_law_with_the_exact_experiment(runs):
    exact, sde = runs
    assert sde.steps > 10
    assert same_labels(exact.component, sde.component) > RARE
    assert same_law(exact.x, sde.x) > RARE
    assert same_law(exact.x - exact.x0, sde.x - sde.x0) > RARE
    assert inside(sde.x[sde.component == 1]).all()
    # On the way, where nothing is drawn from a posterior: the exact path's law, and not that of p_t from all of p.
    way = forward_reverse(MIXED, "box", T, key=5, n=N, save_at=[0.1])
    assert same_law(way.trajectories.points[0], sde.trajectories.points[0]) > RARE
    np.testing.assert_array_equal(sde.trajectories.points[-1], sde.x)


def test_the_flow_of_a_product_on_a_line_is_its_quantile_map():
    found = reverse_trajectories(BOXES, 6, N, T, method="ode", save_at=[T, 0.0])
    start, end = found.points[..., 0]
    # In one dimension the flow keeps order, so that quantiles go to quantiles.
    grid = np.linspace(-6.0, 6.0, 20001)
    below = [
        np.cumsum(np.exp(np.asarray(BOXES.at(t).log_prob(grid[:, None]), np.float64))) * (grid[1] - grid[0])
        for t in (T, 0.0)
    ]
    expected = np.interp(np.interp(start, grid, below[0]), below[1], grid)
    assert np.quantile(np.abs(end - expected), 0.99) < 2e-3
    expected_labels = N * np.asarray(BOXES.weights)
    assert stats.chisquare(np.bincount(found.component), expected_labels).pvalue > RARE
    assert (found.component == (end > 0)).all()  # the boxes meet at 0
    assert np.abs(np.abs(end) - 1.5).max() < 1.5


def test_a_common_offset_of_a_million_costs_no_digits():
    y = np.asarray(SAME.at(T).sample(0, N), np.float64)
    far = LogConcaveMixture([components.Gaussian(c.mean + 1e6, c.covariance) for c in BELLS.components], [0.4, 0.6])
    for method, solver in (("sde", diffrax.Euler()), ("ode", diffrax.Heun())):
        here, there = (
            reverse_trajectories(m, 0, N, T, method=method, start=start, steps=4, solver=solver)
            for m, start in ((BELLS, y), (far, y + np.exp(-T) * 1e6))
        )
        np.testing.assert_allclose(there.points[-1] - 1e6, here.points[-1], atol=0.1 if method == "sde" else 1e-4)
        np.testing.assert_array_equal(there.component, here.component)


def walk(**change):
    good = {"method": "sde", "steps": 4, "solver": diffrax.Euler(), "save_at": [T, 0.2, 0.0], "progress": False}
    return reverse_trajectories(BELLS, 7, N, T, **(good | change))


def test_the_same_key_gives_the_same_bits_however_samples_are_cut(monkeypatch, capsys):
    whole = walk()
    assert whole.steps == 5  # four, and a stop
    np.testing.assert_array_equal(whole.points, walk().points)
    monkeypatch.setattr(follow, "CHUNK", N // 2)
    monkeypatch.setattr(follow, "PATIENCE", 0.0)
    assert capsys.readouterr().err == ""
    np.testing.assert_allclose(whole.points, walk(progress=True).points, atol=1e-5)
    assert f"/{N}" in capsys.readouterr().err


def test_an_interrupt_leaves_everything_usable(monkeypatch):
    whole, real, calls = walk(), host.HostProcess.score, []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(host.HostProcess, "score", interrupted)
        with pytest.raises(KeyboardInterrupt):
            walk()
    np.testing.assert_array_equal(walk().points, whole.points)


def test_exact_paths_start_from_points_of_the_host():
    y = np.asarray(SAME.at(T).sample(1, N), np.float64)
    found = reverse_trajectories(BELLS, 3, N, T, method="exact", start=y, save_at=[T, 0.2, 0.0])
    np.testing.assert_allclose(found.points[0], y, atol=1e-6)
    for t, points in zip((0.2, 0.0), found.points[1:], strict=True):
        assert same_law(points, np.asarray(SAME.at(t).sample(2, N), np.float64)) > RARE


def test_no_noise_returns_the_sample():
    for method in ("sde", "ode"):
        still = forward_reverse(BELLS, [1], 0.0, key=0, n=N, method=method)
        np.testing.assert_allclose(still.x, still.x0, atol=1e-6)
        assert still.steps == 0


@pytest.mark.parametrize("solver", [diffrax.ShARK(), diffrax.HalfSolver(diffrax.Euler()), diffrax.SEA()])
def test_solvers_of_every_kind_step_from_the_host(solver):
    found = walk(solver=solver, steps=30, save_at=[0.0])
    assert same_law(found.points[-1], np.asarray(SAME.sample(8, N), np.float64)) > RARE


def test_failures_say_so():
    with pytest.raises(ReverseError, match=r"tolerance=1e-07 with max_steps=3; raise tolerance or max_steps"):
        reverse_trajectories(BELLS, 0, N, T, method="ode", tolerance=1e-7, max_steps=3)
    huge = np.full((N, 2), 1e38)
    with pytest.raises(ReverseError, match=r"'ode' left the finite numbers at sample 0: 1 steps are too few"):
        reverse_trajectories(BELLS, 0, N, T, method="ode", start=huge, steps=1)
