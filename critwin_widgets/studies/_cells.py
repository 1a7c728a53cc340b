"""The cells of a study, a source at a level each: their seeds, and the pure function that runs them."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..engine.processes import Process, fold_seeds
from ._batch import Limit, in_parts, joined, out_of_memory, take
from ._values import Vocabulary, read_values

FORWARD_REVERSE, CLONE = "forward_reverse", "clone"
MODES = (FORWARD_REVERSE, CLONE)

_NO_LEVEL = 0x7FF8_0000_0000_0001
"""Bits of a NaN."""

_MOST_ERROR = 300
"""Characters kept of an error's text."""


@dataclasses.dataclass(frozen=True)
class Work:
    """What all cells of a study share; sent to a worker once.

    Attributes:
        process: noises and denoises.
        classifier: from samples to values; `None` to read the process's own components.
        features: each feature's declared values, or an empty tuple where any value may come; `None`
            before the first call.
        components: value codes of each component `(K, F)`, when there is no classifier.
        mode: one of `MODES`.
        grid: levels that a generated trajectory visits, decreasing (clone mode).
    """

    process: Process
    classifier: Callable[[Any], Any] | None
    features: dict[str, tuple[str, ...]] | None
    components: np.ndarray | None
    mode: str
    grid: tuple[float, ...] = ()

    @property
    def declared(self) -> dict[str, list[str]]:
        """The features with their declared values."""
        return {name: list(known) for name, known in (self.features or {}).items()}


@dataclasses.dataclass(frozen=True)
class Block:
    """A few cells at one level: everything their outcomes depend on.

    Attributes:
        positions: of the sources in the study, `(B,)`.
        sources: clean samples, or in clone mode the states where the trajectories start.
        level: noise level.
        seeds: one for each source, `(B,)`; a repeat's seed is a hash of it and of the repeat's number.
        repeats: which repeats to run.
        paths: seed of each source's trajectory, `(B,)` (clone mode).
    """

    positions: np.ndarray
    sources: Any
    level: float
    seeds: np.ndarray
    repeats: range
    paths: np.ndarray

    def only(self, cell: int) -> "Block":
        """Return one cell of the block."""
        one = np.array([cell])
        return dataclasses.replace(
            self,
            positions=self.positions[one],
            sources=take(self.sources, one),
            seeds=self.seeds[one],
            paths=self.paths[one],
        )


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of a block.

    Attributes:
        positions, level: as in the block.
        first: number of the first repeat.
        values: the values that codes stand for, by feature.
        codes: `(B, R, F)` int16, -1 in failed cells.
        errors: of failed cells, by position of the source.
    """

    positions: np.ndarray
    level: float
    first: int
    values: dict[str, list[str]]
    codes: np.ndarray
    errors: dict[int, str]


def source_seeds(seed: int, positions: np.ndarray) -> np.ndarray:
    """Return one seed for each source of a study, int64 `(B,)`."""
    return fold_seeds(seed, positions)


def cell_seeds(sources: np.ndarray, level: float) -> np.ndarray:
    """Return one seed for each source's cell at a level, from the sources' seeds and the level's bits, `(B,)`."""
    return fold_seeds(sources, level_bits(level))


def path_seeds(sources: np.ndarray) -> np.ndarray:
    """Return the seed of each source's trajectory, `(B,)`: no level has these bits."""
    return fold_seeds(sources, _NO_LEVEL)


def level_bits(level: float) -> int:
    """Return the bit pattern of a level (of +0 for both zeros)."""
    return int(np.float64(level + 0.0).view(np.uint64))


def run_block(work: Work, block: Block, limit: Limit, states: dict | None = None) -> Outcome:
    """Noise (or branch), denoise and classify the cells of a block.

    A pure function of `work` and `block`: how `limit` cuts the rows changes nothing, and `states` only
    keeps what would be computed again. When the model raises, each source is run apart, so that an
    error stays with the cells that cause it.

    Raises:
        MemoryError: one sample alone does not fit in memory.
    """
    try:
        return _run(work, block, limit, {} if states is None else states)
    except Exception as error:
        if out_of_memory(error):
            raise
        if len(block.positions) == 1:
            wrong = {int(block.positions[0]): _reason(error)}
            codes = np.full((1, len(block.repeats), len(work.features or {})), -1, np.int16)
            return Outcome(block.positions, block.level, block.repeats.start, work.declared, codes, wrong)
    apart = [run_block(work, block.only(cell), limit) for cell in range(len(block.positions))]
    vocabulary = Vocabulary(work.features or {})
    for one in apart:
        vocabulary.extend(one.values)
    codes = np.concatenate([vocabulary.codes_of(one.values, one.codes) for one in apart])
    errors = {source: reason for one in apart for source, reason in one.errors.items()}
    return Outcome(block.positions, block.level, block.repeats.start, vocabulary.values, codes, errors)


def _run(work: Work, block: Block, limit: Limit, states: dict) -> Outcome:
    count, repeats = len(block.positions), len(block.repeats)
    base = block.sources if work.mode == FORWARD_REVERSE else trajectory(work, block, limit, states)
    what = f"noising and denoising at level {block.level:g}"
    if work.components is not None:
        cells = Limit(max(1, limit.rows // block.repeats.stop))
        parts = in_parts(lambda rows: _components(work, block, take(base, rows), rows), count, cells, what)
    else:
        seeds = fold_seeds(block.seeds[:, None], np.arange(block.repeats.start, block.repeats.stop)).reshape(-1)
        parts = in_parts(
            lambda rows: _outcomes(work, take(base, rows // repeats), block.level, seeds[rows], rows, repeats),
            count * repeats,
            limit,
            what,
        )
    values, codes, wrong = _assembled(work, [piece for part in parts for piece in part], count * repeats)
    errors: dict[int, str] = {}
    for row, reason in wrong.items():
        errors.setdefault(row // repeats, reason)
    codes = codes.reshape(count, repeats, -1)
    codes[list(errors)] = -1
    named = {int(block.positions[cell]): reason for cell, reason in sorted(errors.items())}
    return Outcome(block.positions, block.level, block.repeats.start, values, codes, named)


def classify(work: Work, samples: Any, count: int, limit: Limit) -> tuple[dict[str, list[str]], np.ndarray, dict]:
    """Return values, codes `(count, F)` and errors by row of samples that are at hand."""
    pieces = in_parts(lambda rows: _read(work, take(samples, rows), rows, 1), count, limit, "classifying")
    return _assembled(work, [piece for part in pieces for piece in part], count)


def components_of(process: Process, samples: Any, level: float, seeds: np.ndarray) -> np.ndarray:
    """Return one draw per row from the posterior over the components, `(B,)`."""
    chances = process.posterior(samples, level)
    assert chances is not None
    below = np.cumsum(np.asarray(chances, np.float64), axis=1)
    uniform = (fold_seeds(seeds, 0).astype(np.float64) + 0.5) * 2.0**-63
    return np.minimum((below <= (uniform * below[:, -1])[:, None]).sum(axis=1), below.shape[1] - 1)


def trajectory(work: Work, block: Block, limit: Limit, states: dict) -> Any:
    """Return where each source's trajectory is at the block's level.

    Each step's seed is a hash of the trajectory's and of the level it starts from, so the path is the
    same whichever level is asked for first. `states` holds the last state of the current sources.
    """
    process, place = work.process, tuple(block.positions.tolist())
    level, state = process.start_level, block.sources
    kept = states.get(place)
    if kept is not None and kept[0] >= block.level:
        level, state = kept
    for lower in work.grid:
        if block.level <= lower < level:
            state = _step(process, state, level, lower, block.paths, limit)
            level = lower
    states.clear()
    states[place] = (level, state)
    return state


def finish(work: Work, states: Any, paths: np.ndarray, limit: Limit) -> Any:
    """Return the clean ends of trajectories, from where they start and through every level of the grid."""
    process, level = work.process, work.process.start_level
    for lower in work.grid:
        if lower < level:
            states, level = _step(process, states, level, lower, paths, limit), lower
    return _step(process, states, level, None, paths, limit) if level > process.index.clean else states


def _step(process: Process, state: Any, level: float, lower: float | None, paths: np.ndarray, limit: Limit) -> Any:
    seeds = fold_seeds(paths, level_bits(level))
    parts = in_parts(
        lambda rows: process.denoise(take(state, rows), level, seeds[rows], to=lower),
        len(paths),
        limit,
        f"generating from level {level:g}",
    )
    return joined(parts)


# ---- one call of the model --------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class _Piece:
    rows: np.ndarray
    values: Mapping[str, list[str]]
    codes: np.ndarray
    wrong: dict[int, str]


def _outcomes(work: Work, chosen: Any, level: float, seeds: np.ndarray, rows: np.ndarray, repeats: int) -> list[_Piece]:
    """Return what becomes of some rows, one seed each."""
    if work.mode == CLONE:
        samples = work.process.denoise(chosen, level, seeds)
    else:
        noised = work.process.noise(chosen, level, fold_seeds(seeds, 0))
        samples = work.process.denoise(noised, level, fold_seeds(seeds, 1))
    return _read(work, samples, rows, repeats)


def _components(work: Work, block: Block, chosen: Any, cells: np.ndarray) -> list[_Piece]:
    """Return what becomes of the components, known in law: no sample has to be made."""
    assert work.components is not None
    seeds, repeats = block.seeds[cells], block.repeats
    after = getattr(work.process, "components_after", None)
    if work.mode == FORWARD_REVERSE and after is not None:
        # The earlier repeats are drawn again: a repeat's numbers don't depend on where a round starts.
        found = np.asarray(after(chosen, block.level, seeds, repeats.stop))[:, repeats.start :]
    else:
        every = fold_seeds(seeds[:, None], np.arange(repeats.start, repeats.stop)).reshape(-1)
        noised = take(chosen, np.repeat(np.arange(len(cells)), len(repeats)))
        if work.mode == FORWARD_REVERSE:
            noised = work.process.noise(noised, block.level, fold_seeds(every, 0))
        found = components_of(work.process, noised, block.level, fold_seeds(every, 1))
    rows = (cells[:, None] * len(repeats) + np.arange(len(repeats))).reshape(-1)
    return [_Piece(rows, work.declared, work.components[np.asarray(found).reshape(-1)], {})]


def _read(work: Work, samples: Any, rows: np.ndarray, repeats: int) -> list[_Piece]:
    """Classify samples, one per row; when that raises, those of each cell apart."""
    assert work.classifier is not None
    try:
        values, codes, wrong = read_values(work.classifier(samples), len(rows), work.features)
    except Exception as error:
        if out_of_memory(error):
            raise
        cells = _by_cell(rows, repeats)
        if len(cells) == 1:
            return [_failed(rows, error)]
        first = rows[0]
        return [piece for own in cells for piece in _read(work, take(samples, own - first), own, repeats)]
    return [_Piece(rows, values, codes, {int(rows[row]): reason for row, reason in wrong.items()})]


def _by_cell(rows: np.ndarray, repeats: int) -> list[np.ndarray]:
    return np.split(rows, np.flatnonzero(np.diff(rows // repeats)) + 1)


def _failed(rows: np.ndarray, error: Exception) -> _Piece:
    return _Piece(rows, {}, np.zeros((len(rows), 0), np.int16), {int(rows[0]): _reason(error)})


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:_MOST_ERROR]


def _assembled(work: Work, pieces: list[_Piece], rows: int) -> tuple[dict[str, list[str]], np.ndarray, dict[int, str]]:
    """Return the values, codes `(rows, F)` and errors by row of all pieces together."""
    named = [piece for piece in pieces if piece.values]
    names = work.features if work.features is not None else dict.fromkeys(named[0].values, ()) if named else {}
    vocabulary = Vocabulary(names)
    for piece in named:
        vocabulary.extend(piece.values)
    codes = np.full((rows, len(names)), -1, np.int16)
    for piece in named:
        codes[piece.rows] = vocabulary.codes_of(piece.values, piece.codes)
    wrong = {row: reason for piece in pieces for row, reason in piece.wrong.items()}
    codes[list(wrong)] = -1
    return vocabulary.values, codes, wrong
