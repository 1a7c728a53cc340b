"""The static pictures: valid, self-contained, inert, and with nothing on top of anything else."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from critwin_widgets.engine import GaussianMixture
from critwin_widgets.export.colours import feature_line
from critwin_widgets.export.svg import curves_svg, dendrogram_svg, river_svg
from critwin_widgets.theory import mixture_tree

SVG = "{http://www.w3.org/2000/svg}"
PICTURES = (river_svg, dendrogram_svg, curves_svg)
TREES = ("scene_tree", "deep_tree", "hostile_tree", "single_tree", "overlapping_tree")


def texts(root):
    """Every drawn text with its box: ``(text, x0, y0, x1, y1)`` by the font sizes and mean widths."""
    found = []
    for node in root.iter(f"{SVG}text"):
        spans = list(node.iter(f"{SVG}tspan"))
        words = "".join(s.text or "" for s in spans) if spans else (node.text or "")
        size, x, y = (float(node.get(key)) for key in ("font-size", "x", "y"))
        # 0.5 em is the mean width of system sans-serif letters; real collisions show with it.
        wide = 0.5 * size * len(words)
        shift = {"middle": wide / 2, "end": wide}.get(node.get("text-anchor"), 0.0)
        found.append((words, x - shift, y - 0.72 * size, x - shift + wide, y + 0.1 * size))
    return found


@pytest.mark.parametrize("name", TREES)
@pytest.mark.parametrize("draw", PICTURES)
@pytest.mark.parametrize("clock", ["t", "sigma", "alpha_bar", "log_snr"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_picture_is_valid_and_self_contained(draw, name, clock, theme, request):
    tree = request.getfixturevalue(name)
    source = draw(tree, theme=theme, clock=clock)
    root = ElementTree.fromstring(source)
    assert root.find(f"{SVG}title").text
    assert len(root.find(f"{SVG}desc").text) > 20
    assert "nan" not in re.sub(r">[^<]*<", "><", source)
    tags = {node.tag.removeprefix(SVG) for node in root.iter()}
    drawn = {"rect", "text", "tspan", "path", "g", "circle", "image", "defs", "linearGradient", "stop"}
    assert tags <= {"svg", "title", "desc"} | drawn
    links = [value for node in root.iter() for key, value in node.attrib.items() if key.endswith("href")]
    assert all(link.startswith("data:image/png;base64,") for link in links)
    assert not re.search(r"url\((?!#)|https?://(?!www\.w3\.org/2000/svg)", source)


@pytest.mark.parametrize("draw", PICTURES)
def test_labels_with_markup_are_text(draw, hostile_tree):
    root = ElementTree.fromstring(draw(hostile_tree, title="<script>x</script>", width=1600))
    assert "script" not in {node.tag.removeprefix(SVG) for node in root.iter()}
    shown = " ".join(node.text or "" for node in root.iter())
    assert "<script>alert(1)</script>" in shown
    assert "<script>x</script>" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize("draw", PICTURES)
@pytest.mark.parametrize("name", ["scene_tree", "deep_tree", "overlapping_tree"])
@pytest.mark.parametrize("width", [560, 960, 1400])
def test_texts_do_not_collide_or_leave_the_picture(draw, name, width, request):
    root = ElementTree.fromstring(draw(request.getfixturevalue(name), width=width))
    boxes = texts(root)
    for i, (first, a0, b0, a1, b1) in enumerate(boxes):
        assert a0 >= -1, first
        assert a1 <= width + 1, first
        assert b1 <= float(root.get("height")), first
        for second, c0, d0, c1, d1 in boxes[i + 1 :]:
            assert a1 <= c0 or c1 <= a0 or b1 <= d0 or d1 <= b0, (first, second)


def test_size_stays_small_for_twenty_components():
    rng = np.random.default_rng(0)
    means = rng.standard_normal((20, 64)) * 4
    tree = mixture_tree(GaussianMixture(means, np.ones(20), image_shape=(8, 8)), 0.1, n=64)
    assert len(river_svg(tree).encode()) < 60_000


def test_the_river_says_when_features_are_decided(scene_tree):
    description = ElementTree.fromstring(river_svg(scene_tree)).find(f"{SVG}desc").text
    order = [description.index(f"{name} at t = ") for name in ("background", "shape", "mark")]
    assert order == sorted(order)
    half = float(scene_tree.features["half_time"].sel(feature="shape"))
    assert f"shape at t = {half:.2f}" in description


def test_one_component_says_there_is_nothing_to_decide(single_tree):
    for draw in (river_svg, dendrogram_svg):
        assert "One component: there is nothing to decide." in draw(single_tree)
    assert "nothing to be separated from" in curves_svg(single_tree)


def test_what_is_not_certified_is_said(overlapping_tree, weak_tree):
    assert "0, 1" in dendrogram_svg(overlapping_tree)
    assert len(weak_tree.nodes) == 1
    first = min(v.eps_star.value for v in weak_tree.vertices[1:])
    for draw in (river_svg, dendrogram_svg):
        assert f"No plateau is certified at ε = 0.1; the first appears at ε = {first:.2g}." in draw(weak_tree)


def titles(source, beginning):
    """Tooltips that start with some words."""
    found = [node.text or "" for node in ElementTree.fromstring(source).iter(f"{SVG}title")]
    return [text for text in found if text.startswith(beginning)]


def test_every_certified_plateau_has_its_bracket_and_bar(deep_tree):
    marks = [text for text in titles(river_svg(deep_tree), "") if "decided and nothing more" in text]
    assert len(marks) == 14  # all vertices but the root
    links = titles(dendrogram_svg(deep_tree), "critical window of")
    assert len(links) == len(deep_tree.windows) == 14


def test_chosen_curves_are_the_ones_drawn(scene_tree):
    mixture = scene_tree.mixture
    sand = [k for k, value in enumerate(mixture.features["background"]) if value == "sand"]
    drawn = titles(curves_svg(scene_tree, [sand, ["sea · disc · dot"]]), "overlap of")
    assert drawn == ["overlap of sand with the rest", "overlap of sea · disc · dot with the rest"]


@pytest.mark.parametrize("draw", PICTURES)
def test_bad_arguments_are_named(draw, scene_tree):
    with pytest.raises(ValueError, match="theme is 'blue'; a static picture is 'light' or 'dark'"):
        draw(scene_tree, theme="blue")
    with pytest.raises(ValueError, match="clock is 'step'; it must be one of 't'"):
        draw(scene_tree, clock="step")
    for width in (100, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="at least 320"):
            draw(scene_tree, width=width)


def test_a_subset_that_is_no_vertex_is_named(scene_tree):
    with pytest.raises(ValueError, match=r"sea · disc · dot.* is not a vertex of the tree; its vertices are sand"):
        curves_svg(scene_tree, [["sand · disc · dot", "sea · disc · dot"]])
    with pytest.raises(ValueError, match="the whole mixture has no rest"):
        curves_svg(scene_tree, [range(8)])


def test_without_a_feature_that_varies_the_splits_are_shown_as_in_the_live_picture():
    mixture = GaussianMixture([[0.0], [6.0], [40.0]], [1.0] * 3, features={"kind": ["same"] * 3})
    shown = river_svg(mixture_tree(mixture, 0.1, n=64))
    assert "how far each split is decided" in shown
    assert "first split" in shown
    assert "split of 0, 1" in shown


def test_features_have_the_lines_of_the_live_picture(scene_tree):
    shown = river_svg(scene_tree, theme="dark")
    for place in range(3):
        colour, dash = feature_line(place, "dark")
        assert f'stroke="{colour}" stroke-width="1.8" stroke-dasharray="{dash}"' in shown
