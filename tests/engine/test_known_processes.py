"""Processes on known mixtures: their laws, that rows own their randomness, and bad input."""

import itertools

import numpy as np
import pytest
from scipy import stats

from critwin_widgets.engine import GaussianMixture, LogConcaveMixture, TokenMixture
from critwin_widgets.engine import components as kinds
from critwin_widgets.engine.processes import OrderedMasking, OrnsteinUhlenbeck, RandomMasking
from critwin_widgets.engine.separation import Survey

WEIGHTS = [0.2, 0.5, 0.3]
MEANS = np.array([[-1.5, 0.0], [0.5, 1.0], [2.0, -0.5]])
TOKENS = np.random.default_rng(2).dirichlet(np.ones(3), size=(3, 4))
N = 4000


def diffusion(kind: str) -> OrnsteinUhlenbeck:
    if kind == "shared":
        return OrnsteinUhlenbeck(GaussianMixture(MEANS, [[0.5, 0.1], [0.1, 0.8]], WEIGHTS, "tied"))
    if kind == "separate":
        return OrnsteinUhlenbeck(GaussianMixture(MEANS, [0.3, 0.8, 0.5], WEIGHTS))
    parts = [
        kinds.Product([kinds.TruncatedNormal(x, 0.8, x - 1.0, x + 2.0), kinds.Normal(0.0, 0.6)]) for x in (-1, 0, 1)
    ]
    return OrnsteinUhlenbeck(LogConcaveMixture(parts))


@pytest.fixture(scope="module", params=["shared", "separate"])
def ou(request) -> OrnsteinUhlenbeck:
    return diffusion(request.param)


@pytest.fixture(scope="module", params=["random", "ordered"])
def masking(request):
    mixture = TokenMixture(TOKENS, WEIGHTS)
    return RandomMasking(mixture) if request.param == "random" else OrderedMasking(mixture, [2, 0, 3, 1])


def middle(process) -> float:
    return {"m": 0.4, "h": 2.0, "t": 0.7}[process.index.symbol]


def counts_agree(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether two lists of whole numbers may have one law (chi-square)."""
    size = int(max(first.max(), second.max())) + 1
    table = np.stack([np.bincount(side.ravel(), minlength=size) for side in (first, second)])
    return stats.chi2_contingency(table[:, table.sum(0) > 0]).pvalue > 1e-4


def test_components_come_back_as_the_transition_matrix_says(ou):
    x, source = ou.sample(1, N)
    found = ou.components_after(x, 0.7, 5, 3)
    matrix, error, _ = Survey(ou.mixture, np.array([0.7]), 4096, 3).transitions()
    for i, j in itertools.product(range(3), repeat=2):
        mine = (found[source == i] == j).mean(axis=1)
        spread = np.hypot(mine.std() / np.sqrt(len(mine)), error[0, i, j])
        assert abs(mine.mean() - matrix[0, i, j]) < 4.5 * spread


def test_denoising_gives_back_the_law(ou):
    x, _ = ou.sample(1, N)
    y = ou.noise(x, 0.7, 2)
    back = ou.denoise(y, 0.7, 3)
    for j in range(2):
        assert stats.ks_2samp(x[:, j], back[:, j]).pvalue > 1e-4
        assert not np.allclose(x[:, j], back[:, j])
    # X and X' are exchangeable given Y: the moment that a wrong posterior would get wrong.
    gap = x[:, 0] * back[:, 1] - x[:, 1] * back[:, 0]
    assert abs(gap.mean()) < 4.5 * gap.std() / np.sqrt(N)
    shares = np.stack([ou.posterior(points, 0.0).mean(0) for points in (x, back)])
    assert np.abs(shares[0] - shares[1]).max() < 4.5 * np.sqrt(0.5 / N)


def test_stopping_on_the_way_gives_the_noised_law(ou):
    x, _ = ou.sample(1, N)
    stopped = ou.denoise(ou.noise(x, 1.2, 2), 1.2, 3, to=0.4)
    direct = ou.noise(x, 0.4, 9)
    for j in range(2):
        assert stats.ks_2samp(stopped[:, j], direct[:, j]).pvalue > 1e-4
    # The way is a Markov chain: less of X is left in Y_0.4 that came from Y_1.2 than in Y_0.4 itself.
    assert np.corrcoef(stopped[:, 0], x[:, 0])[0, 1] < np.corrcoef(direct[:, 0], x[:, 0])[0, 1] - 0.05


def test_the_ends_of_the_process(ou):
    x, _ = ou.sample(0, 50)
    np.testing.assert_array_equal(ou.denoise(x, 0.0, 1), x)
    y = ou.prior(4, N)
    generated = ou.denoise(y, ou.start_level, 5)
    clean, _ = ou.sample(6, N)
    everything_lost = ou.denoise(ou.noise(x[:1].repeat(N, 0), np.inf, 1), np.inf, 7)
    for j in range(2):
        assert stats.ks_2samp(generated[:, j], clean[:, j]).pvalue > 1e-4
        assert stats.ks_2samp(everything_lost[:, j], clean[:, j]).pvalue > 1e-4
    assert counts_agree(ou.components_after(x[:1].repeat(N, 0), np.inf, 1), ou.sample(6, N)[1])


def test_points_own_their_randomness(ou):
    x, _ = ou.sample(3, 20)
    seeds = np.arange(20) * 7 + 1
    y = ou.noise(x, 0.7, seeds)
    np.testing.assert_array_equal(y[5:9], ou.noise(x[5:9], 0.7, seeds[5:9]))
    z = ou.denoise(y, 0.7, seeds, 2)
    np.testing.assert_allclose(z[10:18], ou.denoise(y[5:9], 0.7, seeds[5:9], 2), rtol=1e-4, atol=1e-5)
    again = ou.denoise(y, 0.7, seeds, 2, to=0.3)
    np.testing.assert_allclose(again[10:18], ou.denoise(y[5:9], 0.7, seeds[5:9], 2, to=0.3), rtol=1e-4, atol=1e-5)
    which = ou.components_after(x, 0.7, seeds, 4)
    np.testing.assert_array_equal(which[5:9], ou.components_after(x[5:9], 0.7, seeds[5:9], 4))


def test_log_concave_components_are_denoised_too():
    # A third of 2048 rows is padded to 1024 for each component: what takes seconds is compiled once.
    process, n = diffusion("log-concave"), 1500
    x, source = process.sample(1, n)
    y, seeds = process.noise(x, 0.7, 2), np.arange(n) * 5 + 1
    back = process.denoise(y, 0.7, seeds)
    for j in range(2):
        assert stats.ks_2samp(x[:, j], back[:, j]).pvalue > 1e-4
    gap = x[:, 0] * back[:, 1] - x[:, 1] * back[:, 0]
    assert abs(gap.mean()) < 4.5 * gap.std() / np.sqrt(n)
    np.testing.assert_allclose(back[::-1], process.denoise(y[::-1], 0.7, seeds[::-1]), rtol=1e-4, atol=1e-5)
    expected = process.posterior(y[source == 0], 0.7)[:, 1]
    found = process.components_after(x[source == 0], 0.7, 3) == 1
    assert abs(found.mean() - expected.mean()) < 4.5 * np.sqrt((expected.var() + 0.25) / len(expected))


def test_many_dimensions_tell_the_same_as_the_few_that_matter():
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(40, 2)))[0]
    wide = OrnsteinUhlenbeck(GaussianMixture(MEANS @ basis.T + 50.0, np.full(3, 0.4), WEIGHTS))
    narrow = OrnsteinUhlenbeck(GaussianMixture(MEANS, np.full(3, 0.4), WEIGHTS))
    points = MEANS[[1]].repeat(N, 0)
    first = wide.components_after(points @ basis.T + 50.0, 0.9, 1)
    assert counts_agree(first, narrow.components_after(points, 0.9, 2))
    # Where the numbers that matter are drawn and where all are, the law is one.
    noised = wide.noise(points @ basis.T + 50.0, 0.9, 3)
    np.testing.assert_allclose(wide.posterior(noised, 0.9).mean(0), np.bincount(first[:, 0]) / N, atol=4.5 / np.sqrt(N))


def test_posteriors_of_masked_tokens_are_bayes(masking):
    level = middle(masking)
    y = masking.noise(masking.sample(0, 200)[0], level, 3)
    law = masking.at(level)
    np.testing.assert_allclose(masking.posterior(y, level), law.posterior(y), rtol=1e-9)
    every = np.array(list(itertools.product(range(4), repeat=4)))
    expected = np.exp(law.log_prob(every))
    drawn = masking.noise(masking.sample(1, N)[0], level, 4) @ 4 ** np.arange(4)[::-1]
    seen = expected > 0
    assert set(drawn) <= set(np.flatnonzero(seen))
    often = expected * N > 5
    observed = np.bincount(drawn, minlength=len(every))
    rest = [observed[seen & ~often].sum()] if (seen & ~often).any() else []
    rare = [expected[seen & ~often].sum() * N] if rest else []
    assert stats.chisquare([*observed[often], *rest], [*(expected[often] * N), *rare]).pvalue > 1e-4


def test_masks_grow_with_the_level(masking):
    x, _ = masking.sample(0, 100)
    seeds = np.arange(100)
    levels = np.linspace(0, masking.index.noise, 5)
    hidden = [masking.noise(x, level, seeds) == masking.mask for level in levels]
    assert all((one <= other).all() for one, other in itertools.pairwise(hidden))
    assert not hidden[0].any()
    assert hidden[-1].all()
    np.testing.assert_array_equal(masking.prior(0, 100) == masking.mask, hidden[-1])


def test_denoised_tokens_have_the_law_and_keep_what_is_visible(masking):
    level, code = middle(masking), 3 ** np.arange(4)
    x, _ = masking.sample(1, N)
    y = masking.noise(x, level, 2)
    back = masking.denoise(y, level, 3)
    visible = y != masking.mask
    np.testing.assert_array_equal(back[visible], x[visible])
    assert counts_agree(back @ code, x @ code)
    generated = masking.denoise(masking.prior(0, N), masking.start_level, 6)
    assert counts_agree(generated @ code, masking.sample(9, N)[0] @ code)
    lower = level / 2
    stopped = masking.denoise(masking.noise(x, level, 2), level, 3, to=lower) @ 4 ** np.arange(4)
    assert counts_agree(stopped, masking.noise(x, lower, 8) @ 4 ** np.arange(4))


def test_components_after_agree_with_the_long_way(masking):
    level = middle(masking)
    x = masking.sample(1, 1)[0].repeat(N, 0)
    y = masking.noise(x, level, 5)
    expected = masking.posterior(y, level)
    found = masking.components_after(x, level, 6, 2)
    for k in range(3):
        spread = np.sqrt((expected[:, k].var() + 0.25) / N)
        assert abs((found == k).mean() - expected[:, k].mean()) < 4.5 * spread


def test_two_strings_come_back_unless_all_their_differences_are_masked():
    process = RandomMasking(TokenMixture.strings(["aabb", "abab"], weights=[0.25, 0.75]))
    x = process.mixture.encode(["aabb"])
    found = process.components_after(x, 0.6, 3, 20_000)
    # LKC25, Example 3: both of the h = 2 differences are masked with probability m^h.
    expected = 0.6**2 * 0.75
    assert abs(found.mean() - expected) < 4.5 * np.sqrt(expected * (1 - expected) / 20_000)


def test_sequences_own_their_randomness(masking):
    level, seeds = middle(masking), np.arange(20) * 3 + 2
    x, _ = masking.sample(3, 20)
    y = masking.noise(x, level, seeds)
    np.testing.assert_array_equal(y[5:9], masking.noise(x[5:9], level, seeds[5:9]))
    for options in ({}, {"to": level / 2}):
        z = masking.denoise(y, level, seeds, 2, **options)
        np.testing.assert_array_equal(z[10:18], masking.denoise(y[5:9], level, seeds[5:9], 2, **options))
    which = masking.components_after(x, level, seeds, 4)
    np.testing.assert_array_equal(which[5:9], masking.components_after(x[5:9], level, seeds[5:9], 4))


def one_more(array: np.ndarray, at, by: float = 1e-12) -> np.ndarray:
    found = np.array(array, float)
    found[at] += by
    return found


def shifted(kind: str, by: float):
    """A process of each kind, one number of which is changed in a digit that no repr shows."""
    if kind == "gaussian":
        return OrnsteinUhlenbeck(GaussianMixture(one_more(MEANS, (1, 0), by), [0.3, 0.8, 0.5], WEIGHTS))
    if kind == "log-concave":
        # Made anew each time: a function has another place in memory then.
        shape = kinds.LogDensity(lambda x: -0.5 * x**2 - (1.0 + by) * x, 1.0, (-3.0, 3.0))
        parts = [kinds.Product([shape, kinds.Normal(0.0, 0.6)]), kinds.Product([shape, kinds.Normal(1.0, 0.6)])]
        return OrnsteinUhlenbeck(LogConcaveMixture(parts))
    tokens = TOKENS.copy()
    tokens[0, 0] += [by, -by, 0.0]
    mixture = TokenMixture(tokens, WEIGHTS)
    return RandomMasking(mixture) if kind == "random" else OrderedMasking(mixture, [2, 0, 3, 1])


@pytest.mark.parametrize("kind", ["gaussian", "log-concave", "random", "ordered"])
def test_processes_are_told_apart_by_each_number(kind):
    first, again, other = (shifted(kind, by) for by in (0.0, 0.0, 1e-12))
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert repr(first) == repr(other)
    assert " at 0x" not in first.fingerprint
    if kind in ("random", "ordered"):  # their caches fill with use
        first.components_after(first.sample(0, 3)[0], middle(first), 0)
        assert first.fingerprint == again.fingerprint


def test_processes_are_told_apart_by_all_that_a_mixture_has():
    base = {"means": MEANS, "covariances": [0.3, 0.8, 0.5], "weights": WEIGHTS, "labels": list("abc")}
    changes = [
        {"covariances": [0.3, 0.8, 0.5 + 1e-12]},
        {"weights": [0.2, 0.5 - 1e-12, 0.3 + 1e-12]},
        {"labels": list("abd")},
        {"features": {"side": list("llr")}},
        {"covariance_type": "diag", "covariances": np.array([[0.3, 0.3], [0.8, 0.8], [0.5, 0.5]])},
    ]
    found = [OrnsteinUhlenbeck(GaussianMixture(**base | change)).fingerprint for change in [{}, *changes]]
    tokens = TokenMixture(TOKENS, WEIGHTS)
    found += [
        RandomMasking(tokens).fingerprint,
        RandomMasking(TokenMixture(TOKENS, WEIGHTS, alphabet="xyz")).fingerprint,
    ]
    found += [OrderedMasking(tokens, order).fingerprint for order in (None, [2, 0, 3, 1], [0, 2, 3, 1])]
    assert len(set(found)) == len(found)


BAD = [
    (lambda p, x: p.noise(x, -1.0, 0), ValueError, "level must be a"),
    (lambda p, x: p.noise(x, p.index.clean, [1, 2]), ValueError, "one seed for each"),
    (lambda p, x: p.noise(x, p.index.clean, 0.5), TypeError, "key must be an integer seed"),
    (lambda p, x: p.noise(x[0], p.index.clean, 0), ValueError, "x must have|x must hold"),
    (lambda p, x: p.denoise(x[:, :1], p.index.clean, 0), ValueError, "y must have|y must hold"),
    (lambda p, x: p.denoise(x, p.index.clean, 0, 0), ValueError, "n must be an integer of at least 1"),
    (lambda p, x: p.denoise(x, p.index.clean, 0, to=1.0), ValueError, "to must not lie above level"),
    (lambda p, x: p.posterior(x, "0"), ValueError, "level must be"),
    (lambda p, x: p.components_after(x, 0.0, 0, 0), ValueError, "n must be"),
    (lambda p, x: p.prior(0, 0), ValueError, "n must be"),
    (lambda p, x: p.sample(0, 5, "nobody"), ValueError, "unknown label"),
]


@pytest.mark.parametrize(("call", "error", "words"), BAD)
@pytest.mark.parametrize("kind", ["shared", "random", "ordered"])
def test_bad_questions_are_refused(kind, call, error, words):
    mixture = TokenMixture(TOKENS, WEIGHTS)
    process = {"random": RandomMasking, "ordered": OrderedMasking}.get(kind, lambda _: diffusion(kind))(mixture)
    with pytest.raises(error, match=words):
        call(process, process.sample(0, 3)[0])


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: OrnsteinUhlenbeck(TokenMixture(TOKENS)), TypeError, "must be a Mixture, not TokenMixture"),
        (lambda: RandomMasking(diffusion("shared").mixture), TypeError, "must be a TokenMixture"),
        (lambda: OrderedMasking(TokenMixture(TOKENS), [0, 1, 2]), ValueError, "permutation of 0 to 3"),
        (lambda: OrderedMasking(TokenMixture(TOKENS), [0, 1, 2, 2]), ValueError, "permutation of 0 to 3"),
        (lambda: OrderedMasking(TokenMixture(TOKENS)).at(1.5), ValueError, "whole number from 0 to 4"),
        (lambda: RandomMasking(TokenMixture.strings(["ab"])).denoise([[0, 0]], 0.0, 0), ValueError, "row 0"),
        (lambda: RandomMasking(TokenMixture.strings(["ab"])).components_after([[1, 1]], 0.5, 0), ValueError, "row 0"),
    ],
)
def test_bad_processes_are_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()
