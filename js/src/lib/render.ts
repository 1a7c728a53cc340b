/** Draws a model into an element, or an honest message where there is nothing to draw. */
import { PayloadError } from "./buffers";
import { h } from "./dom";
import { hideStaticPicture } from "./static_picture";

/** One drawing of a model. */
export interface Drawing<D> {
  /** Take new data; throws, and keeps the old picture, when they cannot be drawn. */
  replace: (data: D) => void;
  destroy: () => void;
}

interface Source<D> {
  get(name: "data"): D;
  on(event: string, listener: () => void): void;
  off(event: string, listener: () => void): void;
}

function explain(el: HTMLElement, error: unknown): () => void {
  const text =
    error instanceof PayloadError
      ? error.message
      : `This picture could not be drawn: ${error instanceof Error ? error.message : String(error)}`;
  const message = h("div", { class: "critwin cw-message", role: "alert" }, text);
  el.append(message);
  return () => message.remove();
}

/** Keep a drawing of `host` in `el`; returns the cleanup. Never throws on bad data: it says what is wrong. */
export function renderWith<D>(
  host: Source<D>,
  el: HTMLElement,
  draw: () => Drawing<D>,
): () => void {
  let view: Drawing<D> | null = null;
  let stop: () => void = () => {};
  const fail = (error: unknown) => {
    stop();
    view = null;
    stop = explain(el, error);
  };
  const start = () => {
    const fresh = draw();
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
