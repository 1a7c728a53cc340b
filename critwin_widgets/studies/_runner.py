"""What is left to run, in which order, and the loop that runs it."""

import contextlib
import dataclasses
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..engine.processes import IndexSet, MixtureProcess
from ._batch import Limit, take
from ._cells import Block, Outcome, Work, cell_seeds, path_seeds, run_block, source_seeds
from ._table import Table
from .refine import narrow_enough, refined, rounds_of

_THREADED_ROWS, _MOST_THREADS = 1 << 18, 4
"""Rows of a study from which threads pay, and how many there are at most: each holds a block's numbers."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """The numbers that say which cells a study has.

    Attributes:
        levels: to start with, increasing.
        repeats: of each cell.
        seed: of everything.
        mode: forward-reverse or clone.
        index: index set of the levels.
        refine: rounds of refinement.
        tolerance: difference of retention between consecutive levels that is refined.
        stop_width: width of interval at which a level needs no more repeats, or `None`.
    """

    levels: tuple[float, ...]
    repeats: int
    seed: int
    mode: str
    index: IndexSet
    refine: int = 0
    tolerance: float = 0.1
    stop_width: float | None = None


@dataclasses.dataclass(frozen=True)
class Plan:
    """Where a study stands: its levels so far, those that stopped early, and what to run next."""

    levels: list[float]
    stopped: list[float]
    todo: list[tuple[float, range]]


def plan(table: Table, settings: Settings) -> Plan:
    """Return where a study stands, from its outcomes and settings alone.

    Whether a level stops and which levels are added is decided by rounds that are complete, never by
    the time they took: a study that was interrupted comes to the same decisions.
    """
    levels, stopped = list(settings.levels), []
    rounds = rounds_of(settings.repeats, settings.stop_width)
    for refinement in range(settings.refine + 1):
        active = [level for level in levels if level not in stopped]
        for repeats in rounds:
            todo = [(level, repeats) for level in active if table.missing(level, repeats).size]
            if todo:
                return Plan(levels, stopped, todo)
            if settings.stop_width is not None and repeats.stop < settings.repeats:
                stopped += [x for x in active if narrow_enough(table, x, repeats.stop, settings.stop_width)]
                active = [level for level in active if level not in stopped]
        if refinement == settings.refine:
            break
        added = [x for x in refined(table, levels, settings.index, settings.tolerance) if x not in levels]
        if not added:
            break
        levels = sorted([*levels, *added])
    return Plan(levels, stopped, [])


def blocks_of(
    todo: Sequence[tuple[float, range]], table: Table, sources: Any, settings: Settings, rows: int
) -> Iterator[Block]:
    """Return the blocks to run: some sources at all levels from noise to clean, then the next sources.

    All levels are met early, so that a curve appears at once and sharpens; and a generated trajectory
    passes its levels in this order.
    """
    sources_of = source_seeds(settings.seed, np.arange(table.sources))
    paths = path_seeds(sources_of)
    for repeats, group in itertools.groupby(sorted(todo, key=lambda one: one[1].start), key=lambda one: one[1]):
        levels = sorted((level for level, _ in group), reverse=True)
        seeds = {level: cell_seeds(sources_of, level) for level in levels}
        missing = {level: table.missing(level, repeats) for level in levels}
        parts = np.array_split(np.arange(table.sources), -(-table.sources * len(repeats) // max(rows, len(repeats))))
        for part, level in itertools.product(parts, levels):
            own = np.intersect1d(part, missing[level], assume_unique=True)
            if own.size:
                yield Block(own, take(sources, own), level, seeds[level][own], repeats, paths[own])


def execute(
    work: Work, blocks: Iterator[Block], limit: Limit, enough: Callable[[], bool], executor: Any = None
) -> Iterator[Outcome]:
    """Run blocks and return their outcomes as they finish, until there are none or it is `enough`.

    Args:
        work: what they share.
        blocks: independent of each other.
        limit: rows of one call of the model.
        enough: asked before each block starts.
        executor: a `concurrent.futures.Executor`; in this thread when `None`.
    """
    if executor is None:
        states: dict = {}
        for block in blocks:
            if enough():
                return
            yield run_block(work, block, limit, states)
        return
    from concurrent.futures import FIRST_COMPLETED, wait

    waiting: set = set()
    window = 2 * (getattr(executor, "_max_workers", None) or 4)
    try:
        while True:
            while len(waiting) < window and not enough():
                block = next(blocks, None)
                if block is None:
                    break
                waiting.add(executor.submit(run_alone, work, block, limit.rows))
            if not waiting:
                return
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    finally:
        for future in waiting:
            future.cancel()


@contextlib.contextmanager
def own_workers(work: Work, rows: int) -> Iterator[Any]:
    """Give threads to large studies of known mixtures, whose time goes into arithmetic; `None` to others."""
    if work.components is None or not isinstance(work.process, MixtureProcess) or rows < _THREADED_ROWS:
        yield None
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1)) as executor:
        yield executor


def run_alone(work: Work, block: Block, rows: int) -> Outcome:
    """Run one block on a worker: `run_block` with a limit of its own."""
    return run_block(work, block, Limit(rows))
