"""How often samples come back to themselves when they are noised and denoised."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..engine._validation import check_choice, check_positive
from ..engine.processes import Process, fold_seeds
from ._batch import Limit, host_array, in_parts, out_of_memory, take
from ._cells import cell_seeds, source_seeds
from ._watch import progress_bar

NEAREST = "nearest"

_BLOCK = 1 << 22
"""Distances computed at a time."""

Returned = Callable[[np.ndarray, Any, Any], np.ndarray]
"""From positions, samples and what came back to whether (or how closely) each is back, `(rows,)`."""


def as_returned(returns: Any, candidates: Any) -> tuple[Returned, str]:
    """Return what tells whether a sample came back, and its name in words.

    Raises:
        TypeError: `returns` is neither a word, a radius nor a callable.
        ValueError: a word is unknown, or a radius is not positive.
    """
    if callable(returns):
        name = getattr(returns, "__name__", type(returns).__name__)
        return lambda rows, x, back: _checked(returns(x, back), len(rows)), f"as {name} says"
    if isinstance(returns, str):
        check_choice("returns", returns, (NEAREST, "features"))
        points = _flat(candidates)
        return _nearest(points), "nearer to itself than to any other sample tried"
    if isinstance(returns, bool) or not isinstance(returns, int | float | np.number):
        raise TypeError(f"returns must be 'nearest', 'features', a radius or a callable, not {returns!r}")
    radius = check_positive("returns", returns)
    return (
        lambda rows, x, back: np.linalg.norm(_flat(back) - _flat(x), axis=1) <= radius,
        f"within a distance of {radius:g}",
    )


def return_rates(
    process: Process,
    samples: Any,
    count: int,
    levels: Sequence[float],
    repeats: int,
    seed: int,
    returned: Returned,
    limit: Limit,
    progress: bool,
) -> tuple[np.ndarray, dict[float, str]]:
    """Return the share of repeats in which each sample came back at each level, `(B, L)`, and levels' errors.

    A repeat's numbers are those of a study of the same samples. A level at which the model raises is
    NaN throughout, and the others go on.

    Raises:
        MemoryError: one sample alone does not fit in memory.
        RuntimeError: every level failed.
    """
    rates, errors = np.full((count, len(levels)), np.nan), {}
    bar = progress_bar(progress)
    bar.total = count * len(levels)
    for j, level in enumerate(levels):
        seeds = fold_seeds(
            cell_seeds(source_seeds(seed, np.arange(count)), level)[:, None], np.arange(repeats)
        ).reshape(-1)

        def back(rows: np.ndarray, level: float = level, seeds: np.ndarray = seeds) -> np.ndarray:
            chosen = take(samples, rows // repeats)
            noised = process.noise(chosen, level, fold_seeds(seeds[rows], 0))
            clean = process.denoise(noised, level, fold_seeds(seeds[rows], 1))
            return np.asarray(returned(rows // repeats, chosen, clean), np.float64)

        try:
            parts = in_parts(back, count * repeats, limit, f"noising and denoising at level {level:g}")
            rates[:, j] = np.concatenate(parts).reshape(count, repeats).mean(axis=1)
        except Exception as error:
            if out_of_memory(error):
                raise
            errors[float(level)] = f"{type(error).__name__}: {error}"
        bar.update(count)
    bar.close()
    if len(errors) == len(levels):
        raise RuntimeError(f"no level could be run; at {levels[0]:g}: {errors[float(levels[0])]}")
    return rates, errors


def _nearest(points: np.ndarray) -> Returned:
    squares = np.einsum("nd,nd->n", points, points)

    def returned(rows: np.ndarray, x: Any, back: Any) -> np.ndarray:
        flat, step = _flat(back), max(1, _BLOCK // len(points))
        # |b - p|^2 - |b|^2, the same order.
        nearest = [
            (squares - 2 * flat[i : i + step] @ points.T).argmin(axis=1) for i in range(0, max(len(flat), 1), step)
        ]
        return np.concatenate(nearest) == rows

    return returned


def _flat(samples: Any) -> np.ndarray:
    """Return samples as rows of numbers."""
    array = host_array(samples)
    if array.dtype.kind not in "biuf" or array.ndim < 1:
        raise TypeError("returns: distances need samples of numbers; give a callable (x, returned) -> (B,) instead")
    return array.reshape(len(array), -1).astype(np.float64)


def _checked(values: Any, rows: int) -> np.ndarray:
    found = host_array(values)
    if found.shape != (rows,) or found.dtype.kind not in "biuf" or not np.isfinite(found.astype(np.float64)).all():
        raise ValueError(
            f"returns must give one finite number for each of {rows} samples, not {found.dtype} {found.shape}"
        )
    return found
