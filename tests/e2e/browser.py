"""Finds the Chromium that the browser tests drive, and starts it without any traffic of its own.

Run as a script it prints the path, or exits with status 1 where there is none.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# The browser's own services would otherwise call home in the middle of a test for outside requests.
_QUIET = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
)


def chromium_path() -> str | None:
    """Path of a Chromium: `$CHROMIUM`, one on the PATH, or one that Playwright installed."""
    named = os.environ.get("CHROMIUM")
    if named:
        return named if Path(named).is_file() else None
    for name in _NAMES:
        if found := shutil.which(name):
            return found
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).is_file() else None


def launch(playwright: Playwright, *extra: str) -> Browser:
    """Starts a headless Chromium; raises `RuntimeError` where there is none."""
    path = chromium_path()
    if path is None:
        raise RuntimeError("no Chromium found; `make chromium` installs one or says how to")
    return playwright.chromium.launch(executable_path=path, args=[*_QUIET, *extra])


if __name__ == "__main__":
    where = chromium_path()
    print(where or "no Chromium found")
    sys.exit(where is None)
