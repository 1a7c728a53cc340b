/** The widget: a view with its gestures. */
import type { Host } from "../lib/host";
import { renderWith } from "../lib/render";
import type { TimelineState } from "../lib/timeline.gen";
import { attachGestures } from "./gestures";
import { TimelineView } from "./view";

/** Draw the model into `el`; returns the cleanup. Never throws on bad data: it says what is wrong. */
export function renderFeatureTimeline(host: Host<TimelineState>, el: HTMLElement): () => void {
  return renderWith(host, el, () => {
    const view = new TimelineView(host, el);
    attachGestures(view);
    return view;
  });
}
