"""Measured decision curves beside those of a mixture, at the mixture's times."""

import numpy as np
import xarray as xr

_CURVES = ("retention", "decided", "decided_low", "decided_high")
_READ = ("half_time", "half_low", "half_high", "decision_start", "decision_end", "chance")


def beside(features: xr.Dataset, measured: xr.Dataset, name: str) -> xr.Dataset:
    """Return the decision curves of a mixture with those that were measured on a model added to them.

    Args:
        features: `decision_curves` of the mixture.
        measured: curves of the same layout at other OU times, `(feature, time)`.
        name: of the model; a measured feature is called "feature, name".

    Raises:
        TypeError: `measured` is no dataset.
        ValueError: it lacks what `decision_curves` returns, or its names are there already.
    """
    if not isinstance(measured, xr.Dataset):
        raise TypeError(f"measured must be a dataset of decision curves, not {type(measured).__name__}")
    missing = sorted({*_CURVES, *_READ} - set(measured.data_vars))
    if missing:
        raise ValueError(f"measured must be laid out as decision_curves is, but it lacks {', '.join(missing)}")
    names = [f"{feature}, {name}" for feature in measured["feature"].values]
    twice = sorted(set(names) & {str(one) for one in features["feature"].values})
    if twice:
        raise ValueError(f"name must be new, but there is a feature {twice[0]!r} already")
    times, at = features["time"].values, measured["time"].values
    # Without noise nothing changes; above the highest level measured the last value stands.
    known = np.concatenate([[0.0], at[at > 0]])
    data: dict = {}
    for curve in _CURVES:
        rows = np.pad(measured[curve].values[:, at > 0], ((0, 0), (1, 0)), constant_values=1.0)
        data[curve] = (("feature", "time"), np.stack([np.interp(times, known, row) for row in rows]))
    data |= {column: ("feature", measured[column].values) for column in _READ}
    added = xr.Dataset(data, coords={"feature": names, "time": times})
    kept = features if "measured" in features.coords else features.assign_coords(measured=_flags(features, False))
    joined = xr.concat([kept, added.assign_coords(measured=_flags(added, True))], "feature", join="exact")
    return joined.assign_attrs(features.attrs | {"method": "estimated"})


def _flags(features: xr.Dataset, value: bool) -> tuple[str, np.ndarray]:
    return "feature", np.full(features.sizes["feature"], value)
