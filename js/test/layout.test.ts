import { describe, expect, it } from "vitest";
import { decodeTree, type Tree } from "../src/hierarchy_tree/data";
import {
  bundleAt,
  colourAt,
  commonVertex,
  type River,
  riverLayout,
  treeColours,
} from "../src/hierarchy_tree/layout";
import { timeAxis } from "../src/lib/clocks";
import { contrast, inkOn, type Scheme, toHex, toLab } from "../src/lib/colour";
import { lerpAt } from "../src/lib/interp";
import { digits, large, penguins, scenes, single } from "./fixtures";

const HEIGHT = 300;

function lay(tree: Tree, openness?: (id: number) => number, scheme: Scheme = "light"): River {
  const axis = timeAxis("t", tree.tMax, tree.tMin, [40, 900]);
  return riverLayout(tree, { x: axis.x, last: 0, height: HEIGHT, scheme, openness });
}

const trees = {
  scenes: decodeTree(scenes()),
  digits: decodeTree(digits()),
  large: decodeTree(large()),
  penguins: decodeTree(penguins()),
};

describe.each(Object.entries(trees))("the river of %s", (_, tree) => {
  const river = lay(tree);
  const at = (values: ArrayLike<number>, t: number) => lerpAt(river.times, values, t);

  it("opens each gap by the decided fraction of the split that owns it", () => {
    for (let p = 0; p + 1 < river.streams.length; p++) {
      const owner = commonVertex(tree, p, p + 1);
      expect(river.gapOwner[p]).toBe(owner.id);
      for (let i = 0; i < river.times.length; i += 9) {
        const gap = river.streams[p + 1]!.y0[i]! - river.streams[p]!.y1[i]!;
        const decided = lerpAt(tree.times, owner.decided, river.times[i]!);
        expect(gap / river.gapMax[p]!).toBeCloseTo(decided, 1.5);
        expect(gap).toBeGreaterThanOrEqual(-1e-9);
      }
    }
  });

  it("gives each stream a width in proportion to its weight, at every time", () => {
    for (const s of river.streams) {
      const wanted = river.unit * tree.components[s.component]!.weight;
      for (let i = 0; i < s.y0.length; i += 11) expect(s.y1[i]! - s.y0[i]!).toBeCloseTo(wanted, 6);
    }
  });

  it("stacks streams in tree order inside the height", () => {
    expect(river.streams.map((s) => s.component)).toEqual(tree.order);
    for (let i = 0; i < river.times.length; i += 7) {
      const tops = river.streams.map((s) => s.y0[i]!);
      expect([...tops].sort((a, b) => a - b)).toEqual(tops);
      expect(tops[0]!).toBeGreaterThanOrEqual(-1e-6);
      expect(river.streams.at(-1)!.y1[i]!).toBeLessThanOrEqual(HEIGHT + 1e-6);
    }
  });

  it("starts as one body of one colour and ends as told apart", () => {
    const last = river.times.length - 1;
    const noise = new Set(river.streams.map((s) => s.stops[0]!.colour));
    expect(noise.size).toBeLessThanOrEqual(3);
    const gaps = river.streams.slice(1).map((s, p) => s.y0[last]! - river.streams[p]!.y1[last]!);
    expect(Math.max(...gaps)).toBeLessThan(1);
    const data = new Set(river.streams.map((s) => s.stops.at(-1)!.colour));
    expect(data.size).toBe(river.streams.length);
  });

  it("holds each vertex's bundle together", () => {
    for (const v of tree.vertices) {
      const [top, bottom] = bundleAt(river, v, tree.tMax / 3);
      expect(top).toBeCloseTo(at(river.streams[v.first]!.y0, tree.tMax / 3), 9);
      expect(bottom - top).toBeGreaterThanOrEqual(river.unit * v.weight - 1e-6);
    }
  });
});

describe("the river", () => {
  it("softens the banks where D is uncertain, and only there", () => {
    const sure = lay(trees.scenes);
    const unsure = lay(decodeTree(scenes({ doubt: 0.2 })));
    expect(sure.streams.every((s) => s.soft === null)).toBe(true);
    const s = unsure.streams[3]!;
    expect(s.soft).not.toBeNull();
    s.y1.forEach((y, i) => {
      expect(s.soft!.y1[i]!).toBeGreaterThanOrEqual(y);
      // The softest bank never passes the middle of its gap.
      const next = unsure.streams[4]!.y0[i]!;
      expect(s.soft!.y1[i]!).toBeLessThanOrEqual((y + next) / 2 + 1e-9);
    });
  });

  it("closes the gaps of a folded branch and no others", () => {
    const tree = trees.scenes;
    const folded = tree.vertices.find((v) => v.label === "sand")!;
    const river = lay(tree, (id) => (id === folded.id ? 0 : 1));
    for (let p = 0; p + 1 < 8; p++) {
      const gap = river.streams[p + 1]!.y0[0]! - river.streams[p]!.y1[0]!;
      if (p + 1 <= folded.last) expect(gap).toBe(0);
      else expect(gap).toBeGreaterThan(5);
    }
    const colours = new Set(river.streams.slice(0, 4).map((s) => s.stops.at(-1)!.colour));
    expect(colours.size).toBe(1);
  });

  it("draws one component as a single calm stream", () => {
    const river = lay(decodeTree(single()));
    expect(river.streams).toHaveLength(1);
    expect(new Set(river.streams[0]!.stops.map((s) => s.colour)).size).toBe(1);
  });
});

describe("colours", () => {
  it("keep ten leaves apart, also for readers who do not see red against green", () => {
    const tree = trees.digits;
    const leaves = treeColours(tree, "light").slice(1);
    for (let i = 0; i < leaves.length; i++) {
      for (let j = i + 1; j < leaves.length; j++) {
        const [L, a, b] = [0, 1, 2].map((c) => leaves[i]![c]! - leaves[j]![c]!) as [
          number,
          number,
          number,
        ];
        expect(Math.hypot(L, a, b)).toBeGreaterThan(0.055);
        // Deuteranopia removes most of OKLab's a axis; neighbours must differ without it.
        if (j === i + 1) expect(Math.hypot(L, b)).toBeGreaterThan(0.035);
      }
    }
  });

  it("leave readable ink everywhere on the water", () => {
    for (const scheme of ["light", "dark"] as const) {
      const river = lay(trees.large, undefined, scheme);
      for (const s of river.streams) {
        for (let x = 40; x <= 900; x += 60) {
          const water = colourAt(river, s.position, x);
          expect(contrast(water, inkOn(water))).toBeGreaterThanOrEqual(4.5);
        }
      }
    }
  });

  it("survive the way to OKLab and back", () => {
    for (const hex of ["#000000", "#ffffff", "#c65f2b", "#4a5fb4"])
      expect(toHex(toLab(hex))).toBe(hex);
  });
});
