import { describe, expect, it } from "vitest";
import { decodeTree } from "../src/hierarchy_tree/data";
import { nameOf, shortLabel } from "../src/hierarchy_tree/names";
import { digits, type Node, payloadOf, scenes, single } from "./fixtures";

/** Three binary levels whose values repeat: every label is a row of lefts and rights. */
function sides(depth: number, path: string[] = []): Node {
  const label = path.length === 0 ? "all 8 components" : path.join(" · ");
  if (path.length === depth) {
    const features = Object.fromEntries(path.map((side, i) => [`level ${i + 1}`, side]));
    return { label, weight: 1 / 2 ** depth, features: { ...features, kind: "box" } };
  }
  const children = ["left", "right"].map((side) => sides(depth, [...path, side]));
  return { label, half: 5 - path.length, children };
}

const component = (features: Record<string, string>) => ({ label: "", weight: 0.5, features });

describe("the short name of a vertex", () => {
  const shorts = (root: Node) =>
    decodeTree(payloadOf(root)).vertices.map((v) => `${v.label} → ${v.short}`);

  it("is the value that is new, also where its parent has the same word", () => {
    expect(shorts(sides(3)).slice(0, 8)).toEqual([
      "all 8 components → all 8 components",
      "left → left",
      "left · left → left",
      "left · left · left → left",
      "left · left · right → right",
      "left · right → right",
      "left · right · left → left",
      "left · right · right → right",
    ]);
  });

  it("keeps every value that its parent leaves open", () => {
    const v = { label: "sea · disc", subset: [0, 1] };
    const components = [
      component({ background: "sea", shape: "disc", mark: "dot" }),
      component({ background: "sea", shape: "disc", mark: "dash" }),
      component({ background: "sand", shape: "disc", mark: "dot" }),
    ];
    expect(shortLabel(v, { label: "all", subset: [0, 1, 2] }, components)).toBe("sea");
    components.push(component({ background: "sand", shape: "square", mark: "dot" }));
    expect(shortLabel(v, { label: "all", subset: [0, 1, 2, 3] }, components)).toBe("sea · disc");
  });

  it("never says more than its label where the label is not a list of values", () => {
    const components = [component({ digit: "3" }), component({ digit: "3" }), component({})];
    const parent = { label: "all", subset: [0, 1, 2] };
    expect(shortLabel({ label: "3 (2 of 3)", subset: [0, 1] }, parent, components)).toBe(
      "3 (2 of 3)",
    );
    expect(shortLabel({ label: "my · own", subset: [0] }, parent, components)).toBe("my · own");
  });

  it("without features is the words its parent does not have", () => {
    const components = [{}, {}, {}].map(component);
    const parent = { label: "sand", subset: [0, 1] };
    const short = (label: string, above = parent) =>
      shortLabel({ label, subset: [0] }, above, components);
    expect(short("sand · disc")).toBe("disc");
    expect(short("class 7")).toBe("class 7");
    expect(short("sand · disc", { label: "sand · disc", subset: [0, 1] })).toBe("sand · disc");
  });

  it("of the scenes is one word on every level", () => {
    for (const v of decodeTree(scenes()).vertices.slice(1)) expect(v.short).not.toContain("·");
  });
});

describe("the name of the root", () => {
  it("says what is decided there, unless there is nothing to decide", () => {
    expect(decodeTree(digits()).vertices.map(nameOf).slice(0, 2)).toEqual([
      "nothing decided yet",
      "0",
    ]);
    const [only] = decodeTree(single()).vertices;
    expect(nameOf(only!)).toBe(only!.label);
  });
});
