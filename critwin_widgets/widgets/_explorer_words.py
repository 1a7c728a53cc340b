"""The table under `Explorer`: when each feature is decided, and how far its values are vertices."""

from __future__ import annotations

from html import escape

import numpy as np

from critwin_widgets.theory import MixtureTree

_CELL = "padding:1px 12px 1px 0;text-align:left"


def feature_table(tree: MixtureTree, feature: str) -> str:
    """An HTML table, every label escaped: all features' times, or one feature's values.

    Args:
        tree: The tree at the current ε.
        feature: A feature of the mixture; empty for the overview of all.
    """
    if tree.mixture.n_components == 1:
        return "<small>One component: there is nothing to decide.</small>"
    lines = [_row(["feature", "half decided at t", "95 % interval", "5 % … 95 % decided", "known by"], "th")]
    method = str(tree.features.attrs.get("method", "estimated"))
    for name in _by_time(tree):
        lines.append(_row([name, *_times(tree, name), method], strong=name == feature))
    table = _table(lines)
    if not feature:
        return table
    return table + _table(
        [_row(["value", "weight", "as a part of the tree", "plateau"], "th"), *_values(tree, feature)]
    )


def _values(tree: MixtureTree, feature: str) -> list[str]:
    mixture = tree.mixture
    labels = mixture.features[feature]
    rows = []
    for value in dict.fromkeys(labels):
        subset = tuple(k for k, label in enumerate(labels) if label == value)
        weight = float(np.asarray(mixture.weights)[list(subset)].sum())
        vertex = next((v for v in tree.vertices if tuple(v.subset) == subset), None)
        if vertex is None:
            part, plateau = f"not one branch: {len(subset)} components in several", "–"
        elif vertex.certificate == "none":
            part = (
                "a branch"
                if np.isinf(vertex.eps_star.value)
                else f"a branch, certified from ε = {vertex.eps_star.value:.2g}"
            )
            plateau = "none at this ε"
        else:
            part = f"certified ({vertex.certificate})"
            plateau = f"t = {vertex.plateau_end.value:.2f} … {vertex.plateau_start.value:.2f}"
        rows.append(_row([value, f"{weight:.2f}", part, plateau]))
    return rows


def _by_time(tree: MixtureTree) -> list[str]:
    names = [str(name) for name in tree.features["feature"].values]
    halves = np.nan_to_num(np.asarray(tree.features["half_time"], dtype=float), nan=-1.0)
    return [names[j] for j in np.argsort(-halves, kind="stable")]


def _times(tree: MixtureTree, name: str) -> list[str]:
    one = tree.features.sel(feature=name)
    half, low, high, start, end = (
        float(one[key]) for key in ("half_time", "half_low", "half_high", "decision_start", "decision_end")
    )
    return [_number(half), f"{_number(low)} … {_number(high)}", f"{_number(start)} … {_number(end)}"]


def _number(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else "–"


def _row(cells: list[str], kind: str = "td", *, strong: bool = False) -> str:
    weight = ";font-weight:bold" if strong else ""
    return "<tr>" + "".join(f'<{kind} style="{_CELL}{weight}">{escape(cell)}</{kind}>' for cell in cells) + "</tr>"


def _table(rows: list[str]) -> str:
    return f'<table style="font-size:90%;line-height:1.5;margin:4px 0">{"".join(rows)}</table>'
