"""Batches of whatever a model's samples are: rows of them, and calls that run out of memory."""

import dataclasses
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

Part = TypeVar("Part")


@dataclasses.dataclass
class Limit:
    """How many rows one call of a model may have; shrinks when memory runs out."""

    rows: int


def size_of(batch: Any) -> int:
    """Return the number of samples in a batch."""
    shape = getattr(batch, "shape", None)
    return len(batch) if shape is None else int(shape[0])


def take(batch: Any, rows: np.ndarray) -> Any:
    """Return some rows of a batch: of an array of any library, or of a sequence."""
    if isinstance(batch, Sequence):
        return [batch[int(row)] for row in rows]
    if "torch" in type(batch).__module__:
        return batch[rows.tolist()]
    return batch[rows]


def joined(batches: Sequence[Any]) -> Any:
    """Return several batches as one."""
    first = batches[0]
    if len(batches) == 1:
        return first
    if isinstance(first, Sequence):
        return [sample for batch in batches for sample in batch]
    if "torch" in type(first).__module__:
        import torch

        return torch.cat(list(batches))
    return np.concatenate([np.asarray(batch) for batch in batches])


def host_array(values: Any) -> np.ndarray:
    """Return values of any library as a NumPy array on the host."""
    if hasattr(values, "detach"):
        values = values.detach().cpu().numpy()
    return np.asarray(values)


def out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory ran out: the host's, CUDA's or XLA's."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and ("out of memory" in text or "resource_exhausted" in text)
    )


def in_parts(call: Callable[[np.ndarray], Part], count: int, limit: Limit, what: str) -> list[Part]:
    """Call with at most `limit.rows` of the rows `0..count-1` at a time, halving when memory runs out.

    Raises:
        MemoryError: one row alone does not fit.
    """
    found, start = [], 0
    while start < count:
        rows = np.arange(start, min(count, start + limit.rows))
        failure = None
        try:
            found.append(call(rows))
        except Exception as error:
            if not out_of_memory(error):
                raise
            failure = f"{type(error).__name__}: {error}"
        if failure is None:
            start += len(rows)
            continue
        # Outside the handler: the error's traceback holds the arrays of the failed call.
        _release()
        if len(rows) == 1:
            raise MemoryError(f"{what} ran out of memory with a single sample ({failure})")
        limit.rows = max(1, len(rows) // 2)
    return found


def _release() -> None:
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
