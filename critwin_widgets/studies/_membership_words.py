"""A membership report in plain words, with what it cannot show."""

from typing import TYPE_CHECKING, Any

import numpy as np

from ._roc import ENOUGH

if TYPE_CHECKING:
    from .membership import MembershipReport


def summary(report: "MembershipReport") -> str:
    """Return the report as paragraphs: what was done, what was found, what cannot be said."""
    return "\n\n".join([_head(report), _found(report), _few(report), _limits(report)])


def _head(report: "MembershipReport") -> str:
    settings, levels = report.settings, report.levels
    index, where = settings["index"], report.levels["level"].values
    text = (
        f"Membership of {settings['members']} members against {settings['non_members']} non-members: each noised to "
        f"{len(where)} level{'s' if len(where) != 1 else ''} ({index['name']}, {index['symbol']} = {where[0]:.3g} to "
        f"{where[-1]:.3g}), denoised {settings['repeats']} times, and back if {settings['returns']}."
    )
    widest = int(np.argmax(np.abs((levels["members"] - levels["non_members"]).values)))
    own, other = (100 * float(levels[name][widest]) for name in ("members", "non_members"))
    text += (
        f" Return rates differ most at {index['symbol']} = {where[widest]:.3g}: "
        f"{own:.3g} % of members' repeats and {other:.3g} % of non-members' came back."
    )
    if settings["errors"]:
        failed = ", ".join(f"{level:.3g} ({reason})" for level, reason in settings["errors"].items())
        text += f" Left out: {index['symbol']} = {failed}."
    return text


def _found(report: "MembershipReport") -> str:
    sure = f"{100 * report.settings['confidence']:g} %"
    lines = [f"Area under the ROC curve (AUC: 1/2 is guessing, 1 is certainty; {sure} intervals, each alone):"]
    symbol = report.settings["index"]["symbol"]
    chosen = ", ".join(f"{level:.3g}" for level in dict.fromkeys(report.settings["best_levels"]))
    how = {
        "whole curve": "mean of the return rate over all levels",
        "best level": f"chosen on other folds: {symbol} = {chosen}",
        "weighted": "levels weighted as fitted on other folds",
        "baseline": "the loss",
    }
    for one in _rows(report):
        name = one["statistic"].item()
        text = f"- {name} ({how[name]}): {one['auc'].item():.3f} {_between(one, 'low', 'high')}"
        lines.append(f"{text}: {_verdict(one)}{_against(one, name)}.")
    return "\n".join(lines)


def _verdict(one: Any) -> str:
    if one["low"].item() > 0.5:
        return "better than guessing"
    if one["high"].item() < 0.5:
        return "worse than guessing: non-members come out ahead"
    return "not told apart from guessing"


def _against(one: Any, name: str) -> str:
    if name == "baseline" or "difference" not in one:
        return ""
    gap, low, high = (one[f"difference{side}"].item() for side in ("", "_low", "_high"))
    verdict = "better than" if low > 0 else "worse than" if high < 0 else "not told apart from"
    shown = f"{gap:+.3f} [{low:+.3f}, {high:+.3f}]".replace("-", "−")
    return f"; {verdict} the baseline ({shown})"


def _few(report: "MembershipReport") -> str:
    lines = ["Members found when one per cent of non-members may be taken for members:"]
    others = report.settings["non_members"]
    for one in _rows(report):
        shown = (
            f"{100 * one['tpr'].item():.3g} % [{100 * one['tpr_low'].item():.3g}, {100 * one['tpr_high'].item():.3g}]"
        )
        wrong = int(one["false_positives"].item())
        lines.append(
            f"- {one['statistic'].item()}: {shown}, with {wrong} of {others} non-members above the threshold; "
            f"the threshold's true false-positive rate may be up to {100 * one['fpr_high'].item():.2g} %"
            + (" (too few non-members to set one per cent: no false positive was allowed)." if _short(one) else ".")
        )
    if any(_short(one) for one in _rows(report)):
        lines.append(
            f"- One per cent can be set from {ENOUGH} non-members on (in each fold, where something is fitted). "
            "With fewer these numbers are for a stricter, badly known rate."
        )
    return "\n".join(lines)


def _short(one: Any) -> bool:
    return one["tpr_status"].item() != "found"


def _limits(report: "MembershipReport") -> str:
    return "\n".join(
        [
            "What this cannot show:",
            "- Privacy. A test that fails is one test: others may succeed, and few samples may be exposed while most "
            "are not.",
            "- Memory, when members and non-members differ in anything else. Non-members must be drawn as members "
            "were; else the AUC tells two kinds of samples apart.",
            "- Anything sure about a single sample. Rates are over samples like these "
            f"{report.settings['members'] + report.settings['non_members']}.",
            "- What holds for other settings, levels or numbers of repeats.",
        ]
    )


def _rows(report: "MembershipReport") -> list[Any]:
    return [report.statistics.isel(statistic=i) for i in range(report.statistics.sizes["statistic"])]


def _between(one: Any, low: str, high: str) -> str:
    return f"[{one[low].item():.3f}, {one[high].item():.3f}]"
