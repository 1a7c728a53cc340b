"""What the picture of the bounds says, in words and as tables."""

import numpy as np

from ..theory import Time
from .bound_data import BoundData

COLUMNS = ("", "t", "measured", "sharp bound", "theorem")


def bound_words(data: BoundData) -> str:
    """The picture in a paragraph: where the theorem speaks, and how much less is true there."""
    text = f"Start in {data.init_name}, add noise up to time t, denoise: distance from {data.target_name}."
    if not data.applies:
        return f"{text} {_silence(data)}"
    until = f"and T_start = {told(data.t_start.value)}" if np.isfinite(data.t_start.value) else "and any later time"
    text += (
        f" At ε = {data.eps:.3g} the theorem allows at most {told(data.level)} "
        f"between T_end = {told(data.t_end.value)} {until}."
    )
    if not len(data.known):
        return text
    t = best_time(data)
    sharp, measured = float(data.at("sharp", t)), float(data.at("measured", t))
    where = "At the start time" if data.init == data.target else f"Where it is smallest, at t = {told(t)},"
    return (
        f"{text} {where} the sharp bound is {told(sharp)} and {told(measured)} is measured: the theorem is "
        f"{_times(data.level, measured)} too large, the sharp bound {_times(sharp, measured)}."
    )


def best_time(data: BoundData) -> float:
    """OU time between `T_end` and `T_start` at which the sharp bound is smallest; ``applies`` must hold.

    Whoever starts in the whole target has it smallest without any noise, which says nothing: then it is
    `T_start`, where it is largest.
    """
    end, start = data.theorem_span
    if data.init == data.target:
        return start
    t = np.linspace(end, start, 201)
    return float(t[int(np.argmin(data.at("sharp", t)))])


def bound_rows(data: BoundData, time: float | None = None) -> list[tuple[str, str, str, str, str]]:
    """What holds at every marked time, and at one more if asked: rows under `COLUMNS`, from noise to data."""
    asked = [(mark.time.value, mark.name, _interval(mark.time)) for mark in data.marks()]
    if data.applies and data.init != data.target:
        asked.append((best_time(data), "smallest sharp bound", told(best_time(data))))
    if time is not None:
        asked.append((time, "cursor", told(time)))
    rows = []
    for t, name, shown in sorted(asked, key=lambda row: -row[0]):
        theorem = told(data.level) if data.applies and data.t_end.value <= t <= data.t_start.value else "–"
        rows.append((name, shown, _value(data, "measured", t), _value(data, "sharp", t), theorem))
    return rows


def bound_table(data: BoundData) -> str:
    """`bound_rows` in plain text."""
    rows = [COLUMNS, *bound_rows(data)]
    wide = [max(len(row[j]) for row in rows) for j in range(len(COLUMNS))]
    return "\n".join("  ".join(f"{cell:<{w}}" for cell, w in zip(row, wide, strict=True)).rstrip() for row in rows)


def told(value: float) -> str:
    """A probability or a time in three digits; what is below 1e-30 is no more than that."""
    if 0 < abs(value) < 1e-30:
        return "< 1e−30"
    if value and abs(value) < 1e-3:
        return f"{value:.1e}".replace("e-0", "e−").replace("e-", "e−")
    return f"{value:.3g}"


def known_by(method: str) -> str:
    """How a curve is known; nothing yet is "not measured yet"."""
    return method or "not measured yet"


def _value(data: BoundData, name: str, t: float) -> str:
    value, low, high = (float(data.at(f"{name}{side}", t)) for side in ("", "_low", "_high"))
    if not np.isfinite(value):
        return "…"
    return told(value) if told(low) == told(high) else f"{told(value)} [{told(low)}, {told(high)}]"


def _interval(time: Time) -> str:
    if told(time.low) == told(time.high):
        return told(time.value)
    return f"{told(time.value)} [{told(time.low)}, {told(time.high)}]"


def _times(bound: float, value: float) -> str:
    if value * 1e4 < bound:
        return "more than 10,000 times"
    share = bound / value
    return f"{share:.1f} times" if share < 10 else f"{share:.0f} times"


def _silence(data: BoundData) -> str:
    at = f"At ε = {data.eps:.3g} the theorem says nothing:"
    if not data.t_start.exists:
        return f"{at} {data.target_name} is at no time told apart from the rest to within ε²."
    return (
        f"{at} noise makes the start like the target only above T_end = {told(data.t_end.value)}, "
        f"and the target is told apart from the rest only below T_start = {told(data.t_start.value)}."
    )
