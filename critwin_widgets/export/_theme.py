"""Colours of the static pictures: two themes, and hues handed out along the tree."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Theme:
    """Colours as ``#rrggbb``."""

    background: str
    ink: str
    muted: str
    rule: str
    grey: str  # water in which nothing is decided
    accent: str
    lightness: float  # of the streams, OKLab L
    lines: tuple[str, ...]  # for curves, told apart by dash as well


LIGHT = Theme(
    background="#ffffff",
    ink="#1c2026",
    muted="#5c636d",
    rule="#c9ced6",
    grey="#98a0ab",
    accent="#c2304a",
    lightness=0.64,
    lines=("#1c2026", "#b5480f", "#1b6ca8", "#7a3e9d", "#2d7d46", "#8a6d00"),
)
DARK = Theme(
    background="#15181d",
    ink="#eceff3",
    muted="#a3abb7",
    rule="#3d444e",
    grey="#6d7581",
    accent="#ff7d90",
    lightness=0.68,
    lines=("#eceff3", "#ff9f6b", "#72bdf2", "#cfa0ec", "#7ed19a", "#e3c655"),
)
EITHER = ("#c8571b", "#2b7fc4", "#9a5bc0", "#2c8f4f", "#b3822a", "#d0487f")
"""Line colours that reach 3:1 on white and on black, where the page's theme is not known."""
DASHES = ("none", "7 3", "2 3", "9 3 2 3", "4 2", "1 2")


def theme_named(name: str) -> Theme:
    """The theme called ``"light"`` or ``"dark"``.

    Raises:
        ValueError: For any other name.
    """
    if name not in ("light", "dark"):
        raise ValueError(f"theme is {name!r}; a static picture is 'light' or 'dark'.")
    return LIGHT if name == "light" else DARK


def tree_colours(children: Sequence[Sequence[int]], weights: Sequence[float], theme: Theme) -> np.ndarray:
    """OKLab colour of every vertex, shape ``(V, 3)``.

    The hue circle is divided along the tree, so relatives look related; from the third level on
    siblings differ in lightness instead, where hues would be too close to tell apart.

    Args:
        children: Vertex → its children, with the root first and parents before children.
        weights: Weight of every vertex; heavier branches get more of the circle.
        theme: Gives the water's grey and the mean lightness.
    """
    colours = np.zeros((len(children), 3))
    colours[0] = to_oklab(theme.grey)
    leaves = _leaf_counts(children)
    crowd = len(children[0])
    # Two branches get opposite halves, warm and cool; more share the circle by their numbers of leaves.
    widths = [215.0] * crowd if crowd == 2 else [360.0 * leaves[kid] / leaves[0] for kid in children[0]]
    # (vertex, centre of its hues in degrees, their span, lightness, depth)
    pending: list[tuple[int, float, float, float, int]] = []
    centre = 62.0 - 0.5 * widths[0] if crowd else 0.0
    for j, (kid, width) in enumerate(zip(children[0], widths, strict=True)):
        span = min(0.8 * width, max(76.0, 26.0 * leaves[kid]))
        shade = 0.045 * (-1) ** j if crowd > 4 else 0.0  # crowded neighbours also alternate in lightness
        pending.append((kid, centre + 0.5 * width, span, shade, 1))
        centre += width
    while pending:
        vertex, centre, span, shade, depth = pending.pop()
        colours[vertex] = _water(centre, theme.lightness + shade)
        kids = children[vertex]
        # The square root keeps a light branch from being squeezed to no hue at all.
        share = np.sqrt([max(weights[k], 1e-9) for k in kids])
        middles = (np.cumsum(share) - 0.5 * share) / (share.sum() or 1.0) - 0.5
        for middle, part, kid in zip(middles, share / (share.sum() or 1.0), kids, strict=True):
            lift = shade + (0.17 * float(middle) if depth >= 2 else 0.0)
            turn = span * float(middle) * (1.0 if depth < 2 or len(kids) > 2 else 0.4)
            pending.append((kid, centre + turn, 0.8 * span * float(part), lift, depth + 1))
    return colours


def _leaf_counts(children: Sequence[Sequence[int]]) -> list[int]:
    counts = [1] * len(children)
    for vertex in reversed(range(len(children))):  # parents come before their children
        if children[vertex]:
            counts[vertex] = sum(counts[kid] for kid in children[vertex])
    return counts


def _water(hue: float, lightness: float) -> np.ndarray:
    """OKLab of a stream; yellows are lifted, since a dark yellow is an olive."""
    away = (hue - 92.0 + 180.0) % 360.0 - 180.0
    angle = np.deg2rad(hue)
    return np.array([lightness + 0.11 * np.exp(-((away / 28.0) ** 2)), 0.135 * np.cos(angle), 0.135 * np.sin(angle)])


def to_oklab(colour: str) -> np.ndarray:
    """``#rrggbb`` as OKLab ``(L, a, b)`` (Ottosson 2020)."""
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return _LMS_TO_LAB @ np.cbrt(_RGB_TO_LMS @ linear)


def to_hex(lab: np.ndarray) -> str:
    """OKLab as ``#rrggbb``; chroma is reduced until the colour exists on a screen."""
    lab = np.asarray(lab, dtype=np.float64).copy()
    for _ in range(24):
        linear = np.linalg.solve(_RGB_TO_LMS, np.linalg.solve(_LMS_TO_LAB, lab) ** 3)
        if linear.min() >= -1e-4 and linear.max() <= 1.0001:
            break
        lab[1:] *= 0.93
    linear = np.clip(linear, 0, 1)
    rgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return "#" + "".join(f"{round(255 * float(v)):02x}" for v in rgb)


def contrast(first: str, second: str) -> float:
    """WCAG contrast ratio of two colours, 1 to 21."""
    a, b = sorted((_luminance(first), _luminance(second)))
    return (b + 0.05) / (a + 0.05)


def text_on(colour: str) -> str:
    """White or black, whichever reads better on ``colour``: one of them reaches 4.5:1 on every colour."""
    return max(("#ffffff", "#000000"), key=lambda ink: contrast(ink, colour))


def _luminance(colour: str) -> float:
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


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
