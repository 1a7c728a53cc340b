import { describe, expect, it } from "vitest";
import { decodeTree, vertexOf } from "../src/hierarchy_tree/data";
import { walk } from "../src/hierarchy_tree/keyboard";
import { plateauAt } from "../src/hierarchy_tree/plateaus";
import { censusWords, facts, sentence } from "../src/hierarchy_tree/words";
import { listing, percent, probability, withBracket } from "../src/lib/say";
import { digits, scenes, single } from "./fixtures";

const tree = decodeTree(scenes());
const named = (label: string) => tree.vertices.find((v) => v.label === label)!;

describe("words", () => {
  it("never round uncertainty away", () => {
    expect([1, 0.99999, 0.997, 0.5, 0.003, 0, Number.NaN].map(percent)).toEqual([
      "100 %",
      "100 %",
      "> 99 %",
      "50 %",
      "< 1 %",
      "0 %",
      "–",
    ]);
    expect([1, 0.998, 0.98, 0].map(probability)).toEqual(["1.00", "> 0.99", "0.98", "0.00"]);
    expect(withBracket({ value: 2.37, low: 2.31, high: 2.44 }, (x) => x.toFixed(2))).toBe(
      "2.37 [2.31, 2.44]",
    );
    expect(withBracket({ value: 2.371, low: 2.37, high: 2.372 }, (x) => x.toFixed(2))).toBe("2.37");
    expect(listing(["a", "b", "c"])).toBe("a, b and c");
  });

  it("say what is decided at the cursor, in the clock shown", () => {
    const words = sentence(tree, 2.6, "t", null);
    expect(words).toMatch(
      /^t = 2\.60 — background decided \(99 %\), shape decided \(98 %\) and mark 30 % decided;/,
    );
    expect(words).toMatch(
      /headed for \{sand\u00a0·\u00a0disc\} returns to it with probability 0\.9\d\.$/,
    );
    expect(sentence(tree, 2.6, "sigma", null)).toMatch(/^σ = 13\.4 — /);
    expect(sentence(tree, 6.9, "t", null)).toMatch(
      /background not yet decided .*mark not yet decided \([^)]*\)\.$/,
    );
    expect(sentence(tree, 2.6, "t", named("sea"))).toContain("headed for {sea} returns");
  });

  it("say so when there is nothing to decide", () => {
    const one = decodeTree(single());
    expect(sentence(one, 1, "t", null)).toBe("One component: there is nothing to decide.");
    expect(censusWords(one, 0.1)).toBe("one component: nothing to decide");
  });

  it("count certified vertices and name the first where there are none", () => {
    expect(censusWords(tree, 0.1)).toBe("certified at ε = 0.10: 13 of 15 vertices");
    const flat = decodeTree(digits());
    expect(censusWords(flat, 0.1)).toBe(
      "certified at ε = 0.10: only the root. The first plateau, {0}, appears at ε = 0.280",
    );
  });

  it("give every number on a card with how it is known", () => {
    const exact = facts(tree, named("sand · disc"), 2.6, 0.1, "t");
    expect(exact.map((f) => f.how)).toEqual(Array(7).fill("exact"));
    expect(exact[0]).toEqual({ name: "critical window", value: "t 4.86 → 3.56", how: "exact" });
    const unsure = decodeTree(scenes({ doubt: 0.1 }));
    const v = unsure.vertices.find((u) => u.label === "sand · disc")!;
    const hows = Object.fromEntries(facts(unsure, v, 2.6, 0.1, "t").map((f) => [f.name, f]));
    expect(hows["plateau, ε = 0.10"]!.how).toBe("estimated");
    expect(hows["appears at ε*"]!.how).toBe("estimated");
    expect(hows["split decided"]!.value).toMatch(/\d+ % \[\d+ %, \d+ %\]/);
    // At twice its ε* the fixture's vertices are proven in closed form.
    const proven = facts(unsure, v, 2.6, 0.13, "t").find((f) => f.name.startsWith("plateau"));
    expect(proven!.how).toBe("certified");
    expect(facts(unsure, v, 2.6, 0.01, "t")[0]!.value).toBe("none certified");
  });

  it("order an interval by its clock's numbers", () => {
    const unsure = decodeTree(scenes({ doubt: 0.1 }));
    for (const clock of ["t", "sigma", "alpha_bar", "log_snr"] as const) {
      for (const fact of facts(unsure, unsure.vertices[2]!, 2.6, 0.1, clock)) {
        for (const [, low, high] of fact.value.matchAll(/\[([\d.]+), ([\d.]+)\]/g)) {
          expect(Number(low)).toBeLessThanOrEqual(Number(high));
        }
      }
    }
  });
});

describe("plateaus", () => {
  it("exist exactly where the vertex is certified", () => {
    for (const v of tree.vertices) {
      for (const eps of [0.006, 0.03, 0.08, 0.2, 0.49]) {
        const plateau = plateauAt(tree, v, eps);
        expect(plateau !== null).toBe(v.epsStar!.value <= eps);
        if (plateau !== null) expect(plateau.end).toBeLessThanOrEqual(plateau.start + 1e-6);
      }
    }
    expect(plateauAt(tree, tree.vertices[0]!, 0.1)!.start).toBe(Number.POSITIVE_INFINITY);
    expect(plateauAt(tree, tree.vertices.at(-1)!, 0.1)!.end).toBe(0);
  });
});

describe("arrows", () => {
  const id = (label: string) => named(label).id;

  it("walk along the flow and across it", () => {
    const go = (from: string, key: string) =>
      tree.vertices[walk(tree.vertices, id(from), key)]!.label;
    expect(go("nothing decided", "ArrowRight")).toBe("sand");
    expect(go("sand", "ArrowDown")).toBe("sea");
    expect(go("sea", "ArrowUp")).toBe("sand");
    expect(go("sand · square", "ArrowDown")).toBe("sea · disc");
    expect(go("sea · disc · dot", "ArrowLeft")).toBe("sea · disc");
    expect(go("sand · disc · dot", "ArrowRight")).toBe("sand · disc · dot");
    expect(go("sand", "Home")).toBe("nothing decided");
    expect(go("sand", "End")).toBe("sea · square · dash");
  });

  it("reach every vertex, also where parents are missing", () => {
    for (const shown of [tree.vertices, tree.vertices.filter((v) => v.depth !== 1)]) {
      const seen = new Set([shown[0]!.id]);
      const queue = [shown[0]!.id];
      while (queue.length > 0) {
        const from = queue.pop()!;
        for (const key of ["ArrowRight", "ArrowDown", "ArrowUp", "ArrowLeft"]) {
          const to = walk(shown, from, key);
          if (!seen.has(to)) queue.push(to);
          seen.add(to);
        }
      }
      expect(seen.size).toBe(shown.length);
    }
  });

  it("know a subset whatever its order", () => {
    expect(vertexOf(tree, [3, 0, 1, 2])?.label).toBe("sand");
    expect(vertexOf(tree, [0, 2])).toBeUndefined();
    expect(vertexOf(tree, [])).toBeUndefined();
  });
});
