"""Trees of masked tokens in widgets, still pictures and records: their own unit, and no other clock."""

import json
import re

import pytest
import traitlets

import critwin_widgets as cw
from critwin_widgets.export.records import tree_record, write_csv
from critwin_widgets.export.svg import dendrogram_svg, river_svg

COINS = cw.processes.OrderedMasking(cw.TokenMixture.coins([0.1, 0.5, 0.9], 40))
STRINGS = cw.processes.RandomMasking(cw.TokenMixture.strings(["aaab", "aaaa", "bbbb"]))


@pytest.fixture(scope="module", params=["hidden", "masked"])
def kind(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def tree(kind):
    return cw.mixture_tree(COINS if kind == "hidden" else STRINGS, eps=0.2)


def texts(svg: str) -> str:
    """All that a picture says."""
    return " ".join(re.findall(r">([^<>]+)<", svg))


def test_a_tree_is_shown_in_its_own_unit(tree, kind):
    widget = cw.HierarchyTree(tree)
    assert widget.clock == kind
    assert widget.data["clocks"] == [kind]
    assert widget.data["t_max"] == tree.process.index.noise
    assert tree.index.name in widget.static_text()
    for view in ("river", "dendrogram"):
        widget.view = view
        said = texts(widget.static_svg())
        assert f"noise level, as {tree.index.name}" in said
        assert "time t" not in said
        assert f"{tree.index.symbol} = " in said
    with pytest.raises(traitlets.TraitError, match=f"must be one of '{kind}': the times of this tree are"):
        widget.clock = "sigma"
    widget.close()


def test_whole_levels_have_whole_ticks_and_words():
    svg = river_svg(cw.mixture_tree(COINS, eps=0.2))
    levels = re.findall(r"h = ([\d.]+)", svg)
    assert len(levels) > 5
    assert all(level.rstrip(".").isdigit() for level in levels)
    small = cw.mixture_tree(cw.processes.OrderedMasking(cw.TokenMixture.strings(["ab", "ba"])), eps=0.2)
    assert {"0", "1", "2"} <= set(re.findall(r">(\d)<", dendrogram_svg(small)))
    assert not re.search(r">\d\.\d+<", dendrogram_svg(small).replace(">0.50<", ""))


def test_a_process_can_be_given_in_place_of_its_tree():
    widget = cw.HierarchyTree(STRINGS, eps=0.2)
    assert widget.tree.process is STRINGS
    assert widget.mixture is STRINGS.mixture
    widget.close()


def test_another_tree_brings_its_own_clock():
    widget = cw.HierarchyTree(cw.mixture_tree(COINS, eps=0.2), time=30)
    widget.tree = cw.GaussianMixture([[0.0], [6.0]], [1.0, 1.0])
    assert (widget.clock, widget.time) == ("t", None)
    widget.clock = "log_snr"
    widget.tree = STRINGS
    assert widget.clock == "masked"
    with pytest.raises(ValueError, match="must be one of 't', 'sigma', 'alpha_bar', 'log_snr'"):
        cw.HierarchyTree(cw.GaussianMixture([[0.0], [6.0]], [1.0, 1.0]), clock="hidden")
    widget.close()


def test_curves_have_the_unit_too(tree, kind):
    widget = cw.SeparationCurves(tree)
    assert widget.clock == kind
    said = texts(widget.static_svg())
    assert f"noise level, as {tree.index.name}" in said
    assert "(t)" not in widget.static_text()
    widget.time = tree.times[1]
    widget.eps = 0.4
    widget.tree = cw.GaussianMixture([[0.0], [6.0]], [1.0, 1.0])
    assert widget.clock == "t"
    widget.close()


def test_records_name_the_unit(tree):
    record = tree_record(tree)
    assert record["settings"]["time_units"] == tree.index.name
    assert record["mixture"]["alphabet"] == list(tree.mixture.alphabet)
    assert record["mixture"]["dimension"] == tree.mixture.length
    json.dumps(record, allow_nan=False)
    assert tree.index.name in write_csv(tree).splitlines()[1]


def test_a_clock_that_does_not_fit_is_refused_in_pictures(tree, kind):
    with pytest.raises(ValueError, match=f"must be one of '{kind}'. The times of this tree are"):
        river_svg(tree, clock="sigma")
    with pytest.raises(ValueError, match="clock is 'noon'"):
        dendrogram_svg(tree, clock="noon")
