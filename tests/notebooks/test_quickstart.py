"""The quickstart runs, says what its data say, and is readable as committed."""

import base64
import re
from xml.etree import ElementTree

import pytest

from tests.notebooks import notebook as notebooks
from tests.notebooks.notebook import FOLDER, VIEW, complaints, outputs, printed, stills

NOTEBOOK = FOLDER / "01_quickstart.ipynb"
WIDGETS = ("HierarchyTree", "SeparationCurves", "Explorer")


@pytest.fixture(scope="module")
def committed():
    return notebooks.read(NOTEBOOK)


@pytest.fixture(scope="module")
def run(committed):
    return notebooks.run(committed)


def half_time(table, name):
    return float(re.search(rf"^{name} +([0-9.]+) \[", table, re.MULTILINE)[1])


def test_it_runs_without_a_word_of_complaint(run):
    notebook, _ = run
    assert complaints(notebook) == []


def test_every_widget_is_shown_live_with_its_picture_before_it(run):
    notebook, _ = run
    shown = [cell for cell, out in outputs(notebook) if VIEW in out.get("data", {})]
    assert len(shown) == len(stills(notebook)) == 6
    sources = "".join(cell.source for cell in shown)
    assert all(f"cw.{name}(" in sources for name in WIDGETS)
    for cell in shown:
        kinds = [set(out.get("data", {})) for out in cell.outputs if out.output_type == "display_data"]
        assert "image/svg+xml" in kinds[0]
        assert VIEW in kinds[1]


@pytest.mark.parametrize("which", ["committed", "run"])
def test_it_says_what_the_data_say(which, request):
    notebook = request.getfixturevalue(which)
    text = printed(notebook if which == "committed" else notebook[0])
    assert half_time(text, "species") == pytest.approx(0.46, abs=0.02)
    assert half_time(text, "sex") == pytest.approx(0.12, abs=0.02)
    assert "333 Palmer penguins" in text
    assert "1,797 handwritten digits" in text
    digit, style = (
        float(re.search(rf"{name} is half decided at t = ([0-9.]+)", text)[1]) for name in ("digit", "style")
    )
    assert digit > style
    assert re.search(r"ε = 0\.1 .* 9 vertices; certified groups: none$", text, re.MULTILINE)
    assert re.search(r"ε = 0\.22.*11 vertices; certified groups: sand, sea$", text, re.MULTILINE)
    assert re.search(r"ε = 0\.3 .*15 vertices", text)


def test_it_is_small_as_committed(committed):
    assert NOTEBOOK.stat().st_size < 1_000_000
    assert "widgets" not in committed.metadata
    # A view without its state would only say that it cannot be shown.
    assert not any(VIEW in out.get("data", {}) for _, out in outputs(committed))
    counts = [cell.execution_count for cell in committed.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))


def test_every_widget_has_its_picture_as_committed(committed):
    pictures = stills(committed)
    assert len(pictures) == 6
    for data in pictures:
        root = ElementTree.fromstring("".join(data["image/svg+xml"]))
        assert root.tag.endswith("svg")
        source = re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', "".join(data["text/html"]))[1]
        assert base64.b64decode(source).decode() == "".join(data["image/svg+xml"])
        assert len("".join(data["text/plain"])) > 100


def test_the_committed_pictures_are_those_of_the_code(committed, run):
    for old, new in zip(stills(committed), stills(run[0]), strict=True):
        titles = [re.search("<title>(.*?)</title>", "".join(data["image/svg+xml"]))[1] for data in (old, new)]
        assert titles[0] == titles[1]
        assert "".join(old["text/plain"]).splitlines()[0] == "".join(new["text/plain"]).splitlines()[0]
