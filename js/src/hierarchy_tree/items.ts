/** The vertices as things to point at and to stand on: `treeitem`s with a roving tab stop. */

import { setAttributeIfNew, setChanged } from "../lib/dom";
import { isCertified, type Vertex } from "./data";
import type { Item } from "./draw";
import type { Picture } from "./picture";
import {
  choiceOf,
  type DendrogramLink,
  type DendrogramLoose,
  type DendrogramRow,
  type Window,
} from "./plateaus";
import { panelHeading, type Scene } from "./scene";
import { spoken } from "./words";

/** Nearest ancestor among the items shown. */
function shownParent(scene: Scene, v: Vertex, shown: Set<number>): number {
  let id = v.parent;
  while (id !== -1 && !shown.has(id)) id = scene.tree.vertices[id]!.parent;
  return id;
}

export function drawItems(
  picture: Picture,
  scene: Scene,
  items: Item[],
  focus: number | null,
  eps: number,
): void {
  const shown = new Set(items.map((i) => i.vertex.id));
  const families = new Map<number, number[]>();
  const depth = new Map<number, number>();
  for (const { vertex } of items) {
    const parent = shownParent(scene, vertex, shown);
    depth.set(vertex.id, (depth.get(parent) ?? 0) + 1);
    const family = families.get(parent);
    if (family === undefined) families.set(parent, [vertex.id]);
    else family.push(vertex.id);
  }
  const stop = focus !== null && shown.has(focus) ? focus : items[0]?.vertex.id;
  const { clock, collapsed } = scene.settings;
  picture.items.attr("transform", `translate(0,${scene.frame.top})`);
  const family = (i: Item) => families.get(shownParent(scene, i.vertex, shown))!;
  const paths = picture.items
    .selectAll<SVGPathElement, Item>("path")
    .data(items, (i) => i.vertex.id)
    .join((enter) =>
      enter
        .append("path")
        .attr("class", "cw-item")
        .attr("role", "treeitem")
        .call(setChanged, { "aria-selected": () => "false" }),
    )
    .order();
  setChanged(paths, {
    d: (i) => i.d,
    "data-vertex": (i) => i.vertex.id,
    "data-certified": (i) => String(isCertified(i.vertex, eps)),
    tabindex: (i) => (i.vertex.id === stop ? 0 : -1),
    "aria-level": (i) => depth.get(i.vertex.id)!,
    "aria-expanded": (i) =>
      i.vertex.children.length === 0 ? null : String(!collapsed.has(i.vertex.id)),
    "aria-setsize": (i) => family(i).length,
    "aria-posinset": (i) => family(i).indexOf(i.vertex.id) + 1,
    "aria-label": (i) => spoken(scene.tree, i.vertex, eps, clock),
  });
}

/** The same items a little to the side, as ε moves the ends of their plateaus. */
export function moveItems(picture: Picture, items: Item[]): void {
  const paths = picture.items.node()!.children;
  items.forEach((item, i) => {
    setAttributeIfNew(paths[i]!, "d", item.d);
  });
}

/** Tell the items whose certificate came or went with ε; few do from one frame to the next. */
export function certifyItems(picture: Picture, scene: Scene, eps: number): void {
  picture.items.selectAll<SVGPathElement, Item>("path").each((i, k, nodes) => {
    const certified = String(isCertified(i.vertex, eps));
    const node = nodes[k]!;
    if (node.dataset.certified === certified) return;
    setAttributeIfNew(node, "data-certified", certified);
    const words = spoken(scene.tree, i.vertex, eps, scene.settings.clock);
    setAttributeIfNew(node, "aria-label", words);
  });
}

/**
 * Dim what does not belong to `active`; outline what is selected and what has the focus.
 *
 * Streams overlap by a hair, which would show if each were faded by itself: the whole group is
 * dimmed at once, and the lit streams are drawn again on top.
 */
export function highlight(
  picture: Picture,
  scene: Scene,
  active: readonly number[],
  selected: number | null,
  focus: number | null,
): void {
  const all = active.length === 0 || active.length === scene.tree.order.length;
  const lit = new Set(active);
  picture.streams.classed("cw-dim", !all);
  picture.soft.classed("cw-dim", !all);
  const streams = all ? [] : scene.river.streams.filter((s) => lit.has(s.component));
  picture.lit
    .selectAll<SVGUseElement, { position: number }>("use")
    .data(streams, (s) => s.position)
    .join("use")
    .attr("href", (s) => `#${picture.uid}-p${s.position}`);
  const off = (v: Vertex) => !all && !v.subset.some((i) => lit.has(i));
  for (const layer of [picture.ends, picture.brackets]) {
    layer.selectAll<SVGGElement, { vertex: Vertex }>("g").classed("cw-off", (l) => off(l.vertex));
  }
  // Words stand on the water of all their streams: where some of it is dimmed, they take the page's ink.
  picture.words
    .selectAll<SVGGElement, { vertex: Vertex }>("g")
    .classed("cw-off", (l) => off(l.vertex))
    .classed("cw-part", (l) => !off(l.vertex) && !all && !l.vertex.subset.every((i) => lit.has(i)));
  picture.ends
    .selectAll<SVGGElement, { vertex: Vertex }>("g")
    .classed("cw-on", (l) => !all && !off(l.vertex));
  picture.dendrogram
    .selectAll<SVGElement, DendrogramRow | DendrogramLink | DendrogramLoose>("path,line,text")
    .classed("cw-off", (d) => {
      if ("child" in d) return off(d.child.node.vertex);
      return off("node" in d ? d.node.vertex : d.vertex);
    });
  picture.items
    .selectAll<SVGPathElement, Item>("path")
    .call(setChanged, { "aria-selected": (i: Item) => String(i.vertex.id === selected) })
    .classed("cw-selected", (i) => i.vertex.id === selected)
    .classed("cw-focus", (i) => i.vertex.id === focus);
}

interface WindowName {
  words: string;
  x: number;
}

/** The words under a window, clear of the panel's heading; none where that moves them out of it. */
function nameWindow(scene: Scene, w: Window, middle: number, width: number): WindowName[] {
  const { frame, settings } = scene;
  const words = w.parent === null ? "chosen here, 5 % to 95 %" : "critical window";
  const half = settings.measure(words, 11) / 2;
  const heading = frame.left + settings.measure(panelHeading(scene), 11) + 14;
  const x = Math.min(Math.max(middle, heading + half), frame.right - half);
  const fits = heading + half <= frame.right - half && Math.abs(x - middle) <= width / 2;
  return width > 0 && fits ? [{ words, x }] : [];
}

/** Shade the times at which `v` is chosen among its siblings. */
export function drawWindow(
  picture: Picture,
  scene: Scene,
  v: Vertex | undefined,
  eps: number,
): void {
  const { tree, axis, frame } = scene;
  const window = v === undefined ? null : choiceOf(tree, v, eps);
  const bands = window === null ? [] : [window];
  const x0 = (w: Window) => Math.max(frame.left, axis.x(Math.min(w.from, tree.tMax)));
  const x1 = (w: Window) => Math.min(frame.right, axis.x(Math.max(w.to, 0)));
  picture.band
    .selectAll<SVGRectElement, Window>("rect")
    .data(bands)
    .join("rect")
    .attr("class", "cw-band-time")
    .attr("x", x0)
    .attr("width", (w) => Math.max(0, x1(w) - x0(w)))
    .attr("y", frame.top - 8)
    .attr("height", frame.curvesBottom - frame.top + 8);
  picture.band
    .selectAll<SVGTextElement, WindowName>("text")
    .data(bands.flatMap((w) => nameWindow(scene, w, (x0(w) + x1(w)) / 2, x1(w) - x0(w))))
    .join("text")
    .attr("y", frame.curvesTop - 8)
    .attr("text-anchor", "middle")
    .attr("x", (name) => name.x)
    .text((name) => name.words);
}
