"""All that can be observed of masked tokens, one *atom* for each likelihood function it can have.

What is observed matters through its likelihoods under the components, up to a factor: overlaps,
posteriors and returns are sums of homogeneous functions of them. Reading position by position and
merging what has the same likelihood ratios keeps the atoms few wherever they are few: the number of
heads for coins, the strings that are still possible for strings, all prefixes where there is no
structure. Ratios that agree to 1e-10 count as the same.
"""

import dataclasses

import numpy as np
from jaxtyping import Float
from scipy import special

from ..processes.masking import Masking, OrderedMasking

_MOST = 1 << 22
"""Numbers of one step of reading; beyond, laws are not enumerated."""

_SAME = 1e10


@dataclasses.dataclass(frozen=True)
class Atoms:
    """Atoms at one level, or at all levels of random masking.

    Attributes:
        directions: likelihoods under the components, each row's largest is 1, `(N, K)`.
        log_scales: logarithms of what to multiply a row with, `(N, R)`: one column, or one for each
            number of visible tokens.
    """

    directions: Float[np.ndarray, "N K"]
    log_scales: Float[np.ndarray, "N R"]

    def log_masses(self, level: float) -> Float[np.ndarray, "N"]:
        """Return the logarithms of the scales at a level of random masking (any, when there is one column)."""
        if self.log_scales.shape[1] == 1:
            return self.log_scales[:, 0]
        visible = np.arange(self.log_scales.shape[1])
        # The number of masks of each pattern is what is not visible.
        weights = special.xlogy(visible[-1] - visible, level) + special.xlogy(visible, 1.0 - level)
        return np.asarray(special.logsumexp(self.log_scales + weights, axis=1))


def atoms_of(process: Masking, level: float | None = None) -> Atoms | None:
    """Return the atoms of a process at a level (of random masking: at all levels), or `None` if they are too many."""
    known = process.known_atoms
    visible = 0
    if isinstance(process, OrderedMasking):
        visible = process.mixture.length - int(level or 0)
        if visible not in known:
            _read_in_order(process, visible, known)
    elif visible not in known:
        known[visible] = _read_at_random(process)
    return known[visible]


def _read_in_order(process: OrderedMasking, visible: int, known: dict) -> None:
    """Enter the atoms of 0 to `visible` visible tokens."""
    logs = process.mixture.log_probabilities
    if 0 not in known:
        known[0] = Atoms(np.ones((1, logs.shape[0])), np.zeros((1, 1)))
    for count in range(max(known) + 1, visible + 1):
        before, found = known[count - 1], None
        if before is not None and before.directions.size * logs.shape[2] <= _MOST:
            found = _merged(*_children(before, logs[:, process.order[count - 1]]))
        known[count] = found


def _read_at_random(process: Masking) -> Atoms | None:
    logs = process.mixture.log_probabilities
    count, length, symbols = logs.shape
    scales = np.full((1, length + 1), -np.inf)
    scales[0, 0] = 0.0
    found = Atoms(np.ones((1, count)), scales)
    for position in range(length):
        if len(found.directions) * (symbols + 1) * (count + length) > _MOST:
            return None
        directions, scales = _children(found, logs[:, position])
        # One more token is visible; or it is masked, and nothing is learnt.
        scales = np.concatenate([np.full((len(scales), 1), -np.inf), scales[:, :-1]], axis=1)
        directions = np.concatenate([directions, found.directions])
        found = _merged(directions, np.concatenate([scales, found.log_scales]))
    return found


def _children(atoms: Atoms, logs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return directions and scales after one more token with log-probabilities `(K, V)` is seen."""
    with np.errstate(divide="ignore"):
        seen = (np.log(atoms.directions)[:, None, :] + logs.T).reshape(-1, logs.shape[0])
    scales = np.repeat(atoms.log_scales, logs.shape[1], axis=0)
    top = seen.max(axis=1, keepdims=True)
    possible = ~np.isneginf(top[:, 0])
    seen, top, scales = seen[possible], top[possible], scales[possible]
    return np.exp(seen - top), scales + top


def _merged(directions: np.ndarray, scales: np.ndarray) -> Atoms:
    with np.errstate(divide="ignore"):
        logs = np.log(directions)
    keys = np.where(np.isneginf(logs), -(2**61), np.rint(np.maximum(logs, -1e8) * _SAME)).astype(np.int64)
    # Rows are told apart by a hash of 64 bits: a collision among a million atoms has a chance of 3e-8.
    odd = np.random.default_rng(0).integers(1, 2**63, keys.shape[1], np.uint64) * np.uint64(2) + np.uint64(1)
    with np.errstate(over="ignore"):
        mixed = keys.astype(np.uint64) * odd
        mixed ^= mixed >> np.uint64(29)
        hashes = (mixed * odd[::-1]).sum(axis=1, dtype=np.uint64)
    order = np.argsort(hashes, kind="stable")
    first = np.flatnonzero(np.diff(hashes[order], prepend=hashes[order[:1]] - np.uint64(1)) != 0)
    return Atoms(directions[order[first]], np.logaddexp.reduceat(scales[order], first, axis=0))


def log_overlaps(process: Masking, levels: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray | None:
    """Return `ln O(P, Q)` at levels `(L,)` for `M` pairs of weights `(K, M)`, `(L, M)`; `None` where too many atoms."""
    found = np.empty((len(levels), a.shape[1]))
    last, smaller = None, np.empty(0)
    for row, level in enumerate(levels):
        atoms = atoms_of(process, level)
        if atoms is None:
            return None
        if atoms is not last:  # random masking has the same directions at all levels
            with np.errstate(divide="ignore"):
                smaller = np.log(np.minimum(atoms.directions @ a, atoms.directions @ b))
            last = atoms
        with np.errstate(divide="ignore"):
            logs = np.asarray(special.logsumexp(atoms.log_masses(level)[:, None] + smaller, axis=0))
        found[row] = np.minimum(logs, 0.0)
    return found


def pair_overlaps(process: Masking, levels: np.ndarray) -> np.ndarray | None:
    """Return `O(p^i, p^j)` of all pairs, `(L, K, K)`, or `None` where there are too many atoms."""
    count = process.n_components
    found = np.empty((len(levels), count, count))
    for rows, atoms, masses in _by_atoms(process, levels):
        if atoms is None:
            return None
        for k in range(count):
            shared = np.minimum(atoms.directions[:, k : k + 1], atoms.directions)
            found[rows, k] = np.minimum(masses @ shared, 1.0)
    found[:, np.arange(count), np.arange(count)] = 1.0
    return found


def returns(process: Masking, levels: np.ndarray, sets: np.ndarray, contexts: np.ndarray, sources: np.ndarray):
    """Return `E[P(set | Y, context)]` and `E[ln P(set | Y, context)]` over draws from sources, `(L, M)` each.

    Args:
        process: the process.
        levels: `(L,)`.
        sets, contexts: boolean masks `(K, M)`.
        sources: normalised weights of what is drawn from, `(K, M)`.

    Returns:
        `None` where there are too many atoms.
    """
    value, logs = np.empty((2, len(levels), sets.shape[1]))
    for rows, atoms, masses in _by_atoms(process, levels):
        if atoms is None:
            return None
        joint = atoms.directions * process.weights
        part, whole = joint @ sets, joint @ contexts
        share = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
        drawn = atoms.directions @ sources
        value[rows] = np.clip(masses @ (drawn * share), 0.0, 1.0)
        logs[rows] = masses @ special.xlogy(drawn, np.where(drawn > 0, np.maximum(share, 1e-300), 1.0))
    return value, logs


def _by_atoms(process: Masking, levels: np.ndarray):
    """Yield rows of the levels, their atoms and their scales `(rows, N)`."""
    if isinstance(process, OrderedMasking):
        for row, level in enumerate(levels):
            atoms = atoms_of(process, level)
            yield [row], atoms, None if atoms is None else np.exp(atoms.log_masses(level))[None]
    else:
        atoms = atoms_of(process)
        rows = np.arange(len(levels))
        yield rows, atoms, None if atoms is None else np.exp([atoms.log_masses(level) for level in levels])
