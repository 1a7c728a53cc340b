/** The second view: certified vertices as bars on the time axis, critical windows as the links. */
import { toHex } from "../lib/colour";
import { setChanged } from "../lib/dom";
import type { Vertex } from "./data";
import type { Item } from "./draw";
import { type Box, overlaps } from "./labels";
import type { Picture } from "./picture";
import {
  certifiedTree,
  type DendrogramLink,
  type DendrogramLoose,
  type DendrogramRow,
  dendrogramLayout,
} from "./plateaus";
import type { Scene } from "./scene";

export interface Dendrogram {
  rows: DendrogramRow[];
  links: DendrogramLink[];
  loose: DendrogramLoose[];
}

export function layoutDendrogram(scene: Scene, eps: number): Dendrogram {
  const { tree, axis, frame, visible } = scene;
  const shown = new Set(visible.map((v) => v.id));
  const hidden = new Set(tree.vertices.filter((v) => !shown.has(v.id)).map((v) => v.id));
  const nodes = certifiedTree(tree, eps, hidden);
  return dendrogramLayout(tree, nodes, axis.x, frame.bottom - frame.top);
}

const px = (value: number) => Math.round(value * 10) / 10;

const barWidth = (v: Vertex, unit: number) => Math.min(16, Math.max(4, 0.32 * unit * v.weight));

function linkPath({ parent, child }: DendrogramLink): string {
  const bend = (parent.x1 + child.x0) / 2;
  const [from, to] = [px(parent.y), px(child.y)];
  return `M${px(parent.x1)},${from}C${px(bend)},${from} ${px(bend)},${to} ${px(child.x0)},${to}`;
}

function loosePath({ parent, y }: DendrogramLoose, right: number): string {
  const bend = (parent.x1 + right) / 2;
  return `M${parent.x1},${parent.y}C${bend},${parent.y} ${bend},${y} ${right},${y}`;
}

/** The plateau of a vertex whose ends are known only to an interval. */
function whisker(scene: Scene, r: DendrogramRow): string {
  const { plateau } = r.node;
  const { axis, tree } = scene;
  const clip = (t: number) => axis.x(Math.min(Math.max(t, 0), tree.tMax));
  const parts: string[] = [];
  if (plateau.endLow < plateau.end) parts.push(`M${r.x1},${r.y}H${clip(plateau.endLow)}`);
  if (plateau.startHigh > plateau.start) parts.push(`M${r.x0},${r.y}H${clip(plateau.startHigh)}`);
  return parts.join("");
}

export function drawDendrogram(picture: Picture, scene: Scene, drawing: Dendrogram | null): void {
  const { frame, river } = scene;
  const layer = picture.dendrogram.attr("transform", `translate(0,${frame.top})`);
  layer.attr("display", drawing === null ? "none" : null);
  if (drawing === null) return;
  const colour = (v: Vertex) => toHex(river.colours[v.id]!);
  gradients(picture, drawing, colour);
  /** One mark per datum in this layer, with only what changed set anew. */
  function marks<D>(
    tag: "path" | "line",
    name: string,
    data: D[],
    key: (d: D) => number,
    attributes: Record<string, (d: D) => string | number>,
  ): void {
    const all = layer
      .selectAll<SVGElement, D>(`${tag}.${name}`)
      .data(data, key)
      .join((enter) => enter.append<SVGElement>(tag).attr("class", name));
    setChanged(all, attributes);
  }
  const id = (r: DendrogramRow) => r.node.vertex.id;
  const stroke = (r: DendrogramRow) => colour(r.node.vertex);
  marks("path", "cw-link", drawing.links, (l) => id(l.child), {
    stroke: (l) => linkStroke(picture, l, stroke),
    "stroke-width": (l) => Math.max(2, barWidth(l.child.node.vertex, river.unit) * 0.55),
    d: linkPath,
  });
  const beyond = drawing.rows.filter((r) => r.terminal && r.x1 < frame.right - 1);
  marks("path", "cw-beyond", beyond, id, {
    stroke,
    d: (r) => `M${px(r.x1)},${px(r.y)}H${frame.right}`,
  });
  marks("path", "cw-loose", drawing.loose, (l) => l.vertex.id, {
    stroke: (l) => colour(l.vertex),
    d: (l) => loosePath(l, frame.right),
  });
  marks("path", "cw-whisker", drawing.rows, id, { stroke, d: (r) => whisker(scene, r) });
  marks("line", "cw-bar", drawing.rows, id, {
    stroke,
    "data-bar": id,
    "stroke-width": (r) => barWidth(r.node.vertex, river.unit),
    x1: (r) => px(r.x0),
    x2: (r) => Math.max(px(r.x1), px(r.x0) + 0.01),
    y1: (r) => px(r.y),
    y2: (r) => px(r.y),
  });
  nameBars(picture, scene, drawing);
}

/** A short name says nothing where the parent it shortens is not in the picture. */
const nameOf = (r: DendrogramRow) =>
  r.node.parent?.vertex.id === r.node.vertex.parent && r.node.vertex.depth > 1
    ? r.node.vertex.short
    : r.node.vertex.label;

/** Inner vertices carry their name above the bar, where it touches no other name and no bar. */
function nameBars(picture: Picture, scene: Scene, drawing: Dendrogram): void {
  const { settings, frame, river } = scene;
  const taken: Box[] = [];
  const bars = drawing.rows.map((r) => {
    const half = barWidth(r.node.vertex, river.unit) / 2;
    return { x0: r.x0, x1: r.x1, y0: r.y - half, y1: r.y + half };
  });
  const named = drawing.rows.filter((r) => {
    if (r.terminal || r.node.vertex.parent === -1) return false;
    const x0 = Math.max(r.x0, frame.left + 4);
    const base = r.y - barWidth(r.node.vertex, river.unit) / 2 - 3;
    const box = { x0, x1: x0 + settings.measure(nameOf(r), 11.5, true), y0: base - 11, y1: base };
    if (box.x1 > frame.right || [...taken, ...bars].some((b) => overlaps(b, box))) return false;
    taken.push(box);
    return true;
  });
  const names = picture.dendrogram
    .selectAll<SVGTextElement, DendrogramRow>("text")
    .data(named, (r) => r.node.vertex.id)
    .join((enter) => enter.append("text").attr("class", "cw-bar-label"));
  setChanged(names, {
    x: (r) => px(Math.max(r.x0, frame.left + 4)),
    y: (r) => px(r.y - barWidth(r.node.vertex, river.unit) / 2 - 5),
  });
  names.filter((r, i, all) => all[i]!.textContent !== nameOf(r)).text(nameOf);
}

/** A level link has no extent for a gradient to fill; it takes its child's colour. */
function linkStroke(
  picture: Picture,
  link: DendrogramLink,
  colour: (r: DendrogramRow) => string,
): string {
  const flat = Math.abs(link.parent.y - link.child.y) < 0.5;
  return flat ? colour(link.child) : `url(#${picture.uid}-l${link.child.node.vertex.id})`;
}

/** From the parent's colour to the child's, over the link's own box: nothing to move with ε. */
function gradients(picture: Picture, drawing: Dendrogram, colour: (v: Vertex) => string): void {
  const all = picture.defs
    .selectAll<SVGLinearGradientElement, DendrogramLink>("linearGradient.cw-window")
    .data(drawing.links, (l) => l.child.node.vertex.id)
    .join("linearGradient")
    .attr("class", "cw-window");
  setChanged(all, { id: (l) => `${picture.uid}-l${l.child.node.vertex.id}` });
  const stops = all
    .selectAll<SVGStopElement, [number, string]>("stop")
    .data(
      (l): Array<[number, string]> => [
        [0, colour(l.parent.node.vertex)],
        [1, colour(l.child.node.vertex)],
      ],
    )
    .join("stop");
  setChanged(stops, { offset: ([at]) => at, "stop-color": ([, css]) => css });
}

/** Bars as things to point at, a comfortable height around each. */
export function dendrogramItems(scene: Scene, drawing: Dendrogram): Item[] {
  const slot = (scene.frame.bottom - scene.frame.top) / Math.max(1, scene.tree.order.length);
  const h = Math.min(22, Math.max(8, slot * 0.8));
  const { right } = scene.frame;
  const loose = drawing.loose.map((l) => {
    const [y, x] = [l.y, right - 60];
    const d = `M${x},${y - h / 2}H${right}V${y + h / 2}H${x}Z`;
    const top = scene.frame.top;
    return {
      vertex: l.vertex,
      d,
      cx: x,
      cy: y + top,
      top: y - h / 2 + top,
      bottom: y + h / 2 + top,
    };
  });
  const rows = drawing.rows.map((r) => {
    const x0 = Math.min(r.x0, r.x1 - 6) - 3;
    const end = r.terminal ? right : r.x1 + 3;
    return {
      vertex: r.node.vertex,
      d: `M${x0},${r.y - h / 2}H${end}V${r.y + h / 2}H${x0}Z`,
      cx: (x0 + end) / 2,
      cy: r.y + scene.frame.top,
      top: r.y - h / 2 + scene.frame.top,
      bottom: r.y + h / 2 + scene.frame.top,
    };
  });
  return [...rows, ...loose].sort((a, b) => a.vertex.id - b.vertex.id);
}
