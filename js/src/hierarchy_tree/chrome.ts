/** Everything around the picture: heading, tools, sentence, ε slider, inspector, table. */
import { CLOCKS } from "../lib/clocks";
import { CLOCK_IDS, type Clock, type View } from "../lib/contract.gen";
import { button, makeMenu, segmented } from "../lib/controls";
import { h } from "../lib/dom";
import type { Tree } from "./data";
import { HELP } from "./keyboard";

export interface Chrome {
  root: HTMLDivElement;
  title: HTMLElement;
  say: HTMLElement;
  /** Read out by screen readers, a little behind the visible sentence. */
  live: HTMLElement;
  stage: HTMLDivElement;
  card: HTMLDivElement;
  views: Map<View, HTMLButtonElement>;
  clocks: Map<Clock, HTMLButtonElement>;
  clockGroup: HTMLElement;
  zoomIn: HTMLButtonElement;
  zoomOut: HTMLButtonElement;
  zoomReset: HTMLButtonElement;
  tableButton: HTMLButtonElement;
  menuButton: HTMLButtonElement;
  menu: HTMLDivElement;
  saveSvg: HTMLButtonElement;
  savePng: HTMLButtonElement;
  unfold: HTMLButtonElement;
  foot: HTMLElement;
  slider: HTMLInputElement;
  epsValue: HTMLOutputElement;
  epsTicks: HTMLElement;
  census: HTMLElement;
  inspector: HTMLElement;
  inspectorBody: HTMLDivElement;
  inspectorClose: HTMLButtonElement;
  table: HTMLDivElement;
}

function makeFoot() {
  const slider = h("input", {
    type: "range",
    class: "cw-eps",
    min: -2.3,
    max: -0.3,
    step: 0.002,
    "aria-label": "ε, the error allowed to a certified plateau",
  });
  const epsValue = h("output", { class: "cw-eps-value" });
  const epsTicks = h("div", { class: "cw-eps-ticks", "aria-hidden": "true" });
  const census = h("span", { class: "cw-census" });
  const foot = h(
    "div",
    { class: "cw-foot" },
    h("span", { class: "cw-eps-name" }, "ε"),
    h("div", { class: "cw-eps-track" }, epsTicks, slider),
    epsValue,
    census,
  );
  return { foot, slider, epsValue, epsTicks, census };
}

export function makeChrome(el: HTMLElement): Chrome {
  const views = segmented<View>("View", [
    ["river", "River", "River of decisions"],
    ["dendrogram", "Tree", "Node-link tree of the certified plateaus"],
  ]);
  const clocks = segmented<Clock>(
    "Clock",
    CLOCK_IDS.map((id) => [id, CLOCKS[id].symbol, `Show ${CLOCKS[id].name}`] as const).map(
      ([id, text, label]) => [id, text, label] as [Clock, string, string],
    ),
  );
  const zoomOut = button("−", "Zoom out");
  const zoomReset = button("⤢", "Show all");
  const zoomIn = button("+", "Zoom in");
  const tableButton = button("▦", "Table of the numbers", { "aria-pressed": "false" });
  const { menu, menuButton, actions } = makeMenu(
    [
      ["svg", "Save as SVG"],
      ["png", "Save as PNG"],
      ["unfold", "Unfold all branches"],
    ],
    HELP,
  );
  const title = h("div", { class: "cw-title" });
  const say = h("p", { class: "cw-say" });
  const live = h("div", { class: "cw-live", "aria-live": "polite" });
  const card = h("div", { class: "cw-card", hidden: true, "aria-hidden": "true" });
  const stage = h("div", { class: "cw-stage" }, card);
  const inspectorBody = h("div", { class: "cw-inspector-body" });
  const inspectorClose = button("×", "Let go of the selection");
  const inspector = h(
    "section",
    { class: "cw-inspector", hidden: true, "aria-label": "Selected" },
    inspectorBody,
    inspectorClose,
  );
  const table = h("div", { class: "cw-table", hidden: true, tabindex: 0 });
  const foot = makeFoot();
  const tools = h(
    "div",
    { class: "cw-tools" },
    views.group,
    clocks.group,
    h(
      "div",
      { class: "cw-segments", role: "group", "aria-label": "Zoom" },
      zoomOut,
      zoomReset,
      zoomIn,
    ),
    h("div", { class: "cw-segments cw-anchor" }, tableButton, menuButton, menu),
  );
  // The attribute keeps JupyterLab's own shortcuts away from keys pressed in here.
  const root = h(
    "div",
    { class: "critwin", "data-lm-suppress-shortcuts": "true" },
    h("div", { class: "cw-head" }, title, tools),
    say,
    stage,
    foot.foot,
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
    stage,
    card,
    zoomIn,
    zoomOut,
    zoomReset,
    tableButton,
    menuButton,
    table,
    inspector,
    inspectorBody,
    inspectorClose,
    views: views.buttons,
    clocks: clocks.buttons,
    clockGroup: clocks.group,
    menu,
    saveSvg: actions.svg,
    savePng: actions.png,
    unfold: actions.unfold,
    ...foot,
  };
}

/** Range of the ε slider (logarithmic), and a mark at every ε where a vertex appears. */
export function setEpsScale({ slider, epsTicks }: Chrome, tree: Tree): void {
  const grid = tree.epsGrid;
  const [lo, hi] = [Math.log10(grid[0] ?? 0.005), Math.log10(grid[grid.length - 1] ?? 0.5)];
  slider.min = lo.toFixed(4);
  slider.max = hi.toFixed(4);
  const places = tree.vertices
    .filter((v) => v.parent !== -1 && v.epsStar !== null && v.epsStar.value > 10 ** lo)
    .map((v) => (100 * (Math.log10(v.epsStar!.value) - lo)) / (hi - lo))
    .filter((place) => place <= 100);
  epsTicks.replaceChildren(...places.map((place) => h("i", { style: `left: ${place}%` })));
}
