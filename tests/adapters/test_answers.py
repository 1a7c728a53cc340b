"""Answers read off texts, compared as the user says."""

import re

import numpy as np
import pytest

from critwin_widgets.adapters import AnswerClassifier


class Rows:
    """Stands for a process: rows hold the number of a prompt and that of a text."""

    prompts = ("3 + 4", "1 / 2")
    texts = ("so 7", "it is 0.5", "1/2", "who knows", "seven, 7.0")

    def decode(self, samples):
        return [self.texts[row[1]] for row in samples]


ROWS = np.array([[0, 0], [1, 1], [1, 2], [0, 3], [0, 4]])


def number(text):
    found = re.findall(r"[\d./]+", text)
    return found[-1] if found else None


def close(found, known):
    return abs(eval(found) - known) < 1e-9


def test_a_function_of_the_text():
    found = AnswerClassifier(number)(["so 7", "none", "3 and 4"])
    assert list(found) == ["answer"]
    np.testing.assert_array_equal(found["answer"], ["7", "no answer", "4"])
    assert AnswerClassifier(number).features is None
    nan = AnswerClassifier(lambda text: float("nan"), feature="x", missing="-")(["a"])
    np.testing.assert_array_equal(nan["x"], ["-"])


def test_rows_are_decoded():
    found = AnswerClassifier(number, Rows())(ROWS)["answer"]
    np.testing.assert_array_equal(found, ["7", "0.5", "1/2", "no answer", "7.0"])


def test_known_answers_and_when_two_are_the_same():
    classifier = AnswerClassifier(number, Rows(), answers=[7, 0.5], same=close)
    assert classifier.features == {"answer": ("7", "0.5", "no answer")}
    np.testing.assert_array_equal(classifier(ROWS)["answer"], ["7", "0.5", "0.5", "no answer", "7"])
    plain = AnswerClassifier(number, Rows(), answers=["7", "0.5"])
    np.testing.assert_array_equal(plain(ROWS)["answer"], ["7", "0.5", "no answer", "no answer", "no answer"])


def test_right_answers():
    classifier = AnswerClassifier(number, Rows(), correct=[7, 0.5], same=close)
    assert classifier.features is None
    np.testing.assert_array_equal(classifier(ROWS)["correct"], ["True", "True", "True", "False", "True"])


def test_other_arguments_make_another_fingerprint():
    made = [
        AnswerClassifier(*arguments, **options).fingerprint
        for arguments, options in (
            ((number,), {}),
            ((str.strip,), {}),
            ((number,), {"answers": [1]}),
            ((number,), {"answers": [1], "same": close}),
            ((number, Rows()), {"correct": [1, 2]}),
        )
    ]
    assert len(set(made)) == 5
    assert AnswerClassifier(number).fingerprint == made[0]


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"function": 3}, TypeError, "must be callable"),
        ({"same": 3}, TypeError, "must be callable"),
        ({"process": object()}, TypeError, "process must have decode"),
        ({"same": close}, ValueError, "same compares with known answers"),
        ({"answers": []}, ValueError, "answers must be a list"),
        ({"answers": "abc"}, ValueError, "answers must be a list"),
        ({"correct": [1]}, ValueError, "one answer for each of the 0 prompts"),
        ({"correct": [1], "process": Rows()}, ValueError, "one answer for each of the 2 prompts"),
    ],
)
def test_bad_arguments_are_named(arguments, error, words):
    with pytest.raises(error, match=words):
        AnswerClassifier(**({"function": number} | arguments))


def test_rows_without_a_process_are_told():
    with pytest.raises(ValueError, match="samples of ndarray are no texts: give AnswerClassifier the process"):
        AnswerClassifier(number)(ROWS)


def test_texts_do_not_say_what_they_answer():
    with pytest.raises(ValueError, match="do not say what prompt they answer"):
        AnswerClassifier(number, Rows(), correct=[7, 0.5])(["7"])
