"""Masked-diffusion text: with exact conditionals, what is written follows the mixture's law exactly."""

import itertools

import numpy as np
import pytest
import torch
from scipy import stats
from transformers import BertConfig, BertForMaskedLM

import critwin_widgets as cw
from critwin_widgets.adapters import MaskedTextProcess
from critwin_widgets.engine.processes import row_seeds
from tests.language_models import ExactUnmasking, Letters

PLACES, SYMBOLS, MASK = 4, 3, 3
WEIGHTS = np.array([0.3, 0.7])
TABLES = np.random.default_rng(5).dirichlet(np.full(SYMBOLS, 0.6), (2, PLACES))
STRINGS = np.array(list(itertools.product(range(SYMBOLS), repeat=PLACES)))
LAW = WEIGHTS @ TABLES[:, np.arange(PLACES), STRINGS].prod(axis=2)
DRAWS = 4000


def exact(**options):
    model = ExactUnmasking(WEIGHTS, TABLES, MASK)
    return MaskedTextProcess(model, length=PLACES, mask_token_id=MASK, batch_size=DRAWS, **options)


def given(seen, row):
    """The law of the strings that agree with a row where it is seen."""
    alike = ((row == STRINGS) | ~seen).all(axis=1)
    return np.where(alike, LAW, 0.0) / LAW[alike].sum()


def resampled(row, level):
    """The law of the forward-reverse experiment from one string, over all ways to mask it."""
    total = np.zeros(len(STRINGS))
    for seen in itertools.product((False, True), repeat=PLACES):
        count = sum(seen)
        total += (1 - level) ** count * level ** (PLACES - count) * given(np.array(seen), row)
    return total


def agree(rows, law):
    counts = np.bincount(rows @ SYMBOLS ** np.arange(PLACES)[::-1], minlength=len(law))
    assert counts.sum() == len(rows)
    assert (counts[law == 0] == 0).all()
    often = len(rows) * law >= 5
    found, expected = (np.append(c[often], c[~often].sum()) for c in (counts, len(rows) * law))
    expected[-1] = max(expected[-1], 1e-9)
    return stats.chisquare(found, expected * len(rows) / expected.sum()).pvalue > 1e-3


def test_generation_from_nothing_follows_the_law():
    process = exact()
    agree_one = agree(process.denoise(process.prior(0, 1), 1.0, 1, n=DRAWS), LAW)
    by_halves = process.denoise(process.denoise(process.prior(0, 1), 1.0, 2, n=DRAWS, to=0.4), 0.4, 3)
    assert agree_one
    assert agree(by_halves, LAW)


@pytest.mark.parametrize("level", [0.35, 0.8])
def test_the_forward_reverse_experiment_follows_its_law(level):
    process, source = exact(), STRINGS[int(LAW.argmax())]
    noised = process.noise(np.tile(source, (DRAWS, 1)), level, 4)
    assert agree(process.denoise(noised, level, 5), resampled(source, level))


def test_one_seed_may_serve_both_ways():
    process, source = exact(), STRINGS[int(LAW.argmax())]
    seeds = row_seeds(9, DRAWS)
    noised = process.noise(np.tile(source, (DRAWS, 1)), 0.6, seeds)
    assert agree(process.denoise(noised, 0.6, seeds), resampled(source, 0.6))
    masked = int((process.denoise(noised, 0.6, seeds, to=0.2) == MASK).sum())
    assert stats.binomtest(masked, int((noised == MASK).sum()), 1 / 3).pvalue > 1e-3


def test_left_to_right():
    process, source = exact(order="left_to_right"), STRINGS[int(LAW.argmax())]
    noised = process.noise(source[None], 3, 0)
    np.testing.assert_array_equal(noised[0] == MASK, [False, True, True, True])
    half = process.denoise(noised, 3, 1, n=DRAWS, to=1)
    np.testing.assert_array_equal((half == MASK).any(axis=0), [False, False, False, True])
    assert agree(process.denoise(half, 1, 2), given(np.array([True, False, False, False]), source))


def test_it_agrees_with_masking_of_the_same_mixture():
    """Two samplers of one law: token by token from conditionals, and at once from the components' posterior."""
    known = cw.processes.RandomMasking(cw.TokenMixture(TABLES, WEIGHTS))
    source = np.tile(STRINGS[int(LAW.argmin())], (DRAWS, 1))
    powers = SYMBOLS ** np.arange(PLACES)[::-1]
    counts = [
        np.bincount(process.denoise(process.noise(source, 0.7, 1), 0.7, 2) @ powers, minlength=len(LAW))
        for process in (exact(), known)
    ]
    often = sum(counts) >= 20
    table = [np.append(count[often], count[~often].sum()) for count in counts]
    assert stats.chi2_contingency(table).pvalue > 1e-3


def test_tokens_stay_masked_with_the_ratio_of_the_levels():
    process = exact()
    noised = process.noise(np.zeros((DRAWS, PLACES), int), 0.8, 1)
    count = int((noised == MASK).sum())
    assert stats.binomtest(count, noised.size, 0.8).pvalue > 1e-3
    less = process.noise(np.zeros((DRAWS, PLACES), int), 0.5, 1)
    assert ((less == MASK) <= (noised == MASK)).all()
    between = process.denoise(noised, 0.8, 2, to=0.2)
    assert stats.binomtest(int((between == MASK).sum()), count, 0.25).pvalue > 1e-3
    seen = noised != MASK
    np.testing.assert_array_equal(between[seen], noised[seen])


def test_all_at_once_forgets_that_tokens_belong_together():
    """With one step all tokens come from their marginals; with many steps, from the law."""
    marginals = np.einsum("k,ktv->tv", WEIGHTS, TABLES)
    apart = marginals[np.arange(PLACES), STRINGS].prod(axis=1)
    start = exact().prior(0, 1)
    at_once = exact(steps=1).denoise(start, 1.0, 3, n=DRAWS)
    assert agree(at_once, apart)
    assert not agree(at_once, LAW)
    assert agree(exact(steps=2000).denoise(start, 1.0, 4, n=500), LAW)


def test_steps_stop_at_a_level_too():
    process = exact(steps=4)
    noised = process.noise(np.zeros((DRAWS, PLACES), int), 0.9, 1)
    between = process.denoise(noised, 0.9, 2, to=0.3)
    assert stats.binomtest(int((between == MASK).sum()), int((noised == MASK).sum()), 1 / 3).pvalue > 1e-3
    assert (process.denoise(between, 0.3, 3) != MASK).all()


@pytest.fixture(scope="module")
def bert():
    torch.manual_seed(2)
    config = BertConfig(
        vocab_size=9,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=8,
        initializer_range=0.8,
    )
    return BertForMaskedLM(config)


class Framed(Letters):
    """Puts [ before and ] after a text, and fills up with -."""

    def __init__(self):
        super().__init__("abcd[]-_e", mask="_")
        self.pad_token_id = 6
        self.all_special_ids = [4, 5, 6, 7]

    def __call__(self, text, add_special_tokens=True):
        return super().__call__(f"[{text}]")


def test_special_tokens_are_never_masked_and_never_written(bert):
    process = MaskedTextProcess(bert, Framed(), length=6)
    rows = process.encode(["abcd", "be"])
    np.testing.assert_array_equal(rows, [[4, 0, 1, 2, 3, 5], [4, 1, 8, 5, 6, 6]])
    assert process.decode(rows) == ["abcd", "be"]
    assert not bert.training
    noised = process.noise(["abcd", "be"], 1.0, 0)
    np.testing.assert_array_equal(noised, [[4, 7, 7, 7, 7, 5], [4, 7, 7, 5, 6, 6]])
    np.testing.assert_array_equal(process.prior(0, 2), noised[[0, 0]])
    written = process.denoise(noised, 1.0, 1, n=50)
    places = np.repeat(noised, 50, axis=0) == 7
    assert set(written[places]) == {0, 1, 2, 3, 8}
    np.testing.assert_array_equal(written[~places], np.repeat(noised, 50, axis=0)[~places])


@pytest.mark.parametrize("options", [{}, {"steps": 3}, {"order": "left_to_right"}, {"temperature": 0, "batch_size": 2}])
def test_how_rows_are_batched_changes_nothing(bert, options):
    process = MaskedTextProcess(bert, Framed(), length=6, **options)
    single = MaskedTextProcess(bert, Framed(), length=6, **(options | {"batch_size": 1}))
    level = 4 if "order" in options else 0.7
    noised = process.noise(["abcd", "be", "ccc", "a", "dbeb"], level, 3)
    seeds = np.arange(20, 25)
    whole = process.denoise(noised, level, seeds, n=3)
    np.testing.assert_array_equal(single.denoise(noised, level, seeds, n=3), whole)
    np.testing.assert_array_equal(process.denoise(noised[2:3], level, seeds[2:3], n=3), whole[6:9])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"length": 0}, "length must be"),
        ({"steps": 0}, "steps must be"),
        ({"order": "leftright"}, "did you mean"),
        ({"order": "left_to_right", "steps": 3}, "steps = 3 are for the random order"),
        ({"mask_token_id": None}, "no mask is known"),
        ({"mask_token_id": -1}, "mask_token_id must be"),
        ({"special_token_ids": [0.5]}, r"special_token_ids\[0\] must be"),
        ({"temperature": float("nan")}, "temperature must be"),
        ({"batch_size": 0}, "batch_size must be"),
    ],
)
def test_bad_arguments_are_named(options, words):
    arguments = {"length": PLACES, "mask_token_id": MASK} | options
    with pytest.raises(ValueError, match=words):
        MaskedTextProcess(ExactUnmasking(WEIGHTS, TABLES, MASK), **arguments)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda p: p.noise([[0, 1]], 0.5, 0), "rows of 4 token ids"),
        (lambda p: p.noise([[0, 1], [0]], 0.5, 0), "rows of 4 token ids"),
        (lambda p: p.noise([[0, 1, 2, -1]], 0.5, 0), "rows of 4 token ids"),
        (lambda p: p.noise(["ab"], 0.5, 0), "encode needs a tokenizer"),
        (lambda p: p.decode([[0, 1, 2, 2]]), "decode needs a tokenizer"),
        (lambda p: p.noise([[0, 1, 2, 2]], 2, 0), "level must be"),
        (lambda p: p.denoise([[0, 1, 2, 3]], 0.5, 0, to=0.6), "to must not lie above"),
        (lambda p: p.denoise([[0, 1, 2, 3]], 0.5, [0, 1]), "one seed for each of 1 rows"),
        (lambda p: p.denoise([[0, 1, 2, 3]], 0.5, 0, n=0), "n must be"),
    ],
)
def test_bad_samples_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call(exact())


def test_texts_that_do_not_fit_are_named(bert):
    process = MaskedTextProcess(bert, Framed(), length=5)
    with pytest.raises(ValueError, match=r"texts\[1\] has 6 tokens, special ones included, but length = 5"):
        process.encode(["a", "abcd"])
    with pytest.raises(ValueError, match="length = 2 leaves no room between 2 special tokens"):
        MaskedTextProcess(bert, Framed(), length=2).prior(0, 1)
