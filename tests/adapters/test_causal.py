"""Truncated and resampled generations: their law is the model's, each row's randomness is its own."""

import pickle
from functools import cache

import numpy as np
import pytest
import torch
from scipy import stats
from transformers import LlamaConfig, LlamaForCausalLM

import critwin_widgets as cw
from critwin_widgets.adapters import AnswerClassifier, CausalTruncation
from tests.language_models import CoinPredictor, Letters, coin_law, gpt2, law_of, markov_gpt2, trained_on_coins

BIAS, TOSSES = 0.35, 7
# Tokens >, a, b and . for the end: what follows each of them.
CHAIN = np.array([[0, 0.5, 0.5, 0], [0, 0.7, 0.1, 0.2], [0, 0.3, 0.5, 0.2], [0, 0, 0, 1.0]])
LETTERS = Letters(">ab.", end=".")


@pytest.fixture(scope="module")
def chain():
    """Words over a and b that a model with known weights ends with a point, up to six tokens long."""
    model = markov_gpt2(CHAIN)
    model.generation_config.eos_token_id = 3
    return CausalTruncation(model, LETTERS, prompts=">", max_new_tokens=6)


@pytest.fixture(scope="module")
def llama():
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=4,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=24,
        initializer_range=0.6,
        bos_token_id=None,
        eos_token_id=None,
    )
    return LlamaForCausalLM(config).eval()


def enough(process, y, level, key, n, counts_of, law):
    """p-value of chi-squared for draws of one row against a law over the outcomes."""
    counts = counts_of(process.denoise(y, level, key, n=n))
    assert counts.sum() == n
    seldom = n * law < 5  # expected too seldom for chi-squared: taken together
    found = np.append(counts[~seldom], counts[seldom].sum())
    expected = np.append(n * law[~seldom], n * law[seldom].sum())
    kept = expected > 1e-9
    assert (found[~kept] == 0).all()
    return stats.chisquare(found[kept], expected[kept] * n / expected[kept].sum()).pvalue


def numbers_of(rows, base):
    """Each row's tokens as one number."""
    return (rows[:, 1:] * base ** np.arange(rows.shape[1] - 1)[::-1]).sum(axis=1)


def last_letter_law(left):
    """Law of the last letter when at most `left` more tokens come, from each token; letters a and b."""
    law = np.array([[0, 0], [1.0, 0], [0, 1.0], [0, 0]])
    ending = law.copy()
    for _ in range(left):
        law = CHAIN[:, :3] @ law[:3] + CHAIN[:, 3:] * ending
    return law


@pytest.mark.parametrize("unit", ["fraction", "tokens"])
def test_retention_of_a_known_chain(unit, chain):
    process = CausalTruncation(chain.model, LETTERS, prompts=">", max_new_tokens=6, unit=unit, batch_size=900)
    texts = ["abba", "aaaaab", "bb"]
    sources = process.encode(texts)
    answer = AnswerClassifier(lambda text: text[-1], process)
    repeats, chance = 300, []
    for level in (0.5, 0.7, 1.0) if unit == "fraction" else (2, 4, 6):
        noised = process.noise(sources, level, 0)
        kept = (noised[:, 1:] >= 0).sum(axis=1)
        found = answer(process.denoise(noised, level, 7, n=repeats))["answer"].reshape(len(texts), repeats)
        for text, size, outcomes, row in zip(texts, kept, found, sources, strict=True):
            whole = int((row[1:] >= 0).sum())
            if unit == "tokens" and size == whole:
                assert (outcomes == text[-1]).all()  # it had ended before the hidden places
                continue
            law = last_letter_law(6 - size)[row[size] if size else 0]
            hits = int((outcomes == text[-1]).sum())
            chance.append(stats.binomtest(hits, repeats, law["ab".index(text[-1])]).pvalue)
    assert len(chance) >= 6
    assert min(chance) > 0.001 / len(chance)


def test_the_law_of_a_random_llama(llama):
    process = CausalTruncation(llama, prompts=[2, 0], max_new_tokens=4, unit="tokens", batch_size=3000)
    _, law = law_of(llama, [2, 0], [0, 1, 2, 3], 4)
    start = process.prior(0, 1)

    def counts_of(rows):
        return np.bincount(numbers_of(rows, 4), minlength=256)

    assert enough(process, start, 4, 11, 3000, counts_of, law) > 1e-3
    # By way of a level between: two tokens, then the other two.
    half = process.denoise(start, 4, 12, n=3000, to=2)
    assert ((half[:, 1:] >= 0).sum(axis=1) == 2).all()
    counts = counts_of(process.denoise(half, 2, 13))
    common = 3000 * law >= 5
    assert (
        stats.chisquare(
            np.append(counts[common], counts[~common].sum()), 3000 * np.append(law[common], law[~common].sum())
        ).pvalue
        > 1e-3
    )


@cache
def coin_model():
    return trained_on_coins(BIAS, TOSSES, steps=150)


def same_side(tosses, probabilities, source, kept):
    """Exact probability that most tosses stay on the source's side when the first `kept` are kept."""
    alike = (tosses[:, :kept] == source[:kept]).all(axis=1)
    side = (2 * tosses.sum(axis=1) > TOSSES) == (2 * source.sum() > TOSSES)
    return probabilities[alike & side].sum() / probabilities[alike].sum()


def test_a_trained_model_shows_the_curve_of_the_coins():
    """LKC25, Example 5: which coin it is, against the tosses hidden."""
    tosses, exact = coin_law(BIAS, TOSSES)
    _, learned = law_of(coin_model(), [2], [0, 1], TOSSES)
    assert 0.5 * np.abs(exact - learned).sum() < 0.03
    process = CausalTruncation(coin_model(), prompts=[2], max_new_tokens=TOSSES, unit="tokens", top_k=2, batch_size=400)
    source, repeats, chance = np.array([1, 1, 0, 1, 1, 1, 1]), 400, []
    curve = []
    for hidden in (7, 5, 3, 0):
        noised = process.noise(np.append(0, source)[None], hidden, 0)
        heads = process.denoise(noised, hidden, hidden, n=repeats)[:, 1:].sum(axis=1)
        hits = int((2 * heads > TOSSES).sum())
        curve.append(hits / repeats)
        expected = same_side(tosses, learned, source, TOSSES - hidden)
        assert abs(expected - same_side(tosses, exact, source, TOSSES - hidden)) < 0.03
        chance.append(stats.binomtest(hits, repeats, min(expected, 1.0)).pvalue)
    assert min(chance) > 1e-3
    assert curve == sorted(curve)
    assert curve[-1] == 1.0
    assert abs(curve[0] - 0.5) < 4 * 0.5 / np.sqrt(repeats) + 0.02


def test_a_model_without_memory_or_positions_has_the_same_law():
    tosses, exact = coin_law(BIAS, 5)
    # A first token 2 is neither heads nor tails.
    process = CausalTruncation(
        CoinPredictor(BIAS), prompts=[[2], [2, 2]], max_new_tokens=5, unit="tokens", batch_size=2000
    )
    start = np.array([[1, 1, 0, -2, -2, -2]])
    alike = (tosses[:, :2] == [1, 0]).all(axis=1)

    def counts_of(rows):
        return np.bincount(numbers_of(rows, 2), minlength=32)

    assert enough(process, start, 3, 5, 2000, counts_of, np.where(alike, exact, 0) / exact[alike].sum()) > 1e-3


@pytest.mark.parametrize("family", ["gpt2", "llama", "bare"])
def test_how_rows_are_batched_changes_nothing(family, llama):
    model = {"gpt2": lambda: gpt2(4, 16, 2, 24), "llama": lambda: llama, "bare": lambda: CoinPredictor(0.2)}[family]()
    prompts = [[2], [0, 1, 2, 1], [1, 1]]

    def process(size):
        return CausalTruncation(model, prompts=prompts, max_new_tokens=8, eos_token_id=1, batch_size=size)

    sources = process(5).sample(1, n=12)
    assert len({row.tobytes() for row in sources}) > 4
    levels = [0.3, 0.8]
    seeds = np.arange(100, 112)
    whole = [process(64).denoise(process(64).noise(sources, level, 0), level, seeds, n=2) for level in levels]
    for level, expected in zip(levels, whole, strict=True):
        noised = process(1).noise(sources, level, 0)
        np.testing.assert_array_equal(process(5).denoise(noised, level, seeds, n=2), expected)
        for i in (0, 7, 11):
            alone = process(1).denoise(noised[i : i + 1], level, seeds[i : i + 1], n=2)
            np.testing.assert_array_equal(alone, expected[2 * i : 2 * i + 2])


def test_what_is_kept_stays_and_what_has_ended_ends(chain):
    sources = chain.sample(3, n=40)
    lengths = (sources[:, 1:] >= 0).sum(axis=1)
    assert lengths.min() < 6 == lengths.max()
    ended = sources[:, 1:] == 3
    assert (ended.sum(axis=1) == 1)[lengths < 6].all()
    noised = chain.noise(sources, 0.5, 0)
    kept = (noised[:, 1:] >= 0).sum(axis=1)
    np.testing.assert_array_equal(kept, lengths // 2)
    assert (noised[:, 1:][:, -1] == -2).all()
    again = chain.denoise(noised, 0.5, 5)
    known = noised[:, 1:] >= 0
    np.testing.assert_array_equal(again[:, 1:][known], sources[:, 1:][known])
    assert (again[:, 1:] >= -1).all()
    np.testing.assert_array_equal(chain.denoise(sources, 0.5, 5), sources)  # nothing is hidden
    np.testing.assert_array_equal(chain.noise(sources, 0.0, 0), sources)
    np.testing.assert_array_equal(chain.denoise(noised, 0.5, 5, to=0.5), noised)
    # What was kept stays, even where the new generation is so short that its share would be less.
    noised, kept = chain.noise(sources, 0.4, 0), np.floor(0.6 * lengths + 1e-9)
    whole = (chain.denoise(noised, 0.4, 5)[:, 1:] >= 0).sum(axis=1)
    shown = (chain.denoise(noised, 0.4, 5, to=0.35)[:, 1:] >= 0).sum(axis=1)
    assert (np.floor(0.65 * whole) < kept).any()
    np.testing.assert_array_equal(shown, np.maximum(np.floor(0.65 * whole + 1e-9), kept))
    assert chain.start_level == 1.0
    assert chain.posterior(noised, 0.5) is None


def test_texts_are_samples_too(chain):
    rows = chain.encode(["abb", "aaaaab"])
    np.testing.assert_array_equal(rows, [[0, 1, 2, 2, 3, -1, -1], [0, 1, 1, 1, 1, 1, 2]])
    assert chain.decode(rows) == ["abb", "aaaaab"]
    assert chain.decode(chain.noise(["abb"], 0.5, 0)) == chain.kept_text(rows[:1], 0.5) == ["ab"]
    np.testing.assert_array_equal(chain.encode([[1, 2]], ended=False), [[0, 1, 2, -1, -1, -1, -1]])
    np.testing.assert_array_equal(chain.encode(["a", "b"], [0, 0]), chain.encode(["a", "b"]))


def test_ties_of_floating_point_do_not_eat_a_token(chain):
    process = CausalTruncation(chain.model, prompts=[0], max_new_tokens=10)
    row = process.encode([[1] * 10])
    for tenth in range(11):
        assert (process.noise(row, tenth / 10, 0)[0, 1:] >= 0).sum() == 10 - tenth


def test_narrowed_scores(chain):
    best = CausalTruncation(chain.model, LETTERS, prompts=">", max_new_tokens=6, temperature=0)
    top = CausalTruncation(chain.model, LETTERS, prompts=">", max_new_tokens=6, top_k=1)
    likely = CausalTruncation(chain.model, LETTERS, prompts=">", max_new_tokens=6, top_p=0.75)
    start = chain.encode(["aa"], ended=False)
    start[:, 3:] = -2
    assert set(chain.decode(best.denoise(start, 0.5, 1, n=20))) == {"aaaaaa"}
    np.testing.assert_array_equal(best.denoise(start, 0.5, 1, n=20), top.denoise(start, 0.5, 2, n=20))
    third = likely.denoise(start, 0.5, 1, n=200)[:, 3]
    assert set(third) == {1, 3}  # 0.7 for a and 0.2 for the end; b is cut off
    hot = CausalTruncation(chain.model, LETTERS, prompts=">", max_new_tokens=6, temperature=2.0)
    hits = int((hot.denoise(start, 0.5, 3, n=1000)[:, 3] == 1).sum())
    roots = np.sqrt(CHAIN[1])
    assert stats.binomtest(hits, 1000, roots[1] / roots.sum()).pvalue > 1e-3


def test_prompts_of_the_prior_and_of_sources(chain):
    process = CausalTruncation(chain.model, LETTERS, prompts=[">", ">a", [0, 1, 2]], max_new_tokens=3)
    start = process.prior(4, 600)
    np.testing.assert_array_equal(start[:5], process.prior(4, 5))
    assert (start[:, 1:] == -2).all()
    assert stats.chisquare(np.bincount(start[:, 0], minlength=3)).pvalue > 1e-3
    np.testing.assert_array_equal(process.sample(0, n=5)[:, 0], [0, 1, 2, 0, 1])
    with pytest.raises(ValueError, match="there are 3 prompts: say which"):
        process.encode(["a"])


def test_it_goes_to_another_process_and_back(chain):
    copy = pickle.loads(pickle.dumps(chain))
    np.testing.assert_array_equal(copy.sample(8, n=5), chain.sample(8, n=5))
    assert copy.fingerprint == chain.fingerprint
    other = CausalTruncation(markov_gpt2(CHAIN * 0.9 + 0.025), LETTERS, prompts=">", max_new_tokens=6)
    hotter = CausalTruncation(chain.model, LETTERS, prompts=">", max_new_tokens=6, temperature=1.5)
    asked = CausalTruncation(chain.model, LETTERS, prompts=">a", max_new_tokens=6)
    assert len({process.fingerprint for process in (chain, other, hotter, asked)}) == 4
    assert repr(copy) == "CausalTruncation(GPT2LMHeadModel, 1 prompts, up to 6 tokens, fraction)"


def test_a_model_by_its_folder(chain, tmp_path):
    chain.model.save_pretrained(tmp_path)
    loaded = CausalTruncation(str(tmp_path), LETTERS, prompts=">", max_new_tokens=6, device="cpu", dtype="float64")
    np.testing.assert_array_equal(loaded.sample(2, n=8), chain.sample(2, n=8))
    assert next(loaded.model.parameters()).dtype == torch.float64


def test_a_name_that_cannot_be_fetched_is_told(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(OSError, match=r"model 'nobody/such-model' cannot be loaded.*Give the path"):
        CausalTruncation("nobody/such-model", prompts="?", max_new_tokens=3)


BAD = [
    ({"max_new_tokens": 0}, ValueError, "max_new_tokens must be an integer of at least 1"),
    ({"max_new_tokens": 40}, ValueError, "max_new_tokens = 40 after a prompt of 1 tokens is more than the 32"),
    ({"temperature": -1}, ValueError, "temperature must be a finite number of at least 0"),
    ({"temperature": "hot"}, ValueError, "temperature must be a number"),
    ({"top_k": 0}, ValueError, "top_k must be a whole number"),
    ({"top_p": 1.5}, ValueError, "top_p must lie above 0"),
    ({"unit": "fractions"}, ValueError, "did you mean 'fraction'"),
    ({"batch_size": 0}, ValueError, "batch_size must be"),
    ({"dtype": "float99"}, ValueError, "dtype must be a floating type"),
    ({"eos_token_id": -3}, ValueError, "eos_token_id must be"),
    ({"prompts": []}, ValueError, "prompts must be a prompt or a list of at least one"),
    ({"prompts": ""}, ValueError, r"prompts\[0\] holds no token"),
    ({"prompts": [3.5]}, ValueError, r"prompts\[0\] must be a string"),
    ({"prompts": [0, 9]}, ValueError, r"prompts\[0\] holds token 9, but the model knows ids below 4"),
    ({"tokenizer": None}, ValueError, r"prompts\[0\] is text, which needs a tokenizer"),
    ({"model": 3}, TypeError, "model must be a torch module or the name"),
]


@pytest.mark.parametrize(("change", "error", "words"), BAD, ids=lambda value: str(value)[:40])
def test_bad_arguments_are_named(chain, change, error, words):
    given = {"model": chain.model, "tokenizer": LETTERS, "prompts": ">", "max_new_tokens": 6} | change
    with pytest.raises(error, match=words):
        CausalTruncation(given.pop("model"), given.pop("tokenizer"), **given)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda p: p.noise(np.zeros((2, 3)), 0.5, 0), r"rows of 1 \+ 6 whole numbers"),
        (lambda p: p.noise([[1, 2], [3]], 0.5, 0), r"rows of 1 \+ 6 whole numbers"),
        (lambda p: p.noise(["abc"], 0.5, 0), "substring not found"),
        (lambda p: p.noise(["ab"], 1.5, 0), "level must be a number from 0 to 1"),
        (lambda p: p.noise(p.prior(0, 1), 0.5, 0), "hidden tokens"),
        (lambda p: p.noise([[5, 1, 2, 3, -1, -1, -1]], 0.5, 0), "numbers from 0 to 0"),
        (lambda p: p.noise([[0, 1, -1, 1, -1, -1, -1]], 0.5, 0), "goes on after its end"),
        (lambda p: p.denoise(p.prior(0, 1), 0.5, 0, to=0.7), "to must not lie above level"),
        (lambda p: p.denoise(p.prior(0, 1), 0.5, [1, 2]), "one seed for each of 1 rows"),
        (lambda p: p.denoise(p.prior(0, 1), 0.5, 0, n=0), "n must be"),
        (lambda p: p.prior(0, 0), "n must be"),
        (lambda p: p.encode("ab"), "texts must be a list"),
        (lambda p: p.encode(["aaaaaaa"]), "7 tokens, more than max_new_tokens = 6"),
        (lambda p: p.encode([""]), r"texts\[0\] must be a text or a sequence of at least one"),
        (lambda p: CausalTruncation(p.model, prompts=[0], max_new_tokens=2).decode([[0, 1, 2]]), "needs a tokenizer"),
    ],
)
def test_bad_samples_are_named(chain, call, words):
    with pytest.raises(ValueError, match=words):
        call(chain)


def test_scores_that_are_no_numbers_are_told(chain):
    model = markov_gpt2(CHAIN)
    with torch.no_grad():
        model.lm_head.weight.fill_(float("nan"))
    with pytest.raises(ValueError, match="scores of the next token are not numbers"):
        CausalTruncation(model, prompts=[0], max_new_tokens=2).sample(0, 1)


def test_a_study_finds_the_exact_curve_and_the_picture_shows_it(chain):
    """The whole way: generations, their last letters, retention with intervals, a critical window and its text."""
    process = CausalTruncation(chain.model, LETTERS, prompts=">", max_new_tokens=6, unit="tokens", batch_size=800)
    sources = process.encode(["aaabaa", "bbbbba"])
    answer = AnswerClassifier(lambda text: text[-1:], process, answers=["a", "b"])
    study = cw.ForwardReverseStudy(process, sources, answer, levels=range(7), repeats=400, seed=2)
    study.run(progress=False)
    found = study.retention(by="source", interval="clopper-pearson", confidence=0.9999)
    for i, source in enumerate(sources):
        for hidden in range(1, 7):
            law = last_letter_law(hidden)[source[6 - hidden]] if hidden < 6 else last_letter_law(6)[0]
            cell = found.sel(feature="answer", group=str(i), level=hidden)
            assert cell["low"] <= law[0] <= cell["high"]
    curves = cw.answer_curves(study, titles=["first", "second"])
    # After b, the end comes with 0.2 at once; when only the last place is open the last letter is b or a.
    exact = [last_letter_law(1)[2][0], 1.0]
    assert exact[1] - exact[0] > 0.5
    (jump,) = curves.data.curves[1].jumps
    assert (jump.kept_to, jump.text) == (1.0, "a")
    assert curves.data.curves[0].jumps == ()
    assert 'text-decoration="underline">a</tspan>' in curves.svg()
    assert study._manifest()["study"]["process"] == process.fingerprint
