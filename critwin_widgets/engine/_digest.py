"""A hash of what makes a model what it is, the same in every Python process: to tell two models apart."""

import dataclasses
import hashlib
import re
import types
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

_PLAIN = (type(None), bool, int, float, complex, str, bytes)
_LEFT_OUT = ("_sklearn_version", "_tree")
"""Entries of an estimator's state that say who wrote it, or follow from the rest and count their own calls."""


def digest(*values: Any) -> str:
    """Return 16 hexadecimal digits that depend on all that values hold: every number of an array, and the
    arrays, settings and functions inside of mappings, sequences, dataclasses and other objects.

    Functions count by what they compute (bytecode, constants, defaults, what they close over, and plain
    values among the names they look up), so another minor version of Python may tell one from itself. An
    object with an attribute `_identity` counts as what that holds, so that numbers derived from others,
    whose last digits differ between machines, can be left out.
    """
    found = hashlib.sha256()
    for value in values:
        _feed(found, value, ())
    return found.hexdigest()[:16]


def without_address(text: str) -> str:
    """Return a repr without the place in memory that Python's own reprs end in."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)


def _feed(found: Any, value: Any, above: tuple[int, ...]) -> None:
    """Add a value to a hash; `above` are the objects it lies in, so that a circle ends."""
    if id(value) in above:
        return _tag(found, "circle", len(above) - above.index(id(value)))
    inside = (*above, id(value))
    if callable(getattr(value, "detach", None)):  # a tensor of torch, wherever it is
        value = value.detach().cpu()
        value = np.asarray(value if str(value.dtype) != "torch.bfloat16" else value.float())
    if _is_array(value):
        _array(found, _on_host(value), inside)
    elif isinstance(value, _PLAIN):
        _tag(found, type(value).__name__, repr(value))
    elif isinstance(value, type | types.ModuleType | types.BuiltinFunctionType):
        _tag(found, "name", getattr(value, "__module__", None), getattr(value, "__qualname__", value.__name__))
    elif isinstance(value, types.CodeType):
        _tag(found, "code", value.co_code.hex(), value.co_names, value.co_varnames, value.co_flags)
        _items(found, "constants", value.co_consts, inside)
    elif isinstance(value, types.FunctionType):
        _items(found, "function", _function(value), inside)
    elif callable(getattr(value, "__wrapped__", None)):  # compiled by jax.jit, or wrapped by functools
        _feed(found, value.__wrapped__, inside)
    elif isinstance(value, Mapping):
        entries = sorted((digest(key), key) for key in value if key not in _LEFT_OUT)
        _items(found, "mapping", [part for _, key in entries for part in (key, value[key])], inside)
    elif isinstance(value, set | frozenset):
        _tag(found, "set", sorted(digest(part) for part in value))
    elif isinstance(value, list | tuple):
        _items(found, "sequence", value, inside)
    else:
        _object(found, value, inside)
    return None


def _tag(found: Any, *words: Any) -> None:
    found.update(f"{words!r};".encode())


def _items(found: Any, kind: str, values: Iterable[Any], above: tuple[int, ...]) -> None:
    values = list(values)
    _tag(found, kind, len(values))
    for value in values:
        _feed(found, value, above)


def _is_array(value: Any) -> bool:
    return not isinstance(value, type) and all(hasattr(value, name) for name in ("__array__", "dtype", "shape"))


def _on_host(value: Any) -> np.ndarray:
    try:
        return np.asarray(value)
    except TypeError:  # keys of jax.random, which are no numbers
        return np.array(repr(value))


def _array(found: Any, array: np.ndarray, above: tuple[int, ...]) -> None:
    if array.dtype.names:
        # Field by field: what lies between the fields of a record is anything.
        _tag(found, "records", array.shape, array.dtype.names)
        for name in array.dtype.names:
            _feed(found, array[name], above)
    elif array.dtype.hasobject:
        _tag(found, "objects", array.shape)
        _items(found, "entries", array.ravel().tolist(), above)
    else:
        _tag(found, "array", array.dtype.str, array.shape)
        found.update(np.ascontiguousarray(array).tobytes())


def _function(function: types.FunctionType) -> list[Any]:
    """Return what a function computes with."""
    closed = [cell.cell_contents for cell in function.__closure__ or () if cell != types.CellType()]
    known = function.__globals__
    looked_up = {
        name: known[name]
        for name in function.__code__.co_names
        if name in known and (isinstance(known[name], (*_PLAIN, tuple)) or _is_array(known[name]))
    }
    return [function.__code__, function.__defaults__, function.__kwdefaults__, closed, looked_up]


def _object(found: Any, value: Any, above: tuple[int, ...]) -> None:
    kind = type(value)
    _tag(found, "object", kind.__module__, kind.__qualname__)
    if hasattr(value, "_identity"):
        return _feed(found, value._identity, above)
    if dataclasses.is_dataclass(value):
        # Fields alone: what is computed from them on first use lies beside them.
        fields = {field.name: getattr(value, field.name, None) for field in dataclasses.fields(value)}
        return _feed(found, fields, above)
    try:
        # What a pickle would hold, but not who shares it with whom, which differs from one process to the next.
        reduced = value.__reduce_ex__(4)
    except Exception:  # what an object raises that cannot be pickled is its own affair
        return _tag(found, "repr", without_address(repr(value)))
    if isinstance(reduced, str):
        return _tag(found, "name", reduced)
    parts = [list(part) if number in (3, 4) and part is not None else part for number, part in enumerate(reduced)]
    return _items(found, "state", parts[:5], above)
