"""How many rows go through a model at once: a fixed number, a memory limit, and what to do when memory runs out."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

DEFAULT_ROWS = 16
"""Rows in one call of a model when neither a number nor a limit is given."""


class RowBudget:
    """Cuts a batch into calls of a model.

    Args:
        modules: the torch modules of the model.
        batch_size: most rows in one call.
        max_bytes: most bytes of working memory in one call, weights not counted. What a row takes is
            measured on the first: on CUDA as the peak of allocated memory, elsewhere as the sum of what
            the modules put out in one pass, which is more than is ever held at once.
    """

    def __init__(self, modules: list[Any], batch_size: int | None, max_bytes: int | None):
        self._modules = modules
        self._max_bytes = max_bytes
        self._rows = batch_size or (DEFAULT_ROWS if max_bytes is None else 1 << 30)
        self._bytes: dict[str, int] = {}

    def run(self, kind: str, rows: int, call: Callable[[slice], Any], join: Callable[[list[Any]], Any]) -> Any:
        """Run a call over all rows, in as many pieces as it takes.

        Args:
            kind: calls of one kind take the same memory for each row.
            rows: number of rows, at least one.
            call: gets a slice of the rows.
            join: puts the results of the pieces together.

        Raises:
            MemoryError: one row alone does not fit.
        """
        results, done = [], 0
        while done < rows:
            size = min(self._fitting(kind), rows - done)
            piece = slice(done, done + size)
            failure: str | None = None
            try:
                results.append(self._measured(kind, call, piece))
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                failure = (str(error).splitlines() or [type(error).__name__])[0]
            if failure is None:
                done += size
                continue
            if size == 1:
                raise MemoryError(
                    f"one row alone does not fit into memory ({failure}). Use a smaller height and width, a dtype of "
                    "half precision, pipeline.enable_model_cpu_offload() or a device with more memory."
                )
            # Outside of the handler, whose traceback holds on to what filled the memory.
            empty_caches()
            self._rows = size // 2
        return join(results)

    def _fitting(self, kind: str) -> int:
        if self._max_bytes is None:
            return self._rows
        each = self._bytes.get(kind)
        return 1 if each is None else min(self._rows, max(1, self._max_bytes // max(each, 1)))

    def _measured(self, kind: str, call: Callable[[slice], Any], piece: slice) -> Any:
        if self._max_bytes is None or kind in self._bytes:
            return call(piece)
        with measured_bytes(self._modules) as found:
            result = call(piece)
        if found[0] > self._max_bytes:
            raise ValueError(
                f"max_bytes = {self._max_bytes} is less than the {found[0]} bytes that one row takes; allow more, or "
                "use a smaller height and width or a dtype of half precision"
            )
        self._bytes[kind] = found[0]
        return result


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory ran out, on any device."""
    if isinstance(error, MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(
        words in text for words in ("out of memory", "not enough memory", "alloc_failed", "failed to allocate")
    )


def empty_caches() -> None:
    """Give unused memory of the accelerator back, where there is one."""
    import gc

    import torch

    gc.collect()
    for backend in (torch.cuda, torch.mps):
        with contextlib.suppress(Exception):
            backend.empty_cache()


@contextlib.contextmanager
def measured_bytes(modules: list[Any]) -> Iterator[list[int]]:
    """Measure the working memory of what runs inside; the figure is the first entry of the list, at the end."""
    import torch

    found = [0]
    devices = {p.device for module in modules for p in module.parameters()}
    cuda = [device for device in devices if device.type == "cuda"]
    if cuda:
        before = {}
        for device in cuda:
            torch.cuda.synchronize(device)
            torch.cuda.reset_peak_memory_stats(device)
            before[device] = torch.cuda.memory_allocated(device)
        yield found
        found[0] = max(torch.cuda.max_memory_allocated(device) - before[device] for device in cuda)
        return
    running = [0]

    def start(*_: Any) -> None:
        running[0] = 0

    def add(_module: Any, _inputs: Any, output: Any) -> None:
        running[0] += _bytes_of(output)
        found[0] = max(found[0], running[0])

    handles = [module.register_forward_pre_hook(start) for module in modules]
    leaves = [leaf for module in modules for leaf in module.modules() if not any(leaf.children())]
    handles += [leaf.register_forward_hook(add) for leaf in leaves]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def _bytes_of(output: Any) -> int:
    if hasattr(output, "element_size"):
        return int(output.element_size() * output.numel())
    if isinstance(output, list | tuple):
        return sum(_bytes_of(part) for part in output)
    return 0


def joined(parts: list[Any]) -> np.ndarray:
    """Return arrays one after the other along the first axis."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
