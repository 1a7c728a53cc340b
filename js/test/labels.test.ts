import { describe, expect, it } from "vitest";
import { decodeTree, type Tree } from "../src/hierarchy_tree/data";
import {
  type Box,
  curveLabels,
  innerLabels,
  leafLabels,
  namedEnds,
  overlaps,
} from "../src/hierarchy_tree/labels";
import { bundleAt, riverLayout } from "../src/hierarchy_tree/layout";
import { certifiedTree, dendrogramLayout } from "../src/hierarchy_tree/plateaus";
import { shownVertices } from "../src/hierarchy_tree/scene";
import { timeAxis } from "../src/lib/clocks";
import { elide, roughMeasure, spread, truncate } from "../src/lib/text";
import { digits, large, penguins, scenes } from "./fixtures";

const cases: Array<[string, Tree]> = [
  ["scenes", decodeTree(scenes())],
  ["digits", decodeTree(digits())],
  ["large", decodeTree(large())],
  ["penguins", decodeTree(penguins())],
];
const widths = [420, 760, 1200];
const all = cases.flatMap(([name, tree]) => widths.map((w) => [name, w, tree] as const));

function pairwise(boxes: Box[]): Array<[Box, Box]> {
  return boxes.flatMap((a, i) => boxes.slice(i + 1).map((b): [Box, Box] => [a, b]));
}

describe.each(all)("labels of %s at %i px", (_, width, tree) => {
  const right = width * 0.7;
  const axis = timeAxis("t", tree.tMax, tree.tMin, [36, right]);
  const river = riverLayout(tree, { x: axis.x, last: 0, height: 300, scheme: "light" });

  it("on the water never touch and never leave the frame", () => {
    const labels = innerLabels(tree, river, {
      x: axis.x,
      left: 36,
      right,
      measure: roughMeasure,
      thumbs: tree.thumbnails !== null,
      rootText: "nothing decided yet",
      folded: () => false,
    });
    for (const [a, b] of pairwise(labels.map((l) => l.box))) expect(overlaps(a, b)).toBe(false);
    for (const { box, vertex } of labels) {
      expect(box.x0).toBeGreaterThanOrEqual(36);
      expect(box.x1).toBeLessThanOrEqual(right);
      const [top, bottom] = bundleAt(river, vertex, axis.t((box.x0 + box.x1) / 2));
      expect(box.y0).toBeGreaterThanOrEqual(top - 1);
      expect(box.y1).toBeLessThanOrEqual(bottom + 1);
    }
  });

  it("at the data end keep their distance and their order", () => {
    const { ends } = shownVertices(tree, new Set());
    const anchors = namedEnds(tree, ends, 24).map((vertex) => {
      const [a, b] = bundleAt(river, vertex, 0);
      return { vertex, anchor: (a + b) / 2 };
    });
    const labels = leafLabels(anchors, {
      height: 312,
      lead: 6,
      room: width * 0.3,
      measure: roughMeasure,
      thumbs: false,
      narrow: width < 560,
    });
    expect(labels.length).toBeGreaterThan(0);
    for (let i = 1; i < labels.length; i++) {
      const need = labels[i]!.note === "" ? labels[i]!.size : 26;
      expect(labels[i]!.y - labels[i - 1]!.y).toBeGreaterThanOrEqual(need - 0.01);
    }
    for (const l of labels) expect(roughMeasure(l.text, l.size)).toBeLessThanOrEqual(width * 0.3);
  });

  it("of the curves never touch", () => {
    const y = (d: number) => 90 - 80 * d;
    const bounds = { x0: 36, x1: right, y0: 0, y1: 100 };
    const labels = curveLabels(tree, tree.features, axis, y, bounds, roughMeasure);
    for (const [a, b] of pairwise(labels.map((l) => l.box))) expect(overlaps(a, b)).toBe(false);
  });
});

describe("crowded ends", () => {
  it("are named by branches that together hold every component once", () => {
    const tree = cases[2]![1];
    const { ends } = shownVertices(tree, new Set());
    const named = namedEnds(tree, ends, 20);
    expect(named.length).toBeLessThanOrEqual(20);
    expect(named.length).toBeGreaterThan(10);
    expect(named.flatMap((v) => v.subset).sort((a, b) => a - b)).toEqual(
      [...tree.order].sort((a, b) => a - b),
    );
  });
});

describe("text", () => {
  it("is spread apart as little as needed, in order", () => {
    expect(spread([10, 50], [20, 20], 0, 100)).toEqual([10, 50]);
    expect(spread([50, 50], [20, 20], 0, 100)).toEqual([40, 60]);
    const packed = spread([95, 96, 97], [20, 20, 20], 0, 100);
    expect(packed).toEqual([50, 70, 90]);
  });

  it("is cut with an ellipsis, keeping what tells siblings apart", () => {
    expect(truncate("short", 100, 12, roughMeasure)).toBe("short");
    expect(truncate("a rather long label", 60, 12, roughMeasure)).toMatch(/^a.*…$/);
    expect(truncate("wide", 2, 12, roughMeasure)).toBe("");
    const cut = (labels: string[], room: number) => elide(labels, room, 12, roughMeasure);
    const scenes = ["sand · disc · dot", "sand · square · dash"];
    expect(cut(scenes, 200)).toEqual(scenes);
    expect(cut(scenes, 110)).toEqual(["… disc · dot", "… square · dash"]);
    expect(cut(scenes, 60)).toEqual(["… dot", "… dash"]);
    const long = "Adélie of the Palmer Archipelago";
    expect(cut([...scenes, long], 130).slice(0, 2)).toEqual(scenes);
    expect(roughMeasure(cut([...scenes, long], 130)[2]!, 12, true)).toBeLessThanOrEqual(130);
    expect(cut([], 60)).toEqual([]);
  });
});

describe("the dendrogram", () => {
  const tree = cases[0]![1];
  const axis = timeAxis("t", tree.tMax, tree.tMin, [0, 700]);

  it("holds exactly the certified vertices, linked to their nearest certified ancestor", () => {
    for (const eps of [0.01, 0.03, 0.07, 0.1, 0.4]) {
      const nodes = certifiedTree(tree, eps);
      const wanted = tree.vertices.filter((v) => v.epsStar!.value <= eps).map((v) => v.id);
      expect(nodes.map((n) => n.vertex.id)).toEqual(wanted);
      for (const n of nodes.slice(1))
        expect(n.parent!.vertex.subset).toEqual(expect.arrayContaining(n.vertex.subset));
    }
  });

  it("draws plateaus and windows to scale, and moves no node when ε changes", () => {
    const rows = (eps: number) => dendrogramLayout(tree, certifiedTree(tree, eps), axis.x, 300);
    const low = rows(0.07);
    const high = rows(0.4);
    for (const r of low.rows) {
      const same = high.rows.find((h) => h.node.vertex === r.node.vertex)!;
      expect(same.y).toBe(r.y);
      expect(r.x0).toBeLessThanOrEqual(r.x1 + 1e-9);
      if (r.node.plateau.end > 0) expect(axis.t(r.x1)).toBeCloseTo(r.node.plateau.end, 6);
    }
    for (const { parent, child } of low.links)
      expect(child.x0).toBeGreaterThanOrEqual(parent.x1 - 1e-9);
  });
});
