"""Static pictures of a mixture tree: self-contained SVG text, one function per view."""

from .svg_river import river_svg

__all__ = ["river_svg"]
