/** Where words go so that none collide. Pure; text sizes come from a `Measure`. */
import { crossing, lerpAt } from "../lib/interp";
import { elide, type Measure, spread, truncate } from "../lib/text";
import { type Feature, span, type Tree, type Vertex } from "./data";
import type { River } from "./layout";

export interface Box {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

export const overlaps = (a: Box, b: Box) =>
  a.x0 < b.x1 && b.x0 < a.x1 && a.y0 < b.y1 && b.y0 < a.y1;

export interface LeafLabel {
  vertex: Vertex;
  /** Middle of the streams it names, and of the label itself after moving apart. */
  anchor: number;
  y: number;
  text: string;
  /** Second line with the weight, when there is room for it. */
  note: string;
  size: number;
  /** Side of the thumbnail in pixels; 0 for none. */
  thumb: number;
}

export interface LeafAnchor {
  vertex: Vertex;
  anchor: number;
}

export interface LeafOptions {
  height: number;
  /** Pixels by which labels may stand above the first anchor's zero. */
  lead: number;
  /** Pixels right of the river for label and thumbnail together. */
  room: number;
  measure: Measure;
  thumbs: boolean;
  narrow: boolean;
}

/** Pixels from one label to the next where they are most crowded. */
const TIGHTEST = 9.8;

/** How many labels find room at the data end of a river so high. */
export const endsThatFit = (height: number) => Math.floor((height + 12) / TIGHTEST);

/**
 * Labels at the data end. Where they are crowded they lose their second line, then shrink, then
 * move apart; where they still cannot fit, the heaviest win.
 */
export function leafLabels(all: LeafAnchor[], options: LeafOptions): LeafLabel[] {
  const { height, measure, narrow } = options;
  const step = height / Math.max(1, all.length);
  const lines = step >= 29 && !narrow ? 2 : 1;
  const size = step >= 14 ? (narrow ? 11.5 : 12.5) : step >= 13 ? 10.5 : 9.5;
  const need = lines === 2 ? Math.min(34, step) : step >= 13 ? size + 2.5 : TIGHTEST;
  const kept = all.length * need > height ? spaced(all, need) : all;
  const thumb = options.thumbs && step >= 15 ? Math.min(narrow ? 20 : 28, step - 2) : 0;
  const centres = spread(
    kept.map((item) => item.anchor + options.lead),
    kept.map(() => Math.max(need, thumb + 2)),
    0,
    height,
  );
  const room = options.room - (thumb > 0 ? thumb + 10 : 0);
  const texts = elide(
    kept.map((item) => item.vertex.label),
    room,
    size,
    measure,
  );
  return kept.map((item, i) => ({
    ...item,
    anchor: item.anchor + options.lead,
    y: centres[i]!,
    text: texts[i]!,
    note: lines === 2 ? `w ${item.vertex.weight.toFixed(2)}` : "",
    size,
    thumb,
  }));
}

/** The heaviest that keep `need` pixels from each other, in order. */
function spaced(all: LeafAnchor[], need: number): LeafAnchor[] {
  const kept: LeafAnchor[] = [];
  for (const item of [...all].sort((a, b) => b.vertex.weight - a.vertex.weight)) {
    if (kept.every((other) => Math.abs(other.anchor - item.anchor) >= need)) kept.push(item);
  }
  return kept.sort((a, b) => a.anchor - b.anchor);
}

/**
 * The vertices to name at the data end: the `ends` themselves where at most `most` fit, otherwise
 * coarser branches, opened from the root down, the largest first.
 */
export function namedEnds(tree: Tree, ends: Vertex[], most: number): Vertex[] {
  if (ends.length <= most) return ends;
  const terminal = new Set(ends.map((v) => v.id));
  const named = [tree.vertices[0]!];
  for (;;) {
    const open = named.filter((v) => !terminal.has(v.id));
    const widest = open.reduce((a, b) => (b.subset.length > a.subset.length ? b : a), open[0]!);
    if (widest === undefined || named.length - 1 + widest.children.length > most) break;
    named.splice(named.indexOf(widest), 1, ...widest.children.map((id) => tree.vertices[id]!));
  }
  return named.sort((a, b) => a.first - b.first);
}

/** Pixels the data-end labels would like, within what the width can spare. */
export function labelRoom(
  ends: Vertex[],
  width: number,
  measure: Measure,
  thumbs: boolean,
): number {
  const widest = Math.max(
    measure("w 0.00", 11) + 4,
    ...ends.map((v) => measure(v.label, 12.5, true)),
  );
  const wanted = widest + (thumbs ? 38 : 0) + 6;
  return Math.min(wanted, Math.max(64, (width < 900 ? 0.32 : 0.28) * width));
}

export interface InnerLabel {
  vertex: Vertex;
  box: Box;
  text: string;
  /** Left edge of the text and its baseline's middle. */
  x: number;
  y: number;
  thumb: { x: number; y: number; side: number } | null;
}

export interface InnerOptions {
  x: (t: number) => number;
  left: number;
  right: number;
  measure: Measure;
  thumbs: boolean;
  rootText: string;
  /** Vertices whose branch is folded, drawn as leaves. */
  folded: (v: Vertex) => boolean;
}

const SIZE = 12;

/** The parts a label can be made of, richest first. */
function forms(v: Vertex, text: string, thumbs: boolean, measure: Measure) {
  const words = measure(text, SIZE, true);
  const all = [
    { side: 36, words, text },
    { side: 26, words, text },
    { side: 0, words, text },
    { side: 26, words: 0, text: "" },
  ];
  return (thumbs ? all : all.filter((f) => f.side === 0)).filter(
    (f) => f.text !== "" || v.parent !== -1,
  );
}

/** Labels on the water, each inside the plateau of its vertex; those without room are left out. */
export function innerLabels(tree: Tree, river: River, options: InnerOptions): InnerLabel[] {
  const placed: InnerLabel[] = [];
  const inner = tree.vertices.filter(
    (v) => (v.children.length > 0 || v.parent === -1) && !options.folded(v),
  );
  inner.sort((a, b) => a.depth - b.depth || b.weight - a.weight);
  for (const v of inner) {
    const text = v.parent === -1 ? options.rootText : v.short;
    const label = placeInner(tree, river, v, text, placed, options);
    if (label !== null) placed.push(label);
  }
  return placed;
}

function placeInner(
  tree: Tree,
  river: River,
  v: Vertex,
  text: string,
  placed: InnerLabel[],
  options: InnerOptions,
): InnerLabel | null {
  const [from, to] = span(tree, v, 0.5);
  const lo = Math.max(options.left + 6, options.x(from) + 4);
  const hi = Math.min(options.right - 6, options.x(to));
  // The calm middle: its siblings have parted and its own split has hardly begun.
  const [calmFrom, calmTo] = span(tree, v, 0.9);
  const calm = (options.x(Math.min(calmFrom, tree.tMax)) + options.x(calmTo)) / 2;
  for (const form of forms(v, text, options.thumbs, options.measure)) {
    const width = form.side + (form.side > 0 && form.words > 0 ? 7 : 0) + form.words;
    if (hi - lo < width) continue;
    const tall = Math.max(form.side, form.words > 0 ? SIZE + 3 : 0);
    const middle = Math.min(Math.max(calm, lo + width / 2), hi - width / 2);
    for (const shift of [0, -0.25, 0.25, -0.5, 0.5, -1, 1]) {
      const room = (hi - lo - width) / 2;
      const cx = Math.min(Math.max(middle + shift * room, lo + width / 2), hi - width / 2);
      const label = boxAt(river, v, cx, width, tall, form, options);
      if (label === null) continue;
      if (placed.some((other) => overlaps(grow(other.box, 3), label.box))) continue;
      return { ...label, text: form.text };
    }
  }
  return null;
}

const grow = (b: Box, by: number): Box => ({
  x0: b.x0 - by,
  y0: b.y0 - by,
  x1: b.x1 + by,
  y1: b.y1 + by,
});

function boxAt(
  river: River,
  v: Vertex,
  cx: number,
  width: number,
  tall: number,
  form: { side: number; words: number },
  options: InnerOptions,
): Omit<InnerLabel, "text"> | null {
  const at = [cx - width / 2, cx, cx + width / 2].map((x) => timeOf(options, river, x));
  const [top, bottom] = widestWater(river, v, at);
  if (bottom - top < tall + 2) return null;
  const y = (top + bottom) / 2;
  const x = cx - width / 2;
  const thumb = form.side > 0 ? { x, y: y - form.side / 2, side: form.side } : null;
  const textX = x + (form.side > 0 ? form.side + 7 : 0);
  const box = { x0: x, y0: y - tall / 2, x1: x + width, y1: y + tall / 2 };
  return { vertex: v, box, x: textX, y, thumb };
}

/**
 * The broadest stretch of a bundle without wide gaps at any of the times: words do not float. Where
 * it is less than three quarters of the bundle's water there is none: words would name a part.
 */
function widestWater(river: River, v: Vertex, at: number[]): [number, number] {
  let best: [number, number] = [0, 0];
  let run: [number, number] | null = null;
  for (let p = v.first; p <= v.last; p++) {
    const stream = river.streams[p]!;
    const tops = at.map((t) => lerpAt(river.times, stream.y0, t));
    const bottoms = at.map((t) => lerpAt(river.times, stream.y1, t));
    const above =
      p > v.first ? at.map((t) => lerpAt(river.times, river.streams[p - 1]!.y1, t)) : tops;
    const parted = tops.some((y, i) => y - above[i]! > 5);
    if (run === null || parted) run = [Math.max(...tops), Math.min(...bottoms)];
    else run = [run[0], Math.min(...bottoms)];
    if (run[1] - run[0] > best[1] - best[0]) best = run;
  }
  return best[1] - best[0] >= 0.75 * v.weight * river.unit ? best : [0, 0];
}

/** Time shown at a pixel, by bisection on the (falling) axis. */
function timeOf(options: InnerOptions, river: River, x: number): number {
  let lo = river.times[0]!;
  let hi = river.times[river.times.length - 1]!;
  for (let i = 0; i < 24; i++) {
    const mid = (lo + hi) / 2;
    if (options.x(mid) > x) lo = mid;
    else hi = mid;
  }
  return (lo + hi) / 2;
}

export interface CurveLabel {
  feature: Feature;
  text: string;
  x: number;
  y: number;
  anchor: "start" | "end";
  box: Box;
}

/** Direct labels of the feature curves: beside the curve, clear of the others and of each other. */
export function curveLabels(
  tree: Tree,
  features: Feature[],
  axis: { x: (t: number) => number; t: (x: number) => number },
  y: (fraction: number) => number,
  bounds: Box,
  measure: Measure,
): CurveLabel[] {
  const { x } = axis;
  const size = 11.5;
  const placed: CurveLabel[] = [];
  for (const feature of features) {
    const text = truncate(feature.name, 150, size, measure);
    const width = measure(text, size);
    let best: { label: CurveLabel; cost: number } | null = null;
    for (const level of [0.5, 0.62, 0.38, 0.74, 0.26, 0.86, 0.14]) {
      const t = crossing(tree.times, feature.decided, level);
      for (const side of [-1, 1] as const) {
        // Generation runs right and D rises, so the free sides are above-left and below-right.
        const at = { x: x(t) + side * 9, y: y(level) + side * 4 };
        const x0 = side === -1 ? at.x - width : at.x;
        const box = { x0, y0: at.y - size * 0.7, x1: x0 + width, y1: at.y + size * 0.7 };
        if (box.x0 < bounds.x0 || box.x1 > bounds.x1) continue;
        if (placed.some((p) => overlaps(p.box, box))) continue;
        const cost = Math.abs(level - 0.5) + crossings(tree, features, axis.t, y, box);
        if (best === null || cost < best.cost) {
          const anchor = side === -1 ? "end" : "start";
          best = { label: { feature, text, x: at.x, y: at.y, anchor, box }, cost };
        }
      }
    }
    if (best !== null) placed.push(best.label);
  }
  return placed;
}

/** How much of a box the curves run through: 0.3 for each curve at each of a few places. */
function crossings(
  tree: Tree,
  features: Feature[],
  timeAt: (x: number) => number,
  y: (fraction: number) => number,
  box: Box,
): number {
  let hits = 0;
  for (let px = box.x0 - 2; px <= box.x1 + 2; px += 6) {
    const t = timeAt(px);
    for (const feature of features) {
      const py = y(lerpAt(tree.times, feature.decided, t));
      if (py > box.y0 - 1 && py < box.y1 + 1) hits += 0.3;
    }
  }
  return hits;
}
