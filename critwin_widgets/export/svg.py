"""Static pictures of a mixture tree: self-contained SVG text, one function per view."""

from .svg_curves import curves_svg
from .svg_dendrogram import dendrogram_svg
from .svg_river import river_svg

__all__ = ["curves_svg", "dendrogram_svg", "river_svg"]
