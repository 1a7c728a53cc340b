"""Masking of tokens: at random positions, or from the end of an order (autoregressive generation)."""

import abc
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._types import Subset
from .._validation import check_count, finite_array
from ..mixtures.tokens import TokenMixture, posterior_of
from ._draws import CHOICE, NOISE, REMASK, choose, uniforms
from .diffusion import check_stop
from .index_set import IndexSet
from .known import MixtureProcess
from .process import repeat_seeds, row_seeds

_NUMBERS = 1 << 22
"""Numbers of masks, or of logits, held in memory at a time."""


class Masking(MixtureProcess):
    """Masks tokens of a mixture of product laws; masked and clean laws are product laws.

    Samples are arrays of token numbers `(B, d)`; the mask has the number `V` (`mixture.decode` writes
    it as a dot). A component's mask pattern does not depend on the component, so the posterior is that
    of the visible tokens.
    """

    mixture: TokenMixture

    def __init__(self, mixture: TokenMixture):
        if not isinstance(mixture, TokenMixture):
            raise TypeError(f"mixture must be a TokenMixture, not {type(mixture).__name__}")
        self.mixture = mixture
        # A symbol more, for the mask, which every component shows alike.
        self._logs = np.concatenate([mixture.log_probabilities, np.zeros((*mixture.probabilities.shape[:2], 1))], 2)

    @property
    def mask(self) -> int:
        """The number of the mask, `V`."""
        return len(self.mixture.alphabet)

    def at(self, level: float) -> TokenMixture:
        """Return the law of `Y_level`: a mixture of product laws over one symbol more, the mask.

        Args:
            level: in the index set.

        Raises:
            ValueError: `level` is not in the index set.
        """
        masked = self._chances(self.index.check(level))[None, :, None]
        clean = self.mixture.probabilities
        chances = np.concatenate([(1.0 - masked) * clean, np.broadcast_to(masked, (*clean.shape[:2], 1))], axis=2)
        alphabet = (*self.mixture.alphabet, "mask" if "mask" not in self.mixture.alphabet else "<mask>")
        return TokenMixture(
            chances, self.mixture.weights, self.mixture.labels, dict(self.mixture.feature_values), alphabet
        )

    @abc.abstractmethod
    def _chances(self, level: float) -> np.ndarray:
        """Return the probability that each position is masked, `(d,)`."""

    def _masks(self, level: float, seeds: np.ndarray, stream: int) -> np.ndarray:
        """Return which positions are masked, `(B, d)`; with the same seeds, more at every higher level."""
        chances = self._chances(level)
        if ((chances == 0) | (chances == 1)).all():
            return np.broadcast_to(chances == 1, (len(seeds), len(chances)))
        return uniforms(seeds, stream, len(chances)) < chances

    def sample(self, key: Any, n: int, subset: Subset | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return `n` clean sequences of the mixture (or a sub-mixture), `(n, d)`, and the component of each.

        Args:
            key: an integer seed, or one for each sequence.
            n: number of sequences.
            subset: component indices or labels; the whole mixture when `None`.

        Raises:
            ValueError: `n` is no positive integer, the seeds don't fit, or an unknown subset.
        """
        tokens, which = self.mixture.sample(key, n, subset, return_components=True)
        return tokens, which

    def prior(self, key: Any, n: int) -> np.ndarray:
        """Return `n` sequences of masks, `(n, d)`.

        Args:
            key: an integer seed, or one for each row; nothing is random here.
            n: number of sequences.

        Raises:
            ValueError: `n` is no positive integer, or the seeds don't fit.
        """
        row_seeds(key, check_count("n", n))
        return np.full((n, self.mixture.length), self.mask)

    def noise(self, x: Any, level: float, key: Any) -> np.ndarray:
        """Return `x` `(B, d)` with tokens masked.

        Args:
            x: token numbers; tokens that are masked already stay so.
            level: in the index set.
            key: an integer seed, or one for each row `(B,)`; with the same seeds, more tokens are masked
                at every higher level.

        Raises:
            ValueError: a shape, a token, a level or seeds that don't fit.
        """
        tokens = self.mixture.check_tokens(x, masked=True)
        masks = self._masks(self.index.check(level), row_seeds(key, len(tokens)), NOISE)
        return np.where(masks, self.mask, tokens)

    def denoise(self, y: Any, level: float, key: Any, n: int = 1, to: float | None = None) -> np.ndarray:
        """Return `n` exact draws of `X' | Y_level = y` (or of `Y_to`) for each row, `(B * n, d)`.

        Args:
            y: token numbers with masks, `(B, d)`.
            level: in the index set.
            key: an integer seed, or one for each row `(B,)`.
            n: draws for each row; those of a row follow each other.
            to: a lower level at which to stop; the clean end when `None`.

        Raises:
            ValueError: a shape, a token, a level or seeds that don't fit, or `y` is impossible under the mixture.
        """
        stop, level = check_stop(self.index, to, level), self.index.check(level)
        tokens = self.mixture.check_tokens(y, "y", masked=True)
        seeds = repeat_seeds(row_seeds(key, len(tokens)), check_count("n", n))
        logits = np.repeat(self._logits(tokens), n, axis=0)
        rows = np.repeat(tokens, n, axis=0)
        which = choose(logits, uniforms(seeds, CHOICE, 1)[:, 0])
        hidden = rows == self.mask
        stays = hidden & self._remains(level, stop, seeds)
        return np.where(hidden & ~stays, self.mixture.draw_tokens(which, seeds), rows)

    @abc.abstractmethod
    def _remains(self, level: float, stop: float, seeds: np.ndarray) -> np.ndarray:
        """Return which positions that are masked at `level` are so at `stop`, `(B, d)`."""

    def posterior(self, y: Any, level: float) -> np.ndarray:
        """Return `P(component | Y_level = y)`, `(B, K)`.

        Args:
            y: token numbers with masks, `(B, d)`.
            level: in the index set; masks say all that matters of it.

        Raises:
            ValueError: a shape, a token or a level that doesn't fit, or `y` is impossible under the mixture.
        """
        self.index.check(level)
        return posterior_of(self._logits(self.mixture.check_tokens(y, "y", masked=True)))

    def _logits(self, tokens: np.ndarray) -> np.ndarray:
        found = np.repeat(np.log(self.mixture.weights)[:, None], len(tokens), axis=1)
        for j in range(self.mixture.length):
            found += self._logs[:, j, tokens[:, j]]
        posterior_of(found.T)  # raises where nothing is possible
        return found.T

    def components_after(self, x: Any, level: float, key: Any, n: int = 1) -> np.ndarray:
        """Return the components of `n` independent draws of `X'` for each clean sequence, `(B, n)`.

        Args:
            x: token numbers, `(B, d)`.
            level: in the index set.
            key: an integer seed, or one for each row `(B,)`.
            n: draws for each row; each has its own masks.

        Raises:
            ValueError: a shape, a token, a level or seeds that don't fit, or `x` is impossible under the mixture.
        """
        tokens, value = self.mixture.check_tokens(x), self.index.check(level)
        seeds = row_seeds(key, len(tokens))
        count, length = self.mixture.n_components, self.mixture.length
        rows = max(1, _NUMBERS // (check_count("n", n) * max(count, length)))
        found = np.empty((len(tokens), n), np.int64)
        for first in range(0, len(tokens), rows):
            part = slice(first, first + rows)
            own = repeat_seeds(seeds[part], n)
            visible = ~self._masks(value, own, NOISE).reshape(-1, n, length)
            logits = self._visible_logits(tokens[part], visible)
            found[part] = choose(logits.reshape(-1, count), uniforms(own, CHOICE, 1)[:, 0]).reshape(-1, n)
        return found

    def _visible_logits(self, tokens: np.ndarray, visible: np.ndarray) -> np.ndarray:
        """Return logits `(B, n, K)` of sequences `(B, d)` of which some tokens `(B, n, d)` are visible."""
        places = np.arange(self.mixture.length)
        logs = self.mixture.log_probabilities[:, places[None], tokens].transpose(1, 2, 0)  # (B, d, K)
        possible = ~np.isneginf(logs)
        whole = np.any(np.all(possible, axis=1), axis=1)
        if not whole.all():
            row = int(np.argmin(whole))
            raise ValueError(f"no component can produce row {row}; it has probability 0 under the mixture")
        weight = visible.astype(np.float64)
        found = weight @ np.where(possible, logs, 0.0) + np.log(self.mixture.weights)
        if possible.all():
            return found
        # Products of 0 and -inf are no numbers: what is impossible is counted apart.
        return np.where(weight @ (~possible).astype(np.float64) > 0.5, -np.inf, found)


class RandomMasking(Masking):
    """Every token is masked independently with probability m, its level (LKC25, Example 3).

    Args:
        mixture: a `TokenMixture`.

    Raises:
        TypeError: `mixture` is not a `TokenMixture`.
    """

    index = IndexSet("fraction of tokens masked", "m", 0.0, 1.0)

    def _chances(self, level: float) -> np.ndarray:
        return np.full(self.mixture.length, level)

    def _remains(self, level: float, stop: float, seeds: np.ndarray) -> np.ndarray:
        if level == 0.0:
            return np.zeros((len(seeds), self.mixture.length), bool)
        return uniforms(seeds, REMASK, self.mixture.length) < stop / level

    def __repr__(self) -> str:
        return f"RandomMasking({self.mixture!r})"


class OrderedMasking(Masking):
    """The last h tokens of an order are hidden: h, a whole number, is the level (LKC25, Examples 5 and 7).

    Generation in this order is autoregressive; without an order it reads left to right.

    Args:
        mixture: a `TokenMixture` on `d` tokens.
        order: permutation of the positions 0 to d-1, the first one revealed first.

    Raises:
        TypeError: `mixture` is not a `TokenMixture`.
        ValueError: `order` is no permutation.
    """

    def __init__(self, mixture: TokenMixture, order: Sequence[int] | np.ndarray | None = None):
        super().__init__(mixture)
        self.order = check_order(order, mixture.length)
        self.index = IndexSet("tokens hidden", "h", 0.0, float(mixture.length), whole=True)

    def _chances(self, level: float) -> np.ndarray:
        found = np.zeros(self.mixture.length)
        found[list(self.order[self.mixture.length - int(level) :])] = 1.0
        return found

    def _remains(self, level: float, stop: float, seeds: np.ndarray) -> np.ndarray:
        return np.broadcast_to(self._chances(stop) == 1.0, (len(seeds), self.mixture.length))

    def __repr__(self) -> str:
        reads = "" if self.order == tuple(range(self.mixture.length)) else f", order={list(self.order)}"
        return f"OrderedMasking({self.mixture!r}{reads})"


def check_order(order: Sequence[int] | np.ndarray | None, length: int) -> tuple[int, ...]:
    """Return a permutation of the positions, left to right when `None`, else raise `ValueError`."""
    if order is None:
        return tuple(range(length))
    places = finite_array("order", order, 1)
    if sorted(places.tolist()) != list(range(length)):
        raise ValueError(f"order must be a permutation of 0 to {length - 1}, not {order!r}")
    return tuple(int(k) for k in places)
