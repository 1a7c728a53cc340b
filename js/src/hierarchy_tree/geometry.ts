/** Outlines derived from the river: regions of vertices, brackets along the banks. Pure. */
import { lerpAt } from "../lib/interp";
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
}

/** How far above its bank a bracket may stand: half of the gap there, at most 6 pixels. */
function standoff(river: River, v: Vertex, t: number): number {
  if (v.first === 0) return 6;
  const above = lerpAt(river.times, river.streams[v.first - 1]!.y1, t);
  const own = lerpAt(river.times, river.streams[v.first]!.y0, t);
  return Math.min(6, Math.max(1, (own - above) / 2));
}

/** The bracket of a certified plateau along the upper bank of its vertex. */
export function bracketOf(
  tree: Tree,
  river: River,
  v: Vertex,
  plateau: Plateau,
  x: (t: number) => number,
): Bracket {
  const clip = (t: number) => Math.min(Math.max(t, river.times[0]!), tree.tMax);
  const [from, to] = [clip(plateau.start), clip(plateau.end)];
  const line = (a: number, b: number) =>
    timesBetween(river, a, b)
      .map((t) => `${f(x(t))},${f(bundleAt(river, v, t)[0] - standoff(river, v, t))}`)
      .join("L");
  const tick = (t: number) => {
    const y = bundleAt(river, v, t)[0] - standoff(river, v, t);
    return `M${f(x(t))},${f(y - 2.5)}v5`;
  };
  const open = plateau.start > tree.tMax;
  const d = from > to ? `M${line(from, to)}${open ? "" : tick(from)}${to > 0 ? tick(to) : ""}` : "";
  const low = clip(plateau.endLow);
  const high = clip(plateau.startHigh);
  const doubt =
    (low < to ? `M${line(to, low)}` : "") + (high > from && !open ? `M${line(high, from)}` : "");
  return { vertex: v, d, doubt };
}
