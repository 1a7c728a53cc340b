/** Mouse, touch, keys and buttons of one view. Everything attached here is detached on destroy. */
import type { Clock } from "../lib/contract.gen";
import { attachMenu } from "../lib/controls";
import { setAttributeIfNew } from "../lib/dom";
import { savePng, saveSvg } from "../lib/save";
import { type Curve, OU_CLOCK_IDS, type Sort } from "../lib/timeline.gen";
import { MARK, type TimelineView } from "./view";

export function attachGestures(view: TimelineView): void {
  const stopper = new AbortController();
  view.addCleanup(() => stopper.abort());
  const { signal } = stopper;
  attachPointer(view, signal);
  attachFocus(view, signal);
  attachKeys(view, signal);
  attachButtons(view, signal);
}

const svgOf = (view: TimelineView) => view.picture.svg.node()!;

/** The row under an event. */
function rowUnder(event: Event): number | null {
  const hit = (event.target as Element | null)?.closest?.("[data-row]");
  return hit === null || hit === undefined ? null : Number(hit.getAttribute("data-row"));
}

/** Where an event lies in the picture. */
function place(view: TimelineView, event: MouseEvent): { x: number; y: number } {
  const box = svgOf(view).getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}

function attachPointer(view: TimelineView, signal: AbortSignal): void {
  const svg = svgOf(view);
  const on = <K extends keyof SVGSVGElementEventMap>(
    name: K,
    listener: (event: SVGSVGElementEventMap[K]) => void,
  ) => svg.addEventListener(name, listener, { signal });
  let dragging = false;
  const inPlot = (x: number) => {
    const { left, right } = view.scene!.layout.frame;
    return x >= left - 6 && x <= right + 6;
  };
  const follow = (event: MouseEvent) => {
    const { left, right } = view.scene!.layout.frame;
    const x = Math.min(right, Math.max(left, place(view, event).x));
    view.moveTo(view.scene!.layout.axis.t(x));
  };
  on("pointerdown", (event) => {
    if (event.button !== 0 || view.scene === null || !inPlot(place(view, event).x)) return;
    dragging = true;
    view.hover = null;
    view.chrome.root.classList.add("cw-dragging");
    svg.setPointerCapture?.(event.pointerId);
    (svg.querySelector(".cw-handle") as SVGGElement | null)?.focus({ preventScroll: true });
    follow(event);
    event.preventDefault();
  });
  on("pointermove", (event) => {
    if (dragging) {
      follow(event);
      return;
    }
    const id = event.pointerType === "touch" ? null : rowUnder(event);
    if (id === null) unhover(view);
    else {
      view.hover = { id, ...place(view, event) };
      view.ask(MARK);
    }
  });
  on("pointerleave", () => unhover(view));
  const stop = () => {
    if (!dragging) return;
    dragging = false;
    view.chrome.root.classList.remove("cw-dragging");
    view.settle();
  };
  on("pointerup", stop);
  on("pointercancel", stop);
  on("lostpointercapture", stop);
  on("click", (event) => {
    const id = rowUnder(event);
    if (id !== null && view.scene !== null && !inPlot(place(view, event).x)) choose(view, id);
  });
}

function unhover(view: TimelineView): void {
  if (view.hover === null) return;
  view.hover = null;
  view.ask(MARK);
}

function attachFocus(view: TimelineView, signal: AbortSignal): void {
  const { stage } = view.chrome;
  const focused = (event: Event) => {
    view.focus = event.type === "focusin" ? rowUnder(event) : null;
    view.ask(MARK);
  };
  stage.addEventListener("focusin", focused, { signal });
  stage.addEventListener("focusout", focused, { signal });
}

/** Bring a row's feature forward, or let it go again. */
function choose(view: TimelineView, id: number): void {
  const { feature } = view.timeline.rows[id]!;
  view.put("feature", view.host.get("feature") === feature ? "" : feature);
}

function step(view: TimelineView, direction: -1 | 1, pixels: number): void {
  const { axis, frame } = view.scene!.layout;
  if (view.scene!.reading.whole) {
    view.moveTo(view.time - direction * Math.max(1, Math.round(pixels / 20)));
    return;
  }
  const x = axis.x(view.time) + direction * pixels;
  view.moveTo(axis.t(Math.min(frame.right, Math.max(frame.left, x))));
}

function focusRow(view: TimelineView, id: number): void {
  for (const row of svgOf(view).querySelectorAll<SVGGElement>("g.cw-row")) {
    const here = row.getAttribute("data-row") === String(id);
    setAttributeIfNew(row, "tabindex", here ? 0 : -1);
    if (here) row.focus();
  }
}

/** Keys on a row: up and down, first and last, choose. */
function rowKey(view: TimelineView, id: number, key: string): boolean {
  const ids = view.rows.map((row) => row.id);
  const at = ids.indexOf(id);
  switch (key) {
    case "ArrowUp":
    case "ArrowDown": {
      const next = ids[at + (key === "ArrowUp" ? -1 : 1)];
      if (next !== undefined) focusRow(view, next);
      return true;
    }
    case "Home":
      focusRow(view, ids[0]!);
      return true;
    case "End":
      focusRow(view, ids[ids.length - 1]!);
      return true;
    case "Enter":
    case " ":
      choose(view, id);
      return true;
    default:
      return false;
  }
}

/** Keys on the cursor, as on any slider: up and down change the value, not the row. */
function cursorKey(view: TimelineView, key: string): boolean {
  switch (key) {
    case "Home":
      view.moveTo(view.timeline.tMax);
      return true;
    case "End":
      view.moveTo(0);
      return true;
    case "PageUp":
    case "ArrowUp":
      step(view, -1, key === "PageUp" ? 60 : 6);
      return true;
    case "PageDown":
    case "ArrowDown":
      step(view, 1, key === "PageDown" ? 60 : 6);
      return true;
    default:
      return false;
  }
}

/** Keys anywhere in the picture. */
function pictureKey(view: TimelineView, event: KeyboardEvent): boolean {
  const { host } = view;
  switch (event.key) {
    case "ArrowLeft":
    case "[":
      step(view, -1, event.shiftKey ? 30 : 6);
      return true;
    case "ArrowRight":
    case "]":
      step(view, 1, event.shiftKey ? 30 : 6);
      return true;
    case "s":
      view.nextSort();
      return true;
    case "r":
      view.put("curve", host.get("curve") === "decided" ? "retention" : "decided");
      return true;
    case "c": {
      if (!view.timeline.unit.ou) return false;
      const at = (OU_CLOCK_IDS as readonly Clock[]).indexOf(host.get("clock"));
      view.put("clock", OU_CLOCK_IDS[(at + 1) % OU_CLOCK_IDS.length]!);
      return true;
    }
    case "t":
      view.put("show_table", !host.get("show_table"));
      return true;
    case "Escape":
      view.hover = null;
      if (host.get("feature") !== "") view.put("feature", "");
      view.ask(MARK);
      return true;
    default:
      return false;
  }
}

function attachKeys(view: TimelineView, signal: AbortSignal): void {
  svgOf(view).addEventListener(
    "keydown",
    (event) => {
      if (view.scene === null || event.altKey || event.ctrlKey || event.metaKey) return;
      const id = rowUnder(event);
      const onCursor = (event.target as Element).closest(".cw-handle") !== null;
      const ours =
        (id !== null && rowKey(view, id, event.key)) ||
        (onCursor && cursorKey(view, event.key)) ||
        pictureKey(view, event);
      if (!ours) return;
      event.preventDefault();
      event.stopPropagation();
      view.flush();
    },
    { signal },
  );
}

function attachButtons(view: TimelineView, signal: AbortSignal): void {
  const { chrome } = view;
  const click = (target: HTMLElement, act: () => void) =>
    target.addEventListener("click", act, { signal });
  for (const [id, b] of chrome.sorts) click(b, () => view.put("sort", id as Sort));
  for (const [id, b] of chrome.curves) click(b, () => view.put("curve", id as Curve));
  for (const [id, b] of chrome.clocks) click(b, () => view.put("clock", id as Clock));
  click(chrome.tableButton, () => view.put("show_table", !view.host.get("show_table")));
  click(chrome.inspectorClose, () => view.put("feature", ""));
  const paper = () => getComputedStyle(chrome.root).backgroundColor;
  click(chrome.saveSvg, () => saveSvg(svgOf(view), paper(), view.timeline.title));
  click(chrome.savePng, () => void savePng(svgOf(view), paper(), view.timeline.title));
  attachMenu(chrome, signal);
}
