/** Everything around the picture: heading, tools, sentence, legend, details, table. */
import { CLOCKS } from "../lib/clocks";
import type { Clock } from "../lib/contract.gen";
import { button, makeMenu, segmented } from "../lib/controls";
import { h } from "../lib/dom";
import { type Curve, OU_CLOCK_IDS, type Sort } from "../lib/timeline.gen";

export interface Chrome {
  root: HTMLDivElement;
  title: HTMLElement;
  say: HTMLElement;
  /** Read out by screen readers, a little behind the visible sentence. */
  live: HTMLElement;
  notice: HTMLElement;
  legend: HTMLElement;
  stage: HTMLDivElement;
  card: HTMLDivElement;
  sorts: Map<Sort, HTMLButtonElement>;
  curves: Map<Curve, HTMLButtonElement>;
  clocks: Map<Clock, HTMLButtonElement>;
  clockGroup: HTMLElement;
  tableButton: HTMLButtonElement;
  menuButton: HTMLButtonElement;
  menu: HTMLDivElement;
  saveSvg: HTMLButtonElement;
  savePng: HTMLButtonElement;
  inspector: HTMLElement;
  inspectorBody: HTMLDivElement;
  inspectorClose: HTMLButtonElement;
  table: HTMLDivElement;
}

const HELP: ReadonlyArray<[keys: string, what: string]> = [
  ["↑ ↓", "walk the rows"],
  ["← →", "move the time cursor"],
  ["Home  End", "first and last row; on the cursor, noise and data"],
  ["Enter", "keep a feature's numbers open"],
  ["s  r  c", "next order, curve, clock"],
  ["t", "table of the numbers"],
  ["Esc", "let go"],
];

export function makeChrome(el: HTMLElement): Chrome {
  const sorts = segmented<Sort>("Order", [
    ["time", "By time", "Decided first in generation first"],
    ["given", "As given", "In the order given"],
    ["name", "A–Z", "By name"],
  ]);
  const curves = segmented<Curve>("Curve", [
    ["decided", "Decided", "Curves show the decided fraction"],
    ["retention", "Retention", "Curves show how often the value is kept"],
  ]);
  const clocks = segmented<Clock>(
    "Clock",
    OU_CLOCK_IDS.map((id): [Clock, string, string] => [
      id,
      CLOCKS[id].symbol,
      `Show ${CLOCKS[id].name}`,
    ]),
  );
  const tableButton = button("▦", "Table of the numbers", { "aria-pressed": "false" });
  const { menu, menuButton, actions } = makeMenu(
    [
      ["svg", "Save as SVG"],
      ["png", "Save as PNG"],
    ],
    HELP,
  );
  const title = h("div", { class: "cw-title", dir: "auto" });
  const say = h("p", { class: "cw-say" });
  const live = h("div", { class: "cw-live", "aria-live": "polite" });
  const notice = h("p", { class: "cw-notice", role: "status", hidden: true });
  const legend = h("ul", { class: "cw-legend", "aria-label": "Models", hidden: true });
  const card = h("div", { class: "cw-card", hidden: true, "aria-hidden": "true" });
  const stage = h("div", { class: "cw-stage" }, card);
  const inspectorBody = h("div", { class: "cw-inspector-body" });
  const inspectorClose = button("×", "Let go of the feature");
  const inspector = h(
    "section",
    { class: "cw-inspector", hidden: true, "aria-label": "Feature" },
    inspectorBody,
    inspectorClose,
  );
  const table = h("div", { class: "cw-table", hidden: true, tabindex: 0 });
  const tools = h(
    "div",
    { class: "cw-tools" },
    sorts.group,
    curves.group,
    clocks.group,
    h("div", { class: "cw-segments cw-anchor" }, tableButton, menuButton, menu),
  );
  // The attribute keeps JupyterLab's own shortcuts away from keys pressed in here.
  const root = h(
    "div",
    { class: "critwin cw-timeline", "data-lm-suppress-shortcuts": "true" },
    h("div", { class: "cw-head" }, title, tools),
    say,
    notice,
    legend,
    stage,
    inspector,
    table,
    live,
  );
  el.append(root);
  return {
    root,
    title,
    say,
    live,
    notice,
    legend,
    stage,
    card,
    sorts: sorts.buttons,
    curves: curves.buttons,
    clocks: clocks.buttons,
    clockGroup: clocks.group,
    tableButton,
    menuButton,
    menu,
    saveSvg: actions.svg,
    savePng: actions.png,
    inspector,
    inspectorBody,
    inspectorClose,
    table,
  };
}
