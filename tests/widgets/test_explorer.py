import ipywidgets
import numpy as np
import pytest
import traitlets

from critwin_widgets.adapters import hierarchy, scenes
from critwin_widgets.engine import GaussianMixture
from critwin_widgets.theory import mixture_tree
from critwin_widgets.widgets import Explorer
from critwin_widgets.widgets._grouping import grouped_by
from critwin_widgets.widgets.explorer import PRESETS, as_tree

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def tree():
    return mixture_tree(scenes(1, size=16).mixture(), 0.1)


def broken():
    raise RuntimeError(f"no data today {HOSTILE}")


@pytest.fixture
def explorer(tree):
    widget = Explorer(presets={"scenes": tree, "deep": lambda: hierarchy(2, n=1), "broken": broken})
    yield widget
    widget.close()


def test_parts_move_together_whichever_moves_first(explorer):
    river, curves = explorer.river, explorer.curves
    river.time, curves.eps, explorer.clock = 2.3456789, 0.21, "sigma"
    curves.selected = ["sand · disc · dot"]
    for part in (explorer, river, curves):
        assert (part.time, part.eps, part.clock, part.selected) == (2.3456789, 0.21, "sigma", (0,))
    assert explorer.tree.eps == 0.21
    explorer.selected, explorer.time = (), None
    assert (river.selected, river.time, curves.selected, curves.time) == ((), None, (), None)


def test_each_change_is_told_once(explorer):
    changes = []
    names = ["selected", "time", "eps", "clock"]
    for part in (explorer, explorer.river, explorer.curves):
        part.observe(lambda change, part=part: changes.append((type(part).__name__, change["name"])), names)
    explorer.eps = 0.7  # beyond the slider's end, which must not pull the value back
    explorer.river.time = 1.23456789
    assert sorted(changes) == sorted(
        (type(part).__name__, name) for part in (explorer, explorer.river, explorer.curves) for name in ("eps", "time")
    )
    assert explorer.eps == 0.7
    assert explorer.time == 1.23456789


def test_a_rounded_answer_of_the_slider_is_not_a_move(explorer):
    explorer.eps = 0.12345
    explorer._eps_box.value = 10 ** (round(np.log10(0.12345) * 100) / 100)  # as the slider in the page does
    assert explorer.eps == 0.12345
    explorer._eps_box.value *= 10**0.01  # one press of an arrow key
    assert explorer.eps == explorer._eps_box.value


def test_controls_set_the_traits_and_follow_them(explorer):
    explorer._eps_box.value = 0.25
    assert explorer.river.eps == 0.25
    explorer._clock_box.value = "log_snr"
    assert explorer.curves.clock == "log_snr"
    explorer.curves.clock = "alpha_bar"
    assert explorer._clock_box.value == "alpha_bar"
    explorer._feature_box.value = "shape"
    assert explorer.feature == "shape"


def test_a_preset_replaces_the_data_and_resets_what_belonged_to_it(explorer):
    explorer.selected, explorer.time, explorer.eps, explorer.feature = (0,), 2.0, 0.3, "shape"
    explorer._preset_box.value = "deep"
    assert explorer.preset == "deep"
    assert explorer.mixture.n_components == 4
    for part in (explorer, explorer.river, explorer.curves):
        assert (part.selected, part.eps) == ((), 0.3)
        assert part.time == explorer.tree.vertices[0].half_time.value
    assert explorer.feature == ""
    assert [value for _, value in explorer._feature_box.options] == ["", "level 1", "level 2"]
    assert explorer.river.tree.mixture is explorer.curves.tree.mixture is explorer.mixture


def test_a_failing_preset_says_why_and_leaves_the_picture(explorer):
    explorer.selected, explorer.time = (0,), 2.0
    before = explorer.river.tree
    explorer._preset_box.value = "broken"
    assert explorer.river.tree is before
    assert (explorer.preset, explorer._preset_box.value) == ("scenes", "scenes")
    assert (explorer.selected, explorer.time) == ((0,), 2.0)
    assert "RuntimeError: no data today" in explorer._status.value
    assert HOSTILE not in explorer._status.value
    assert not any(box.disabled for box in explorer._controls.children)
    explorer._preset_box.value = "deep"
    assert explorer.preset == "deep"
    assert explorer._status.value == ""


def test_progress_is_shown_while_a_preset_is_computed(tree):
    seen = []

    def slow():
        seen.append((widget._status.value, [box.disabled for box in widget._controls.children]))
        return tree

    widget = Explorer(tree, presets={"slow": slow})
    widget.preset = "slow"
    ((status, disabled),) = seen
    assert "computing slow …" in status
    assert all(disabled)
    assert widget._status.value == ""
    widget.close()


def test_your_own_mixture_and_back(tree):
    widget = Explorer(tree.mixture, eps=0.2, presets={"scenes": tree})
    assert widget.preset == ""
    assert widget._preset_box.value == "your mixture"
    widget._preset_box.value = "scenes"
    assert widget.preset == "scenes"
    widget._preset_box.value = "your mixture"
    assert widget.preset == ""
    widget.show(GaussianMixture([[0.0], [9.0]], [1.0, 1.0]))
    assert widget.mixture.n_components == 2
    with pytest.raises(TypeError, match="mixture is a str"):
        widget.show("mine")
    assert widget.mixture.n_components == 2
    widget.close()


def test_a_feature_orders_the_branches_and_changes_nothing_else(explorer, tree):
    explorer.feature = "mark"
    shown = explorer.river.tree
    assert {v.subset for v in shown.vertices} == {v.subset for v in tree.vertices}
    assert "not one branch" in explorer._about.value
    explorer.feature = "background"
    assert "not one branch" not in explorer._about.value
    explorer.feature = ""
    assert explorer.river.tree.order == tree.order


def test_grouping_keeps_every_number_with_its_vertex(tree):
    backwards = tuple(reversed(["a", "b", "c", "d", "e", "f", "g", "h"]))
    mixture = tree.mixture
    renamed = GaussianMixture(
        mixture.means, mixture.covariances, mixture.weights, labels=mixture.labels, features={"letter": backwards}
    )
    # The first value named comes first, so give the last component the first value.
    first = mixture_tree(renamed, 0.1, n=64)
    grouped = grouped_by(first, "letter")
    assert grouped.order == tuple(sorted(grouped.order))
    for vertex in grouped.vertices:
        assert grouped.vertices[vertex.id] is vertex
        for child in vertex.children:
            assert child > vertex.id
            assert grouped.vertices[child].parent == vertex.id
        old = first.vertex(vertex.subset)
        for name in ("overlap", "within", "decided", "t_start"):
            np.testing.assert_array_equal(grouped.curves[name].values[vertex.id], first.curves[name].values[old.id])
    assert [n.subset for n in grouped.nodes[1:]] == [w.after for w in grouped.windows]
    with pytest.raises(ValueError, match="feature is 'colour'; the mixture's features are 'letter'"):
        grouped_by(first, "colour")


def test_the_table_tells_features_from_early_to_late(explorer):
    html = explorer._about.value
    assert html.index("background") < html.index("shape") < html.index("mark")
    half = float(explorer.tree.features["half_time"].sel(feature="shape"))
    assert f"{half:.3f}" in html


def test_labels_with_markup_stay_text():
    mixture = GaussianMixture([[0.0], [9.0]], [1.0, 1.0], features={HOSTILE: [HOSTILE, "b"]})
    widget = Explorer(mixture, presets={})
    widget.feature = HOSTILE
    assert HOSTILE not in widget._about.value
    assert "&lt;img" in widget._about.value
    widget.close()


def test_one_component_is_told_plainly():
    widget = Explorer(GaussianMixture([[0.0, 0.0]], [1.0]), presets={})
    assert "nothing to decide" in widget._about.value
    assert "nothing to decide" in widget.static_text()
    widget.close()


def test_closing_frees_everything(tree):
    before = set(ipywidgets.widgets.widget._instances)
    widget = Explorer(presets={"scenes": tree, "deep": lambda: hierarchy(2, n=1)})
    widget.preset = "deep"
    widget.feature = "level 1"
    widget.close()
    assert set(ipywidgets.widgets.widget._instances) - before == set()


def test_the_static_picture_is_the_rivers(explorer):
    assert explorer.static_svg() == explorer.river.static_svg()
    assert "background" in explorer.static_text()


@pytest.mark.parametrize("name", PRESETS)
def test_the_presets_that_come_along_can_be_shown(name):
    tree = as_tree(PRESETS[name], 0.1)
    assert tree.eps == 0.1
    assert tree.mixture.n_components > 1
    assert tree.mixture.features


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("mine",), TypeError, "mixture is a str; it must be a GaussianMixture, a MixtureTree or a data set"),
        ((None, {"presets": {}}), ValueError, "mixture is None and presets is empty"),
        ((None, {"eps": 1.0}), ValueError, "eps"),
        ((None, {"eps": float("nan")}), ValueError, "eps"),
    ],
)
def test_bad_arguments_are_named(arguments, error, message):
    options = arguments[1] if len(arguments) > 1 else {}
    with pytest.raises(error, match=message):
        Explorer(arguments[0], **options)


def test_a_bad_assignment_changes_nothing(explorer):
    for name, value in (
        ("preset", "nothing"),
        ("feature", "nothing"),
        ("eps", 0.0),
        ("time", -1.0),
        ("clock", "x"),
        ("selected", ["nobody"]),
    ):
        before = getattr(explorer, name)
        with pytest.raises(traitlets.TraitError, match=name):
            setattr(explorer, name, value)
        assert getattr(explorer, name) == before


def test_the_cursor_begins_where_the_first_split_is_half_decided(explorer, tree):
    for part in (explorer, explorer.river, explorer.curves):
        assert part.time == pytest.approx(tree.vertices[0].half_time.value)


def test_one_component_has_no_place_for_a_cursor():
    assert Explorer(GaussianMixture([[0.0, 1.0]], 1.0), presets={}).time is None


def test_it_shows_itself_in_one_line(explorer):
    for widget in (explorer, explorer.curves, explorer.river):
        assert type(widget).__name__ in repr(widget)
        assert len(repr(widget)) < 120
