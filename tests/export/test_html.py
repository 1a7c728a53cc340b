"""The self-contained page: whole, quiet, and deaf to markup in labels."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from critwin_widgets.export import notebook_to_html, to_html
from critwin_widgets.export.__main__ import decision_tables
from critwin_widgets.export._live import STATE_MIME, VIEW_MIME, script_json, stored_pictures

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)><!--"
TREE = "critwin_widgets.widgets.hierarchy_tree.HierarchyTree"


class Elements(HTMLParser):
    """Every element of a page with its attributes, and the text of the scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self._script: list[str] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._script = [] if tag == "script" else None

    def handle_data(self, data: str) -> None:
        # A long script arrives in several pieces.
        if self._script is not None:
            self._script.append(data)

    def handle_endtag(self, tag: str) -> None:
        if self._script is not None:
            self.scripts.append((self.found[-1][1], "".join(self._script)))
        self._script = None


def still(text: str = "table") -> Any:
    picture = base64.b64encode(b"<svg xmlns='http://www.w3.org/2000/svg'/>").decode()
    data = {
        "text/html": f'<img class="critwin-static" alt="river" src="data:image/svg+xml;base64,{picture}">',
        "image/svg+xml": "<svg><title>A &amp; B</title></svg>",
        "text/plain": text,
    }
    return new_output("display_data", data)


def view(model: str) -> Any:
    return new_output("display_data", {VIEW_MIME: {"model_id": model}, "text/plain": "Widget()"})


def widget_state() -> dict[str, Any]:
    times = base64.b64encode(bytes(16)).decode()
    tree = {
        "_anywidget_id": TREE,
        "_esm": "x" * 1000,
        "layout": "IPY_MODEL_l",
        "eps": 0.1,
        "data": {"title": HOSTILE, "times": {"dtype": "float64", "shape": [2]}},
    }
    return {
        "tree": {"state": tree, "buffers": [{"encoding": "base64", "path": ["data", "times", "data"], "data": times}]},
        "box": {"state": {"children": ["IPY_MODEL_inner", "IPY_MODEL_slider"]}},
        "inner": {"state": {"children": ["IPY_MODEL_tree", "IPY_MODEL_box"]}},
        "slider": {"state": {"value": 3}},
    }


def notebook(*outputs: Any, text: str = "# A river") -> Any:
    node = new_notebook(cells=[new_markdown_cell(text), new_code_cell("show()", outputs=list(outputs))])
    node.metadata["widgets"] = {STATE_MIME: {"state": widget_state(), "version_major": 2, "version_minor": 0}}
    return nbformat.from_dict(node)


def page_of(node: Any, tmp_path: Path, **options: Any) -> str:
    return notebook_to_html(node, tmp_path / "page.html", **options).read_text(encoding="utf-8")


def test_a_tree_is_found_inside_containers_and_once() -> None:
    (state,) = stored_pictures(widget_state(), "box")
    assert state["data"]["times"] == {"dtype": "float64", "shape": [2], "b64": base64.b64encode(bytes(16)).decode()}
    assert state["eps"] == 0.1
    assert "_esm" not in state
    assert "layout" not in state
    assert stored_pictures(widget_state(), "slider") == []
    assert stored_pictures(widget_state(), "unknown") == []


def test_json_cannot_leave_its_script() -> None:
    text = script_json({"label": HOSTILE + "\u2028"})
    assert "<" not in text
    assert "\u2028" not in text
    assert json.loads(text) == {"label": HOSTILE + "\u2028"}


def test_the_page_asks_for_nothing(tmp_path: Path) -> None:
    text = page_of(notebook(still(), view("tree")), tmp_path)
    found = Elements(text).found
    outside = [
        (tag, attributes)
        for tag, attributes in found
        for name in ("src", "href", "srcset", "action", "data")
        if tag != "a" and (value := attributes.get(name)) and not value.startswith("data:")
    ]
    assert outside == []
    assert not [tag for tag, _ in found if tag in ("link", "iframe", "object", "embed", "base")]
    assert "@import" not in text


def test_only_our_two_scripts_may_run(tmp_path: Path) -> None:
    text = page_of(notebook(still(), view("tree")), tmp_path)
    page = Elements(text)
    policy = next(a["content"] for tag, a in page.found if a.get("http-equiv") == "Content-Security-Policy") or ""
    assert "default-src 'none'" in policy
    allowed = set(re.findall(r"'(sha256-[^']+)'", policy))
    running = [text for attributes, text in page.scripts if "type" not in attributes]
    digests = {"sha256-" + base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in running}
    assert len(running) == 2
    assert digests == allowed


def test_hostile_labels_stay_text(tmp_path: Path) -> None:
    page = Elements(page_of(notebook(still(), view("tree")), tmp_path, title=HOSTILE))
    assert len(page.scripts) == 3
    assert not [attributes for tag, attributes in page.found if "onerror" in attributes]
    states = [json.loads(text) for attributes, text in page.scripts if attributes.get("type") == "application/json"]
    assert [state["data"]["title"] for state in states] == [HOSTILE]


def test_the_still_picture_stays_for_readers_without_scripts(tmp_path: Path) -> None:
    page = Elements(page_of(notebook(still(), view("tree")), tmp_path))
    classes = [attributes.get("class") for _, attributes in page.found]
    assert classes.index("critwin-live") < classes.index("critwin-still")
    assert sum(tag == "img" for tag, _ in page.found) == 1


def test_a_notebook_without_state_shows_the_still_picture(tmp_path: Path) -> None:
    node = notebook(still(), view("tree"))
    del node.metadata["widgets"]
    page = Elements(page_of(node, tmp_path))
    assert page.scripts == []
    assert [attributes["alt"] for tag, attributes in page.found if tag == "img"] == ["river"]


def test_the_notebook_given_is_not_changed(tmp_path: Path) -> None:
    node = notebook(still(), view("tree"))
    before = nbformat.writes(node)
    page_of(node, tmp_path)
    assert nbformat.writes(node) == before


def test_local_images_come_along_and_others_become_links(tmp_path: Path) -> None:
    (tmp_path / "a b.png").write_bytes(b"\x89PNG....")
    text = '# T\n<img alt="one" src="a%20b.png"> <img src="https://example.org/two.png">'
    source = tmp_path / "notebook.ipynb"
    nbformat.write(notebook(text=text), source)
    page = Elements(page_of(source, tmp_path))
    images = [attributes for tag, attributes in page.found if tag == "img"]
    assert [image["src"] for image in images] == ["data:image/png;base64," + base64.b64encode(b"\x89PNG....").decode()]
    assert images[0]["alt"] == "one"
    assert "https://example.org/two.png" in [attributes.get("href") for tag, attributes in page.found if tag == "a"]


def test_the_title_is_the_first_heading(tmp_path: Path) -> None:
    assert "<title>A river</title>" in page_of(notebook(), tmp_path)
    assert "<title>Mine &amp; yours</title>" in page_of(notebook(), tmp_path, title="Mine & yours")


def test_a_missing_notebook_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        notebook_to_html(tmp_path / "none.ipynb", tmp_path / "page.html")


def test_a_widget_without_a_tree_is_an_error(tmp_path: Path) -> None:
    from ipywidgets import IntSlider

    with pytest.raises(
        ValueError, match=r"widget must be a HierarchyTree or FeatureTimeline, or contain one.*not IntSlider"
    ):
        to_html(IntSlider(), tmp_path / "page.html")


def test_executing_runs_the_notebook_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "number.txt").write_text("6*7=42", encoding="utf-8")
    node = new_notebook(cells=[new_code_cell("print(open('number.txt').read())")])
    nbformat.write(node, tmp_path / "notebook.ipynb")
    assert "6*7=42" in page_of(tmp_path / "notebook.ipynb", tmp_path, execute=True)


def test_tables_are_printed_once_each() -> None:
    node = notebook(still("first"), view("tree"), still("second"), view("box"), still("first"), view("tree"))
    assert decision_tables(node) == ["=== A & B ===\nfirst", "=== A & B ===\nsecond"]
