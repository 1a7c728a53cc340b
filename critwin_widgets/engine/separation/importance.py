"""Overlaps of Gaussian mixtures estimated to a wanted relative error, however rare they are.

`O = int min(p, q)` is averaged under `g = (1 - d) sum h_ij / C + d (p + q) / 2`, where the `h_ij`
(`tilted`) add up to at least `min(p, q)` and `C` is their integral. The weight `min(p, q) / g` lies
between 0 and `min(1 / d, C / (1 - d))` (derived here), so that `Var <= O * min(...)`: the relative
error of n draws is at most `sqrt(C / (O n))`, and `C / O` is how loose the certified bound is, not
how rare the overlap is. Draws are stratified by pair and by component; all in float64 on the host.
"""

import time
from typing import NamedTuple

import numpy as np

from .._types import PerTime
from ..mixtures import GaussianMixture
from ..processes import clock
from .estimate import CONFIDENCE_Z
from .tilted import Envelope, Normals, envelope

_MOST_PAIRS = 1024
_MOST_LISTED = 1_000_000
"""Pairs among which the heaviest are looked for; beyond, draws come from the two mixtures themselves."""

_MOST_DRAWS = 1 << 25
_BLOCK = 4_000_000
"""Numbers in one block of draws."""


class Reached(NamedTuple):
    """Estimates on a log scale at every time, `(T,)` each, and whether the wanted error was reached."""

    log_value: np.ndarray
    log_low: np.ndarray
    log_high: np.ndarray
    met: bool


class Stratified(NamedTuple):
    """One time's question: where to draw, how often, and the largest weight there can be."""

    normals: Normals
    envelope: Envelope
    log_a: np.ndarray
    log_b: np.ndarray
    shares: np.ndarray
    """Of all draws: pairs first, then components of `p`, then components of `q`."""
    log_bound: float
    log_dropped: float

    @property
    def log_defence(self) -> float:
        """`ln d`, the share of draws from `p` and `q` themselves."""
        with np.errstate(divide="ignore"):
            return float(np.log(max(1.0 - self.shares[: len(self.envelope.laws)].sum(), 0.0)))


def prepare(mixture: GaussianMixture, sigma2: float, a: np.ndarray, b: np.ndarray) -> Stratified:
    """Return the question `int min(sum a_i p_i, sum b_j p_j)` at noise `sigma2`, for weights `(K,)`."""
    normals = Normals.of(mixture, sigma2)
    with np.errstate(divide="ignore"):
        log_a, log_b = np.log(a), np.log(b)
    if int((a > 0).sum()) * int((b > 0).sum()) > _MOST_LISTED:
        return Stratified(normals, Envelope.empty(), log_a, log_b, np.concatenate([a, b]) / 2, 0.0, -np.inf)
    pairs, log_dropped = envelope(normals, a, b, _MOST_PAIRS)
    log_total = float(np.logaddexp.reduce(pairs.log_integrals))
    # Where the overlap is common, p and q themselves are as good, and cheaper.
    defence = 0.1 if log_total < np.log(0.5) and log_dropped < log_total - np.log(1e3) else 1.0
    shares = np.concatenate([(1 - defence) * np.exp(pairs.log_integrals - log_total), defence * a / 2, defence * b / 2])
    bound = min(-np.log(defence), log_total - np.log1p(-defence) if defence < 1 else np.inf)
    return Stratified(normals, pairs, log_a, log_b, shares, bound, log_dropped if defence < 1 else -np.inf)


class Sums:
    """Running moments of the weights over their bound, by stratum."""

    def __init__(self, question: Stratified):
        self.question = question
        size = len(question.shares)
        self.counts, self.first, self.second = np.zeros(size), np.zeros(size), np.zeros(size)

    def add(self, draws: int, seed: list[int]) -> None:
        """Spend about `draws` more draws, at least two in every stratum."""
        question = self.question
        rng = np.random.default_rng(seed)
        counts = np.where(question.shares > 0, np.maximum(np.rint(question.shares * draws), 2), 0).astype(int)
        width = max(len(question.envelope.laws), *question.normals.means.shape)
        for strata in _blocks(counts, max(64, _BLOCK // width)):
            drawn = [_draw(question, rng, k, count) for k, count in strata]
            points, radii = (np.concatenate(part) for part in zip(*drawn, strict=True))
            weights = np.exp(log_weights(question, points, radii) - question.log_bound)
            owner = np.repeat([k for k, _ in strata], [count for _, count in strata])
            size = len(self.counts)
            self.counts += np.bincount(owner, minlength=size)
            self.first += np.bincount(owner, weights, size)
            self.second += np.bincount(owner, weights**2, size)

    def estimate(self) -> tuple[float, float, float]:
        """Return `ln O` and the logs of a 95 % interval's ends; `-inf` below where it reaches zero."""
        used = self.counts > 0
        counts, shares = self.counts[used], self.question.shares[used]
        means = self.first[used] / counts
        variances = np.maximum(self.second[used] / counts - means**2, 0.0) / np.maximum(counts - 1, 1)
        mean, total = float(shares @ means), counts.sum()
        reach = CONFIDENCE_Z * float(np.sqrt(shares**2 @ variances))
        if mean * total < 10.0:
            # Few draws tell: add Wilson's width at zero, as for averages of numbers in [0, 1].
            reach += CONFIDENCE_Z**2 / total
        with np.errstate(divide="ignore"):
            value, low, high = np.log(np.maximum([mean, mean - reach, mean + reach], 0.0)) + self.question.log_bound
        return float(value), float(low), float(np.logaddexp(high, self.question.log_dropped))


def log_weights(question: Stratified, points: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Return `ln(min(p, q) / g)` at drawn points, `(n,)`; never above `question.log_bound`."""
    logs = question.normals.log_densities(points, radii)
    log_p, log_q = logs + question.log_a, logs + question.log_b
    p, q = np.logaddexp.reduce(log_p, axis=1), np.logaddexp.reduce(log_q, axis=1)
    smaller = np.minimum(p, q)
    plain = np.logaddexp(p, q) - np.log(2)
    if question.log_defence >= 0.0:
        return smaller - plain
    pairs = question.envelope
    covered = np.logaddexp.reduce(pairs.log_terms(log_p, log_q), axis=1)
    if np.isfinite(question.log_dropped):
        # What only the pairs left out would cover is not drawn; its mass widens the interval instead.
        smaller = np.minimum(smaller, covered)
    log_defence = question.log_defence
    total = np.logaddexp.reduce(pairs.log_integrals)
    drawn = np.logaddexp(covered - total + np.log1p(-np.exp(log_defence)), plain + log_defence)
    return smaller - drawn


def estimate_rare(
    mixture: GaussianMixture,
    times: PerTime,
    a: np.ndarray,
    b: np.ndarray,
    *,
    draws: int,
    seed: int,
    rtol: float | None = None,
    budget: float = np.inf,
) -> Reached:
    """Estimate `ln O` at every time, with `draws` draws or doubling them until `rtol` is reached.

    Args:
        mixture: the mixture, `K` components.
        times: OU times, `(T,)`.
        a, b: normalised weights of the two sub-mixtures, `(K,)`.
        draws: draws at each time in the first round.
        seed: of the draws; times share it (common random numbers).
        rtol: half width of the 95 % interval over the value to reach; `None` draws one round.
        budget: seconds after which no further round begins.
    """
    began = time.monotonic()
    sums = [Sums(prepare(mixture, float(s) ** 2, a, b)) for s in clock.to_sigma(times)]
    found = np.zeros((len(times), 3))
    pending, spent, step = np.arange(len(times)), 0, draws
    while len(pending):
        for t in pending:
            sums[t].add(step, [seed, spent])
            found[t] = sums[t].estimate()
        spent += step
        if rtol is None:
            break
        pending = pending[relative_error(*found[pending].T) > rtol]
        taken = time.monotonic() - began
        # The next round doubles the draws of what is pending.
        if spent >= _MOST_DRAWS or taken + taken * len(pending) / len(times) > budget:
            break
        step = spent
    return Reached(*found.T, met=rtol is None or not len(pending))


def relative_error(log_value: np.ndarray, log_low: np.ndarray, log_high: np.ndarray) -> np.ndarray:
    """Return half the width of intervals over their values, from logarithms."""
    with np.errstate(invalid="ignore", over="ignore"):
        found = 0.5 * (np.exp(log_high - log_value) - np.exp(log_low - log_value))
    return np.where(np.isfinite(found), found, np.inf)


def _draw(question: Stratified, rng: np.random.Generator, stratum: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    laws, components = question.envelope.laws, len(question.log_a)
    if stratum < len(laws):
        return laws[stratum].draw(rng, count)
    return question.normals.draw(rng, (stratum - len(laws)) % components, count)


def _blocks(counts: np.ndarray, size: int):
    """Yield lists of (stratum, count) with about `size` draws in each."""
    block, filled = [], 0
    for stratum in np.flatnonzero(counts):
        left = int(counts[stratum])
        while left:
            take = min(left, size - filled)
            block.append((int(stratum), take))
            left, filled = left - take, filled + take
            if filled >= size:
                yield block
                block, filled = [], 0
    if block:
        yield block
