"""Critical windows by LKC25's rule: a jump of retention between consecutive levels."""

from typing import Any

import numpy as np
import xarray as xr

from ..engine._validation import check_eps
from .retention import retention


def windows(
    results: xr.Dataset,
    jump: float = 0.5,
    feature: str | list[str] | None = None,
    by: Any = None,
    interval: str = "wilson",
    confidence: float = 0.95,
) -> xr.Dataset:
    """Return where retention falls by more than `jump` between consecutive levels (LKC25).

    Args:
        results: of a study.
        jump: fall of retention that counts as a critical window.
        feature: one or several features; all when `None`.
        by: a curve for each group, as in `retention`.
        interval: of the two proportions, as in `retention`.
        confidence: of the interval of the fall.

    Returns:
        Dataset over `(feature, gap)` or `(feature, group, gap)`: `fall` of retention from the level
        `after` to the noisier level `before`, with limits `fall_low`, `fall_high` (Newcombe's hybrid
        score interval of a difference of proportions, Statistics in Medicine 1998, as for
        independent samples), `window` (whether the fall exceeds `jump`) and `certain` (whether its
        whole interval lies on one side of `jump`).

    Raises:
        ValueError: `jump` is not strictly between 0 and 1, or an unknown name.
    """
    check_eps(jump, "jump")
    curve = retention(results, feature, by, interval, confidence)
    share, low, high = (curve[name].values for name in ("retention", "low", "high"))
    before, after = share[..., 1:], share[..., :-1]
    fall = after - before
    fall_low = fall - np.hypot(after - low[..., :-1], high[..., 1:] - before)
    fall_high = fall + np.hypot(high[..., :-1] - after, before - low[..., 1:])
    levels = curve["level"].values
    dims = (*curve["retention"].dims[:-1], "gap")
    return xr.Dataset(
        {
            "fall": (dims, fall),
            "fall_low": (dims, fall_low),
            "fall_high": (dims, fall_high),
            "window": (dims, fall > jump),
            "certain": (dims, (fall_low > jump) | (fall_high < jump)),
        },
        coords={
            **{name: curve[name].values for name in dims[:-1]},
            "after": ("gap", levels[:-1]),
            "before": ("gap", levels[1:]),
        },
        attrs={"jump": jump, "interval": interval, "confidence": confidence},
    )
