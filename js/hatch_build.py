"""Hatchling's build hook: a wheel, an sdist or an editable install always holds a fresh bundle."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


def _front_end() -> ModuleType:
    # Hatchling runs this file by its path, so its folder is not importable.
    spec = importlib.util.spec_from_file_location("front_end", Path(__file__).with_name("front_end.py"))
    if spec is None or spec.loader is None:
        raise ImportError("js/front_end.py is missing beside the build hook")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class FrontEndBuildHook(BuildHookInterface):
    """Builds the front end when its sources differ from what the bundle was made from."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Asks for Node from PyPI where a build is due and the system has none."""
        front_end = _front_end()
        if front_end.is_fresh() or front_end.system_node():
            return []
        return [front_end.NODE_REQUIREMENT]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Builds, and names the built files (which git ignores) as part of the distribution.

        An sdist also carries the stamp that ties the bundle to its sources, so that a wheel can be
        made from it without Node.
        """
        front_end = _front_end()
        front_end.build()
        carried = front_end.outputs() + ([front_end.STAMP] if self.target_name == "sdist" else [])
        build_data["artifacts"] += [path.relative_to(self.root).as_posix() for path in carried]
