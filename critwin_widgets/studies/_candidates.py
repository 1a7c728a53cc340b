"""The samples of a membership test: members and non-members, and their losses."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import xarray as xr

from ._batch import host_array, joined, size_of, take


@dataclasses.dataclass(frozen=True)
class Given:
    """Members and non-members: samples, or positions among a study's sources, or both."""

    counts: tuple[int, int]
    samples: Any
    positions: np.ndarray | None

    @staticmethod
    def of(study: Any, members: Any, non_members: Any) -> "Given":
        sides = []
        for name, side in (("members", members), ("non_members", non_members)):
            if isinstance(side, str) or not (hasattr(side, "__len__") or hasattr(side, "shape")):
                raise TypeError(f"{name} must be a batch of samples, or ids or a mask of sources, not {side!r}")
            sides.append((side, _positions(study, side, name)))
        found = [place for _, place in sides]
        if (found[0] is None) != (found[1] is None):
            raise TypeError("members and non_members must both be samples, or both sources of the study")
        if found[0] is not None:
            both = np.concatenate([place for place in found if place is not None])
            if len(set(both.tolist())) < len(both):
                raise ValueError("members and non_members share a source, or name one twice")
            sources = None if isinstance(study, xr.Dataset) or study.process is None else study.sources
            samples = None if sources is None else take(sources, both)
            return Given((len(found[0]), len(both) - len(found[0])), samples, both)
        batches = [np.asarray(side) if isinstance(side, Sequence) and _numbers(side) else side for side, _ in sides]
        counts = (size_of(batches[0]), size_of(batches[1]))
        if 0 not in counts:
            _check_apart(batches)
        return Given(counts, joined(batches) if 0 not in counts else batches[0], None)


def _numbers(side: Sequence) -> bool:
    return len(side) > 0 and not isinstance(side[0], str)


def _positions(study: Any, side: Any, name: str) -> np.ndarray | None:
    """Return positions of sources, or `None` when these are samples."""
    ids = study["source"].values if isinstance(study, xr.Dataset) else getattr(study, "_ids", None)
    given = side if isinstance(side, np.ndarray) or not isinstance(side, Sequence) else np.asarray(side, object)
    if ids is None or getattr(given, "ndim", 0) != 1:
        return None
    if np.asarray(given).dtype == bool:
        if len(given) != len(ids):
            raise ValueError(f"{name} is a mask of {len(given)} sources, but the study has {len(ids)}")
        return np.flatnonzero(given)
    place = {str(one): i for i, one in enumerate(np.asarray(ids).tolist())}
    wanted = [str(one) for one in np.asarray(given).tolist()]
    unknown = [one for one in wanted if one not in place]
    if not unknown:
        return np.array([place[one] for one in wanted], np.int64)
    if isinstance(np.asarray(given).tolist()[0], str) and len(unknown) == len(wanted):
        return None  # texts are samples
    raise ValueError(f"{name} holds {unknown[0]!r}, which is no source of the study")


def _check_apart(batches: list[Any]) -> None:
    rows = [[np.asarray(row).tobytes() if not isinstance(row, str) else row for row in host_rows(b)] for b in batches]
    shared = set(rows[0]) & set(rows[1])
    if shared:
        raise ValueError(f"{len(shared)} samples are among members and non_members; a sample is one or the other")


def host_rows(batch: Any) -> Any:
    """Return a batch whose rows can be compared: texts as they are, all else as arrays."""
    return batch if isinstance(batch, Sequence) else host_array(batch)


def losses_of(baseline: Any, given: Given) -> np.ndarray | None:
    if baseline is None:
        return None
    if isinstance(baseline, tuple | list) and len(baseline) == 2:
        found = [host_array(side) for side in baseline]
        for name, side, count in zip(("members", "non_members"), found, given.counts, strict=True):
            if side.shape != (count,):
                raise ValueError(f"baseline must hold a loss for each of {count} {name}, not shape {side.shape}")
        loss = np.concatenate(found)
    elif isinstance(baseline, Callable):
        if given.samples is None:
            raise ValueError("baseline: the samples are not at hand; give the losses, (members, non_members)")
        loss = host_array(baseline(given.samples))
    else:
        raise TypeError(f"baseline must be a callable or a pair of arrays of losses, not {type(baseline).__name__}")
    if loss.shape != (sum(given.counts),) or loss.dtype.kind not in "biuf":
        raise ValueError(f"baseline must give one number for each of {sum(given.counts)} samples, not {loss.shape}")
    loss = loss.astype(np.float64)
    if not np.isfinite(loss).all():
        raise ValueError(f"baseline must give finite losses, but {int((~np.isfinite(loss)).sum())} are not")
    return loss
