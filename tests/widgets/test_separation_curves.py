import base64
from xml.etree import ElementTree

import ipywidgets
import numpy as np
import pytest
import traitlets

from critwin_widgets.adapters import hierarchy, scenes
from critwin_widgets.engine import GaussianMixture
from critwin_widgets.export.colours import PAPER, colours_of, line_ink
from critwin_widgets.theory import mixture_tree
from critwin_widgets.widgets import HierarchyTree, SeparationCurves, _follow

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def tree():
    return mixture_tree(scenes(1).mixture(), 0.1)


@pytest.fixture
def curves(tree):
    widget = SeparationCurves(tree)
    yield widget
    widget.close()


def lines(widget):
    """The overlap lines of the figure, by name."""
    return {mark.labels[0]: mark for mark in widget._marks.lines}


def test_the_first_levels_are_shown_with_their_overlap(curves, tree):
    assert [curve.label for curve in curves.curves] == [
        "sand",
        "sand · disc",
        "sand · square",
        "sea",
        "sea · disc",
        "sea · square",
    ]
    line = lines(curves)["sand"]
    times = np.array([curves._axis.t(x) for x in line.x])
    vertex = tree.vertex([k for k, v in enumerate(tree.mixture.features["background"]) if v == "sand"])
    expected = np.interp(times, tree.times, np.log10(np.maximum(tree.curves["overlap"].values[vertex.id], 1e-300)))
    np.testing.assert_allclose(line.y, expected, atol=1e-6)
    assert (np.diff(line.y) <= 1e-9).all()  # generation only ever separates


def test_thresholds_and_windows_follow_eps(curves, tree):
    for eps in (0.1, 0.3, 0.02):
        curves.eps = eps
        np.testing.assert_allclose(curves._marks.thresholds.y[:, 0], [np.log10(eps), 2 * np.log10(eps)])
        windows = {w.after: w for w in tree.at_eps(eps).windows}
        shown = [curve.subset for curve in curves.curves if curve.subset in windows]
        shades = curves._marks.shades
        if not shown:
            assert not shades.visible
            continue
        assert shades.visible
        assert len(shades.x) == len(shown)
        ends = [windows[subset] for subset in shown]
        expected = [[curves._axis.x(w.t_before.value), curves._axis.x(w.t_after.value)] for w in ends]
        np.testing.assert_allclose(shades.x[:, :2], expected, atol=1e-9)
    assert curves.tree.eps == 0.02


def test_the_time_axis_runs_from_noise_to_data_on_every_clock(curves):
    curves.time = 3.0
    for clock in ("t", "sigma", "alpha_bar", "log_snr"):
        curves.clock = clock
        place = float(curves._axis.x(3.0))
        np.testing.assert_allclose(curves._marks.cursor.x, [place, place])
        assert curves._axis.x(6.0) < place < curves._axis.x(1.0)
        assert len(curves._marks.axis_x.tick_labels) == len(curves._marks.axis_x.tick_values) >= 2
        assert curves.time == 3.0  # the slider holds rounded values; the trait keeps its own


def test_the_slider_moves_the_time_and_follows_it(curves):
    assert not curves._marks.cursor.visible
    curves._slider.value = 0.5
    assert curves.time == pytest.approx(curves._axis.t(0.5))
    assert curves._marks.cursor.visible
    curves.time = None
    assert not curves._marks.cursor.visible
    assert curves._slider.value == 0.0
    assert curves.time is None


def test_a_rounded_answer_of_the_slider_is_not_a_move(curves):
    curves.time = 3.2198765
    place = curves._slider.value
    curves._slider.value = round(place / 0.002) * 0.002  # as the slider in the page does
    assert curves.time == 3.2198765
    curves._slider.value += 0.002  # one press of an arrow key
    assert curves.time != 3.2198765
    assert curves.time == pytest.approx(curves._axis.t(curves._slider.value))


def test_an_answer_that_comes_late_is_not_a_move(curves, monkeypatch):
    for time in (5.0123, 4.0123, 3.0123):
        curves.time = time
    late = round(float(curves._axis.x(5.0123)) / 0.002) * 0.002
    curves._slider.value = late
    assert curves.time == 3.0123
    assert curves._slider.value == pytest.approx(float(curves._axis.x(3.0123)), abs=1e-3)
    monkeypatch.setattr(_follow, "_LATE_SECONDS", 0.0)
    curves._slider.value = late  # when no answer can be on its way, it is a person who goes there
    assert curves.time == pytest.approx(curves._axis.t(late))


def test_selection_brings_a_curve_forward_and_back(curves, tree):
    plain = [line.stroke_width for line in curves._marks.lines]
    curves._legend.children[0].value = True
    assert curves.selected == curves.curves[0].subset
    assert curves._marks.lines[0].stroke_width > curves._marks.lines[1].stroke_width
    curves._legend.children[3].value = True
    assert curves.selected == curves.curves[3].subset
    assert [button.value for button in curves._legend.children] == [j == 3 for j in range(6)]
    curves._legend.children[3].value = False
    assert curves.selected == ()
    assert [line.stroke_width for line in curves._marks.lines] == plain


def test_curves_are_told_apart_by_more_than_colour(curves):
    looks = [(line.line_style, line.stroke_width) for line in curves._marks.lines]
    assert len(set(looks)) == 6
    samples = [button.description.split()[0] for button in curves._legend.children]
    assert len(set(samples)) == 6
    drawn = [mark for mark in curves._figure.marks if mark in curves._marks.lines]
    assert [line.stroke_width for line in drawn] == sorted((width for _, width in looks), reverse=True)


def test_curves_have_the_colours_of_the_river(tree):
    for theme in ("light", "dark"):
        widget = SeparationCurves(tree, theme=theme)
        water = colours_of(tree, theme)
        for curve, line, button in zip(widget.curves, widget._marks.lines, widget._legend.children, strict=True):
            ink = line_ink(water[curve.vertex], PAPER[theme])
            assert line.colors == [ink]
            assert ink in button.layout.border_left
            assert f'stroke="{ink}"' in widget.static_svg()
        widget.close()


def test_many_components_show_few_curves():
    many = mixture_tree(GaussianMixture(np.random.default_rng(0).normal(size=(30, 4)) * 3, [1.0] * 30), 0.1, n=64)
    widget = SeparationCurves(many, selected=[29])
    assert 1 <= len(widget.curves) <= 7
    assert any(curve.subset == (29,) for curve in widget.curves)
    widget.close()


def test_selecting_a_part_without_a_curve_adds_it(curves):
    curves.selected = "sea · disc · dot"
    assert curves.selected == (4,)
    assert curves.curves[-1].label == "sea · disc · dot"
    curves.selected = ()
    assert len(curves.curves) == 6


def test_chosen_subsets_stay_chosen(tree):
    widget = SeparationCurves(tree, [["sand · disc · dot"], ["sea · disc · dot", "sea · disc · dash"]])
    assert [curve.label for curve in widget.curves] == ["sand · disc · dot", "sea · disc"]
    widget.selected = [0, 1, 2, 3]
    assert len(widget.curves) == 2
    widget.close()


def test_links_with_the_tree_work_both_ways(tree, curves):
    river = HierarchyTree(tree)
    for name in ("selected", "time", "eps", "clock"):
        traitlets.link((river, name), (curves, name))
    changes = []
    curves.observe(lambda change: changes.append(change["name"]), ["selected", "time", "eps", "clock"])
    river.time, river.eps, river.clock, river.selected = 2.345678, 0.2, "sigma", ["sand · disc · dot"]
    assert (curves.time, curves.eps, curves.clock, curves.selected) == (2.345678, 0.2, "sigma", (0,))
    assert sorted(changes) == ["clock", "eps", "selected", "time"]  # once each: no echo
    curves.time, curves.selected = 1.5, (4,)
    assert (river.time, river.selected) == (1.5, (4,))
    river.close()


def test_another_tree_replaces_the_curves_and_frees_the_old(curves):
    curves.time = 3.0
    before = len(ipywidgets.widgets.widget._instances)
    for levels in (3, 2, 3, 2):
        curves.tree = mixture_tree(hierarchy(levels, n=1).mixture(), 0.1, n=64)
    assert curves.time is None
    assert [curve.label for curve in curves.curves] == [v.label for v in curves.tree.vertices[1:]]
    assert len(ipywidgets.widgets.widget._instances) <= before


def test_closing_frees_everything(tree):
    before = set(ipywidgets.widgets.widget._instances)
    widget = SeparationCurves(tree, selected=[0], time=1.0)
    widget.tree = tree
    widget.close()
    assert set(ipywidgets.widgets.widget._instances) - before == set()


def test_a_mixture_is_taken_too_and_one_component_has_nothing_to_show():
    widget = SeparationCurves(GaussianMixture([[0.0, 0.0]], [1.0]), eps=0.2)
    assert widget.eps == 0.2
    assert widget.curves == []
    assert "nothing to be separated from" in widget.static_text()
    assert "nothing to be separated from" in widget._readout.value
    widget.time = 1.0
    widget.close()


def test_labels_with_markup_stay_text():
    mixture = GaussianMixture([[0.0], [9.0], [30.0]], [1.0, 1.0, 1.0], labels=[HOSTILE, "b", "c"])
    widget = SeparationCurves(mixture, time=1.0, title=HOSTILE, selected=[HOSTILE])
    for html in (widget._readout.value, widget._heading.value):
        assert HOSTILE not in html
        assert "&lt;img" in html
    assert HOSTILE in lines(widget)  # bqplot writes names as text
    widget.close()


def test_the_static_picture_shows_what_the_widget_shows(curves):
    curves.eps, curves.clock = 0.2, "sigma"
    root = ElementTree.fromstring(curves.static_svg())
    shown = "".join(text or "" for text in root.itertext())
    assert "ε = 0.2" in shown
    assert "noise level σ" in shown
    bundle = curves.static_bundle()
    assert base64.b64encode(curves.static_svg().encode()).decode() in bundle["text/html"]
    curves.theme = "dark"
    assert curves.static_svg() != bundle["image/svg+xml"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"clok": "t"}, TypeError, "no keyword 'clok'; did you mean 'clock'"),
        ({"clock": "step"}, ValueError, "clock is 'step'; it must be one of 't'"),
        ({"eps": 0.0}, ValueError, "eps"),
        ({"eps": float("nan")}, ValueError, "eps"),
        ({"time": -1.0}, ValueError, "time is -1.0; it must be an OU time of at least 0"),
        ({"time": float("nan")}, ValueError, "time is nan"),
        ({"selected": ["nobody"]}, ValueError, "selected has the unknown label 'nobody'"),
        ({"theme": "blue"}, ValueError, "theme is 'blue'"),
        ({"height": 20}, ValueError, "height is 20; it must be whole pixels from 160 to 1200"),
        ({"subsets": [[0, 4]]}, ValueError, "is not a vertex of the tree"),
        ({"subsets": [["nobody"]]}, ValueError, "unknown label 'nobody'"),
        ({"subsets": [[]]}, ValueError, "empty"),
    ],
)
def test_bad_arguments_are_named(tree, options, error, message):
    with pytest.raises(error, match=message):
        SeparationCurves(tree, **options)


def test_something_else_than_a_tree_is_named():
    with pytest.raises(TypeError, match="tree must be a MixtureTree, a mixture or a process on one, not list"):
        SeparationCurves([1, 2])


def test_a_bad_assignment_changes_nothing(curves):
    curves.time, curves.eps = 2.0, 0.2
    for name, value in (("time", -3.0), ("eps", 1.0), ("clock", "x"), ("selected", ["nobody"])):
        with pytest.raises(traitlets.TraitError, match=name):
            setattr(curves, name, value)
    assert (curves.time, curves.eps, curves.clock, curves.selected) == (2.0, 0.2, "t", ())
