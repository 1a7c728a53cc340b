"""Small drawn images whose hierarchy is known: background, then shape, then mark.

When two images are told apart depends only on their distance in units of the pixel noise, so the
levels are made by area and contrast: each is about six times farther apart than the next. The
background changes most pixels. The shape changes only the corners that a square has and a disc has
not. The mark changes four pixels a little. Everything else that is drawn (the disc inside the
square, the head of the mark) is there in every image and carries no information.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np

BACKGROUNDS = {"sand": (0.92, 0.78, 0.40), "sea": (-0.85, -0.35, 0.45)}
SHAPES = ("disc", "square")
MARKS = ("dot", "dash")
# In the order of product(BACKGROUNDS, SHAPES, MARKS).
WEIGHTS = (0.16, 0.14, 0.10, 0.10, 0.20, 0.10, 0.12, 0.08)

_BODY = (0.55, -0.55, -0.50)  # of discs and squares
_HEAD = (-0.80, -0.80, -0.80)  # the part of the mark that dot and dash share
_TAIL = (0.45, 0.50, 0.45)  # of a dash: darker than sand, lighter than sea


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
    disc = np.hypot(row - centre, column - centre) < radius
    image[square if shape == "square" else disc] = _BODY
    top, right, unit = size // 8, size - size // 8, size // 16
    image[top : top + unit, right - unit : right] = _HEAD
    if mark == "dash":
        image[top : top + 1, right - unit - 4 : right - unit] += np.multiply(_TAIL, -1 if background == "sand" else 1)
    return image
