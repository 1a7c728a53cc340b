"""Trees that follow the hand: nothing recompiles, and the intervals say how accurate they are."""

import itertools

import numpy as np
import pytest
from scipy.cluster import hierarchy
from scipy.spatial.distance import pdist, squareform

from critwin_widgets.engine import GaussianMixture
from critwin_widgets.engine._compilation import count_compilations
from critwin_widgets.engine.separation import Survey, interactive_draws, passes
from critwin_widgets.engine.separation.budget import bucket
from critwin_widgets.theory import mixture_tree, times
from critwin_widgets.theory._curves import crossings, falls, heights, least_level
from critwin_widgets.theory._family import candidate_sets, linkage_nodes, merge_times
from tests.mixtures import plane_mixture

KINDS = ("spherical", "diag", "tied", "full")


def editor(kind: str, count: int, seed: int = 0) -> GaussianMixture:
    """A mixture as one draws it by hand, with a feature: on which side a component lies."""
    drawn = plane_mixture(kind, count, seed)
    sides = (np.asarray(drawn.means)[:, 0] > 0).tolist()
    return GaussianMixture(drawn.means, drawn.covariances, covariance_type=kind, features={"side": sides})


def moved(mixture: GaussianMixture, step: float) -> GaussianMixture:
    means = np.array(mixture.means)
    means[0] += step
    return GaussianMixture(
        means, mixture.covariances, mixture.weights, mixture.covariance_type, features=mixture.features
    )


@pytest.mark.parametrize("kind", ["spherical", "tied", "full"])
def test_moving_adding_and_removing_a_component_compile_nothing(kind):
    assert bucket(9) == bucket(10)
    for warm in (9, 10):  # K = 9 and 10 share their shapes; small one-off kernels are warm after both
        mixture_tree(editor(kind, warm), 0.1, budget="interactive")
    with count_compilations() as compiled:
        for step in (0.1, 1.0, 7.0):
            mixture_tree(moved(editor(kind, 10), step), 0.1, budget="interactive")
        for seed in range(1, 4):
            mixture_tree(editor(kind, 9, seed), 0.2, budget="interactive")
            mixture_tree(editor(kind, 10, seed), 0.2, budget="interactive")
    assert compiled.count == 0, compiled.names


def test_what_is_drawn_depends_on_the_bucket_alone():
    for kind in KINDS:
        assert interactive_draws(editor(kind, 9), 40) == interactive_draws(editor(kind, 10), 40)
    assert interactive_draws(editor("diag", 32), 40) < interactive_draws(editor("diag", 8), 40)


@pytest.mark.parametrize("kind", ["tied", "diag"])
def test_interactive_intervals_cover_a_long_run(kind):
    hits = {"half": [], "start": [], "eps_star": []}
    for seed in range(3):
        mixture = editor(kind, 6, seed)
        quick = mixture_tree(mixture, 0.3, budget="interactive")
        long = mixture_tree(mixture, 0.3, n=2048, seed=seed + 100)
        known = {v.subset: v for v in long.vertices}
        assert len(quick.times) == 40
        for vertex in quick.vertices[1:]:
            other = known.get(vertex.subset)
            if other is None:
                continue
            star = vertex.eps_star
            hits["eps_star"].append(star.low - 0.01 <= other.eps_star.value <= star.high + 0.01)
            below = [[t.vertices[c].subset for c in v.children] for t, v in ((quick, vertex), (long, other))]
            if vertex.children and below[0] == below[1] and vertex.half_time.exists:
                half = vertex.half_time
                hits["half"].append(half.low - 0.01 <= other.half_time.value <= half.high + 0.01)
            start = vertex.plateau_start
            if start.exists and other.plateau_start.exists:
                hits["start"].append(start.low - 0.01 <= other.plateau_start.value <= start.high + 0.01)
        name = long.features["feature"].values[0]
        one, two = (t.features.sel(feature=name) for t in (quick, long))
        assert float(one["half_low"]) - 0.02 <= float(two["half_time"]) <= float(one["half_high"]) + 0.02
    for name, inside in hits.items():
        assert len(inside) >= 4 or name == "half"
        assert not inside or np.mean(inside) >= 0.85, (name, np.mean(inside), len(inside))


def test_the_interactive_tree_of_a_hierarchy_is_the_tree():
    signs = np.array(list(itertools.product((-1, 1), repeat=3)), float)
    mixture = GaussianMixture(signs * 10 * np.array([1e6, 1e3, 1.0]), 1.0)
    quick, full = (mixture_tree(mixture, 0.1, budget=b) for b in ("interactive", "full"))
    assert {v.subset for v in quick.nodes} == {v.subset for v in full.nodes}
    assert len(quick.nodes) == 15
    for vertex in quick.nodes[1:]:
        other = full.vertex(vertex.subset)
        assert vertex.plateau_end.value == pytest.approx(other.plateau_end.value, abs=0.01)
        assert vertex.plateau_start.low - 0.05 <= other.plateau_start.value <= vertex.plateau_start.high + 0.05


def test_one_covariance_written_three_ways_gives_one_tree():
    means = np.asarray(editor("tied", 7).means)
    written = [
        GaussianMixture(means, 1.5),
        GaussianMixture(means, 1.5 * np.eye(2), covariance_type="tied"),
        GaussianMixture(means, np.tile(1.5 * np.eye(2), (7, 1, 1)), covariance_type="full"),
    ]
    first, *others = (mixture_tree(m, 0.2, budget="interactive") for m in written)
    for other in others:
        assert [v.subset for v in other.vertices] == [v.subset for v in first.vertices]
        np.testing.assert_allclose(other.curves["decided"], first.curves["decided"], atol=1e-4)


def test_many_curves_are_read_as_one_by_one():
    rng = np.random.default_rng(0)
    grid = np.concatenate([[0.0], np.sort(rng.uniform(0.01, 5, 30))])
    curves = np.sort(rng.uniform(0, 1, (31, 5)), axis=0) ** 4
    curves[:, 3] = np.r_[np.zeros(20), np.full(11, 0.5)]  # flat stretches
    levels = np.array([1e-3, 0.1, 0.5, 0.9999])
    found = crossings(grid, heights(curves), levels)
    for m in range(5):
        np.testing.assert_allclose(found[m], times.crossing(grid, curves[:, m], levels), rtol=1e-10, atol=1e-12)
    merged = merge_times(grid, np.stack([[[1, c], [c, 1]] for c in curves[:, 0]]), 1 - levels)
    np.testing.assert_allclose(merged[:, 0], np.nan_to_num(found[0], nan=0.0), rtol=1e-10)
    falling = 1.0 - curves
    value = falls(grid, falling, 0.5)
    for m in np.flatnonzero(~np.isnan(value)):
        assert np.interp(value[m], grid, falling[:, m]) == pytest.approx(0.5, abs=0.2)
    assert np.isnan(falls(grid, np.ones((31, 1)), 0.5)).all()
    assert np.isnan(falls(grid[:1], np.ones((1, 2)), 0.5)).all()


def test_eps_star_is_where_the_two_curves_meet():
    grid = np.concatenate([[0.0], np.geomspace(0.01, 4, 60)])
    gap = 5.0 / np.sqrt(1 + np.expm1(2 * grid))
    overlap = times.special.erfc(3 * gap / np.sqrt(8))
    within = times.special.erf(gap / np.sqrt(8))
    found = least_level(heights(1 - within)[:, None], heights(overlap)[:, None])[0]
    fine = np.linspace(0.0, 5.0, 200_001)
    g = 5.0 / np.sqrt(1 + np.expm1(2 * fine))
    exact = np.maximum(times.special.erf(g / np.sqrt(8)), np.sqrt(times.special.erfc(3 * g / np.sqrt(8)))).min()
    assert found == pytest.approx(exact, rel=1e-3)


def test_candidates_hold_the_clusters():
    means = np.array([[0.0, 0], [1, 0], [30, 0], [31, 0], [0, 90]])
    survey = Survey(GaussianMixture(means, 1.0), np.linspace(0, 8, 50), 2, method="certified")
    assert {(0, 1), (2, 3), (0, 1, 2, 3)} <= set(candidate_sets(survey.times, survey.pair_overlaps().value))


def test_linkages_at_once_are_those_of_scipy():
    distances = np.stack([squareform(pdist(np.random.default_rng(seed).normal(size=(9, 2)))) for seed in range(3)])
    wanted = set()
    for one in distances:
        for method in ("single", "complete", "average"):
            nodes: list = [(k,) for k in range(9)]
            for left, right in hierarchy.linkage(squareform(one), method)[:, :2].astype(int):
                nodes.append(tuple(sorted(nodes[left] + nodes[right])))
            wanted.update(nodes[9:-1])
    distances[:, range(9), range(9)] = np.inf
    assert {tuple(np.flatnonzero(node)) for node in linkage_nodes(distances)} == wanted


@pytest.mark.parametrize("kind", KINDS)
def test_brackets_at_once_hold_the_truth_and_are_nearly_as_tight(kind):
    mixture = editor(kind, 7, 3)
    survey = Survey(mixture, np.linspace(0, 3, 12), 1024, method="estimated")
    rng = np.random.default_rng(1)
    inside = np.stack([rng.permutation(7) < k for k in (1, 2, 3, 4, 5, 6)], axis=1)
    a, b = (np.where(side, survey.weights[:, None], 0.0) for side in (inside, ~inside))
    a, b = a / a.sum(0), b / b.sum(0)
    low, high = survey.table.brackets(a, b)
    sharp_low, sharp_high = (np.exp(side) for side in survey.brackets(a, b))
    mean, error = passes.overlap_estimates(survey.draws, survey.noise, a, b)
    assert (low <= mean + 5 * error + 1e-4).all()
    assert (mean - 5 * error - 1e-4 <= high).all()
    assert (low <= sharp_high).all()
    assert (sharp_low <= high).all()
    assert (high <= 1.5 * sharp_high).all()


def test_weights_move_an_overlap_of_one_covariance_below_the_geometric_mean():
    from critwin_widgets.engine.separation import pairs

    delta = np.linspace(0.01, 30, 200)
    for ratio in (-8.0, -1.0, 0.0, 0.5, 6.0):
        exact = pairs.log_weighted_overlap(delta, np.array(ratio), np.array(-ratio))
        assert (exact <= pairs.log_weighted_overlap(delta, np.array(0.0), np.array(0.0)) + 1e-12).all()


def test_an_interrupt_leaves_a_survey_usable(monkeypatch):
    survey = Survey(editor("diag", 5), np.linspace(0, 2, 20), 64)
    a = np.eye(5)[:, :2]
    b = np.eye(5)[:, 2:4]

    def stop(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(passes, "_overlap_pass", stop)
        with pytest.raises(KeyboardInterrupt):
            survey.overlaps(a, b)
    with monkeypatch.context() as patch:
        patch.setattr(passes.Draws, "of", stop)
        fresh = Survey(survey.mixture, survey.times, 64)
        with pytest.raises(KeyboardInterrupt):
            fresh.overlaps(a, b)
    np.testing.assert_array_equal(survey.overlaps(a, b).value, fresh.overlaps(a, b).value)


def test_halves_of_the_times_are_the_whole():
    mixture = editor("full", 5)
    grid = np.linspace(0, 2, 33)
    whole = Survey(mixture, grid, 128)
    short = Survey(mixture, grid[:9], 128)  # too few times to share out
    np.testing.assert_allclose(whole.transitions()[0][:9], short.transitions()[0], atol=1e-6)
    twice = [Survey(mixture, grid, 128).pair_overlaps().value for _ in range(2)]
    np.testing.assert_array_equal(*twice)


BAD_TREES = [
    ({"eps": 0.0}, ValueError, "eps must lie strictly between 0 and 1, not 0.0"),
    ({"eps": np.nan}, ValueError, "eps must lie strictly between 0 and 1, not nan"),
    ({"eps": "tight"}, ValueError, "eps must be a number strictly between 0 and 1, not 'tight'"),
    ({"eps": [0.1, 0.2]}, ValueError, "eps must be a number"),
    ({"n": 1}, ValueError, "n must be an integer of at least 2, not 1"),
    ({"n": 64.0}, ValueError, "n must be an integer of at least 2, not 64.0"),
    ({"n": True}, ValueError, "n must be an integer of at least 2, not True"),
    ({"seed": "a"}, TypeError, "key must be a jax.random key or an integer seed, not 'a'"),
    ({"seed": 1.5}, TypeError, "key must be a jax.random key or an integer seed, not 1.5"),
    ({"times": []}, ValueError, "times must increase strictly from 0 and hold at least 3 values"),
    ({"times": [0.0, 1.0]}, ValueError, "times must increase strictly from 0 and hold at least 3 values"),
    ({"times": [0.1, 1.0, 2.0]}, ValueError, "times must increase strictly from 0"),
    ({"times": [0.0, 2.0, 1.0]}, ValueError, "times must increase strictly from 0"),
    ({"times": [0.0, np.inf, 1.0]}, ValueError, "times must be finite and not negative"),
    ({"times": "soon"}, ValueError, "times must be an OU time or an array of them, not 'soon'"),
    ({"budget": "interactiv"}, ValueError, "budget must be one of .* did you mean 'interactive'"),
    ({"budget": None}, ValueError, "budget must be one of"),
]


@pytest.mark.parametrize(("given", "error", "message"), BAD_TREES)
@pytest.mark.parametrize("count", [5, 140], ids=["small", "large"])
def test_bad_arguments_of_a_tree(count, given, error, message):
    mixture = GaussianMixture(np.arange(2.0 * count).reshape(count, 2) ** 2, 1.0)
    with pytest.raises(error, match=message):
        mixture_tree(mixture, **given)


@pytest.mark.parametrize("mixture", [None, np.zeros((3, 2)), "digits"])
def test_a_tree_is_of_a_mixture(mixture):
    with pytest.raises(TypeError, match="mixture must be a Mixture, not"):
        mixture_tree(mixture)


@pytest.fixture(scope="module")
def tree():
    return mixture_tree(editor("tied", 4), 0.2, budget="interactive")


BAD_CALLS = [
    (lambda tree: tree.at_eps(1), ValueError, "eps must lie strictly between 0 and 1, not 1.0"),
    (lambda tree: tree.at_eps(np.nan), ValueError, "eps must lie strictly between 0 and 1, not nan"),
    (lambda tree: tree.at_eps(None), ValueError, "eps must be a number"),
    (lambda tree: tree.path(4), ValueError, "component has the index 4, but components run from 0 to 3"),
    (lambda tree: tree.path(-1), ValueError, "component has the index -1"),
    (lambda tree: tree.path("x"), ValueError, "component has the unknown label 'x'"),
    (lambda tree: tree.path(0.5), TypeError, "component must be component indices or labels, not 0.5"),
    (lambda tree: tree.path([0, 1]), ValueError, "component must be one component, not 2"),
    (lambda tree: tree.vertex([]), ValueError, "subset is empty"),
    (lambda tree: tree.vertex([0, 9]), ValueError, "subset has the index 9"),
    (lambda tree: tree.vertex(2.5), TypeError, "subset must be component indices or labels"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD_CALLS)
def test_bad_arguments_of_a_trees_methods(tree, call, error, message):
    with pytest.raises(error, match=message):
        call(tree)
