"""What is in the wheel and the sdist, and whether the wheel works where nothing of ours is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from tests.packaging.checkout import ROOT, tracked

STATIC = "critwin_widgets/widgets/static"
SCRIPTS = (f"{STATIC}/hierarchy_tree.js", f"{STATIC}/standalone.js")
STYLES = (f"{STATIC}/hierarchy_tree.css",)


def tracked_tree(target: Path) -> Path:
    """A copy of the sources as git has them on disk: what a stranger's checkout holds."""
    for name in tracked():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name)
    return target


def link_or_copy(source: str, target: str) -> None:
    """A hard link costs nothing; another file system needs the copy."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def build(source: Path, kind: str, out: Path) -> Path:
    """Builds one distribution of the tree at `source` without a build environment of its own."""
    command = [sys.executable, "-m", "build", f"--{kind}", "--no-isolation", "--outdir", str(out), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = (path for path in out.iterdir() if path.suffix in (".whl", ".gz"))
    return made


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tracked_tree(tmp_path_factory.mktemp("checkout"))
    # Installing the JavaScript packages again would prove nothing new here and take most of the time.
    modules = ROOT / "js" / "node_modules"
    if modules.is_dir():
        shutil.copytree(modules, tree / "js" / "node_modules", symlinks=True, copy_function=link_or_copy)
    return tree


@pytest.fixture(scope="module")
def sdist(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(checkout, "sdist", tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def unpacked(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    return next(folder.iterdir())


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(checkout, "wheel", tmp_path_factory.mktemp("wheel"))


def test_the_wheel_holds_the_front_end(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name in SCRIPTS:
            text = archive.read(name).decode("utf-8")
            assert len(text) > 10_000
            assert "sourceMappingURL" not in text
        assert b"export" in archive.read(SCRIPTS[0])[-2000:]
        for name in STYLES:
            assert archive.read(name).count(b"{") > 5
        notices = archive.read(f"{STATIC}/THIRD_PARTY_LICENSES.txt").decode("utf-8")
        assert "d3-scale" in notices
        assert "Mike Bostock" in notices


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        assert {name.split("/")[0].split("-")[0] for name in names} == {"critwin_widgets"}
        unwanted = [
            name
            for name in names
            if "node_modules" in name or name.endswith((".map", ".ts", ".pyc", "build.json")) or "/tests/" in name
        ]
        assert unwanted == []
        modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "critwin_widgets").rglob("*.py")}
        assert modules <= set(names)
        assert "critwin_widgets/export/page.css" in names


def test_the_sdist_needs_no_node(unpacked: Path, tmp_path: Path) -> None:
    assert (unpacked / "js" / "src").is_dir()
    assert not (unpacked / "js" / "node_modules").exists()
    empty = tmp_path / "bin"
    empty.mkdir()
    code = (
        "import sys; sys.path.insert(0, 'js'); import front_end;"
        "print(front_end.system_node(), front_end.is_fresh(), front_end.build())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=unpacked,
        env={**os.environ, "PATH": str(empty)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["None", "True", "False"]


def test_a_wheel_from_the_sdist_is_the_same(unpacked: Path, wheel: Path, tmp_path: Path) -> None:
    again = build(unpacked, "wheel", tmp_path)
    with zipfile.ZipFile(wheel) as first, zipfile.ZipFile(again) as second:
        assert sorted(first.namelist()) == sorted(second.namelist())
        for name in (*SCRIPTS, *STYLES):
            assert first.read(name) == second.read(name)


def test_a_changed_source_is_built_again(unpacked: Path) -> None:
    code = "import sys; sys.path.insert(0, 'js'); import front_end; print(front_end.is_fresh())"

    def fresh() -> str:
        run = [sys.executable, "-c", code]
        return subprocess.run(run, cwd=unpacked, capture_output=True, text=True, check=True).stdout.strip()

    source = unpacked / "js" / "src" / "standalone.ts"
    before = source.read_bytes()
    try:
        source.write_bytes(before + b"\n// changed\n")
        assert fresh() == "False"
    finally:
        source.write_bytes(before)
    assert fresh() == "True"
    (unpacked / SCRIPTS[0]).write_text("", encoding="utf-8")
    assert fresh() == "False"


def test_the_wheel_works_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=False)
    python = tmp_path / "env" / "bin" / "python"
    site = next((tmp_path / "env" / "lib").iterdir()) / "site-packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    # The dependencies come from the test environment; its editable copy of this package must not.
    outer = site / "outer.pth"
    import numpy

    outer.write_text(str(Path(numpy.__file__).parents[1]) + "\n", encoding="utf-8")
    code = """
import json, critwin_widgets as cw
mixture = cw.GaussianMixture([[-3.0], [3.0]], [1.0, 1.0])
widget = cw.HierarchyTree(mixture)
print(json.dumps([cw.__file__, len(str(widget._esm)), len(str(widget._css)), cw.__version__]))
"""
    done = subprocess.run(
        [str(python), "-c", code],
        cwd=tmp_path,
        env={**{k: v for k, v in os.environ.items() if k != "PYTHONPATH"}, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    file, script, style, _ = json.loads(done.stdout.splitlines()[-1])
    assert Path(file).is_relative_to(site)
    assert script > 10_000
    assert style > 500
