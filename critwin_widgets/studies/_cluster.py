"""The blocks of a study on a cluster: sent out, stored as they come back, run again where a worker is lost."""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..adapters._optional import require
from ..engine._validation import check_count
from ._batch import Limit
from ._cells import Block, Outcome, Work
from ._runner import run_alone

_AHEAD = 2
"""Blocks that wait at each thread of the cluster, so that none is idle."""


class Cluster:
    """Runs blocks on the workers of a `dask.distributed` client.

    The process and the classifier go to each worker once. A block whose worker dies is run on another
    one by the scheduler. One that was at more workers that died than the scheduler allows is run alone
    at the end; if that costs as many workers again it is marked failed, and the rest goes on. When the
    cluster is restarted, what was running there is sent again.

    Args:
        client: a `dask.distributed.Client`.
        retries: how often a block that raised is tried again before its error ends the run.

    Raises:
        ImportError: dask.distributed is missing.
        TypeError: `client` is no client, or one for asynchronous use.
        ValueError: `retries` is no count.
    """

    def __init__(self, client: Any, retries: int = 3):
        self.library = require("distributed", "run(client=...)", "dask")
        if not isinstance(client, self.library.Client):
            raise TypeError(f"client must be a dask.distributed.Client, not {type(client).__name__}")
        if client.asynchronous:
            raise TypeError("client must not be asynchronous: make it with Client(..., asynchronous=False)")
        self.client, self.retries = client, check_count("retries", retries, 0)
        self._sent: tuple[Work, Any] | None = None

    def outcomes(
        self, work: Work, blocks: Iterator[Block], limit: Limit, enough: Callable[[], bool]
    ) -> Iterator[Outcome]:
        """Run blocks and return their outcomes as they finish; arguments as for `execute`."""
        run = _Run(self, work, limit.rows)
        suspects: list[Block] = []
        try:
            while True:
                while len(run.running) < _AHEAD * self._threads() and not enough():
                    block = next(blocks, None)
                    if block is None:
                        break
                    run.start(block)
                if not run.running:
                    break
                block, outcome = run.next()
                if outcome is None:
                    suspects.append(block)
                else:
                    yield outcome
            # The scheduler suspects all that waited at a worker that died: alone, each shows what it is.
            for block in suspects:
                if enough():
                    return
                run.start(block)
                _, outcome = run.next()
                yield outcome or _failed(work, block)
        finally:
            self.client.cancel(list(run.running), force=True)

    def model(self, work: Work) -> Any:
        """What all blocks share, on the cluster; sent when it is new."""
        if self._sent is None or not _alike(self._sent[0], work) or self._sent[1].cancelled():
            pickle = self.library.protocol.pickle
            try:
                packed = pickle.dumps(work)
            except Exception as error:
                raise TypeError(f"the process or the classifier cannot be sent to workers: {error}") from error
            with warnings.catch_warnings():
                # As an argument of a task, the scheduler can make it again when a worker is lost; data
                # that is scattered, as is advised for large ones, would be gone with its last copy.
                warnings.filterwarnings("ignore", message="Sending large graph")
                self._sent = (work, self.client.submit(_unpacked, packed, retries=self.retries, pure=False))
        return self._sent[1]

    def _threads(self) -> int:
        return max(1, sum(self.client.nthreads().values()))


def place_of(executor: Any, client: Any, retries: int) -> Any:
    """Return where cells run: the executor, a cluster, or `None` for here; errors as for `Cluster`.

    Raises:
        ValueError: both are given.
    """
    if client is None:
        return executor
    if executor is not None:
        raise ValueError("executor and client were both given, but cells run at one place: give one of them")
    return Cluster(client, retries)


class _Run:
    """The blocks that are on the cluster at the moment.

    Attributes:
        running: each one's future.
    """

    def __init__(self, cluster: Cluster, work: Work, rows: int):
        self.cluster, self.work, self.rows = cluster, work, rows
        self.running: dict[Any, tuple[Block, int]] = {}
        self._finished = cluster.library.as_completed()

    def start(self, block: Block, before: int = 0) -> None:
        """Send a block that was forgotten as many times before."""
        # Not pure: a block that is run again must not meet what is left of its first run.
        future = self.cluster.client.submit(
            run_alone, self.cluster.model(self.work), block, self.rows, retries=self.cluster.retries, pure=False
        )
        self.running[future] = block, before
        self._finished.add(future)

    def next(self) -> tuple[Block, Outcome | None]:
        """Wait for a block and what came of it: `None` when it was at too many workers that died.

        Raises:
            MemoryError: one sample alone does not fit in a worker's memory.
            RuntimeError: a worker failed in another way, or the cluster forgets the block again and again.
        """
        while True:
            future = next(self._finished)
            block, before = self.running.pop(future)
            if not future.cancelled():
                return block, self._outcome(block, future)
            if before >= self.cluster.retries:
                raise RuntimeError(f"the cluster forgot {_words(block)} {before + 1} times. Finished cells are kept.")
            self.start(block, before + 1)  # the cluster was restarted

    def _outcome(self, block: Block, future: Any) -> Outcome | None:
        try:
            return future.result()
        except self.cluster.library.scheduler.KilledWorker as error:
            if error.task == self.cluster.model(self.work).key:
                raise RuntimeError("workers died while they took the model: have they memory for it?") from error
            return None
        except MemoryError:
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            raise RuntimeError(f"a worker failed at {_words(block)} with {reason}. Finished cells are kept.") from error


def _words(block: Block) -> str:
    return f"level {block.level:g} of sources {block.positions.tolist()}"


def _unpacked(packed: bytes) -> Work:
    from distributed.protocol import pickle

    return pickle.loads(packed)


def _alike(one: Work, other: Work) -> bool:
    """Whether two works would do the same, with nothing compared number by number."""
    same = (one.process is other.process, one.classifier is other.classifier, one.components is other.components)
    return all(same) and (one.features, one.mode, one.grid) == (other.features, other.mode, other.grid)


def _failed(work: Work, block: Block) -> Outcome:
    codes = np.full((len(block.positions), len(block.repeats), len(work.features or {})), -1, np.int16)
    errors = {int(position): "KilledWorker: each worker died that ran this" for position in block.positions}
    return Outcome(block.positions, block.level, block.repeats.start, work.declared, codes, errors)
