"""The pictures of the reports: self-contained, in both themes, with labels as text."""

from xml.etree import ElementTree

import numpy as np
import pytest

from critwin_widgets.export.colours import PAPER
from critwin_widgets.studies.fairness import fairness
from critwin_widgets.studies.membership import membership
from tests.export.conftest import HOSTILE
from tests.studies.outcomes import results_of, two_regions

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def fair():
    return fairness(two_regions(20, 10), "region", "colour", bootstrap=20)


@pytest.fixture(scope="module")
def member():
    rng = np.random.default_rng(0)
    kept = rng.random((40, 4, 8)) < np.where(np.arange(40) < 20, 0.7, 0.3)[:, None, None]
    results = results_of((~kept)[..., None], np.zeros((40, 1)), {"label": ["in", "out"]}, [0.1, 0.4, 1.0, 2.0])
    losses = rng.normal(size=20) - 0.5, rng.normal(size=20)
    return membership(results, np.arange(20), np.arange(20, 40), baseline=losses)


@pytest.fixture(scope="module")
def hostile():
    rng = np.random.default_rng(1)
    outcome = rng.integers(0, 3, (9, 3, 6, 1))
    group = np.array(HOSTILE, object)[np.arange(9) % 3]
    values = {HOSTILE[0]: list(HOSTILE)}
    results = results_of(outcome, outcome[:, 0, 0], values, [0.1, 0.5, 1.0], group=group)
    return fairness(results, "group", HOSTILE[0], bootstrap=20)


def texts(svg: str) -> str:
    return " ".join("".join(node.itertext()) for node in ElementTree.fromstring(svg).iter(f"{SVG}text"))


@pytest.mark.parametrize("which", ["fair", "member"])
@pytest.mark.parametrize(("theme", "width"), [("light", 960), ("dark", 960), ("light", 320)])
def test_the_picture_stands_alone(which, theme, width, request):
    svg = request.getfixturevalue(which).svg(theme=theme, width=width)
    root = ElementTree.fromstring(svg)
    assert root.find(f"{SVG}rect").get("fill") == PAPER[theme]
    assert float(root.get("width")) == width
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")
    assert "nan" not in svg.lower().replace("nant", "")
    assert "cannot show" in root.find(f"{SVG}desc").text


def test_the_picture_shows_the_numbers(fair, member):
    shown = {node.text for node in ElementTree.fromstring(fair.svg()).iter(f"{SVG}title")}
    one = fair.final.sel(group="north", value="red")
    share, low, high = (100 * float(one[name]) for name in ("proportion", "low", "high"))
    assert f"north, red: {share:.1f} % [{low:.1f}, {high:.1f}]" in shown
    assert f"AUC {member.aucs['baseline']:.3f}" in texts(member.svg())


def test_labels_are_text(hostile):
    svg = hostile.svg()
    assert "<script" not in svg
    assert "<b>" not in svg
    assert "<script>alert(1)</script>" in texts(svg)
    page = hostile._repr_mimebundle_()["text/html"]
    assert "<script" not in page
    assert "<b>" not in page
    assert "\x00" not in page


def test_many_groups_keep_inside(hostile):
    rng = np.random.default_rng(2)
    outcome = rng.integers(0, 5, (24, 2, 4, 1))
    values = {"a": [f"a very long name of a value, number {i}" for i in range(5)]}
    groups = np.array([f"a group with a long name, number {i}" for i in range(8)])[np.arange(24) % 8]
    found = fairness(results_of(outcome, outcome[:, 0, 0], values, [1.0, 2.0], g=groups), "g", "a", bootstrap=5)
    root = ElementTree.fromstring(found.svg(width=400))
    assert max(float(node.get("x", 0)) for node in root.iter(f"{SVG}text")) <= 400
    assert "and 125 more" in texts(found.svg(width=400))  # 28 pairs in 5 values, 15 drawn


@pytest.mark.parametrize("which", ["fair", "member"])
def test_a_notebook_gets_words_and_picture(which, request):
    bundle = request.getfixturevalue(which)._repr_mimebundle_()
    assert bundle["text/plain"] == request.getfixturevalue(which).summary()
    assert "<svg" in bundle["image/svg+xml"]
    assert "prefers-color-scheme: dark" in bundle["text/html"]
    assert "cannot show" in bundle["text/html"]


@pytest.mark.parametrize("which", ["fair", "member"])
@pytest.mark.parametrize("options", [{"theme": "sepia"}, {"width": 100}, {"width": float("nan")}])
def test_bad_input_is_named(which, options, request):
    with pytest.raises(ValueError, match=next(iter(options))):
        request.getfixturevalue(which).svg(**options)
