"""Results that outlive the kernel: self-contained HTML, static pictures and plain records.

The modules load on first use, because widgets draw their static pictures with `export.svg` while
`export.html` writes pages from widgets: a package that imported both at once would be a circle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from critwin_widgets._lazy import lazy_names

if TYPE_CHECKING:
    from critwin_widgets.export.answers import AnswerCurves as AnswerCurves
    from critwin_widgets.export.answers import answer_curves as answer_curves
    from critwin_widgets.export.html import notebook_to_html as notebook_to_html
    from critwin_widgets.export.html import to_html as to_html
    from critwin_widgets.export.images import ImageGrid as ImageGrid
    from critwin_widgets.export.images import image_grid as image_grid

__all__ = ["AnswerCurves", "ImageGrid", "answer_curves", "image_grid", "notebook_to_html", "to_html"]

_HOMES = {
    "answers": ("AnswerCurves", "answer_curves"),
    "images": ("ImageGrid", "image_grid"),
    "html": ("notebook_to_html", "to_html"),
}

__getattr__, __dir__ = lazy_names(
    __name__,
    {name: f"{__name__}.{home}" for home, names in _HOMES.items() for name in names},
    {"html": f"{__name__}.html"},
)
