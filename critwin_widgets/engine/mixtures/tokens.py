"""Mixtures of product laws on sequences of tokens: strings, coins, and anything between."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .._memory import check_memory
from .._types import Features, Subset
from .._validation import check_count, check_weights, finite_array, owned
from ..processes._draws import CHOICE, POINT, uniforms
from ..processes.process import row_seeds
from ._metadata import check_features, check_labels
from ._subsets import resolve
from ._token_arguments import check_alphabet, check_probabilities, spell, token_lists

_AT_ONCE = 1 << 22
"""Cumulative probabilities held in memory at a time."""


class TokenMixture:
    """A mixture of `K` product laws on sequences of `d` tokens out of `V` symbols.

    Component i draws the token at position j from `probabilities[i, j]`, independently of the others.
    Samples are arrays of token numbers `(B, d)`; `encode` and `decode` turn them from and to strings.
    Everything is computed in float64 on the host.

    Args:
        probabilities: `(K, d, V)`, not negative, sum 1 over the symbols (off by at most 1e-6 is
            normalised).
        weights: positive, sum 1 (a sum off by at most 1e-6 is normalised); equal when `None`.
        labels: `K` distinct names; "0", "1", ... when `None`.
        features: for each feature (topic, author, ...) its value on every component.
        alphabet: `V` distinct symbols; "0", "1", ... when `None`.

    Raises:
        ValueError: what is wrong with which argument, and what would be right.
    """

    def __init__(
        self,
        probabilities: Any,
        weights: Any = None,
        labels: Sequence[Any] | None = None,
        features: Features | None = None,
        alphabet: Sequence[Any] | None = None,
    ):
        array = check_probabilities(probabilities)
        self.probabilities = owned(array, probabilities)
        count, _, symbols = array.shape
        self.weights = owned(check_weights(weights, count), weights)
        self.labels = check_labels(labels, count)
        self.feature_values = check_features(features, count)
        self.alphabet = check_alphabet(alphabet, symbols)
        with np.errstate(divide="ignore"):
            self._logs = np.log(self.probabilities)

    @property
    def _identity(self) -> tuple[Any, ...]:
        return self.probabilities, self.weights, self.labels, self.feature_values, self.alphabet

    @staticmethod
    def strings(
        strings: Iterable[Any],
        weights: Any = None,
        labels: Sequence[Any] | None = None,
        features: Features | None = None,
        alphabet: Sequence[Any] | None = None,
    ) -> "TokenMixture":
        """Return point masses on distinct strings of one length (LKC25, Examples 3 and 7).

        Args:
            strings: strings, or sequences of tokens such as words.
            weights: of the strings; equal when `None`.
            labels: names; the strings themselves when `None`.
            features: for each feature its value on every string.
            alphabet: all symbols; those that occur, sorted, when `None`.

        Raises:
            ValueError: no string, strings that repeat or differ in length, or a token outside the alphabet.
        """
        listed = token_lists(strings)
        symbols = tuple(sorted({token for string in listed for token in string})) if alphabet is None else alphabet
        symbols = check_alphabet(symbols, len(symbols))
        tokens = spell(listed, symbols, "strings")
        check_memory(24.0 * tokens.size * len(symbols), f"{len(tokens)} strings over {len(symbols)} symbols")
        chances = np.zeros((*tokens.shape, len(symbols)))
        np.put_along_axis(chances, tokens[..., None], 1.0, axis=2)
        names = ["".join(s) if all(len(t) == 1 for t in s) else " ".join(s) for s in listed]
        if len(set(listed)) < len(listed):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"strings must be distinct, but {twice!r} appears twice")
        return TokenMixture(chances, weights, names if labels is None else labels, features, symbols)

    @staticmethod
    def coins(
        biases: Any,
        length: int,
        weights: Any = None,
        labels: Sequence[Any] | None = None,
        features: Features | None = None,
    ) -> "TokenMixture":
        """Return coins that each are tossed `length` times; the alphabet is "T" and "H" (LKC25, Example 5).

        Args:
            biases: chance of heads of each coin, `(K,)`, from 0 to 1.
            length: number of tosses `d`, at least 1.
            weights: of the coins; equal when `None`.
            labels: names; "p=0.4" and so on when `None`.
            features: for each feature its value on every coin.

        Raises:
            ValueError: a bias outside [0, 1], or `length` is no positive integer.
        """
        heads, tosses = finite_array("biases", biases, 1), check_count("length", length)
        if not heads.size or (heads < 0).any() or (heads > 1).any():
            raise ValueError(f"biases must be chances of heads between 0 and 1, one for each coin, not {biases!r}")
        check_memory(48.0 * heads.size * tosses, f"{heads.size} coins of {tosses} tosses")
        chances = np.repeat(np.stack([1.0 - heads, heads], axis=1)[:, None], tosses, axis=1)
        names = [f"p={bias:.6g}" for bias in heads] if labels is None else labels
        return TokenMixture(chances, weights, names, features, ("T", "H"))

    # ---- facts ------------------------------------------------------------------------------

    @property
    def n_components(self) -> int:
        """Number of components `K`."""
        return len(self.labels)

    @property
    def length(self) -> int:
        """Number of tokens `d`."""
        return self.probabilities.shape[1]

    @property
    def features(self) -> dict[str, tuple[str, ...]]:
        """For each feature, its value on every component."""
        return dict(self.feature_values)

    @property
    def log_probabilities(self) -> np.ndarray:
        """Logarithms of the probabilities, `(K, d, V)`; `-inf` for what never occurs."""
        return self._logs

    def indices(self, subset: Subset | None, name: str = "subset") -> tuple[int, ...]:
        """Return the sorted indices of a subset given by indices or labels (`None`: all).

        Raises:
            ValueError: `subset` is empty or names a component that does not exist.
            TypeError: an entry is neither an index nor a label.
        """
        return resolve(subset, self.labels, name)

    def subset_mixture(self, subset: Subset) -> "TokenMixture":
        """Return the sub-mixture `p^S` with weights `w_i / w(S)`.

        Args:
            subset: component indices or labels.

        Raises:
            ValueError: `subset` is empty or names a component that does not exist.
        """
        keep = list(self.indices(subset))
        return TokenMixture(
            self.probabilities[keep],
            self.weights[keep] / self.weights[keep].sum(),
            [self.labels[k] for k in keep],
            {name: [values[k] for k in keep] for name, values in self.feature_values},
            self.alphabet,
        )

    # ---- probabilities and draws ------------------------------------------------------------

    def log_prob_components(self, x: Any) -> np.ndarray:
        """Return `ln p^i(x)` of every component, `(B, K)`; `-inf` where a component never says so.

        Args:
            x: token numbers, `(B, d)`.

        Raises:
            ValueError: a shape that does not fit, or a token outside the alphabet.
        """
        tokens = self.check_tokens(x)
        found = np.zeros((self.n_components, len(tokens)))
        for j in range(self.length):
            found += self._logs[:, j, tokens[:, j]]
        return found.T

    def log_prob(self, x: Any, subset: Subset | None = None) -> np.ndarray:
        """Return `ln p(x)`, or `ln p^S(x)` for a subset, `(B,)`.

        Args:
            x: token numbers, `(B, d)`.
            subset: component indices or labels; the whole mixture when `None`.

        Raises:
            ValueError: a shape that does not fit, a token outside the alphabet, or an unknown subset.
        """
        keep = list(self.indices(subset))
        logs = self.log_prob_components(x)[:, keep] + np.log(self.weights[keep] / self.weights[keep].sum())
        return np.logaddexp.reduce(logs, axis=1)

    def posterior(self, x: Any) -> np.ndarray:
        """Return `P(component | x)`, `(B, K)`.

        Args:
            x: token numbers, `(B, d)`.

        Raises:
            ValueError: a shape or a token that does not fit, or a sequence that no component can produce.
        """
        return posterior_of(self.log_prob_components(x) + np.log(self.weights))

    def sample(self, key: Any, n: int, subset: Subset | None = None, *, return_components: bool = False):
        """Draw `n` sequences from `p` (or `p^S`), token numbers `(n, d)`; the same key gives the same ones.

        Args:
            key: an integer seed, or one for each sequence `(n,)`.
            n: number of sequences, at least 1.
            subset: draw from this sub-mixture.
            return_components: also return the component of each sequence, `(n,)`.

        Raises:
            ValueError: `n` is no positive integer, the seeds don't fit, or an unknown subset.
        """
        keep = np.array(self.indices(subset))
        seeds = row_seeds(key, check_count("n", n))
        below = np.cumsum(self.weights[keep])
        place = uniforms(seeds, CHOICE, 1)[:, 0] * below[-1]
        which = keep[np.minimum((below <= place[:, None]).sum(1), len(keep) - 1)]
        tokens = self.draw_tokens(which, seeds)
        return (tokens, which) if return_components else tokens

    def draw_tokens(self, which: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        """Draw a sequence from component `which` `(B,)` of each row, `(B, d)`, with one seed for each.

        Args:
            which: component of each row.
            seeds: one integer for each row.
        """
        rows = max(1, _AT_ONCE // self.probabilities[0].size)
        found = np.empty((len(which), self.length), np.int64)
        for first in range(0, len(which), rows):
            part = slice(first, first + rows)
            below = np.cumsum(self.probabilities[which[part]], axis=-1)
            place = uniforms(seeds[part], POINT, self.length)[..., None] * below[..., -1:]
            found[part] = (below <= place).sum(-1)
        return np.minimum(found, len(self.alphabet) - 1)

    # ---- tokens -----------------------------------------------------------------------------

    def encode(self, strings: Iterable[Any]) -> np.ndarray:
        """Return strings (or sequences of tokens) as token numbers, `(B, d)`.

        Args:
            strings: of the mixture's length, over its alphabet.

        Raises:
            ValueError: a string of another length, or a token outside the alphabet.
        """
        return self.check_tokens(spell(token_lists(strings), self.alphabet, "strings"))

    def decode(self, tokens: Any, mask: str = "·") -> list[str]:
        """Return token numbers `(B, d)` as strings; a masked token shows as `mask`.

        Args:
            tokens: token numbers; `V`, one more than the last, is the mask.
            mask: what to write for a masked token.

        Raises:
            ValueError: a shape that does not fit, or a token outside the alphabet.
        """
        symbols = (*self.alphabet, mask)
        join = "" if all(len(symbol) == 1 for symbol in self.alphabet) else " "
        return [join.join(symbols[k] for k in row) for row in self.check_tokens(tokens, masked=True).tolist()]

    def check_tokens(self, x: Any, name: str = "x", *, masked: bool = False) -> np.ndarray:
        """Return token numbers as an integer array `(B, d)`.

        Args:
            x: token numbers.
            name: what to call it in an error.
            masked: whether the mask, number `V`, is allowed.

        Raises:
            ValueError: another shape, numbers that are not whole, or outside the alphabet.
        """
        tokens = np.asarray(x)
        if tokens.ndim != 2 or tokens.shape[1] != self.length:
            raise ValueError(f"{name} must hold token numbers of shape (B, {self.length}), not {tokens.shape}")
        if tokens.dtype.kind not in "iu":
            raise ValueError(f"{name} must hold token numbers (integers), not {tokens.dtype}; encode strings first")
        most = len(self.alphabet) - (0 if masked else 1)
        if tokens.size and (tokens.min() < 0 or tokens.max() > most):
            wrong = int(tokens[(tokens < 0) | (tokens > most)][0])
            raise ValueError(f"{name} has the token number {wrong}, but they run from 0 to {most}")
        return tokens.astype(np.int64, copy=False)

    def __repr__(self) -> str:
        names = ", ".join(self.labels[:4]) + (", ..." if self.n_components > 4 else "")
        return (
            f"TokenMixture({self.n_components} components on {self.length} tokens of "
            f"{len(self.alphabet)} symbols: {names})"
        )


def posterior_of(logits: np.ndarray) -> np.ndarray:
    """Return normalised probabilities of unnormalised logarithms `(B, K)`.

    Raises:
        ValueError: all of a row are `-inf`.
    """
    top = logits.max(axis=1, keepdims=True)
    if np.isneginf(top).any():
        row = int(np.argmax(np.isneginf(top)))
        raise ValueError(f"no component can produce row {row}; it has probability 0 under the mixture")
    chances = np.exp(logits - top)
    return chances / chances.sum(axis=1, keepdims=True)
