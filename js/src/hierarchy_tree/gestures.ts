/** Mouse, touch, keys and buttons of one view. Everything attached here is detached on destroy. */
import { type D3ZoomEvent, zoom as makeZoom, type ZoomBehavior, zoomIdentity } from "d3-zoom";
import { isWhole, restingTime } from "../lib/clocks";
import type { Clock, View as ViewName } from "../lib/contract.gen";
import { attachMenu } from "../lib/controls";
import { setAttributeIfNew } from "../lib/dom";
import { savePng, saveSvg } from "../lib/save";
import { walk } from "./keyboard";
import { EPS, MARK, type View, ZOOM } from "./view";

type Zoomer = ZoomBehavior<SVGSVGElement, unknown>;

export function attachGestures(view: View): void {
  const stopper = new AbortController();
  view.addCleanup(() => stopper.abort());
  const { signal } = stopper;
  const zoomer = attachZoom(view);
  attachCursor(view, signal);
  attachItems(view, signal);
  attachKeys(view, zoomer, signal);
  attachButtons(view, zoomer, signal);
}

const svgOf = (view: View) => view.picture.svg.node()!;

/** The vertex under an event, from the item it hit. */
function vertexUnder(event: Event): number | null {
  const hit = (event.target as Element | null)?.closest?.("[data-vertex]");
  return hit === null || hit === undefined ? null : Number(hit.getAttribute("data-vertex"));
}

function attachZoom(view: View): Zoomer {
  const { svg } = view.picture;
  const allowed = (event: Event): boolean => {
    if ((event.target as Element).closest(".cw-handle") !== null) return false;
    if (event.type === "wheel") {
      // The page keeps its scrolling unless the reader asks for zoom or works in the picture.
      const wheel = event as WheelEvent;
      const inside = view.chrome.stage.contains(document.activeElement);
      return wheel.ctrlKey || wheel.metaKey || inside;
    }
    if (event.type === "dblclick") return false;
    if ("touches" in event && (event as TouchEvent).touches.length > 1) return true;
    const mouse = event as MouseEvent;
    return view.zoom.k > 1 && !mouse.button && !mouse.ctrlKey && !inPanel(view, event);
  };
  const zoomer = makeZoom<SVGSVGElement, unknown>()
    .scaleExtent([1, 40])
    .filter(allowed)
    .on("zoom", (event: D3ZoomEvent<SVGSVGElement, unknown>) => {
      const { k, x } = event.transform;
      view.zoom = { k, x: k === 1 ? 0 : x };
      view.ask(ZOOM);
    });
  view.onLayout = () => {
    const { left, right, height } = view.scene!.frame;
    zoomer
      .extent([
        [left, 0],
        [right, height],
      ])
      .translateExtent([
        [left, 0],
        [right, height],
      ]);
  };
  svg.call(zoomer);
  view.addCleanup(() => svg.on(".zoom", null));
  return zoomer;
}

/** Whether an event lies on the axis, the curves or the pill row: there the cursor goes. */
function inPanel(view: View, event: Event): boolean {
  const frame = view.scene?.frame;
  if (frame === undefined || !("clientY" in event)) return false;
  const y = (event as MouseEvent).clientY - svgOf(view).getBoundingClientRect().top;
  return y < frame.top - 12 || y > frame.bottom + 8;
}

function attachCursor(view: View, signal: AbortSignal): void {
  const svg = svgOf(view);
  let dragging = false;
  const follow = (event: PointerEvent) => {
    const x = event.clientX - svg.getBoundingClientRect().left;
    const { clock, t: timeAt } = view.scene!.axis;
    const t = timeAt(x);
    view.put("time", Math.min(view.tree.tMax, Math.max(0, restingTime(t, clock))));
  };
  svg.addEventListener(
    "pointerdown",
    (event) => {
      if (event.button !== 0 || view.scene === null) return;
      const onHandle = (event.target as Element).closest(".cw-handle") !== null;
      if (!onHandle && !inPanel(view, event)) return;
      dragging = true;
      view.chrome.root.classList.add("cw-dragging");
      svg.setPointerCapture?.(event.pointerId);
      (svg.querySelector(".cw-handle") as SVGGElement | null)?.focus({ preventScroll: true });
      follow(event);
      event.preventDefault();
    },
    { signal },
  );
  svg.addEventListener("pointermove", (event) => dragging && follow(event), { signal });
  const stop = () => {
    if (!dragging) return;
    dragging = false;
    view.chrome.root.classList.remove("cw-dragging");
    view.settle();
  };
  for (const name of ["pointerup", "pointercancel", "lostpointercapture"] as const) {
    svg.addEventListener(name, stop, { signal });
  }
}

function attachItems(view: View, signal: AbortSignal): void {
  const svg = svgOf(view);
  const on = (name: string, listener: (event: Event) => void) =>
    svg.addEventListener(name, listener, { signal });
  on("pointermove", (event) => {
    const id = vertexUnder(event);
    const touch = (event as PointerEvent).pointerType === "touch";
    if (id === null || touch || view.chrome.root.classList.contains("cw-dragging")) {
      if (view.hover !== null) unhover(view);
      return;
    }
    const box = svg.getBoundingClientRect();
    const { clientX, clientY } = event as PointerEvent;
    view.hover = { id, x: clientX - box.left, y: clientY - box.top };
    view.ask(MARK);
  });
  on("pointerleave", () => unhover(view));
  on("click", (event) => {
    const id = vertexUnder(event);
    if (id !== null) choose(view, id);
    else if (!inPanel(view, event) && (event.target as Element).matches(".cw-backdrop"))
      release(view);
  });
  on("dblclick", (event) => {
    const id = vertexUnder(event);
    if (id !== null) toggle(view, id);
  });
  // On the stage: browsers make an <svg> that listens for focus a place to focus.
  const { stage } = view.chrome;
  const focused = (event: Event) => {
    view.focus = event.type === "focusin" ? vertexUnder(event) : null;
    view.ask(MARK);
  };
  stage.addEventListener("focusin", focused, { signal });
  stage.addEventListener("focusout", focused, { signal });
}

function unhover(view: View): void {
  view.hover = null;
  view.ask(MARK);
}

export function choose(view: View, id: number): void {
  view.put("selected", [...view.tree.vertices[id]!.subset]);
}

function release(view: View): void {
  if (view.host.get("selected").length > 0) view.put("selected", []);
}

export function toggle(view: View, id: number): void {
  const vertex = view.tree.vertices[id]!;
  if (vertex.children.length === 0 || vertex.parent === -1) return;
  const collapsed = new Set(view.host.get("collapsed"));
  if (!collapsed.delete(id)) collapsed.add(id);
  view.put("collapsed", [...collapsed]);
}

function step(view: View, direction: -1 | 1): void {
  const { axis, frame } = view.scene!;
  const { clock } = axis;
  const least = isWhole(clock) ? Math.abs(axis.x(1) - axis.x(0)) : 2;
  const x = axis.x(view.time) + direction * Math.max(least, (frame.right - frame.left) / 120);
  const t = axis.t(Math.min(frame.right, Math.max(frame.left, x)));
  view.put("time", Math.min(view.tree.tMax, Math.max(0, restingTime(t, clock))));
}

function focusItem(view: View, id: number): void {
  const next = svgOf(view).querySelector<SVGPathElement>(`.cw-item[data-vertex="${id}"]`);
  for (const item of svgOf(view).querySelectorAll(".cw-item"))
    setAttributeIfNew(item, "tabindex", item === next ? 0 : -1);
  next?.focus({ preventScroll: true });
}

/** Keys anywhere in the picture; true when the key was one of ours. */
function pictureKey(view: View, zoomer: Zoomer, event: KeyboardEvent): boolean {
  const { svg } = view.picture;
  const onCursor = (event.target as Element).closest(".cw-handle") !== null;
  switch (event.key) {
    case "[":
    case "]":
      step(view, event.key === "[" ? -1 : 1);
      return true;
    case "+":
    case "=":
      svg.call(zoomer.scaleBy, 1.5, zoomCentre(view));
      return true;
    case "-":
    case "_":
      svg.call(zoomer.scaleBy, 1 / 1.5, zoomCentre(view));
      return true;
    case "0":
      svg.call(zoomer.transform, zoomIdentity);
      return true;
    case "Escape":
      view.hover = null;
      release(view);
      view.ask(MARK);
      return true;
    case "ArrowLeft":
    case "ArrowRight":
      if (!event.shiftKey && !onCursor) return false;
      step(view, event.key === "ArrowLeft" ? -1 : 1);
      return true;
    default:
      return false;
  }
}

/** Zoom about the cursor where it is in view, else about the middle. */
function zoomCentre(view: View): [number, number] {
  const { left, right } = view.scene!.frame;
  const x = view.scene!.axis.x(view.time);
  return [x >= left && x <= right ? x : (left + right) / 2, 0];
}

function attachKeys(view: View, zoomer: Zoomer, signal: AbortSignal): void {
  svgOf(view).addEventListener(
    "keydown",
    (event) => {
      if (view.scene === null || event.altKey || event.ctrlKey || event.metaKey) return;
      const id = vertexUnder(event);
      let ours = pictureKey(view, zoomer, event);
      if (!ours && id !== null) {
        if (event.key === "Enter") choose(view, id);
        else if (event.key === " ") toggle(view, id);
        else if (/^(Arrow|Home$|End$)/.test(event.key)) {
          const shown = view.items.map((i) => i.vertex);
          focusItem(view, walk(shown, id, event.key));
        } else return;
        ours = true;
      }
      if (!ours) return;
      event.preventDefault();
      event.stopPropagation();
      view.flush();
    },
    { signal },
  );
}

function attachButtons(view: View, zoomer: Zoomer, signal: AbortSignal): void {
  const { chrome, picture } = view;
  const click = (target: HTMLElement, act: () => void) =>
    target.addEventListener("click", act, { signal });
  for (const [id, b] of chrome.views) click(b, () => view.put("view", id as ViewName));
  for (const [id, b] of chrome.clocks) click(b, () => view.put("clock", id as Clock));
  click(chrome.zoomIn, () => picture.svg.call(zoomer.scaleBy, 1.5, zoomCentre(view)));
  click(chrome.zoomOut, () => picture.svg.call(zoomer.scaleBy, 1 / 1.5, zoomCentre(view)));
  click(chrome.zoomReset, () => picture.svg.call(zoomer.transform, zoomIdentity));
  click(chrome.tableButton, () => view.put("show_table", !view.host.get("show_table")));
  click(chrome.inspectorClose, () => release(view));
  click(chrome.unfold, () => view.put("collapsed", []));
  const paper = () => getComputedStyle(chrome.root).backgroundColor;
  click(chrome.saveSvg, () => saveSvg(svgOf(view), paper(), view.tree.title));
  click(chrome.savePng, () => void savePng(svgOf(view), paper(), view.tree.title));
  chrome.slider.addEventListener(
    "input",
    () => {
      view.put("eps", Number((10 ** chrome.slider.valueAsNumber).toPrecision(4)));
      view.ask(EPS);
    },
    { signal },
  );
  chrome.slider.addEventListener("change", () => view.settle(), { signal });
  attachMenu(view.chrome, signal);
}
