"""Who may import whom (a layer sees only those below it), and what an import may load."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "critwin_widgets"

# Each layer and the layers that its modules may import. `pictures` are the parts of export/ that
# widgets draw their static pictures with; `pages` are the parts that write widgets into HTML.
ALLOWED = {
    "base": set(),
    "engine": {"base"},
    "theory": {"base", "engine"},
    "adapters": {"base", "engine"},
    "studies": {"base", "engine", "theory", "adapters", "pictures"},
    "pictures": {"base", "engine", "theory"},
    "widgets": {"base", "engine", "theory", "adapters", "studies", "pictures"},
    "pages": {"base", "engine", "theory", "adapters", "studies", "pictures", "widgets"},
}
PAGES = {"html", "_live", "_page", "__main__", "notebook_to_html", "to_html"}
# These hand out names lazily, so that their own import loads no layer.
LAZY = {PACKAGE / "__init__.py", PACKAGE / "export" / "__init__.py"}


def layer_of(module: str) -> str:
    """The layer of a dotted module name of ours."""
    parts = module.split(".")[1:]
    if not parts or parts[0] in ("_lazy", "__version__"):
        return "base"
    if parts[0] != "export":
        return parts[0]
    if len(parts) == 1:
        return "base"
    return "pages" if parts[1] in PAGES else "pictures"


def imports_of(source: str, package: str) -> set[str]:
    """Full names of our modules that a source imports, at any depth, type-checking imports too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")
            prefix = ".".join(base[: len(base) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (prefix, node.module) if part)
            found.add(module)
            found |= {f"{module}.{alias.name}" for alias in node.names if (PACKAGE.parent / _file(module)).is_dir()}
    return {name for name in found if name.split(".")[0] == "critwin_widgets"}


def _file(module: str) -> str:
    return module.replace(".", "/")


def back_edges(path: Path, source: str) -> list[str]:
    """The imports in a file of ours that its layer may not have."""
    inside = path.relative_to(PACKAGE.parent).with_suffix("").parts
    package = ".".join(inside[:-1])
    module = package if inside[-1] == "__init__" else ".".join(inside)
    here = layer_of(module)
    allowed = ALLOWED[here] | {here}
    return sorted(name for name in imports_of(source, package) if layer_of(name) not in allowed)


def _sources() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path not in LAZY)


@pytest.mark.parametrize("path", _sources(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_back_edge(path: Path) -> None:
    assert back_edges(path, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("place", "source", "expected"),
    [
        ("engine/x.py", "from critwin_widgets.theory import tree", ["critwin_widgets.theory"]),
        ("engine/sub/x.py", "from ...widgets import y", ["critwin_widgets.widgets"]),
        ("theory/x.py", "def f():\n  import critwin_widgets.export.svg", ["critwin_widgets.export.svg"]),
        ("widgets/x.py", "from critwin_widgets.export import html", ["critwin_widgets.export.html"]),
        ("widgets/x.py", "from critwin_widgets.export import svg", []),
        ("export/html.py", "from critwin_widgets.widgets import HierarchyTree", []),
        ("export/svg.py", "from critwin_widgets.widgets import HierarchyTree", ["critwin_widgets.widgets"]),
    ],
)
def test_the_check_sees_back_edges(place: str, source: str, expected: list[str]) -> None:
    edges = back_edges(PACKAGE / place, source)
    assert [edge for edge in edges if edge in expected] == expected
    assert bool(edges) == bool(expected)


def loaded_by(statement: str) -> set[str]:
    """Top-level names in `sys.modules` after a statement in a fresh process."""
    code = f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return {name.split(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


def test_the_package_loads_nothing_heavy() -> None:
    heavy = {"jax", "jaxlib", "numpy", "scipy", "xarray", "ipywidgets", "anywidget", "bqplot", "equinox"}
    assert loaded_by("import critwin_widgets") & heavy == set()


@pytest.mark.parametrize("layer", ["engine", "theory", "adapters", "studies"])
def test_mathematics_loads_no_widget_machinery(layer: str) -> None:
    loaded = loaded_by(f"import critwin_widgets.{layer}")
    assert loaded & {"ipywidgets", "anywidget", "bqplot", "IPython", "nbconvert"} == set()


def test_adapters_load_no_outside_library_before_use() -> None:
    outside = {"sklearn", "palmerpenguins", "pandas", "torch", "diffusers", "transformers"}
    assert loaded_by("import critwin_widgets.adapters") & outside == set()


def test_mathematics_waits_for_no_slow_part_of_scipy() -> None:
    code = "import critwin_widgets.theory, sys; print({'scipy.stats', 'scipy.optimize'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "set()"
