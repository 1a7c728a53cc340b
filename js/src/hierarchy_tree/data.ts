/** The payload, decoded and checked: everything after this file can trust what it is given. */
import { decode, type NdArray, PayloadError, row } from "../lib/buffers";
import {
  type Clock,
  type Method,
  PAYLOAD_VERSION,
  type Payload,
  type WireEstimate,
  type WireInterval,
} from "../lib/contract.gen";
import { crossing, lerpAt, type Row } from "../lib/interp";
import { shortLabel } from "./names";

export type Interval = WireInterval;

export interface Vertex {
  id: number;
  parent: number;
  children: number[];
  subset: number[];
  label: string;
  /** What this vertex adds to its parent's label; for drawing beside the parent. */
  short: string;
  weight: number;
  epsStar: WireEstimate | null;
  /** Smallest ε at which closed forms alone prove it. */
  epsCertified: number | null;
  half: Interval | null;
  interval: [number, number] | null;
  /** Root is 0. */
  depth: number;
  /** Longest way down; a leaf is 0. */
  height: number;
  /** First and last place of its components in the stacking order. */
  first: number;
  last: number;
  decided: Row;
  decidedLow: Row;
  decidedHigh: Row;
  retention: Row;
  retentionLow: Row;
  retentionHigh: Row;
  overlap: Row;
  overlapLow: Row;
  overlapHigh: Row;
  within: Row;
  tStart: Row;
  tStartLow: Row;
  tStartHigh: Row;
  tEnd: Row;
  tEndLow: Row;
  tEndHigh: Row;
}

export interface Feature {
  name: string;
  half: Interval | null;
  interval: [number, number] | null;
  chance: number;
  decided: Row;
  low: Row;
  high: Row;
}

export interface Thumbnails {
  height: number;
  width: number;
  channels: number;
  range: [number, number];
  /** Mean image of each vertex, flattened. */
  images: Row[];
}

export interface Tree {
  title: string;
  components: Payload["components"];
  order: number[];
  /** Clocks on which times can be shown; the first is the unit that they are stored in. */
  clocks: readonly Clock[];
  times: Row;
  tMax: number;
  tMin: number;
  vertices: Vertex[];
  epsGrid: Row;
  methods: Payload["methods"];
  features: Feature[];
  thumbnails: Thumbnails | null;
}

const PER_TIME = [
  ["decided", "decided"],
  ["decidedLow", "decided_low"],
  ["decidedHigh", "decided_high"],
  ["retention", "retention"],
  ["retentionLow", "retention_low"],
  ["retentionHigh", "retention_high"],
  ["overlap", "overlap"],
  ["overlapLow", "overlap_low"],
  ["overlapHigh", "overlap_high"],
  ["within", "within"],
] as const;

const PER_EPS = [
  ["tStart", "t_start"],
  ["tStartLow", "t_start_low"],
  ["tStartHigh", "t_start_high"],
  ["tEnd", "t_end"],
  ["tEndLow", "t_end_low"],
  ["tEndHigh", "t_end_high"],
] as const;

function matrix(payload: Payload, name: keyof Payload, rows: number, columns: number): NdArray {
  const array = decode(payload[name], `data.${name}`);
  if (array.shape[0] !== rows || array.shape[1] !== columns) {
    throw new PayloadError(
      `data.${name} has shape [${array.shape.join(", ")}]; expected [${rows}, ${columns}].`,
    );
  }
  return array;
}

function decodeVertices(payload: Payload, times: Row, epsGrid: Row): Vertex[] {
  const wire = payload.vertices;
  if (!Array.isArray(wire) || wire.length === 0) {
    throw new PayloadError("data.vertices is empty; a tree has at least its root.");
  }
  const curves = PER_TIME.map(
    ([key, name]) => [key, matrix(payload, name, wire.length, times.length)] as const,
  );
  const plateaus = PER_EPS.map(
    ([key, name]) => [key, matrix(payload, name, wire.length, epsGrid.length)] as const,
  );
  const vertices = wire.map((v, i) => {
    if (v.id !== i || v.parent >= i || v.parent < -1 || (i === 0) !== (v.parent === -1)) {
      throw new PayloadError(
        `data.vertices[${i}] is not in preorder (id ${v.id}, parent ${v.parent}).`,
      );
    }
    const rows = Object.fromEntries([...curves, ...plateaus].map(([k, a]) => [k, row(a, i)]));
    const { eps_star: epsStar, eps_certified: epsCertified, ...rest } = v;
    const depth = 0;
    return {
      ...rest,
      epsStar,
      epsCertified,
      short: "",
      depth,
      height: 0,
      ...rows,
    } as unknown as Vertex;
  });
  for (const v of vertices) {
    const parent = vertices[v.parent];
    v.depth = parent === undefined ? 0 : parent.depth + 1;
    v.short = shortLabel(v, parent, payload.components);
  }
  for (const v of vertices.slice(1).reverse()) {
    const parent = vertices[v.parent]!;
    parent.height = Math.max(parent.height, v.height + 1);
  }
  return vertices;
}

function decodeFeatures(payload: Payload, columns: number): Feature[] {
  const wire = payload.features ?? [];
  if (wire.length === 0) return [];
  const value = matrix(payload, "feature_decided", wire.length, columns);
  const low = matrix(payload, "feature_decided_low", wire.length, columns);
  const high = matrix(payload, "feature_decided_high", wire.length, columns);
  return wire.map((f, i) => ({
    ...f,
    decided: row(value, i),
    low: row(low, i),
    high: row(high, i),
  }));
}

function decodeThumbnails(payload: Payload): Thumbnails | null {
  const wire = payload.thumbnails;
  if (wire === null || wire === undefined) return null;
  const [n, height, width, channels] = wire.shape;
  const array = decode(wire.arr, "data.thumbnails.arr");
  const size = height * width * channels;
  if (n !== payload.vertices.length || array.data.length !== n * size) {
    throw new PayloadError(
      `data.thumbnails holds ${array.data.length} numbers for ${payload.vertices.length} vertices ` +
        `of shape [${height}, ${width}, ${channels}].`,
    );
  }
  const images = Array.from({ length: n }, (_, i) => array.data.subarray(i * size, (i + 1) * size));
  return { height, width, channels, range: wire.range, images };
}

/** Streams are stacked in tree order: every vertex must own a run of neighbours. */
function placeInOrder(vertices: Vertex[], order: number[]): void {
  const place = new Map(order.map((component, position) => [component, position]));
  for (const v of vertices) {
    const places = v.subset.map((i) => place.get(i) ?? Number.NaN);
    v.first = Math.min(...places);
    v.last = Math.max(...places);
    if (!(v.last - v.first === v.subset.length - 1)) {
      throw new PayloadError(`data.order separates the components of vertex ${v.id} (${v.label}).`);
    }
  }
}

/** Decode a payload. Throws `PayloadError` with a sentence for the reader. */
export function decodeTree(payload: Payload | Record<string, never> | null | undefined): Tree {
  if (payload === null || payload === undefined || !("version" in payload)) {
    throw new PayloadError("This widget was given no data.");
  }
  const p = payload as Payload;
  if (p.version !== PAYLOAD_VERSION) {
    throw new PayloadError(
      `This widget's data have version ${p.version}; this front end draws version ` +
        `${PAYLOAD_VERSION}. Restart the kernel and reload the page after upgrading.`,
    );
  }
  const times = decode(p.times, "data.times").data;
  const epsGrid = decode(p.eps_grid, "data.eps_grid").data;
  if (times.length < 2) throw new PayloadError("data.times needs at least two times.");
  const vertices = decodeVertices(p, times, epsGrid);
  const k = p.components.length;
  if (
    p.order.length !== k ||
    new Set(p.order).size !== k ||
    p.order.some((i) => !(i >= 0 && i < k))
  ) {
    throw new PayloadError(`data.order is not an ordering of the ${k} components.`);
  }
  placeInOrder(vertices, p.order);
  return {
    title: p.title,
    components: p.components,
    order: p.order,
    // A state saved before levels of tokens had clocks names none.
    clocks: p.clocks ?? ["t", "sigma", "alpha_bar", "log_snr"],
    times,
    tMax: p.t_max,
    tMin: p.t_min,
    vertices,
    epsGrid,
    methods: p.methods,
    features: decodeFeatures(p, times.length),
    thumbnails: decodeThumbnails(p),
  };
}

/** A vertex's subset is decided against its siblings at `t` with this fraction (root: 1). */
export function arrived(tree: Tree, v: Vertex, t: number): number {
  const parent = tree.vertices[v.parent];
  return parent === undefined ? 1 : lerpAt(tree.times, parent.decided, t);
}

/** Times between which the sampler has decided `v` and, more likely than not, nothing finer. */
export function span(tree: Tree, v: Vertex, level = 0.5, asLeaf = false): [number, number] {
  const parent = tree.vertices[v.parent];
  const from = parent === undefined ? tree.tMax : crossing(tree.times, parent.decided, level);
  const leaf = asLeaf || v.children.length === 0;
  const to = leaf ? 0 : crossing(tree.times, v.decided, 1 - level);
  return [from, to];
}

/** Vertices from the root to `v`, both included. */
export function pathTo(tree: Tree, v: Vertex): Vertex[] {
  const path: Vertex[] = [];
  for (let u: Vertex | undefined = v; u !== undefined; u = tree.vertices[u.parent]) path.unshift(u);
  return path;
}

/** The vertex with exactly this subset, if there is one. */
export function vertexOf(tree: Tree, subset: readonly number[]): Vertex | undefined {
  if (subset.length === 0) return undefined;
  const wanted = new Set(subset);
  return tree.vertices.find(
    (v) => v.subset.length === wanted.size && v.subset.every((i) => wanted.has(i)),
  );
}

/** How it is known that `v` is a vertex at ε: exactly, proven in closed form, or from samples. */
export function certificate(v: Vertex, eps: number): Method {
  if (v.parent === -1 || v.epsStar?.method === "exact") return "exact";
  return v.epsCertified !== null && v.epsCertified <= eps ? "certified" : "estimated";
}

export function isCertified(v: Vertex, eps: number): boolean {
  return v.epsStar !== null && v.epsStar.value <= eps;
}
