"""The repository as a stranger finds it: documents that are true, and nothing of a machine it was made on."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

import critwin_widgets as cw
from critwin_widgets.export.svg import river_svg
from tests.packaging.checkout import ROOT, tracked

# Written in pieces, so that this file passes its own test.
_HOSTS = ("pypi" + ".org", "registry." + "npmjs", "deb." + "debian", "unpkg" + ".com", "jsdelivr" + ".net")
_MACHINE_PATH = re.compile(r"(?:^|[^.\w])/(?:" + "|".join(("tmp", "work", "home", "root", "Users")) + r")/[\w.-]")


def texts() -> list[tuple[str, str]]:
    found = []
    for name in tracked():
        data = (ROOT / name).read_bytes()
        if b"\0" not in data:
            found.append((name, data.decode("utf-8")))
    return found


def test_no_registry_and_no_path_of_a_machine() -> None:
    bad = [
        (name, line.strip()[:120])
        for name, text in texts()
        for line in text.splitlines()
        if any(host in line for host in _HOSTS) or _MACHINE_PATH.search(line)
    ]
    assert bad == []


def test_commands_in_documents_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][\w-]*):", makefile, re.MULTILINE))
    for document in ("README.md", "CONTRIBUTING.md", ".ci/run"):
        asked = set(
            re.findall(r"(?:`|^|exec )make ([a-z][\w-]*)", (ROOT / document).read_text(encoding="utf-8"), re.MULTILINE)
        )
        assert asked, f"{document} shows no command"
        assert asked <= targets, document


def test_files_and_links_in_documents_exist() -> None:
    for document in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        text = (ROOT / document).read_text(encoding="utf-8")
        links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text) + re.findall(r'src(?:set)?="(?!https?:)([^"]+)"', text)
        assert [link for link in links if not (ROOT / link).exists()] == [], document


def test_the_readme_names_only_what_the_package_has() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    names = set(re.findall(r"\bcw\.([A-Za-z_]+)", readme))
    assert names
    assert sorted(name for name in names if not hasattr(cw, name)) == []


def test_the_tour_in_the_readme_runs() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert len(blocks) >= 2
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)


@pytest.mark.parametrize("document", ["CHANGELOG.md", "CITATION.cff"])
def test_the_version_is_told_to_readers(document: str) -> None:
    assert cw.__version__ in (ROOT / document).read_text(encoding="utf-8")


def test_sources_stay_readable() -> None:
    long = [
        (name, text.count("\n"))
        for name, text in texts()
        if name.endswith((".py", ".ts", ".css")) and ".gen." not in name and text.count("\n") > 400
    ]
    assert long == []


def test_notebooks_stay_small() -> None:
    sizes = {name: (ROOT / name).stat().st_size for name in tracked() if name.endswith(".ipynb")}
    assert sizes
    assert all(size < 1_000_000 for size in sizes.values()), sizes


@pytest.mark.parametrize("name", ["river.svg", "river-dark.svg"])
def test_the_picture_in_the_readme_is_of_today(name: str) -> None:
    shown = ElementTree.parse(ROOT / "notebooks" / "images" / name).getroot()
    theme = "dark" if "dark" in name else "light"
    tree = cw.mixture_tree(cw.datasets.scenes().mixture(), eps=0.1)
    today = ElementTree.fromstring(river_svg(tree, theme=theme))

    def numbers(picture: ElementTree.Element) -> list[float]:
        (words,) = (e.text or "" for e in picture if e.tag.endswith("desc"))
        return [float(n) for n in re.findall(r"\d+(?:\.\d+)?", words)]

    # Processors may differ in the last digit of a time.
    assert numbers(shown) == pytest.approx(numbers(today), abs=0.02)
    assert len(list(shown.iter())) == pytest.approx(len(list(today.iter())), abs=8)
