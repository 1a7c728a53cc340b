"""One colour for every vertex and one line style for every feature, in all our pictures.

The browser computes the same in ``js/src/lib/colour.ts`` and ``js/src/hierarchy_tree/layout.ts``; a
test holds the two together. Colours are OKLab (Ottosson 2020), where a half-way mix looks half-way.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal

import numpy as np

Scheme = Literal["light", "dark"]

ANCHORS = (
    "#c65f2b",
    "#e3a73a",
    "#c3b548",
    "#5f9a56",
    "#3fb39d",
    "#2f7f9e",
    "#5aa9e0",
    "#4a5fb4",
    "#8f7fd1",
    "#8b3f93",
    "#db7ba6",
)
"""Hues along one path, warm to cool to red. Neighbours differ in lightness as well as in hue, so that
the order survives the common colour-vision deficiencies."""
NEUTRAL: dict[str, str] = {"light": "#9aa0a8", "dark": "#6b727d"}
"""Water in which nothing is decided."""
PAPER: dict[str, str] = {"light": "#ffffff", "dark": "#15181d"}
"""Backgrounds of the static pictures."""
LINES: dict[str, tuple[str, ...]] = {
    "light": ("#1f2328", "#b0491c", "#1b66b5", "#1f7a4d", "#7a45b5", "#a8326f", "#6b5d00", "#00707a"),
    "dark": ("#e8eaed", "#f2a071", "#7db8f5", "#74cf9e", "#c3a3f5", "#f296c0", "#d6c55a", "#5ccad6"),
}
"""Line colours of features: readable as text (at least 4.5:1) on the page, told apart by dashes too."""
DASHES = ("", "6 3", "2 2.5", "9 3 2 3", "1.5 4", "12 4", "4 2", "")
"""Dash patterns of features and curves, as SVG's ``stroke-dasharray``; empty for a solid line."""


def feature_line(place: int, scheme: Scheme) -> tuple[str, str]:
    """Colour and ``stroke-dasharray`` of the feature at a place in the mixture's list of features."""
    return LINES[scheme][place % len(LINES[scheme])], dash(place)


def dash(place: int) -> str:
    """``stroke-dasharray`` of the curve at a place in its list: "none" for a solid line."""
    return DASHES[place % len(DASHES)] or "none"


def colours_of(tree: Any, scheme: Scheme) -> np.ndarray:
    """OKLab colour of every vertex of a ``MixtureTree``, ``(V, 3)``, as `tree_colours` hands them out."""
    vertices = tree.vertices
    place = {component: position for position, component in enumerate(tree.order)}
    spans = [(min(p), max(p)) for p in ([place[k] for k in v.subset] for v in vertices)]
    return tree_colours([v.children for v in vertices], spans, [v.weight for v in vertices], scheme)


def tree_colours(
    children: Sequence[Sequence[int]],
    spans: Sequence[tuple[int, int]],
    weights: Sequence[float],
    scheme: Scheme,
) -> np.ndarray:
    """OKLab colour of every vertex, ``(V, 3)``: leaves lie along the path of hues, parents are the mean.

    Args:
        children: Vertex → its children, with the root first and parents before children.
        spans: First and last place of every vertex's components in the stacking order.
        weights: Weight of every vertex.
        scheme: "light" or "dark".
    """
    count = spans[0][1] + 1
    heights = _heights(children)
    places = np.zeros(count)
    for position in range(1, count):
        height = heights[_holding_both(children, spans, position - 1, position)]
        places[position] = places[position - 1] + 1 + 2.2 * (height - 1)
    width = places[-1] or 1.0
    reach = min(1.0, 0.35 + 0.11 * count)  # few components keep to one side of the path
    colours = np.tile(to_oklab(NEUTRAL[scheme]), (len(children), 1))
    for vertex in range(len(children) - 1, 0, -1):
        first, last = spans[vertex]
        if children[vertex]:
            share = np.array([weights[kid] / weights[vertex] for kid in children[vertex]])
            colours[vertex] = share @ colours[list(children[vertex])]
        else:
            lift = (-1 if first % 2 == 0 else 1) * (0.045 if count > 12 else 0.02)
            colours[vertex] = hue_at(reach * (places[first] + places[last]) / 2 / width, scheme, lift)
    return colours


def hue_at(position: float, scheme: Scheme, lift: float = 0.0) -> np.ndarray:
    """OKLab colour at ``position`` in [0, 1] along the path of hues, made lighter by ``lift``."""
    at = min(1.0, max(0.0, position)) * (len(ANCHORS) - 1)
    i = min(len(ANCHORS) - 2, int(at))
    start, end = to_oklab(ANCHORS[i]), to_oklab(ANCHORS[i + 1])
    colour = start + (at - i) * (end - start)
    if scheme == "dark":
        colour[0] = colour[0] * 0.96 + 0.02
    colour[0] += lift
    return colour


def line_ink(lab: np.ndarray, *backgrounds: str) -> str:
    """A vertex's colour for a thin line: its hue, at the nearest lightness that stands off the page.

    Args:
        lab: OKLab colour.
        backgrounds: What it must reach 3:1 on (WCAG 2, non-text contrast): one, or a light and a dark.
    """
    best, least = to_hex(lab), 0.0
    for step in range(121):
        for shift in (-0.005 * step, 0.005 * step):
            ink = to_hex(np.array([np.clip(lab[0] + shift, 0.0, 1.0), lab[1], lab[2]]))
            reached = min(contrast(ink, background) for background in backgrounds)
            if reached >= 3.0:
                return ink
            if reached > least:
                best, least = ink, reached
    return best


def to_oklab(colour: str) -> np.ndarray:
    """``#rrggbb`` as OKLab ``(L, a, b)``."""
    return np.array(_oklab(colour))


@lru_cache(maxsize=256)
def _oklab(colour: str) -> tuple[float, ...]:
    return tuple(float(v) for v in _LMS_TO_LAB @ np.cbrt(_RGB_TO_LMS @ _linear(colour)))


def to_hex(lab: np.ndarray) -> str:
    """OKLab as ``#rrggbb``; a channel that no screen has is cut off."""
    linear = np.maximum(_LMS_TO_RGB @ (_LAB_TO_LMS @ np.asarray(lab, dtype=np.float64)) ** 3, 0.0)
    rgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return "#" + "".join(f"{int(255 * float(v) + 0.5):02x}" for v in np.clip(rgb, 0.0, 1.0))


def contrast(first: str, second: str) -> float:
    """WCAG contrast ratio of two colours, 1 to 21."""
    a, b = sorted((_luminance(first), _luminance(second)))
    return (b + 0.05) / (a + 0.05)


def text_on(colour: str) -> str:
    """White or black, whichever reads better on ``colour``: one of them reaches 4.5:1 on every colour."""
    return max(("#ffffff", "#000000"), key=lambda ink: contrast(ink, colour))


def _luminance(colour: str) -> float:
    return float(_linear(colour) @ [0.2126, 0.7152, 0.0722])


def _linear(colour: str) -> np.ndarray:
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def _heights(children: Sequence[Sequence[int]]) -> list[int]:
    """Splits below each vertex on the longest way down; 0 for leaves."""
    heights = [0] * len(children)
    for vertex in range(len(children) - 1, -1, -1):  # parents come before their children
        if children[vertex]:
            heights[vertex] = 1 + max(heights[kid] for kid in children[vertex])
    return heights


def _holding_both(children: Sequence[Sequence[int]], spans: Sequence[tuple[int, int]], first: int, second: int) -> int:
    """The deepest vertex whose components include both places of the stacking order."""
    vertex = 0
    while True:
        inside = [kid for kid in children[vertex] if spans[kid][0] <= first and second <= spans[kid][1]]
        if not inside:
            return vertex
        vertex = inside[0]


_RGB_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LMS_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_LAB_TO_LMS = np.array(
    [
        [1.0, 0.3963377774, 0.2158037573],
        [1.0, -0.1055613458, -0.0638541728],
        [1.0, -0.0894841775, -1.2914855480],
    ]
)
_LMS_TO_RGB = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)
