/** The widget: a view with its gestures. */
import type { Host } from "../lib/host";
import { renderWith } from "../lib/render";
import { attachGestures } from "./gestures";
import { View } from "./view";

/** Draw the model into `el`; returns the cleanup. Never throws on bad data: it says what is wrong. */
export function renderHierarchyTree(host: Host, el: HTMLElement): () => void {
  return renderWith(host, el, () => {
    const view = new View(host, el);
    attachGestures(view);
    return view;
  });
}
