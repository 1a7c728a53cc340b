/**
 * The river, as geometry. Pure: data in, numbers out; neither page nor model.
 *
 * Every component is a stream as wide as its weight, stacked in tree order. The gap between two
 * neighbours is `gapMax · D(t)`, D being the decided fraction of the split that parts them, and their
 * colours part by the same number: the drawing is the measurement.
 */
import { hueAt, type Lab, mix, NEUTRAL, type Scheme, toHex } from "../lib/colour";
import { lerpAt, type Row, resample } from "../lib/interp";
import type { Tree, Vertex } from "./data";

export interface RiverOptions {
  /** OU time to pixels, noise at the left. */
  x: (t: number) => number;
  /** Smallest time the axis shows. */
  last: number;
  /** Pixels across which the river may spread. */
  height: number;
  scheme: Scheme;
  /** 1 where a vertex's split is shown, 0 where its branch is folded away; between while moving. */
  openness?: (id: number) => number;
}

export interface ColourStop {
  offset: number;
  colour: string;
}

export interface Stream {
  component: number;
  position: number;
  /** Upper and lower bank at each sample. */
  y0: Float64Array;
  y1: Float64Array;
  /** Where the banks may also be, by the interval of D; null when it is known to half a pixel. */
  soft: { y0: Float64Array; y1: Float64Array } | null;
  stops: ColourStop[];
}

export interface River {
  /** Sample times, increasing, and their pixels. */
  times: Float64Array;
  xs: Float64Array;
  streams: Stream[];
  /** Pixels per unit of weight. */
  unit: number;
  /** Widest opening of the gap below each position (length K − 1). */
  gapMax: Float64Array;
  /** The vertex whose split opens that gap. */
  gapOwner: number[];
  /** OKLab colour of each vertex. */
  colours: Lab[];
}

/** Times at which banks are computed: half even in t, half even in log σ, so every clock is smooth. */
export function sampleTimes(tMax: number, tMin: number, last: number, n: number): Float64Array {
  const half = Math.max(2, n >> 1);
  const all: number[] = [];
  const u0 = Math.log(Math.expm1(2 * Math.max(tMin, 1e-6)));
  const u1 = Math.log(Math.expm1(2 * tMax));
  // Levels that count tokens are no OU times: there they may be too large for σ, and need none.
  const even = Number.isFinite(u1) ? half : n;
  for (let i = 0; i < even; i++) all.push(last + ((tMax - last) * i) / (even - 1));
  for (let i = 0; i < n - even; i++) {
    all.push(Math.log1p(Math.exp(u0 + ((u1 - u0) * i) / (half - 1))) / 2);
  }
  all.sort((a, b) => a - b);
  const kept = all.filter((t, i) => t >= last && t <= tMax && (i === 0 || t - all[i - 1]! > 1e-9));
  kept[0] = last;
  kept[kept.length - 1] = tMax;
  return Float64Array.from(kept);
}

/** Deepest vertex holding both stacking positions. */
export function commonVertex(tree: Tree, p: number, q: number): Vertex {
  let v = tree.vertices[0]!;
  for (;;) {
    const next = v.children
      .map((id) => tree.vertices[id]!)
      .find((c) => c.first <= p && q <= c.last);
    if (next === undefined) return v;
    v = next;
  }
}

/** Vertices met by the stream at a stacking position, root first. */
export function pathAt(tree: Tree, position: number): Vertex[] {
  const path: Vertex[] = [];
  let v: Vertex | undefined = tree.vertices[0]!;
  while (v !== undefined) {
    path.push(v);
    v = v.children
      .map((id) => tree.vertices[id]!)
      .find((c) => c.first <= position && position <= c.last);
  }
  return path;
}

/** One colour per vertex: leaves along the path of hues, parents the mean of their children. */
export function treeColours(tree: Tree, scheme: Scheme): Lab[] {
  const k = tree.order.length;
  const places = new Float64Array(k);
  for (let p = 1; p < k; p++) {
    const height = commonVertex(tree, p - 1, p).height;
    places[p] = places[p - 1]! + 1 + 2.2 * (height - 1);
  }
  const width = places[k - 1] || 1;
  const reach = Math.min(1, 0.35 + 0.11 * k);
  const colours: Lab[] = new Array(tree.vertices.length).fill(NEUTRAL[scheme]);
  for (const v of [...tree.vertices].reverse()) {
    if (v.parent === -1) continue;
    if (v.children.length === 0) {
      const lift = (v.first % 2 === 0 ? -1 : 1) * (k > 12 ? 0.045 : 0.02);
      colours[v.id] = hueAt(
        (reach * (places[v.first]! + places[v.last]!)) / 2 / width,
        scheme,
        lift,
      );
      continue;
    }
    colours[v.id] = weightedMean(tree, v, colours);
  }
  return colours;
}

function weightedMean(tree: Tree, v: Vertex, colours: Lab[]): Lab {
  const sum = [0, 0, 0];
  for (const id of v.children) {
    const f = tree.vertices[id]!.weight / v.weight;
    colours[id]!.forEach((value, j) => {
      sum[j]! += f * value;
    });
  }
  return [sum[0]!, sum[1]!, sum[2]!];
}

/** How much of the height the gaps take together, and how it is shared among them. */
function gapSizes(tree: Tree, height: number): { owner: number[]; max: Float64Array } {
  const k = tree.order.length;
  const owner: number[] = [];
  for (let p = 0; p + 1 < k; p++) owner.push(commonVertex(tree, p, p + 1).id);
  // Higher splits open wider, so that a branch reads as one body of water.
  const units = owner.map((id) => tree.vertices[id]!.height ** 0.8);
  const total = units.reduce((a, b) => a + b, 0);
  const share = Math.min(0.5, 0.22 + 0.018 * k);
  const max = Float64Array.from(units, (u) => (total > 0 ? (u / total) * share * height : 0));
  return { owner, max };
}

const sum = (values: Float64Array) => values.reduce((a, b) => a + b, 0);

/** D of a vertex's split at the samples: never outside [0, 1], whatever the estimate says. */
function fraction(grid: Row, values: Row, at: Float64Array): Float64Array {
  const out = resample(grid, values, at);
  for (let i = 0; i < out.length; i++) {
    const value = out[i]!;
    out[i] = Number.isFinite(value) ? Math.min(1, Math.max(0, value)) : 0;
  }
  return out;
}

function colourStops(tree: Tree, river: River, position: number, options: RiverOptions) {
  const { xs, times, colours } = river;
  const n = tree.order.length > 40 ? 16 : 32;
  const left = xs[xs.length - 1]!;
  const right = xs[0]!;
  const path = pathAt(tree, position);
  const open = options.openness ?? (() => 1);
  const stops: ColourStop[] = [];
  for (let i = 0; i < n; i++) {
    const offset = i / (n - 1);
    // xs falls as times rise; look times up by pixel.
    const t = timeAtPixel(xs, times, left + offset * (right - left));
    let colour = colours[0]!;
    let shown = 1;
    for (let d = 0; d + 1 < path.length; d++) {
      shown *= open(path[d]!.id);
      const f = lerpAt(tree.times, path[d]!.decided, t);
      colour = mix(colour, colours[path[d + 1]!.id]!, Math.min(1, Math.max(0, f || 0)) * shown);
    }
    stops.push({ offset, colour: toHex(colour) });
  }
  // A run of equal colours needs only its ends.
  return stops.filter(
    (s, i) => s.colour !== stops[i - 1]?.colour || s.colour !== stops[i + 1]?.colour,
  );
}

function timeAtPixel(xs: Float64Array, times: Float64Array, x: number): number {
  let lo = 0;
  let hi = xs.length - 1;
  while (hi - lo > 1) {
    const mid = (lo + hi) >> 1;
    if (xs[mid]! >= x) lo = mid;
    else hi = mid;
  }
  const run = xs[hi]! - xs[lo]!;
  return run === 0 ? times[lo]! : times[lo]! + ((x - xs[lo]!) / run) * (times[hi]! - times[lo]!);
}

/** Whether a vertex's own split shows: its openness times that of all its ancestors. */
function shownness(tree: Tree, openness?: (id: number) => number): Float64Array {
  const shown = new Float64Array(tree.vertices.length).fill(1);
  if (openness === undefined) return shown;
  for (const v of tree.vertices) {
    shown[v.id] = openness(v.id) * (v.parent === -1 ? 1 : shown[v.parent]!);
  }
  return shown;
}

/** D of every gap's owner at the samples, by vertex. */
function ownersCurves(tree: Tree, river: River, key: "decided" | "decidedLow") {
  const curves = new Map<number, Float64Array>();
  for (const id of river.gapOwner) {
    if (curves.has(id)) continue;
    curves.set(id, fraction(tree.times, tree.vertices[id]![key], river.times));
  }
  return curves;
}

/** Banks of all streams at the samples, and where the lower limit of D would put them. */
function layBanks(tree: Tree, river: River, options: RiverOptions) {
  const k = tree.order.length;
  const { gapMax, gapOwner: owner } = river;
  const shown = shownness(tree, options.openness);
  const mid = ownersCurves(tree, river, "decided");
  const low = ownersCurves(tree, river, "decidedLow");
  const make = () => Array.from({ length: k }, () => new Float64Array(river.times.length));
  const [y0, y1, soft0, soft1] = [make(), make(), make(), make()];
  const softness = new Float64Array(k);
  for (let i = 0; i < river.times.length; i++) {
    let spread = 0;
    for (let p = 0; p + 1 < k; p++)
      spread += gapMax[p]! * shown[owner[p]!]! * mid.get(owner[p]!)![i]!;
    let y = (options.height - river.unit - spread) / 2;
    let above = 0;
    for (let p = 0; p < k; p++) {
      const id = owner[p];
      const scale = id === undefined ? 0 : gapMax[p]! * shown[id]!;
      const gap = id === undefined ? 0 : scale * mid.get(id)![i]!;
      const doubt = id === undefined ? 0 : Math.max(0, (gap - scale * low.get(id)![i]!) / 2);
      y0[p]![i] = y;
      y += river.unit * tree.components[tree.order[p]!]!.weight;
      y1[p]![i] = y;
      soft0[p]![i] = y0[p]![i]! - above;
      soft1[p]![i] = y + doubt;
      softness[p] = Math.max(softness[p]!, above, doubt);
      above = doubt;
      y += gap;
    }
  }
  return { y0, y1, soft0, soft1, softness };
}

/** The whole river. Cost: K streams × ~120 samples. */
export function riverLayout(tree: Tree, options: RiverOptions): River {
  const k = tree.order.length;
  const times = sampleTimes(tree.tMax, tree.tMin, options.last, k > 40 ? 72 : 128);
  const xs = Float64Array.from(times, options.x);
  const { owner, max } = gapSizes(tree, options.height);
  // A lone stream needs no more room than a label.
  const unit = k === 1 ? Math.min(options.height, 96) : options.height - sum(max);
  const river: River = {
    times,
    xs,
    streams: [],
    unit,
    gapMax: max,
    gapOwner: owner,
    colours: treeColours(tree, options.scheme),
  };
  const { y0, y1, soft0, soft1, softness } = layBanks(tree, river, options);
  for (let p = 0; p < k; p++) {
    river.streams.push({
      component: tree.order[p]!,
      position: p,
      y0: y0[p]!,
      y1: y1[p]!,
      soft: softness[p]! > 0.6 ? { y0: soft0[p]!, y1: soft1[p]! } : null,
      stops: colourStops(tree, river, p, options),
    });
  }
  return river;
}

/** Upper and lower edge of a vertex's bundle of streams at time `t`. */
export function bundleAt(river: River, v: Vertex, t: number): [number, number] {
  const top = river.streams[v.first]!;
  const bottom = river.streams[v.last]!;
  return [lerpAt(river.times, top.y0, t), lerpAt(river.times, bottom.y1, t)];
}

/** Colour of the water of a stream at pixel `x` (unzoomed), for choosing ink. */
export function colourAt(river: River, position: number, x: number): string {
  const left = river.xs[river.xs.length - 1]!;
  const right = river.xs[0]!;
  const offset = right === left ? 0 : (x - left) / (right - left);
  const stops = river.streams[position]!.stops;
  let best = stops[0]!;
  for (const stop of stops) {
    if (Math.abs(stop.offset - offset) < Math.abs(best.offset - offset)) best = stop;
  }
  return best.colour;
}

/** SVG path of the band between two banks over samples `[from, to]`, as a closed outline. */
export function bandPath(xs: Row, y0: Row, y1: Row, from = 0, to = xs.length - 1): string {
  const f = (value: number) => Math.round(value * 10) / 10;
  let d = "";
  for (let i = from; i <= to; i++) d += `${i === from ? "M" : "L"}${f(xs[i]!)},${f(y0[i]!)}`;
  for (let i = to; i >= from; i--) d += `L${f(xs[i]!)},${f(y1[i]!)}`;
  return `${d}Z`;
}
