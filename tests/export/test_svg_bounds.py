"""The picture of the bounds: its numbers are the theory's, its words are true, its labels are clear of each other."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from critwin_widgets.engine import GaussianMixture
from critwin_widgets.export.bound_data import at_eps, bound_data, measuring
from critwin_widgets.export.bound_words import COLUMNS, best_time, bound_rows, bound_table, bound_words, told
from critwin_widgets.export.colours import PAPER, contrast
from critwin_widgets.export.rival_marks import Mark
from critwin_widgets.export.svg_bounds import STROKES, _above, bound_inks, bounds_svg, flag_rows
from critwin_widgets.theory import Time, end_time, measured_distance, sharp_bound, start_time, theorem_bound

SVG = "{http://www.w3.org/2000/svg}"
MIXTURE = GaussianMixture([[-60.0], [-57.0], [60.0]], [1.0, 1.0, 1.0], labels=["a", "b", "<c>"])


def complete(data, **options):
    for found in measuring(data, **options):
        data = found
    return data


@pytest.fixture(scope="module")
def data():
    return complete(bound_data(MIXTURE, ["a"], ["a", "b"], 0.1, n_training=50))


def test_the_numbers_are_those_of_the_theory(data):
    some = data.measured_times[::13]
    np.testing.assert_allclose(data.measured[::13], measured_distance(MIXTURE, [0], [0, 1], some).value, atol=1e-12)
    np.testing.assert_allclose(data.sharp[::20], sharp_bound(MIXTURE, [0], [0, 1], data.times[::20]).value, atol=1e-9)
    assert data.level == theorem_bound(MIXTURE, [0, 1], 0.1)
    assert data.t_end == end_time(MIXTURE, [0], [0, 1], 0.1)
    assert data.t_start == start_time(MIXTURE, [0, 1], 0.1)
    assert (data.measured_method, data.sharp_method) == ("exact", "exact")


def test_measured_is_below_sharp_is_below_the_theorem(data):
    t = np.linspace(*data.theorem_span, 50)
    assert (data.at("measured", t) <= data.at("sharp", t)).all()
    assert (data.at("sharp", t) <= data.level).all()
    every = data.measured_times
    assert (data.measured <= data.at("sharp", every) + 1e-9).all()


def test_the_measured_curve_grows_from_rough_to_fine(data):
    shares, bare = [], bound_data(MIXTURE, ["a"], ["a", "b"], 0.1)
    assert np.isnan(bare.at("measured", [1.0])).all()
    for found in measuring(bare):
        shares.append(found.done)
        assert {0, len(found.measured_times) - 1} <= set(found.known)  # the ends first
        if len(shares) == 2:
            gaps = np.diff(found.known)
            assert gaps.max() <= 2 * len(found.measured_times) / len(found.known) + 2
            kept = found
            break
    (rest, *_) = (list(measuring(kept))[-1:],)
    np.testing.assert_allclose(rest[0].measured, data.measured, atol=1e-9)
    assert list(measuring(data)) == []  # nothing left to do


def test_another_eps_moves_the_theorem_alone(data):
    moved = at_eps(data, 0.3)
    assert moved.measured is data.measured
    assert moved.sharp is data.sharp
    assert moved.level == theorem_bound(MIXTURE, [0, 1], 0.3)
    assert (moved.t_end, moved.t_start) == (
        end_time(MIXTURE, [0], [0, 1], 0.3),
        start_time(MIXTURE, [0, 1], 0.3),
    )


def test_the_rivals_are_those_of_the_mixture(data):
    found = {mark.name: mark for mark in data.rivals}
    variance = np.average(np.square([-60, -57, 60] - np.mean([-60, -57, 60]))) + 1
    assert found["speciation"].time.value == pytest.approx(0.5 * np.log(variance), abs=1e-9)
    assert found["collapse"].time.value == pytest.approx(0.5 * np.log1p(1 / (50**2 - 1)), abs=1e-9)
    assert [mark.name for mark in data.marks()][:2] == ["end time", "start time"]
    assert all(mark.time.value <= data.times[-1] for mark in data.marks())


def test_starting_in_the_whole_target_leaves_the_one_wall_that_there_is():
    far = bound_data(GaussianMixture([[-20.0], [20.0]], [1.0, 1.0]), [0], [0], 0.1)
    assert [mark.symbol for mark in far.marks()] == ["T_start", "speciation", "symmetry"]
    assert best_time(far) == far.t_start.value
    done = replace(far, measured=np.full(len(far.measured_times), 1e-300), measured_low=far.measured)
    assert "At the start time the sharp bound is" in bound_words(done)
    assert "more than 10,000 times too large" in bound_words(done)
    assert told(1e-300) == "< 1e−30"


def test_the_words_tell_where_the_theorem_speaks(data):
    words = bound_words(data)
    assert "at most 0.171 between T_end = 1.78 and T_start = 3.13" in words
    t = best_time(data)
    assert f"the theorem is {data.level / float(data.at('measured', t)):.0f} times too large" in words
    assert "says nothing: noise makes the start like the target only above T_end" in bound_words(at_eps(data, 0.005))
    close = GaussianMixture([[-1.0], [1.0]], [1.0, 1.0])
    assert "is at no time told apart from the rest" in bound_words(bound_data(close, [0], [0], 0.1))
    whole = bound_data(close, [0], [0, 1], 0.1)
    assert "and any later time" in bound_words(whole)
    assert whole.applies
    assert whole.theorem_span[1] == whole.times[-1]


def test_the_table_has_every_marked_time_from_noise_to_data(data):
    rows = bound_rows(data, 2.5)
    assert [row[0] for row in rows] == [
        "speciation",
        "start time",
        "smallest sharp bound",
        "cursor",
        "end time",
        "collapse",
    ]
    assert [row[4] for row in rows] == ["–", "0.171", "0.171", "0.171", "0.171", "–"]
    assert rows[3][2] == told(float(data.at("measured", 2.5)))
    lines = bound_table(data).splitlines()
    assert lines[0].split() == " ".join(COLUMNS).split()
    assert len(lines) == 6


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("clock", ["t", "sigma", "alpha_bar", "log_snr"])
@pytest.mark.parametrize("width", [360, 800, 1400])
@pytest.mark.parametrize("eps", [0.1, 0.005])
def test_the_picture_is_valid_and_nothing_collides(data, theme, clock, width, eps):
    source = bounds_svg(at_eps(data, eps), theme=theme, clock=clock, width=width)
    root = ElementTree.fromstring(source)
    assert "nan" not in re.sub(r">[^<]*<", "><", source)
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", source)
    boxes = list(texts(root))
    for i, (first, a0, b0, a1, b1) in enumerate(boxes):
        assert a0 >= -1, first
        assert a1 <= width + 1, first
        assert b1 <= float(root.get("height")), first
        for second, c0, d0, c1, d1 in boxes[i + 1 :]:
            assert a1 <= c0 or c1 <= a0 or b1 <= d0 or d1 <= b0, (first, second)


def texts(root):
    for node in root.iter(f"{SVG}text"):
        size, x, y = (float(node.get(key)) for key in ("font-size", "x", "y"))
        wide = 0.5 * size * len(node.text or "")
        shift = {"middle": wide / 2, "end": wide}.get(node.get("text-anchor"), 0.0)
        yield node.text, x - shift, y - 0.72 * size, x - shift + wide, y + 0.1 * size


def test_an_incomplete_curve_is_left_out(data):
    bare = bound_data(MIXTURE, ["a"], ["a", "b"], 0.1)
    source = bounds_svg(bare)
    assert "not measured yet" in source
    assert "<title>measured distance</title>" not in source
    assert "<title>measured distance</title>" in bounds_svg(data)


def test_intervals_are_drawn_as_bands(data):
    low, high = 0.8 * data.measured, 1.2 * data.measured
    vague = replace(data, measured_low=low, measured_high=high, t_end=Time(1.8, 1.6, 2.0, "reached", "estimated"))
    assert bounds_svg(vague).count('fill-opacity="0.16"') == 1 + bounds_svg(data).count('fill-opacity="0.16"')
    assert "1.8 [1.6, 2]" in bound_table(vague)


def test_a_curve_below_the_axis_is_not_drawn_along_its_edge(data):
    x, y = np.arange(8.0), np.array([3.0, 9, 9, 9, 5, 4, 9, 9])
    assert _above(x, y, 9.0) == "M0 3L1 9M3 9L4 5L5 4L6 9"
    assert _above(x, np.full(8, 9.0), 9.0) == ""
    assert _above(x, x, 9.0) == "M0 0L7 7"


def test_lines_are_told_apart_without_colour_and_readable_on_the_page():
    assert len(set(STROKES.values())) == 4
    for theme, pages in (("light", ["light"]), ("dark", ["dark"]), ("auto", ["light", "dark"])):
        for ink in bound_inks(theme).values():
            assert all(contrast(ink, PAPER[page]) >= 4.0 for page in pages), (theme, ink)


def test_labels_with_markup_are_text(data):
    hostile = complete(bound_data(MIXTURE, ["<c>"], ["<c>", "b"], 0.1), n=16)
    assert "<c>" not in bounds_svg(hostile)
    assert "{<c>}" in "".join(ElementTree.fromstring(bounds_svg(hostile)).itertext())


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0.05, 0.4)), min_size=0, max_size=6),
)
def test_no_line_runs_through_a_label(marks):
    marks = sorted(marks)
    places, widths = [place for place, _ in marks], [width for _, width in marks]
    rows, flipped = flag_rows(places, widths, 1.1)
    spans = [(x - w, x) if left else (x, x + w) for x, w, left in zip(places, widths, flipped, strict=True)]
    for i, (low, high) in enumerate(spans):
        assert high <= 1.1 + 1e-9 or low >= 0 or flipped[i]
        for j, place in enumerate(places):
            if i == j:
                continue
            # A line as high as this label's row or higher must stay out of the label.
            if rows[j] >= rows[i]:
                assert not low < place < high, (i, j)
            if rows[i] == rows[j]:
                other = spans[j]
                assert high <= other[0] or other[1] <= low, (i, j)


@pytest.mark.parametrize(
    ("init", "target", "eps", "message"),
    [
        ([], ["a"], 0.1, "init"),
        (["a"], [], 0.1, "target"),
        (["nobody"], ["a"], 0.1, "init has the unknown label 'nobody'"),
        (["b"], ["a"], 0.1, "init must lie inside target"),
        (["a"], ["a"], 0.0, "eps"),
        (["a"], ["a"], 1.0, "eps"),
        (["a"], ["a"], float("nan"), "eps"),
        ([7], ["a"], 0.1, "init"),
    ],
)
def test_bad_input_is_named(init, target, eps, message):
    with pytest.raises(ValueError, match=message):
        bound_data(MIXTURE, init, target, eps)


@pytest.mark.parametrize(("options", "message"), [({"width": 200}, "width"), ({"theme": "blue"}, "theme")])
def test_bad_settings_of_the_picture_are_named(data, options, message):
    with pytest.raises(ValueError, match=message):
        bounds_svg(data, **options)


def test_marks_know_what_they_are(data):
    assert all(isinstance(mark, Mark) and mark.about for mark in data.marks())
