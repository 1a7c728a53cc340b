/** The second view: certified vertices as bars on the time axis, critical windows as the links. */
import { toHex } from "../lib/colour";
import { setAttributeIfNew, setChanged, setText } from "../lib/dom";
import type { Vertex } from "./data";
import type { Item } from "./draw";
import { type Box, overlaps } from "./labels";
import { ROOT_SHORT } from "./names";
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

/** Whether two drawings show the same vertices: then bars differ in length, and nothing else does. */
export function sameVertices(a: Dendrogram, b: Dendrogram): boolean {
  return (
    a.rows.length === b.rows.length &&
    a.rows.every((r, i) => r.node.vertex === b.rows[i]!.node.vertex)
  );
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

type Mark = DendrogramRow | DendrogramLink | DendrogramLoose;
type Attributes = Record<string, (d: never) => string | number>;

/** One kind of mark: what of it holds as long as the vertices do, and what moves with ε. */
interface Kind {
  tag: "path" | "line";
  name: string;
  data: Mark[];
  still: Attributes;
  moving: Attributes;
}

const vertexOf = (d: Mark): Vertex =>
  "child" in d ? d.child.node.vertex : "node" in d ? d.node.vertex : d.vertex;

/** From back to front. */
function kindsOf(picture: Picture, scene: Scene, drawing: Dendrogram): Kind[] {
  const { river } = scene;
  const { right } = scene.frame;
  const { rows, links, loose } = drawing;
  const colour = (v: Vertex) => toHex(river.colours[v.id]!);
  const stroke = (d: Mark) => colour(vertexOf(d));
  const width = (d: Mark) => barWidth(vertexOf(d), river.unit);
  const beyond = (r: DendrogramRow) => (r.x1 < right - 1 ? `M${px(r.x1)},${px(r.y)}H${right}` : "");
  const bar = {
    x1: (r: DendrogramRow) => px(r.x0),
    x2: (r: DendrogramRow) => Math.max(px(r.x1), px(r.x0) + 0.01),
  };
  const still = {
    stroke,
    "data-bar": (r: DendrogramRow) => r.node.vertex.id,
    "stroke-width": width,
    y1: (r: DendrogramRow) => px(r.y),
    y2: (r: DendrogramRow) => px(r.y),
  };
  const link = {
    stroke: (l: DendrogramLink) => linkStroke(picture, l, stroke),
    "stroke-width": (l: DendrogramLink) => Math.max(2, width(l) * 0.55),
  };
  const path = (name: string, data: Mark[], d: (d: never) => string, fixed: Attributes) =>
    ({ tag: "path", name, data, still: fixed, moving: { d } }) as const;
  const ends = rows.filter((r) => r.terminal);
  return [
    path("cw-link", links, linkPath, link),
    path("cw-beyond", ends, beyond, { stroke }),
    path("cw-loose", loose, (l: DendrogramLoose) => loosePath(l, right), { stroke }),
    path("cw-whisker", rows, (r: DendrogramRow) => whisker(scene, r), { stroke }),
    { tag: "line", name: "cw-bar", data: rows, still, moving: bar },
  ];
}

export function drawDendrogram(picture: Picture, scene: Scene, drawing: Dendrogram | null): void {
  const layer = picture.dendrogram.attr("transform", `translate(0,${scene.frame.top})`);
  layer.attr("display", drawing === null ? "none" : null);
  if (drawing === null) return;
  gradients(picture, drawing, (v) => toHex(scene.river.colours[v.id]!));
  const kinds = kindsOf(picture, scene, drawing);
  const groups = layer
    .selectAll<SVGGElement, unknown>("g")
    .data([...kinds.keys(), -1])
    .join("g");
  for (const [i, kind] of kinds.entries()) {
    const all = groups
      .filter((_, k) => k === i)
      .selectAll<SVGElement, Mark>(kind.tag)
      .data(kind.data, (d) => vertexOf(d).id)
      .join((enter) => enter.append<SVGElement>(kind.tag).attr("class", kind.name));
    setChanged(all, { ...kind.still, ...kind.moving } as Record<string, (d: Mark) => string>);
  }
  nameBars(picture, scene, drawing);
}

/** The same vertices at another ε: ends of bars move, and what hangs on them. */
export function moveDendrogram(picture: Picture, scene: Scene, drawing: Dendrogram): void {
  const groups = picture.dendrogram.node()!.children;
  for (const [i, kind] of kindsOf(picture, scene, drawing).entries()) {
    const marks = groups[i]!.children;
    for (const [name, of] of Object.entries(kind.moving)) {
      kind.data.forEach((d, k) => {
        setAttributeIfNew(marks[k]!, name, of(d as never));
      });
    }
  }
  nameBars(picture, scene, drawing);
}

/** A short name says nothing where the parent it shortens is not in the picture. */
function barName({ node: { vertex, parent } }: DendrogramRow): string {
  if (vertex.parent === -1) return ROOT_SHORT;
  return parent?.vertex.id === vertex.parent && vertex.depth > 1 ? vertex.short : vertex.label;
}

/** Inner vertices carry their name above the bar, where it touches no other name and no bar. */
function nameBars(picture: Picture, scene: Scene, drawing: Dendrogram): void {
  const { settings, frame, river } = scene;
  const taken: Box[] = [];
  const bars = drawing.rows.map((r) => {
    const half = barWidth(r.node.vertex, river.unit) / 2;
    return { x0: r.x0, x1: r.x1, y0: r.y - half, y1: r.y + half };
  });
  const named = drawing.rows.filter((r) => {
    if (r.terminal) return false;
    const x0 = Math.max(r.x0, frame.left + 4);
    const base = r.y - barWidth(r.node.vertex, river.unit) / 2 - 3;
    const box = { x0, x1: x0 + settings.measure(barName(r), 11.5, true), y0: base - 11, y1: base };
    const hit = (other: Box) => overlaps(other, box);
    if (box.x1 > frame.right || taken.some(hit) || bars.some(hit)) return false;
    taken.push(box);
    return true;
  });
  const names = picture.dendrogram
    .select<SVGGElement>("g:last-child")
    .selectAll<SVGTextElement, DendrogramRow>("text")
    .data(named, (r) => r.node.vertex.id)
    .join((enter) => enter.append("text").attr("class", "cw-bar-label"));
  setChanged(names, { "data-vertex": (r) => r.node.vertex.id });
  names.each((r, i, nodes) => {
    const x = px(Math.max(r.x0, frame.left + 4));
    const y = px(r.y - barWidth(r.node.vertex, river.unit) / 2 - 5);
    // A transform moves words without laying them out again.
    setAttributeIfNew(nodes[i]!, "transform", `translate(${x},${y})`);
    setText(nodes[i]!, barName(r));
  });
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

/** What the data end is called: bars that nothing certified follows, and components left over. */
export function dendrogramAnchors({ rows, loose }: Dendrogram) {
  return [
    ...rows.filter((r) => r.terminal).map((r) => ({ vertex: r.node.vertex, anchor: r.y })),
    ...loose.map((l) => ({ vertex: l.vertex, anchor: l.y })),
  ].sort((a, b) => a.anchor - b.anchor);
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
