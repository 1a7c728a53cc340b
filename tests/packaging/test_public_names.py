"""The package's front door: light, complete, and helpful about typing errors."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

import critwin_widgets as cw

ROOT = Path(__file__).resolve().parents[2]


def test_every_public_name_exists() -> None:
    for name in cw.__all__:
        assert getattr(cw, name) is not None
    assert set(cw.__all__) <= set(dir(cw))


def test_names_for_type_checkers_are_the_lazy_ones() -> None:
    tree = ast.parse((ROOT / "critwin_widgets" / "__init__.py").read_text(encoding="utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    names = {alias.name for node in guarded.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert names == set(cw.__all__)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("HierachyTree", "HierarchyTree"), ("mixturetree", "mixture_tree"), ("gaussian_mixture", "GaussianMixture")],
)
def test_a_near_miss_is_named(wrong: str, right: str) -> None:
    with pytest.raises(AttributeError, match=rf"no attribute '{wrong}'; did you mean '{right}'\?"):
        getattr(cw, wrong)


def test_nonsense_gets_no_advice() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'qqqqzzzz'$"):
        getattr(cw, "qqqqzzzz")  # noqa: B009


def test_import_takes_under_three_tenths_of_a_second() -> None:
    def seconds(statement: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", statement], check=True, cwd=ROOT)
        return time.perf_counter() - start

    # The interpreter's own start is not ours to count.
    extra = [seconds("import critwin_widgets") - seconds("pass") for _ in range(7)]
    assert statistics.median(extra) < 0.3


def test_the_version_is_in_one_place() -> None:
    from importlib.metadata import version

    assert version("critwin-widgets") == cw.__version__
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert 'dynamic = ["version"]' in settings
