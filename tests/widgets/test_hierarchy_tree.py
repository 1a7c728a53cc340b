"""The Python half of HierarchyTree: what it takes, what it sends, what it shows without a kernel."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import traitlets

from critwin_widgets import GaussianMixture, HierarchyTree, MixtureTree, mixture_tree
from critwin_widgets.widgets import _payload
from critwin_widgets.widgets._payload import payload, payload_bytes

HOSTILE = '<img src=x onerror="alert(1)"></script><script>alert(2)</script>'


def four(labels: tuple[str, ...] = ("aa", "ab", "ba", "bb")) -> GaussianMixture:
    """Two pairs on a line, far apart: a hierarchy of two levels."""
    features = {"side": ["a", "a", "b", "b"], "same": ["x"] * 4}
    return GaussianMixture([[-2003.0], [-1997.0], [1997.0], [2003.0]], np.ones(4), labels=labels, features=features)


@pytest.fixture(scope="module")
def tree() -> MixtureTree:
    return mixture_tree(four(), eps=0.2, n=64)


@pytest.fixture
def widget(tree: MixtureTree) -> HierarchyTree:
    return HierarchyTree(tree)


def array(wire: dict[str, Any]) -> np.ndarray:
    return np.frombuffer(wire["data"], wire["dtype"]).reshape(wire["shape"])


def test_a_mixture_becomes_its_tree(widget: HierarchyTree) -> None:
    made = HierarchyTree(four(), eps=0.3)
    assert made.tree.eps == made.eps == 0.3
    assert made.tree.order == widget.tree.order
    assert HierarchyTree(four()).eps == 0.05


def test_eps_is_that_of_the_tree_unless_given(tree: MixtureTree) -> None:
    assert HierarchyTree(tree).eps == 0.2
    assert HierarchyTree(tree, eps=0.4).eps == 0.4


def test_arrays_cross_as_they_are(tree: MixtureTree, widget: HierarchyTree) -> None:
    data = widget.data
    np.testing.assert_array_equal(array(data["times"]), tree.times)
    np.testing.assert_array_equal(array(data["eps_grid"]), tree.eps_grid)
    for name in ("decided", "decided_low", "retention_high", "within", "t_start", "t_end_high"):
        np.testing.assert_array_equal(array(data[name]), tree.curves[name].values.astype("float32"))
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(array(data["overlap"]), np.log10(tree.curves["overlap"].values), rtol=1e-6)


def test_everything_but_the_buffers_is_plain_json(widget: HierarchyTree) -> None:
    def without_buffers(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: without_buffers(v) for k, v in value.items() if not isinstance(v, bytes)}
        return [without_buffers(v) for v in value] if isinstance(value, list | tuple) else value

    text = json.dumps(without_buffers(widget.data), allow_nan=False)
    assert json.loads(text)["vertices"][0]["parent"] == -1


def test_vertices_keep_their_numbers_and_how_they_are_known(tree: MixtureTree, widget: HierarchyTree) -> None:
    for sent, vertex in zip(widget.data["vertices"], tree.vertices, strict=True):
        assert tuple(sent["subset"]) == vertex.subset
        assert sent["label"] == vertex.label
        assert sent["eps_star"]["method"] == vertex.eps_star.method
        assert sent["eps_star"]["value"] == vertex.eps_star.value
        assert (sent["half"] is None) == (vertex.half_time is None or not vertex.half_time.exists)


def test_a_feature_with_one_value_is_not_drawn(widget: HierarchyTree) -> None:
    assert [f["name"] for f in widget.data["features"]] == ["side"]
    assert widget.data["feature_decided"]["shape"][0] == 1
    assert widget.data["components"][2]["features"] == {"side": "b", "same": "x"}


def test_selection_takes_labels_and_indices(widget: HierarchyTree) -> None:
    for given, wanted in [(["ab", "aa"], (0, 1)), ([3, 2], (2, 3)), ("ba", (2,)), ([], ()), ((), ())]:
        widget.selected = given  # type: ignore[assignment]
        assert widget.selected == wanted


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("eps", 0.0, r"eps is 0\.0; it must be inside \(0, 1\)"),
        ("eps", 1, r"eps is 1"),
        ("eps", float("nan"), r"eps is nan"),
        ("eps", "small", r"eps is 'small'"),
        ("time", -0.1, r"time is -0\.1; it must be an OU time of at least 0"),
        ("time", float("inf"), r"time is inf"),
        ("clock", "sigmas", r"clock is 'sigmas'.*did you mean 'sigma'"),
        ("view", "list", r"view is 'list'; it must be one of 'river', 'dendrogram'"),
        ("theme", None, r"theme is None"),
        ("height", 10, r"height is 10; it must be whole pixels within \(240, 2000\)"),
        ("height", 300.5, r"height is 300\.5"),
        ("selected", ["zz"], r"selected.*'zz'"),
        ("selected", [7], r"selected.*7"),
        ("selected", 3, r"selected is 3; it must be component indices or labels"),
        ("collapsed", [0], r"collapsed holds 0; it must hold ids of inner vertices"),
        ("collapsed", [99], r"collapsed holds 99"),
    ],
)
def test_bad_values_never_leave_python(widget: HierarchyTree, name: str, value: Any, message: str) -> None:
    before = getattr(widget, name)
    for error in (ValueError, traitlets.TraitError):
        with pytest.raises(error, match=message):
            setattr(widget, name, value)
    assert getattr(widget, name) == before
    with pytest.raises(ValueError, match=message if name != "theme" else "theme is None"):
        HierarchyTree(widget.tree, **{name: value})


def test_an_unknown_keyword_names_the_near_miss(tree: MixtureTree) -> None:
    with pytest.raises(TypeError, match=r"HierarchyTree takes no keyword 'colck'; did you mean 'clock'\?"):
        HierarchyTree(tree, colck="t")
    with pytest.raises(TypeError, match="it takes clock, collapsed, "):
        HierarchyTree(tree, zzzz=1)


def test_something_else_than_a_tree_is_refused() -> None:
    with pytest.raises(TypeError, match="tree must be a MixtureTree, a mixture or a process on one, not ndarray"):
        HierarchyTree(np.zeros(3))  # type: ignore[arg-type]


def test_a_new_tree_replaces_picture_and_selection_at_once(tree: MixtureTree, monkeypatch: pytest.MonkeyPatch) -> None:
    widget = HierarchyTree(tree, selected=["bb"], collapsed=[tree.vertices[0].children[0]])
    messages: list[dict[str, Any]] = []
    monkeypatch.setattr(widget.comm, "send", lambda data=None, **_: messages.append(data))
    widget.tree = mixture_tree(GaussianMixture([[-9.0], [9.0]], [1.0, 1.0]), eps=0.1, n=64)
    assert widget.selected == ()
    assert widget.collapsed == ()
    assert len(widget.data["components"]) == 2
    updates = [message["state"] for message in messages if message.get("method") == "update"]
    assert len(updates) == 1
    assert {"data", "selected", "collapsed"} <= set(updates[0])


def test_the_title_can_be_changed(widget: HierarchyTree) -> None:
    widget.title = "Penguins"
    assert widget.data["title"] == widget.title == "Penguins"


def test_a_tree_too_large_for_a_page_is_refused(tree: MixtureTree, monkeypatch: pytest.MonkeyPatch) -> None:
    size = payload_bytes(payload(tree, ""))
    monkeypatch.setattr(_payload, "MAX_BYTES", size - 1)
    with pytest.raises(ValueError, match=r"tree needs .* MiB in the page; the limit is .* vertices at 97 times"):
        HierarchyTree(tree)
    monkeypatch.setattr(_payload, "MAX_BYTES", size)
    assert payload_bytes(HierarchyTree(tree).data) == size


def test_thumbnails_are_mean_images_of_sub_mixtures() -> None:
    rng = np.random.default_rng(0)
    means = rng.normal(size=(3, 6)) * 20
    weights = np.array([0.2, 0.3, 0.5])
    mixture = GaussianMixture(means, np.ones(3), weights, image_shape=(2, 3))
    data = HierarchyTree(mixture_tree(mixture, n=64)).data
    images = array(data["thumbnails"]["arr"])
    assert data["thumbnails"]["shape"] == [len(data["vertices"]), 2, 3, 1]
    np.testing.assert_allclose(images[0].ravel(), weights @ means, rtol=1e-5)
    assert data["thumbnails"]["range"] == [means.min(), means.max()]


def test_large_thumbnails_are_averaged_down() -> None:
    images = np.arange(2 * 130 * 90, dtype=float).reshape(2, 130, 90, 1)
    small = _payload._smaller(images)
    assert small.shape == (2, 43, 30, 1)
    np.testing.assert_allclose(small[0, 0, 0, 0], images[0, :3, :3, 0].mean())
    assert _payload._smaller(images[:, :64, :64]).shape == (2, 64, 64, 1)


def test_one_component_is_a_picture_too() -> None:
    widget = HierarchyTree(GaussianMixture([[0.0]], [1.0]))
    assert len(widget.data["vertices"]) == 1
    assert widget.data["features"] == []
    assert "<svg" in widget.static_svg()


def test_a_display_is_a_picture_and_then_the_live_view(widget: HierarchyTree, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[dict[str, Any]] = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, **_: shown.append(bundle))
    widget._ipython_display_()
    still, live = shown
    assert set(still) == {"text/html", "image/svg+xml", "text/plain"}
    assert 'class="critwin-static"' in still["text/html"]
    assert "side" in still["text/plain"]
    assert set(live) == {"application/vnd.jupyter.widget-view+json"}
    assert live["application/vnd.jupyter.widget-view+json"]["model_id"] == widget.model_id


@pytest.mark.parametrize("view", ["river", "dendrogram"])
def test_hostile_labels_stay_text_in_the_static_picture(view: str) -> None:
    mixture = four(labels=(HOSTILE, "ab", "ba", "bb"))
    widget = HierarchyTree(mixture_tree(mixture, eps=0.2, n=64), view=view, title=HOSTILE)
    bundle = widget.static_bundle()
    html = ElementTree.fromstring(bundle["text/html"].removesuffix(">") + "/>")
    assert html.tag == "img"
    assert set(html.attrib) == {"class", "style", "alt", "src"}
    svg = ElementTree.fromstring(bundle["image/svg+xml"])
    tags = {element.tag.rpartition("}")[2] for element in svg.iter()}
    assert not tags & {"script", "foreignObject", "img"}
    assert not [name for element in svg.iter() for name in element.attrib if name.startswith("on")]


def test_closing_lets_go_of_the_data(tree: MixtureTree) -> None:
    widget = HierarchyTree(tree)
    widget.close()
    assert widget.data == {}
    assert widget.comm is None
