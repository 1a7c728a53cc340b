"""The Python half of FeatureTimeline: what it takes, what it sends, what it shows without a kernel."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import traitlets
import xarray as xr

from critwin_widgets import (
    FeatureTimeline,
    GaussianMixture,
    HierarchyTree,
    MixtureTree,
    decision_curves,
    mixture_tree,
    to_html,
)
from critwin_widgets.export.timeline_words import timeline_text
from critwin_widgets.theory.times import time_grid
from critwin_widgets.widgets import _timeline_contract, _timeline_data, _timeline_follow
from critwin_widgets.widgets._timeline_contract import PAYLOAD, TRAITS
from tests.widgets.by_hand import Study

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = '<img src=x onerror="alert(1)"></script><script>alert(2)</script>'
SIDE, FINE, SAME = ["a", "a", "b", "b"], ["x", "y", "x", "y"], ["z"] * 4


@pytest.fixture(scope="module")
def mixture() -> GaussianMixture:
    """Two pairs on a line, far apart: `side` is decided long before `fine`."""
    features = {"fine": FINE, "side": SIDE, "same": SAME}
    return GaussianMixture([[-2003.0], [-1997.0], [1997.0], [2003.0]], np.ones(4), features=features)


@pytest.fixture(scope="module")
def tree(mixture: GaussianMixture) -> MixtureTree:
    return mixture_tree(mixture, eps=0.2, n=64)


@pytest.fixture(scope="module")
def curves(mixture: GaussianMixture) -> xr.Dataset:
    return decision_curves(mixture, time_grid(mixture))


@pytest.fixture
def widget(curves: xr.Dataset) -> FeatureTimeline:
    return FeatureTimeline(curves)


def array(wire: dict[str, Any]) -> np.ndarray:
    return np.frombuffer(wire["data"], wire["dtype"]).reshape(wire["shape"])


def features_of(widget: FeatureTimeline) -> list[str]:
    return [row["feature"] for row in widget.data["rows"]]


def test_the_generated_types_are_up_to_date() -> None:
    generated = (ROOT / "js" / "src" / "lib" / "timeline.gen.ts").read_text(encoding="utf-8")
    assert generated == _timeline_contract.generate(), "run python -m critwin_widgets.widgets._timeline_contract"


def test_the_class_and_the_payload_have_the_fields_of_the_contract(widget: FeatureTimeline) -> None:
    of_others = {"layout", "comm", "keys", "tooltip", "tabbable"}
    assert {name for name in widget.keys if not name.startswith("_")} - of_others == {f.name for f in TRAITS}
    assert set(widget.data) == {field.name for field in PAYLOAD}
    for field in TRAITS:
        if field.name != "data":
            default = FeatureTimeline.class_traits()[field.name].default_value
            assert (list(default) if isinstance(default, tuple) else default) == field.default, field.name
    source = (ROOT / "critwin_widgets" / "widgets" / "feature_timeline.py").read_text(encoding="utf-8")
    for field in TRAITS:
        pattern = rf"^    {field.name} = .*?\.tag\(sync=True\)\n    \"\"\"(.+?)\"\"\""
        found = re.search(pattern, source, re.DOTALL | re.MULTILINE)
        assert found, f"{field.name} has no docstring under it"
        assert "- Type:" in found[1]


def test_curves_and_times_cross_as_they_are(curves: xr.Dataset, widget: FeatureTimeline) -> None:
    data = widget.data
    for i, row in enumerate(data["rows"]):
        cut = slice(row["from"], row["from"] + row["count"])
        np.testing.assert_array_equal(array(data["levels"])[cut], curves["time"].values)
        np.testing.assert_array_equal(array(data["decided"])[cut], curves["decided"].values[i].astype("float32"))
        assert row["chance"] == float(curves["chance"][i])
        if row["half"] is not None:
            assert row["half"]["value"] == float(curves["half_time"][i])
            assert row["start"]["value"] == float(curves["decision_start"][i])
            assert row["end"]["value"] == float(curves["decision_end"][i])
            for edge in ("half", "start", "end"):
                assert row[edge]["low"] <= row[edge]["value"] <= row[edge]["high"]
    json.dumps({k: v for k, v in data.items() if not isinstance(v, dict)}, allow_nan=False)


def test_every_kind_of_source_says_the_same(
    mixture: GaussianMixture, tree: MixtureTree, curves: xr.Dataset, widget: FeatureTimeline
) -> None:
    halves = {row.feature: row.half and row.half.value for row in widget.timeline.rows}
    for source in (mixture, tree, {"one": curves}):
        rows = FeatureTimeline(source).timeline.rows
        assert [row.feature for row in rows] == ["fine", "side", "same"]
        for row in rows:
            wanted = halves[row.feature]
            if wanted is None:
                assert row.half is None
            else:
                assert row.half is not None
                assert row.half.value == pytest.approx(wanted, abs=0.05)
    assert halves["side"] > halves["fine"] + 3


def test_a_feature_with_one_value_has_nothing_to_decide(widget: FeatureTimeline) -> None:
    row = widget.data["rows"][2]
    assert (row["state"], row["note"], row["half"]) == ("constant", "one value: nothing to decide", None)


def test_any_labelling_of_components_is_a_feature(mixture: GaussianMixture) -> None:
    widget = FeatureTimeline(mixture, features={"left most": ["yes", "no", "no", "no"]})
    assert features_of(widget) == ["left most"]
    assert widget.data["rows"][0]["values"] == ["yes", "no", "no", "no"]
    assert features_of(FeatureTimeline(mixture, features=["side"])) == ["side"]


def test_rows_are_sorted_by_time_name_or_as_given(widget: FeatureTimeline) -> None:
    order = {sort: [name for name, _ in widget.timeline.groups(sort)] for sort in ("time", "given", "name")}
    assert order == {
        "time": ["side", "fine", "same"],
        "given": ["fine", "side", "same"],
        "name": ["fine", "same", "side"],
    }


def test_models_are_grouped_by_feature(curves: xr.Dataset, tree: MixtureTree) -> None:
    widget = FeatureTimeline({"first": curves, "second": tree})
    assert [(row["feature"], row["model"]) for row in widget.data["rows"]] == [
        (name, model) for name in ("fine", "side", "same") for model in (0, 1)
    ]
    assert [model["name"] for model in widget.data["models"]] == ["first", "second"]
    assert [row["tint"] for row in widget.data["rows"]] == [0, 1] * 3
    assert "second" in widget.static_text()


def test_a_study_keeps_its_unit_its_intervals_and_its_windows() -> None:
    widget = FeatureTimeline(Study([[1.0, 0.95, 0.3, 0.5]]))
    assert widget.data["unit"] == {"name": "tokens masked", "symbol": "m", "ou": False, "whole": False}
    (row,) = widget.data["rows"]
    assert row["half"] == {"value": 0.4, "low": 0.3, "high": 1.0}  # an open limit reaches to the last level
    assert row["start"] == {"value": 0.9, "low": 0.8, "high": 0.95}
    assert row["jumps"] == [[0.25, 0.5]]
    assert widget.data["t_max"] == 1.0
    np.testing.assert_allclose(array(widget.data["decided"]), [1.0, 0.9, -0.4, 0.0], rtol=1e-6)
    with pytest.raises(ValueError, match="clock is 'sigma', but levels are tokens masked, which have no OU time"):
        widget.clock = "sigma"
    assert "tokens masked" in widget.static_svg()


def test_a_study_with_ou_times_shares_the_clock_of_mixtures(curves: xr.Dataset) -> None:
    study = Study([[1.0, 0.95, 0.6, 0.5]], ou_times=[0.0, 1.0, 2.0, 4.0])
    widget = FeatureTimeline({"study": study, "mixture": curves}, clock="sigma")
    row = next(row for row in widget.timeline.rows if row.feature == "colour")
    assert row.half is not None
    assert row.half.value == pytest.approx(1.6)  # level 0.4 lies between 0.25 and 0.5
    assert widget.data["unit"]["ou"]


def test_retention_without_decisions_is_read_off_the_curves() -> None:
    data = Study([[1.0, 0.75, 0.5, 0.5], [1.0, 1.0, 1.0, 1.0]]).retention()
    first, second = FeatureTimeline(data).timeline.rows
    assert first.half is not None
    assert first.half.value == pytest.approx(0.25)
    assert first.half.low < 0.25 < first.half.high
    assert (second.state, second.note) == ("undecided", "half decided before the noisiest level")


def test_curves_over_another_unit_say_so_and_offer_no_clock(curves: xr.Dataset) -> None:
    hidden = curves.isel(time=slice(0, 9)).assign_coords(time=np.arange(9.0))
    hidden = hidden.assign_attrs(time_units="tokens hidden")
    widget = FeatureTimeline(hidden)
    assert widget.data["unit"] == {"name": "tokens hidden", "symbol": "h", "ou": False, "whole": True}
    assert widget.data["t_max"] == 8.0
    with pytest.raises(ValueError, match="source mixes clocks"):
        FeatureTimeline({"a": hidden, "b": curves})


def test_groups_of_a_study_are_models_of_one_feature() -> None:
    one = Study([[1.0, 0.75, 0.5, 0.5]]).retention()
    both = xr.concat([one, one], "group").assign_coords(group=["young", "old"])
    widget = FeatureTimeline(both)
    assert [model["name"] for model in widget.data["models"]] == ["young", "old"]
    assert [(row["feature"], row["model"]) for row in widget.data["rows"]] == [("colour", 0), ("colour", 1)]


def test_a_study_without_results_waits() -> None:
    widget = FeatureTimeline(Study([[np.nan] * 4]))
    (row,) = widget.data["rows"]
    assert (row["state"], row["note"], row["half"], row["start"]) == ("pending", "no results yet", None, None)
    assert "<svg" in widget.static_svg()


@pytest.mark.parametrize(
    ("source", "features", "error", "message"),
    [
        (3, None, TypeError, "source must be a mixture, a MixtureTree.*not int"),
        ({}, None, ValueError, "source is empty"),
        ({"a": {"b": 1}}, None, TypeError, r"source\['a'\] is a mapping"),
        ({"a": None}, None, TypeError, r"source\['a'\] must be .* not NoneType"),
        (xr.Dataset({"x": ("y", [1.0])}), None, ValueError, "source is a Dataset over y with x; it must be one of"),
        ("curves", ["sides"], ValueError, "features has no 'sides'; .*did you mean 'side'"),
        ("curves", {"side": SIDE}, TypeError, "features is a mapping, which labels components.*give names instead"),
        ("mixture", {"side": ["a"]}, ValueError, r"features\['side'\] must have one value per component \(4\)"),
        ("mixture", [], ValueError, "features is empty; name at least one"),
        ("mixed", None, ValueError, "source mixes clocks: 'm' is in OU time and 's' in tokens masked"),
    ],
)
def test_bad_sources_are_refused(
    source: Any, features: Any, error: type[Exception], message: str, curves: xr.Dataset, mixture: GaussianMixture
) -> None:
    known = {"curves": curves, "mixture": mixture, "mixed": {"m": curves, "s": Study([[1.0, 0.9, 0.6, 0.5]])}}
    with pytest.raises(error, match=message):
        FeatureTimeline(known[source] if isinstance(source, str) else source, features=features)


def test_too_many_rows_are_refused(curves: xr.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_timeline_data, "MAX_ROWS", 2)
    with pytest.raises(ValueError, match=r"source has 3 rows; at most 2 can be shown"):
        FeatureTimeline(curves)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("time", -0.1, r"time is -0\.1; it must be a level of the clock, or None"),
        ("time", float("nan"), r"time is nan"),
        ("clock", "sigmas", r"clock is 'sigmas'.*did you mean 'sigma'"),
        ("sort", "size", r"sort is 'size'; it must be one of 'time', 'given', 'name'"),
        ("curve", "decide", r"curve is 'decide'.*did you mean 'decided'"),
        ("theme", None, r"theme is None"),
        ("feature", "sides", r"feature is 'sides'; it must be '' or one of 'fine', 'side', 'same'"),
        ("selected", ["a"], r"selected holds 'a'; without a mixture it must hold component indices"),
        ("selected", [-1], r"selected holds -1"),
    ],
)
def test_bad_values_never_leave_python(widget: FeatureTimeline, name: str, value: Any, message: str) -> None:
    before = getattr(widget, name)
    for error in (ValueError, traitlets.TraitError):
        with pytest.raises(error, match=message):
            setattr(widget, name, value)
    assert getattr(widget, name) == before


def test_an_unknown_keyword_names_the_near_miss(curves: xr.Dataset) -> None:
    with pytest.raises(TypeError, match=r"FeatureTimeline takes no keyword 'colck'; did you mean 'clock'\?"):
        FeatureTimeline(curves, colck="t")


def test_it_links_with_the_tree(tree: MixtureTree) -> None:
    river, timeline = HierarchyTree(tree), FeatureTimeline(tree)
    for name in ("time", "clock", "theme", "selected"):
        traitlets.link((river, name), (timeline, name))
    river.time, river.clock, river.selected = 2.5, "sigma", [0, 1]
    assert (timeline.time, timeline.clock, timeline.selected) == (2.5, "sigma", (0, 1))
    timeline.selected = [tree.mixture.labels[3]]
    assert river.selected == (3,)


def test_a_study_streams_in_and_the_last_good_picture_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_timeline_follow, "_REST", 0.0)
    study = Study([[np.nan] * 4])
    study.results["status"][:] = 0
    widget = FeatureTimeline(study)
    end = widget.follow(study)
    assert widget.notice == "Study in progress: 0 of 8 cells done."
    study.values = np.array([[1.0, 0.9, 0.6, 0.5]])
    study.results["status"][0, :] = 1
    study.results["status"][1, 0] = 2
    widget._follower._next = 0.0  # type: ignore[union-attr]
    study.tell()
    assert widget.timeline.rows[0].state == "decided"
    assert widget.notice == "Study in progress: 5 of 8 cells done. 1 of 8 cells failed and do not count."
    good = widget.data
    study.retention = lambda: 1 / 0  # type: ignore[method-assign]
    study.results["status"][:] = 1
    study.tell()  # complete: drawn at once, however little time has passed
    assert widget.notice.startswith("The newest results could not be drawn (division by zero)")
    assert widget.data == good
    end()
    assert (study.ended, widget.notice) == (1, "")
    study.tell()
    assert widget.data == good


def test_following_one_model_among_several_and_what_cannot_be_followed(curves: xr.Dataset) -> None:
    study = Study([[1.0, 0.9, 0.6, 0.5]], ou_times=[0.0, 1.0, 2.0, 4.0])
    widget = FeatureTimeline({"mixture": curves})
    widget.follow(study, "study")
    assert [model["name"] for model in widget.data["models"]] == ["mixture", "study"]
    widget.close()
    assert study.ended == 1
    assert widget.data == {}
    with pytest.raises(TypeError, match=r"study must be a forward-reverse study with observe\(\), not Dataset"):
        FeatureTimeline(curves).follow(curves)
    with pytest.raises(ValueError, match="name is 'x', but the timeline shows one source without a name"):
        FeatureTimeline(curves).follow(study, "x")


def test_a_new_source_replaces_picture_and_selection_at_once(widget: FeatureTimeline, tree: MixtureTree) -> None:
    widget.feature, widget.selected = "fine", (1,)
    widget.source = Study([[1.0, 0.9, 0.6, 0.5]])
    assert (widget.feature, features_of(widget)) == ("", ["colour"])
    widget.source = tree
    assert widget.selected == ()
    assert widget.data["components"] == list(tree.mixture.labels)
    with pytest.raises(TypeError):
        widget.source = 3
    assert widget.source is tree


@pytest.mark.parametrize("curve", ["decided", "retention"])
def test_the_still_picture_is_text_only_whatever_the_labels(mixture: GaussianMixture, curve: str) -> None:
    names = [HOSTILE, "تسمية طويلة", "👩‍👩‍👧‍👦" * 40, " ", "l’été, très long " * 20]
    features = {name: [SIDE, FINE][i % 2] for i, name in enumerate(names)}
    widget = FeatureTimeline({HOSTILE: mixture, "b": mixture}, features=features, title=HOSTILE, curve=curve)
    bundle = widget.static_bundle()
    svg = ElementTree.fromstring(bundle["image/svg+xml"])
    tags = {element.tag.rpartition("}")[2] for element in svg.iter()}
    assert not tags & {"script", "foreignObject", "img"}
    assert not [name for element in svg.iter() for name in element.attrib if name.startswith("on")]
    words = "".join(svg.itertext())
    assert "(blank)" in words
    assert HOSTILE in words
    html = ElementTree.fromstring(bundle["text/html"].removesuffix(">") + "/>")
    assert set(html.attrib) == {"class", "style", "alt", "src"}
    assert "half decided at" in bundle["text/plain"]


def test_the_words_give_times_with_their_intervals(widget: FeatureTimeline) -> None:
    text = timeline_text(widget.timeline)
    lines = text.splitlines()
    assert lines[0] == "OU time t, from noise to data"
    assert [line.split()[0] for line in lines[2:]] == ["side", "fine", "same"]
    half = widget.timeline.rows[1].half
    assert half is not None
    assert f"{half.value:.3g}" in lines[2]


def test_a_page_of_its_own_carries_the_picture_live(curves: xr.Dataset, tmp_path: Path) -> None:
    page = to_html(FeatureTimeline(curves, title=HOSTILE, sort="name"), tmp_path / "page.html").read_text("utf-8")
    found = re.search(r'<script type="application/json" id="critwin-state-0">(.*?)</script>', page, re.DOTALL)
    assert found
    state = json.loads(found[1])
    assert (state["sort"], state["data"]["title"], len(state["data"]["rows"])) == ("name", HOSTILE, 3)
    assert state["data"]["levels"]["b64"]
    assert HOSTILE not in page
