"""Results of studies made up from known laws, in the layout that studies write."""

import json

import numpy as np
import xarray as xr

INDEX = {"name": "OU time", "symbol": "t", "clean": 0.0, "noise": 8.0, "whole": False}


def results_of(outcome, original, values, levels, **columns) -> xr.Dataset:
    """Return a dataset of outcomes `(S, L, R, F)` and originals `(S, F)`, as codes of `values`."""
    sources, count, repeats, _ = outcome.shape
    return xr.Dataset(
        {
            "outcome": (("source", "level", "repeat", "feature"), outcome.astype(np.int16)),
            "original": (("source", "feature"), original.astype(np.int16)),
            "status": (("source", "level"), np.ones((sources, count), np.int8)),
            "error": (("source", "level"), np.full((sources, count), "", object)),
            **{name: ("source", np.asarray(column)) for name, column in columns.items()},
        },
        coords={
            "source": np.arange(sources),
            "level": np.asarray(levels, float),
            "repeat": np.arange(repeats),
            "feature": list(values),
        },
        attrs={
            "values": json.dumps(values),
            "index": json.dumps(INDEX),
            "mode": "forward_reverse",
            "seed": 0,
            "repeats": repeats,
            "layout": 1,
        },
    )


def two_regions(sources=40, repeats=40, seed=0, halves=(1.0, 1.6), own=(0.7, 0.4), end=(0.5, 0.5)) -> xr.Dataset:
    """Return outcomes of a colour in two regions.

    The outcome is the source's own value with probability `logistic(4 (half - t))`, otherwise red with the
    probability `end` of the region; sources are red with probability `own`.
    """
    rng = np.random.default_rng(seed)
    levels, south = np.linspace(0.2, 3.0, 9), np.arange(sources) % 2
    original = (rng.random(sources) >= np.array(own)[south]).astype(int)
    kept = 1 / (1 + np.exp(4 * (levels - np.array(halves)[south][:, None])))
    fresh = (rng.random((sources, 9, repeats)) >= np.array(end)[south][:, None, None]).astype(int)
    outcome = np.where(rng.random((sources, 9, repeats)) < kept[..., None], original[:, None, None], fresh)
    region = np.array(["north", "south"])[south]
    return results_of(outcome[..., None], original[:, None], {"colour": ["red", "blue"]}, levels, region=region)
