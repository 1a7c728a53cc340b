"""LC24's pairwise times beside LKC25's times of sub-mixtures.

LC24: Li & Chen, "Critical windows: non-asymptotic theory for feature emergence in diffusion models"
(ICML 2024, arXiv:2403.01633).
"""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
from scipy import special
from scipy.spatial import distance

from ..engine._types import Subset
from ..engine._validation import check_choice, check_count, check_eps
from ..engine.mixtures import GaussianMixture, Mixture
from ..engine.separation import CERTIFIED, ESTIMATED, EXACT, Estimate, Survey, pairs
from .times import ALWAYS_WITHIN, UNBOUNDED, Time, root_of_overlap, time_grid
from .windows import check_inside, complement, end_time, end_time_of, names, start_time, start_time_of

_METHODS = ("auto", EXACT, CERTIFIED, ESTIMATED)
_TABLE = 1 << 24
"""Entries `times * K^2` of one table of pairs; more times are worked off in blocks."""
_MOST_COMPONENTS = 4096
"""Components of one table of pairs: five matrices of doubles of this side take 640 MiB."""


def lower_time(
    mixture: Mixture,
    init: Subset,
    target: Subset,
    eps: float,
    *,
    method: str = "auto",
    n: int = 4096,
    seed: int = 0,
) -> Time:
    """Return `T_lower = inf{t : TV(p_t^i, p_t^j) <= eps for all i in S_init, j in S_target}` (LC24).

    The level is `eps` itself, as in LKC25's `T_end`, so that both stand on one scale. By LC24's Lemma
    15, `TV(p_t^init, p_t^target)` is at most the largest of these distances: `T_end <= T_lower`.

    Args:
        mixture: the mixture.
        init: components of `S_init`, inside `target`.
        target: components of `S_target`.
        eps: level, strictly between 0 and 1.
        method: "auto" takes pairs exactly where they are (Gaussians of one covariance, components on
            a line), else estimates them; or force "exact", "certified" (closed-form brackets of every
            pair, no sampling) or "estimated".
        n: draws per component of an estimate.
        seed: its seed.

    Returns:
        A `Time` (OU time) with status "reached", or "always within" with value 0.

    Raises:
        ValueError: a subset is empty or unknown, `init` is not inside `target`, `eps` is out of range,
            `method="exact"` where pairs are not exact, or the subset has more than 4096 components.
    """
    level = check_eps(eps)
    first, second = mixture.indices(init, "init"), mixture.indices(target, "target")
    check_inside(mixture, first, second, "init", "target")
    _check_options(method, n)
    if len(second) == 1:
        return Time(0.0, 0.0, 0.0, ALWAYS_WITHIN, EXACT)
    return end_time_of(_crossing(mixture, first, second, True, 1.0 - level, method, n, seed))


def upper_time(
    mixture: Mixture, target: Subset, eps: float, *, method: str = "auto", n: int = 4096, seed: int = 0
) -> Time:
    """Return `T_upper = sup{t : TV(p_t^i, p_t^j) >= 1 - eps^2 for all i in S_target, j outside}` (LC24).

    The level is `1 - eps^2`, as in LKC25's `T_start`, so that both stand on one scale. Neither time
    bounds the other: two sub-mixtures can overlap more than any of their pairs, and less.

    Args:
        mixture: the mixture.
        target: components of `S_target`.
        eps: level, strictly between 0 and 1.
        method: as for `lower_time`.
        n: draws per component of an estimate.
        seed: its seed.

    Returns:
        A `Time` (OU time) with status "separated", "never separated" (the value is NaN) or, for the
        whole mixture, "unbounded".

    Raises:
        ValueError: `target` is empty or unknown, `eps` is out of range, `method="exact"` where pairs
            are not exact, or the mixture has more than 4096 components.
    """
    level = check_eps(eps) ** 2
    inside = mixture.indices(target, "target")
    _check_options(method, n)
    rest = complement(mixture, inside)
    if not rest:
        return Time(math.inf, math.inf, math.inf, UNBOUNDED, EXACT)
    return start_time_of(_crossing(mixture, inside, rest, False, level, method, n, seed))


@dataclasses.dataclass(frozen=True)
class WindowComparison:
    """Where LKC25's theorem and LC24's speak of the same question, on one clock.

    Attributes:
        end, start: LKC25's `T_end` and `T_start`; its Theorem 2 speaks of the times between.
        lower, upper: LC24's `T_lower` and `T_upper`; its theorem speaks of the times between.
        init, target: component indices.
        eps: the level of all four.
    """

    end: Time
    start: Time
    lower: Time
    upper: Time
    init: tuple[int, ...]
    target: tuple[int, ...]
    eps: float

    @property
    def lkc25(self) -> str:
        """Status of `[T_end, T_start]`: "open", "empty" (the ends cross) or "not separated"."""
        return _status(self.end, self.start)

    @property
    def lc24(self) -> str:
        """Status of `[T_lower, T_upper]`: "open", "empty" (the ends cross) or "not separated"."""
        return _status(self.lower, self.upper)

    def __str__(self) -> str:
        rows = (
            ("LKC25", "T_end", self.end, "T_start", self.start, self.lkc25),
            ("LC24", "T_lower", self.lower, "T_upper", self.upper, self.lc24),
        )
        return "\n".join(f"{paper}: {a} = {one}; {b} = {two}: {state}" for paper, a, one, b, two, state in rows)


def compare_windows(
    mixture: Mixture,
    init: Subset,
    target: Subset,
    eps: float,
    *,
    method: str = "auto",
    n: int = 4096,
    seed: int = 0,
) -> WindowComparison:
    """Return LKC25's `[T_end, T_start]` and LC24's pairwise `[T_lower, T_upper]` at one level.

    Args:
        mixture: the mixture.
        init: components of `S_init`, inside `target`.
        target: components of `S_target`.
        eps: level, strictly between 0 and 1.
        method: "auto", "exact", "certified" or "estimated", as for `lower_time`; "exact" needs
            sub-mixtures, too, to be exact.
        n: draws per component of an estimate.
        seed: its seed.

    Returns:
        A `WindowComparison`: four `Time`s (OU time), and for each paper whether its window is "open",
        "empty" or "not separated".

    Raises:
        ValueError: a subset is empty or unknown, `init` is not inside `target`, `eps` is out of range,
            `method="exact"` where something is not exact, or too many components for a table of pairs.
    """
    first, second = mixture.indices(init, "init"), mixture.indices(target, "target")
    check_inside(mixture, first, second, "init", "target")
    level = check_eps(eps)
    _check_options(method, n)
    options: dict = {"method": method, "n": n, "seed": seed}
    return WindowComparison(
        end=end_time(mixture, first, second, level, **options),
        start=start_time(mixture, second, level, **options),
        lower=lower_time(mixture, first, second, level, **options),
        upper=upper_time(mixture, second, level, **options),
        init=first,
        target=second,
        eps=level,
    )


def _status(early: Time, late: Time) -> str:
    if not late.exists:
        return "not separated"
    return "open" if early.value <= late.value else "empty"


def _check_options(method: str, n: int) -> None:
    check_choice("method", method, _METHODS)
    check_count("n", n, 2)


def _crossing(
    mixture: Mixture,
    rows: tuple[int, ...],
    columns: tuple[int, ...],
    farthest: bool,
    level: float,
    method: str,
    n: int,
    seed: int,
) -> Estimate:
    """Return when the overlap of the farthest (or else closest) pair crosses `level`; NaN if it starts above."""
    if isinstance(mixture, GaussianMixture) and pairs.same_covariance(mixture):
        found = _exact_crossing(mixture, rows, columns, farthest, level)
        return Estimate(found, found, found, EXACT)
    curve = _extreme_overlap(mixture, rows, columns, farthest, method, n, seed)
    return root_of_overlap(curve, time_grid(mixture), level)


def _exact_crossing(mixture: GaussianMixture, rows, columns, farthest: bool, level: float) -> float:
    """Return the time at which `Delta_t` of the extreme pair of Gaussians of one covariance meets the level.

    In blocks of rows: no table of all pairs is ever held.
    """
    coordinates, values = pairs.shared_basis(mixture)
    first, second = coordinates[list(rows)], coordinates[list(columns)]
    wanted = (-2.0 * special.ndtri(level / 2)) ** 2  # level = 2 Phi(-Delta / 2)
    extreme = max if farthest else min
    gap = extreme(_extreme_gap(part, second, farthest) for part in _blocks(first, second))
    if (values == values[0]).all():
        # One precision for all directions: the same pair is the extreme one at all times.
        variance = gap / wanted - values[0]
        return 0.5 * math.log1p(variance) if variance > 0 else math.nan

    def excess(variance: float) -> float:
        precision = 1.0 / (values + variance)
        scaled = np.sqrt(precision) * second
        return (
            extreme(_extreme_gap(np.sqrt(precision) * part, scaled, farthest) for part in _blocks(first, second))
            - wanted
        )

    if excess(0.0) <= 0:
        return math.nan
    narrow = float(values.min())
    # The narrowest variance in all directions brings no pair closer.
    ceiling = max(gap / wanted, narrow) * (1 + 1e-9)
    from scipy.optimize import (
        root_scalar,  # scipy.optimize takes a third of a second to load, and most calls do without
    )

    root = root_scalar(lambda u: excess(narrow * math.expm1(u)), bracket=(0.0, math.log(ceiling / narrow)), xtol=1e-12)
    return 0.5 * math.log1p(narrow * math.expm1(root.root))


def _blocks(first: np.ndarray, second: np.ndarray) -> list[np.ndarray]:
    """Return blocks of rows whose distances to all columns take at most about 64 MB."""
    size = max(1, int(8e6 / second.shape[0]))
    return [first[i : i + size] for i in range(0, len(first), size)]


def _extreme_gap(first: np.ndarray, second: np.ndarray, farthest: bool) -> float:
    gaps = distance.cdist(first, second, "sqeuclidean")
    return float(gaps.max() if farthest else gaps.min())


def _extreme_overlap(
    mixture: Mixture, rows: tuple[int, ...], columns: tuple[int, ...], farthest: bool, method: str, n: int, seed: int
) -> Callable[[np.ndarray], Estimate]:
    """Return the overlap of the farthest (or else the closest) pair, as a function of times `(T,)`."""
    members = sorted({*rows, *columns})
    if len(members) > _MOST_COMPONENTS:
        size = 5 * 8 * len(members) ** 2 / 2**30
        raise ValueError(
            f"{names(mixture, tuple(members))} has {len(members)} components: their pairs would take {size:.1f} GiB "
            f"at every time; choose subsets of at most {_MOST_COMPONENTS} components"
        )
    small = mixture.subset_mixture(members)
    places = {k: i for i, k in enumerate(members)}
    block = np.ix_(*([places[k] for k in side] for side in (rows, columns)))
    extreme = np.min if farthest else np.max

    def at(times: np.ndarray) -> Estimate:
        step = max(1, _TABLE // len(members) ** 2)
        parts = [_of_pairs(small, times[i : i + step], method, n, seed) for i in range(0, len(times), step)]
        value, low, high = (
            np.concatenate([getattr(part, side)[:, *block] for part in parts]).reshape(len(times), -1)
            for side in ("value", "low", "high")
        )
        found = parts[0].method
        ends = [extreme(low, axis=1), extreme(high, axis=1)]
        if found == ESTIMATED:
            # Which pair is the extreme one is estimated too. The true extreme lies beyond any one
            # pair's, so the far end of the extreme-looking pair serves; the extreme of all far ends
            # would be missed whenever one of many intervals misses.
            chosen = (value.argmin(1) if farthest else value.argmax(1))[:, None]
            inner = 1 if farthest else 0
            ends[inner] = np.take_along_axis((low, high)[inner], chosen, 1)[:, 0]
        return Estimate(extreme(value, axis=1), *ends, method=found)

    return at


def _of_pairs(mixture: Mixture, times: np.ndarray, method: str, n: int, seed: int) -> Estimate:
    survey = Survey(mixture, times, n, seed, method)
    if method == EXACT and survey.line is None:
        raise ValueError(
            "method 'exact' needs Gaussians of one covariance, or components on a line; "
            "use 'auto', 'certified' or 'estimated'"
        )
    if method == CERTIFIED:
        low, high = survey.table.log_low, survey.table.log_high
        return Estimate(np.exp((low + high) / 2), np.exp(low), np.exp(high), CERTIFIED)
    return survey.pair_overlaps()
