"""Fixtures of the browser tests: one JupyterLab and one Chromium for each test process."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.e2e.browser import launch
from tests.e2e.desk import Desk
from tests.e2e.lab import Kernel, LabServer


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    with sync_playwright() as playwright:
        running = launch(playwright)
        yield running
        running.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """A JupyterLab server that sees only a temporary folder."""
    server = LabServer(tmp_path_factory.mktemp("lab"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def open_desk(browser: Browser, lab: LabServer) -> Iterator[Callable[..., Desk]]:
    """Opens a notebook in a page of its own; the pages close when the module is done."""
    desks: list[Desk] = []

    def opened(notebook: str, *, dark: bool = False) -> Desk:
        desk = Desk(browser, lab, dark=dark)
        desks.append(desk)
        desk.open(notebook)
        return desk

    yield opened
    for desk in desks:
        desk.close()


@pytest.fixture(scope="module")
def desk(request: pytest.FixtureRequest, open_desk: Callable[..., Desk], lab: LabServer) -> Desk:
    """The test module's own notebook, `NAME` with `CELLS`, open and run."""
    lab.add_notebook(request.module.NAME, request.module.CELLS)
    opened = open_desk(request.module.NAME)
    opened.run_all()
    return opened


@pytest.fixture(scope="module")
def kernel(request: pytest.FixtureRequest, desk: Desk, lab: LabServer) -> Iterator[Kernel]:
    """That notebook's kernel."""
    connection = lab.kernel(request.module.NAME)
    yield connection
    connection.close()
