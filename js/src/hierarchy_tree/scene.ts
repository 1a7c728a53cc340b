/** Everything needed to draw one view at one moment. Pure but for nothing: numbers and settings. */
import { between, type TimeAxis, timeAxis, zoomedAxis } from "../lib/clocks";
import type { Scheme } from "../lib/colour";
import type { Clock, View } from "../lib/contract.gen";
import type { Measure } from "../lib/text";
import type { Feature, Tree, Vertex } from "./data";
import { endsThatFit, labelRoom, namedEnds } from "./labels";
import { type River, riverLayout } from "./layout";

export interface Frame {
  width: number;
  height: number;
  left: number;
  right: number;
  top: number;
  bottom: number;
  /** Panel of feature curves; equal when there is none. */
  curvesTop: number;
  curvesBottom: number;
  narrow: boolean;
}

export interface Zoom {
  k: number;
  x: number;
}

export interface Settings {
  width: number;
  height: number;
  clock: Clock;
  view: View;
  scheme: Scheme;
  collapsed: Set<number>;
  openness?: (id: number) => number;
  /** On the way from another clock. */
  morph?: { from: Clock; progress: number };
  measure: Measure;
  zoom: Zoom;
}

export interface Scene {
  tree: Tree;
  settings: Settings;
  frame: Frame;
  /** Axis of the whole story, and the part of it in view. */
  base: TimeAxis;
  axis: TimeAxis;
  river: River;
  /** Vertices shown, in preorder: not below a folded one. */
  visible: Vertex[];
  /** Vertices that end at the data side. */
  ends: Vertex[];
  /** Curves of the lower panel: the features, or the heaviest splits where there are none. */
  curves: Feature[];
}

/** Curves for the lower panel; a tree without features shows its splits. */
export function panelCurves(tree: Tree): Feature[] {
  if (tree.features.length > 0) return tree.features.slice(0, 8);
  return tree.vertices
    .filter((v) => v.children.length > 0)
    .sort((a, b) => a.depth - b.depth || b.weight - a.weight)
    .slice(0, 4)
    .map((v) => ({
      name: v.parent === -1 ? "first split" : `split of ${v.label}`,
      half: v.half,
      interval: v.interval,
      chance: Number.NaN,
      decided: v.decided,
      low: v.decidedLow,
      high: v.decidedHigh,
    }));
}

type Shown = ReturnType<typeof shownVertices>;

/** The vertices that may be named at the data end, whatever ε is. */
function endNames(tree: Tree, settings: Settings, { visible, ends }: Shown, room: number) {
  if (settings.view === "dendrogram") return visible.filter((v) => v.parent !== -1);
  return namedEnds(tree, ends, endsThatFit(room));
}

function frameOf(tree: Tree, settings: Settings, shown: Shown, curves: Feature[]): Frame {
  const { width, height, measure } = settings;
  const narrow = width < 560;
  const axisRoom = 40;
  const panel = curves.length === 0 ? 0 : Math.min(92, Math.max(52, 0.17 * height));
  const curvesBottom = height - axisRoom;
  const curvesTop = curvesBottom - panel;
  const top = 40;
  const bottom = Math.max(90, curvesTop - (panel > 0 ? 26 : 8));
  const names = endNames(tree, settings, shown, bottom - top);
  const right = width - labelRoom(names, width, measure, tree.thumbnails !== null) - 18;
  return {
    width,
    height,
    left: curves.length > 0 ? 36 : 16,
    right: Math.max(right, 80),
    top,
    bottom,
    curvesTop,
    curvesBottom,
    narrow,
  };
}

/** Vertices not below a folded one, and those among them that end at the data side. */
export function shownVertices(
  tree: Tree,
  collapsed: Set<number>,
): { visible: Vertex[]; ends: Vertex[] } {
  const hidden = new Set<number>();
  const visible: Vertex[] = [];
  const ends: Vertex[] = [];
  for (const v of tree.vertices) {
    if (v.parent !== -1 && (hidden.has(v.parent) || collapsed.has(v.parent))) {
      hidden.add(v.id);
      continue;
    }
    visible.push(v);
    if (v.children.length === 0 || collapsed.has(v.id)) ends.push(v);
  }
  ends.sort((a, b) => a.first - b.first);
  return { visible, ends };
}

export function makeScene(tree: Tree, settings: Settings): Scene {
  const shown = shownVertices(tree, settings.collapsed);
  const { visible, ends } = shown;
  const curves = tree.order.length > 1 ? panelCurves(tree) : [];
  const frame = frameOf(tree, settings, shown, curves);
  const outermost = Math.max(
    tree.tMin,
    ...tree.vertices.map((v) => v.interval?.[1] ?? v.half?.value ?? 0),
  );
  const { clock } = settings;
  const range: [number, number] = [frame.left, frame.right];
  let base = timeAxis(clock, tree.tMax, tree.tMin, range, outermost);
  const { morph } = settings;
  if (morph !== undefined) {
    const from = timeAxis(morph.from, tree.tMax, tree.tMin, range, outermost);
    base = between(from, base, morph.progress);
  }
  const last = clock === "sigma" || clock === "log_snr" ? tree.tMin : 0;
  const river = riverLayout(tree, {
    x: base.x,
    last,
    height: frame.bottom - frame.top,
    scheme: settings.scheme,
    openness: settings.openness ?? ((id) => (settings.collapsed.has(id) ? 0 : 1)),
  });
  const scene = { tree, settings, frame, base, axis: base, river, visible, ends, curves };
  return zoomed(scene, settings.zoom);
}

/** The same scene seen through another zoom; geometry is shared. */
export function zoomed(scene: Scene, zoom: Zoom): Scene {
  return { ...scene, settings: { ...scene.settings, zoom }, axis: zoomedAxis(scene.base, zoom) };
}

/** What the lower panel shows, in words; empty where there is no panel. */
export function panelHeading({ tree, curves, frame }: Scene): string {
  if (curves.length === 0) return "";
  const long = tree.features.length > 0 && !frame.narrow;
  return long ? "decided fraction of each feature" : "decided fraction";
}
