"""A study whose numbers are set by hand, for widgets that read studies."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr


class Study:
    """What a forward-reverse study shows of itself, with retention that can be set by hand."""

    def __init__(
        self, retention: Any, levels: Any = (0.0, 0.25, 0.5, 1.0), ou_times: Any = None, index: Any = None
    ) -> None:
        index = index or {"name": "tokens masked", "symbol": "m", "whole": False}
        self._ou = {} if ou_times is None else {"ou_time": ("level", np.asarray(ou_times, float))}
        self._levels, self._callbacks = np.asarray(levels, float), []
        status = xr.DataArray(
            np.ones((2, len(self._levels)), np.int8),
            dims=("source", "level"),
            attrs={"flag_values": [0, 1, 2, 3], "flag_meanings": "pending done failed stopped"},
        )
        self.results = xr.Dataset(
            {"status": status}, {"level": self._levels, **self._ou}, attrs={"index": json.dumps(index)}
        )
        self.values = np.atleast_2d(np.asarray(retention, float))
        self.ended = 0

    def retention(self) -> xr.Dataset:
        dims = ("feature", "level")
        low, high = np.clip(self.values - 0.1, 0, 1), np.clip(self.values + 0.1, 0, 1)
        data = {"retention": (dims, self.values), "low": (dims, low), "high": (dims, high)}
        names = ["colour", "shape"][: len(self.values)]
        chance = {"chance": ("feature", [0.5] * len(names))}
        return xr.Dataset(data | chance, {"feature": names, "level": self._levels, **self._ou})

    def decisions(self) -> xr.Dataset:
        n = len(self.values)
        found = {"half_level": 0.4, "half_low": 0.3, "half_high": np.inf}
        found |= {"decision_start": 0.9, "decision_start_low": 0.8, "decision_start_high": 0.95}
        found |= {"decision_end": 0.1, "decision_end_low": 0.0, "decision_end_high": 0.2}
        return xr.Dataset({k: ("feature", [v] * n) for k, v in found.items()}, {"feature": ["colour", "shape"][:n]})

    def observe(self, callback: Callable[..., Any]) -> Callable[[], None]:
        self._callbacks.append(callback)

        def end() -> None:
            self.ended += 1
            self._callbacks.remove(callback)

        return end

    def tell(self) -> None:
        for callback in list(self._callbacks):
            callback(self.results)
