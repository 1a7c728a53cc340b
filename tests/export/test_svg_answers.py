"""The picture of answers: its numbers are the study's, its windows LKC25's, its marked words those written there."""

import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest
import xarray as xr

import critwin_widgets as cw
from critwin_widgets.export._marked_text import Word, fitted, room_of, words_of, wrapped
from critwin_widgets.export.answer_data import answer_rows, answer_words, common_start
from critwin_widgets.export.svg_answers import PLOT
from tests.export.conftest import HOSTILE

SVG = "{http://www.w3.org/2000/svg}"
LEVELS = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
REPEATS = 20
# Repeats with the source's answer, of three sources at each level.
KEPT = np.array([[20, 20, 18, 4, 6], [20, 12, 11, 10, 9], [20, 20, 9, 20, 5]])
TEXTS = ["The coin falls on heads so it is red", "one two three four", "alpha beta gamma delta"]
INDEX = {"name": "fraction of the generation hidden", "symbol": "m", "clean": 0.0, "noise": 1.0, "whole": False}


class Texts:
    """Stands for a process that knows what each level leaves of a text: a share of its words."""

    tokenizer = object()

    def kept_text(self, texts, level):
        return [" ".join(text.split()[: int((1 - level) * len(text.split()))]) for text in texts]


class Study:
    """Stands for a study: datasets as its own, from given counts."""

    def __init__(self, kept=KEPT, levels=LEVELS, index=INDEX, texts=TEXTS, trials=REPEATS):
        self.process, self.sources = Texts(), texts
        outcome = (np.arange(REPEATS) >= kept[..., None]).astype(np.int16)
        outcome[..., trials:] = -1
        self.results = xr.Dataset(
            {
                "outcome": (("source", "level", "repeat", "feature"), outcome[..., None]),
                "original": (("source", "feature"), np.zeros((len(kept), 1), np.int16)),
            },
            coords={"source": np.arange(len(kept)), "level": levels, "feature": ["answer"]},
            attrs={"index": json.dumps(index), "values": json.dumps({"answer": ["red", "blue"]})},
        )

    def retention(self, feature=None, by=None, interval="wilson"):
        from critwin_widgets.studies.retention import retention

        return retention(self.results, feature, by, interval)


@pytest.fixture(scope="module")
def curves():
    return cw.answer_curves(Study())


def parse(svg):
    return ElementTree.fromstring(svg)


def texts_of(root):
    return ["".join(node.itertext()) for node in root.iter(f"{SVG}text")]


def test_the_numbers_are_those_of_the_study(curves):
    for kept, curve in zip(KEPT, curves.data.curves, strict=True):
        np.testing.assert_allclose(curve.kept, [0, 0.25, 0.5, 0.75, 1])
        np.testing.assert_allclose(curve.retention, kept[::-1] / REPEATS)
        assert (curve.low <= curve.retention).all()
        assert (curve.retention <= curve.high).all()
        assert curve.answer == "red"
        assert curve.chance == 1.0  # all sources have the same answer


def test_the_points_are_where_the_numbers_are(curves):
    root = parse(curves.svg())
    dots = np.array([[float(dot.get("cx")), float(dot.get("cy"))] for dot in root.iter(f"{SVG}circle")])
    dots = dots.reshape(3, 5, 2)
    width = dots[0, -1, 0] - dots[0, 0, 0]
    np.testing.assert_allclose((dots[..., 0] - dots[..., :1, 0]) / width, np.tile(1 - LEVELS[::-1], (3, 1)), atol=0.001)
    heights = (dots[:, -1:, 1] - dots[..., 1]) / PLOT + 1  # all is kept at the right: there it is 1
    np.testing.assert_allclose(heights, KEPT[:, ::-1] / REPEATS, atol=0.002)


def test_windows_are_changes_by_more_than_a_half(curves):
    found = [[(jump.kept_from, jump.kept_to) for jump in curve.jumps] for curve in curves.data.curves]
    assert found == [[(0.25, 0.5)], [], [(0.0, 0.25), (0.5, 0.75)]]
    exactly = Study(kept=np.array([[20, 20, 10, 10, 10]]), texts=TEXTS[:1])  # by a half is not by more
    assert cw.answer_curves(exactly).data.curves[0].jumps == ()
    assert len(cw.answer_curves(exactly, jump=0.49).data.curves[0].jumps) == 1
    assert len([node for node in parse(curves.svg()).iter(f"{SVG}rect") if node.get("fill-opacity")]) == 3


def test_the_marked_words_are_those_that_the_window_adds(curves):
    assert curves.data.curves[0].jumps[0].text == " falls on"
    marked = [
        "".join(node.itertext()) for node in parse(curves.svg()).iter(f"{SVG}tspan") if node.get("text-decoration")
    ]
    assert marked == [*TEXTS[0].split()[2:4], "alpha", "gamma"]
    said = texts_of(parse(curves.svg()))
    assert any("① falls" in line.replace("\u2009", " ") for line in said)
    assert any("② gamma" in line.replace("\u2009", " ") for line in said)


def test_its_words_are_true(curves):
    words = answer_words(curves.data)
    assert "source 0 from 25 % to 50 % kept" in words
    assert "source 1" not in words
    assert repr(curves).splitlines()[1] == "source 0, 25 % to 50 % kept, 0.20 to 0.90: 'falls on'"
    none = cw.answer_curves(Study(kept=KEPT[1:2], texts=TEXTS[1:2]))
    assert "No critical window" in answer_words(none.data)
    assert repr(none) == answer_words(none.data)


def test_the_table_holds_every_number(curves):
    rows = answer_rows(curves.data)
    assert len(rows) == 15
    assert rows[1] | {"low": 0, "high": 0} == {
        "source": "source 0",
        "answer": "red",
        "kept": "25 %",
        "retention": 0.2,
        "low": 0,
        "high": 0,
        "trials": REPEATS,
        "window": "to 50 %",
        "written there": "falls on",
    }
    page = curves._repr_mimebundle_()["text/html"]
    assert page.count("<tr>") == 16
    assert "prefers-color-scheme: dark" in page


def test_levels_without_outcomes_leave_a_gap():
    study = Study(kept=KEPT[:1], texts=TEXTS[:1])
    study.results["outcome"][:, 2] = -1
    curves = cw.answer_curves(study)
    assert np.isnan(curves.data.curves[0].retention[2])
    assert curves.data.curves[0].jumps == ()  # nothing is known of a change across the gap
    root = parse(curves.svg())
    assert len(list(root.iter(f"{SVG}circle"))) == 4
    assert "nan" not in curves.svg().lower()
    assert "–" in curves._repr_mimebundle_()["text/html"]


def test_tokens_are_counted_and_sources_may_be_many():
    index = INDEX | {"name": "tokens hidden", "noise": 8, "whole": True}
    study = Study(np.tile(KEPT, (4, 1)), LEVELS * 8, index, TEXTS * 4)
    study.process = None
    curves = cw.answer_curves(study, titles=[f"question {i}" for i in range(12)], most=9)
    assert curves.data.show(0.25) == "2 of 8"
    said = " ".join(texts_of(parse(curves.svg())))
    assert "tokens kept" in said
    assert "9 of 12 sources are drawn" in said
    # Those with windows go first: of those without, 1, 4, 7 and 10, one has a place.
    assert {*re.findall(r"question (1|4|7|10) ·", said)} == {"1"}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 960])
def test_hostile_texts_stay_text(theme, width):
    text = " ".join(HOSTILE) + " " + "x" * 400
    study = Study(kept=KEPT[:1], texts=[text])
    svg = cw.answer_curves(study, titles=[HOSTILE[0]]).svg(theme, width)
    root = parse(svg)
    assert not [node for node in root.iter() if node.tag not in {f"{SVG}{name}" for name in NAMES}]
    page = cw.answer_curves(study, titles=[HOSTILE[0]])._repr_mimebundle_()["text/html"]
    assert "<script" not in page


NAMES = ("svg", "title", "desc", "rect", "text", "tspan", "path", "circle", "g")


def test_long_texts_fit_and_keep_the_pieces_in_view():
    rng = np.random.default_rng(0)
    text = " ".join("".join(rng.choice(list("abcdefghij"), rng.integers(1, 12))) for _ in range(600))
    for pieces in ([], [(1000, 1020)], [(500, 900), (2500, 2510)], [(0, 5), (len(text) - 5, len(text))]):
        for width, most in ((300.0, 8), (250.0, 5)):
            lines = fitted(words_of(text, pieces), width, most)
            assert 0 < len(lines) <= most
            for line in lines:
                assert sum(room_of(word.text, bool(word.piece)) for word in line) <= width
            shown = {word.piece for line in lines for word in line}
            assert shown >= {*range(1, len(pieces) + 1)}
            assert any(word.text == "…" for line in lines for word in line)


@pytest.mark.parametrize(("text", "lines"), [("", 0), ("   ", 0), ("a", 1), ("o" * 300, 8)])
def test_words_that_are_none_or_too_long(text, lines):
    found = wrapped(words_of(text, []), 340.0)
    assert len(found) == lines
    assert "".join(word.text for line in found for word in line) == text.strip()


def test_words_keep_their_places():
    assert words_of("ab cd\n ef", [(1, 4)]) == [
        Word("a", 0, False),
        Word("b", 1, False),
        Word("c", 1, True),
        Word("d", 0, False),
        Word("ef", 0, True),
    ]
    assert common_start("abc\ufffd", "abcé") == 3
    assert common_start("abc", "abcd") == 3
    assert common_start("abcd", "abc") == 3


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"jump": 1.5}, ValueError, "jump must lie strictly between 0 and 1"),
        ({"feature": "anser"}, ValueError, "did you mean 'answer'"),
        ({"titles": ["one"]}, ValueError, "titles must name each of 3 sources, not 1"),
        ({"interval": "wald"}, ValueError, "interval must be one of"),
        ({"theme": "grey"}, ValueError, "theme must be one of"),
        ({"most": 0}, ValueError, "most must be"),
        ({"study": 3}, TypeError, "study must be a ForwardReverseStudy, not int"),
    ],
)
def test_bad_arguments_are_named(options, error, words):
    study = options.pop("study", None) or Study()
    with pytest.raises(error, match=words):
        cw.answer_curves(study, **options)


def test_levels_without_an_end_are_told():
    with pytest.raises(ValueError, match="OU time has no end at which all is lost"):
        cw.answer_curves(Study(index=INDEX | {"name": "OU time", "noise": float("inf")}))


@pytest.mark.parametrize(
    ("options", "words"), [({"theme": "grey"}, "theme is 'grey'"), ({"width": 100}, "width is 100")]
)
def test_bad_pictures_are_named(curves, options, words):
    with pytest.raises(ValueError, match=words):
        curves.svg(**options)
