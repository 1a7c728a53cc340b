"""Who watches a study while it runs: callbacks, now and then, and a progress bar."""

import contextlib
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import xarray as xr

_PAUSE = 0.2
"""Seconds between two updates at least."""


class Observers:
    """Callbacks that get the current results."""

    def __init__(self):
        self._callbacks: list[Callable[[xr.Dataset], Any]] = []
        self._told = -float("inf")

    def add(self, callback: Callable[[xr.Dataset], Any]) -> Callable[[], None]:
        """Add a callback; return a function that removes it."""
        if not callable(callback):
            raise TypeError(f"callback must be callable with the results, not {callback!r}")
        self._callbacks.append(callback)

        def remove() -> None:
            if callback in self._callbacks:
                self._callbacks.remove(callback)

        return remove

    def tell(self, results: Callable[[], xr.Dataset], always: bool = False) -> None:
        """Hand out the results, unless that was just done.

        A callback that raises is taken off: no picture may end a study.
        """
        if not self._callbacks or (not always and time.perf_counter() - self._told < _PAUSE):
            return
        current = results()
        for callback in tuple(self._callbacks):
            try:
                callback(current)
            except Exception as error:
                self._callbacks.remove(callback)
                warnings.warn(f"an observer of the study failed and was taken off: {error!r}", stacklevel=2)
        self._told = time.perf_counter()


def progress_bar(shown: bool) -> Any:
    """Return a bar over samples with an estimate of the time left."""
    from tqdm.auto import tqdm

    return tqdm(total=0, disable=not shown, unit="sample", unit_scale=True, desc="Study", dynamic_ncols=True)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Put off an interruption from the keyboard until what is inside is done."""
    usual = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or usual is None:
        yield
        return
    came: list[Any] = []
    signal.signal(signal.SIGINT, lambda *what: came.append(what))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
        if came and callable(usual):
            usual(*came[0])
