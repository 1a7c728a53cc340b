"""Answers that a function reads off a text, as the feature of a study."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


class AnswerClassifier:
    """Reads an answer off each text, and says whether it is the right one.

    Answers are compared as LKC25 compares those of language models: two generations agree when a
    function of their text, such as the last number in it, gives the same value.

    Attributes:
        features: values of each feature, when `answers` are given; else `None`, and values are collected.
    """

    def __init__(
        self,
        function: Callable[[str], Any],
        process: Any = None,
        *,
        feature: str = "answer",
        answers: Sequence[Any] | None = None,
        same: Callable[[Any, Any], bool] | None = None,
        correct: Sequence[Any] | None = None,
        missing: str = "no answer",
    ):
        """Take the function and what is known of the answers.

        Args:
            function: text to its answer, a string, number or boolean; `None` or NaN where it has none.
            process: what decodes samples that are no strings, such as a `CausalTruncation`.
            feature: name of the feature.
            answers: the answers there are. An answer that equals none of them counts as `missing`.
            same: whether two answers are equal, `same(found, known)`; `==` when `None`. An answer takes
                the name of the first of `answers` that it is equal to, so `answers` must be given.
            correct: right answer to each prompt of `process`; adds the feature "correct".
            missing: value for a text without an answer.

        Raises:
            TypeError: `function` or `same` cannot be called, or `process` does not decode.
            ValueError: `same` comes without `answers`, or `correct` does not fit the prompts.
        """
        if not callable(function) or not (same is None or callable(same)):
            raise TypeError(f"function and same must be callable, not {function!r} and {same!r}")
        if process is not None and not callable(getattr(process, "decode", None)):
            raise TypeError(f"process must have decode(samples), which {type(process).__name__} has not")
        if same is not None and answers is None and correct is None:
            raise ValueError("same compares with known answers: give answers, or correct, as well")
        if answers is not None and (isinstance(answers, str) or not len(answers)):
            raise ValueError(f"answers must be a list of at least one answer, not {answers!r}")
        prompts = len(getattr(process, "prompts", ()))
        if correct is not None and (isinstance(correct, str) or len(correct) != prompts):
            raise ValueError(f"correct must hold one answer for each of the {prompts} prompts of process")
        self.function, self.process, self.feature, self.missing = function, process, feature, missing
        self.answers = None if answers is None else tuple(answers)
        self.same, self.correct = same, None if correct is None else tuple(correct)
        self.features: dict[str, tuple[str, ...]] | None = None
        if self.answers is not None:
            self.features = {feature: tuple(dict.fromkeys([*map(str, self.answers), missing]))}
            if self.correct is not None:
                self.features["correct"] = ("False", "True")

    def __call__(self, samples: Any) -> dict[str, np.ndarray]:
        """Return the values of each feature, strings `(B,)`.

        Args:
            samples: texts, or what `process` decodes.

        Raises:
            ValueError: `samples` are no texts and there is no `process`.
        """
        found = [self.function(text) for text in self._texts(samples)]
        values = {self.feature: np.array([self._named(answer) for answer in found], dtype=str)}
        if self.correct is not None:
            known = [self.correct[number] for number in self._prompts(samples)]
            right = [self._equal(answer, true) for answer, true in zip(found, known, strict=True)]
            values["correct"] = np.array([str(one) for one in right])
        return values

    @property
    def fingerprint(self) -> str:
        """The classifier in one line: what tells two studies apart. A function goes by its name."""
        names = [None if one is None else _name(one) for one in (self.function, self.same)]
        return f"AnswerClassifier({names}, {self.feature!r}, {self.answers}, {self.correct}, {self.missing!r})"

    def _texts(self, samples: Any) -> list[str]:
        if _are_texts(samples):
            return list(samples)
        if self.process is None:
            raise ValueError(f"samples of {type(samples).__name__} are no texts: give AnswerClassifier the process")
        return self.process.decode(samples)

    def _prompts(self, samples: Any) -> list[int]:
        if not _are_texts(samples):
            return [int(row[0]) for row in samples]
        if len(self.correct or ()) > 1:
            raise ValueError("samples are texts, which do not say what prompt they answer; give rows of process.encode")
        return [0] * len(samples)

    def _named(self, answer: Any) -> str:
        if _is_missing(answer):
            return self.missing
        if self.answers is None:
            return str(answer)
        return next((str(known) for known in self.answers if self._equal(answer, known)), self.missing)

    def _equal(self, answer: Any, known: Any) -> bool:
        if _is_missing(answer):
            return False
        return bool(answer == known if self.same is None else self.same(answer, known))


def _name(function: Any) -> str:
    kind = function if hasattr(function, "__qualname__") else type(function)
    return f"{getattr(kind, '__module__', '')}.{kind.__qualname__}"


def _are_texts(samples: Any) -> bool:
    return all(isinstance(sample, str) for sample in samples)


def _is_missing(answer: Any) -> bool:
    return answer is None or (isinstance(answer, float) and math.isnan(answer))
