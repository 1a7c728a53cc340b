"""The tree of decisions: known hierarchies, laws of eps, and agreement with single times."""

import itertools
import json
import math

import networkx as nx
import numpy as np
import pytest

from critwin_widgets.engine import GaussianMixture
from critwin_widgets.engine.processes import clock
from critwin_widgets.theory import end_time, mixture_tree, start_time
from critwin_widgets.theory._family import fold, laminar, parents_of, preorder


def hierarchy(ratio: float = 1000.0, unit: float = 10.0, noise: float = 1.0) -> GaussianMixture:
    signs = np.array(list(itertools.product((-1, 1), repeat=3)), float)
    names = ["".join("-+"[int(s > 0)] for s in row) for row in signs]
    features = {name: signs[:, k].astype(int) for k, name in enumerate(("first", "second", "third"))}
    return GaussianMixture(signs * unit * np.array([ratio**2, ratio, 1.0]), noise, labels=names, features=features)


def plane(seed: int = 0, count: int = 6, kind: str = "tied") -> GaussianMixture:
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.5, 1.5, count)
    covariances = {"tied": np.diag([1.0, 2.0, 0.5]), "diag": rng.uniform(0.5, 2, (count, 3))}[kind]
    return GaussianMixture(rng.normal(size=(count, 3)) * 6, covariances, weights / weights.sum(), kind)


@pytest.mark.parametrize("reach", [1.0, 1e-3])
def test_a_three_level_hierarchy_has_exactly_its_fifteen_vertices(reach):
    tree = mixture_tree(hierarchy(unit=10 * reach, noise=reach**2), 0.1)
    expected = {
        tuple(range(8)),
        (0, 1, 2, 3),
        (4, 5, 6, 7),
        *((k, k + 1) for k in (0, 2, 4, 6)),
        *((k,) for k in range(8)),
    }
    assert {v.subset for v in tree.nodes} == expected
    assert len(tree.nodes) == len(tree.vertices) == 15
    assert len(tree.windows) == 14
    assert tree.unique
    assert tree.nodes[0].certificate == "exact"
    assert all(v.certificate == "certified" for v in tree.nodes[1:])
    assert all(w.status == "window" and w.t_after.value < w.t_before.value for w in tree.windows)
    halves = [float(tree.features.sel(feature=name)["half_time"]) for name in ("first", "second", "third")]
    assert halves == sorted(halves, reverse=True)
    np.testing.assert_allclose(np.diff(np.log(clock.to_sigma(halves))), -math.log(1000), atol=0.05)


def test_an_unseparated_pair_is_a_leaf_of_two_and_said_so():
    tree = mixture_tree(GaussianMixture([[0.0, 0.0], [0.3, 0.0], [50.0, 0.0]], 1.0, labels=["a", "b", "far"]), 0.1)
    assert [v.subset for v in tree.nodes] == [(0, 1, 2), (0, 1), (2,)]
    assert "a leaf of 2: its components are not separated at this eps" in tree.summary()
    assert "never half decided" in tree.summary()


@pytest.mark.parametrize("kind", ["tied", "diag"])
def test_plateaus_are_the_times_of_the_single_functions(kind):
    mixture = plane(kind=kind)
    tree = mixture_tree(mixture, 0.3, n=4096)
    assert len(tree.nodes) > 3
    for vertex in tree.nodes[1:]:
        alone = start_time(mixture, vertex.subset, 0.3, n=4096, seed=1)
        reach = 1e-3 + (vertex.plateau_start.high - vertex.plateau_start.low) + (alone.high - alone.low)
        assert vertex.plateau_start.value == pytest.approx(alone.value, abs=reach)
        if len(vertex.subset) > 1:
            pairs = [
                end_time(plane_pair(mixture, i, j), 0, [0, 1], 0.15).value
                for i, j in itertools.combinations(vertex.subset, 2)
            ]
            # Two equal halves: TV(p_i, (p_i + p_j) / 2) = TV(p_i, p_j) / 2.
            assert vertex.plateau_end.value == pytest.approx(max(pairs), abs=2e-3 if kind == "tied" else 0.1)


def plane_pair(mixture: GaussianMixture, i: int, j: int) -> GaussianMixture:
    tied = mixture.covariance_type == "tied"
    covariances = mixture.covariances if tied else np.asarray(mixture.covariances)[[i, j]]
    return GaussianMixture(np.asarray(mixture.means)[[i, j]], covariances, covariance_type=mixture.covariance_type)


@pytest.mark.parametrize("seed", range(4))
def test_laws_of_eps(seed):
    tree = mixture_tree(plane(seed), 0.2)
    sizes = []
    for eps in (0.02, 0.1, 0.2, 0.35, 0.5):
        cut = tree.at_eps(eps)
        assert {v.subset for v in cut.nodes} == {v.subset for v in tree.vertices if v.eps_star.value <= eps}
        for vertex in cut.nodes:
            # A vertex has a plateau: interpolated ends may touch at eps = eps*.
            assert vertex.plateau_end.value <= vertex.plateau_start.value + 0.02
        sizes.append(len(cut.nodes))
    assert sizes == sorted(sizes)
    fresh = mixture_tree(plane(seed), 0.35)
    assert [v.subset for v in fresh.nodes] == [v.subset for v in tree.at_eps(0.35).nodes]
    for vertex in tree.vertices:
        assert vertex.eps_star.low <= vertex.eps_star.value <= vertex.eps_star.high <= vertex.eps_certified + 1e-9


@pytest.mark.parametrize("seed", range(4))
def test_the_family_is_laminar_and_children_part_their_parent(seed):
    tree = mixture_tree(plane(seed, count=9), 0.1)
    for a, b in itertools.combinations((set(v.subset) for v in tree.vertices), 2):
        assert a <= b or b <= a or not a & b
    for vertex in tree.vertices:
        if vertex.children:
            parts = [k for c in vertex.children for k in tree.vertices[c].subset]
            assert sorted(parts) == list(vertex.subset)
            assert all(tree.vertices[c].parent == vertex.id for c in vertex.children)
    assert sorted(tree.order) == list(range(9))


@pytest.mark.parametrize("seed", range(4))
def test_no_soft_split_is_decided_before_its_parents(seed):
    tree = mixture_tree(plane(seed, count=9), 0.1)
    for vertex in tree.vertices:
        if vertex.parent is None or not vertex.children or vertex.eps_star.value <= 0.5:
            continue
        half, above = vertex.half_time, tree.vertices[vertex.parent].half_time
        assert half is not None
        assert above is not None
        assert not half.exists or half.value < above.value


def test_splits_that_happen_together_become_one_split_of_many():
    # The corners of a simplex: by symmetry nothing is decided before anything else.
    tree = mixture_tree(GaussianMixture(4 * np.eye(6), 1.0), 0.05)
    assert len(tree.vertices) == 7
    assert len(tree.vertices[0].children) == 6


def test_a_path_climbs_from_leaf_to_root_through_rising_times():
    tree = mixture_tree(hierarchy(), 0.1)
    path = tree.path("+-+")
    assert [len(v.subset) for v in path] == [1, 2, 4, 8]
    ends = [v.plateau_end.value for v in path]
    assert ends == sorted(ends)
    assert path[0].plateau_start.value < path[1].plateau_end.value


def test_labels_say_what_a_vertex_shares():
    tree = mixture_tree(hierarchy(), 0.1)
    assert tree.vertices[0].label == "all 8 components"
    assert tree.vertex([0, 1, 2, 3]).label == "-1"
    assert tree.vertex([0, 1]).label == "-1 · -1"
    assert tree.vertex(["---"]).label == "---"
    with pytest.raises(ValueError, match="is not a vertex of the tree"):
        tree.vertex([0, 7])


def test_every_number_says_how_it_is_known():
    line = mixture_tree(GaussianMixture([[0.0], [8.0], [200.0]], [1.0, 2.0, 1.0]), 0.1)
    assert {v.certificate for v in line.nodes} == {"exact"}
    assert line.vertices[0].half_time.method == "exact"
    loose = mixture_tree(plane(kind="diag"), 0.45)
    assert {v.certificate for v in loose.nodes[1:]} <= {"certified", "estimated"}
    assert {v.certificate for v in loose.vertices} >= {"none"} or len(loose.nodes) == len(loose.vertices)
    for vertex in loose.nodes[1:]:
        assert (vertex.certificate == "certified") == (vertex.eps_certified <= 0.45)


def test_uniqueness_is_claimed_only_where_theory_gives_it():
    weights = np.array([0.001, 0.333, 0.333, 0.333])
    means = np.array([[0.0], [30.0], [2000.0], [2040.0]])
    assert not mixture_tree(GaussianMixture(means, 1.0, weights), 0.1).unique
    assert "Weights are too unequal" in mixture_tree(GaussianMixture(means, 1.0, weights), 0.1).summary()
    assert mixture_tree(GaussianMixture(means, 1.0), 0.1).unique


def test_one_component_has_nothing_to_decide():
    tree = mixture_tree(GaussianMixture([[1.0, 2.0]], 1.0), 0.1)
    assert len(tree.vertices) == len(tree.nodes) == 1
    assert tree.windows == ()
    assert "nothing to decide" in tree.summary()


def test_relabelling_the_components_relabels_the_tree():
    mixture = plane(2)
    turn = np.array([3, 0, 5, 1, 4, 2])
    moved = GaussianMixture(
        np.asarray(mixture.means)[turn], mixture.covariances, np.asarray(mixture.weights)[turn], "tied"
    )
    first, second = mixture_tree(mixture, 0.3, n=8192), mixture_tree(moved, 0.3, n=8192)
    for vertex in first.nodes:
        image = tuple(sorted(int(np.flatnonzero(turn == k)[0]) for k in vertex.subset))
        star = second.vertex(image).eps_star
        assert star.value == pytest.approx(vertex.eps_star.value, abs=0.01 + star.high - star.low)


def test_the_same_seed_gives_the_same_tree():
    first, second = (mixture_tree(plane(kind="diag"), 0.2, seed=5) for _ in range(2))
    assert first.curves.identical(second.curves)
    assert first.summary() == second.summary()


def test_trees_become_records_graphs_and_newick():
    tree = mixture_tree(hierarchy(), 0.1)
    record = json.loads(json.dumps(tree.to_dict()))
    assert record["root"]["t_start"]["value"] is None
    assert record["root"]["t_start"]["status"] == "unbounded"
    assert len(record["root"]["children"]) == 2
    graph = tree.to_networkx()
    assert nx.is_arborescence(graph)
    assert graph.number_of_nodes() == 15
    assert all(data["t_after"] < data["t_before"] for _, _, data in graph.edges(data=True))
    newick = tree.to_newick()
    assert newick.count("(") == newick.count(")") == 7
    assert newick.endswith("'all 8 components';")
    rows = tree.table()
    assert [len(row["into"]) for row in rows] == [2] * 7
    assert rows[0]["vertex"] == "all 8 components"


def test_newick_quotes_hostile_labels():
    mixture = GaussianMixture([[0.0], [50.0]], 1.0, labels=["it's (a, b);", "<script>"])
    assert "'it''s (a, b);'" in mixture_tree(mixture, 0.1).to_newick()


def test_bad_arguments_are_named():
    mixture = plane()
    with pytest.raises(ValueError, match="eps must lie strictly between 0 and 1, not 1.5"):
        mixture_tree(mixture, 1.5)
    with pytest.raises(ValueError, match="eps must be a number"):
        mixture_tree(mixture, "tight")
    tree = mixture_tree(mixture, 0.1)
    with pytest.raises(ValueError, match="eps must lie strictly between 0 and 1, not 0.0"):
        tree.at_eps(0)
    with pytest.raises(ValueError, match="component has the index 12"):
        tree.path(12)
    with pytest.raises(ValueError, match="times must increase strictly from 0"):
        mixture_tree(mixture, 0.1, times=[1.0, 0.5, 0.2])
    with pytest.raises(ValueError, match="times must be finite and not negative"):
        mixture_tree(mixture, 0.1, times=[0.0, np.nan, 1.0])


def test_greedy_choice_keeps_the_sets_with_the_smallest_eps():
    chosen = laminar([(0, 1), (1, 2), (2, 3)], np.array([0.3, 0.1, 0.2]), 4)
    assert (1, 2) in chosen
    assert (0, 1) not in chosen
    assert (2, 3) not in chosen
    assert preorder(chosen)[0] == (0, 1, 2, 3)
    assert parents_of(chosen)[(2,)] == (1, 2)


def test_folding_removes_only_what_is_not_later_and_not_kept():
    family = [(0, 1, 2, 3), (0, 1), (2, 3), (0,), (1,), (2,), (3,)]
    halves = {(0, 1, 2, 3): 1.0, (0, 1): 1.2, (2, 3): 0.4}
    folded = fold(family, lambda s, children: (halves[s], 0.0), set())
    assert (0, 1) not in folded
    assert (2, 3) in folded
    assert (0, 1) in fold(family, lambda s, children: (halves[s], 0.0), {(0, 1)})


@pytest.mark.parametrize("eps", [1e-6, 1e-3, 0.004])
def test_the_whole_mixture_is_a_vertex_at_every_eps(eps):
    mixture = plane(1)
    tree = mixture_tree(mixture, eps)
    root = tree.nodes[0]
    assert root.subset == tuple(range(6))
    assert root.eps_star.value == 0
    # Far out every pair's distance is its mean difference over sigma.
    widest = max(np.linalg.norm(a - b) for a, b in itertools.combinations(np.asarray(mixture.means), 2))
    expected = math.log(widest / (eps * math.sqrt(2 * math.pi)))
    assert root.plateau_end.value == pytest.approx(expected, abs=0.02)
