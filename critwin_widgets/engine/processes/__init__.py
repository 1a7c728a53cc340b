"""Processes that noise and denoise, and the clocks their levels stand on."""

from typing import TYPE_CHECKING

from ..._lazy import lazy_names
from . import clock
from .index_set import IndexSet
from .ornstein_uhlenbeck import noise_variance, signal
from .process import Process, fold_seeds, repeat_seeds, row_seeds

if TYPE_CHECKING:
    from .diffusion import OrnsteinUhlenbeck as OrnsteinUhlenbeck
    from .known import MixtureProcess as MixtureProcess
    from .masking import OrderedMasking as OrderedMasking
    from .masking import RandomMasking as RandomMasking

__all__ = [
    "IndexSet",
    "MixtureProcess",
    "OrderedMasking",
    "OrnsteinUhlenbeck",
    "Process",
    "RandomMasking",
    "clock",
    "fold_seeds",
    "noise_variance",
    "repeat_seeds",
    "row_seeds",
    "signal",
]

# Mixtures need the noise's numbers from here, and these processes need mixtures: they load on first use.
__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "MixtureProcess": f"{__name__}.known",
        "OrderedMasking": f"{__name__}.masking",
        "OrnsteinUhlenbeck": f"{__name__}.diffusion",
        "RandomMasking": f"{__name__}.masking",
    },
    {},
)
