"""What a study is given: checked, and turned into what its cells need."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..engine._digest import digest as everything_in
from ..engine._digest import without_address
from ..engine._validation import check_count
from ..engine.mixtures import Mixture
from ..engine.processes import IndexSet, Process, fold_seeds
from ._batch import Limit, host_array, in_parts, joined, size_of, take
from ._cells import CLONE, path_seeds, source_seeds

_MODEL_ROWS, _MIXTURE_ROWS, _COMPONENT_ROWS = 64, 1 << 14, 1 << 17
"""Rows of one call when nothing is said: of a model of unknown size, of a known mixture, of components alone."""

_DEFAULT_LEVELS = 17


def as_process(given: Any) -> Process:
    """Return a process: itself, that of a mixture, or that of a diffusers pipeline.

    Raises:
        TypeError: it is none of these.
    """
    if isinstance(given, Process):
        return given
    if isinstance(given, Mixture):
        from ..engine import processes

        return processes.OrnsteinUhlenbeck(given)
    if hasattr(given, "scheduler") and (hasattr(given, "unet") or hasattr(given, "transformer")):
        from .. import adapters

        return adapters.DiffusersProcess(given)
    raise TypeError(
        f"process must be a Process, a mixture or a diffusers pipeline (with a scheduler and a unet or transformer), "
        f"not {type(given).__name__}"
    )


def as_levels(levels: Any, process: Process) -> np.ndarray:
    """Return the levels to start with, increasing; spread over the index set when `None`.

    Raises:
        ValueError: one is not in the index set, or cannot be generated through.
    """
    index = process.index
    if levels is not None:
        found = index.check_all(levels)
        beyond = found[np.isinf(found)]
        if len(beyond):
            raise ValueError(f"levels must be finite, not {beyond[0]!r}")
        return found
    if index.levels:
        places = np.linspace(0, len(index.levels) - 1, min(_DEFAULT_LEVELS, len(index.levels)))
        return np.array(index.levels)[np.unique(places.round().astype(int))]
    top = index.noise if math.isfinite(index.noise) else process.start_level
    if not math.isfinite(top):
        raise ValueError(f"levels must be given: {index.name} has no highest level")
    found = np.linspace(index.clean, top, _DEFAULT_LEVELS)
    return np.unique(found.round()) if index.whole else found


def as_features(features: Any, classifier: Any) -> dict[str, tuple[str, ...]] | None:
    """Return the declared values of each feature, or `None` when nothing is declared.

    Raises:
        TypeError: not a mapping from names to values.
        ValueError: a feature without values, or with one twice.
    """
    declared = getattr(classifier, "features", None) if features is None else features
    if declared is None:
        return None
    if not isinstance(declared, Mapping) or not declared:
        raise TypeError(f"features must map each feature's name to its values, not {declared!r}")
    found = {}
    for name, values in declared.items():
        if isinstance(values, str) or not hasattr(values, "__iter__"):
            raise TypeError(f"features[{name!r}] must be the values the feature can take, not {values!r}")
        texts = tuple(str(value) for value in values)
        if not texts or len(set(texts)) != len(texts):
            raise ValueError(f"features[{name!r}] must hold at least one value and none twice, not {texts!r}")
        found[str(name)] = texts
    return found


def component_features(process: Process) -> tuple[dict[str, tuple[str, ...]], np.ndarray]:
    """Return the features of a known mixture's components, and the codes of each component `(K, F)`.

    Raises:
        TypeError: the process has no known components.
    """
    if process.components is None:
        raise TypeError(
            f"classifier must be a callable from samples to values: {type(process).__name__} has no known components"
        )
    features = dict(getattr(process, "features", None) or {}) or {"component": process.components}
    known = {name: tuple(dict.fromkeys(str(value) for value in values)) for name, values in features.items()}
    codes = [[known[name].index(str(value)) for value in values] for name, values in features.items()]
    return known, np.array(codes, np.int16).T


def drawn_sources(process: Process, given: Any, mode: str, seed: int, limit: Limit) -> tuple[Any, np.ndarray | None]:
    """Return the sources (in clone mode the states where trajectories start), and their components if known.

    Raises:
        ValueError: there are none.
        TypeError: neither a number nor a batch.
    """
    if isinstance(given, bool) or given is None or isinstance(given, str | float):
        raise TypeError(f"sources must be a batch of clean samples or how many to draw, not {given!r}")
    if not isinstance(given, int | np.integer):
        if not hasattr(given, "__len__") and not hasattr(given, "shape"):
            raise TypeError(f"sources must be a batch of clean samples or how many to draw, not {type(given).__name__}")
        if getattr(given, "shape", None) == () or size_of(given) < 1:
            raise ValueError("sources must hold at least one sample, not none")
        return _regular(given), None
    count = check_count("sources", given)
    if mode == CLONE:
        paths = path_seeds(source_seeds(seed, np.arange(count)))
        return process.prior(paths, count), None
    own = int(fold_seeds(fold_seeds(seed, 0), 0x50))
    sample = getattr(process, "sample", None)
    if sample is not None:
        drawn = sample(own, count)
        return drawn if isinstance(drawn, tuple) else (drawn, None)
    seeds = fold_seeds(own, np.arange(count))
    starts = process.prior(fold_seeds(seeds, 0), count)
    parts = in_parts(
        lambda rows: process.denoise(take(starts, rows), process.start_level, fold_seeds(seeds[rows], 1)),
        count,
        limit,
        "generating the sources",
    )
    return joined(parts), None


def _regular(given: Any) -> Any:
    """Return a list of numbers, or of points of one size, as an array; anything else as it is."""
    if not isinstance(given, Sequence) or not isinstance(given[0], list | tuple | np.ndarray | float | int):
        return given
    try:
        return np.asarray(given)
    except ValueError:
        return given


def default_rows(process: Process, classifier: Any) -> int:
    """Return how many rows a call of the model may have at first."""
    own = getattr(process, "batch_size", None)
    if isinstance(own, int) and not isinstance(own, bool) and own > 0:
        return own
    if process.components is None:
        return _MODEL_ROWS
    return _COMPONENT_ROWS if classifier is None else _MIXTURE_ROWS


def digest(sources: Any) -> str:
    """Return a hash of the sources, to tell whether a store holds cells of the same ones."""
    found = hashlib.sha256()
    if isinstance(sources, Sequence):
        # Each by what it holds: the repr of an image is its address.
        parts = [repr(one) if isinstance(one, str) else digest(np.asarray(one)) for one in sources]
        found.update("\n".join(parts).encode())
    else:
        array = np.ascontiguousarray(host_array(sources))
        found.update(f"{array.dtype.str}{array.shape}".encode())
        found.update(repr(array.tolist()).encode() if array.dtype.hasobject else array.tobytes())
    return found.hexdigest()


def describe(thing: Any) -> str:
    """Return a name of a process or classifier that another Python process gives it too."""
    if thing is None:
        return "components"
    own = getattr(thing, "fingerprint", None)
    if own is not None:
        return str(own() if callable(own) else own)
    name = getattr(thing, "__qualname__", None)
    if name is not None:
        return f"{getattr(thing, '__module__', '')}.{name}".replace(".<locals>", "")
    text = without_address(repr(thing))
    mixture = getattr(thing, "mixture", None)
    return text if mixture is None else f"{text} {everything_in(mixture)}"


def as_source_ids(source_ids: Any, count: int) -> list[Any]:
    """Return an id for each source.

    Raises:
        ValueError: there is not one for each source, or two are the same.
    """
    if source_ids is None:
        return list(range(count))
    found = np.asarray(source_ids).tolist() if not isinstance(source_ids, list) else list(source_ids)
    if not isinstance(found, list) or len(found) != count:
        raise ValueError(f"source_ids must have one id for each of {count} sources, not {source_ids!r}")
    if len(set(map(str, found))) != count:
        raise ValueError("source_ids must all be different")
    return (
        found
        if all(isinstance(one, int) and not isinstance(one, bool) for one in found)
        else [str(one) for one in found]
    )


def as_info(info: Any, count: int, taken: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the user's columns over the sources.

    Raises:
        TypeError: not a mapping.
        ValueError: a column that has not one value for each source, or a name that the results use.
    """
    if info is None:
        return {}
    if not isinstance(info, Mapping):
        raise TypeError(f"sources_info must map names to one value for each source, not {type(info).__name__}")
    found = {}
    for name, values in info.items():
        column = host_array(values)
        if column.shape != (count,):
            raise ValueError(
                f"sources_info[{name!r}] must have one value for each of {count} sources, not shape {column.shape}"
            )
        if str(name) in taken:
            raise ValueError(f"sources_info may not be named {name!r}: the results use that name")
        if column.dtype.kind in "OSUT":
            column = np.array([str(value) for value in column.tolist()], object)
        elif column.dtype.kind in "iu":
            column = (
                column.astype(np.int32) if np.all(np.abs(column.astype(np.float64)) < 2**31) else column.astype(float)
            )
        found[str(name)] = column
    return found


def index_record(index: IndexSet) -> dict[str, Any]:
    """Return an index set as a record that JSON can hold; `noise` is null where it is infinite."""
    return {
        "name": index.name,
        "symbol": index.symbol,
        "clean": float(index.clean),
        "noise": float(index.noise) if math.isfinite(index.noise) else None,
        "whole": index.whole,
        "levels": list(index.levels),
        "ou_times": list(index.ou_times),
    }


def index_from(record: Mapping[str, Any]) -> IndexSet:
    """Return the index set of a record."""
    noise = math.inf if record["noise"] is None else record["noise"]
    lists = {name: tuple(record[name]) for name in ("levels", "ou_times")}
    return IndexSet(**{**record, "noise": noise, **lists})


def ou_times(index: IndexSet, levels: Sequence[float]) -> np.ndarray | None:
    """Return the OU time of each level, where the process has that clock."""
    if index.symbol == "t":
        return np.asarray(levels, np.float64)
    if not index.ou_times:
        return None
    place = dict(zip(index.levels, index.ou_times, strict=True))
    return np.array([place[level] for level in levels])
