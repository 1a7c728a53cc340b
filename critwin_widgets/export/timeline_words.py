"""The timeline of features in words, and its numbers as a table in plain text."""

import numpy as np

from .timeline_rows import Interval, Timeline, TimelineRow, name_of

__all__ = ["row_words", "timeline_text", "timeline_words"]


def timeline_words(timeline: Timeline, sort: str = "time") -> str:
    """The picture in words: what is decided when."""
    parts = []
    for feature, rows in timeline.groups(sort):
        for row in rows:
            whose = f" ({timeline.models[row.model].name})" if len(timeline.models) > 1 else ""
            parts.append(f"{name_of(feature)}{whose}: {row_words(timeline, row)}.")
    return " ".join(parts)


def row_words(timeline: Timeline, row: TimelineRow) -> str:
    """One row in words."""
    if row.half is None:
        return row.note
    symbol = timeline.unit.symbol
    words = f"half decided at {symbol} = {_bracket(row.half)}"
    if row.start is not None and row.end is not None:
        words += f", being decided from {symbol} = {row.start.value:.3g} to {row.end.value:.3g}"
    if row.jumps:
        told = ", ".join(f"{high:.3g} to {low:.3g}" for low, high in row.jumps)
        words += f", critical window from {symbol} = {told}"
    return words


def timeline_text(timeline: Timeline, sort: str = "time") -> str:
    """The same numbers as a table in plain text."""
    many = len(timeline.models) > 1
    head = ["feature", *(["model"] if many else []), "half decided at", "from", "to", "chance", "known"]
    lines = [head]
    for feature, rows in timeline.groups(sort):
        for row in rows:
            model = timeline.models[row.model]
            half = row.note if row.half is None else _bracket(row.half)
            edges = ["–" if edge is None else f"{edge.value:.3g}" for edge in (row.start, row.end)]
            chance = "–" if not np.isfinite(row.chance) else f"{row.chance:.2f}"
            lines.append([name_of(feature), *([model.name] if many else []), half, *edges, chance, model.method])
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    table = ["  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines]
    unit = timeline.unit
    return "\n".join([f"{unit.name} {unit.symbol}, from noise to data" if unit.ou else unit.name, *table])


def _bracket(found: Interval) -> str:
    value, low, high = (f"{x:.3g}" for x in (found.value, found.low, found.high))
    return value if low == value == high else f"{value} [{low}, {high}]"
