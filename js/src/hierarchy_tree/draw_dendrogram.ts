/** The second view: certified vertices as bars on the time axis, critical windows as the links. */
import { toHex } from "../lib/colour";
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

const barWidth = (v: Vertex, unit: number) => Math.min(16, Math.max(4, 0.32 * unit * v.weight));

function linkPath({ parent, child }: DendrogramLink): string {
  const bend = (parent.x1 + child.x0) / 2;
  return `M${parent.x1},${parent.y}C${bend},${parent.y} ${bend},${child.y} ${child.x0},${child.y}`;
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
  layer
    .selectAll<SVGPathElement, DendrogramLink>("path.cw-link")
    .data(drawing.links, (l) => l.child.node.vertex.id)
    .join("path")
    .attr("class", "cw-link")
    .attr("stroke", (l) => `url(#${picture.uid}-l${l.child.node.vertex.id})`)
    .attr("stroke-width", (l) => Math.max(2, barWidth(l.child.node.vertex, river.unit) * 0.55))
    .attr("d", linkPath);
  layer
    .selectAll<SVGPathElement, DendrogramRow>("path.cw-beyond")
    .data(
      drawing.rows.filter((r) => r.terminal && r.x1 < frame.right - 1),
      (r) => r.node.vertex.id,
    )
    .join("path")
    .attr("class", "cw-beyond")
    .attr("stroke", (r) => colour(r.node.vertex))
    .attr("d", (r) => `M${r.x1},${r.y}H${frame.right}`);
  layer
    .selectAll<SVGPathElement, DendrogramLoose>("path.cw-loose")
    .data(drawing.loose, (l) => l.vertex.id)
    .join("path")
    .attr("class", "cw-loose")
    .attr("stroke", (l) => colour(l.vertex))
    .attr("d", (l) => loosePath(l, frame.right));
  layer
    .selectAll<SVGPathElement, DendrogramRow>("path.cw-whisker")
    .data(drawing.rows, (r) => r.node.vertex.id)
    .join("path")
    .attr("class", "cw-whisker")
    .attr("stroke", (r) => colour(r.node.vertex))
    .attr("d", (r) => whisker(scene, r));
  layer
    .selectAll<SVGLineElement, DendrogramRow>("line.cw-bar")
    .data(drawing.rows, (r) => r.node.vertex.id)
    .join("line")
    .attr("class", "cw-bar")
    .attr("data-bar", (r) => r.node.vertex.id)
    .attr("stroke", (r) => colour(r.node.vertex))
    .attr("stroke-width", (r) => barWidth(r.node.vertex, river.unit))
    .attr("x1", (r) => r.x0)
    .attr("x2", (r) => Math.max(r.x1, r.x0 + 0.01))
    .attr("y1", (r) => r.y)
    .attr("y2", (r) => r.y);
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
  picture.dendrogram
    .selectAll<SVGTextElement, DendrogramRow>("text")
    .data(named, (r) => r.node.vertex.id)
    .join("text")
    .attr("class", "cw-bar-label")
    .attr("x", (r) => Math.max(r.x0, frame.left + 4))
    .attr("y", (r) => r.y - barWidth(r.node.vertex, river.unit) / 2 - 5)
    .text(nameOf);
}

function gradients(picture: Picture, drawing: Dendrogram, colour: (v: Vertex) => string): void {
  picture.defs
    .selectAll<SVGLinearGradientElement, DendrogramLink>("linearGradient.cw-window")
    .data(drawing.links, (l) => l.child.node.vertex.id)
    .join("linearGradient")
    .attr("class", "cw-window")
    .attr("id", (l) => `${picture.uid}-l${l.child.node.vertex.id}`)
    .attr("gradientUnits", "userSpaceOnUse")
    .attr("x1", (l) => l.parent.x1)
    .attr("x2", (l) => Math.max(l.child.x0, l.parent.x1 + 1))
    .selectAll("stop")
    .data((l) => [colour(l.parent.node.vertex), colour(l.child.node.vertex)])
    .join("stop")
    .attr("offset", (_, i) => i)
    .attr("stop-color", String);
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
