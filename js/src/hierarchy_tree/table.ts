/** The same numbers as a real table, for readers of tables and of screens alike. */
import { CLOCKS, compact } from "../lib/clocks";
import type { Clock } from "../lib/contract.gen";
import { h } from "../lib/dom";
import { lerpAt } from "../lib/interp";
import { percent, probability, withBracket } from "../lib/say";
import type { Tree, Vertex } from "./data";
import { nameOf } from "./names";
import { plateauAt } from "./plateaus";

const HEADS = [
  "what is decided",
  "weight",
  "ε*",
  "known",
  "plateau from",
  "to",
  "splits at",
  "split decided",
  "returns",
];

function cells(tree: Tree, v: Vertex, t: number, eps: number, clock: Clock): string[] {
  const to = CLOCKS[clock].to;
  const plateau = plateauAt(tree, v, eps);
  const split = v.children.length > 0;
  const star = v.epsStar;
  return [
    v.weight.toFixed(3),
    star === null ? "–" : withBracket(star, (x) => (x < 1e-4 ? "< 0.0001" : compact(x))),
    star?.method ?? "–",
    plateau === null ? "–" : compact(to(plateau.start)),
    plateau === null ? "–" : compact(to(plateau.end)),
    v.half === null ? "–" : compact(to(v.half.value)),
    split ? percent(lerpAt(tree.times, v.decided, t)) : "–",
    v.parent === -1 ? "–" : probability(lerpAt(tree.times, v.retention, t)),
  ];
}

/** Build the table; labels indent by level, so the tree can be read down the first column. */
export function makeTable(tree: Tree, t: number, eps: number, clock: Clock): HTMLTableElement {
  const caption =
    `Vertices of the tree; times in ${CLOCKS[clock].name}, plateaus at ε = ${eps.toFixed(3)}, ` +
    `the last two columns at ${CLOCKS[clock].symbol} = ${compact(CLOCKS[clock].to(t))}.`;
  const body = tree.vertices.map((v) =>
    h(
      "tr",
      { "data-vertex": v.id },
      h("th", { scope: "row", style: `padding-left: ${8 + 14 * v.depth}px` }, nameOf(v)),
      ...cells(tree, v, t, eps, clock).map((text) => h("td", {}, text)),
    ),
  );
  return h(
    "table",
    {},
    h("caption", {}, caption),
    h("thead", {}, h("tr", {}, ...HEADS.map((text) => h("th", { scope: "col" }, text)))),
    h("tbody", {}, ...body),
  );
}
