/** The same numbers as a real table, for readers of tables and of screens alike. */
import { h } from "../lib/dom";
import { percent, probability } from "../lib/say";
import { decidedAt, type Row, shown, type Timeline } from "./data";
import type { Reading } from "./reading";

/** Build the table; rows in the order shown. */
export function makeTable(
  timeline: Timeline,
  rows: Row[],
  t: number,
  reading: Reading,
): HTMLTableElement {
  const many = timeline.models.length > 1;
  const heads = [
    "feature",
    ...(many ? ["model"] : []),
    "half decided at",
    "5 % decided at",
    "95 % decided at",
    "critical windows",
    "decided",
    "keeps its value",
    "by chance",
    "known",
  ];
  const caption =
    `Features and when they are decided, in ${reading.name}; ` +
    `the columns “decided” and “keeps its value” at ${reading.say(t)}.`;
  const at = (found: Row["half"]) => (found === null ? "–" : reading.bracket(found));
  const body = rows.map((row) => {
    const d = row.state === "constant" ? Number.NaN : decidedAt(row, t);
    const jumps = row.jumps.map(([a, b]) => `${reading.number(b)} → ${reading.number(a)}`);
    const cells = [
      row.half === null ? row.note : at(row.half),
      at(row.start),
      at(row.end),
      jumps.length > 0 ? jumps.join(", ") : "–",
      percent(d),
      Number.isNaN(d) ? "–" : probability(shown(row, d, "retention")),
      Number.isNaN(row.chance) ? "–" : probability(row.chance),
      timeline.models[row.model]!.method,
    ];
    return h(
      "tr",
      { "data-row": row.id },
      h("th", { scope: "row", dir: "auto" }, row.name),
      many ? h("td", { class: "cw-text", dir: "auto" }, timeline.models[row.model]!.name) : null,
      ...cells.map((text) => h("td", {}, text)),
    );
  });
  return h(
    "table",
    {},
    h("caption", {}, caption),
    h("thead", {}, h("tr", {}, ...heads.map((text) => h("th", { scope: "col" }, text)))),
    h("tbody", {}, ...body),
  );
}
