"""How a picture without a live half shows itself in a notebook: as the browser is set, with words beside it."""

import base64
from collections.abc import Callable
from html import escape

from ._svg import clean


def still_bundle(svg: Callable[[str], str], words: str, theme: str, plain: str, below: str = "") -> dict[str, str]:
    """Return the MIME bundle of a still picture: an image with its words as alternative text, SVG, and text.

    Args:
        svg: draws the picture in the theme "light" or "dark".
        words: the picture in words.
        theme: "auto" (as the browser is set), "light" or "dark".
        plain: what stands in for it as text.
        below: HTML to put below it.
    """
    first = svg("light" if theme == "auto" else theme)
    image = f'<img style="max-width:100%" alt="{escape(words)}" src="{_address(first)}">'
    if theme == "auto":
        source = f'<source media="(prefers-color-scheme: dark)" srcset="{_address(svg("dark"))}">'
        image = f"<picture>{source}{image}</picture>"
    return {"text/html": image + below, "image/svg+xml": first, "text/plain": plain}


def report_bundle(svg: Callable[[str], str], words: str) -> dict[str, str]:
    """Return the MIME bundle of a report: its picture, and below it all that it says, folded away."""
    told = f'<div style="white-space:pre-wrap;max-width:80ch">{escape(clean(words))}</div>'
    return still_bundle(svg, clean(words), "auto", words, f"<details><summary>In words</summary>{told}</details>")


def _address(svg: str) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
