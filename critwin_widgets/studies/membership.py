"""Whether samples that a model was trained on come back more often than others: a membership test."""

import dataclasses
import json
from typing import Any

import numpy as np
import xarray as xr

from ..engine._validation import check_count, check_eps
from ._batch import Limit
from ._candidates import Given, losses_of
from ._inputs import default_rows
from ._membership_words import summary
from ._returns import NEAREST, as_returned, return_rates
from ._roc import Scored, auc_difference
from .retention import choose_features

WHOLE, BEST, WEIGHTED, BASELINE = "whole curve", "best level", "weighted", "baseline"
FALSE_POSITIVES = 0.01

_RIDGE = 0.1
"""Share of the mean variance that is added to each level's, so that few samples give no wild weights."""


@dataclasses.dataclass(frozen=True, repr=False)
class MembershipReport:
    """How well return rates tell members from others; `summary()` says it in words.

    Attributes:
        statistics: over `statistic` ("whole curve", the mean of the return rate over levels; "best
            level", one level chosen on the other folds; "weighted", a linear combination of levels
            fitted on the other folds; "baseline", the loss, if given): `auc` with `low`, `high`; `tpr`
            at 1 % false positives with `tpr_low`, `tpr_high`; `false_positives` that the thresholds
            let through, `fpr_high` the upper limit of their true rate, and `tpr_status`; with a
            baseline `difference` of the AUC from its, with `difference_low`, `difference_high`.
        levels: over `level`: `members`, `non_members`, their mean return rates, and `auc` with `low`,
            `high` of each level alone.
        scores: over `sample` (members first): `member`, `fold`, `rate` at each level, and `score` of
            each statistic, higher for members.
        roc: for each statistic the ROC curve, `(P, 2)` false- and true-positive rates.
        settings: confidence, seed, folds, the levels chosen and weights fitted in each fold, what
            counts as a return, and the index set.
    """

    statistics: xr.Dataset
    levels: xr.Dataset
    scores: xr.Dataset
    roc: dict[str, np.ndarray]
    settings: dict[str, Any]

    def summary(self) -> str:
        """Return what was found and what it cannot show, in plain words."""
        return summary(self)

    def svg(self, *, theme: str = "light", title: str | None = None, width: float = 960) -> str:
        """Return the picture: return rates by level, and ROC curves.

        Args:
            theme: "light" or "dark".
            title: heading.
            width: in pixels, at least 320.

        Raises:
            ValueError: an unknown theme, or a width below 320.
        """
        from ..export.svg_membership import membership_svg

        return membership_svg(self, self.summary(), theme=theme, title=title, width=width)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from ..export.still import report_bundle

        return report_bundle(lambda theme: self.svg(theme=theme), self.summary())

    def __repr__(self) -> str:
        told = ", ".join(f"{name} {auc:.3f}" for name, auc in self.aucs.items())
        return f"MembershipReport(AUC: {told}; print(report.summary()) says more)"

    @property
    def aucs(self) -> dict[str, float]:
        """The AUC of each statistic."""
        return {
            str(one): float(self.statistics["auc"].sel(statistic=one)) for one in self.statistics["statistic"].values
        }


def membership(
    study: Any,
    members: Any,
    non_members: Any,
    *,
    returns: Any = None,
    baseline: Any = None,
    levels: Any = None,
    repeats: int | None = None,
    folds: int = 2,
    confidence: float = 0.95,
    seed: int = 0,
    progress: bool = True,
) -> MembershipReport:
    """Return how well return rates tell training samples from others, against the loss as a baseline.

    A sample that a model has memorised has a window of its own: noised and denoised it comes back,
    where others end up elsewhere. Whatever is chosen or fitted (the best level, the weights) is so on
    other folds than it is judged on.

    Args:
        study: a study; its process, levels and repeats are used. Sources of it need its `results` only.
        members: samples that the model was trained on; or sources of the study, by id or mask.
        non_members: samples of the same kind that it was not trained on; given like `members`.
        returns: what counts as coming back: "nearest", nearer to itself than to any other of these
            samples; a number, within that distance; a callable `(x, returned) -> (B,)` of booleans or
            numbers, higher for closer; "features", all features keep their value. `None` is "features" for sources
            of the study, otherwise "nearest".
        baseline: `loss(samples) -> (B,)`, lower for members, such as a model's denoising loss or minus
            a mixture's `log_prob`; or the losses themselves, `(members, non_members)`.
        levels: noise levels; the study's when `None`.
        repeats: of each sample at each level; the study's when `None`.
        folds: parts of the samples that choose and judge in turn.
        confidence: of each interval alone.
        seed: of the folds and of the noise.
        progress: whether to show a bar.

    Raises:
        TypeError: an argument is not as above.
        ValueError: too few samples for the folds, a sample that is member and not, a loss that is not
            finite, or sources that the study does not have.
        RuntimeError: the model failed at every level.
    """
    check_eps(confidence, "confidence")
    check_count("seed", seed, 0)
    check_count("folds", folds, 2)
    given = Given.of(study, members, non_members)
    for name, count in (("members", given.counts[0]), ("non_members", given.counts[1])):
        if count < 2 * folds:
            raise ValueError(f"{name} must hold at least {2 * folds} samples for {folds} folds, not {count}")
    loss = losses_of(baseline, given)
    rates, used, settings = _rates(study, given, returns, levels, repeats, seed, progress)
    split = _split(given.counts, folds, seed)
    scored, chosen, weights = _statistics(rates, given.counts, split)
    if loss is not None:
        scored[BASELINE] = Scored.whole(-loss[: given.counts[0]], -loss[given.counts[0] :])
    settings |= {
        "confidence": confidence,
        "seed": seed,
        "folds": folds,
        "best_levels": [float(used[j]) for j in chosen],
        "weights": weights,
        "members": given.counts[0],
        "non_members": given.counts[1],
    }
    return MembershipReport(
        _table(scored, confidence),
        _level_table(rates, used, given.counts, confidence),
        _score_table(rates, used, scored, split, given.counts),
        {name: one.roc() for name, one in scored.items()},
        settings,
    )


def _rates(study: Any, given: Given, returns: Any, levels: Any, repeats: int | None, seed: int, progress: bool):
    """Return return rates `(m + n, L)`, the levels, and how they came about."""
    returns = ("features" if given.positions is not None else NEAREST) if returns is None else returns
    if given.positions is not None and isinstance(returns, str) and returns == "features":
        results = study if isinstance(study, xr.Dataset) else study.results
        return _kept(results, given.positions)
    process = None if isinstance(study, xr.Dataset) else getattr(study, "process", None)
    if process is None:
        raise TypeError(
            "study must be a study with its model: its results alone can't run samples; use returns='features'"
        )
    settings = study._settings
    used = np.asarray(settings.levels if levels is None else process.index.check_all(levels), np.float64)
    times = settings.repeats if repeats is None else check_count("repeats", repeats)
    if isinstance(returns, str) and returns == "features":
        from .study import ForwardReverseStudy  # which imports this module's function on use

        own = ForwardReverseStudy(
            process, given.samples, study.classifier, used, times, seed=seed, features=study._declared or None
        )
        return _kept(own.run(progress=progress).results, np.arange(sum(given.counts)))
    returned, told = as_returned(returns, given.samples)
    limit = Limit(default_rows(process, study.classifier))
    rates, errors = return_rates(
        process, given.samples, sum(given.counts), used.tolist(), times, seed, returned, limit, progress
    )
    there = ~np.isnan(rates).any(axis=0)
    record = {"name": process.index.name, "symbol": process.index.symbol, "whole": process.index.whole}
    return rates[:, there], used[there], {"returns": told, "repeats": times, "index": record, "errors": errors}


def _kept(results: xr.Dataset, positions: np.ndarray):
    """Return the share of repeats in which all features keep their value."""
    chosen = choose_features(results, None)
    one = results.isel(source=positions)
    outcome = one["outcome"].transpose("source", "level", "repeat", "feature").values
    original = one["original"].transpose("source", "feature").values
    known = np.all(original >= 0, axis=-1)
    there = np.all(outcome >= 0, axis=-1) & known[:, None, None]
    kept = there & np.all(outcome == original[:, None, None], axis=-1)
    trials = there.sum(-1)
    usable = (trials > 0).all(axis=0)
    if not usable.any():
        raise ValueError("the study has no level with outcomes of all these samples; run it, or leave failed ones out")
    rates = kept.sum(-1)[:, usable] / trials[:, usable]
    told = f"{' and '.join(chosen)} kept" if len(chosen) < 4 else f"all {len(chosen)} features kept"
    return (
        rates,
        one["level"].values[usable].astype(np.float64),
        {
            "returns": told,
            "repeats": results.sizes["repeat"],
            "index": json.loads(results.attrs["index"]),
            "errors": {float(level): "not all samples have outcomes" for level in one["level"].values[~usable]},
        },
    )


def _split(counts: tuple[int, int], folds: int, seed: int) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Return folds with as many members, and non-members, each (or one more)."""
    rng = np.random.default_rng([seed, 0xF01D])
    parts = [np.array_split(rng.permutation(count), folds) for count in counts]
    return tuple((np.sort(own), np.sort(others)) for own, others in zip(*parts, strict=True))


def _statistics(rates: np.ndarray, counts: tuple[int, int], split) -> tuple[dict[str, Scored], list[int], list]:
    """Return the scores of the three statistics, the level chosen and the weights fitted in each fold."""
    own, others = rates[: counts[0]], rates[counts[0] :]
    scores = {name: (np.empty(counts[0]), np.empty(counts[1])) for name in (BEST, WEIGHTED)}
    chosen, weights = [], []
    for inside, outside in split:
        fit = np.delete(own, inside, axis=0), np.delete(others, outside, axis=0)
        best = int(np.argmax([Scored.whole(fit[0][:, j], fit[1][:, j]).auc for j in range(rates.shape[1])]))
        line = discriminant(*fit)
        chosen.append(best)
        weights.append(line.tolist())
        for name, score in ((BEST, lambda x, best=best: x[:, best]), (WEIGHTED, lambda x, line=line: x @ line)):
            scores[name][0][inside], scores[name][1][outside] = score(own[inside]), score(others[outside])
    found = {WHOLE: Scored.whole(own.mean(axis=1), others.mean(axis=1))}
    return found | {name: Scored(*sides, split) for name, sides in scores.items()}, chosen, weights


def discriminant(own: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return Fisher's linear discriminant of return rates `(B, L)`, with a ridge, `(L,)` of length 1."""
    rest = np.concatenate([own - own.mean(0), others - others.mean(0)])
    spread = rest.T @ rest / len(rest)
    size = max(float(np.trace(spread)) / len(spread), 1e-12)
    line = np.linalg.solve(spread + _RIDGE * size * np.eye(len(spread)), own.mean(0) - others.mean(0))
    length = float(np.linalg.norm(line))
    return line / length if length > 0 else np.full(len(line), len(line) ** -0.5)


def _table(scored: dict[str, Scored], confidence: float) -> xr.Dataset:
    rows = []
    for one in scored.values():
        low, high = one.interval(confidence)
        smallest = min(len(others) for _, others in one.folds)
        status = "found" if smallest * FALSE_POSITIVES >= 1 - 1e-9 else "few non-members"
        rows.append({"auc": one.auc, "low": low, "high": high, "tpr_status": status})
        rows[-1] |= one.at_false_positives(FALSE_POSITIVES, confidence)
        if BASELINE in scored:
            names = ("difference", "difference_low", "difference_high")
            rows[-1] |= dict(zip(names, auc_difference(one, scored[BASELINE], confidence), strict=True))
    if BASELINE in scored:
        rows[-1] |= {"difference": 0.0, "difference_low": 0.0, "difference_high": 0.0}
    return xr.Dataset(
        {name: ("statistic", np.array([row[name] for row in rows])) for name in rows[0]},
        coords={"statistic": list(scored)},
        attrs={
            "confidence": confidence,
            "interval": "score interval from Hanley and McNeil's variance (Newcombe 2006, method 5)",
            "difference_interval": "from the single limits with DeLong's correlation (Zou and Donner 2008)",
        },
    )


def _level_table(rates: np.ndarray, levels: np.ndarray, counts: tuple[int, int], confidence: float) -> xr.Dataset:
    own, others = rates[: counts[0]], rates[counts[0] :]
    each = [Scored.whole(own[:, j], others[:, j]) for j in range(len(levels))]
    limits = [one.interval(confidence) for one in each]
    columns = {
        "members": own.mean(0),
        "non_members": others.mean(0),
        "members_error": own.std(0, ddof=1) / np.sqrt(len(own)),
        "non_members_error": others.std(0, ddof=1) / np.sqrt(len(others)),
        "auc": [one.auc for one in each],
        "low": [low for low, _ in limits],
        "high": [high for _, high in limits],
    }
    return xr.Dataset(
        {name: ("level", np.asarray(column)) for name, column in columns.items()}, coords={"level": levels}
    )


def _score_table(rates, levels, scored: dict[str, Scored], split, counts: tuple[int, int]) -> xr.Dataset:
    fold = np.empty(sum(counts), np.int64)
    for k, (inside, outside) in enumerate(split):
        fold[inside], fold[counts[0] + outside] = k, k
    return xr.Dataset(
        {
            "rate": (("sample", "level"), rates),
            "score": (
                ("statistic", "sample"),
                np.stack([np.concatenate([one.members, one.non_members]) for one in scored.values()]),
            ),
            "member": ("sample", np.arange(sum(counts)) < counts[0]),
            "fold": ("sample", fold),
        },
        coords={"level": levels, "statistic": list(scored)},
    )
