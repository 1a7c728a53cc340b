"""A private JupyterLab on the loopback address, and a line to the kernels it runs."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient

_START_SECONDS = 90
_STOP_SECONDS = 15


class LabServer:
    """JupyterLab in a folder of its own: its settings, its token, nothing of the user's.

    Attributes:
      root: the folder that JupyterLab shows.
      url: the server's address, which always has 127.0.0.1 as its host.
    """

    def __init__(self, home: Path) -> None:
        self.root = home / "files"
        self.root.mkdir(parents=True)
        self.token = secrets.token_hex(16)
        self._home = home
        self._runtime = home / "runtime"
        self._log = (home / "lab.log").open("w", encoding="utf-8")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._process = subprocess.Popen(
            self._command(), cwd=self.root, env=self._environment(), stdout=self._log, stderr=subprocess.STDOUT
        )
        self._wait()

    def _command(self) -> list[str]:
        return [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1"),
            *(f"--port={self._port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={self.token}"),
            # `window.jupyterapp` lets a test wait for facts where a person would look and wait.
            *("--LabApp.news_url=None", "--LabApp.extension_manager=readonly", "--LabApp.expose_app_in_browser=True"),
            f"--ServerApp.root_dir={self.root}",
        ]

    def _environment(self) -> dict[str, str]:
        config = self._home / "config"
        (config / "labconfig").mkdir(parents=True)
        # The news dialog would cover the notebook and ask about the network.
        disabled = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
        (config / "labconfig" / "page_config.json").write_text(json.dumps(disabled), encoding="utf-8")
        folders = {
            "HOME": self._home,
            "JUPYTER_CONFIG_DIR": config,
            "JUPYTER_DATA_DIR": self._home / "data",
            "JUPYTER_RUNTIME_DIR": self._runtime,
            "JUPYTERLAB_SETTINGS_DIR": self._home / "settings",
            "JUPYTERLAB_WORKSPACES_DIR": self._home / "workspaces",
            "IPYTHONDIR": self._home / "ipython",
        }
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")},
            **{name: str(folder) for name, folder in folders.items()},
            "JAX_PLATFORMS": "cpu",
            "JUPYTER_PREFER_ENV_PATH": "1",
            "NO_PROXY": "127.0.0.1",
        }

    def _wait(self) -> None:
        limit = time.monotonic() + _START_SECONDS
        while time.monotonic() < limit:
            if self._process.poll() is not None:
                break
            try:
                self.api("status")
                return
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.25)
        self.stop()
        raise RuntimeError(f"JupyterLab did not start:\n{(self._home / 'lab.log').read_text(encoding='utf-8')[-3000:]}")

    def api(self, path: str, method: str = "GET") -> Any:
        """Calls the server's REST interface and returns the decoded answer (None if it is empty)."""
        request = urllib.request.Request(
            f"{self.url}/api/{path}", headers={"Authorization": f"token {self.token}"}, method=method
        )
        # An opener without handlers for proxies: the call must not leave this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def add_notebook(self, name: str, notebook: dict[str, Any] | list[str]) -> str:
        """Writes a notebook (nbformat JSON, or the sources of its code cells); returns its path."""
        if isinstance(notebook, list):
            notebook = _notebook(notebook)
        (self.root / name).write_text(json.dumps(notebook), encoding="utf-8")
        return name

    def kernel(self, notebook: str) -> Kernel:
        """The kernel that runs `notebook`, with a connection of our own to it."""
        sessions = [session for session in self.api("sessions") if session["path"] == notebook]
        if not sessions:
            raise LookupError(f"no kernel runs {notebook!r}")
        return Kernel(self._runtime, sessions[0]["kernel"]["id"])

    def shut_down_kernels(self) -> None:
        """Ends every kernel, as a reader finds a notebook that somebody else left."""
        for session in self.api("sessions"):
            self.api(f"sessions/{session['id']}", "DELETE")

    def stop(self) -> None:
        """Ends the server and its kernels."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


class Kernel:
    """A second client of a running kernel: what the browser did can be read there, not in the page."""

    def __init__(self, runtime: Path, kernel_id: str) -> None:
        self._client = BlockingKernelClient(connection_file=str(runtime / f"kernel-{kernel_id}.json"))
        self._client.load_connection_file()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=60)

    def run(self, code: str) -> None:
        """Runs code; raises `RuntimeError` with the kernel's traceback if it fails."""
        self._content(code, {})

    def value(self, expression: str) -> Any:
        """The JSON value of an expression."""
        answer = self._content("import json as _json", {"out": f"_json.dumps({expression}, default=list)"})
        out = answer["user_expressions"]["out"]
        if out["status"] != "ok":
            raise RuntimeError(f"{expression}: {out['ename']}: {out['evalue']}")
        return json.loads(_literal(out["data"]["text/plain"]))

    def _content(self, code: str, expressions: dict[str, str]) -> dict[str, Any]:
        message = self._client.execute(code, store_history=False, user_expressions=expressions)
        limit = time.monotonic() + 60
        while time.monotonic() < limit:
            reply = self._client.get_shell_msg(timeout=60)
            if reply["parent_header"].get("msg_id") == message:
                content = reply["content"]
                if content["status"] != "ok":
                    raise RuntimeError("\n".join(content.get("traceback", [content["status"]])))
                return content
        raise TimeoutError(f"the kernel did not answer {code!r}")

    def close(self) -> None:
        """Closes this connection; the kernel goes on."""
        self._client.stop_channels()


def _literal(text: str) -> str:
    import ast

    return ast.literal_eval(text)


def _notebook(cells: list[str]) -> dict[str, Any]:
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell-{index}",
                "source": source,
                "metadata": {},
                "outputs": [],
                "execution_count": None,
            }
            for index, source in enumerate(cells)
        ],
    }
