"""Mixtures of product laws on tokens: probabilities against enumeration, draws against probabilities, bad input."""

import itertools

import numpy as np
import pytest
from scipy import stats

from critwin_widgets.engine import TokenMixture

RNG = np.random.default_rng(0)
CHANCES = RNG.dirichlet(np.ones(3), size=(2, 4))
WEIGHTS = [0.3, 0.7]
EVERY = np.array(list(itertools.product(range(3), repeat=4)))


@pytest.fixture(scope="module")
def mixture() -> TokenMixture:
    return TokenMixture(CHANCES, WEIGHTS, ["x", "y"], {"tone": ["low", "high"]}, "abc")


def test_probabilities_are_products_and_sum_to_one(mixture):
    by_hand = np.array([[np.prod([CHANCES[k, j, row[j]] for j in range(4)]) for k in range(2)] for row in EVERY])
    np.testing.assert_allclose(np.exp(mixture.log_prob_components(EVERY)), by_hand, rtol=1e-12)
    np.testing.assert_allclose(np.exp(mixture.log_prob(EVERY)), by_hand @ WEIGHTS, rtol=1e-12)
    np.testing.assert_allclose(np.exp(mixture.log_prob(EVERY, "y")), by_hand[:, 1], rtol=1e-12)
    joint = by_hand * WEIGHTS
    np.testing.assert_allclose(mixture.posterior(EVERY), joint / joint.sum(1, keepdims=True), rtol=1e-12)


def test_draws_follow_the_probabilities(mixture):
    n = 20_000
    tokens, which = mixture.sample(5, n, return_components=True)
    assert abs((which == 0).mean() - 0.3) < 4.5 * np.sqrt(0.21 / n)
    counts = np.bincount(tokens @ 3 ** np.arange(4)[::-1], minlength=81)
    assert stats.chisquare(counts, n * np.exp(mixture.log_prob(EVERY))).pvalue > 1e-4
    np.testing.assert_array_equal(mixture.sample(5, 100), tokens[:100])
    assert (mixture.sample(5, 50, "y", return_components=True)[1] == 1).all()


def test_a_sub_mixture_keeps_what_its_components_are(mixture):
    part = mixture.subset_mixture("y")
    assert (part.labels, part.features, part.alphabet) == (("y",), {"tone": ("high",)}, ("a", "b", "c"))
    np.testing.assert_array_equal(part.probabilities, mixture.probabilities[1:])


def test_strings_are_point_masses():
    mixture = TokenMixture.strings(["abba", "abab"], weights=[0.25, 0.75])
    assert mixture.labels == ("abba", "abab")
    assert set(mixture.decode(mixture.sample(0, 50))) == {"abba", "abab"}
    tokens = mixture.encode(["abab", "bbbb"])
    np.testing.assert_array_equal(mixture.log_prob(tokens), [np.log(0.75), -np.inf])
    with pytest.raises(ValueError, match="no component can produce row 1"):
        mixture.posterior(tokens)
    words = TokenMixture.strings([["the", "cat"], ["a", "cat"]])
    assert words.decode(words.encode([["a", "cat"]])) == ["a cat"]
    assert words.decode([[3, 0]]) == ["· a"]


def test_coins_are_counted_by_their_heads():
    mixture = TokenMixture.coins([0.4, 0.6], 5)
    heads = mixture.sample(1, 4000, "p=0.6").sum(1)
    assert mixture.decode([[0, 0, 1, 1, 1]]) == ["TTHHH"]
    assert stats.chisquare(np.bincount(heads, minlength=6), 4000 * stats.binom.pmf(range(6), 5, 0.6)).pvalue > 1e-4


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: TokenMixture(np.ones((2, 3))), "probabilities must have 3 axes"),
        (lambda: TokenMixture(np.ones((1, 1, 2))), r"probabilities\[0, 0\] sum to 2, not 1"),
        (lambda: TokenMixture([[[1.5, -0.5]]]), r"probabilities\[0, 0, 1\] is -0.5"),
        (lambda: TokenMixture([[[0.5, np.nan]]]), "probabilities must be finite"),
        (lambda: TokenMixture([[[0.5, 0.5]]], alphabet="a"), r"one entry per symbol \(2\), not 1"),
        (lambda: TokenMixture([[[0.5, 0.5]]], alphabet="aa"), "'a' occurs 2 times"),
        (lambda: TokenMixture([[[0.5, 0.5]]], weights=[0.5]), "weights sum to 0.5"),
        (lambda: TokenMixture.strings("abc"), "strings must be a list of strings"),
        (lambda: TokenMixture.strings([]), "at least one string"),
        (lambda: TokenMixture.strings(["ab", "a"]), r"strings\[1\] has 1"),
        (lambda: TokenMixture.strings(["ab", "ab"]), "'ab' appears twice"),
        (lambda: TokenMixture.strings(["ab"], alphabet="a"), r"strings\[0\] has the token 'b'"),
        (lambda: TokenMixture.strings([3]), r"strings\[0\] must be a string"),
        (lambda: TokenMixture.coins([1.2], 3), "biases must be chances of heads"),
        (lambda: TokenMixture.coins([0.5], 0), "length must be an integer of at least 1"),
    ],
)
def test_bad_mixtures_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m: m.log_prob([[0, 1, 2]]), r"x must hold token numbers of shape \(B, 4\), not \(1, 3\)"),
        (lambda m: m.log_prob([[0.0, 1, 2, 0]]), "integers"),
        (lambda m: m.posterior([[0, 1, 2, 3]]), "x has the token number 3, but they run from 0 to 2"),
        (lambda m: m.encode(["abcd"]), "token 'd'"),
        (lambda m: m.sample(0, 0), "n must be an integer of at least 1"),
        (lambda m: m.sample(-1, 3), "key must not be negative"),
        (lambda m: m.subset_mixture("z"), "unknown label 'z'"),
    ],
)
def test_bad_questions_are_refused(mixture, call, words):
    with pytest.raises(ValueError, match=words):
        call(mixture)
