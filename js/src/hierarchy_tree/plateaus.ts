/** Certified plateaus and critical windows at a given ε, read from the tabulated times. Pure. */
import { isWhole } from "../lib/clocks";
import { locate, type Row } from "../lib/interp";
import { isCertified, type Tree, type Vertex } from "./data";

export interface Plateau {
  /** Noise end of the plateau (T_start); Infinity at the root. */
  start: number;
  startLow: number;
  startHigh: number;
  /** Data end (T_end); 0 for a single component. */
  end: number;
  endLow: number;
  endHigh: number;
}

/** A table row at ε: linear in log ε; where one neighbour has no value the other one counts. */
function atEps(grid: Row, values: Row, eps: number): number {
  const n = grid.length;
  if (n === 0) return Number.NaN;
  const i = n === 1 ? 0 : locate(grid, eps);
  const j = Math.min(n - 1, i + 1);
  const [a, b] = [values[i]!, values[j]!];
  if (Number.isNaN(a)) return b;
  if (Number.isNaN(b) || a === b) return a;
  const f = (Math.log(eps) - Math.log(grid[i]!)) / (Math.log(grid[j]!) - Math.log(grid[i]!));
  return a + Math.min(1, Math.max(0, f)) * (b - a);
}

/**
 * A plateau on whole numbers, read from the curves: between them nothing is interpolated. The noise
 * end is the last level at which the overlap is within ε², the data end the first at which every
 * pair inside is within ε.
 */
function wholePlateau(tree: Tree, v: Vertex, eps: number): Plateau | null {
  const last = (overlap: Row) => {
    let found = Number.NaN;
    for (let k = 0; k < tree.times.length; k++)
      if (overlap[k]! <= 2 * Math.log10(eps) + 1e-6) found = tree.times[k]!;
    return found;
  };
  const first = (within: Row) => {
    for (let k = 0; k < tree.times.length; k++) if (within[k]! <= eps + 1e-6) return tree.times[k]!;
    return Number.NaN;
  };
  const root = v.parent === -1;
  const start = root ? Number.POSITIVE_INFINITY : last(v.overlap);
  const end = v.subset.length === 1 ? 0 : first(v.within);
  if (Number.isNaN(start) || Number.isNaN(end)) return null;
  const or = (value: number, other: number) => (Number.isNaN(value) ? other : value);
  return {
    start,
    startLow: root ? start : or(last(v.overlapHigh), 0),
    startHigh: root ? start : or(last(v.overlapLow), start),
    end,
    endLow: Math.min(end, Math.floor(or(atEps(tree.epsGrid, v.tEndLow, eps), end))),
    endHigh: Math.max(end, Math.ceil(or(atEps(tree.epsGrid, v.tEndHigh, eps), end))),
  };
}

/** The plateau of `v` at ε, or null when `v` is not certified there. */
export function plateauAt(tree: Tree, v: Vertex, eps: number): Plateau | null {
  if (!isCertified(v, eps)) return null;
  if (isWhole(tree.clocks[0]!)) return wholePlateau(tree, v, eps);
  const read = (values: Row, otherwise: number) => {
    const value = atEps(tree.epsGrid, values, eps);
    return Number.isNaN(value) ? otherwise : value;
  };
  const root = v.parent === -1;
  const single = v.subset.length === 1;
  const start = root ? Number.POSITIVE_INFINITY : read(v.tStart, Number.NaN);
  const end = single ? 0 : read(v.tEnd, Number.NaN);
  if (Number.isNaN(start) || Number.isNaN(end)) return null;
  return {
    start,
    startLow: root ? start : read(v.tStartLow, start),
    startHigh: root ? start : read(v.tStartHigh, start),
    end,
    endLow: single ? 0 : read(v.tEndLow, end),
    endHigh: single ? 0 : read(v.tEndHigh, end),
  };
}

export interface CertifiedNode {
  vertex: Vertex;
  plateau: Plateau;
  /** Nearest certified ancestor. */
  parent: CertifiedNode | null;
  children: CertifiedNode[];
}

/** The certified tree at ε: the certified vertices, linked among themselves, in preorder. */
export function certifiedTree(tree: Tree, eps: number, hidden?: Set<number>): CertifiedNode[] {
  const nodes: CertifiedNode[] = [];
  const nearest: Array<CertifiedNode | null> = new Array(tree.vertices.length).fill(null);
  for (const v of tree.vertices) {
    const parent = v.parent === -1 ? null : nearest[v.parent]!;
    nearest[v.id] = parent;
    if (hidden?.has(v.id)) continue;
    const plateau = plateauAt(tree, v, eps);
    if (plateau === null) continue;
    const node: CertifiedNode = { vertex: v, plateau, parent, children: [] };
    parent?.children.push(node);
    nearest[v.id] = node;
    nodes.push(node);
  }
  return nodes;
}

export interface Window {
  /** Noise end (the parent's T_end) and data end (the vertex's own T_start). */
  from: number;
  to: number;
  /** The vertex whose plateau ends where the window begins; null for the soft interval. */
  parent: Vertex | null;
}

/** Critical window of `v` at ε: from the plateau of its nearest certified ancestor to its own. */
export function criticalWindow(tree: Tree, v: Vertex, eps: number): Window | null {
  const own = v.parent === -1 ? null : plateauAt(tree, v, eps);
  if (own === null) return null;
  for (let u = tree.vertices[v.parent]; u !== undefined; u = tree.vertices[u.parent]) {
    const plateau = plateauAt(tree, u, eps);
    if (plateau !== null) return { from: plateau.end, to: own.start, parent: u };
  }
  return null;
}

/** Where the choice that leads to `v` is made: its critical window, else D from 5 % to 95 %. */
export function choiceOf(tree: Tree, v: Vertex, eps: number): Window | null {
  const certified = criticalWindow(tree, v, eps);
  if (certified !== null) return certified;
  const between = tree.vertices[v.parent]?.interval;
  return between ? { from: between[1], to: between[0], parent: null } : null;
}

/** How many vertices are certified at ε, and the smallest ε at which one below the root is. */
export function census(tree: Tree, eps: number): { count: number; first: Vertex | null } {
  let first: Vertex | null = null;
  let count = 0;
  for (const v of tree.vertices) {
    if (isCertified(v, eps)) count += 1;
    if (v.parent === -1 || v.epsStar === null) continue;
    if (first?.epsStar == null || v.epsStar.value < first.epsStar.value) first = v;
  }
  return { count, first };
}

export interface DendrogramRow {
  node: CertifiedNode;
  y: number;
  /** Noise end and data end of the plateau in pixels, inside the axis. */
  x0: number;
  x1: number;
  /** No certified vertex below. */
  terminal: boolean;
}

export interface DendrogramLink {
  parent: DendrogramRow;
  child: DendrogramRow;
}

/** A component that no certified vertex below `parent` holds: nothing is known of its choice. */
export interface DendrogramLoose {
  vertex: Vertex;
  parent: DendrogramRow;
  y: number;
}

/**
 * Node-link drawing on the same axis: bars are plateaus, links between them are critical windows.
 * Heights follow the stacking order and do not depend on ε, so that dragging ε moves no node.
 */
export function dendrogramLayout(
  tree: Tree,
  nodes: CertifiedNode[],
  x: (t: number) => number,
  height: number,
): { rows: DendrogramRow[]; links: DendrogramLink[]; loose: DendrogramLoose[] } {
  const slot = height / Math.max(1, tree.order.length);
  const rows = nodes.map((node): DendrogramRow => {
    const { vertex: v, plateau } = node;
    return {
      node,
      y: slot * ((v.first + v.last + 1) / 2),
      x0: x(Math.min(plateau.start, tree.tMax)),
      x1: x(Math.max(0, Math.min(plateau.end, tree.tMax))),
      terminal: node.children.length === 0,
    };
  });
  const byNode = new Map(rows.map((r) => [r.node, r]));
  const links = rows.flatMap((child) => {
    const parent = child.node.parent === null ? undefined : byNode.get(child.node.parent);
    return parent === undefined ? [] : [{ parent, child }];
  });
  const byVertex = new Map(rows.map((r) => [r.node.vertex.id, r]));
  const loose = tree.vertices.flatMap((vertex) => {
    if (vertex.children.length > 0 || byVertex.has(vertex.id)) return [];
    let above = tree.vertices[vertex.parent];
    while (above !== undefined && !byVertex.has(above.id)) above = tree.vertices[above.parent];
    const parent = above === undefined ? undefined : byVertex.get(above.id);
    if (parent === undefined || parent.terminal) return [];
    return [{ vertex, parent, y: slot * ((vertex.first + vertex.last + 1) / 2) }];
  });
  return { rows, links, loose };
}
