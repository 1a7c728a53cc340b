"""Work done between the page's messages: the newest request wins, what is left of an older one is dropped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

_REST = 0.02
"""Seconds between two steps, in which the kernel hears what the page has to say."""


class Newest:
    """Runs an iterator a step at a time from the kernel's event loop; starting another drops it.

    Where no event loop is running, as in a script, the work is done at once.

    Args:
        failed: Called with the error when a step raises.
    """

    def __init__(self, failed: Callable[[Exception], None]) -> None:
        self._failed = failed
        self._work: Iterator[object] | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def busy(self) -> bool:
        """Whether something is left to do."""
        return self._work is not None

    def start(self, work: Iterator[object]) -> None:
        """Do this work instead of what is left of the last."""
        self.drop()
        self._work = work
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.finish()
        else:
            self._timer = loop.call_later(_REST, self._step, loop)

    def finish(self) -> None:
        """Do all that is left now; an error is raised here, and whoever asks again gets nothing more."""
        work, self._work = self._work, None
        self._still()
        for _ in work or ():
            pass

    def drop(self) -> None:
        """Leave undone what is left."""
        self._work = None
        self._still()

    def _still(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _step(self, loop: asyncio.AbstractEventLoop) -> None:
        work = self._work
        if work is None:
            return
        try:
            next(work)
        except StopIteration:
            self.drop()
        except Exception as error:  # in an event loop nobody would see it
            self.drop()
            self._failed(error)
        else:
            if self._work is work:  # a step may itself have asked for something else
                self._timer = loop.call_later(_REST, self._step, loop)
