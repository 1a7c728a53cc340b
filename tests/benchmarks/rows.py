"""What a benchmark says: a row with a ratio, because times alone say little on another machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One measured figure.

    Attributes:
      name: what was measured.
      value: the figure.
      unit: its unit, for example "ms".
      peer: what it is compared with, and that thing's own figure.
      ratio: the figure over the peer's.
      limit: the largest ratio that is acceptable, or None where there is no promise.
    """

    name: str
    value: float
    unit: str
    peer: str
    ratio: float
    limit: float | None = None

    @property
    def kept(self) -> bool:
        """Whether the promise is kept; a row without one always keeps it."""
        return self.limit is None or self.ratio <= self.limit


def table(rows: Sequence[Row]) -> str:
    """The rows as aligned text, the promise and whether it is kept last."""
    head = ("measured", "value", "compared with", "ratio", "limit", "")
    lines = [head]
    for row in rows:
        limit = "" if row.limit is None else f"{row.limit:g}"
        verdict = "" if row.limit is None else ("kept" if row.kept else "BROKEN")
        lines.append((row.name, f"{row.value:.3g} {row.unit}", row.peer, f"{row.ratio:.3g}", limit, verdict))
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
