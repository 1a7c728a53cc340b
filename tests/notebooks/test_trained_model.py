"""The notebook on the trained model runs, and its sentences agree with its numbers."""

import re

import pytest

from tests.notebooks import notebook as notebooks
from tests.notebooks.notebook import FOLDER, VIEW, complaints, outputs, printed, stills

NOTEBOOK = FOLDER / "04_trained_model.ipynb"


def numbers(pattern, text):
    """The groups of the one match as floats."""
    (found,) = re.findall(pattern, text, re.MULTILINE)
    return [float(n) for n in found]


@pytest.fixture(scope="module")
def committed():
    return notebooks.read(NOTEBOOK)


@pytest.fixture(scope="module")
def run(committed):
    return notebooks.run(committed)


def test_it_runs_without_a_word_of_complaint(run):
    notebook, _ = run
    assert complaints(notebook) == []


def test_its_pictures_are_stills_and_two_are_live(run):
    notebook, _ = run
    assert len(stills(notebook)) == 4
    assert sum(VIEW in out.get("data", {}) for _, out in outputs(notebook)) == 2


def test_only_public_names_are_used(committed):
    source = "\n".join(cell.source for cell in committed.cells if cell.cell_type == "code")
    assert not re.search(r"critwin_widgets\.|\bcw\.(?:\w+\.)*_", source)
    assert max(cell.source.count("\n") for cell in committed.cells if cell.cell_type == "code") < 16


@pytest.mark.parametrize("which", ["committed", "run"])
def test_its_sentences_agree_with_its_numbers(which, request):
    found = request.getfixturevalue(which)
    text = printed(found if which == "committed" else found[0])
    # 3: every cell was run
    assert re.search(r"3600 of 3600 cells are done", text)
    # 7: for all digits together one covariance is late, own covariances are not
    low, high, one, own = numbers(r"^digit +[\d.]+ +\[([\d.]+), ([\d.]+)\] +([\d.]+) \(outside\) +([\d.]+)", text)
    assert one < low <= own <= high
    # the order: 0, 4 and 6 are decided early in generation, 8 and 9 late
    rows = re.findall(r"^(\d) +([\d.]+) +\[.*?\] +([\d.]+).*? +([\d.]+)", text, re.MULTILINE)
    assert len(rows) == 10
    for column in (1, 2, 3):
        half = {row[0]: float(row[column]) for row in rows}
        assert min(half[k] for k in "046") > max(half[k] for k in "89")
    # 8: image by image, the mixture with one covariance alone keeps a digit for less time than the network
    longer = {
        name.strip(): (float(value), float(reach))
        for name, value, reach in re.findall(r"^(.{16}) .*longer by ([-+][\d.]+) ± ([\d.]+)$", text, re.MULTILINE)
    }
    assert set(longer) == {"64 steps", "one covariance", "own covariances", "by heart"}
    value, reach = longer.pop("one covariance")
    assert value > reach
    assert all(abs(value) < reach < 0.04 for value, reach in longer.values())
    # the network guesses what it was trained on better
    trained, held = re.search(r"'trained on': ([\d.]+), 'held out': ([\d.]+)", text).groups()
    assert float(trained) < float(held)


def test_it_is_readable_as_committed(committed):
    assert len(stills(committed)) == 4
    assert not any(VIEW in out.get("data", {}) for _, out in outputs(committed))
    assert len(NOTEBOOK.read_bytes()) < 2**20
