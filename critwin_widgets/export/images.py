"""Rows of small images with a caption each: what a model makes, and what becomes of it."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..engine._validation import check_choice, check_count
from ._frame import LEFT, heading
from ._svg import document, fit_text, tag, text_width
from ._theme import theme_named
from .png import png_uri
from .still import still_bundle

MOST = 4096
"""Images of one grid."""
_GAP = 3.0


class ImageGrid:
    """Images that show themselves in a notebook, a row for each caption.

    Attributes:
        rows: images by caption, each `(n, h, w)` or `(n, h, w, 3)`.
        title: heading, or `None`.
        theme: "auto" (as the browser is set), "light" or "dark".
        size: height of an image in CSS pixels.
        span: the values shown black and white.
    """

    def __init__(self, rows: dict[str, np.ndarray], title: str | None, theme: str, size: int, span: tuple):
        self.rows, self.title, self.theme, self.size, self.span = rows, title, theme, size, span

    def svg(self, theme: str = "light") -> str:
        """Return the picture as a self-contained SVG document.

        Args:
            theme: "light" or "dark".

        Raises:
            ValueError: an unknown theme.
        """
        colours = theme_named(theme)
        widest = max(text_width(name.strip(), 12.5) for name in self.rows)
        left = LEFT + (min(widest, 220.0) + 12.0 if widest else 0.0)
        first = next(iter(self.rows.values()))
        across = self.size * first.shape[2] / first.shape[1]
        count = max(len(images) for images in self.rows.values())
        width = max(320.0, left + count * (across + _GAP) + LEFT)
        parts, y = [heading(self.title, colours, width)] if self.title else [], 50.0 if self.title else 20.0
        for name, images in self.rows.items():
            if name.strip():
                place = {"x": left - 12, "y": y + self.size / 2 + 4, "text_anchor": "end", "font_size": "12.5"}
                shown = fit_text(name, 12.5, 220)
                parts.append(tag("text", {**place, "fill": colours.ink}, text=shown))
            for k, image in enumerate(images):
                place = {"x": left + k * (across + _GAP), "y": y, "width": across, "height": float(self.size)}
                source = png_uri(image, *self.span)
                parts.append(tag("image", {**place, "href": source, "style": "image-rendering:pixelated"}))
            y += self.size + _GAP
        title = self.title or "Images"
        return document(width, y + 16, *parts, title=title, description=self._words(), background=colours.background)

    def _words(self) -> str:
        named = [f"{name} ({len(images)})" if name.strip() else f"{len(images)}" for name, images in self.rows.items()]
        return f"{self.title or 'Images'}: rows of images: {', '.join(named)}."

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return still_bundle(self.svg, self._words(), self.theme, repr(self))

    def __repr__(self) -> str:
        return f"ImageGrid: {self._words()}"


def image_grid(
    images: Any,
    columns: int = 20,
    *,
    shape: tuple[int, ...] | None = None,
    title: str | None = None,
    size: int = 32,
    span: tuple[float, float] | None = None,
    theme: str = "auto",
) -> ImageGrid:
    """Show images in rows: samples of a model, or what becomes of one sample at several noise levels.

    Args:
        images: `(n, h, w)` or `(n, h, w, 3)`, or flat `(n, d)` with `shape`; or a mapping from captions to such
            arrays, one row each.
        columns: images in a row when there are no captions.
        shape: `(h, w)` or `(h, w, 3)` of flat images.
        title: heading.
        size: height of an image in CSS pixels, 8 to 256.
        span: values shown black and white; the least and the largest when `None`.
        theme: "auto" (as the browser is set), "light" or "dark".

    Raises:
        ValueError: no images, more than 4,096, images that are not finite or of several shapes, or a setting out of
            range.
    """
    check_choice("theme", theme, ("auto", "light", "dark"))
    check_count("columns", columns)
    if not 8 <= check_count("size", size) <= 256:
        raise ValueError(f"size must lie between 8 and 256 pixels, not {size!r}")
    if isinstance(images, Mapping):
        rows = {str(name): _checked(one, f"images[{name!r}]", shape) for name, one in images.items()}
    else:
        whole = _checked(images, "images", shape)
        # Captions are the keys: rows without any differ in blanks, which are not drawn.
        rows = {" " * k: whole[i : i + columns] for k, i in enumerate(range(0, len(whole), columns))}
    if not rows:
        raise ValueError("images must hold at least one row, but is empty")
    shapes = {one.shape[1:] for one in rows.values()}
    if len(shapes) > 1:
        raise ValueError(f"images must have one shape, not {sorted(shapes)}")
    total = sum(len(one) for one in rows.values())
    if total > MOST:
        raise ValueError(f"images must be at most {MOST}, not {total}")
    if span is None:
        span = min(float(one.min()) for one in rows.values()), max(float(one.max()) for one in rows.values())
    elif not (len(span) == 2 and np.isfinite(span).all() and span[0] < span[1]):
        raise ValueError(f"span must be two increasing numbers, not {span!r}")
    return ImageGrid(rows, title, theme, size, (float(span[0]), float(span[1])))


def _checked(images: Any, name: str, shape: tuple[int, ...] | None) -> np.ndarray:
    try:
        found = np.asarray(images, np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be an array of images, not {type(images).__name__}") from None
    if shape is not None:
        if found.ndim != 2 or found.shape[1] != np.prod(shape):
            raise ValueError(f"{name} must have shape (n, {np.prod(shape)}) to be of shape {shape}, not {found.shape}")
        found = found.reshape(len(found), *shape)
    if not (found.ndim == 3 or (found.ndim == 4 and found.shape[3] in (1, 3))) or not len(found):
        raise ValueError(f"{name} must have shape (n, h, w) or (n, h, w, 3), not {found.shape}; flat ones need shape=")
    if not np.isfinite(found).all():
        raise ValueError(f"{name} must be finite, but {int((~np.isfinite(found)).sum())} values are not")
    return found
