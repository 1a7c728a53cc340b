"""The API reference: every public name has its place on a page and says what it is, takes, gives and raises."""

from __future__ import annotations

import dataclasses
import inspect
import os
import pkgutil
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import critwin_widgets as cw
from tests.packaging.checkout import ROOT

PAGES = ROOT / "notebooks" / "reference"
_DIRECTIVE = re.compile(r"^::: ([\w.]+)$", re.MULTILINE)
# A function that checks what it is given raises, whether the word stands in its own lines or not.
_CHECKS = re.compile(r"\braise [A-Z]\w*|\bcheck_\w+\(|\.indices\(")
# The overview page explains these once for all.
_NEEDLESS = {"self", "cls", "mixture", "seed"}
# Words that say what is done and not yet what comes back ("Return ..." and "Draw ..." do).
_DOES = re.compile(r"(Add|Build|Calculate|Check|Compute|Convert|Create|Estimate|Find|Get|Make|Run|Simulate|Write)s?\b")
_REFERS = re.compile(r"\barguments (?:and errors )?as for `\w+`")


def documented() -> set[str]:
    """Full names that the pages pull in."""
    return {
        name for page in sorted(PAGES.glob("*.md")) for name in _DIRECTIVE.findall(page.read_text(encoding="utf-8"))
    }


def public() -> dict[str, Any]:
    """Every public object by its full name: the package's own, and those of the modules among them."""
    found: dict[str, Any] = {}
    for name in cw.__all__:
        value = getattr(cw, name)
        found[f"critwin_widgets.{name}"] = value
        if isinstance(value, ModuleType):
            found |= {f"critwin_widgets.{name}.{inner}": getattr(value, inner) for inner in names_of(value)}
    return found


def names_of(module: ModuleType) -> list[str]:
    """`__all__`, or the public functions and classes that the module itself defines."""
    own = [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and callable(value) and getattr(value, "__module__", "") == module.__name__
    ]
    return list(getattr(module, "__all__", own))


def described(value: Any) -> str:
    """The docstring, with that of the constructor for a class."""
    text = inspect.getdoc(value) or ""
    if inspect.isclass(value) and "__init__" in vars(value):
        text += "\n" + (inspect.getdoc(vars(value)["__init__"]) or "")
    return text


def parameters(value: Any) -> list[str]:
    """Names of what is passed, without `self` and `**options`."""
    if inspect.isclass(value):
        value = vars(value).get("__init__")
        if value is None or not inspect.isfunction(value):
            return []
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return [p.name for p in inspect.signature(value).parameters.values() if p.kind not in kinds and p.name != "self"]


def says(text: str, name: str) -> bool:
    """Whether a docstring explains a parameter: in a list, where several may share a line, or in `code`."""
    return bool(re.search(rf"^ *(?:[\w*]+, )*\*{{0,2}}{name}\b[^\n`]*:", text, re.MULTILINE) or f"`{name}`" in text)


def faults(name: str, value: Any) -> list[str]:
    """What a docstring leaves out."""
    text = described(value)
    if isinstance(value, ModuleType):
        return [] if text else [f"{name} has no docstring"]
    if not re.match(r"\S.{15,}", text):
        return [f"{name} has no docstring"]
    if _REFERS.search(text):
        return []
    found = []
    asked = [field.name for field in dataclasses.fields(value)] if is_record(value) else parameters(value)
    asked = [item for item in asked if item not in _NEEDLESS and not item.startswith("_")]
    found += [f"{name} does not explain {item}" for item in asked if not says(text, item)]
    if inspect.isfunction(value):
        if _CHECKS.search(inspect.getsource(value)) and "Raises:" not in text:
            found.append(f"{name} raises and does not say what")
        gives = inspect.signature(value).return_annotation not in (None, "None", inspect.Signature.empty)
        if gives and _DOES.match(text) and "Returns:" not in text:
            found.append(f"{name} does not say what it returns")
    return found


def is_record(value: Any) -> bool:
    """Whether this is a plain dataclass, whose fields are what a reader gets."""
    return (
        inspect.isclass(value)
        and dataclasses.is_dataclass(value)
        and "__init__" in vars(value)
        and "Args:" not in (value.__doc__ or "")
    )


def test_every_public_name_has_a_page() -> None:
    shown = {name: pkgutil.resolve_name(name) for name in documented()}  # fails on a name that there is not
    modules = [name for name, value in shown.items() if isinstance(value, ModuleType)]
    missing = [
        name
        for name, value in public().items()
        # A function that shares its module's name is found under the module that defines it.
        if not any(value is other for other in shown.values()) and not any(name.startswith(f"{m}.") for m in modules)
    ]
    assert missing == []


@pytest.mark.parametrize("name", sorted(public()))
def test_every_public_name_is_explained(name: str) -> None:
    assert faults(name, public()[name]) == []


def _bare(first, second) -> float:
    """Add two numbers, or so it is said."""
    raise ValueError(first + second)


def test_the_check_sees_what_is_left_out() -> None:
    assert faults("bare", _bare) == [
        "bare does not explain first",
        "bare does not explain second",
        "bare raises and does not say what",
        "bare does not say what it returns",
    ]
    assert faults("none", lambda: None) == ["none has no docstring"]


class _Loads(HTMLParser):
    """Addresses that a browser fetches by itself when it opens a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        address = given.get("src") or (given.get("href") if tag == "link" and given.get("rel") != "canonical" else None)
        if address and re.match(r"(https?:)?//", address):
            self.found.append(address)


def test_the_reference_builds_and_asks_no_other_host(tmp_path: Path) -> None:
    sources = tmp_path / "sources"
    shutil.copytree(PAGES, sources / "notebooks" / "reference")
    shutil.copytree(ROOT / "critwin_widgets", sources / "critwin_widgets", ignore=shutil.ignore_patterns("static"))
    shutil.copy2(ROOT / "mkdocs.yml", sources)
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"],
        cwd=sources,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    built = sorted((sources / "build" / "docs").rglob("*.html"))
    assert len(built) > 10
    loads = _Loads()
    for page in built:
        loads.feed(page.read_text(encoding="utf-8"))
    assert loads.found == []
    shown = (sources / "build" / "docs" / "bounds.html").read_text(encoding="utf-8")
    assert "theorem_bound" in shown
    assert "T_start" in shown
