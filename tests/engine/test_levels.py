"""Separation of masked tokens: closed forms, enumeration of all that can be observed, brackets and coverage."""

import itertools

import numpy as np
import pytest
from scipy import stats

from critwin_widgets.engine import BudgetWarning, GaussianMixture, TokenMixture, log_overlap, overlap, total_variation
from critwin_widgets.engine.processes import OrderedMasking, OrnsteinUhlenbeck, RandomMasking
from critwin_widgets.engine.separation.levels import LevelSurvey

WEIGHTS = np.array([0.2, 0.5, 0.3])
MIXTURE = TokenMixture(np.random.default_rng(2).dirichlet(np.ones(3), size=(3, 4)), WEIGHTS)
EVERY = np.array(list(itertools.product(range(4), repeat=4)))
PROCESSES = {"random": RandomMasking(MIXTURE), "ordered": OrderedMasking(MIXTURE, [2, 0, 3, 1])}
LEVELS = {"random": np.array([0.0, 0.3, 0.8, 1.0]), "ordered": np.arange(5.0)}
SUBSETS = [((0,), (1,)), ((0, 2), (1,)), ((1,), (0, 1, 2)), ((0, 1), (1, 2))]


@pytest.fixture(params=["random", "ordered"])
def name(request) -> str:
    return request.param


def observed(process, level: float) -> np.ndarray:
    """Return the probability of everything that may be observed under every component, `(256, K)`."""
    return np.exp(process.at(level).log_prob_components(EVERY))


def mixed(laws: np.ndarray, subset: tuple[int, ...]) -> np.ndarray:
    keep = list(subset)
    return laws[:, keep] @ (WEIGHTS[keep] / WEIGHTS[keep].sum())


def test_overlaps_are_sums_over_all_that_can_be_observed(name):
    process, levels = PROCESSES[name], LEVELS[name]
    for a, b in SUBSETS:
        expected = [np.minimum(mixed(p, a), mixed(p, b)).sum() for p in (observed(process, x) for x in levels)]
        found = overlap(process, a, b, levels)
        assert found.method == "exact"
        np.testing.assert_allclose(found.value, expected, rtol=1e-8)
        np.testing.assert_allclose(total_variation(process, a, b, levels).value, 1 - np.array(expected), atol=1e-8)
        assert (np.diff(found.value) >= -1e-12).all()  # data processing


def test_returns_are_sums_over_all_that_can_be_observed(name):
    process, levels = PROCESSES[name], LEVELS[name]
    survey = LevelSurvey(process, levels, 64)
    matrix, error, method = survey.transitions()
    assert method == "exact"
    assert (error == 0).all()
    sets, contexts = np.array([[1, 0, 0]], bool).T, np.array([[1, 1, 0]], bool).T
    chances, logs = survey.returns_with_logs(sets, contexts)
    for row, level in enumerate(levels):
        p = observed(process, level)
        total = np.maximum(p @ WEIGHTS, 1e-300)
        np.testing.assert_allclose(matrix[row], p.T @ (p * WEIGHTS / total[:, None]), rtol=1e-8)
        share = p[:, 0] * 0.2 / np.maximum(p[:, :2] @ WEIGHTS[:2], 1e-300)
        np.testing.assert_allclose(chances.value[row, 0], p[:, 0] @ share, rtol=1e-8)
        seen = p[:, 0] > 0
        np.testing.assert_allclose(logs[row, 0], p[seen, 0] @ np.log(share[seen]), rtol=1e-8)
    np.testing.assert_allclose(matrix[0] @ np.ones(3), 1.0)
    np.testing.assert_allclose(matrix[-1], np.tile(WEIGHTS, (3, 1)), rtol=1e-9)


def test_brackets_hold_and_intervals_cover(name):
    process, levels = PROCESSES[name], LEVELS[name][:-1]
    for a, b in SUBSETS:
        exact, proven = (log_overlap(process, a, b, levels, method=m).value for m in ("exact", "certified"))
        bracket = log_overlap(process, a, b, levels, method="certified")
        assert (bracket.low <= exact + 1e-9).all()
        assert (exact <= bracket.high + 1e-9).all()
        assert (proven >= bracket.low).all()
    exact = LevelSurvey(process, levels, 64).transitions()[0]
    inside, gaps = [], []
    a, b = np.array([[1.0, 0, 0], [0.4, 0, 0.6]]).T, np.array([[0, 1.0, 0], [0, 1.0, 0]]).T
    truth = LevelSurvey(process, levels, 64).overlaps(a, b).value
    for seed in range(30):
        survey = LevelSurvey(process, levels, 512, seed, "estimated")
        found = survey.overlaps(a, b)
        inside.append((found.low <= truth + 1e-9) & (truth <= found.high + 1e-9))
        mean, error, method = survey.transitions()
        assert method == "estimated"
        gaps.append((mean - exact) / np.maximum(error, 1e-12))
    # 30 x 8 or so numbers, neighbouring levels much alike: 95 % within three of their standard errors.
    assert np.mean(inside) > 0.95 - 3 * np.sqrt(0.05 * 0.95 / 30)
    assert 0.8 < np.std(gaps) < 1.25
    assert np.abs(np.mean(gaps, axis=0)).max() * np.sqrt(30) < 4.5


def test_two_strings_overlap_once_all_their_differences_are_masked():
    # LKC25, Example 3: O = m^h.
    process = RandomMasking(TokenMixture.strings(["aabba", "ababb"], weights=[0.3, 0.7]))
    levels = np.array([0.0, 1e-3, 0.4, 0.9, 1.0])
    found = log_overlap(process, "aabba", "ababb", levels)
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(found.value, 3 * np.log(levels), rtol=1e-12)
    assert found.method == "exact"
    drawn = overlap(process, 0, 1, levels, method="estimated", n=1024)
    assert (drawn.low <= levels**3 + 1e-12).all()
    assert (levels**3 <= drawn.high + 1e-12).all()


def test_three_strings_are_told_apart_by_the_positions_that_are_seen():
    process = RandomMasking(TokenMixture.strings(["aaa", "aab", "bbb"]))
    m = np.linspace(0, 1, 5)
    # {aaa, aab} and bbb look alike when both of the first positions are masked, and the third tells nothing or
    # does: shown (1 - m) it leaves one of the two, half of the pair's weight against all of the other's.
    expected = m**2 * (m + (1 - m) * 0.5)
    np.testing.assert_allclose(overlap(process, [0, 1], 2, m).value, expected, atol=1e-12)


def test_coins_are_told_apart_by_their_heads():
    # LKC25, Example 5, from binomials.
    process = OrderedMasking(TokenMixture.coins([0.4, 0.6, 0.45], 300))
    hidden = np.array([0, 100, 250, 300])
    heads = np.arange(301)[:, None]
    first, second, third = (stats.binom.pmf(heads, 300 - hidden, p) for p in (0.4, 0.6, 0.45))
    np.testing.assert_allclose(overlap(process, 0, 1, hidden).value, np.minimum(first, second).sum(0), rtol=1e-9)
    both = np.minimum((first + third) / 2, second).sum(0)
    np.testing.assert_allclose(overlap(process, [0, 2], 1, hidden).value, both, rtol=1e-9)
    rare = log_overlap(OrderedMasking(TokenMixture.coins([0.01, 0.99], 1000)), 0, 1, 0)
    # Chernoff: -1000 ln(2 sqrt(0.01 * 0.99)) up to a factor of order 1 / sqrt(1000).
    assert 1000 * np.log(2 * np.sqrt(0.0099)) - 8 < rare.value < 1000 * np.log(2 * np.sqrt(0.0099))


def test_what_cannot_be_enumerated_is_estimated():
    wide = TokenMixture(np.random.default_rng(0).dirichlet(np.full(6, 8.0), size=(2, 30)))
    for process, levels in ((RandomMasking(wide), [0.2, 0.5, 0.9]), (OrderedMasking(wide), [2, 10, 28])):
        with pytest.raises(ValueError, match="method 'exact' cannot enumerate"):
            overlap(process, 0, 1, levels, method="exact")
        found, proven = overlap(process, 0, 1, levels, n=2000), overlap(process, 0, 1, levels, method="certified")
        assert (found.method, proven.method) == ("estimated", "certified")
        assert (found.low >= proven.low).all()
        assert (found.high <= proven.high).all()
        finer = overlap(process, 0, 1, levels, n=1000, rtol=0.02, budget=20)
        assert finer.status == "complete"
        assert (finer.relative_error <= 0.02).all()
        assert (np.maximum(found.low, finer.low) <= np.minimum(found.high, finer.high)).all()
    # Two tokens are few enough, however many are hidden.
    assert overlap(OrderedMasking(wide), 0, 1, 28).method == "exact"
    with pytest.warns(BudgetWarning, match="were spent before"):
        overlap(OrderedMasking(wide), 0, 1, 5, n=100, rtol=1e-4, budget=1e-3)


def test_the_diffusion_gives_the_mixtures_own_answers():
    mixture = GaussianMixture([[-1.0], [0.5], [2.0]], [1.0, 0.5, 2.0])
    process = OrnsteinUhlenbeck(mixture)
    assert (
        overlap(process, 0, [1, 2], [0.1, 1.0]).value.tolist() == overlap(mixture, 0, [1, 2], [0.1, 1.0]).value.tolist()
    )


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((0, 1, 1.5), ValueError, "t must be a number from 0 to 1"),
        ((0, 1, []), ValueError, "t must hold at least one level"),
        ((0, 1, "0.5"), ValueError, "t must be a number"),
        ((0, "nobody", 0.5), ValueError, "b has the unknown label"),
        (([], 1, 0.5), ValueError, "a is empty"),
    ],
)
def test_bad_questions_are_refused(arguments, error, words):
    with pytest.raises(error, match=words):
        overlap(PROCESSES["random"], *arguments)
