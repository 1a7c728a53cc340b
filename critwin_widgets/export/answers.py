"""How often an answer stays the same when a generation is cut and written anew, as a picture to look at."""

from collections.abc import Callable, Sequence
from functools import partial
from html import escape
from typing import Any

import numpy as np

from ..engine._validation import check_choice, check_count, check_eps
from .answer_data import AnswerData, answer_data, answer_rows, answer_words
from .still import still_bundle
from .svg_answers import answers_svg


class AnswerCurves:
    """Curves of answers that show themselves in a notebook: a picture, its words, and a table below it.

    Attributes:
        data: the curves.
        title: heading of the picture.
        theme: "auto" (as the browser is set), "light" or "dark".
        most: most plots.
    """

    def __init__(self, data: AnswerData, title: str | None = None, theme: str = "auto", most: int = 6):
        """Keep what to show.

        Args:
            data: the curves.
            title: heading; a question about the feature when `None`.
            theme: "auto", "light" or "dark".
            most: most plots; sources with critical windows come first.

        Raises:
            ValueError: an unknown theme, or `most` is no count.
        """
        self.data, self.title = data, title
        self.theme = check_choice("theme", theme, ("auto", "light", "dark"))
        self.most = check_count("most", most)

    def svg(self, theme: str = "light", width: float = 960) -> str:
        """Return the picture as a self-contained SVG document.

        Args:
            theme: "light" or "dark".
            width: in pixels, at least 320.

        Raises:
            ValueError: an unknown theme or a width below 320.
        """
        return answers_svg(self.data, title=self.title, theme=theme, width=width, most=self.most)

    def rows(self) -> list[dict[str, Any]]:
        """Return the numbers as one record for each source and share kept."""
        return answer_rows(self.data)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        table = f"<details><summary>Table</summary>{_table(self.rows())}</details>"
        return still_bundle(self.svg, answer_words(self.data), self.theme, repr(self), table)

    def __repr__(self) -> str:
        lines = [answer_words(self.data)]
        for curve in self.data.curves:
            for jump in curve.jumps:
                said = f": {' '.join(jump.text.split())!r}" if jump.text.strip() else ""
                lines.append(
                    f"{curve.title}, {self.data.show(jump.kept_from)} to {self.data.show(jump.kept_to)} kept, "
                    f"{jump.before:.2f} to {jump.after:.2f}{said}"
                )
        return "\n".join(lines)


def answer_curves(
    study: Any,
    feature: str | None = None,
    *,
    jump: float = 0.5,
    titles: Sequence[str] | None = None,
    texts: Callable[[float], Sequence[str]] | None = None,
    interval: str = "wilson",
    title: str | None = None,
    theme: str = "auto",
    most: int = 6,
) -> AnswerCurves:
    """Return how often each source's answer stays the same, against the share of it that is kept.

    The picture of LKC25's experiments with language models, for each question: the probability that a
    generation that is cut and written anew comes to the same answer; critical windows, where it changes
    by more than `jump` from one share to the next; and the words that are written there.

    Args:
        study: a `ForwardReverseStudy` whose levels end at all noise, such as one of a `CausalTruncation`.
        feature: what is compared; the study's first when `None`.
        jump: change that counts as a critical window, strictly between 0 and 1.
        titles: name of each source, such as its question.
        texts: `texts(level)` returns what that level leaves of each source's text; from the process when
            `None`, where it knows.
        interval: "wilson" or "clopper-pearson".
        title: heading.
        theme: "auto", "light" or "dark".
        most: most plots; sources with critical windows come first.

    Raises:
        TypeError: `study` is no study.
        ValueError: an unknown feature, interval or theme, or `jump` or `titles` are not as above.
    """
    if not (callable(getattr(study, "retention", None)) and hasattr(study, "results")):
        raise TypeError(f"study must be a ForwardReverseStudy, not {type(study).__name__}")
    check_eps(jump, "jump")
    results = study.results
    name = str(results["feature"].values[0]) if feature is None else feature
    curves = study.retention(name, by="source", interval=interval).sel(feature=name)
    kept = _texts_of(study) if texts is None else texts
    data = answer_data(curves, results, feature=name, jump=jump, titles=titles, texts=kept)
    return AnswerCurves(data, title, theme, most)


def _texts_of(study: Any) -> Callable[[float], Sequence[str]] | None:
    """What each level leaves of the sources' texts, where the process knows."""
    process: Any = getattr(study, "process", None)
    if not hasattr(process, "kept_text") or getattr(process, "tokenizer", None) is None:
        return None
    return partial(process.kept_text, study.sources)


def _table(rows: list[dict[str, Any]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in rows[0])
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(_cell(value))}</td>" for value in row.values()) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}" if np.isfinite(value) else "–"
    return str(value)
