"""Small drawn images whose hierarchy is known: background, then shape, then mark.

When two images are told apart depends only on their distance in units of the pixel noise, so the
levels are made by area and contrast. The background changes every pixel. The shape changes only the
corners that a square has and a disc has not. The mark changes two pixels. Everything else that is
drawn (the core of the shape, the head of the mark) is there in every image and carries no
information.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np

BACKGROUNDS = {"sand": (0.92, 0.78, 0.40), "sea": (-0.85, -0.35, 0.45)}
SHAPES = ("disc", "square")
MARKS = ("dot", "dash")
# In the order of product(BACKGROUNDS, SHAPES, MARKS).
WEIGHTS = (0.16, 0.14, 0.10, 0.10, 0.20, 0.10, 0.12, 0.08)

_CORE = (0.55, -0.55, -0.50)  # the body that disc and square share
_CORNER = (0.05, -0.53, -0.54)  # added to the background in a square's corners
_HEAD = (-0.80, -0.80, -0.80)  # the part of the mark that dot and dash share
_TAIL = (-0.08, -0.25, -0.27)  # added to the background in a dash's tail


@dataclass(frozen=True)
class Scenes:
    """The rendered images and their names.

    Attributes:
        images: ``(8, size, size, 3)`` in [-1, 1], ordered background, shape, mark.
        features: Feature name → value of each image.
        weights: ``(8,)``, summing to 1.
    """

    images: np.ndarray
    features: dict[str, tuple[str, ...]]
    weights: np.ndarray


def render_scenes(size: int) -> Scenes:
    """Draw the eight scenes at ``size`` × ``size`` pixels (at least 16)."""
    combos = tuple(product(BACKGROUNDS, SHAPES, MARKS))
    images = np.stack([_draw(size, *combo) for combo in combos])
    names = ("background", "shape", "mark")
    features = {name: tuple(combo[j] for combo in combos) for j, name in enumerate(names)}
    return Scenes(images, features, np.asarray(WEIGHTS, dtype=np.float64))


def _draw(size: int, background: str, shape: str, mark: str) -> np.ndarray:
    image = np.tile(np.asarray(BACKGROUNDS[background]), (size, size, 1))
    row, column = np.mgrid[:size, :size] + 0.5
    centre, radius = size / 2, 0.19 * size
    square = np.maximum(abs(row - centre), abs(column - centre)) < radius
    disc = square & (np.hypot(row - centre, column - centre) < 1.08 * radius)
    if shape == "square":
        image[square & ~disc] += _CORNER
    image[disc] = _CORE
    top, right, unit = size // 8, size - size // 8, size // 16
    image[top : top + unit, right - unit : right] = _HEAD
    if mark == "dash":
        image[top : top + 1, right - unit - 2 : right - unit] += _TAIL
    return image
