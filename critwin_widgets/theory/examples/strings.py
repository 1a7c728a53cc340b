"""Strings under masking: two at random positions (LKC25, Example 3), many in an order (Example 7)."""

from collections.abc import Sequence
from typing import Any

import networkx as nx
import numpy as np

from ...engine._validation import check_eps, finite_array
from ...engine.separation import EXACT
from ..times import ALWAYS_WITHIN, REACHED, SEPARATED, Time
from ._example import Example, PrintedBound

_EXAMPLE_3 = "LKC25, Example 3"


class MaskedStrings(Example):
    """Two strings whose tokens are masked independently with probability `t` in [0, 1].

    They look alike once all `h` positions in which they differ are masked: probability `t^h`.

    Attributes:
        first, second: the strings.
        hamming: `h`, the number of positions in which they differ.
        weight: of the first string.
    """

    title, source, unit = "Two strings under random masking", _EXAMPLE_3, "fraction of tokens masked"

    def __init__(self, first: tuple, second: tuple, weight: float):
        self.first, self.second, self.weight = first, second, weight
        self.hamming = sum(a != b for a, b in zip(first, second, strict=True))

    def total_variation(self, t):
        """Return `TV = 1 - t^h` at masking probabilities `t` in [0, 1], with their shape."""
        masked = finite_array("t", t, (0, 1))
        if (masked < 0).any() or (masked > 1).any():
            raise ValueError(f"t must lie between 0 and 1 (probability of a mask), not {t!r}")
        return 1.0 - masked**self.hamming

    def after_time(self, eps: float) -> Time:
        """Return `eps^{2/h}`."""
        value = check_eps(eps) ** (2.0 / self.hamming)
        return Time(value, value, value, SEPARATED, EXACT)

    def before_time(self, eps: float) -> Time:
        """Return `(1 - eps / (1 - w))^{1/h}`: the first string is at `(1 - w) TV` from both, w its weight."""
        share = check_eps(eps) / (1.0 - self.weight)
        if share >= 1.0:
            return Time(0.0, 0.0, 0.0, ALWAYS_WITHIN, EXACT)
        value = (1.0 - share) ** (1.0 / self.hamming)
        return Time(value, value, value, REACHED, EXACT)

    def lower_time(self, eps: float) -> Time:
        """Return `(1 - eps)^{1/h}`, the time at which the strings are within `eps` of each other (LC24's `T_lower`)."""
        value = (1.0 - check_eps(eps)) ** (1.0 / self.hamming)
        return Time(value, value, value, REACHED, EXACT)

    def printed(self, eps: float) -> tuple[PrintedBound, ...]:
        """Return Example 3's times."""
        level = check_eps(eps)
        note = "the two strings are within ε of each other; an upper bound of the time at which one is within ε of both"
        return (
            PrintedBound("T_before", "=", (1 - level) ** (1 / self.hamming), "(1 − ε)^(1/h)", _EXAMPLE_3, note),
            PrintedBound("T_after", "=", level ** (2 / self.hamming), "(ε²)^(1/h)", _EXAMPLE_3, "exact"),
        )


def masked_strings(first: Sequence[Any], second: Sequence[Any], weight: float = 0.5) -> MaskedStrings:
    """Return two strings of one length under random masking (LKC25, Example 3).

    Args:
        first, second: strings or sequences of tokens, different and equally long.
        weight: of the first, strictly between 0 and 1.

    Raises:
        ValueError: the strings differ in length or not at all, or `weight` is out of range.
    """
    share = check_eps(weight, "weight")
    one, two = _tokens("first", first), _tokens("second", second)
    if len(one) != len(two):
        raise ValueError(f"first and second must be equally long, not {len(one)} and {len(two)} tokens")
    if one == two:
        raise ValueError(f"first and second must differ, but both are {first!r}")
    return MaskedStrings(one, two, share)


def symbol_tree(strings: Sequence[Sequence[Any]], order: Sequence[int] | None = None) -> nx.DiGraph:
    """Return the tree of strings revealed symbol by symbol in a fixed order (LKC25, Example 7).

    At time `t` the last `t` symbols of the order are hidden. Two strings then look the same or
    entirely different, so every level `eps` gives the same tree: a vertex for each set of strings that
    share their first symbols in that order. All strings over an alphabet of at least two symbols,
    `d` of them, give depth `d` in any order.

    Args:
        strings: distinct and equally long.
        order: permutation of the positions; left to right when `None`.

    Returns:
        A directed tree from the root, whose nodes are tuples of indices into `strings`. Node
        attributes: `prefix` (symbols revealed, in order), `t_end` (fewest hidden symbols at which the
        vertex's strings look alike), `t_start` (most hidden symbols at which they differ from all
        others; the length for the root, which differs from nothing). Edge attributes: `window =
        (t_start(child), t_end(parent))`. Graph attributes: `unit`, `source`, `root`.

    Raises:
        ValueError: there are no strings, they repeat or differ in length, or `order` is no permutation.
    """
    listed = _check_strings(strings)
    length = len(listed[0])
    places = _check_order(order, length)
    words = [tuple(string[k] for k in places) for string in listed]
    tree = nx.DiGraph(unit="tokens hidden", source="LKC25, Example 7", root=tuple(range(len(words))))
    waiting: list[tuple[tuple[int, ...], tuple[int, ...] | None]] = [(tuple(range(len(words))), None)]
    while waiting:
        subset, parent = waiting.pop()
        shared = next((k for k in range(length) if len({words[i][k] for i in subset}) > 1), length)
        # One symbol more than the parent shares is what tells its children apart.
        start = length if parent is None else tree.nodes[parent]["t_end"] - 1
        tree.add_node(subset, prefix=words[subset[0]][:shared], t_end=length - shared, t_start=start)
        if parent is not None:
            tree.add_edge(parent, subset, window=(start, tree.nodes[parent]["t_end"]))
        if len(subset) > 1:
            groups: dict[Any, list[int]] = {}
            for i in subset:
                groups.setdefault(words[i][shared], []).append(i)
            waiting += [(tuple(group), subset) for group in groups.values()]
    return tree


def _tokens(name: str, value: Any) -> tuple:
    try:
        tokens = tuple(value)
    except TypeError:
        raise ValueError(f"{name} must be a string or a sequence of tokens, not {value!r}") from None
    if not tokens:
        raise ValueError(f"{name} must hold at least one token, but it is empty")
    return tokens


def _check_strings(strings) -> list[tuple]:
    try:
        listed = [_tokens(f"strings[{i}]", string) for i, string in enumerate(strings)]
    except TypeError:
        raise ValueError(f"strings must be a list of strings, not {strings!r}") from None
    if not listed:
        raise ValueError("strings must hold at least one string, but it is empty")
    for i, string in enumerate(listed):
        if len(string) != len(listed[0]):
            raise ValueError(
                f"strings must be equally long, but strings[0] has {len(listed[0])} tokens "
                f"and strings[{i}] has {len(string)}"
            )
    if len(set(listed)) < len(listed):
        twice = next(string for i, string in enumerate(listed) if string in listed[:i])
        raise ValueError(f"strings must be distinct, but {''.join(map(str, twice))!r} appears twice")
    return listed


def _check_order(order, length: int) -> list[int]:
    if order is None:
        return list(range(length))
    places = finite_array("order", order, 1)
    if sorted(places.tolist()) != list(range(length)):
        raise ValueError(f"order must be a permutation of 0 to {length - 1}, not {order!r}")
    return [int(k) for k in np.asarray(places)]
