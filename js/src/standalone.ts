/**
 * A widget in a page without a kernel. Inline this bundle in a plain <script>, then:
 *
 *   const { model, destroy } = critwin.mount(document.querySelector("#here"), {
 *     data,                    // the payload of contract.gen.ts; arrays as {dtype, shape, b64}
 *     eps: 0.1, time: null,    // any other trait; the rest take their defaults
 *   });
 *   model.set("time", 2.5);    // same names and events as the notebook's model
 *   model.on("change:time", () => console.log(model.get("time")));
 *
 * Styles are added to the page once, on the first call.
 */
import css from "./hierarchy_tree/style.css";
import { renderHierarchyTree } from "./hierarchy_tree/widget";
import type { State } from "./lib/contract.gen";
import { PageModel } from "./lib/host";

export interface Mounted {
  model: PageModel;
  destroy: () => void;
}

export function mount(el: HTMLElement, state: Partial<State>): Mounted {
  if (document.getElementById("critwin-style") === null) {
    const style = document.createElement("style");
    style.id = "critwin-style";
    style.textContent = css;
    document.head.append(style);
  }
  const model = new PageModel(state);
  return { model, destroy: renderHierarchyTree(model, el) };
}
