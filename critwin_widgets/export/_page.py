"""The one-file page that exports are written into: its frame, its style and its safety catch."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from typing import Any

from critwin_widgets.export._live import script_json

# Mounts every live picture and then hides the still one beside it. A picture that fails to mount
# leaves its still one in place.
_BOOT = """
for (const host of document.querySelectorAll("[data-critwin]")) {
  const live = host.appendChild(document.createElement("div"));
  try {
    critwin.mount(live, JSON.parse(document.getElementById(host.dataset.critwin).textContent));
    host.classList.add("critwin-is-live");
  } catch (problem) {
    live.remove();
    console.error(problem);
  }
}
"""


class Page:
    """Collects live pictures while the body is being written, then frames the body.

    A content security policy in the page forbids every request and every script but the two that
    are written here, so the file is self-contained by the browser's word and not only by ours.
    """

    def __init__(self) -> None:
        self._states: list[dict[str, Any]] = []

    def live(self, state: dict[str, Any], still: str) -> str:
        """HTML of a live picture.

        Args:
          state: JSON-ready state of a tree or timeline (`_live`).
          still: HTML of the picture for readers without scripts.
        """
        self._states.append(state)
        name = f"critwin-state-{len(self._states) - 1}"
        return f'<div class="critwin-live" data-critwin="{name}"><div class="critwin-still">{still}</div></div>'

    def html(self, body: str, title: str) -> str:
        """The whole document."""
        scripts = [_bundle(), _BOOT] if self._states else []
        data = "".join(
            f'<script type="application/json" id="critwin-state-{index}">{script_json(state)}</script>\n'
            for index, state in enumerate(self._states)
        )
        code = "".join(f"<script>{script}</script>\n" for script in scripts)
        return (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{_policy(scripts)}">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta name="color-scheme" content="light dark">\n'
            f"<title>{escape(title)}</title>\n<style>\n{_style()}</style>\n</head>\n"
            f"<body>\n<main>\n{body}\n</main>\n{data}{code}</body>\n</html>\n"
        )


def _policy(scripts: Sequence[str]) -> str:
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes) or "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        "img-src data: blob:; font-src data:; base-uri 'none'; form-action 'none'"
    )


def _bundle() -> str:
    path = files("critwin_widgets") / "widgets" / "static" / "standalone.js"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as problem:
        raise RuntimeError(
            "the front end is not built, so no live picture can be exported; in a source tree run `make front`"
        ) from problem
    # A line ending that the browser would normalise would change the hash in the policy.
    return text.replace("\r\n", "\n").replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _style() -> str:
    return (files("critwin_widgets.export") / "page.css").read_text(encoding="utf-8") + _highlighting()


def _highlighting() -> str:
    from pygments.formatters import HtmlFormatter

    light = HtmlFormatter(style="default").get_style_defs(".highlight")
    dark = HtmlFormatter(style="github-dark").get_style_defs(".highlight")
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n.highlight {{ background: none; }}\n"
