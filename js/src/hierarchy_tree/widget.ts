/** The widget: a view with its gestures, or an honest message where there is nothing to draw. */
import { PayloadError } from "../lib/buffers";
import { h } from "../lib/dom";
import type { Host } from "../lib/host";
import { attachGestures } from "./gestures";
import { hideStaticPicture } from "./static_picture";
import { View } from "./view";

function explain(el: HTMLElement, error: unknown): () => void {
  const text =
    error instanceof PayloadError
      ? error.message
      : `This picture could not be drawn: ${error instanceof Error ? error.message : String(error)}`;
  const message = h("div", { class: "critwin cw-message", role: "alert" }, text);
  el.append(message);
  return () => message.remove();
}

/** Draw the model into `el`; returns the cleanup. Never throws on bad data: it says what is wrong. */
export function renderHierarchyTree(host: Host, el: HTMLElement): () => void {
  let view: View | null = null;
  let stop: () => void = () => {};
  const fail = (error: unknown) => {
    stop();
    view = null;
    stop = explain(el, error);
  };
  const start = () => {
    const fresh = new View(host, el);
    attachGestures(fresh);
    const restore = hideStaticPicture(el);
    view = fresh;
    stop = () => {
      fresh.destroy();
      restore();
    };
  };
  const update = () => {
    try {
      if (view !== null) view.replace(host.get("data"));
      else {
        stop();
        start();
      }
    } catch (error) {
      fail(error);
    }
  };
  update();
  // Data may arrive broken, or mended, after the first drawing.
  host.on("change:data", update);
  return () => {
    host.off("change:data", update);
    stop();
  };
}
