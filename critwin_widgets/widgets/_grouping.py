"""A tree with siblings put in the order of a feature's values: the same tree, drawn another way."""

from __future__ import annotations

import dataclasses

import numpy as np

from critwin_widgets.theory import MixtureTree


def grouped_by(tree: MixtureTree, feature: str) -> MixtureTree:
    """Return the tree with every vertex's children ordered by a feature.

    Children are placed by the average position of their components' values, so that like values lie
    together as far as the tree allows. Nothing is recomputed.

    Args:
        tree: The tree.
        feature: One of its mixture's features.

    Raises:
        ValueError: The mixture has no such feature.
    """
    features = dict(tree.mixture.features)
    if feature not in features:
        known = ", ".join(map(repr, features)) or "none"
        raise ValueError(f"feature is {feature!r}; the mixture's features are {known}")
    values = features[feature]
    place = {value: i for i, value in enumerate(dict.fromkeys(values))}
    weights = np.asarray(tree.mixture.weights)

    def position(vertex: int) -> float:
        subset = list(tree.vertices[vertex].subset)
        return float(np.average([place[values[k]] for k in subset], weights=weights[subset]))

    order: list[int] = []
    pending = [0]
    while pending:
        vertex = pending.pop()
        order.append(vertex)
        children = sorted(tree.vertices[vertex].children, key=lambda child: (position(child), child))
        pending.extend(reversed(children))  # the first child is drawn, and so visited, first
    return _renumbered(tree, order)


def _renumbered(tree: MixtureTree, order: list[int]) -> MixtureTree:
    """The tree with vertices in another preorder: ``order`` lists the old ids."""
    new = {old: i for i, old in enumerate(order)}
    vertices = tuple(
        dataclasses.replace(
            tree.vertices[old],
            id=new[old],
            parent=None if (parent := tree.vertices[old].parent) is None else new[parent],
            children=tuple(sorted(new[child] for child in tree.vertices[old].children)),
        )
        for old in order
    )
    curves = tree.curves.isel(vertex=order).assign_coords(vertex=np.arange(len(order)))
    return dataclasses.replace(tree, vertices=vertices, curves=curves)
