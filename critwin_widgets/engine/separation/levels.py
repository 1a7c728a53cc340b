"""Overlaps, returns and transitions of masked tokens at a list of levels: exact, certified or estimated."""

import functools
import time
import warnings

import numpy as np

from .._memory import check_memory
from .._types import Subset
from ..processes import fold_seeds
from ..processes._draws import NOISE, uniforms
from ..processes.masking import Masking, OrderedMasking
from . import atoms
from .budget import bucket
from .estimate import BUDGET_SPENT, CERTIFIED, COMPLETE, ESTIMATED, EXACT, BudgetWarning, Estimate
from .passes import Draws, overlap_estimates
from .survey import Survey, half_width
from .table import PairTable
from .ways import AUTO, Effort, subset_weights

DRAWS = 1024
"""Draws per component behind estimates of a tree or of curves, unless they would not fit into memory."""

_MEMORY = 1e9


class LevelSurvey(Survey):
    """A `Survey` of a process that masks tokens; its "times" are levels of the process, `(L,)`.

    Answers are exact where what can be observed can be enumerated (`atoms`), otherwise estimated from
    draws common to all levels and cut to the bracket that Bhattacharyya coefficients prove.

    Args:
        process: the process, on `K` components.
        levels: in its index set, increasing.
        n: draws per component of estimates; as many as fit when `None`.
        seed: seed of the draws.
        method: "auto" uses exact results where they exist; "estimated" and "certified" do not.
    """

    def __init__(self, process: Masking, levels: np.ndarray, n: int | None, seed: int = 0, method: str = AUTO):
        self.process, self.mixture, self.times = process, process.mixture, levels  # pyright: ignore
        self.seed, self.method, self.keep = seed, method, False
        self.n = draws_of(process, len(levels)) if n is None else n
        self.weights = process.weights
        self.exact_seconds = np.inf

    line = None  # pyright: ignore[reportIncompatibleVariableOverride, reportAssignmentType]
    kind = None  # pyright: ignore[reportIncompatibleVariableOverride, reportAssignmentType]

    @functools.cached_property
    def table(self) -> PairTable:
        """Closed forms of all pairs: products of Bhattacharyya coefficients."""
        entries = log_bhattacharyya(self.process, self.times)
        # For equal weights 1 - BC <= TV <= sqrt(1 - BC^2).
        low = 2 * entries - np.log1p(np.sqrt(-np.expm1(2 * entries)))
        return PairTable(self.times, "bhattacharyya", entries, low, entries)

    @functools.cached_property
    def _prepared(self) -> tuple[Draws, tuple]:
        count = self.process.n_components
        padded = bucket(count)
        logs = np.full(padded, -np.inf, np.float32)
        logs[:count] = np.log(self.weights)
        ratios = log_ratios(self.process, self.times, self.n, self.seed)
        room = padded - count
        ratios = np.pad(ratios, ((0, 0), (0, room), (0, 0), (0, room)))
        return Draws((ratios,), (), logs, np.asarray(count, np.int32), "stored", self.n), ()

    @functools.cached_property
    def enumerable(self) -> bool:
        """Whether atoms are few enough at all levels, and exact answers are wanted."""
        if self.method not in (AUTO, EXACT):
            return False
        return all(atoms.atoms_of(self.process, level) is not None for level in self.times)

    def pair_overlaps(self) -> Estimate:
        """Return `O(p^i, p^j)` of all pairs, `(L, K, K)`."""
        value = atoms.pair_overlaps(self.process, self.times) if self.enumerable else None
        return super().pair_overlaps() if value is None else Estimate(value, value, value, EXACT)

    def _worth(self, seconds, size: int) -> bool:
        return self.enumerable

    def _exact_overlaps(self, a, b):
        logs = atoms.log_overlaps(self.process, self.times, a, b) if self.enumerable else None
        return None if logs is None else np.exp(logs)

    def _exact_returns(self, sets, contexts, strata, with_logs: bool):
        return atoms.returns(self.process, self.times, sets, contexts, strata) if self.enumerable else None


def draws_of(process: Masking, levels: int) -> int:
    """Return how many draws per component of a survey fit into a gigabyte, at most `DRAWS`."""
    return int(np.clip(_MEMORY / (8 * levels * bucket(process.n_components) ** 2), 64, DRAWS))


def log_bhattacharyya(process: Masking, levels: np.ndarray) -> np.ndarray:
    """Return `ln BC` of all pairs, `(L, K, K)`: a product over positions, of `m + (1 - m) BC_j` under random masks."""
    clean = np.sqrt(process.mixture.probabilities)
    count, length, _ = clean.shape
    check_memory(16.0 * len(levels) * count**2, f"all pairs of {count} components at {len(levels)} levels")
    found = np.zeros((len(levels), count, count))
    ordered = process.order if isinstance(process, OrderedMasking) else range(length)
    with np.errstate(divide="ignore"):
        for place, position in enumerate(ordered):
            alike = np.minimum(clean[:, position] @ clean[:, position].T, 1.0)
            np.fill_diagonal(alike, 1.0)
            if isinstance(process, OrderedMasking):
                found[levels < length - place] += np.log(alike)
            else:
                found += np.log(levels[:, None, None] + (1.0 - levels)[:, None, None] * alike)
    return np.minimum(found, 0.0)


def log_ratios(process: Masking, levels: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Return `ln p^j(Y) - ln p^k(Y)` for `n` draws from every component k, `(L, K, n, K)` in float32.

    Sequences and the order in which their tokens are masked are the same at all levels.
    """
    mixture = process.mixture
    count, length = mixture.n_components, mixture.length
    check_memory(
        4.0 * len(levels) * n * bucket(count) ** 2 + 16.0 * n * (length + 1) * count,
        f"log-likelihood ratios of {n} draws from each of {count} components at {len(levels)} levels",
        "use fewer draws (n), components or levels",
    )
    found = np.empty((len(levels), count, n, count), np.float32)
    every = np.arange(length)
    for k in range(count):
        seeds = fold_seeds(fold_seeds(seed, k), np.arange(n))
        tokens = mixture.draw_tokens(np.full(n, k), seeds)
        if isinstance(process, OrderedMasking):
            order = np.broadcast_to(process.order, (n, length))
            visible = np.broadcast_to(length - levels.astype(int)[:, None], (len(levels), n))
        else:
            chance = uniforms(seeds, NOISE, length)
            order = np.argsort(-chance, axis=1)  # what stays visible longest comes first
            visible = (chance[None] >= levels[:, None, None]).sum(-1)
        logs = mixture.log_probabilities[:, every, tokens]  # (K, n, d)
        # Far below what any float32 keeps: no component has to be told from impossible ones.
        gaps = np.maximum(logs - logs[k], -1e30)
        sums = np.cumsum(np.take_along_axis(gaps, order[None], axis=2), axis=2)
        sums = np.concatenate([np.zeros((count, n, 1)), sums], axis=2)
        found[:, k] = np.maximum(sums[:, np.arange(n), visible], -1e6).transpose(1, 2, 0)
    return found


def log_overlap_on_levels(
    process: Masking, first: tuple[int, ...], second: tuple[int, ...], levels: np.ndarray, effort: Effort
) -> Estimate:
    """Return `ln O` of two index sets at levels `(L,)`, known in the way that `effort` asks for.

    Raises:
        ValueError: the exact way is asked for where there are too many different observations.
    """
    if set(first) == set(second):
        zero = np.zeros(len(levels))
        return Estimate(zero, zero, zero, EXACT)
    for inner, outer in ((first, second), (second, first)):
        if set(inner) < set(outer):
            # p^outer = pi p^inner + (1 - pi) p^rest, hence TV(inner, outer) = (1 - pi) TV(inner, rest).
            rest = tuple(sorted(set(outer) - set(inner)))
            share, other = (process.weights[list(part)].sum() for part in (inner, rest))
            total = share + other
            found = log_overlap_on_levels(process, inner, rest, levels, effort)
            value, low, high = (
                np.minimum(np.logaddexp(np.log(share / total), np.log(other / total) + x), 0.0)
                for x in (found.value, found.low, found.high)
            )
            return Estimate(value, low, high, found.method, found.status)
    members = tuple(sorted(set(first) | set(second)))
    part = restricted(process, members)
    a, b = (subset_weights(process.mixture, side)[list(members), None] for side in (first, second))  # pyright: ignore
    return _answer(part, levels, a, b, effort)


def restricted(process: Masking, members: tuple[int, ...]) -> Masking:
    """Return the process on a sub-mixture, the same object for the same components."""
    if len(members) == process.n_components:
        return process
    known = process.known_parts
    if members not in known:
        part = process.mixture.subset_mixture(members)
        ordered = isinstance(process, OrderedMasking)
        known[members] = OrderedMasking(part, process.order) if ordered else type(process)(part)
    return known[members]


def _answer(process: Masking, levels: np.ndarray, a: np.ndarray, b: np.ndarray, effort: Effort) -> Estimate:
    if effort.method in (AUTO, EXACT):
        logs = atoms.log_overlaps(process, levels, a, b)
        if logs is not None:
            return Estimate(logs[:, 0], logs[:, 0], logs[:, 0], EXACT)
        if effort.method == EXACT:
            raise ValueError(
                f"method 'exact' cannot enumerate what may be observed of {process!r}; use 'auto', 'certified' "
                "or 'estimated'"
            )
    low, high = (side[:, 0] for side in LevelSurvey(process, levels, 2, method=CERTIFIED).brackets(a, b))
    with np.errstate(invalid="ignore"):
        middle = np.where(np.isneginf(low), low, (low + high) / 2)
    bracket = Estimate(middle, low, high, CERTIFIED)
    if effort.method == CERTIFIED:
        return bracket
    if effort.method == AUTO and effort.rtol is not None and _reached(bracket) <= effort.rtol:
        return bracket
    return _estimated(process, levels, a, b, bracket, effort)


def _estimated(process: Masking, levels, a, b, bracket: Estimate, effort: Effort) -> Estimate:
    """Average rounds of stratified draws, doubling them until `rtol` is reached or the seconds are spent."""
    began = time.monotonic()
    first, second, rounds, wanted = np.zeros(len(levels)), np.zeros(len(levels)), 0, 1
    while True:
        for extra in range(rounds, wanted):
            survey = LevelSurvey(process, levels, effort.n, effort.seed + 1_000_003 * extra, ESTIMATED)
            mean, error = overlap_estimates(survey.draws, survey.noise, a, b)
            first, second = first + mean[:, 0], second + np.square(error[:, 0])
        rounds = wanted
        mean = first / rounds
        reach = half_width(mean, np.sqrt(second) / rounds, effort.n * rounds)
        with np.errstate(divide="ignore"):
            value, low, high = (np.log(np.maximum(x, 0.0)) for x in (mean, mean - reach, mean + reach))
        low, high = (np.clip(side, bracket.low, bracket.high) for side in (low, high))
        value = np.clip(np.where(np.isfinite(value), value, (bracket.low + high) / 2), low, high)
        found = Estimate(value, low, high, ESTIMATED, COMPLETE)
        if effort.rtol is None or _reached(found) <= effort.rtol:
            return found
        if 2 * (time.monotonic() - began) > effort.seconds:
            warnings.warn(
                f"{effort.seconds:g} s were spent before the relative error {effort.rtol:g} was reached; "
                f"the interval is {_reached(found):.2g} of the value at the worst level. Raise budget or rtol",
                BudgetWarning,
                stacklevel=6,
            )
            return Estimate(value, low, high, ESTIMATED, BUDGET_SPENT)
        wanted = 2 * rounds


def _reached(found: Estimate) -> float:
    """Return half the width of the widest interval over its value, from logarithms."""
    with np.errstate(invalid="ignore", over="ignore"):
        half = (np.exp(found.high - found.value) - np.exp(found.low - found.value)) / 2
    return float(np.where(np.isfinite(half), half, np.inf).max())


def check_levels(process, level, name: str = "level") -> np.ndarray:
    """Return one level or an array of them as float64 of the same shape.

    Raises:
        ValueError: there is none, or one of them is not in the process's index set.
    """
    given = np.asarray(level, dtype=object)
    if not given.size:
        raise ValueError(f"{name} must hold at least one level, not shape {given.shape}")
    return np.array([process.index.check(one, name) for one in given.flat], np.float64).reshape(given.shape)


def log_overlap_of(process, a: Subset, b: Subset, level, effort: Effort) -> Estimate:
    """Return `ln O` of two sub-mixtures with the shape of `level`; arguments as for `overlap`."""
    levels = check_levels(process, level, "t")
    first, second = process.indices(a, "a"), process.indices(b, "b")
    return log_overlap_on_levels(process, first, second, np.ravel(levels), effort).reshaped(levels.shape)
