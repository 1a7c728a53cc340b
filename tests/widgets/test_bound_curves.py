import asyncio
import base64
from xml.etree import ElementTree

import ipywidgets
import numpy as np
import pytest
import traitlets

from critwin_widgets.engine import GaussianMixture
from critwin_widgets.export import bound_data
from critwin_widgets.theory import theorem_bound
from critwin_widgets.widgets import BoundCurves, bound_curves
from critwin_widgets.widgets._newest import Newest
from critwin_widgets.widgets._subset_picker import SubsetPicker

HOSTILE = "<img src=x onerror=alert(1)>"
# Three dimensions, so that nothing is exact and little is dear.
MEANS = np.array([[-40.0, 0.0, 0.0], [-37.0, 0.0, 0.0], [40.0, 9.0, 0.0], [0.0, 0.0, 60.0]])
MIXTURE = GaussianMixture(MEANS, [1.0] * 4, labels=["a", "b", "c", "d"])
FEW = {"n": 64}


@pytest.fixture(autouse=True)
def few_times(monkeypatch):
    for name in ("_SPREAD", "_EVEN", "_CLOSE"):
        monkeypatch.setattr(bound_data, name, 4)


@pytest.fixture
def curves():
    widget = BoundCurves(MIXTURE, ["a"], ["a", "b"], **FEW)
    yield widget
    widget.close()


def test_the_lines_are_the_numbers_on_a_logarithmic_axis(curves):
    marks, data = curves._marks, curves.data
    at = np.array([curves._axis.t(x) for x in marks.lines["measured"].x])
    for name in ("measured", "sharp"):
        np.testing.assert_allclose(marks.lines[name].y, np.log10(data.at(name, at)), atol=1e-6)
        np.testing.assert_allclose(marks.bands[name].y[0], np.log10(np.maximum(data.at(f"{name}_low", at), 1e-300)))
    step = marks.lines["theorem"]
    np.testing.assert_allclose(step.y, np.log10([1, data.level, data.level, 1]))
    np.testing.assert_allclose(step.x[[0, 3]], curves._axis.x(np.array([data.t_start.value, data.t_end.value])))
    assert marks.scale_y.min <= np.log10(data.measured.min())


def test_every_marked_time_has_its_line_and_its_name(curves):
    marks = curves._marks
    named = [str(text) for flags in marks.flags.values() for text in flags.text]
    assert sorted(text.split()[0] for text in named) == ["T_end", "T_start", "speciation"]
    lines = np.concatenate([np.atleast_2d(marks.own.x), np.atleast_2d(marks.rivals.x)])
    expected = [float(curves._axis.x(mark.time.value)) for mark in curves.data.marks()]
    np.testing.assert_allclose(sorted(lines[:, 0]), sorted(expected))
    assert marks.rivals.line_style == "dotted"


def test_eps_moves_the_theorem_and_keeps_the_curves(curves):
    before = curves.data
    curves.eps = 0.2
    assert curves.data.measured is before.measured
    assert curves.data.level == theorem_bound(MIXTURE, [0, 1], 0.2)
    assert curves.data.t_end.value < before.t_end.value
    np.testing.assert_allclose(curves._marks.lines["theorem"].y[1], np.log10(curves.data.level))
    assert curves._eps_box.value == pytest.approx(0.2, rel=0.02)
    curves._eps_box.value = 0.1  # a person's move
    assert curves.eps == 0.1


def test_where_the_theorem_is_silent_no_step_is_drawn(curves):
    curves.eps = 0.006
    assert not curves._marks.lines["theorem"].visible
    assert not curves._marks.span.visible
    assert "says nothing" in curves._legend.value
    assert "says nothing" in curves.static_text()


def test_starting_outside_the_target_makes_it_grow(curves):
    init, target = curves._pickers.children
    init._parts[2].value = True
    assert (curves.init, curves.target) == ((0, 2), (0, 1, 2))
    assert target.value == (0, 1, 2)
    assert curves.data.init == (0, 2)
    target._parts[0].value = False
    assert (curves.init, curves.target) == ((2,), (1, 2))
    init._parts[2].value = False  # nothing would be left
    assert (curves.init, curves.target) == ((2,), (1, 2))
    assert init.value == (2,)
    assert "choose at least one component" in curves._status.value


def test_many_components_are_chosen_from_a_list():
    chosen = []
    picker = SubsetPicker("start in", [f"part {k}" for k in range(14)], chosen.append)
    picker.put((0, 3))
    assert chosen == []
    assert picker.value == (0, 3)
    (part,) = picker._parts
    assert isinstance(part, ipywidgets.SelectMultiple)
    part.value = (0, 3, 13)
    assert chosen == [(0, 3, 13)]
    before = set(ipywidgets.widgets.widget._instances)
    picker.close()
    assert set(ipywidgets.widgets.widget._instances) < before


def test_another_mixture_is_shown_with_the_same_groups(curves):
    moved = GaussianMixture(MEANS + np.outer([0, 1, 0, 0], [7.0, 0, 0]), [1.0] * 4, labels=["x", "y", "z", "w"])
    before = curves.data.t_end.value
    curves.show(moved)
    assert curves.mixture is moved
    assert curves.data.t_end.value > before
    assert "{x}" in curves._heading.value
    curves.show(init=["y"], target="y")
    assert (curves.init, curves.target) == ((1,), (1,))


def test_what_cannot_be_shown_changes_nothing(curves):
    data = curves.data
    for groups, message in (
        ({"init": ["c"]}, "init must lie inside target"),
        ({"target": ["nobody"]}, "unknown label 'nobody'"),
        ({"mixture": GaussianMixture([[0.0]], [1.0])}, "target"),
        ({"init": []}, "init"),
    ):
        with pytest.raises(ValueError, match=message):
            curves.show(**groups)
    with pytest.raises(TypeError, match="mixture must be a mixture such as GaussianMixture, not list"):
        curves.show([1, 2])
    for name, value in (("time", -3.0), ("eps", 1.0), ("clock", "x"), ("init", ["c"]), ("target", [])):
        with pytest.raises(traitlets.TraitError, match=name):
            setattr(curves, name, value)
    assert curves.data is data
    assert (curves.init, curves.target, curves.mixture) == ((0,), (0, 1), MIXTURE)


def test_in_a_kernel_only_the_newest_choice_is_computed(monkeypatch):
    asked, original = [], bound_curves.bound_data

    def noted(mixture, init, target, *rest, **options):
        asked.append((init, target))
        return original(mixture, init, target, *rest, **options)

    async def drag():
        widget = BoundCurves(MIXTURE, ["a"], ["a", "b"], **FEW)
        assert np.isnan(widget._data.measured).any()  # the constructor does not wait for the dear curve
        monkeypatch.setattr(bound_curves, "bound_data", noted)
        for init, target in (([0], [0]), ([1], [0, 1]), ([2], [1, 2])):
            widget.show(init=init, target=target)
        assert asked == []
        while widget._newest.busy:
            await asyncio.sleep(0.01)
        assert asked == [((2,), (1, 2))]
        assert widget._data.done == 1
        widget.show(init=[1])
        assert widget.data.init == (1,)  # who asks for the numbers gets those of today
        widget.show(init=[2])
        widget.close()
        await asyncio.sleep(0.1)  # nothing is drawn on what is closed
        assert asked[-1] == ((1,), (1, 2))

    asyncio.run(drag())


def test_a_change_of_eps_does_not_lose_what_is_being_measured():
    async def change():
        widget = BoundCurves(MIXTURE, ["a"], ["a", "b"], **FEW)
        widget.eps = 0.2
        widget.show(init=["b"])
        widget.eps = 0.15
        while widget._newest.busy:
            await asyncio.sleep(0.01)
        data = widget._data
        assert (data.init, data.eps, data.done) == ((1,), 0.15, 1.0)
        widget.close()

    asyncio.run(change())


def test_an_error_between_messages_is_told_in_the_page():
    def work():
        yield
        raise RuntimeError("<b>no</b>")

    failed: list[Exception] = []

    async def run():
        newest = Newest(failed.append)
        newest.start(work())
        while newest.busy:
            await asyncio.sleep(0.01)

    asyncio.run(run())
    assert str(failed[0]) == "<b>no</b>"
    widget = BoundCurves(MIXTURE, ["a"], ["a"], **FEW)
    widget._failed(failed[0])
    assert "RuntimeError: &lt;b&gt;no" in widget._status.value
    widget.close()


def test_the_cursor_reads_the_values_on_every_clock(curves):
    curves.time = 3.0
    for clock in ("t", "sigma", "alpha_bar", "log_snr"):
        curves.clock = clock
        place = float(curves._axis.x(3.0))
        np.testing.assert_allclose(curves._marks.cursor.x, [place, place])
        assert curves.time == 3.0
    assert "cursor" in curves._readout.value
    curves._time_box.value = 0.37
    assert curves.time == pytest.approx(curves._axis.t(0.37))
    curves.time = None
    assert not curves._marks.cursor.visible
    assert "cursor" not in curves._readout.value


def test_the_static_picture_shows_what_the_widget_shows(curves):
    curves.eps, curves.clock = 0.2, "sigma"
    shown = "".join(ElementTree.fromstring(curves.static_svg()).itertext())
    assert "theorem at ε = 0.2" in shown
    assert "noise level σ" in shown
    bundle = curves.static_bundle()
    assert base64.b64encode(curves.static_svg().encode()).decode() in bundle["text/html"]
    assert "smallest sharp bound" in bundle["text/plain"]
    curves.theme = "dark"
    assert curves.static_svg() != bundle["image/svg+xml"]


def test_closing_frees_everything():
    before = set(ipywidgets.widgets.widget._instances)
    widget = BoundCurves(MIXTURE, ["a"], ["a", "b"], time=1.0, **FEW)
    widget.theme = "dark"
    widget.show(MIXTURE, [1])
    widget.close()
    assert set(ipywidgets.widgets.widget._instances) - before == set()


def test_labels_with_markup_stay_text():
    hostile = GaussianMixture(MEANS, [1.0] * 4, labels=[HOSTILE, "b", "c", "d"])
    widget = BoundCurves(hostile, [HOSTILE], [HOSTILE, "b"], **FEW)
    for part in (widget._heading, widget._legend, widget._readout, widget._status):
        assert HOSTILE not in part.value
    assert "&lt;img" in widget._heading.value
    assert HOSTILE not in widget.static_svg()
    widget.close()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"clok": "t"}, TypeError, "no keyword 'clok'; did you mean 'clock'"),
        ({"clock": "step"}, ValueError, "clock is 'step'; it must be one of 't'"),
        ({"eps": 0.0}, ValueError, "eps"),
        ({"eps": float("nan")}, ValueError, "eps"),
        ({"time": -1.0}, ValueError, "time is -1.0"),
        ({"time": float("inf")}, ValueError, "time is inf"),
        ({"theme": "blue"}, ValueError, "theme is 'blue'"),
        ({"height": 20}, ValueError, "height is 20; it must be whole pixels from 160 to 1200"),
        ({"n": 2.5}, ValueError, "n is 2.5; it must be a whole number from 16"),
        ({"seed": -1}, ValueError, "seed is -1"),
        ({"n_training": 1}, ValueError, "n_training is 1"),
        ({"init": ["nobody"]}, ValueError, "init has the unknown label 'nobody'"),
        ({"init": ["c"]}, ValueError, "init must lie inside target"),
        ({"target": []}, ValueError, "target"),
        ({"mixture": [1, 2]}, TypeError, "mixture must be a mixture such as GaussianMixture, not list"),
    ],
)
def test_bad_arguments_are_named(options, error, message):
    given = {"mixture": MIXTURE, "init": ["a"], "target": ["a", "b"]} | options
    with pytest.raises(error, match=message):
        BoundCurves(**given)
