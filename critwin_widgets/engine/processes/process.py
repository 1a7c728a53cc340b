"""What every process that noises and denoises answers to: one small interface for all models."""

import abc
from typing import Any

import numpy as np

from .index_set import IndexSet


class Process(abc.ABC):
    """Noises samples up to a level, and denoises them from there.

    A batch of `B` samples is whatever the model's samples are, indexed along the first axis: an array
    `(B, ...)` for images and points, a list of `B` strings for text. Randomness enters as `key`: an
    integer seed, or one integer seed for each row, `(B,)`. With one seed per row, the outcome of a row
    depends on that row, the level and its seed alone: however a batch is cut, each row gets the same
    random numbers.

    Attributes:
        index: the index set of its levels.
        components: labels of the `K` components when the law is a known mixture, else `None`.
    """

    index: IndexSet
    components: tuple[str, ...] | None = None

    @abc.abstractmethod
    def noise(self, x: Any, level: float, key: Any) -> Any:
        """Return `Y_level | X = x` for a batch of `B` clean samples.

        Args:
            x: clean samples.
            level: in the index set.
            key: an integer seed, or one for each row `(B,)`.
        """

    @abc.abstractmethod
    def denoise(self, y: Any, level: float, key: Any, n: int = 1, to: float | None = None) -> Any:
        """Return `n` independent draws of `X' | Y_level = y` for each of `B` noised samples.

        Args:
            y: noised samples at `level`.
            level: in the index set.
            key: an integer seed, or one for each row `(B,)`.
            n: draws for each row.
            to: a lower level at which to stop; the clean end when `None`.

        Returns:
            `B * n` samples in one batch; the `n` draws of a row follow each other.
        """

    @abc.abstractmethod
    def prior(self, key: Any, n: int) -> Any:
        """Return `n` draws at the noise end, where all generation starts (and its level: `start_level`)."""

    @property
    def start_level(self) -> float:
        """The level at which `prior` draws: the highest finite level."""
        return self.index.levels[-1] if self.index.levels else self.index.noise

    def posterior(self, y: Any, level: float) -> np.ndarray | None:
        """Return `P(component | Y_level = y)`, `(B, K)`, or `None` when the components are not known."""
        return None


def row_seeds(key: Any, rows: int) -> np.ndarray:
    """Return one 63-bit seed for each of `rows` rows, int64, from an integer `key` or from one seed per row.

    Raises:
        TypeError: `key` is neither.
        ValueError: there is not one seed for each row, or one is negative.
    """
    given = np.asarray(key)
    if isinstance(key, bool) or given.dtype.kind not in "iu":
        raise TypeError(f"key must be an integer seed or one for each row, not {key!r}")
    if (given < 0).any():
        raise ValueError(f"key must not be negative, got {int(given.min())}")
    if given.ndim == 0:
        return _mixed(np.full(rows, given, np.uint64), np.arange(rows))
    if given.shape != (rows,):
        raise ValueError(f"key must hold one seed for each of {rows} rows, not shape {given.shape}")
    return given.astype(np.int64)


def fold_seeds(seeds: Any, number: Any) -> np.ndarray:
    """Return new 63-bit seeds, each a hash of one of `seeds` and of `number`, int64; shapes broadcast."""
    first, second = np.broadcast_arrays(np.asarray(seeds, np.uint64), np.asarray(number, np.uint64))
    return _mixed(first, second)


def repeat_seeds(seeds: Any, n: int) -> np.ndarray:
    """Return `n` seeds for each of `seeds` `(B,)`, `(B * n,)`; those of one row follow each other."""
    return fold_seeds(np.asarray(seeds)[:, None], np.arange(n)).reshape(-1)


def _mixed(seeds: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    # Two rounds of SplitMix64's finaliser (Steele, Lea & Flood, OOPSLA 2014).
    with np.errstate(over="ignore"):
        state = finalised(seeds + np.uint64(0x9E3779B97F4A7C15))
        state = finalised(state + (np.asarray(numbers, np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15))
    return (state >> np.uint64(1)).astype(np.int64)


def finalised(state: np.ndarray) -> np.ndarray:
    """Return SplitMix64's finaliser of 64-bit words: every bit depends on every bit."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
