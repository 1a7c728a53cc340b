"""Writing SVG by hand: escaping, numbers, paths, and where text fits."""

import math
from collections.abc import Iterable, Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

import numpy as np

FONT = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"


def clean(text: object) -> str:
    """Text that XML 1.0 can hold: control characters and lone surrogates become U+FFFD."""
    return "".join(c if _allowed(ord(c)) else "\ufffd" for c in str(text))


def _allowed(code: int) -> bool:
    return code in (9, 10, 13) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000


def number(value: float) -> str:
    """A coordinate with one decimal and no trailing zeros."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def tag(name: str, attributes: Mapping[str, object] | None = None, *children: str, text: object = None) -> str:
    """One element. Attribute names are written with ``_`` for ``-``; ``text`` is escaped, children are not."""
    parts = [f"<{name}"]
    for key, value in (attributes or {}).items():
        if value is not None:
            shown = number(float(value)) if isinstance(value, (float, np.floating)) else clean(value)
            parts.append(f" {key.replace('_', '-')}={quoteattr(shown)}")
    body = "".join(children) + ("" if text is None else escape(clean(text)))
    parts.append(f">{body}</{name}>" if body else "/>")
    return "".join(parts)


def document(width: float, height: float, *children: str, title: str, description: str, background: str) -> str:
    """A whole SVG file with an accessible name and description."""
    attributes = {
        "xmlns": "http://www.w3.org/2000/svg",
        "viewBox": f"0 0 {number(width)} {number(height)}",
        "width": number(width),
        "height": number(height),
        "role": "img",
        "font_family": FONT,
    }
    return tag(
        "svg",
        attributes,
        tag("title", text=title),
        tag("desc", text=description),
        tag("rect", {"width": "100%", "height": "100%", "rx": "6", "fill": background}),
        *children,
    )


def polyline(points: np.ndarray, *, close: bool = False) -> str:
    """Path data through points of shape ``(n, 2)``."""
    steps = [f"{number(x)} {number(y)}" for x, y in points]
    return "M" + "L".join(steps) + ("Z" if close else "")


def decimate(points: np.ndarray, tolerance: float = 0.2) -> np.ndarray:
    """Drop points that lie within ``tolerance`` pixels of the line through the kept ones.

    Ramer–Douglas–Peucker; points are ``(n, 2)``.
    """
    keep = np.zeros(len(points), dtype=bool)
    keep[[0, -1]] = True
    pending = [(0, len(points) - 1)]
    while pending:
        first, last = pending.pop()
        if last - first < 2:
            continue
        start, chord = points[first], points[last] - points[first]
        inside = points[first + 1 : last] - start
        length = math.hypot(*chord) or 1.0
        distance = np.abs(inside[:, 0] * chord[1] - inside[:, 1] * chord[0]) / length
        worst = int(distance.argmax())
        if distance[worst] > tolerance:
            middle = first + 1 + worst
            keep[middle] = True
            pending += [(first, middle), (middle, last)]
    return points[keep]


def text_width(text: str, size: float) -> float:
    """A generous estimate of a text's width in pixels; wide scripts count double."""
    return size * sum(1.0 if ord(c) > 0x2E7F else 0.34 if c in " .,:;'il|·!()[]" else 0.6 for c in text)


def fit_text(text: str, size: float, room: float) -> str:
    """The text, cut with an ellipsis where it is wider than ``room`` pixels."""
    text = clean(text)
    if text_width(text, size) <= room:
        return text
    while text and text_width(text + "…", size) > room:
        text = text[:-1]
    # A joiner left at the end would tie the ellipsis to what it follows.
    return text.rstrip().rstrip("\u200d") + "…"


class Boxes:
    """Rectangles already taken, so that labels do not run into each other."""

    def __init__(self) -> None:
        self._taken: list[tuple[float, float, float, float]] = []

    def free(self, x0: float, y0: float, x1: float, y1: float) -> bool:
        """Whether nothing taken overlaps the rectangle."""
        return all(x1 <= a or x0 >= c or y1 <= b or y0 >= d for a, b, c, d in self._taken)

    def take(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """Mark a rectangle as taken."""
        self._taken.append((x0, y0, x1, y1))

    def place(self, candidates: Iterable[tuple[float, float, float, float]]) -> tuple[float, float] | None:
        """Take the first free candidate ``(x0, y0, width, height)`` and return its corner, or None."""
        for x, y, w, h in candidates:
            if self.free(x, y, x + w, y + h):
                self.take(x, y, x + w, y + h)
                return x, y
        return None


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Positions nearest to increasing ``wanted`` ones with at least ``gap`` between them, in [low, high].

    Pool-adjacent-violators on ``wanted[i] − i·gap``. When all do not fit the gap shrinks to fit.
    """
    count = len(wanted)
    if count == 0:
        return []
    gap = min(gap, (high - low) / max(count - 1, 1))
    blocks: list[list[float]] = []  # [mean, size]
    for i, value in enumerate(wanted):
        blocks.append([value - i * gap, 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            mean, size = blocks.pop()
            blocks[-1][0] = (blocks[-1][0] * blocks[-1][1] + mean * size) / (blocks[-1][1] + size)
            blocks[-1][1] += size
    levels = [mean for mean, size in blocks for _ in range(int(size))]
    top = high - (count - 1) * gap
    return [min(max(level, low), top) + i * gap for i, level in enumerate(levels)]
