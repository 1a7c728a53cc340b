"""The river's geometry is the measurement: widths are weights, gaps and colours are decided fractions."""

import numpy as np
import pytest

from critwin_widgets.export._axis import Axis, time_axis_of
from critwin_widgets.export._river_layout import gap_sizes, gradient_stops, river_layout
from critwin_widgets.export._svg import decimate, fit_text, number, spread, text_width
from critwin_widgets.export._theme import LIGHT
from critwin_widgets.export._tree_view import read_tree
from critwin_widgets.export.colours import to_oklab


@pytest.fixture(params=["scene_tree", "deep_tree"])
def laid_out(request):
    view = read_tree(request.getfixturevalue(request.param))
    axis = Axis("t", 0.01, float(view.times[-1]), 30.0, 800.0)
    return view, axis, river_layout(view, axis, LIGHT, 50.0, 300.0)


def test_stream_width_is_proportional_to_weight(laid_out):
    view, _, river = laid_out
    widths = river.bottom - river.top
    np.testing.assert_allclose(widths, widths[:, :1] * np.ones_like(widths), atol=1e-9)
    np.testing.assert_allclose(widths[:, 0] / widths[:, 0].sum(), view.weights, atol=1e-9)


def test_gaps_open_by_the_decided_fraction_of_the_split_between(laid_out):
    view, _, river = laid_out
    gaps, splits = gap_sizes(view, 300.0)
    for i, split in enumerate(splits):
        above, below = view.order[i], view.order[i + 1]
        assert {above, below} <= set(view.subsets[split])
        np.testing.assert_allclose(river.top[below] - river.bottom[above], gaps[i] * river.decided[split], atol=1e-9)


def test_the_river_stays_in_its_bed(laid_out):
    _, _, river = laid_out
    assert river.top.min() >= 50.0 - 1e-9
    assert river.bottom.max() <= 350.0 + 1e-9


def test_colours_start_together_and_end_as_the_leaves(laid_out):
    _, _, river = laid_out
    start = np.linalg.norm(river.colour[:, 0] - river.vertex_colour[0], axis=-1)
    assert start.max() < 0.02
    ends = river.colour[:, -1]
    apart = np.linalg.norm(ends[:, None] - ends[None], axis=-1)[~np.eye(len(ends), dtype=bool)]
    assert apart.min() > 0.03
    assert river.t[0] > river.t[-1]


@pytest.mark.parametrize("clock", ["t", "sigma", "alpha_bar", "log_snr"])
@pytest.mark.parametrize("t_max", [1.5, 8.0, 16.0])
def test_every_clock_runs_from_noise_to_data(clock, t_max):
    axis = Axis(clock, 0.01, t_max, 10.0, 500.0)
    t = axis.times(50)
    np.testing.assert_allclose(axis.x(t), np.linspace(10, 500, 50), atol=1e-6)
    assert (np.diff(t) < 0).all()
    np.testing.assert_allclose(t[[0, -1]], [t_max, axis.t_data], atol=1e-9)
    ticks = axis.ticks()
    assert 2 <= len(ticks) <= 14
    assert len({label for _, label in ticks}) == len(ticks)


def test_tick_values_are_where_they_say():
    axis = Axis("sigma", 0.01, 3.0, 0.0, 600.0)
    for x, label in axis.ticks():
        assert x == pytest.approx(float(axis.x(0.5 * np.log1p(float(label) ** 2))), abs=1e-6)


def test_the_axis_holds_everything_that_happens(scene_tree):
    axis = time_axis_of(scene_tree, "t", 0.0, 1.0)
    decided = np.nan_to_num(scene_tree.curves["decided"].values)
    assert (decided[:, scene_tree.times > axis.t_max] < 0.02).all()
    for half in scene_tree.features["half_time"].values:
        assert axis.t_min < half < axis.t_max


def test_spread_keeps_order_distance_and_bounds():
    wanted = [10.0, 11.0, 12.0, 50.0, 99.0]
    places = spread(wanted, 8.0, 0.0, 100.0)
    assert np.diff(places).min() >= 8.0 - 1e-9
    assert places[0] >= 0
    assert places[-1] <= 100
    assert spread([20.0, 60.0], 8.0, 0.0, 100.0) == [20.0, 60.0]
    assert spread([], 8.0, 0.0, 100.0) == []
    crowded = spread([0.0] * 30, 8.0, 0.0, 100.0)  # more than fit: evenly packed
    assert np.ptp(np.diff(crowded)) < 1e-9


def test_decimation_stays_within_its_tolerance():
    x = np.linspace(0, 300, 400)
    y = 80 * np.tanh((x - 150) / 40)
    points = np.column_stack([x, y])
    kept = decimate(points, 0.2)
    assert len(kept) < 60
    vertical = np.abs(np.interp(x, kept[:, 0], kept[:, 1]) - y)
    assert (vertical / np.hypot(1, np.gradient(y, x))).max() < 0.25  # across the line, not along it


def test_gradients_follow_the_colour_path():
    x = np.linspace(0, 1, 200)
    share = 1 / (1 + np.exp(-20 * (x - 0.5)))[:, None]
    colour = (1 - share) * to_oklab("#98a0ab") + share * to_oklab("#c9722e")
    stops = gradient_stops(x, colour)
    assert len(stops) < 16
    drawn = np.array([np.interp(x, [o for o, _ in stops], [to_oklab(c)[i] for _, c in stops]) for i in range(3)]).T
    assert np.linalg.norm(drawn - colour, axis=1).max() < 0.012


def test_text_is_cut_to_fit():
    assert fit_text("short", 12, 200) == "short"
    cut = fit_text("a very long label that cannot fit", 12, 80)
    assert cut.endswith("…")
    assert text_width(cut, 12) <= 80
    assert fit_text("", 12, 10) == ""


def test_numbers_are_short():
    assert [number(v) for v in (1.0, -0.04, 2.25, -3.5)] == ["1", "0", "2.2", "-3.5"]
