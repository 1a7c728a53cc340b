"""Sentences that go with the pictures."""

from typing import Any

import numpy as np

from ._tree_view import TreeView


def certified_words(tree: Any, view: TreeView) -> str:
    """One line on what is certified at the tree's ε, or from which ε on something would be."""
    if len(view.labels) == 1:
        return "One component: there is nothing to decide."
    inside = [i for i in view.plateaus if i != 0]
    if inside:
        found = f"{len(view.plateaus)} of {len(view.subsets)} vertices are certified at ε = {tree.eps:g}"
        return f"{found}, marked by brackets. Gaps and colours: decided fraction. Stream width: weight."
    return f"{none_certified(tree)} Gaps and colours: decided fraction. Stream width: weight."


def dendrogram_words(tree: Any, view: TreeView) -> str:
    """One line on the node-link drawing."""
    if len(view.labels) == 1:
        return "One component: there is nothing to decide."
    if len(view.plateaus) <= 1:
        return none_certified(tree)
    return (
        f"{len(view.plateaus)} of {len(view.subsets)} vertices are certified at ε = {tree.eps:g}. Bars: plateaus, "
        "decided and nothing more. Links: critical windows. Dashed: not told apart at this ε."
    )


def none_certified(tree: Any) -> str:
    """Says that nothing is certified, and from which ε on something would be."""
    later = [float(v.eps_star.value) for v in tree.vertices[1:] if v.eps_star.value < 1]
    first = f"; the first appears at ε = {min(later):.2g}" if later else ""
    return f"No plateau is certified at ε = {tree.eps:g}{first}."


def alternative_text(tree: Any, view: TreeView) -> str:
    """A description of the picture for readers who do not see it."""
    count = len(view.labels)
    if count == 1:
        return f"One component, {view.labels[0]}: there is nothing to decide."
    text = [f"{count} components, decided in {sum(1 for c in view.children if c)} splits from noise to data."]
    names = [str(name) for name in np.asarray(tree.features["feature"].values)]
    halves = np.asarray(tree.features["half_time"], dtype=np.float64).ravel()
    known = [(h, n) for h, n in zip(halves, names, strict=True) if np.isfinite(h)]
    if known:
        told = ", ".join(f"{name} at {_level(tree, half)}" for half, name in sorted(known, reverse=True))
        text.append(f"Half-way decided: {told}.")
    splits = sorted(
        ((float(view.half[i]), view.names[i]) for i in range(len(view.names)) if np.isfinite(view.half[i])),
        reverse=True,
    )
    told = "; ".join(f"{name} parts at {_level(tree, half)}" for half, name in splits[:12])
    if told:
        text.append(told + ".")
    text.append(certified_words(tree, view))
    return " ".join(text)


def _level(tree: Any, value: float) -> str:
    index = tree.index
    return f"{index.symbol} = {value:.0f}" if index.whole else f"{index.symbol} = {value:.2f}"
