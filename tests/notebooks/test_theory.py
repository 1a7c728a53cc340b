"""The theory notebook runs, its sentences agree with its numbers, and it is readable as committed."""

import re
from xml.etree import ElementTree

import pytest

from tests.notebooks import notebook as notebooks
from tests.notebooks.notebook import FOLDER, VIEW, complaints, outputs, printed, stills

NOTEBOOK = FOLDER / "02_theory.ipynb"


@pytest.fixture(scope="module")
def committed():
    return notebooks.read(NOTEBOOK)


@pytest.fixture(scope="module")
def run(committed):
    return notebooks.run(committed)


def numbers(pattern, text):
    """The groups of the one match as floats."""
    (found,) = re.findall(pattern, text, re.MULTILINE)
    return [float(n) for n in ((found,) if isinstance(found, str) else found)]


def test_it_runs_without_a_word_of_complaint(run):
    notebook, _ = run
    assert complaints(notebook) == []


def test_every_widget_is_shown_live_with_its_picture_before_it(run):
    notebook, _ = run
    shown = [cell for cell in notebook.cells if cell.cell_type == "code" and "cw.BoundCurves(" in cell.source]
    assert len(shown) == 4
    assert len(stills(notebook)) == 6
    for cell in shown:
        kinds = [set(out.get("data", {})) for out in cell.outputs if out.output_type == "display_data"]
        still = next(i for i, kind in enumerate(kinds) if "image/svg+xml" in kind)
        assert VIEW in kinds[still + 1]


def test_only_public_names_are_used(committed):
    source = "\n".join(cell.source for cell in committed.cells if cell.cell_type == "code")
    assert not re.search(r"critwin_widgets\.|\bcw\.(?:\w+\.)*_", source)
    assert max(cell.source.count("\n") for cell in committed.cells if cell.cell_type == "code") < 16


@pytest.mark.parametrize("which", ["committed", "run"])
def test_its_sentences_agree_with_its_numbers(which, request):
    found = request.getfixturevalue(which)
    text = printed(found if which == "committed" else found[0])
    # 1: at t = 2.5 the samples are a or b, half and half, and never c
    a, b, c = numbers(r"noised to t = 2.5: +a ([\d.]+), b ([\d.]+), c ([\d.]+)", text)
    assert a == pytest.approx(0.5, abs=0.03)
    assert b == pytest.approx(0.5, abs=0.03)
    assert c == 0
    # 2: the window lies below the start time, and there is one
    end, start = (numbers(rf"^{name}.*: +([\d.]+) \(exact\)", text)[0] for name in ("T_end", r"T_start"))
    low, high = numbers(r"window of a in .*: \[([\d.]+), ([\d.]+)\] \(window\)", text)
    assert low < high == end < start
    # 4: each factor at least 1, and the lighter the target the looser the theorem
    factors = re.findall(r"^(\w+_over_\w+) +from +([\d.]+) .* to +([\d.]+)", text, re.MULTILINE)
    assert len(factors) == 3
    assert all(1 <= float(low) <= float(high) for _, low, high in factors)
    levels = [float(n) for n in re.findall(r"weight of the target .*: theorem ([\d.]+)", text)]
    assert len(levels) == 3
    assert levels == sorted(levels)
    # 6: the printed numbers
    assert numbers(r"φ = ([\d.]+)", text)[0] == pytest.approx(0.775, abs=5e-4)
    assert numbers(r"e\^\(−t_c\) = ([\d.]+)", text)[0] == pytest.approx(0.6436, abs=1e-4)
    # 7: LC24's interval is empty, LKC25's is not
    assert re.search(r"^LKC25: .*: open$", text, re.MULTILINE)
    assert re.search(r"^LC24: .*: empty$", text, re.MULTILINE)
    # 8: the estimate lies in the certified bracket, and groups of four corners have no exact way
    low, high = numbers(r"certified: [\d.]+ in \[([\d.]+), ([\d.]+)\] \(certified\)", text)
    assert low <= numbers(r"estimated: ([\d.]+) in", text)[0] <= high
    assert "exact: method 'exact' needs" in text
    assert "never separated" in text
    # 9: the width does not grow with the dimension
    widths = [float(n) for n in re.findall(r"^d = .*width ([\d.]+)", text, re.MULTILINE)]
    assert len(widths) == 3
    assert max(widths) - min(widths) < 0.1


def test_measured_is_below_sharp_is_below_the_theorem_in_every_picture(run):
    tables = [data["text/plain"] for data in stills(run[0]) if "sharp bound" in data["text/plain"]]
    assert len(tables) == 4
    number = r"([\d.]+(?:e−\d+)?)"
    for table in tables:
        rows = re.findall(rf"  {number}(?: \[[^]]*\])?  +{number}(?: \[[^]]*\])?  +{number}$", table, re.MULTILINE)
        assert rows
        for row in rows:
            measured, sharp, theorem = (float(n.replace("−", "-")) for n in row)
            assert measured <= sharp * 1.01
            assert sharp <= theorem * 1.01


def test_it_is_small_as_committed(committed):
    assert NOTEBOOK.stat().st_size < 1_000_000
    assert "widgets" not in committed.metadata
    # A view without its state would only say that it cannot be shown.
    assert not any(VIEW in out.get("data", {}) for _, out in outputs(committed))
    counts = [cell.execution_count for cell in committed.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))


def test_the_committed_pictures_are_those_of_the_code(committed, run):
    pairs = list(zip(stills(committed), stills(run[0]), strict=True))
    assert len(pairs) == 6
    for old, new in pairs:
        roots = [ElementTree.fromstring("".join(data["image/svg+xml"])) for data in (old, new)]
        assert roots[0].find("{*}title").text == roots[1].find("{*}title").text
        words = [re.sub(r"[\d.]+", "#", root.find("{*}desc").text) for root in roots]
        assert words[0] == words[1]


def test_links_lead_somewhere(committed):
    text = "\n".join(cell.source for cell in committed.cells if cell.cell_type == "markdown")
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", text)
    assert links
    assert [link for link in links if not (FOLDER / link).exists()] == []
