"""Plain records of a result: JSON and CSV that say which version, seed and settings made them."""

import csv
import io
import json
import math
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

FORMAT = 1
"""Version of the record format, raised when a reader would have to change."""


def tree_record(tree: Any) -> dict[str, Any]:
    """Everything needed to read a mixture tree's result again, as JSON types.

    Infinite and missing numbers become the strings ``"inf"`` and ``null``, since JSON has no word for
    them.

    Args:
        tree: A ``MixtureTree``.

    Returns:
        ``format``, ``software`` (versions), ``settings`` (ε, n, seed, unit of times), ``mixture`` (labels, weights,
        features, sizes), ``features`` (decision times) and ``decisions`` (the decision table).
    """
    mixture = tree.mixture
    return {
        "format": FORMAT,
        "software": _software(),
        "settings": {
            "eps": float(tree.eps),
            "n": int(tree.n),
            "seed": int(tree.seed),
            "unique": bool(tree.unique),
            "time_units": str(tree.index.name),
        },
        "mixture": {
            "components": [str(label) for label in mixture.labels],
            "weights": [float(w) for w in mixture.weights],
            "features": {name: [str(v) for v in values] for name, values in dict(mixture.features).items()},
            "dimension": int(mixture.dim if hasattr(mixture, "dim") else mixture.length),
            **_kind(mixture),
        },
        "features": _features(tree),
        "decisions": [_plain(row) for row in tree.table()],
    }


def write_json(tree: Any, path: str | Path | None = None) -> str:
    """The record as JSON text; also written to ``path`` when one is given.

    Raises:
        ValueError: When ``path`` does not end in ``.json``.
    """
    record = tree_record(tree)
    text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    if any("\ud800" <= character <= "\udfff" for character in text):  # half a character, which only an escape can hold
        text = json.dumps(record, indent=2, allow_nan=False) + "\n"
    return _write(text, path, ".json")


def write_csv(tree: Any, path: str | Path | None = None) -> str:
    """The decision table as CSV text, one row per vertex; also written to ``path`` when one is given.

    Version, seed and settings are columns of every row, so that a table cut out of a file still says
    where it is from. A text that a spreadsheet would run as a formula is written with a leading
    apostrophe.

    Raises:
        ValueError: When ``path`` does not end in ``.csv``.
    """
    record = tree_record(tree)
    extra = {"version": record["software"]["critwin_widgets"]} | record["settings"]
    rows = [_flat(row) | extra for row in record["decisions"]]
    columns = list(dict.fromkeys(name for row in rows for name in row)) or list(extra)
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows({name: _inert(value) for name, value in row.items()} for row in rows)
    return _write(out.getvalue(), path, ".csv")


def read_json(text_or_path: str | Path) -> dict[str, Any]:
    """Read a record back.

    Raises:
        ValueError: When it is not a record of ours, or of a newer format.
    """
    if isinstance(text_or_path, Path) or not text_or_path.lstrip().startswith("{"):
        text = Path(text_or_path).read_text(encoding="utf-8")
    else:
        text = text_or_path
    record = json.loads(text)
    if not isinstance(record, dict) or "format" not in record or "decisions" not in record:
        raise ValueError(
            "not a decision record: 'format' and 'decisions' are missing; write one with write_json(tree)."
        )
    if record["format"] > FORMAT:
        raise ValueError(f"the record has format {record['format']}; this version reads up to {FORMAT}.")
    return record


def _kind(mixture: Any) -> dict[str, Any]:
    """The covariance type of a Gaussian mixture; the alphabet of tokens; the kinds of components of any other."""
    if hasattr(mixture, "alphabet"):
        return {"alphabet": list(mixture.alphabet)}
    if hasattr(mixture, "covariance_type"):
        return {"covariance_type": str(mixture.covariance_type)}
    return {"kinds": [type(component).__name__ for component in mixture.components]}


def _software() -> dict[str, str]:
    import jax

    import critwin_widgets

    return {
        "critwin_widgets": critwin_widgets.__version__,
        "jax": jax.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def _features(tree: Any) -> list[dict[str, Any]]:
    data = tree.features
    scalars = [name for name, column in data.data_vars.items() if column.dims == ("feature",)]
    names = [str(name) for name in np.asarray(data["feature"].values)]
    return [
        {"feature": name} | {str(s): _plain(np.asarray(data[s].values)[j]) for s in scalars}
        for j, name in enumerate(names)
    ]


def _plain(value: Any) -> Any:
    """JSON types only."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(inner) for inner in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        number = float(value)
        if math.isnan(number):
            return None
        return number if math.isfinite(number) else ("inf" if number > 0 else "-inf")
    if value is None or isinstance(value, str):
        return value
    fields = getattr(value, "__dataclass_fields__", None)
    return str(value) if fields is None else {name: _plain(getattr(value, name)) for name in fields}


def _flat(row: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in row.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}_")
        else:
            flat[f"{prefix}{key}"] = " ".join(map(str, value)) if isinstance(value, list) else value
    return flat


def _inert(value: Any) -> Any:
    return (
        f"'{value}"
        if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") and value != "-inf"
        else value
    )


def _write(text: str, path: str | Path | None, suffix: str) -> str:
    if path is not None:
        if Path(path).suffix.lower() != suffix:
            raise ValueError(f"path is {str(path)!r}; its name must end in {suffix!r}.")
        Path(path).write_text(text, encoding="utf-8", errors="backslashreplace")
    return text
