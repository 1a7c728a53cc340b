/** Synthetic trees in the wire format: logistic decided fractions around given half-way times. */
import type { WireArray } from "../src/lib/buffers";
import type { Payload, WireInterval } from "../src/lib/contract.gen";

export interface Node {
  label: string;
  weight?: number;
  half?: number;
  width?: number;
  epsStar?: number;
  children?: Node[];
  features?: Record<string, string>;
  image?: number[];
}

export const wire = (
  dtype: "float32" | "float64",
  shape: number[],
  values: ArrayLike<number>,
): WireArray => {
  const Type = dtype === "float32" ? Float32Array : Float64Array;
  const typed = Type.from(values as ArrayLike<number>);
  // An odd offset, as in a real message.
  const bytes = new Uint8Array(typed.byteLength + 3);
  bytes.set(new Uint8Array(typed.buffer), 3);
  return { dtype, shape, data: new DataView(bytes.buffer, 3, typed.byteLength) };
};

const logistic = (t: number, half: number, width: number) => {
  const g = (s: number) => 1 / (1 + Math.exp((s - half) / width));
  return g(t) / g(0);
};

const crossAt = (level: number, half: number, width: number, tMax: number) => {
  let lo = 0;
  let hi = tMax;
  for (let i = 0; i < 50; i++) {
    const mid = (lo + hi) / 2;
    if (logistic(mid, half, width) > level) lo = mid;
    else hi = mid;
  }
  return lo;
};

interface Flat extends Node {
  id: number;
  parent: number;
  kids: number[];
  subset: number[];
}

function flatten(root: Node): { all: Flat[]; leaves: Flat[] } {
  const all: Flat[] = [];
  const leaves: Flat[] = [];
  const walk = (node: Node, parent: number): Flat => {
    const flat: Flat = { ...node, id: all.length, parent, kids: [], subset: [] };
    all.push(flat);
    for (const child of node.children ?? []) {
      const kid = walk(child, flat.id);
      flat.kids.push(kid.id);
      flat.subset.push(...kid.subset);
    }
    if (flat.kids.length === 0) {
      flat.subset.push(leaves.length);
      leaves.push(flat);
    } else {
      flat.weight = flat.kids.reduce((sum, id) => sum + (all[id]!.weight ?? 0), 0);
    }
    return flat;
  };
  walk(root, -1);
  return { all, leaves };
}

export interface Options {
  title?: string;
  tMax?: number;
  features?: Array<{ name: string; half: number; width: number }>;
  image?: [number, number, number];
  doubt?: number;
}

const T = 97;
const E = 41;

function plateauTables(all: Flat[], tMax: number) {
  const grid = Array.from({ length: E }, (_, i) => 0.005 * 100 ** (i / (E - 1)));
  const start: number[] = [];
  const end: number[] = [];
  for (const v of all) {
    const parent = all[v.parent];
    const star = v.epsStar ?? 0;
    for (const eps of grid) {
      const slack = Math.log(1 / eps);
      const s =
        parent === undefined
          ? Infinity
          : (parent.half ?? 0) - 0.28 * slack * 2 * (parent.width ?? 0.2);
      const e = v.kids.length === 0 ? 0 : (v.half ?? 0) + 0.35 * slack * 2 * (v.width ?? 0.2);
      const fine = eps >= star * 0.9999;
      start.push(fine ? Math.max(s, e) : Number.NaN);
      end.push(fine ? e : Number.NaN);
    }
  }
  return { grid, start, end, tMax };
}

export function payloadOf(root: Node, options: Options = {}): Payload {
  const { all, leaves } = flatten(root);
  const tMax = options.tMax ?? 7;
  const doubt = options.doubt ?? 0;
  const times = Array.from({ length: T }, (_, i) => tMax * (i / (T - 1)) ** 1.5);
  const V = all.length;
  const rows = (f: (v: Flat, t: number) => number) => all.flatMap((v) => times.map((t) => f(v, t)));
  const D = (v: Flat, t: number) =>
    v.kids.length === 0 ? Number.NaN : logistic(t, v.half ?? 1, v.width ?? 0.2);
  const how = doubt > 0 ? ("estimated" as const) : ("exact" as const);
  const clamp = (x: number) => Math.min(1, Math.max(0, x));
  const wobble = (v: Flat, t: number) => doubt * 4 * D(v, t) * (1 - D(v, t));
  const back = (v: Flat, t: number): number => {
    let p = 1;
    for (let u: Flat | undefined = v; u !== undefined && u.parent !== -1; u = all[u.parent]) {
      const parent = all[u.parent]!;
      const share = u.weight! / parent.weight!;
      p *= share + (1 - share) * D(parent, t);
    }
    return p;
  };
  const overlap = (v: Flat, t: number) => {
    const parent = all[v.parent];
    return parent === undefined
      ? -Infinity
      : Math.log10(1 - 0.999 * D(parent, t)) - 2 * D(parent, t);
  };
  const vt = (f: (v: Flat, t: number) => number) => wire("float32", [V, T], rows(f));
  const plateaus = plateauTables(all, tMax);
  const ve = (values: number[], by = 0) =>
    wire(
      "float32",
      [V, E],
      values.map((x) => x + by),
    );
  const features = options.features ?? [];
  const F = features.length;
  const ft = (by: number) =>
    wire(
      "float32",
      [F, T],
      features.flatMap((f) =>
        times.map((t) => {
          const d = logistic(t, f.half, f.width);
          return clamp(d + by * 4 * d * (1 - d));
        }),
      ),
    );
  const interval = (half: number, width: number): [number, number] => [
    crossAt(0.95, half, width, tMax),
    crossAt(0.05, half, width, tMax),
  ];
  const around = (value: number): WireInterval => ({
    value,
    low: value - doubt,
    high: value + doubt,
  });
  return {
    version: 1,
    title: options.title ?? "When is what decided?",
    components: leaves.map((v) => ({
      label: v.label,
      weight: v.weight!,
      features: v.features ?? {},
    })),
    order: leaves.map((_, i) => i),
    feature_names: features.map((f) => f.name),
    clocks: ["t", "sigma", "alpha_bar", "log_snr"],
    times: wire("float64", [T], times),
    t_max: tMax,
    t_min: 0.02,
    vertices: all.map((v) => ({
      id: v.id,
      parent: v.parent,
      children: v.kids,
      subset: v.subset,
      label: v.label,
      weight: v.weight!,
      eps_star: {
        value: v.epsStar ?? 0,
        low: v.epsStar ?? 0,
        high: v.epsStar ?? 0,
        method: how,
      },
      eps_certified: doubt > 0 ? 2 * (v.epsStar ?? 0) : (v.epsStar ?? 0),
      half: v.kids.length > 0 ? around(crossAt(0.5, v.half ?? 1, v.width ?? 0.2, tMax)) : null,
      interval: v.kids.length > 0 ? interval(v.half ?? 1, v.width ?? 0.2) : null,
    })),
    decided: vt(D),
    decided_low: vt((v, t) => clamp(D(v, t) - wobble(v, t))),
    decided_high: vt((v, t) => clamp(D(v, t) + wobble(v, t))),
    retention: vt(back),
    retention_low: vt((v, t) => clamp(back(v, t) - doubt / 3)),
    retention_high: vt((v, t) => clamp(back(v, t) + doubt / 3)),
    overlap: vt(overlap),
    overlap_low: vt((v, t) => overlap(v, t) - doubt),
    overlap_high: vt((v, t) => Math.min(0, overlap(v, t) + doubt)),
    within: vt((v, t) => (v.kids.length === 0 ? 0 : D(v, t))),
    eps_grid: wire("float64", [E], plateaus.grid),
    t_start: ve(plateaus.start),
    t_start_low: ve(plateaus.start, -doubt),
    t_start_high: ve(plateaus.start, doubt),
    t_end: ve(plateaus.end),
    t_end_low: ve(plateaus.end, -doubt),
    t_end_high: ve(plateaus.end, doubt),
    methods: { overlap: how, within: how, decided: how, features: how },
    features: features.map((f) => ({
      name: f.name,
      half: around(crossAt(0.5, f.half, f.width, tMax)),
      interval: interval(f.half, f.width),
      chance: 0.5,
    })),
    feature_decided: ft(0),
    feature_decided_low: ft(-doubt),
    feature_decided_high: ft(doubt),
    thumbnails: options.image ? thumbnails(all, options.image) : null,
  };
}

function thumbnails(all: Flat[], shape: [number, number, number]): Payload["thumbnails"] {
  const size = shape[0] * shape[1] * shape[2];
  const means: number[][] = new Array(all.length);
  for (const v of [...all].reverse()) {
    means[v.id] =
      v.image ??
      Array.from({ length: size }, (_, i) =>
        v.kids.reduce((sum, id) => sum + (all[id]!.weight! / v.weight!) * means[id]![i]!, 0),
      );
  }
  const full: [number, number, number, number] = [all.length, ...shape];
  return { shape: full, arr: wire("float32", full, means.flat()), range: [0, 1] };
}

/** A 16 × 16 colour picture: background, shape, mark in the corner. */
function picture(background: string, shape: string, mark: string): number[] {
  const out: number[] = [];
  const back = background === "sand" ? [0.85, 0.75, 0.5] : [0.22, 0.44, 0.72];
  for (let y = 0; y < 16; y++) {
    for (let x = 0; x < 16; x++) {
      const r = Math.hypot(x - 7, y - 8);
      const inSquare = Math.abs(x - 7) < 4.5 && Math.abs(y - 8) < 4.5;
      let colour = back;
      if (shape === "disc" && r < 5) colour = [0.6, 0.22, 0.25];
      if (shape === "square" && inSquare) colour = [0.95, 0.94, 0.9];
      const dot = mark === "dot" ? x > 12 && y < 3 : y === 1 && x > 9 && x < 15;
      if (dot) colour = [0.1, 0.1, 0.12];
      out.push(...colour);
    }
  }
  return out;
}

/** Eight scenes in three levels: background, shape, mark. */
export function scenes(options: Options = {}): Payload {
  const weights = [0.16, 0.14, 0.1, 0.1, 0.2, 0.1, 0.12, 0.08];
  let next = 0;
  const root: Node = {
    label: "nothing decided",
    half: 4.3,
    width: 0.35,
    children: ["sand", "sea"].map((b) => ({
      label: b,
      half: b === "sand" ? 3.95 : 3.7,
      width: 0.3,
      epsStar: 0.31,
      children: ["disc", "square"].map((s) => ({
        label: `${b} · ${s}`,
        half: 2.35,
        width: 0.3,
        epsStar: s === "disc" ? 0.06 : 0.09,
        children: ["dot", "dash"].map((m) => ({
          label: `${b} · ${s} · ${m}`,
          weight: weights[next++]!,
          epsStar: 0.02 + 0.003 * next,
          features: { background: b, shape: s, mark: m },
          image: picture(b, s, m),
        })),
      })),
    })),
  };
  return payloadOf(root, {
    features: [
      { name: "background", half: 4.3, width: 0.35 },
      { name: "shape", half: 3.9, width: 0.33 },
      { name: "mark", half: 2.35, width: 0.3 },
    ],
    image: [16, 16, 3],
    ...options,
  });
}

/** Ten digits that split nearly together: no hierarchy to see. */
export function digits(): Payload {
  return payloadOf(
    {
      label: "10 of 10",
      half: 0.9,
      width: 0.22,
      children: Array.from({ length: 10 }, (_, i) => ({
        label: `${i}`,
        weight: 0.1,
        epsStar: 0.28 + 0.01 * i,
      })),
    },
    { tMax: 3, features: [{ name: "digit", half: 0.9, width: 0.22 }], doubt: 0.04 },
  );
}

/** `2^depth`-ish leaves in a binary tree: 100 leaves make 199 vertices. */
export function large(leaves = 100): Payload {
  let named = 0;
  const grow = (n: number, depth: number): Node =>
    n === 1
      ? { label: `class ${named++}`, weight: 1 / leaves, epsStar: 0.01 + 0.004 * (named % 50) }
      : {
          label: `group of ${n}`,
          half: 6 - 0.7 * depth,
          width: 0.15,
          epsStar: 0.05 + 0.01 * depth,
          children: [grow(n >> 1, depth + 1), grow(n - (n >> 1), depth + 1)],
        };
  return payloadOf(grow(leaves, 0), {
    tMax: 7.5,
    features: [{ name: "half", half: 6, width: 0.15 }],
  });
}

export function single(): Payload {
  return payloadOf({ label: "the only one", weight: 1 });
}

/** Two sexes within three species, with long and hostile labels. */
export function penguins(): Payload {
  const species = [
    "Adélie of the Palmer Archipelago",
    "Chinstrap",
    "Gentoo <b>bold</b><img src=x onerror=alert(1)>",
  ];
  const weights = [0.22, 0.22, 0.1, 0.1, 0.18, 0.18];
  return payloadOf(
    {
      label: "all",
      half: 0.46,
      width: 0.1,
      children: species.map((s, i) => ({
        label: s,
        half: 0.12,
        width: 0.04,
        epsStar: 0.24,
        children: ["female", "male"].map((x, j) => ({
          label: `${s} · ${x}`,
          weight: weights[2 * i + j]!,
          epsStar: 0.3 + 0.02 * j,
          features: { species: s, sex: x },
        })),
      })),
    },
    {
      title: "Penguins",
      tMax: 1.6,
      features: [
        { name: "species", half: 0.46, width: 0.1 },
        { name: "sex", half: 0.12, width: 0.04 },
      ],
      doubt: 0.02,
    },
  );
}
