"""A study's settings and sources as records: to tell whether two studies are one, and to open one again."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from .. import __version__
from . import _inputs, _store
from ._cells import CLONE
from ._runner import Settings
from ._table import Table
from ._values import Vocabulary

_LONG, _HEAD = 100, 75
"""Characters of a value that a message shows at most, and how many of them are its first."""


def attributes(settings: Settings, known: dict[str, Any]) -> dict[str, Any]:
    """Return what the results say of the study they are from."""
    return {
        "index": json.dumps(_inputs.index_record(settings.index)),
        "seed": settings.seed,
        "mode": settings.mode,
        "repeats": settings.repeats,
        "version": known["version"],
        "layout": known["layout"],
        "manifest": json.dumps(known, ensure_ascii=False),
    }


def manifest(settings: Settings, declared: Any, sources: str, process: str, classifier: str) -> dict[str, Any]:
    """Return what a store says of its study: what makes its cells what they are, and what was asked for."""
    identity = {
        "levels": list(settings.levels),
        "repeats": settings.repeats,
        "seed": settings.seed,
        "mode": settings.mode,
        "process": process,
        "classifier": classifier,
        "features": {name: list(values) for name, values in (declared or {}).items()},
        "sources": sources,
        "index": _inputs.index_record(settings.index),
    }
    if settings.mode == CLONE:
        # A trajectory visits the levels that refinement may come to.
        identity["refine"] = settings.refine
    asked = {"refine": settings.refine, "tolerance": settings.tolerance, "stop_width": settings.stop_width}
    return {"layout": _store.LAYOUT, "version": __version__, "study": identity, "asked": asked}


def same_study(known: dict[str, Any], mine: dict[str, Any], path: str) -> None:
    """Raise `ValueError` when a store holds the cells of another study, saying what differs."""
    there, here = known["study"], json.loads(json.dumps(mine["study"]))
    other = [name for name in sorted({*there, *here}) if there.get(name) != here.get(name)]
    if not other:
        return
    pairs = {name: _apart(there.get(name), here.get(name)) for name in other}
    words = "; ".join(f"{name} is {pair[0]} there, {pair[1]} here" for name, pair in pairs.items())
    raise ValueError(f"store {path!r} holds another study ({words}). Use the same arguments, or another folder.")


def settings_of(record: dict[str, Any]) -> Settings:
    """Return the settings that a manifest holds."""
    study, asked = record["study"], record["asked"]
    return Settings(
        tuple(study["levels"]),
        study["repeats"],
        study["seed"],
        study["mode"],
        _inputs.index_from(study["index"]),
        asked["refine"],
        asked["tolerance"],
        asked["stop_width"],
    )


def original_dataset(table: Table, ids: list[Any], info: dict[str, np.ndarray]) -> xr.Dataset:
    """Return what the sources are, as a dataset to write."""
    errors = np.array([table.broken.get(source, "") for source in range(table.sources)], object)
    return xr.Dataset(
        {
            "original": (("source", "feature"), table.original),
            "original_error": ("source", errors),
            **{name: ("source", column) for name, column in info.items()},
        },
        coords={"source": ids, "feature": table.vocabulary.names},
        attrs={"values": json.dumps(table.vocabulary.values, ensure_ascii=False)},
    )


def restored_original(found: xr.Dataset, repeats: int, declared: Any) -> Table:
    """Return a table that knows what the sources are."""
    values = json.loads(found.attrs["values"])
    names = [str(name) for name in found["feature"].values]
    table = Table(found.sizes["source"], repeats, Vocabulary(declared or dict.fromkeys(names, ())))
    table.set_original(values, found["original"].values.astype(np.int16), {})
    texts = found["original_error"].values
    table.broken = {source: str(text) for source, text in enumerate(texts) if text}
    return table


def opened(kind: Any, path: Path) -> Any:
    """Return the study at a path, without its model."""
    if not path.exists():
        raise FileNotFoundError(f"no study at {str(path)!r}")
    study = kind.__new__(kind)
    study.process = study.classifier = study._components = study._states = None
    found = None
    if path.is_dir():
        store = _store.Store(path)
        record, original = store.manifest(), store.original()
        if record is None or original is None:
            raise ValueError(f"{str(path)!r} holds no study with results")
    else:
        store = None
        try:
            original = found = _store.read_dataset(path)
            record = json.loads(found.attrs["manifest"])
            layout, version = int(record["layout"]), record["version"]
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{str(path)!r} is no saved study ({error})") from error
        _store.check_layout(layout, version, str(path))
    study._settings = settings_of(record)
    study._known_manifest = record
    study._declared = {name: tuple(values) for name, values in record["study"]["features"].items()} or None
    own = ("original", "original_error", "outcome", "status", "error")
    study._info = {
        str(name): c.values for name, c in original.data_vars.items() if c.dims == ("source",) and name not in own
    }
    study._ids = original["source"].values.tolist()
    study._begin(store)
    if found is not None:
        study._table = _from_results(found, study._settings.repeats, study._declared)
    return study


def _from_results(found: xr.Dataset, repeats: int, declared: Any) -> Table:
    errors = found["error"].values
    table = restored_original(
        found.assign(original_error=("source", np.full(len(errors), "", object))), repeats, declared
    )
    for column, level in enumerate(found["level"].values):
        data = table.level(float(level))
        data.outcome = found["outcome"].values[:, column].astype(np.int16)
        data.errors = {source: str(text) for source, text in enumerate(errors[:, column]) if text}
    return table


def _apart(there: Any, here: Any) -> tuple[str, str]:
    """Return two values in short; of long texts, such as fingerprints, the parts in which they differ."""
    if isinstance(there, str) and isinstance(here, str) and max(len(repr(there)), len(repr(here))) > _LONG:
        parts = there.split("; "), here.split("; ")
        differ = [i for i, pair in enumerate(zip(*parts, strict=False)) if pair[0] != pair[1]]
        if len(parts[0]) == len(parts[1]) and differ:
            head = there[: there.find("(") + 1] + "..." if differ[0] else ""
            there, here = (head + "; ".join(own[i] for i in differ) for own in parts)
        at = next((i for i, pair in enumerate(zip(there, here, strict=False)) if pair[0] != pair[1]), _HEAD)
        if at > _HEAD:
            there, here = (f"{text[: _HEAD // 2]}...{text[at - _HEAD // 4 :]}" for text in (there, here))
    return _short(there), _short(here)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONG else f"{text[:_HEAD]}...{text[_HEAD + 3 - _LONG :]}"
