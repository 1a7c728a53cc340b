"""What `BoundCurves` says around its figure; every label is escaped."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from critwin_widgets.export._axis import CLOCK_NAMES
from critwin_widgets.export.bound_data import BoundData
from critwin_widgets.export.bound_words import COLUMNS, bound_rows, bound_words, known_by, told

from ._bound_marks import STYLES
from ._curve_words import explanation

_ABOUT = (
    "a marked time, from noise to data",
    "OU time, with its interval",
    "distance from the target after noising to this time and denoising",
    "total variation at this time, plus what leaks out of the target",
    "what the theorem allows; – where it says nothing",
)


def bound_legend(data: BoundData, inks: dict[str, str]) -> str:
    """Samples of the lines with their names."""
    entries = [
        ("measured", f"measured ({known_by(data.measured_method)})"),
        ("sharp", f"sharp bound ({known_by(data.sharp_method)})"),
        ("theorem", f"theorem, {told(data.level)}" if data.applies else "theorem: says nothing at this ε"),
    ]
    if any(mark.rival for mark in data.marks()):
        entries.append(("rival", "other theories"))
    shown = "".join(
        f'<span><b style="color:{inks[kind]}" aria-hidden="true">{STYLES[kind][0]}</b> {escape(text)}</span>'
        for kind, text in entries
    )
    return f'<div class="critwin-curves-legend">{shown}</div>'


def axis_ends(clock: str, margin: Mapping[str, int]) -> str:
    """What stands below the time axis: its two ends and the clock; a narrow page breaks the line.

    Args:
        clock: One of the clocks.
        margin: Pixels beside the axis, "left" and "right".
    """
    style = f"margin:0 {margin['right']}px 0 {margin['left']}px"
    return (
        f'<div class="critwin-curves-ends" style="{style}">'
        f"<span>← noise</span><span>{escape(CLOCK_NAMES[clock])}</span><span>data →</span></div>"
    )


def bound_readout(data: BoundData, time: float | None) -> str:
    """The values at every marked time, and at the cursor, as an HTML table, and the picture in words."""
    head = "".join(
        f'<th scope="col" title="{escape(about)}">{escape(name)}</th>'
        for name, about in zip(COLUMNS, _ABOUT, strict=True)
    )
    rows = "".join(_row(row) for row in bound_rows(data, time))
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<div class="critwin-curves-readout">{table}</div>{explanation(bound_words(data))}'


def _row(row: tuple[str, ...]) -> str:
    name, *cells = row
    weight = ' style="font-weight:700"' if name == "cursor" else ""
    return f'<tr><th scope="row"{weight}>{escape(name)}</th>{"".join(f"<td>{escape(c)}</td>" for c in cells)}</tr>'
