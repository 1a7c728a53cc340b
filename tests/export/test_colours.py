"""A vertex has one colour: that of the live river, of the static pictures and of its separation curve.

`colours.json` holds what the TypeScript hands out for a few trees; run this file to write it anew.
"""

import importlib.util
import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from critwin_widgets.export import colours
from critwin_widgets.export._theme import DARK, LIGHT
from critwin_widgets.export.colours import (
    contrast,
    feature_line,
    line_ink,
    text_on,
    to_hex,
    to_oklab,
    tree_colours,
)

JS = Path(__file__).parents[2] / "js"
SOURCE = (JS / "src" / "lib" / "colour.ts").read_text(encoding="utf-8")
TABLE = Path(__file__).parents[1] / "data" / "colours.json"


def chain(count):
    """Splits that take one leaf off at a time."""
    children, leaf_count = [], count
    while leaf_count > 1:
        here = len(children)
        children += [(here + 1, here + 2), ()]
        leaf_count -= 1
    return [*children, ()]


TREES = {
    "one": [()],
    "two": [(1, 2), (), ()],
    "scenes": [(1, 4), (2, 3), (), (), (5, 6), (), ()],
    "chain of five": chain(5),
    "star of thirty": [tuple(range(1, 31))] + [()] * 30,
    "uneven": [(1, 2, 9), (), (3, 6), (4, 5), (), (), (7, 8), (), (), ()],
}


def described(children):
    """A tree as both languages take it: children, places in the stacking order, and uneven weights."""
    spans, leaves = {}, 0

    def walk(vertex):
        nonlocal leaves
        if not children[vertex]:
            spans[vertex] = (leaves, leaves)
            leaves += 1
            return
        for kid in children[vertex]:
            walk(kid)
        spans[vertex] = (spans[children[vertex][0]][0], spans[children[vertex][-1]][1])

    walk(0)
    own = np.arange(1.0, leaves + 1.0) / np.arange(1.0, leaves + 1.0).sum()
    order = [spans[i] for i in range(len(children))]
    return {
        "children": [list(kids) for kids in children],
        "spans": [list(span) for span in order],
        "weights": [round(float(own[a : b + 1].sum()), 12) for a, b in order],
    }


def written_in(name):
    """The string literals of a constant in colour.ts, in their order."""
    body = re.search(rf"export const {name}\b|const {name}\b", SOURCE)
    assert body, f"colour.ts has no constant {name}"
    text = SOURCE[body.end() :]
    return re.findall(r'"([^"]*)"', text[: text.index(";")].split("=", 1)[1])


def computed_by_the_front_end():
    """Colours of `TREES` by the TypeScript itself, or None where there is no Node to run it."""
    spec = importlib.util.spec_from_file_location("front_end", JS / "front_end.py")
    front_end = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(front_end)
    try:
        _, environment = front_end.tools()
    except front_end.FrontEndError:
        return None
    esbuild = JS / "node_modules" / ".bin" / "esbuild"
    if not esbuild.exists():
        return None
    script = """
    import { readFileSync } from "node:fs";
    import { treeColours } from "./src/hierarchy_tree/layout";
    import { toHex } from "./src/lib/colour";
    const trees = JSON.parse(readFileSync(0, "utf8"));
    const out = {};
    for (const [name, { children, spans, weights }] of Object.entries(trees)) {
      const parents = children.map((_, i) => children.findIndex((kids) => kids.includes(i)));
      const heights = children.map(() => 0);
      for (let i = children.length - 1; i > 0; i--)
        heights[parents[i]] = Math.max(heights[parents[i]], heights[i] + 1);
      const vertices = children.map((kids, id) => ({
        id, parent: parents[id], children: kids, weight: weights[id],
        first: spans[id][0], last: spans[id][1], height: heights[id],
      }));
      const tree = { vertices, order: Array.from({ length: spans[0][1] + 1 }, (_, i) => i) };
      out[name] = Object.fromEntries(["light", "dark"].map((s) => [s, treeColours(tree, s).map(toHex)]));
    }
    console.log(JSON.stringify(out));
    """
    talk = {"env": environment, "capture_output": True, "text": True, "check": True}
    bundle = ["--bundle", "--format=esm", "--platform=node", "--loader=ts", "--log-level=error"]
    made = subprocess.run([str(esbuild), *bundle], cwd=JS, input=script, **talk)
    trees = {name: described(children) for name, children in TREES.items()}
    run = ["node", "--input-type=module", "--eval", made.stdout]
    ran = subprocess.run(run, input=json.dumps(trees), **talk)
    return json.loads(ran.stdout)


@pytest.fixture(scope="module")
def table():
    return json.loads(TABLE.read_text(encoding="utf-8"))


def test_the_constants_are_those_of_the_front_end():
    assert list(colours.ANCHORS) == written_in("ANCHORS")
    assert [colours.NEUTRAL["light"], colours.NEUTRAL["dark"]] == written_in("NEUTRAL")
    assert [*colours.LINES["light"], *colours.LINES["dark"]] == written_in("LINES")
    assert list(colours.DASHES) == written_in("DASHES")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", TREES)
def test_every_vertex_has_the_colour_that_the_front_end_gives_it(table, name, scheme):
    tree = described(TREES[name])
    handed_out = tree_colours(tree["children"], tree["spans"], tree["weights"], scheme)
    for lab, expected in zip(handed_out, table[name][scheme], strict=True):
        ours = np.array([int(to_hex(lab)[i : i + 2], 16) for i in (1, 3, 5)])
        theirs = np.array([int(expected[i : i + 2], 16) for i in (1, 3, 5)])
        assert abs(ours - theirs).max() <= 1, f"{to_hex(lab)} for {expected}"  # the last bit may round either way


def test_the_table_is_what_the_front_end_computes(table):
    assert set(table) == set(TREES)
    computed = computed_by_the_front_end()
    assert computed is None or computed == table


def test_a_tree_gives_its_vertices_the_colours_of_its_order(deep_tree):
    water = colours.colours_of(deep_tree, "light")
    place = {component: position for position, component in enumerate(deep_tree.order)}
    leaves = sorted((place[v.subset[0]], v.id) for v in deep_tree.vertices if not v.children)
    expected = tree_colours(
        [v.children for v in deep_tree.vertices],
        [(min(place[k] for k in v.subset), max(place[k] for k in v.subset)) for v in deep_tree.vertices],
        [v.weight for v in deep_tree.vertices],
        "light",
    )
    np.testing.assert_array_equal(water, expected)
    ends = water[[vertex for _, vertex in leaves]]
    steps = np.linalg.norm(np.diff(ends, axis=0), axis=1)
    assert steps.min() > 0.02
    assert to_hex(water[0]) == colours.NEUTRAL["light"]


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_text_has_contrast(theme):
    inks = [feature_line(j, theme.scheme)[0] for j in range(8)]
    for colour in (theme.ink, theme.muted, theme.accent, *inks):
        assert contrast(colour, theme.background) >= 4.5
    for children in TREES.values():
        tree = described(children)
        for lab in tree_colours(tree["children"], tree["spans"], tree["weights"], theme.scheme):
            assert contrast(text_on(to_hex(lab)), to_hex(lab)) >= 4.5


@pytest.mark.parametrize("pages", [("#ffffff",), ("#15181d",), ("#ffffff", "#15181d")])
def test_lines_stand_off_the_page_and_keep_their_hue(pages):
    tree = described(TREES["star of thirty"])
    for lab in tree_colours(tree["children"], tree["spans"], tree["weights"], "light"):
        ink = line_ink(lab, *pages)
        assert min(contrast(ink, page) for page in pages) >= 3.0
        if min(contrast(to_hex(lab), page) for page in pages) >= 3.0:
            assert ink == to_hex(lab)
        else:
            turned = to_oklab(ink)[1:] @ lab[1:] / np.linalg.norm(to_oklab(ink)[1:]) / np.linalg.norm(lab[1:])
            assert turned > 0.98


def test_neighbouring_features_differ_in_dash_and_colour():
    lines = [feature_line(j, "light") for j in range(7)]
    assert len({colour for colour, _ in lines}) == len({dash for _, dash in lines}) == 7
    assert lines[0][1] == "none"


def test_colours_survive_the_round_trip():
    for colour in ("#000000", "#ffffff", "#c9722e", "#1b6ca8"):
        assert to_hex(to_oklab(colour)) == colour


def main() -> None:
    """Write the table anew."""
    computed = computed_by_the_front_end()
    if computed is None:
        raise SystemExit("Node and js/node_modules are needed: run `make build` first")
    TABLE.write_text(json.dumps(computed, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
