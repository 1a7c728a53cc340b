"""What a study measured, as curves on the OU clock: the layout of `decision_curves` of a mixture."""

from typing import Any

import numpy as np
import xarray as xr

from .decisions import decisions
from .retention import retention

_READ = {"half_time": "half_level"} | {
    name: name for name in ("half_low", "half_high", "decision_start", "decision_end", "chance")
}


def decision_curves(results: xr.Dataset, feature: Any = None, bootstrap: int = 200, seed: int = 0) -> xr.Dataset:
    """Return the decision curves that a study measured, in the layout of `critwin_widgets.decision_curves`.

    Args:
        results: of a study whose levels are OU times, or have them.
        feature: one or several features; all when `None`.
        bootstrap, seed: of the intervals of the half-way times, as in `decisions`.

    Returns:
        Dataset over `(feature, time)`: `retention` and `decided` with 95 % limits `decided_low`, `decided_high`
        (Wilson's); over `feature`: `chance`, `half_time` with `half_low`, `half_high`, `decision_start`,
        `decision_end`, from the monotone fit. Levels without data are left out.

    Raises:
        ValueError: levels have no OU times, an unknown feature, or there are no data.
    """
    rates = retention(results, feature)
    index = results.attrs.get("index", "")
    if "ou_time" not in rates.coords and '"symbol": "t"' not in index:
        raise ValueError("the study's levels have no OU times; read retention and decisions on its own clock")
    levels = rates["level"].values.astype(np.float64)
    times = rates["ou_time"].values.astype(np.float64) if "ou_time" in rates.coords else levels
    there = (rates["trials"].values > 0).all(axis=0)
    if not there.any():
        raise ValueError("the study has no level at which every feature has been measured; run it first")
    read = decisions(results, feature, bootstrap=bootstrap, seed=seed)
    chance = rates["chance"].values[:, None]
    varies = chance < 1.0 - 1e-12
    rest = np.where(varies, 1.0 - chance, 1.0)
    curves = {"retention": rates["retention"].values}
    for name, side in (("decided", "retention"), ("decided_low", "low"), ("decided_high", "high")):
        share = np.clip((rates[side].values - chance) / rest, 0.0, 1.0)
        curves[name] = np.where(varies, share, 1.0)
    data: dict = {name: (("feature", "time"), rows[:, there]) for name, rows in curves.items()}
    for name, source in _READ.items():
        column = read[source].values.astype(np.float64)
        data[name] = ("feature", column if name == "chance" else np.interp(column, levels, times, np.nan, np.nan))
    return xr.Dataset(
        data,
        coords={"feature": rates["feature"].values, "time": times[there]},
        attrs={"method": "estimated", "confidence": 0.95, "time_units": "OU time"},
    )
