"""Measured, sharp and theorem on one clock, with the rivals' times, and where the bounds are loose."""

import numpy as np
import xarray as xr

from ..engine._types import Subset, TimeLike
from ..engine._validation import check_count, check_eps, check_times
from ..engine.mixtures import Mixture
from ..engine.separation import CERTIFIED
from .bounds import sharp_bound, theorem_bound
from .measured import measured_distance
from .rivals import rival_times
from .times import time_grid
from .windows import check_inside, end_time, start_time

_EVERY = 3
"""Without times given, every third of the grid that brackets all change."""
_SIDES = {"": "value", "_low": "low", "_high": "high"}


def bound_curves(
    mixture: Mixture,
    init: Subset,
    target: Subset,
    eps: float,
    times: TimeLike | None = None,
    *,
    n: int = 2048,
    inner: int = 128,
    seed: int = 0,
    n_training: int | None = None,
) -> xr.Dataset:
    """Return what is measured, the sharp certificate and the theorem's bound along the noise clock.

    Args:
        mixture: the mixture, of any kind.
        init: components of `S_init`, inside `target`.
        target: components of `S_target`.
        eps: level of the theorem, strictly between 0 and 1.
        times: OU times, `(T,)`; a grid over all that happens when `None`.
        n: outer draws of the measurement and draws per component of the other estimates.
        inner: inner draws of the measurement.
        seed: seed of all draws.
        n_training: number of training points, for the collapse time among the rivals.

    Returns:
        Dataset. Over `time`: `measured` = TV(p^{init,t}, p^target) and `sharp`, each with `_low` and
        `_high`; `certified`, the upper end of the sharp certificate in closed form (no sampling); and
        `theorem_holds`, whether the theorem speaks of that time (`T_end <= t <= T_start`). Without
        dimension: `theorem`, and `end`, `start` with `_low`, `_high`, `_status` and `_method`. Over
        `rival`: all that `rival_times` returns, prefixed `rival_`. Attributes: `measured_method`,
        `sharp_method`, `eps`, and the labels `init` and `target`.

    Raises:
        ValueError: a subset is empty or unknown, `init` is not inside `target`, `eps` is out of range,
            `times` is empty or holds a negative or not finite time, or a count is too small.
    """
    level = check_eps(eps)
    check_count("n", n, 2)
    grid = time_grid(mixture)[::_EVERY] if times is None else np.atleast_1d(check_times(times, "times"))
    if grid.ndim != 1 or not grid.size:
        raise ValueError(f"times must be a list of OU times, not an array of shape {grid.shape}")
    first, second = mixture.indices(init, "init"), mixture.indices(target, "target")
    check_inside(mixture, first, second, "init", "target")
    measured = measured_distance(mixture, first, second, grid, n=n, inner=inner, seed=seed)
    sharp = sharp_bound(mixture, first, second, grid, n=n, seed=seed)
    end = end_time(mixture, first, second, level, n=n, seed=seed)
    start = start_time(mixture, second, level, n=n, seed=seed)
    data: dict = {"certified": ("time", sharp_bound(mixture, first, second, grid, method=CERTIFIED).high)}
    for name, curve in (("measured", measured), ("sharp", sharp)):
        data |= {f"{name}{suffix}": ("time", getattr(curve, side)) for suffix, side in _SIDES.items()}
    for name, found in (("end", end), ("start", start)):
        data |= {f"{name}{suffix}": ((), getattr(found, side)) for suffix, side in _SIDES.items()}
        data |= {f"{name}_status": ((), found.status), f"{name}_method": ((), found.method)}
    data["theorem"] = ((), theorem_bound(mixture, second, level))
    # NaN (never separated) compares as false.
    data["theorem_holds"] = ("time", (grid >= end.value) & (grid <= start.value))
    rivals = rival_times(mixture, n_training)
    data |= {f"rival_{name}": ("rival", column.values) for name, column in rivals.data_vars.items()}
    return xr.Dataset(
        data,
        coords={"time": grid, "rival": rivals["rival"].values},
        attrs={
            "eps": level,
            "init": [mixture.labels[k] for k in first],
            "target": [mixture.labels[k] for k in second],
            "measured_method": measured.method,
            "sharp_method": sharp.method,
            "confidence": 0.95,
            "time_units": "OU time",
        },
    )


def looseness(curves: xr.Dataset) -> xr.Dataset:
    """Return by what factors the bounds exceed what is measured, and where they are tightest and loosest.

    Args:
        curves: from `bound_curves`.

    Returns:
        Dataset. Over `time`: `sharp_over_measured`, `theorem_over_measured` and `theorem_over_sharp`,
        each with `_low` and `_high` from the ends of both intervals (infinite where the measured
        value may be 0); the theorem's only where it speaks, NaN elsewhere (`theorem_holds` says
        where). Over `ratio`: `tightest` and `loosest` (the least and the largest finite value) with
        `tightest_time` and `loosest_time`, and `status`: "found", or "no time" when there is none.

    Raises:
        TypeError: `curves` is not a dataset.
        ValueError: it lacks variables that `bound_curves` returns.
    """
    if not isinstance(curves, xr.Dataset):
        raise TypeError(f"curves must be the dataset that bound_curves returns, not {type(curves).__name__}")
    needed = {f"{name}{suffix}" for name in ("measured", "sharp") for suffix in _SIDES} | {"theorem", "theorem_holds"}
    missing = sorted(needed - set(curves.data_vars))
    if missing:
        raise ValueError(f"curves must be the dataset that bound_curves returns, but it lacks {', '.join(missing)}")
    holds = curves["theorem_holds"].values
    sides = {name: [curves[f"{name}{s}"].values for s in _SIDES] for name in ("measured", "sharp")}
    sides["theorem"] = [np.where(holds, float(curves["theorem"]), np.nan)] * 3
    data: dict = {}
    rows = []
    for above, below in (("sharp", "measured"), ("theorem", "measured"), ("theorem", "sharp")):
        name = f"{above}_over_{below}"
        over, under = sides[above], sides[below]
        # The least ratio is the low end over the high end.
        found = [_ratio(over[i], under[j]) for i, j in ((0, 0), (1, 2), (2, 1))]
        data |= {f"{name}{s}": ("time", column) for s, column in zip(_SIDES, found, strict=True)}
        rows.append((name, *_extremes(curves["time"].values, found[0])))
    names, *columns = zip(*rows, strict=True)
    for name, column in zip(("status", "tightest", "tightest_time", "loosest", "loosest_time"), columns, strict=True):
        data[name] = ("ratio", np.array(column))
    return xr.Dataset(data, coords={"time": curves["time"].values, "ratio": list(names)}, attrs=dict(curves.attrs))


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        # 0 over 0: the bound is met.
        return np.where((above == 0) & (below == 0), 1.0, above / below)


def _extremes(times: np.ndarray, ratio: np.ndarray) -> tuple[str, float, float, float, float]:
    """Return status, least ratio and its time, largest ratio and its time, over finite ratios."""
    if not np.isfinite(ratio).any():
        return "no time", np.nan, np.nan, np.nan, np.nan
    finite = np.where(np.isfinite(ratio), ratio, np.nan)
    least, most = int(np.nanargmin(finite)), int(np.nanargmax(finite))
    return "found", float(ratio[least]), float(times[least]), float(ratio[most]), float(times[most])
