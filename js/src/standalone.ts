/**
 * A widget in a page without a kernel. Inline this bundle in a plain <script>, then:
 *
 *   const { model, destroy } = critwin.mount(document.querySelector("#here"), {
 *     data,                    // the payload of contract.gen.ts or timeline.gen.ts; arrays as {dtype, shape, b64}
 *     eps: 0.1, time: null,    // any other trait; the rest take their defaults
 *   });
 *   model.set("time", 2.5);    // same names and events as the notebook's model
 *   model.on("change:time", () => console.log(model.get("time")));
 *
 * Styles are added to the page once, on the first call.
 */
import { renderFeatureTimeline } from "./feature_timeline/widget";
import { renderHierarchyTree } from "./hierarchy_tree/widget";
import type { State } from "./lib/contract.gen";
import { PageModel } from "./lib/host";
import { TIMELINE_DEFAULTS, type TimelineState } from "./lib/timeline.gen";
import css from "./standalone.css";

export interface Mounted<S extends object = State> {
  model: PageModel<S>;
  destroy: () => void;
}

/** Whether a state is a timeline's: those have rows, trees have vertices. */
const isTimeline = (state: object): state is Partial<TimelineState> =>
  "rows" in ((state as { data?: object }).data ?? {});

export function mount(el: HTMLElement, state: Partial<TimelineState>): Mounted<TimelineState>;
export function mount(el: HTMLElement, state: Partial<State>): Mounted;
export function mount(
  el: HTMLElement,
  state: Partial<State> | Partial<TimelineState>,
): Mounted | Mounted<TimelineState> {
  if (document.getElementById("critwin-style") === null) {
    const style = document.createElement("style");
    style.id = "critwin-style";
    style.textContent = css;
    document.head.append(style);
  }
  if (isTimeline(state)) {
    const model = new PageModel<TimelineState>(state, TIMELINE_DEFAULTS);
    return { model, destroy: renderFeatureTimeline(model, el) };
  }
  const model = new PageModel(state as Partial<State>);
  return { model, destroy: renderHierarchyTree(model, el) };
}
