"""Features and when they are decided: retention, decided fraction, transition matrix."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from ..engine._types import TimeLike
from ..engine._validation import check_count, check_times, near_miss
from ..engine.mixtures import Mixture
from ..engine.processes.known import MixtureProcess, mixture_of, on_own_clock
from ..engine.separation import Estimate, Survey, draws_per_component
from ._curves import falls

COMPONENT = "component"
"""Name of the feature that tells every component apart, used when a mixture has none."""


@dataclasses.dataclass(frozen=True)
class TransitionMatrix:
    """Label transition matrix of the forward-reverse experiment.

    Attributes:
        value: `M_t[i, j]`, `(..., K, K)`; rows sum to 1.
        standard_error: of each entry, same shape; zero when exact.
        method: "exact" or "estimated".
        time_units: what the times count: "OU time", "fraction of tokens masked", "tokens hidden".
    """

    value: np.ndarray
    standard_error: np.ndarray
    method: str
    time_units: str = "OU time"

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return np.array(self.value, dtype=dtype, copy=copy)


def transition_matrix(
    mixture: Mixture | MixtureProcess, t: TimeLike, *, n: int = 4096, seed: int = 0
) -> TransitionMatrix:
    """Return `M_t[i, j] = E_{Y ~ p_t^i}[w_j p_t^j(Y) / p_t(Y)]`, shape `(K, K)` for a scalar time.

    The chance that a sample of component i, noised to OU time `t` and denoised, comes back as j.
    Exact by quadrature on a line, otherwise an average over `n` draws per component.

    For a process of `cw.processes`, `t` are its levels, and the matrix names their unit.

    Raises:
        ValueError: a time is negative or not finite, a level is not in the index set, or `n < 2`.
    """
    check_count("n", n, 2)
    process, own = on_own_clock(mixture), mixture_of(mixture)
    if process is not None:
        from .on_processes import level_transitions

        return level_transitions(process, t, n, seed)
    times = check_times(t)
    survey = Survey(own, times.reshape(-1), n, seed)
    value, error, method = survey.transitions()
    shape = (*times.shape, own.n_components, own.n_components)
    return TransitionMatrix(value.reshape(shape), error.reshape(shape), method)


def decision_curves(
    mixture: Mixture | MixtureProcess,
    times: TimeLike,
    features: Sequence[str] | Mapping[str, Sequence[Any]] | str | None = None,
    *,
    n: int | None = None,
    seed: int = 0,
) -> xr.Dataset:
    """Return when each feature is decided along the noise clock.

    A feature labels the components. Its retention `R(t)` is the chance that noising to `t` and
    denoising keeps its value; the decided fraction `D = (R - chance) / (1 - chance)` runs from 1
    to 0, the decision time is where it is 1/2 and the decision interval runs from D = 0.95 to
    D = 0.05.

    Args:
        mixture: the mixture, or a process of `cw.processes` on one; its own features are used unless
            others are given.
        times: OU times, `(T,)`, not negative, increasing for the times read off the curves; for a
            process, its levels. The attribute `time_units` says which.
        features: names of the mixture's features, or a mapping from names to one value per
            component. A mixture without features has the one feature "component".
        n: draws per component (chosen for an interactive answer when `None`).
        seed: seed of the draws.

    Returns:
        Dataset over `(feature, time)`: `retention`, `decided` with 95 % limits `decided_low` and
        `decided_high`, `information` = `I(feature; Y_t) / H(feature)`; over `feature`: `chance`,
        `half_time` with `half_low`, `half_high`, `decision_start` (D = 0.05, met first in
        generation) and `decision_end` (D = 0.95); NaN where a curve does not cross. A feature with
        one value is decided from the start: its curves are 1 and its times NaN.

    Raises:
        ValueError: an unknown feature, values that don't match the components, or a bad time.
    """
    process, own = on_own_clock(mixture), mixture_of(mixture)
    if process is not None:
        from .on_processes import level_curves

        return level_curves(process, times, features, None if n is None else check_count("n", n, 2), seed)
    grid = np.atleast_1d(check_times(times, "times"))
    chosen = choose_features(own, features)
    groups = feature_groups(chosen)
    draws = draws_per_component(own, len(grid), groups.shape[1]) if n is None else check_count("n", n, 2)
    survey = Survey(own, grid, draws, seed)
    return curves_of(survey, chosen)


def choose_features(mixture: Any, features) -> dict[str, tuple[str, ...]]:
    """Return the features asked for as `{name: one value per component}`."""
    known = mixture.features or {COMPONENT: mixture.labels}
    if features is None:
        return known
    if isinstance(features, Mapping):
        chosen = {str(name): tuple(str(v) for v in values) for name, values in features.items()}
        for name, values in chosen.items():
            if len(values) != mixture.n_components:
                raise ValueError(
                    f"features[{name!r}] must have one value per component ({mixture.n_components}), not {len(values)}"
                )
        return chosen
    wanted = (features,) if isinstance(features, str) else tuple(features)
    for name in wanted:
        if name not in known:
            raise ValueError(
                f"features has no {name!r}; known are {', '.join(map(repr, known))}{near_miss(name, known)}"
            )
    return {name: known[name] for name in wanted}


def feature_groups(features: Mapping[str, Sequence[str]]) -> np.ndarray:
    """Return one boolean mask `(K, G)` per feature value, features in order."""
    columns = [np.asarray(values) == value for values in features.values() for value in dict.fromkeys(values)]
    return np.stack(columns, axis=1)


def curves_of(survey: Survey, features: Mapping[str, Sequence[str]]) -> xr.Dataset:
    """Return `decision_curves` from a survey that exists already."""
    groups = feature_groups(features)
    found, logs = survey.returns_with_logs(groups, np.ones_like(groups))
    return curves_from(survey, features, found, logs)


def curves_from(survey: Survey, features: Mapping[str, Sequence[str]], found: Estimate, logs: np.ndarray) -> xr.Dataset:
    """Return `decision_curves` from the returns of `feature_groups` and their logarithms, `(T, G)` each."""
    return curves_dataset(survey.times, features, curve_data(survey, features, found, logs), found.method, survey.n)


def curve_data(survey: Survey, features: Mapping[str, Sequence[str]], found: Estimate, logs: np.ndarray):
    """Return one row of each curve per feature, and `chance`, from the returns of `feature_groups`."""
    mass = survey.weights @ feature_groups(features)
    starts = np.cumsum([0, *(len(set(values)) for values in features.values())])[:-1]
    value, low, high, chance = decided_fractions(found, slice(None), mass, starts)
    entropy = -np.add.reduceat(mass * np.log(mass), starts)
    gained = np.add.reduceat(logs * mass, starts, axis=1) + entropy
    varies = entropy > 0
    return {
        "retention": np.add.reduceat(found.value * mass, starts, axis=1).T,
        "decided": value.T,
        "decided_low": low.T,
        "decided_high": high.T,
        "information": np.where(varies, np.clip(gained / np.where(varies, entropy, 1.0), 0.0, 1.0), 1.0).T,
        "chance": chance,
    }


def curves_dataset(times, features: Iterable[str], data: dict[str, Any], method: str, n: int, read=None) -> xr.Dataset:
    """Return the dataset of `decision_curves` from one row of each curve per feature, and `chance`.

    `read(curves, levels)` says where curves fall to levels; along OU times when `None`.
    """
    arrays = {k: np.array(v) for k, v in data.items()}
    sides = np.concatenate([arrays[name] for name in ("decided", "decided_low", "decided_high", "decided", "decided")])
    levels = np.repeat([0.5, 0.5, 0.5, 0.05, 0.95], len(arrays["decided"]))
    found = falls(times, sides.T, levels) if read is None else read(sides.T, levels)
    names = ("half_time", "half_low", "half_high", "decision_start", "decision_end")
    at = dict(zip(names, found.reshape(5, -1), strict=True))
    one = {k: ("feature", v) for k, v in (at | {"chance": arrays.pop("chance")}).items()}
    return xr.Dataset(
        {k: (("feature", "time"), v) for k, v in arrays.items()} | one,
        coords={"feature": list(features), "time": times},
        attrs={"method": method, "n": n, "confidence": 0.95, "time_units": "OU time"},
    )


def decided_fractions(found: Estimate, columns: slice | list[int], shares: np.ndarray, starts: np.ndarray):
    """Return `D`, its 95 % limits `(T, F)` each, and the chance levels `(F,)` of several labellings.

    Args:
        found: return probabilities of all groups, an `Estimate` with arrays `(T, G)`.
        columns: the groups of all labellings, one labelling after the other.
        shares: their weights, summing to 1 in each labelling.
        starts: where each labelling starts in `columns`, `(F,)`.
    """
    chance = np.add.reduceat(shares**2, starts)
    retention = np.add.reduceat(found.value[:, columns] * shares, starts, axis=1)
    # Groups are disjoint strata with independent draws: their standard errors add in squares.
    squared = np.square((found.high[:, columns] - found.low[:, columns]) * (shares / 2))
    reach = np.sqrt(np.add.reduceat(squared, starts, axis=1))
    varies = chance < 1.0 - 1e-12
    rest = np.where(varies, 1.0 - chance, 1.0)
    decided, spread = (retention - chance) / rest, reach / rest
    value, low, high = (
        np.where(varies, np.clip(side, 0.0, 1.0), 1.0) for side in (decided, decided - spread, decided + spread)
    )
    return value, low, high, np.where(varies, chance, 1.0)
