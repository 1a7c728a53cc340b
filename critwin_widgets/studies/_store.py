"""A study on disk: a manifest, and small NetCDF files that each hold a few finished cells.

Every file is written under another name and renamed, so that a kill leaves all of it or nothing. A file's
records say themselves which cells they are: their order, and how many share a file, mean nothing.
"""

import json
import os
import secrets
import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ._cells import Outcome
from ._table import Table

LAYOUT = 1
"""Version of the layout of stores and files; a newer one is refused."""

_MANIFEST, _ORIGINAL, _CELLS = "study.json", "original.nc", "cells"
_SHARE = 0.02
"""Share of the time that storing may take: cells that finish faster than files are written share one."""
_LONGEST = 1.0
"""Seconds that a finished cell waits for its file at most, as long as the next one finishes."""
_MOST_FILES = 256
"""Files after which all are put together in one."""


class Store:
    """The folder of one study.

    Args:
        path: the folder; made when it is not there.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)
        self._waiting: list[Outcome] = []
        self._written, self._cost = -np.inf, 0.0
        self._number = 0

    # ---- what is there ----------------------------------------------------------------------

    def manifest(self) -> dict[str, Any] | None:
        """Return the manifest, or `None` when the folder holds no study.

        Raises:
            ValueError: the path is no folder of a study, or a newer version wrote it.
        """
        file = self.path / _MANIFEST
        if not file.exists():
            if self.path.is_dir() and any(self.path.iterdir()) and not (self.path / _CELLS).exists():
                raise ValueError(
                    f"store must be a new or empty folder, or that of a study: {str(self.path)!r} is neither"
                )
            return None
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
            layout, version = int(found["layout"]), str(found["version"])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{str(file)!r} is no manifest of a study ({error})") from error
        check_layout(layout, version, str(self.path))
        return found

    def begin(self, manifest: Mapping[str, Any]) -> None:
        """Make the folder and write the manifest."""
        with _explained(self.path, "the store cannot be written"):
            (self.path / _CELLS).mkdir(parents=True, exist_ok=True)
            if self.manifest() != json.loads(json.dumps(manifest)):
                _write(self.path / _MANIFEST, json.dumps(manifest, indent=1, ensure_ascii=False).encode())

    def put_original(self, found: xr.Dataset) -> None:
        """Write what the sources are."""
        with _explained(self.path, "the store cannot be written"):
            _write(self.path / _ORIGINAL, as_bytes(found))

    def original(self) -> xr.Dataset | None:
        """Return what the sources are, if it was written."""
        file = self.path / _ORIGINAL
        return read_dataset(file) if file.exists() else None

    def outcomes(self) -> Iterator[Outcome]:
        """Return all outcomes that were written, in the order of their files."""
        for file in self._files():
            self._number = max(self._number, int(file.name.split("-")[0]))
            try:
                records = read_dataset(file)
            except Exception as error:
                # Written just before the power failed: its cells are run again.
                warnings.warn(f"{str(file)!r} can't be read ({error}) and is left out", stacklevel=2)
                continue
            yield from _outcomes(records)

    # ---- what is added ----------------------------------------------------------------------

    def put(self, found: Outcome) -> None:
        """Keep an outcome until `flush`."""
        self._waiting.append(found)

    def flush(self, when_due: bool = False) -> None:
        """Write what waits, or only when enough time has passed for it.

        Raises:
            OSError: it cannot be written; it goes on waiting.
        """
        if not self._waiting:
            return
        if when_due and time.perf_counter() - self._written < min(self._cost / _SHARE, _LONGEST):
            return
        start = time.perf_counter()
        with _explained(
            self.path, f"{sum(len(one.positions) for one in self._waiting)} finished cells were not written"
        ):
            _write(self._next(), as_bytes(_records(self._waiting)), surely=False)
        self._waiting = []
        self._written = time.perf_counter()
        self._cost = self._written - start

    def compact(self, table: Table, always: bool = False) -> None:
        """Put all files together in one, made of the table, which knows all of them."""
        old = self._files()
        if not always and len(old) < _MOST_FILES:
            return
        # What waits is in the table too.
        everything = list(_of_table(table))
        with _explained(self.path, "the store was not put in order"):
            if everything:
                _write(self._next(), as_bytes(_records(everything)))
            self._waiting = []
            for file in old:
                file.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        return sorted((self.path / _CELLS).glob("[0-9]*.nc"))

    def _next(self) -> Path:
        # The second part keeps two runs on one folder from writing over each other.
        self._number += 1
        return self.path / _CELLS / f"{self._number:08d}-{secrets.token_hex(4)}.nc"


def check_layout(layout: int, version: str, path: str) -> None:
    """Raise `ValueError` when a newer version of the package wrote a study."""
    if layout > LAYOUT:
        raise ValueError(
            f"{path!r} was written by critwin-widgets {version} in layout {layout}; this version reads layouts up "
            f"to {LAYOUT}. Install critwin-widgets {version} or newer to open it."
        )


def as_bytes(found: xr.Dataset) -> bytes:
    """Return a dataset as a NetCDF file, in the format that SciPy writes."""
    # SciPy's writer takes an attribute "mode" for the file's own; NetCDF 3 holds no longer integers.
    attributes = {
        ("study_mode" if name == "mode" else name): str(value) if isinstance(value, int) and value >= 2**31 else value
        for name, value in found.attrs.items()
    }
    return bytes(found.drop_attrs(deep=False).assign_attrs(attributes).to_netcdf(engine="scipy"))


def read_dataset(path: Path) -> xr.Dataset:
    """Read a NetCDF file whole."""
    return xr.load_dataset(path, engine="scipy")


def write_file(path: Path, found: xr.Dataset) -> None:
    """Write a dataset to a file, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    with _explained(path, "the study was not saved"):
        _write(path, as_bytes(found))


# ---- records --------------------------------------------------------------------------------


def _records(outcomes: list[Outcome]) -> xr.Dataset:
    """Return outcomes as one record per cell; codes of fewer repeats are padded with -1."""
    from ._values import Vocabulary

    vocabulary = Vocabulary(dict.fromkeys(max((one.values for one in outcomes), key=len), ()))
    for one in outcomes:
        vocabulary.extend(one.values)
    cells, width = sum(len(one.positions) for one in outcomes), max(one.codes.shape[1] for one in outcomes)
    codes = np.full((cells, width, len(vocabulary.names)), -1, np.int16)
    source, level, first, repeats = (np.empty(cells, kind) for kind in (np.int32, np.float64, np.int32, np.int32))
    errors = np.full(cells, "", object)
    start = 0
    for one in outcomes:
        part = slice(start, start + len(one.positions))
        start = part.stop
        source[part], level[part], first[part], repeats[part] = one.positions, one.level, one.first, one.codes.shape[1]
        errors[part] = [one.errors.get(int(position), "") for position in one.positions]
        if one.values:
            codes[part, : one.codes.shape[1]] = vocabulary.codes_of(one.values, one.codes)
    return xr.Dataset(
        {
            "outcome": (("cell", "repeat", "feature"), codes),
            "source": ("cell", source),
            "level": ("cell", level),
            "first": ("cell", first),
            "repeats": ("cell", repeats),
            "error": ("cell", errors),
        },
        coords={"feature": vocabulary.names},
        attrs={"values": json.dumps(vocabulary.values, ensure_ascii=False)},
    )


def _outcomes(records: xr.Dataset) -> Iterator[Outcome]:
    """Return the outcomes of records; cells at one level with the same repeats come together."""
    values = json.loads(records.attrs["values"])
    level, first, repeats = (records[name].values for name in ("level", "first", "repeats"))
    codes, source, errors = records["outcome"].values, records["source"].values, records["error"].values
    keys = np.stack([level.astype(np.float64).view(np.int64), first, repeats], axis=1)
    _, group = np.unique(keys, axis=0, return_inverse=True)
    for rows in (np.flatnonzero(group.reshape(-1) == g) for g in range(int(group.max(initial=-1)) + 1)):
        one = rows[0]
        yield Outcome(
            source[rows].astype(np.int64),
            float(level[one]),
            int(first[one]),
            values,
            codes[rows, : repeats[one]].astype(np.int16),
            {int(source[row]): str(errors[row]) for row in rows if errors[row]},
        )


def _of_table(table: Table) -> Iterator[Outcome]:
    for level, data in table.levels.items():
        there = data.outcome[..., 0] >= 0
        lengths = np.where(there.all(axis=1), there.shape[1], there.argmin(axis=1))
        failed = [source for source in data.errors if source not in table.broken]
        for length in np.unique(lengths[lengths > 0]):
            rows = np.flatnonzero(lengths == length)
            yield Outcome(rows, level, 0, table.vocabulary.values, data.outcome[rows, :length], {})
        if failed:
            rows = np.array(sorted(failed))
            own = {source: data.errors[source] for source in failed}
            yield Outcome(rows, level, 0, table.vocabulary.values, data.outcome[rows], own)


# ---- writing --------------------------------------------------------------------------------


def _write(path: Path, content: bytes, surely: bool = True) -> None:
    """Write a file whole: under another name, then renamed; `surely`, it is on the disk before that.

    Without, a kill still leaves all or nothing, but a power failure may leave a file that can't be read.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with open(draft, "wb") as file:
            file.write(content)
            if surely:
                file.flush()
                os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


class _explained:
    """Say in an `OSError` what became of the results."""

    def __init__(self, path: Path, what: str):
        self.path, self.what = path, what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind, error, trace) -> None:
        if isinstance(error, OSError):
            raise OSError(
                error.errno,
                f"{self.what}: {error.strerror or error}. What was computed stays in memory: `results` has it, "
                "`save` writes it elsewhere, and `run` goes on and tries again",
                str(self.path),
            ) from error
