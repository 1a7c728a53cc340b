"""Jupyter widgets, one class per module of the same name; each loads on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from critwin_widgets._lazy import lazy_names

if TYPE_CHECKING:
    from critwin_widgets.widgets.bound_curves import BoundCurves as BoundCurves
    from critwin_widgets.widgets.explorer import Explorer as Explorer
    from critwin_widgets.widgets.feature_timeline import FeatureTimeline as FeatureTimeline
    from critwin_widgets.widgets.hierarchy_tree import HierarchyTree as HierarchyTree
    from critwin_widgets.widgets.separation_curves import SeparationCurves as SeparationCurves

__all__ = ["BoundCurves", "Explorer", "FeatureTimeline", "HierarchyTree", "SeparationCurves"]

_HOMES = {
    "BoundCurves": f"{__name__}.bound_curves",
    "Explorer": f"{__name__}.explorer",
    "FeatureTimeline": f"{__name__}.feature_timeline",
    "HierarchyTree": f"{__name__}.hierarchy_tree",
    "SeparationCurves": f"{__name__}.separation_curves",
}

__getattr__, __dir__ = lazy_names(__name__, _HOMES, {home.rpartition(".")[2]: home for home in _HOMES.values()})
