"""Checks of what a mixture on sequences of tokens is made of."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .._validation import finite_array


def check_probabilities(probabilities: Any) -> np.ndarray:
    """Return probabilities `(K, d, V)` whose sums over the symbols are 1, normalising sums off by at most 1e-6."""
    array = finite_array("probabilities", probabilities, 3)
    if not array.size:
        raise ValueError(f"probabilities must hold components, tokens and symbols, not shape {array.shape}")
    if (array < 0).any():
        place = ", ".join(map(str, np.argwhere(array < 0)[0].tolist()))
        raise ValueError(f"probabilities must not be negative, but probabilities[{place}] is {array[array < 0][0]:g}")
    total = array.sum(axis=2)
    off = np.abs(total - 1.0) > 1e-6
    if off.any():
        component, position = np.argwhere(off)[0].tolist()
        raise ValueError(
            f"probabilities[{component}, {position}] sum to {total[component, position]:.6g}, not 1; "
            "divide them by their sum"
        )
    # Sums of 1 up to rounding stay as they are, so that normalising twice changes no digit.
    exact = np.abs(total - 1.0) <= 4e-16 * array.shape[2]
    return array / np.where(exact, 1.0, total)[..., None]


def check_alphabet(alphabet: Sequence[Any] | None, count: int) -> tuple[str, ...]:
    """Return `count` distinct symbols as strings, "0", "1", ... when none are given."""
    if alphabet is None:
        return tuple(str(k) for k in range(count))
    symbols = tuple(str(symbol) for symbol in alphabet)
    if len(symbols) != count:
        raise ValueError(f"alphabet must have one entry per symbol ({count}), not {len(symbols)}")
    if len(set(symbols)) != count:
        twice = next(symbol for symbol in symbols if symbols.count(symbol) > 1)
        raise ValueError(f"alphabet must hold distinct symbols, but {twice!r} occurs {symbols.count(twice)} times")
    return symbols


def token_lists(strings: Iterable[Any]) -> list[tuple[str, ...]]:
    """Return equally long strings as tuples of tokens."""
    if isinstance(strings, str) or not isinstance(strings, Iterable):
        raise ValueError(f"strings must be a list of strings, not {strings!r}")
    listed = []
    for i, string in enumerate(strings):
        if not isinstance(string, Iterable):
            raise ValueError(f"strings[{i}] must be a string or a sequence of tokens, not {string!r}")
        listed.append(tuple(str(token) for token in string))
    if not listed or not listed[0]:
        raise ValueError("strings must hold at least one string of at least one token")
    for i, string in enumerate(listed):
        if len(string) != len(listed[0]):
            raise ValueError(
                f"strings must be equally long, but strings[0] has {len(listed[0])} tokens "
                f"and strings[{i}] has {len(string)}"
            )
    return listed


def spell(listed: list[tuple[str, ...]], alphabet: tuple[str, ...], name: str) -> np.ndarray:
    """Return the numbers of tokens in the alphabet, `(B, d)`."""
    number = {symbol: k for k, symbol in enumerate(alphabet)}
    for i, string in enumerate(listed):
        for token in string:
            if token not in number:
                raise ValueError(f"{name}[{i}] has the token {token!r}, which is not in the alphabet {alphabet!r}")
    return np.array([[number[token] for token in string] for string in listed], np.int64)
