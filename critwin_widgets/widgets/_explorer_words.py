"""The table under `Explorer`: when each feature is decided, and how far its values are vertices."""

from __future__ import annotations

from html import escape

import numpy as np

from critwin_widgets.theory import MixtureTree

_CELL = "padding:1px 16px 1px 0;text-align:left"
_TIMES = (
    ("feature", "in the order in which generation decides them"),
    ("half decided at t", "time at which half of what can be known about the feature is decided"),
    ("interval (95 %)", "where that time lies, by the sampling error of the estimate"),
    ("while it is decided, t", "from 5 % to 95 % decided, in the order of generation"),
    ("known by", "exact, certified or estimated"),
)
_VALUES = (
    ("value", "of the chosen feature"),
    ("weight", "probability of the value"),
    ("as a part of the tree", "whether the components with this value are one branch"),
    ("plateau", "times at which this value is decided and nothing more, at this ε"),
)


def feature_table(tree: MixtureTree, feature: str) -> str:
    """An HTML table, every label escaped: all features' times, or one feature's values.

    Args:
        tree: The tree at the current ε.
        feature: A feature of the mixture; empty for the overview of all.
    """
    if tree.mixture.n_components == 1:
        return "<small>One component: there is nothing to decide.</small>"
    lines = [_head(_TIMES)]
    method = str(tree.features.attrs.get("method", "estimated"))
    for name in _by_time(tree):
        lines.append(_row([name, *_times(tree, name), method], strong=name == feature))
    table = _table(lines)
    if not feature:
        return table
    return table + _table([_head(_VALUES), *_values(tree, feature)])


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


def _row(cells: list[str], *, strong: bool = False) -> str:
    weight = ";font-weight:bold" if strong else ""
    return "<tr>" + "".join(f'<td style="{_CELL}{weight}">{escape(cell)}</td>' for cell in cells) + "</tr>"


def _head(columns: tuple[tuple[str, str], ...]) -> str:
    cells = (f'<th style="{_CELL}" title="{escape(about)}">{escape(name)}</th>' for name, about in columns)
    return f"<tr>{''.join(cells)}</tr>"


def _table(rows: list[str]) -> str:
    return f'<table style="font-size:90%;line-height:1.5;margin:4px 0">{"".join(rows)}</table>'
