import { describe, expect, it } from "vitest";
import { decodeTree } from "../src/hierarchy_tree/data";
import { bracketOf } from "../src/hierarchy_tree/geometry";
import { riverLayout } from "../src/hierarchy_tree/layout";
import { plateauAt } from "../src/hierarchy_tree/plateaus";
import { timeAxis } from "../src/lib/clocks";
import { lerpAt } from "../src/lib/interp";
import { digits, large, penguins, scenes } from "./fixtures";

const trees = {
  scenes: decodeTree(scenes()),
  digits: decodeTree(digits()),
  large: decodeTree(large()),
  penguins: decodeTree(penguins()),
};

describe.each(Object.entries(trees))("brackets on the river of %s", (_, tree) => {
  const axis = timeAxis("t", tree.tMax, tree.tMin, [40, 900]);
  const river = riverLayout(tree, { x: axis.x, last: 0, height: 300, scheme: "light" });
  const drawn = [0.03, 0.1, 0.45].flatMap((eps) =>
    tree.vertices.slice(1).flatMap((v) => {
      const plateau = plateauAt(tree, v, eps);
      return plateau === null ? [] : [bracketOf(tree, river, v, plateau, 1)];
    }),
  );
  const points = (d: string) =>
    [...d.matchAll(/(-?[\d.]+),(-?[\d.]+)/g)].map((m) => [Number(m[1]), Number(m[2])] as const);

  it("stand in the gap above their vertex, off the water of its neighbour", () => {
    expect(drawn.length).toBeGreaterThan(5);
    for (const { vertex, d } of drawn) {
      const bank = river.streams[vertex.first]!.y0;
      const neighbour = river.streams[vertex.first - 1]?.y1;
      for (const [x, y] of points(d)) {
        const t = axis.t(x);
        expect(y).toBeLessThan(lerpAt(river.times, bank, t) + 0.2);
        if (neighbour !== undefined)
          expect(y).toBeGreaterThan(lerpAt(river.times, neighbour, t) - 2.7);
      }
    }
  });

  it("end in ticks only where they are long enough to be told apart", () => {
    for (const { d } of drawn) {
      const xs = points(d.split("v")[0]!).map(([x]) => x);
      const ticks = d.match(/v/g)?.length ?? 0;
      if (Math.max(...xs) - Math.min(...xs) < 4.8) expect(ticks).toBe(0);
    }
    const { vertex } = drawn[0]!;
    const short = { ...plateauAt(tree, vertex, 0.45)!, end: 1, start: 1 + 0.002 * tree.tMax };
    expect(bracketOf(tree, river, vertex, short, 1).d).not.toContain("v");
    expect(bracketOf(tree, river, vertex, short, 40).d).toContain("v");
  });
});

describe("plateaus on whole numbers", () => {
  const tree = decodeTree({ ...scenes(), clocks: ["hidden"] });

  it("end at levels, with nothing interpolated between them", () => {
    let found = 0;
    for (const eps of [0.03, 0.1, 0.45]) {
      for (const v of tree.vertices.slice(1)) {
        const plateau = plateauAt(tree, v, eps);
        if (plateau === null) continue;
        found += 1;
        const last = Array.from(tree.times).indexOf(plateau.start);
        expect(v.overlap[last]!).toBeLessThanOrEqual(2 * Math.log10(eps) + 1e-6);
        const next = v.overlap[last + 1];
        if (next !== undefined) expect(next).toBeGreaterThan(2 * Math.log10(eps));
        if (v.subset.length === 1) continue;
        const first = Array.from(tree.times).indexOf(plateau.end);
        expect(v.within[first]!).toBeLessThanOrEqual(eps + 1e-6);
        if (first > 0) expect(v.within[first - 1]!).toBeGreaterThan(eps);
      }
    }
    expect(found).toBeGreaterThan(5);
  });
});
