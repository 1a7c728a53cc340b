"""A tree as text, table, nested records, graph and Newick string."""

import math
from typing import TYPE_CHECKING, Any

from ..engine.processes import IndexSet
from ._labels import added_words
from .times import Time

if TYPE_CHECKING:
    import networkx as nx

    from .tree import MixtureTree
    from .vertex import Vertex


_WIDTH = 46
"""Characters of the first column of the text table."""


def rows(tree: "MixtureTree") -> list[dict[str, Any]]:
    """Return one record per split of the soft tree, in order of generation (latest time first)."""
    found = [_row(tree, v) for v in tree.vertices if v.children]
    return sorted(found, key=lambda row: -row["half_time"] if row["half_time"] is not None else 1.0)


def _row(tree: "MixtureTree", vertex: "Vertex") -> dict[str, Any]:
    half = vertex.half_time
    assert half is not None, "a vertex with children has a split"
    interval = vertex.decision_interval or (math.nan, math.nan)
    return {
        "vertex": vertex.label,
        "into": [tree.vertices[c].label for c in vertex.children],
        "half_time": _number(half.value),
        "half_low": _number(half.low),
        "half_high": _number(half.high),
        "decided_95": _number(interval[0]),
        "decided_5": _number(interval[1]),
        "method": half.method,
        "eps_star": _number(vertex.eps_star.value),
        "certificate": vertex.certificate,
        "sharp_bound": _number(vertex.sharp_bound.value),
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def text(tree: "MixtureTree") -> str:
    """Return a plain-text decision table: features, splits, and the certified vertices at eps."""
    mixture = tree.mixture
    count = mixture.n_components
    plural = "s" if count > 1 else ""
    unit = f"{tree.index.name} {tree.index.symbol}"
    lines = [f"Decisions of {count} component{plural}, in {unit} (noise to data: large to small)"]
    if mixture.n_components == 1:
        return lines[0] + "\none component: there is nothing to decide"
    lines += _feature_lines(tree)
    lines += ["", _head("split", tree.index)]
    for row in rows(tree):
        into = " | ".join(added_words(child, row["vertex"]) for child in row["into"])
        lines.append(f"{_fit(row['vertex'] + ' → ' + into, _WIDTH)} {_half(row, tree.index)}  {_span(row, tree.index)}")
    return "\n".join([*lines, "", *_certified_lines(tree)])


def _head(first: str, index: IndexSet) -> str:
    return f"{first.ljust(_WIDTH)} half-way {index.symbol} (95 %)         5 % … 95 % decided"


def _fit(words: str, width: int) -> str:
    return words.ljust(width) if len(words) <= width else words[: width - 1] + "…"


def _half(row: dict[str, Any], index: IndexSet) -> str:
    if row["half_time"] is None:
        return "never half decided      "
    if row["method"] == "exact":
        return f"{number_words(index, row['half_time']):>6} (exact)          "
    low, high = (row[k] if row[k] is not None else math.nan for k in ("half_low", "half_high"))
    value, low, high = (number_words(index, x) for x in (row["half_time"], low, high))
    return f"{value:>6} [{low}, {high}]  "


def _span(row: dict[str, Any], index: IndexSet) -> str:
    late, early = (number_words(index, row[k]) if row[k] is not None else "–" for k in ("decided_5", "decided_95"))
    return f"{late} … {early}"


def _feature_lines(tree: "MixtureTree") -> list[str]:
    lines = [_head("feature", tree.index)]
    found = tree.features.sortby("half_time", ascending=False)
    for name in found["feature"].values:
        one = found.sel(feature=name)
        keys = {
            "half_time": "half_time",
            "half_low": "half_low",
            "half_high": "half_high",
            "decided_5": "decision_start",
            "decided_95": "decision_end",
        }
        row = {key: _number(float(one[source])) for key, source in keys.items()} | {"method": found.attrs["method"]}
        if float(one["chance"]) >= 1 - 1e-12:
            lines.append(f"{_fit(str(name), _WIDTH)} one value only: nothing to decide")
        else:
            lines.append(f"{_fit(str(name), _WIDTH)} {_half(row, tree.index)}  {_span(row, tree.index)}")
    return lines


def _certified_lines(tree: "MixtureTree") -> list[str]:
    nodes = tree.nodes
    if len(nodes) == 1:
        later = [v for v in tree.vertices[1:] if v.eps_star.value < 1]
        best = min(later, key=lambda v: v.eps_star.value, default=None)
        hint = f"; the first appears at eps = {best.eps_star.value:.3g} ({best.label})" if best else ""
        return [f"No sub-mixture has a plateau at eps = {tree.eps:g}{hint}."]
    lines = [
        f"At eps = {tree.eps:g} the certified tree has {len(nodes)} vertices (plateau T_end … T_start, how known):"
    ]
    depth = {nodes[0].id: 0}
    for vertex in nodes:
        depth[vertex.id] = depth.get(vertex.id, depth.get(vertex.parent or 0, 0) + 1)
        start = "∞" if math.isinf(vertex.plateau_start.value) else number_words(tree.index, vertex.plateau_start.value)
        remark = ""
        if not vertex.children and len(vertex.subset) > 1:
            remark = f"; a leaf of {len(vertex.subset)}: its components are not separated at this eps"
        indent = "  " * depth[vertex.id]
        plateau = f"{number_words(tree.index, vertex.plateau_end.value)} … {start}"
        lines.append(f"{indent}{vertex.label}: {plateau} ({vertex.certificate}{remark})")
    if not tree.unique:
        lines.append("Weights are too unequal at this eps for theory to guarantee that no finer tree exists.")
    return lines


def nested(tree: "MixtureTree") -> dict[str, Any]:
    """Return the strict tree as nested plain records."""
    by_id = {v.id: v for v in tree.nodes}

    def record(vertex: "Vertex") -> dict[str, Any]:
        return {
            "label": vertex.label,
            "components": [tree.mixture.labels[k] for k in vertex.subset],
            "weight": vertex.weight,
            "t_end": _time(vertex.plateau_end),
            "t_start": _time(vertex.plateau_start),
            "eps_star": vertex.eps_star.value,
            "certificate": vertex.certificate,
            "children": [record(by_id[c]) for c in vertex.children],
        }

    return {
        "eps": tree.eps,
        "seed": tree.seed,
        "n": tree.n,
        "unique": tree.unique,
        "time_units": tree.index.name,
        "root": record(tree.nodes[0]),
    }


def _time(time: Time) -> dict[str, Any]:
    # JSON has no infinity: the whole mixture's start is null with its status beside it.
    ends = (x if math.isfinite(x) else None for x in (time.value, time.low, time.high))
    return dict(zip(("value", "low", "high"), ends, strict=True)) | {"status": time.status, "method": time.method}


def graph(tree: "MixtureTree") -> "nx.DiGraph":
    """Return the strict tree as a directed graph with vertex and window attributes."""
    # A quarter of a second that a tree without a graph need not wait for.
    import networkx as nx

    found = nx.DiGraph(eps=tree.eps, time_units=tree.index.name)
    for vertex in tree.nodes:
        found.add_node(
            vertex.id,
            label=vertex.label,
            subset=vertex.subset,
            weight=vertex.weight,
            t_end=vertex.plateau_end.value,
            t_start=vertex.plateau_start.value,
            eps_star=vertex.eps_star.value,
            certificate=vertex.certificate,
        )
    for vertex, window in zip(tree.nodes[1:], tree.windows, strict=True):
        found.add_edge(vertex.parent, vertex.id, t_after=window.t_after.value, t_before=window.t_before.value)
    return found


def number_words(index: IndexSet, level: float) -> str:
    """Return a level as text: whole numbers as such, others to three decimals."""
    return f"{level:.0f}" if index.whole else f"{level:.3f}"


def newick(tree: "MixtureTree") -> str:
    """Return Newick notation with quoted labels and branch lengths in the tree's unit of time."""
    by_id = {v.id: v for v in tree.nodes}

    def write(vertex: "Vertex", above: float | None) -> str:
        inner = ",".join(write(by_id[c], vertex.plateau_end.value) for c in vertex.children)
        quoted = "'" + vertex.label.replace("'", "''") + "'"
        length = "" if above is None else f":{max(above - vertex.plateau_end.value, 0.0):.6g}"
        return f"({inner}){quoted}{length}" if inner else f"{quoted}{length}"

    return write(tree.nodes[0], None) + ";"
