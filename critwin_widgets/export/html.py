"""Self-contained HTML: one file, no server, no kernel, no request, and the pictures still live."""

from __future__ import annotations

import base64
import copy
import mimetypes
import re
from html import escape, unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from critwin_widgets import __version__
from critwin_widgets.export._live import STATE_MIME, VIEW_MIME, live_pictures, stored_pictures
from critwin_widgets.export._page import Page

if TYPE_CHECKING:
    from nbformat import NotebookNode

_INSTALL = 'pip install "critwin-widgets[html]"'
_STILL = "critwin-static"
_IMAGE = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
_SOURCE = re.compile(r"""\bsrc\s*=\s*("[^"]*"|'[^']*')""", re.IGNORECASE)


def to_html(widget: Any, path: str | Path, title: str | None = None) -> Path:
    """Writes one widget as a self-contained page in which its picture is live.

    Args:
      widget: a `HierarchyTree` or `FeatureTimeline`, or a widget that contains one, such as an `Explorer`.
      path: the file to write.
      title: the page's title; by default the picture's own, or the name of the widget's class.

    Returns:
      The path written.

    Raises:
      ValueError: if the widget shows neither.
    """
    states = live_pictures(widget)
    if not states:
        raise ValueError(
            f"widget must be a HierarchyTree or FeatureTimeline, or contain one as an Explorer does, "
            f"not {type(widget).__name__}"
        )
    heading = title or states[0].get("data", {}).get("title") or type(widget).__name__
    page = Page()
    body = "\n".join(page.live(state, _still(widget)) for state in states)
    return _write(path, page.html(f"{body}\n{_made()}", heading))


def notebook_to_html(
    notebook: str | Path | NotebookNode, path: str | Path, title: str | None = None, *, execute: bool = False
) -> Path:
    """Writes a notebook as a self-contained page: text, code, still pictures, and live trees and timelines.

    A picture is live if the notebook holds its state, as it does after a run with `execute=True` or
    when JupyterLab saves it with *Save Widget State Automatically*. Anything else that a widget
    drew appears as the still picture that was displayed with it.

    Args:
      notebook: path of an `.ipynb`, or a notebook in memory. It is not changed.
      path: the file to write.
      title: the page's title; by default the first heading in the notebook.
      execute: run the notebook first, in its own folder.

    Returns:
      The path written.

    Raises:
      FileNotFoundError: if there is no such notebook.
      ImportError: if nbconvert or nbclient is not installed; the message names the extra.
      nbclient.exceptions.CellExecutionError: if a cell fails while executing.
    """
    node, folder = read_notebook(notebook)
    if execute:
        node = execute_notebook(node, folder)
    return write_notebook(node, folder, path, title)


def read_notebook(notebook: str | Path | NotebookNode) -> tuple[NotebookNode, Path]:
    """A copy of the notebook and the folder that its relative paths start from."""
    nbformat = _needs("nbformat")
    if isinstance(notebook, str | Path):
        return nbformat.read(notebook, as_version=4), Path(notebook).resolve().parent
    return nbformat.from_dict(copy.deepcopy(dict(notebook))), Path.cwd()


def execute_notebook(node: NotebookNode, folder: Path, timeout: int = 600) -> NotebookNode:
    """Runs a notebook from top to bottom and keeps the state of its widgets.

    Args:
      node: the notebook; changed in place.
      folder: where it runs.
      timeout: seconds allowed for one cell.
    """
    nbclient = _needs("nbclient")
    client = nbclient.NotebookClient(
        node,
        timeout=timeout,
        store_widget_state=True,
        resources={"metadata": {"path": str(folder)}},
        # The kernel listens on this machine only; its warning about that would stand among the results.
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
    )
    return client.execute()


def write_notebook(node: NotebookNode, folder: Path, path: str | Path, title: str | None = None) -> Path:
    """`notebook_to_html` for a notebook already read, whose relative paths start from `folder`."""
    page = Page()
    heading = title or _first_heading(node) or "Notebook"
    body = _inline_images(_render(_with_live_pictures(copy.deepcopy(node), page)), folder)
    return _write(path, page.html(f"{body}\n{_made()}", heading))


def _with_live_pictures(node: NotebookNode, page: Page) -> NotebookNode:
    # Taken out: nbconvert would write all of it into the page once more.
    models = node.metadata.pop("widgets", {}).get(STATE_MIME, {}).get("state", {})
    for cell in node.cells:
        if cell.cell_type == "code":
            cell.outputs = _outputs(cell.outputs, models, page)
    return node


def _outputs(outputs: list[Any], models: dict[str, Any], page: Page) -> list[Any]:
    kept: list[Any] = []
    for output in outputs:
        view = output.get("data", {}).get(VIEW_MIME)
        if view is None:
            kept.append(output)
            continue
        still = kept[-1] if kept and is_still(kept[-1]) else None
        states = stored_pictures(models, view.get("model_id", ""))
        if states:
            if still is not None:
                kept.pop()
            picture = "\n".join(page.live(state, _still_html(still)) for state in states)
            kept.append(_html_output(output, picture))
        elif still is None:
            # A foreign widget: its text is all that a page without a kernel can show.
            del output["data"][VIEW_MIME]
            kept.append(output)
    return kept


def is_still(output: Any) -> bool:
    """Whether an output is the static picture that precedes each of our live views."""
    return _STILL in as_text(output.get("data", {}).get("text/html", ""))


def _still_html(still: Any) -> str:
    return "" if still is None else as_text(still["data"]["text/html"])


def _html_output(like: Any, html: str) -> Any:
    changed = copy.deepcopy(like)
    changed["data"] = {"text/html": html}
    return changed


def _still(widget: Any) -> str:
    bundle = widget.static_bundle() if hasattr(widget, "static_bundle") else {}
    return as_text(bundle.get("text/html", ""))


def as_text(value: str | list[str]) -> str:
    """The text of a mime bundle's entry, which nbformat may keep as a list of lines."""
    return value if isinstance(value, str) else "".join(value)


def _render(node: NotebookNode) -> str:
    exporters = _needs("nbconvert.exporters")
    exporter = exporters.HTMLExporter(
        template_name="basic", exclude_input_prompt=True, exclude_output_prompt=True, exclude_anchor_links=True
    )
    # The lexer's name may be absent from a notebook that was never run.
    node.metadata.setdefault("language_info", {"name": "python"})
    return exporter.from_notebook_node(node)[0]


def _inline_images(body: str, folder: Path) -> str:
    """Puts local images into the page; an image elsewhere becomes a link, which asks for nothing."""

    def replaced(found: re.Match[str]) -> str:
        tag = found[0]
        source = _SOURCE.search(tag)
        address = unescape(source[1][1:-1]) if source else ""
        if source is None or address.startswith("data:"):
            return tag
        local = folder / unquote(address)
        if not urlsplit(address).scheme and local.is_file():
            kind = mimetypes.guess_type(local.name)[0] or "application/octet-stream"
            data = base64.b64encode(local.read_bytes()).decode("ascii")
            return f'{tag[: source.start()]}src="data:{kind};base64,{data}"{tag[source.end() :]}'
        return f'<a href="{escape(address)}">{escape(address)}</a>'

    return _IMAGE.sub(replaced, body)


def _first_heading(node: NotebookNode) -> str | None:
    for cell in node.cells:
        if cell.cell_type == "markdown" and (found := re.search(r"^#+\s+(.+)$", cell.source, re.MULTILINE)):
            return found[1].strip()
    return None


def _made() -> str:
    return f'<p class="critwin-made">Made with critwin-widgets {escape(__version__)}.</p>'


def _write(path: str | Path, text: str) -> Path:
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8", newline="\n")
    return target


def _needs(module: str) -> Any:
    from importlib import import_module

    try:
        return import_module(module)
    except ImportError as problem:
        raise ImportError(f"{module.split('.')[0]} is needed to export a notebook; {_INSTALL}") from problem
