"""Jupyter widgets that show when a diffusion model decides each feature of what it generates.

Names load on first use: importing the package costs milliseconds, and JAX or the widget machinery
is paid for only by the code that needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from critwin_widgets._lazy import lazy_names

__version__ = "0.1.0"

if TYPE_CHECKING:
    from critwin_widgets.adapters import DigitClassifier as DigitClassifier
    from critwin_widgets.adapters import DigitsModel as DigitsModel
    from critwin_widgets.adapters import datasets as datasets
    from critwin_widgets.adapters import digit_classifier as digit_classifier
    from critwin_widgets.adapters import digits_model as digits_model
    from critwin_widgets.adapters import from_labelled as from_labelled
    from critwin_widgets.adapters import from_sklearn as from_sklearn
    from critwin_widgets.adapters import to_sklearn as to_sklearn
    from critwin_widgets.engine import BudgetWarning as BudgetWarning
    from critwin_widgets.engine import Estimate as Estimate
    from critwin_widgets.engine import ForwardReverse as ForwardReverse
    from critwin_widgets.engine import GaussianMixture as GaussianMixture
    from critwin_widgets.engine import LogConcaveMixture as LogConcaveMixture
    from critwin_widgets.engine import Mixture as Mixture
    from critwin_widgets.engine import ReverseError as ReverseError
    from critwin_widgets.engine import TokenMixture as TokenMixture
    from critwin_widgets.engine import Trajectories as Trajectories
    from critwin_widgets.engine import components as components
    from critwin_widgets.engine import concave_bracket as concave_bracket
    from critwin_widgets.engine import count_compilations as count_compilations
    from critwin_widgets.engine import enable_compilation_cache as enable_compilation_cache
    from critwin_widgets.engine import forward_reverse as forward_reverse
    from critwin_widgets.engine import log_overlap as log_overlap
    from critwin_widgets.engine import overlap as overlap
    from critwin_widgets.engine import processes as processes
    from critwin_widgets.engine import reverse_trajectories as reverse_trajectories
    from critwin_widgets.engine import total_variation as total_variation
    from critwin_widgets.export import notebook_to_html as notebook_to_html
    from critwin_widgets.export import to_html as to_html
    from critwin_widgets.theory import CriticalWindow as CriticalWindow
    from critwin_widgets.theory import MixtureTree as MixtureTree
    from critwin_widgets.theory import Time as Time
    from critwin_widgets.theory import WindowComparison as WindowComparison
    from critwin_widgets.theory import bound_curves as bound_curves
    from critwin_widgets.theory import clone_probability as clone_probability
    from critwin_widgets.theory import collapse_time as collapse_time
    from critwin_widgets.theory import compare_windows as compare_windows
    from critwin_widgets.theory import critical_window as critical_window
    from critwin_widgets.theory import decision_curves as decision_curves
    from critwin_widgets.theory import end_time as end_time
    from critwin_widgets.theory import examples as examples
    from critwin_widgets.theory import leak as leak
    from critwin_widgets.theory import looseness as looseness
    from critwin_widgets.theory import lower_time as lower_time
    from critwin_widgets.theory import measured_distance as measured_distance
    from critwin_widgets.theory import mixture_tree as mixture_tree
    from critwin_widgets.theory import rival_times as rival_times
    from critwin_widgets.theory import sharp_bound as sharp_bound
    from critwin_widgets.theory import speciation_time as speciation_time
    from critwin_widgets.theory import start_time as start_time
    from critwin_widgets.theory import symmetry_breaking_time as symmetry_breaking_time
    from critwin_widgets.theory import theorem_bound as theorem_bound
    from critwin_widgets.theory import transition_matrix as transition_matrix
    from critwin_widgets.theory import upper_time as upper_time
    from critwin_widgets.widgets import BoundCurves as BoundCurves
    from critwin_widgets.widgets import Explorer as Explorer
    from critwin_widgets.widgets import HierarchyTree as HierarchyTree
    from critwin_widgets.widgets import SeparationCurves as SeparationCurves

_HOMES = {
    "adapters": (
        "DigitClassifier",
        "DigitsModel",
        "digit_classifier",
        "digits_model",
        "from_labelled",
        "from_sklearn",
        "to_sklearn",
    ),
    "engine": (
        "BudgetWarning",
        "Estimate",
        "ForwardReverse",
        "GaussianMixture",
        "LogConcaveMixture",
        "Mixture",
        "ReverseError",
        "TokenMixture",
        "Trajectories",
        "concave_bracket",
        "count_compilations",
        "enable_compilation_cache",
        "forward_reverse",
        "log_overlap",
        "overlap",
        "reverse_trajectories",
        "total_variation",
    ),
    "export": (
        "notebook_to_html",
        "to_html",
    ),
    "theory": (
        "CriticalWindow",
        "MixtureTree",
        "Time",
        "WindowComparison",
        "bound_curves",
        "clone_probability",
        "collapse_time",
        "compare_windows",
        "critical_window",
        "decision_curves",
        "end_time",
        "leak",
        "looseness",
        "lower_time",
        "measured_distance",
        "mixture_tree",
        "rival_times",
        "sharp_bound",
        "speciation_time",
        "start_time",
        "symmetry_breaking_time",
        "theorem_bound",
        "transition_matrix",
        "upper_time",
    ),
    "widgets": (
        "BoundCurves",
        "Explorer",
        "HierarchyTree",
        "SeparationCurves",
    ),
}

__all__ = [
    "BoundCurves",
    "BudgetWarning",
    "CriticalWindow",
    "DigitClassifier",
    "DigitsModel",
    "Estimate",
    "Explorer",
    "ForwardReverse",
    "GaussianMixture",
    "HierarchyTree",
    "LogConcaveMixture",
    "Mixture",
    "MixtureTree",
    "ReverseError",
    "SeparationCurves",
    "Time",
    "TokenMixture",
    "Trajectories",
    "WindowComparison",
    "bound_curves",
    "clone_probability",
    "collapse_time",
    "compare_windows",
    "components",
    "concave_bracket",
    "count_compilations",
    "critical_window",
    "datasets",
    "decision_curves",
    "digit_classifier",
    "digits_model",
    "enable_compilation_cache",
    "end_time",
    "examples",
    "forward_reverse",
    "from_labelled",
    "from_sklearn",
    "leak",
    "log_overlap",
    "looseness",
    "lower_time",
    "measured_distance",
    "mixture_tree",
    "notebook_to_html",
    "overlap",
    "processes",
    "reverse_trajectories",
    "rival_times",
    "sharp_bound",
    "speciation_time",
    "start_time",
    "symmetry_breaking_time",
    "theorem_bound",
    "to_html",
    "to_sklearn",
    "total_variation",
    "transition_matrix",
    "upper_time",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {name: f"{__name__}.{home}" for home, names in _HOMES.items() for name in names},
    {
        "components": f"{__name__}.engine.components",
        "datasets": f"{__name__}.adapters.datasets",
        "examples": f"{__name__}.theory.examples",
        "processes": f"{__name__}.engine.processes",
        **{home: f"{__name__}.{home}" for home in _HOMES},
    },
)
