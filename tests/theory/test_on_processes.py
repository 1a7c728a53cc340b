"""Windows, trees and features on masked tokens: LKC25's Examples 3, 5 and 7 from the general machinery."""

import itertools

import numpy as np
import pytest

import critwin_widgets as cw

EPS = (0.02, 0.1, 0.4, 0.8)


def strings(*words: str, **options) -> cw.TokenMixture:
    return cw.TokenMixture.strings(words, **options)


def same(found, expected) -> bool:
    """Whether two times have one status and one value, up to rounding."""
    return found.status == expected.status and np.allclose(found.value, expected.value, atol=1e-12, equal_nan=True)


def test_two_strings_under_random_masking_have_the_closed_forms_window():
    process = cw.processes.RandomMasking(strings("aabba", "ababb", weights=[0.3, 0.7]))
    example = cw.examples.masked_strings("aabba", "ababb", 0.3)
    windows = cw.critical_window(process, "aabba", [0, 1], EPS)
    for eps, window in zip(EPS, windows, strict=True):
        assert same(window.t_after, example.after_time(eps))
        assert same(window.t_before, example.before_time(eps))
        assert window.t_after.method == "exact"
    levels = np.linspace(0, 1, 7)
    found = cw.total_variation(process, 0, 1, levels)
    np.testing.assert_allclose(found.value, example.total_variation(levels), atol=1e-12)


def test_coins_read_left_to_right_have_the_closed_forms_window():
    process = cw.processes.OrderedMasking(cw.TokenMixture.coins([0.6, 0.4], 120))
    example = cw.examples.biased_coins(0.1, 120)
    for eps, after, before in zip(
        EPS, cw.start_time(process, 0, EPS), cw.end_time(process, 0, [0, 1], EPS), strict=True
    ):
        assert same(after, example.after_time(eps))
        assert same(before, example.before_time(eps))
    hidden = np.arange(0, 121, 10)
    found = cw.total_variation(process, 0, 1, hidden).value
    np.testing.assert_allclose(found, example.total_variation(hidden), atol=1e-9)
    # Estimates and brackets of the same times hold them, and are whole numbers too.
    for method in ("estimated", "certified"):
        time = cw.start_time(process, 0, 0.4, method=method)
        exact = example.after_time(0.4).value
        assert time.low <= exact <= time.high
        assert time.value == round(time.value)
        assert time.method == method


@pytest.mark.parametrize("order", [None, [2, 0, 3, 1], [3, 2, 1, 0]])
def test_any_order_of_symbols_gives_its_tree(order):
    words = ["".join(word) for word in itertools.product("01", repeat=4)]
    process = cw.processes.OrderedMasking(strings(*words), order)
    tree, example = cw.mixture_tree(process, eps=0.1), cw.examples.symbol_tree(words, order)
    assert {v.subset for v in tree.nodes} == set(example.nodes)
    by_id = {v.id: v for v in tree.nodes}
    for vertex in tree.nodes:
        known = example.nodes[vertex.subset]
        assert vertex.plateau_end.value == known["t_end"]
        assert vertex.certificate == "exact"
        if vertex.parent is None:
            assert vertex.plateau_start.status == "unbounded"
        else:
            assert vertex.plateau_start.value == known["t_start"]
            assert example.has_edge(by_id[vertex.parent].subset, vertex.subset)
    for window in tree.windows:
        ends = example.edges[window.before, window.after]["window"]
        assert (window.t_after.value, window.t_before.value) == ends
        assert window.status == "window"
    depths = [len(tree.path(k)) - 1 for k in range(16)]
    assert depths == [4] * 16


def test_a_tree_of_masked_strings_names_its_unit():
    words = ["aaaaaaaa", "aaaaaaab", "bbbbbbba", "bbbbbbbb"]
    mixture = strings(*words, features={"first": list("aabb"), "last": list("abab")})
    tree = cw.mixture_tree(cw.processes.RandomMasking(mixture), eps=0.4)
    assert [v.label for v in tree.nodes] == ["all 4 components", "a", *words[:2], "b", *words[2:]]
    # Within a: one difference; between: seven, of which all must be masked.
    half = {v.label: v.half_time.value for v in tree.vertices if v.children}
    np.testing.assert_allclose([half["a"], half["all 4 components"]], [0.5, 0.5 ** (1 / 7)], atol=1e-3)
    pair = tree.vertex([0, 1])
    np.testing.assert_allclose([pair.plateau_end.value, pair.plateau_start.value], [0.6, 0.16 ** (1 / 7)], atol=1e-9)
    assert tree.index.name in tree.summary()
    assert tree.to_dict()["time_units"] == tree.curves.attrs["time_units"] == "fraction of tokens masked"
    assert tree.features.attrs["time_units"] == "fraction of tokens masked"
    assert len(tree.at_eps(0.1).nodes) == 5
    assert tree.t_max == 1.0


def test_whole_levels_are_written_as_whole_numbers():
    tree = cw.mixture_tree(cw.processes.OrderedMasking(cw.TokenMixture.coins([0.1, 0.3, 0.9], 60)), eps=0.2)
    text = tree.summary()
    assert "in tokens hidden h" in text
    assert "half-way h" in text
    start = tree.vertex("p=0.9").plateau_start.value
    assert start == cw.start_time(tree.process, "p=0.9", 0.2).value == round(start)
    assert f"0 … {start:.0f} (exact)" in text


def test_estimated_trees_agree_with_exact_ones():
    coins = cw.processes.OrderedMasking(cw.TokenMixture.coins([0.1, 0.5, 0.9], 24))
    exact = cw.mixture_tree(coins, eps=0.3)
    # A little off, and each toss by itself: the laws are as good as the same, but too many to enumerate.
    off = 1e-6 * np.random.default_rng(0).uniform(size=(3, 24, 1)) * [1.0, -1.0]
    many = cw.processes.OrderedMasking(cw.TokenMixture(coins.mixture.probabilities + off))
    found = cw.mixture_tree(many, eps=0.3, n=600)
    assert found.curves.attrs["overlap_method"] == "estimated"
    assert [v.subset for v in found.vertices] == [v.subset for v in exact.vertices]
    for mine, theirs in zip(found.vertices[1:], exact.vertices[1:], strict=True):
        assert mine.plateau_start.low <= theirs.plateau_start.value <= mine.plateau_start.high
        assert mine.eps_star.low - 0.02 <= theirs.eps_star.value <= mine.eps_star.high + 0.02


def test_transitions_and_decisions_name_their_unit():
    coins = cw.TokenMixture.coins([0.3, 0.7], 9, weights=[0.4, 0.6])
    process = cw.processes.OrderedMasking(coins)
    matrix = cw.transition_matrix(process, [0, 4, 9])
    assert (matrix.method, matrix.time_units) == ("exact", "tokens hidden")
    np.testing.assert_allclose(matrix.value.sum(-1), 1.0)
    np.testing.assert_allclose(matrix.value[-1], [[0.4, 0.6]] * 2, atol=1e-12)
    flow = coins.weights[:, None] * matrix.value
    np.testing.assert_allclose(flow, np.swapaxes(flow, 1, 2), atol=1e-12)  # detailed balance
    curves = cw.decision_curves(process, range(10))
    assert curves.attrs["time_units"] == "tokens hidden"
    retention = (coins.weights * np.diagonal(matrix.value, axis1=1, axis2=2)).sum(-1)
    np.testing.assert_allclose(curves["retention"].sel(feature="component", time=[0, 4, 9]), retention, atol=1e-12)
    decided = curves["decided"].values[0]
    assert float(curves["half_time"][0]) == np.flatnonzero(decided >= 0.5)[-1]
    drawn = process.components_after(*process.sample(0, 4000)[:1], 4, 1)
    assert abs((drawn == 0).mean() - 0.4) < 4.5 * np.sqrt(0.24 / 4000)


def test_the_diffusion_has_its_mixtures_own_answers():
    mixture = cw.GaussianMixture([[-9.0], [-6.0], [9.0]], [1.0, 1.0, 1.0])
    process = cw.processes.OrnsteinUhlenbeck(mixture)
    assert cw.start_time(process, 2, 0.1) == cw.start_time(mixture, 2, 0.1)
    assert cw.end_time(process, 0, [0, 1], 0.1) == cw.end_time(mixture, 0, [0, 1], 0.1)
    assert cw.critical_window(process, 0, [0, 1], 0.1) == cw.critical_window(mixture, 0, [0, 1], 0.1)
    assert cw.mixture_tree(process, 0.1).summary() == cw.mixture_tree(mixture, 0.1).summary()
    np.testing.assert_array_equal(cw.transition_matrix(process, 1.0).value, cw.transition_matrix(mixture, 1.0).value)
    assert cw.decision_curves(process, [0.5, 1.0]).identical(cw.decision_curves(mixture, [0.5, 1.0]))


def test_fewer_components_than_two_have_nothing_to_decide():
    tree = cw.mixture_tree(cw.processes.RandomMasking(strings("ab")))
    assert len(tree.nodes) == 1
    assert "nothing to decide" in tree.summary()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda p: cw.mixture_tree(p, eps=2.0), "eps must lie strictly between 0 and 1"),
        (lambda p: cw.mixture_tree(p, times=[1, 2]), "times must increase strictly from 0"),
        (lambda p: cw.mixture_tree(p, times=[0, 0.5]), "times must be a whole number from 0 to 3"),
        (lambda p: cw.mixture_tree(p, n=1), "n must be an integer of at least 2"),
        (lambda p: cw.start_time(p, "x", 0.1), "target has the unknown label 'x'"),
        (lambda p: cw.end_time(p, 0, 1, 0.1), "init must lie inside target"),
        (lambda p: cw.critical_window(p, 0, 0, 0.1), "after must leave out some component"),
        (lambda p: cw.transition_matrix(p, 1.5), "t must be a whole number"),
        (lambda p: cw.decision_curves(p, [4]), "times must be a whole number from 0 to 3"),
        (lambda p: cw.decision_curves(p, [1], "tone"), "features has no 'tone'"),
    ],
)
def test_bad_questions_are_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call(cw.processes.OrderedMasking(strings("aab", "abb")))
