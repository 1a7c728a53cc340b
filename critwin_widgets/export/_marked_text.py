"""A long text in a small place: wrapped into lines, with marked pieces in view and the rest cut short."""

import re
from dataclasses import dataclass
from itertools import pairwise

from ._svg import clean, tag, text_width
from ._theme import Theme

SIZE, LINE = 12.0, 16.0
SPACE = 4.2


@dataclass(frozen=True)
class Word:
    """A word, the number of the piece it is in (0 for none), and whether a space comes before it."""

    text: str
    piece: int
    spaced: bool


def words_of(text: str, pieces: list[tuple[int, int]]) -> list[Word]:
    """The words of a text; a piece `(start, end)` of it has its place in the list, from 1, as its number."""
    cuts = sorted({0, len(text), *(edge for piece in pieces for edge in piece)})
    words, spaced = [], False
    for start, end in pairwise(cuts):
        number = next((i for i, (a, b) in enumerate(pieces, 1) if a <= start < b), 0)
        for part in re.findall(r"\s+|\S+", text[start:end]):
            if part.isspace():
                spaced = True
            else:
                words.append(Word(clean(part), number, spaced and bool(words)))
                spaced = False
    return words


def fitted(words: list[Word], width: float, lines: int) -> list[list[Word]]:
    """Lines of words, as many as there may be; what is not in or beside a piece goes first."""
    marked = any(word.piece for word in words)
    for room in (None, 24, 14, 8, 4, 2):
        found = wrapped(words if room is None else _shortened(words, room, marked), width)
        if len(found) <= lines:
            return found
        if not marked:
            break
    found = found[:lines]
    found[-1] = [*found[-1][:-1], Word("…", 0, True)]
    return found


def _shortened(words: list[Word], room: int, marked: bool) -> list[Word]:
    """At most so many words at each side of a piece, and so many at each end of one."""
    runs: list[list[Word]] = []
    for word in words:
        if runs and runs[-1][0].piece == word.piece:
            runs[-1].append(word)
        else:
            runs.append([word])
    found: list[Word] = []
    for i, run in enumerate(runs):
        first, last = i == 0, i == len(runs) - 1
        outer = run[0].piece == 0
        head = 0 if outer and first else room
        tail = 0 if outer and last else room
        if len(run) <= head + tail + 1:
            found += run
        else:
            found += [*run[:head], Word("…", run[0].piece, True), *run[len(run) - tail :]]
    return found


def wrapped(words: list[Word], width: float) -> list[list[Word]]:
    """Words in lines; one wider than a line is broken."""
    lines: list[list[Word]] = [[]]
    used, named = 0.0, set()
    for word in words:
        for i, part in enumerate(_broken(word.text, width)):
            spaced = word.spaced and i == 0
            wide = room_of(part, bool(word.piece)) + (SPACE if spaced else 0.0)
            if word.piece and word.piece not in named:
                named.add(word.piece)
                wide += SIZE + 5.0  # its number
            if lines[-1] and (used + wide > width) and (spaced or i > 0 or len(lines[-1]) > 3):
                lines.append([])
                used = 0.0
            lines[-1].append(Word(part, word.piece, spaced and bool(lines[-1])))
            used += wide
    return lines if lines[0] else []


def room_of(text: str, bold: bool) -> float:
    """A generous width of a word in pixels: capitals and bold type take more."""
    capitals = sum(letter.isupper() or letter in "mwMW@%" for letter in text)
    return (text_width(text, SIZE) + 0.2 * SIZE * capitals) * (1.1 if bold else 1.0)


def _broken(text: str, width: float) -> list[str]:
    parts, start = [], 0
    while start < len(text):
        end = start + 1
        while end < len(text) and room_of(text[start : end + 1], True) <= width - SIZE - 5.0:
            end += 1
        parts.append(text[start:end])
        start = end
    return parts


def draw_lines(lines: list[list[Word]], x: float, y: float, theme: Theme) -> str:
    """The lines from a baseline on; pieces are bold, underlined and led by their number."""
    parts, named = [], set()
    for i, line in enumerate(lines):
        spans = []
        for word in line:
            space = " " if word.spaced else ""
            if not word.piece:
                spans.append(tag("tspan", {"fill": theme.muted}, text=space + word.text))
                continue
            if word.piece not in named:
                named.add(word.piece)
                mark = {"font_weight": "700", "fill": theme.ink}
                spans.append(tag("tspan", mark, text=f"{space}{numeral(word.piece)}\u2009"))
                space = ""
            style = {"font_weight": "700", "fill": theme.accent, "text_decoration": "underline"}
            spans.append((tag("tspan", text=space) if space else "") + tag("tspan", style, text=word.text))
        place = {"x": x, "y": y + LINE * i, "font_size": SIZE, "xml:space": "preserve"}
        parts.append(tag("text", place, *spans))
    return "".join(parts)


def numeral(number: int) -> str:
    """A number in a circle up to 20, else in brackets."""
    return chr(0x2460 + number - 1) if number <= 20 else f"({number})"
