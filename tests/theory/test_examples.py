"""Examples with known answers: against the engine, enumeration and binomials, and what the papers print."""

import inspect
import itertools
import math

import networkx as nx
import numpy as np
import pytest
from scipy import stats

import critwin_widgets as cw
from critwin_widgets.theory import examples

LEVELS = (0.05, 0.1, 0.2, 0.4)


def printed(example, eps):
    return {(bound.quantity, bound.source): bound for bound in example.printed(eps)}


# ---- Example 1 --------------------------------------------------------------------------------


@pytest.mark.parametrize("eps", LEVELS)
def test_two_gaussians_agree_with_the_engine(eps):
    example = cw.examples.two_gaussians([3.0, 4.0, 0.0])
    window = cw.critical_window(example.mixture, 0, [0, 1], eps)
    assert example.after_time(eps).value == pytest.approx(window.t_after.value, abs=1e-6)
    assert example.before_time(eps).value == pytest.approx(window.t_before.value, abs=1e-6)
    np.testing.assert_allclose(
        example.total_variation([0.5, 2.0]), cw.total_variation(example.mixture, 0, 1, [0.5, 2.0]).value, rtol=1e-9
    )


@pytest.mark.parametrize("eps", LEVELS)
def test_two_gaussians_printed_upper_bound_holds(eps):
    example = cw.examples.two_gaussians(5.0)
    bound = printed(example, eps)["T_before", "LKC25, Example 1"]
    assert bound.value == pytest.approx(math.log(5) + math.log(2) + math.log(1 / eps))
    assert example.before_time(eps).value <= bound.value


def test_the_printed_t_after_breaks_definition_4_at_0_4():
    example = cw.examples.two_gaussians(5.0)
    bound = printed(example, 0.4)["T_after", "LKC25, Example 1"]
    assert bound.value == pytest.approx(math.log(5) - math.log(math.log(1 / (2 * 0.4**2))))
    overlap = cw.overlap(example.mixture, 0, 1, bound.value).value
    assert overlap == pytest.approx(0.255, abs=5e-4)
    assert overlap > 0.4**2
    assert bound.value > example.after_time(0.4).value
    # At small eps it is on the safe side.
    assert printed(example, 0.05)["T_after", "LKC25, Example 1"].value < example.after_time(0.05).value


def test_two_gaussians_statuses():
    near = cw.examples.two_gaussians(0.5)
    assert near.after_time(0.1).status == "never separated"
    assert not near.after_time(0.1).exists
    assert cw.examples.two_gaussians(5.0).before_time(0.6).status == "always within"
    # ln ln(1 / 2 eps^2) has no value from 1 / sqrt 2 on.
    assert [bound.quantity for bound in near.printed(0.75)] == ["T_before"]


# ---- Example 2 --------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("eps", [0.05, 0.2])
def test_random_means_bounds_hold(seed, eps):
    example = cw.examples.random_means(6, 200, seed)
    before, after, derived = example.printed(eps)
    assert example.before_time(eps).high <= before.value
    assert example.after_time(eps).low >= derived.value
    # What the printed constant gives: an overlap of at most eps.
    rest = range(1, 6)
    assert cw.overlap(example.mixture, 0, rest, after.value, method="certified").high <= eps


def test_the_printed_t_after_of_random_means_breaks_definition_4_at_0_05():
    example = cw.examples.random_means(6, 200, 3)
    after = example.printed(0.05)[1]
    overlap = cw.overlap(example.mixture, 0, range(1, 6), after.value)
    assert overlap.low > 0.05**2
    # At a larger level the same means obey it.
    assert cw.overlap(example.mixture, 0, range(1, 6), example.printed(0.2)[1].value, method="certified").high < 0.2**2


def test_random_means_width_does_not_grow_with_dimension():
    widths = []
    for dim in (100, 1_000, 10_000):
        example = cw.examples.random_means(6, dim, 0)
        early, late = example.after_time(0.1), example.before_time(0.1)
        widths.append(late.value - early.value)
        assert late.value == pytest.approx(0.5 * math.log(2 * dim), abs=2.5)
    assert np.ptp(widths) < 0.15 * widths[0]


def test_two_random_means_are_exact():
    example = cw.examples.random_means(2, 50)
    gap = example.distances[0]
    same = cw.examples.two_gaussians(gap / 2)
    assert example.after_time(0.1).method == "exact"
    assert example.after_time(0.1).value == pytest.approx(same.after_time(0.1).value, abs=1e-6)
    assert example.before_time(0.1).value == pytest.approx(same.before_time(0.1).value, abs=1e-6)
    assert example.total_variation(1.0) == pytest.approx(same.total_variation(1.0), rel=1e-6)


# ---- Example 3 --------------------------------------------------------------------------------


def masked_by_enumeration(first, second, t):
    """Total variation of two masked strings, over every mask."""
    laws = [{}, {}]
    for law, string in zip(laws, (first, second), strict=True):
        for mask in itertools.product([False, True], repeat=len(string)):
            seen = tuple("?" if hidden else token for token, hidden in zip(string, mask, strict=True))
            law[seen] = law.get(seen, 0.0) + t ** sum(mask) * (1 - t) ** (len(mask) - sum(mask))
    return 0.5 * sum(abs(laws[0].get(k, 0.0) - laws[1].get(k, 0.0)) for k in {*laws[0], *laws[1]})


@pytest.mark.parametrize(("first", "second"), [("abcd", "abce"), ("abcd", "xbyd"), ("0000", "1111")])
def test_masked_strings_by_enumeration(first, second):
    example = cw.examples.masked_strings(first, second)
    for t in (0.0, 0.3, 0.8, 1.0):
        assert example.total_variation(t) == pytest.approx(masked_by_enumeration(first, second, t), abs=1e-12)


@pytest.mark.parametrize("eps", LEVELS)
def test_masked_strings_times_solve_definition_4(eps):
    example = cw.examples.masked_strings("abcd", "xbyz", weight=0.3)
    assert example.hamming == 3
    assert example.total_variation(example.after_time(eps).value) == pytest.approx(1 - eps**2)
    # p = 0.3 p^first + 0.7 p^second, hence TV(first, both) = 0.7 TV(first, second).
    assert 0.7 * example.total_variation(example.before_time(eps).value) == pytest.approx(eps)
    assert example.total_variation(example.lower_time(eps).value) == pytest.approx(eps)


@pytest.mark.parametrize("eps", LEVELS)
def test_masked_strings_printed_times(eps):
    example = cw.examples.masked_strings("abcd", "xbyz")
    before, after = example.printed(eps)
    assert after.value == pytest.approx((eps**2) ** (1 / 3)) == example.after_time(eps).value
    assert before.value == pytest.approx((1 - eps) ** (1 / 3)) == example.lower_time(eps).value
    assert example.before_time(eps).value <= before.value
    assert cw.examples.masked_strings("abcd", "xbyz").before_time(0.6).status == "always within"


# ---- Example 5 --------------------------------------------------------------------------------


def test_coins_by_enumeration():
    example = cw.examples.biased_coins(0.2, 7)
    for hidden in range(8):
        seen = 7 - hidden
        law = [
            np.array([p ** sum(s) * (1 - p) ** (seen - sum(s)) for s in itertools.product([0, 1], repeat=seen)])
            for p in (0.7, 0.3)
        ]
        assert example.total_variation(hidden) == pytest.approx(0.5 * np.abs(law[0] - law[1]).sum(), abs=1e-12)


@pytest.mark.parametrize("eps", LEVELS)
def test_coins_times_by_searching_all(eps):
    bias, length = 0.1, 400
    example = cw.examples.biased_coins(bias, length)
    heads = np.arange(length + 1)
    apart = np.array(
        [
            0.5 * np.abs(stats.binom.pmf(heads, m, 0.5 + bias) - stats.binom.pmf(heads, m, 0.5 - bias)).sum()
            for m in length - np.arange(length + 1)
        ]
    )
    assert example.after_time(eps).value == np.flatnonzero(apart >= 1 - eps**2).max()
    assert example.before_time(eps).value == np.flatnonzero(0.5 * apart <= eps).min()


@pytest.mark.parametrize(("bias", "length"), [(0.05, 3000), (0.1, 1000), (0.2, 200)])
@pytest.mark.parametrize("eps", LEVELS)
def test_coins_printed_times_are_sufficient(bias, length, eps):
    # The paper's approximations are times late and early enough; the exact ones lie beyond them.
    example = cw.examples.biased_coins(bias, length)
    before, after = example.printed(eps)
    assert before.value == pytest.approx(length - eps**2 / bias**2 + 2)
    assert after.value == pytest.approx(length - math.log(2 / eps**2) / (2 * bias**2))
    assert example.before_time(eps).value <= before.value
    assert example.after_time(eps).value >= after.value


def test_coins_statuses_and_tiny_overlaps():
    short = cw.examples.biased_coins(0.05, 10)
    assert short.after_time(0.1).status == "never separated"
    assert short.before_time(0.4).status == "always within"
    assert 0 < cw.examples.biased_coins(0.4, 1000).overlap(0) < 1e-60


# ---- Example 7 --------------------------------------------------------------------------------


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_every_order_of_all_strings_gives_a_tree_of_depth_d(order):
    strings = ["".join(s) for s in itertools.product("01", repeat=3)]
    tree = cw.examples.symbol_tree(strings, order)
    assert nx.is_arborescence(tree)
    assert nx.dag_longest_path_length(tree, weight=None) == 3
    assert len(tree) == 15
    leaves = [node for node in tree if tree.out_degree(node) == 0]
    assert sorted(leaves) == [(i,) for i in range(8)]


def test_symbol_tree_times_by_looking():
    strings, order = ["aab", "abb", "bab", "bbb", "bba"], (1, 2, 0)
    tree = cw.examples.symbol_tree(strings, order)

    def looks(hidden):
        return [tuple(s[k] for k in order[: 3 - hidden]) for s in strings]

    for subset, vertex in tree.nodes(data=True):
        rest = set(range(5)) - set(subset)
        alike = [t for t in range(4) if len({looks(t)[i] for i in subset}) == 1]
        apart = [t for t in range(4) if not {looks(t)[i] for i in subset} & {looks(t)[i] for i in rest}]
        assert vertex["t_end"] == min(alike)
        assert vertex["t_start"] == max(apart)
        assert vertex["t_end"] <= vertex["t_start"]
    for parent, child, edge in tree.edges(data=True):
        assert set(child) < set(parent)
        assert edge["window"] == (tree.nodes[child]["t_start"], tree.nodes[parent]["t_end"])
    # Every set of strings that looks alike at some time is a vertex.
    groups = {tuple(i for i in range(5) if looks(t)[i] == look) for t in range(4) for look in looks(t)}
    assert groups == set(tree.nodes)


# ---- all of them ------------------------------------------------------------------------------


def test_every_example_names_its_clock_and_source():
    found = [
        cw.examples.two_gaussians(3.0),
        cw.examples.random_means(3, 2),
        cw.examples.masked_strings("ab", "ac"),
        cw.examples.biased_coins(0.1, 50),
    ]
    assert [example.unit for example in found] == [
        "OU time",
        "OU time",
        "fraction of tokens masked",
        "tokens hidden",
    ]
    for example in found:
        assert example.source.startswith("LKC25, Example")
        assert example.title
        for bound in example.printed(0.1):
            assert bound.source.startswith("LKC25") or bound.source == "derived here"
            assert bound.formula in str(bound)
    assert all(inspect.getdoc(getattr(examples, name)) for name in examples.__all__)


BAD = [
    (lambda: cw.examples.two_gaussians(0.0), "mu must not be zero"),
    (lambda: cw.examples.two_gaussians(np.nan), "mu must be finite"),
    (lambda: cw.examples.two_gaussians([1.0, np.inf]), "mu must be finite"),
    (lambda: cw.examples.two_gaussians([[1.0]]), "mu must have 0 or 1 axes"),
    (lambda: cw.examples.two_gaussians("far"), "mu must"),
    (lambda: cw.examples.two_gaussians(1.0).total_variation(-1.0), "t must be finite and not negative"),
    (lambda: cw.examples.random_means(1, 2), "count must be an integer of at least 2"),
    (lambda: cw.examples.random_means(2, 0), "dim must be an integer of at least 1"),
    (lambda: cw.examples.random_means(2, 2, -1), "seed must be an integer of at least 0"),
    (lambda: cw.examples.masked_strings("abc", "ab"), "first and second must be equally long, not 3 and 2"),
    (lambda: cw.examples.masked_strings("abc", "abc"), "first and second must differ"),
    (lambda: cw.examples.masked_strings("", ""), "first must hold at least one token"),
    (lambda: cw.examples.masked_strings(5, "ab"), "first must be a string or a sequence"),
    (lambda: cw.examples.masked_strings("ab", "ac", 1.0), "weight must lie strictly between 0 and 1"),
    (lambda: cw.examples.masked_strings("ab", "ac").total_variation(1.5), "t must lie between 0 and 1"),
    (lambda: cw.examples.masked_strings("ab", "ac").total_variation(np.nan), "t must be finite"),
    (lambda: cw.examples.biased_coins(0.0, 10), "bias must lie strictly between 0 and 1/2"),
    (lambda: cw.examples.biased_coins(0.5, 10), "bias must lie strictly between 0 and 1/2"),
    (lambda: cw.examples.biased_coins(np.nan, 10), "bias must be finite"),
    (lambda: cw.examples.biased_coins(0.1, 0), "length must be an integer of at least 1"),
    (lambda: cw.examples.biased_coins(0.1, 10).overlap(11), "t must be whole numbers of hidden tosses from 0 to 10"),
    (lambda: cw.examples.biased_coins(0.1, 10).overlap(0.5), "t must be whole numbers"),
    (lambda: cw.examples.symbol_tree([]), "strings must hold at least one string"),
    (lambda: cw.examples.symbol_tree(5), "strings must be a list of strings"),
    (lambda: cw.examples.symbol_tree(["ab", "abc"]), r"strings\[0\] has 2 tokens and strings\[1\] has 3"),
    (lambda: cw.examples.symbol_tree(["ab", "ab"]), "'ab' appears twice"),
    (lambda: cw.examples.symbol_tree(["ab", "ac"], [0, 0]), "order must be a permutation of 0 to 1"),
    (lambda: cw.examples.symbol_tree(["ab", "ac"], [0.5, 1]), "order must be a permutation"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("eps", [0.0, 1.0, -0.1, np.nan, "x"])
@pytest.mark.parametrize("method", ["after_time", "before_time", "printed"])
def test_bad_levels_are_named(eps, method):
    for example in (
        cw.examples.two_gaussians(3.0),
        cw.examples.random_means(2, 2),
        cw.examples.masked_strings("ab", "ac"),
        cw.examples.biased_coins(0.1, 50),
    ):
        with pytest.raises(ValueError, match="eps must"):
            getattr(example, method)(eps)
