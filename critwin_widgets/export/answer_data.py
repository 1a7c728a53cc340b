"""What a picture of answers shows: for each source how often its answer stays, and what is written at a jump."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr


@dataclass(frozen=True)
class Jump:
    """A critical window by LKC25's rule: between two levels in a row, retention changes by more than a half.

    Attributes:
        kept_from, kept_to: share of the sample that is kept, on either side.
        before, after: retention there.
        text: what a generation says between the two; empty where it is not known.
    """

    kept_from: float
    kept_to: float
    before: float
    after: float
    text: str = ""

    @property
    def size(self) -> float:
        """How much retention changes."""
        return self.after - self.before


@dataclass(frozen=True)
class AnswerCurve:
    """One source: how often the answer stays the same, against the share that is kept.

    Attributes:
        title: its name.
        answer: the answer of the source itself.
        kept: increasing shares from 0 to 1, `(L,)`.
        retention, low, high: proportion of the same answer with its interval, NaN without outcomes, `(L,)`.
        trials: repeats, `(L,)`.
        chance: retention when nothing is kept and questions do not differ.
        jumps: its critical windows, from nothing kept on.
        text: the whole generation, or empty.
        ends: how many characters of it are kept, `(L,)`.
    """

    title: str
    answer: str
    kept: np.ndarray
    retention: np.ndarray
    low: np.ndarray
    high: np.ndarray
    trials: np.ndarray
    chance: float
    jumps: tuple[Jump, ...] = ()
    text: str = ""
    ends: tuple[int, ...] = ()


@dataclass(frozen=True)
class AnswerData:
    """The curves of some sources.

    Attributes:
        feature: what is compared.
        unit: what is kept, such as "fraction" or "tokens".
        whole: how many units all of them are: 1 for a fraction.
        jump: change of retention that counts as a critical window.
        curves: one for each source.
    """

    feature: str
    unit: str
    whole: float
    jump: float
    curves: tuple[AnswerCurve, ...]

    def show(self, kept: float) -> str:
        """A share that is kept in words: "40 %" or "8 of 20"."""
        return f"{100 * kept:.3g} %" if self.whole == 1 else f"{kept * self.whole:.4g} of {self.whole:g}"


def answer_data(
    retention: xr.Dataset,
    results: xr.Dataset,
    *,
    feature: str,
    jump: float,
    titles: Sequence[str] | None = None,
    texts: Callable[[float], Sequence[str]] | None = None,
) -> AnswerData:
    """Read the curves of all sources from a study's datasets.

    Args:
        retention: of the feature by source, over `(group, level)`.
        results: of the study.
        feature: its name.
        jump: change of retention that counts as a critical window.
        titles: name of each source; "source 0" and so on when `None`.
        texts: what a level leaves of the text of each source; no text when `None`.

    Raises:
        ValueError: the levels have no end at which everything is lost, or titles do not fit.
    """
    index = json.loads(results.attrs["index"])
    clean, noise = float(index["clean"]), float(index["noise"])
    if not math.isfinite(noise):
        raise ValueError(f"answer curves show what share is kept, but {index['name']} has no end at which all is lost")
    ids = [str(value) for value in results["source"].values]
    if titles is not None and len(titles) != len(ids):
        raise ValueError(f"titles must name each of {len(ids)} sources, not {len(titles)}")
    levels = np.asarray(results["level"].values, np.float64)[::-1]  # from nothing kept on
    kept = (noise - levels) / (noise - clean)
    whole = texts(clean) if texts is not None else [""] * len(ids)
    parts = [texts(level) for level in levels] if texts is not None else []
    values = json.loads(results.attrs["values"])[feature]
    codes = results["original"].sel(feature=feature).values
    curves = []
    for i, name in enumerate(ids):
        own = retention.sel(group=name)
        share, low, high, trials = (own[key].values[::-1] for key in ("retention", "low", "high", "trials"))
        ends = tuple(common_start(part[i], whole[i]) for part in parts)
        answer = values[codes[i]] if codes[i] >= 0 else ""
        title = f"source {name}" if titles is None else str(titles[i])
        curves.append(
            AnswerCurve(
                title,
                str(answer),
                kept,
                share,
                low,
                high,
                trials,
                float(own["chance"]),
                jumps_of(kept, share, jump, whole[i], ends),
                whole[i],
                ends,
            )
        )
    unit = "fraction" if not index.get("whole") and noise - clean == 1 else index["name"].split()[0]
    return AnswerData(feature, unit, 1 if unit == "fraction" else noise - clean, jump, tuple(curves))


def jumps_of(kept: np.ndarray, share: np.ndarray, jump: float, text: str, ends: Sequence[int]) -> tuple[Jump, ...]:
    """The places where retention rises by more than `jump` from one share kept to the next."""
    found = []
    for i in range(len(kept) - 1):
        if share[i + 1] - share[i] > jump:  # false where one of them is NaN
            said = text[ends[i] : ends[i + 1]] if ends else ""
            found.append(Jump(float(kept[i]), float(kept[i + 1]), float(share[i]), float(share[i + 1]), said))
    return tuple(found)


def common_start(part: str, whole: str) -> int:
    """How many characters two texts share from their beginning."""
    if whole.startswith(part):
        return len(part)
    # Half of a character of several bytes is shown as a replacement, which the whole text does not have.
    return next((i for i, (a, b) in enumerate(zip(part, whole, strict=False)) if a != b), min(len(part), len(whole)))


def answer_words(data: AnswerData) -> str:
    """What the curves say, in one paragraph."""
    count = len(data.curves)
    with_jump = [curve for curve in data.curves if curve.jumps]
    text = (
        f"Probability that the {data.feature} stays the same when the rest is written anew, for "
        f"{count} source{'' if count == 1 else 's'}; bands are intervals. "
    )
    if not with_jump:
        return text + f"No critical window: no change by more than {data.jump:g} from one share kept to the next."
    told = "; ".join(
        f"{curve.title} from {data.show(jump.kept_from)} to {data.show(jump.kept_to)} kept"
        for curve in with_jump
        for jump in curve.jumps
    )
    return text + f"Shaded and numbered: critical windows, where it changes by more than {data.jump:g}: {told}."


def answer_rows(data: AnswerData) -> list[dict[str, Any]]:
    """One record for each source and share kept, and the window that starts there."""
    rows = []
    for curve in data.curves:
        starts = {jump.kept_from: jump for jump in curve.jumps}
        for i, kept in enumerate(curve.kept.tolist()):
            jump = starts.get(kept)
            row = {"source": curve.title, data.feature: curve.answer, "kept": data.show(kept)}
            row |= {key: float(getattr(curve, key)[i]) for key in ("retention", "low", "high")}
            row |= {"trials": int(curve.trials[i]), "window": "" if jump is None else f"to {data.show(jump.kept_to)}"}
            rows.append(row | {"written there": "" if jump is None else jump.text.strip()})
    return rows
