"""JupyterLab as a person has it on screen: open a notebook, run it, look, and let nothing slip by."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page

from tests.e2e.lab import LabServer

PICTURES = Path(__file__).parent / "screenshots"
_RUN_MS = 180_000
# What JupyterLab itself says on the console; nothing of ours may be added to this list.
_LABS_OWN = (
    # A kernel that a test has ended on purpose.
    re.compile(r"Kernel .*(dead|does not exist|disconnected)|Connection lost, reconnecting"),
    re.compile(r"/api/(kernels|sessions)/[0-9a-f-]+"),
)


class Watch:
    """Collects what must not happen on a page: console errors, and requests that leave the machine."""

    def __init__(self, page: Page) -> None:
        self.errors: list[str] = []
        self.outside: list[str] = []
        self._known = list(_LABS_OWN)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.errors.append(f"uncaught: {error}"))
        page.on("request", lambda request: self._request(request.url))
        page.on("websocket", lambda socket: self._request(socket.url))

    def _console(self, message: ConsoleMessage) -> None:
        text = f"{message.text} ({message.location.get('url', '')})"
        if message.type == "error" and not any(known.search(text) for known in self._known):
            self.errors.append(text)

    def _request(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob", "about", "file") and parts.hostname != "127.0.0.1":
            self.outside.append(url)

    def expect_error(self, pattern: str) -> None:
        """Allows one more kind of console error, where a test brings it about on purpose."""
        self._known.append(re.compile(pattern))

    def verify(self) -> None:
        """Fails if anything was collected."""
        assert not self.outside, f"requests to other hosts: {self.outside}"
        assert not self.errors, "console errors:\n" + "\n".join(self.errors)


class Desk:
    """One JupyterLab page."""

    def __init__(self, browser: Browser, lab: LabServer, *, dark: bool = False) -> None:
        # Tall: a mouse drag that starts below the viewport does nothing.
        context = browser.new_context(viewport={"width": 1500, "height": 1900})
        self.page = context.new_page()
        self.page.set_default_timeout(30_000)
        self.lab = lab
        self.watch = Watch(self.page)
        self.dark = dark

    def open(self, notebook: str) -> None:
        """Opens a notebook alone on screen and waits until its kernel is ready or known to be absent."""
        address = f"{self.lab.url}/lab/tree/{notebook}?token={self.lab.token}&reset"
        self.page.goto(address)
        self.page.wait_for_selector(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell", timeout=60_000)
        self.page.evaluate("() => window.jupyterapp.restored")
        self.use_theme(self.dark)

    def use_theme(self, dark: bool) -> None:
        """Switches JupyterLab's theme and waits until it is on."""
        theme = "JupyterLab Dark" if dark else "JupyterLab Light"
        self.page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
        self.page.wait_for_selector(f"body[data-jp-theme-name='{theme}']", state="attached")

    def command(self, name: str) -> None:
        """Executes one of JupyterLab's commands and waits for it."""
        self.page.evaluate("name => window.jupyterapp.commands.execute(name).then(() => null)", name)

    def run_all(self) -> None:
        """Runs every cell from the menu, as a person does, and waits until none is running."""
        self.wait_for_kernel()
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        # Before the first cell starts, a notebook that was run before looks finished.
        self.page.wait_for_function(
            "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'busy'",
            polling=20,
        )
        self.wait_until_idle()

    def restart_kernel(self) -> None:
        """Restarts the kernel without asking, and waits until it is ready again."""
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.restartKernel()")
        self.wait_for_kernel()

    def wait_for_kernel(self) -> None:
        """Waits until the notebook's kernel has answered."""
        self.page.wait_for_function(
            "() => window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'",
            timeout=60_000,
        )

    def wait_until_idle(self) -> None:
        """Waits until every code cell has run; fails with the text of the first error output."""
        self.page.wait_for_function(
            """() => {
              const cells = window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells
                .filter(cell => cell.cell_type === 'code' && cell.source.trim());
              const failed = cells.some(cell => cell.outputs.some(output => output.output_type === 'error'));
              return failed || cells.every(cell => cell.execution_count !== null && cell.executionState !== 'running');
            }""",
            timeout=_RUN_MS,
        )
        errors = self.page.locator("[data-mime-type='application/vnd.jupyter.error']")
        if errors.count():
            raise AssertionError(f"a cell failed:\n{errors.first.inner_text()}")

    def cell(self, index: int) -> Locator:
        """The outputs of a cell, scrolled to, so that JupyterLab has drawn them."""
        self.page.evaluate(
            "async index => { const notebook = window.jupyterapp.shell.currentWidget.content;"
            " notebook.activeCellIndex = index; await notebook.scrollToItem(index, 'start'); }",
            index,
        )
        return self.page.locator(f".jp-Cell[data-windowed-list-index='{index}'] .jp-OutputArea").first

    def picture(self, name: str) -> None:
        """Saves what is on screen, for a person to look at."""
        PICTURES.mkdir(exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png")

    def close(self) -> None:
        """Closes the page."""
        self.page.context.close()
