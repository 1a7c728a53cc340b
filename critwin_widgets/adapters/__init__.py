"""Bridges from other people's data and models to our mixtures and processes.

Names load on first use: what an adapter of models needs is imported by no other one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from critwin_widgets._lazy import lazy_names

if TYPE_CHECKING:
    from critwin_widgets.adapters.datasets import DataSet as DataSet
    from critwin_widgets.adapters.datasets import digits as digits
    from critwin_widgets.adapters.datasets import hierarchy as hierarchy
    from critwin_widgets.adapters.datasets import penguins as penguins
    from critwin_widgets.adapters.datasets import scenes as scenes
    from critwin_widgets.adapters.labelled import from_labelled as from_labelled
    from critwin_widgets.adapters.sklearn import from_sklearn as from_sklearn
    from critwin_widgets.adapters.sklearn import to_sklearn as to_sklearn
    from critwin_widgets.adapters.trained_digits import DigitClassifier as DigitClassifier
    from critwin_widgets.adapters.trained_digits import DigitsModel as DigitsModel
    from critwin_widgets.adapters.trained_digits import digit_classifier as digit_classifier
    from critwin_widgets.adapters.trained_digits import digits_model as digits_model

_HOMES = {
    "datasets": (
        "DataSet",
        "digits",
        "hierarchy",
        "penguins",
        "scenes",
    ),
    "labelled": ("from_labelled",),
    "sklearn": (
        "from_sklearn",
        "to_sklearn",
    ),
    "trained_digits": (
        "DigitClassifier",
        "DigitsModel",
        "digit_classifier",
        "digits_model",
    ),
}

__all__ = [
    "DataSet",
    "DigitClassifier",
    "DigitsModel",
    "digit_classifier",
    "digits",
    "digits_model",
    "from_labelled",
    "from_sklearn",
    "hierarchy",
    "penguins",
    "scenes",
    "to_sklearn",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {name: f"{__name__}.{home}" for home, names in _HOMES.items() for name in names},
    {home: f"{__name__}.{home}" for home in _HOMES},
)
