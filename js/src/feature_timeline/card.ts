/** The card of a row: its numbers, and how each is known. Text only, never markup. */

import { LINES, type Scheme } from "../lib/colour";
import { h } from "../lib/dom";
import type { Row, Timeline } from "./data";
import type { Reading } from "./reading";
import { facts, stageOf } from "./words";

export interface CardOptions {
  timeline: Timeline;
  row: Row;
  t: number;
  reading: Reading;
  scheme: Scheme;
}

const HOW: Record<string, string> = {
  exact: "closed form or quadrature",
  certified: "a rigorous bracket",
  estimated: "sampled, with its interval",
};

/** A row's card. */
export function makeCard({ timeline, row, t, reading, scheme }: CardOptions): HTMLElement {
  const inks = LINES[scheme];
  const model = timeline.models[row.model]!.name;
  const stage = stageOf(row, t);
  const at = stage === "nothing to decide" || stage === "no results yet" ? "" : " at the cursor";
  const head = h(
    "div",
    { class: "cw-card-head" },
    h("span", { class: "cw-swatch", style: `background:${inks[row.tint % inks.length]}` }),
    h("strong", { dir: "auto" }, row.name),
    h("span", { class: "cw-card-note" }, `${model === "" ? "" : `${model} · `}${stage}${at}`),
  );
  const lines = facts(timeline, row, t, reading).flatMap((fact) => [
    h("dt", {}, fact.name),
    h(
      "dd",
      {},
      h("span", {}, fact.value),
      fact.how === ""
        ? null
        : h("span", { class: `cw-how cw-how-${fact.how}`, title: HOW[fact.how] }, fact.how),
    ),
  ]);
  return h("div", { class: "cw-row-card" }, head, h("dl", {}, ...lines));
}
