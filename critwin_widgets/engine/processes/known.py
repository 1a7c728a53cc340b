"""Processes whose law is a known mixture: the posterior over its components is exact."""

import abc
from typing import Any

import numpy as np

from .._digest import digest, without_address
from .._types import Subset
from ..mixtures._subsets import resolve
from .process import Process

_OU = "t"
"""Symbol of the clock that mixtures on `R^d` are asked about directly."""


class MixtureProcess(Process):
    """A process on a mixture of `K` known components.

    Attributes:
        mixture: the mixture before noise.
    """

    mixture: Any

    @property
    def components(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Labels of the components."""
        return self.mixture.labels

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the components, by the name that mixtures have for them."""
        return self.components

    @property
    def features(self) -> dict[str, tuple[str, ...]]:
        """For each feature, its value on every component."""
        return self.mixture.features

    @property
    def weights(self) -> np.ndarray:
        """Weights of the components, `(K,)`."""
        return np.asarray(self.mixture.weights)

    @property
    def n_components(self) -> int:
        """Number of components `K`."""
        return len(self.components)

    @property
    def fingerprint(self) -> str:
        """The process in one line, with a hash of all that the mixture is: what tells two studies apart."""
        return f"{without_address(repr(self))}; numbers {digest(self.mixture)}"

    def indices(self, subset: Subset | None, name: str = "subset") -> tuple[int, ...]:
        """Return the sorted indices of a subset given by indices or labels (`None`: all).

        Raises:
            ValueError: `subset` is empty or names a component that does not exist.
            TypeError: an entry is neither an index nor a label.
        """
        return resolve(subset, self.components, name)

    @abc.abstractmethod
    def sample(self, key: Any, n: int, subset: Subset | None = None) -> tuple[Any, np.ndarray]:
        """Return `n` clean samples of the mixture (or a sub-mixture) and the component of each, `(n,)`."""

    @abc.abstractmethod
    def posterior(self, y: Any, level: float) -> np.ndarray:
        """Return `P(component | Y_level = y)`, `(B, K)`."""

    @abc.abstractmethod
    def components_after(self, x: Any, level: float, key: Any, n: int = 1) -> np.ndarray:
        """Return the components of `n` independent draws of `X'` for each of `B` clean samples, `(B, n)`.

        Each draw noises `x` anew and denoises it: what `noise`, then `denoise`, then the component of
        the result would give in law, without making the samples. The numbers of a row depend on its
        own seed alone.

        Args:
            x: clean samples.
            level: in the index set.
            key: an integer seed, or one for each row `(B,)`.
            n: draws for each row.
        """


def on_own_clock(model: Any) -> Any:
    """Return a process that has to be asked by its own levels; `None` for mixtures and for OU time."""
    return model if isinstance(model, MixtureProcess) and model.index.symbol != _OU else None


def mixture_of(model: Any) -> Any:
    """Return the mixture of a process on it, and a mixture as it is."""
    return model.mixture if isinstance(model, MixtureProcess) else model
