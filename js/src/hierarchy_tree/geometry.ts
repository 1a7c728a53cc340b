/** Outlines derived from the river: regions of vertices, brackets along the banks. Pure. */
import { locate } from "../lib/interp";
import { span, type Tree, type Vertex } from "./data";
import { bundleAt, type River } from "./layout";
import type { Plateau } from "./plateaus";

const f = (value: number) => Math.round(value * 10) / 10;

export interface Region {
  d: string;
  /** A point inside, for placing a card. */
  cx: number;
  cy: number;
  /** Its vertical extent. */
  top: number;
  bottom: number;
}

/** Sample times strictly between two times, with both ends. */
function timesBetween(river: River, from: number, to: number): number[] {
  const inside: number[] = [];
  for (const t of river.times) if (t > to && t < from) inside.push(t);
  return [to, ...inside, from];
}

/**
 * The stretch of water where `v` is decided and nothing finer is. Regions of a tree tile the river,
 * so what lies under the pointer is what the sampler has decided there.
 */
export function regionOf(
  tree: Tree,
  river: River,
  v: Vertex,
  asLeaf: boolean,
  x: (t: number) => number,
): Region {
  let [from, to] = span(tree, v, 0.5, asLeaf);
  from = Math.min(from, tree.tMax);
  // A split decided no later than its parent's has no stretch of its own; keep it reachable.
  if (from <= to) from = Math.min(tree.tMax, to + 0.01 * tree.tMax);
  const times = timesBetween(river, from, Math.max(to, river.times[0]!));
  const top: string[] = [];
  const bottom: string[] = [];
  const extent: [number, number] = [Number.POSITIVE_INFINITY, 0];
  for (const t of times) {
    const [a, b] = bundleAt(river, v, t);
    extent[0] = Math.min(extent[0], a);
    extent[1] = Math.max(extent[1], b);
    top.push(`${f(x(t))},${f(a)}`);
    bottom.push(`${f(x(t))},${f(b)}`);
  }
  const mid = times[times.length >> 1]!;
  const [a, b] = bundleAt(river, v, mid);
  return {
    d: `M${top.join("L")}L${bottom.reverse().join("L")}Z`,
    cx: x(mid),
    cy: (a + b) / 2,
    top: extent[0],
    bottom: extent[1],
  };
}

export interface Bracket {
  vertex: Vertex;
  /** The certain part, a line along the bank with ticks at its ends. */
  d: string;
  /** The ends that are only known to an interval. */
  doubt: string;
  /** Stands in a gap too narrow for a full stroke. */
  thin: boolean;
}

/** How far above its bank a bracket may stand: half of the gap there, at most 6 pixels. */
function standoff(river: River, v: Vertex, i: number): number {
  if (v.first === 0) return 6;
  const gap = river.streams[v.first]!.y0[i]! - river.streams[v.first - 1]!.y1[i]!;
  return Math.min(6, Math.max(1, gap / 2));
}

interface Rail {
  /** Height of the bracket's line at each sample, above its bank by so much, and as path points. */
  ys: Float64Array;
  above: Float64Array;
  points: string[];
}

/** The line along which a vertex's bracket runs does not depend on ε: made once per river. */
const rails = new WeakMap<River, Map<number, Rail>>();

function railOf(river: River, v: Vertex): Rail {
  let known = rails.get(river);
  if (known === undefined) {
    known = new Map();
    rails.set(river, known);
  }
  let rail = known.get(v.id);
  if (rail === undefined) {
    const bank = river.streams[v.first]!.y0;
    const above = bank.map((_, i) => standoff(river, v, i));
    const ys = bank.map((y, i) => y - above[i]!);
    const points = Array.from(ys, (y, i) => `${f(river.xs[i]!)},${f(y)}`);
    rail = { ys, above, points };
    known.set(v.id, rail);
  }
  return rail;
}

/** A point of the rail between samples: the pixel, and the height there. */
function pointAt(river: River, rail: Rail, t: number): { i: number; x: number; y: number } {
  const i = locate(river.times, t);
  const j = Math.min(i + 1, river.times.length - 1);
  const step = river.times[j]! - river.times[i]!;
  const part = step === 0 ? 0 : Math.min(1, Math.max(0, (t - river.times[i]!) / step));
  return {
    i,
    x: f(river.xs[i]! + part * (river.xs[j]! - river.xs[i]!)),
    y: f(rail.ys[i]! + part * (rail.ys[j]! - rail.ys[i]!)),
  };
}

/** The bracket of a certified plateau along the upper bank of its vertex. */
export function bracketOf(
  tree: Tree,
  river: River,
  v: Vertex,
  plateau: Plateau,
  zoom: number,
): Bracket {
  const rail = railOf(river, v);
  const clip = (t: number) => Math.min(Math.max(t, river.times[0]!), tree.tMax);
  const [from, to] = [clip(plateau.start), clip(plateau.end)];
  const line = (late: number, early: number) => {
    const a = pointAt(river, rail, early);
    const b = pointAt(river, rail, late);
    const between = rail.points.slice(a.i + 1, b.i + 1);
    return `M${[`${a.x},${a.y}`, ...between, `${b.x},${b.y}`].join("L")}`;
  };
  const tick = (t: number) => {
    const { i, x, y } = pointAt(river, rail, t);
    const half = f(Math.min(2.5, rail.above[i]!));
    return `M${x},${f(y - half)}v${2 * half}`;
  };
  const open = plateau.start > tree.tMax;
  const [early, late] = [pointAt(river, rail, from), pointAt(river, rail, to)];
  // Ticks closer than their own height would be a blot.
  const ticks = (late.x - early.x) * zoom >= 5;
  const ends = `${ticks && !open ? tick(from) : ""}${ticks && to > 0 ? tick(to) : ""}`;
  const d = from > to ? line(from, to) + ends : "";
  const thin = Math.min(rail.above[early.i]!, rail.above[late.i]!) < 3.5;
  const low = clip(plateau.endLow);
  const high = clip(plateau.startHigh);
  const doubt = (low < to ? line(to, low) : "") + (high > from && !open ? line(high, from) : "");
  return { vertex: v, d, doubt, thin };
}
