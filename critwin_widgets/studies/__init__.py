"""Forward-reverse experiments on anything that can be noised and denoised."""

from typing import TYPE_CHECKING

from .._lazy import lazy_names
from .study import ForwardReverseStudy

if TYPE_CHECKING:
    from .fairness import FairnessReport as FairnessReport
    from .membership import MembershipReport as MembershipReport

__all__ = ["FairnessReport", "ForwardReverseStudy", "MembershipReport"]

_HOMES = {"FairnessReport": f"{__name__}.fairness", "MembershipReport": f"{__name__}.membership"}
__getattr__, __dir__ = lazy_names(__name__, _HOMES, {})
