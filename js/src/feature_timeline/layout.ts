/** From rows to geometry. Pure: knows neither the page nor the model. */

import type { TimeAxis } from "../lib/clocks";
import { lerpAt, locate, type Row as Numbers, resample } from "../lib/interp";
import { type Measure, truncate } from "../lib/text";
import type { Curve, Sort } from "../lib/timeline.gen";
import { decidedAt, type Row, shown, type Timeline } from "./data";
import type { Reading } from "./reading";

export interface Settings {
  width: number;
  reading: Reading;
  sort: Sort;
  curve: Curve;
  measure: Measure;
}

export interface Frame {
  width: number;
  height: number;
  /** Where labels begin, and the plot. */
  margin: number;
  left: number;
  right: number;
  top: number;
  /** Height of the axis. */
  bottom: number;
  rowHeight: number;
  narrow: boolean;
}

/** Geometry of a row, from its own top. */
export interface RowShape {
  row: Row;
  y: number;
  /** As much of the label as fits. */
  label: string;
  /** Lines of 0 and 1. */
  base: number;
  crest: number;
  area: string;
  band: string;
  line: string;
  /** Levels that were measured, where they are few. */
  dots: Array<[x: number, y: number]>;
  bar: { x: number; width: number; decided: number[] } | null;
  /** Where the ends of the bar may lie. */
  doubt: string;
  half: { x: number; y: number; from: number; to: number } | null;
  brackets: string;
  /** Height of the chance level, where retention is shown. */
  chance: number | null;
}

export interface Head {
  feature: string;
  name: string;
  label: string;
  y: number;
}

export interface Layout {
  frame: Frame;
  axis: TimeAxis;
  shapes: RowShape[];
  heads: Head[];
}

const f = (value: number) => Math.round(value * 10) / 10;
const LABEL = 12.5;
const HEAD = 24;
/** Curves at more levels than this are computed, not measured: they are drawn smooth. */
const FEW = 40;
/** Colours along a bar. */
const STOPS = 9;

const firstHalf = (rows: Row[]) => Math.max(-1, ...rows.map((row) => row.half?.value ?? -1));
const before = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** Features with their rows, in the order of `sort`; decided first in generation comes first. */
export function groupsOf(timeline: Timeline, sort: Sort): Row[][] {
  const groups = new Map<string, Row[]>();
  for (const row of timeline.rows) {
    const group = groups.get(row.feature);
    if (group === undefined) groups.set(row.feature, [row]);
    else group.push(row);
  }
  const all = [...groups.values()];
  if (sort === "time") return all.sort((a, b) => firstHalf(b) - firstHalf(a));
  if (sort === "given") return all;
  const name = (rows: Row[]) => rows[0]!.feature;
  return all.sort(
    (a, b) => before(name(a).toLowerCase(), name(b).toLowerCase()) || before(name(a), name(b)),
  );
}

/** Less height for each where there are many. */
export const rowHeight = (rows: number) => (rows <= 12 ? 44 : rows <= 24 ? 32 : 25);

function frameOf(timeline: Timeline, groups: Row[][], settings: Settings): Frame {
  const { width, measure } = settings;
  const narrow = width < 560;
  const many = timeline.models.length > 1;
  const margin = 6;
  const texts = many
    ? timeline.models.map((model) => model.name)
    : timeline.rows.map((row) => row.name);
  const indent = many ? 30 : 16;
  const widest = Math.max(...texts.map((text) => measure(text, LABEL, true))) + indent;
  const most = narrow ? 0.34 * width : Math.min(0.3 * width, 320);
  const left = margin + Math.max(44, Math.min(widest, most));
  const height = rowHeight(timeline.rows.length);
  const top = 34;
  const rows = groups.reduce(
    (sum, group) => sum + group.length * height + (many ? HEAD + 4 : 0),
    0,
  );
  const bottom = top + rows + 6;
  return {
    width,
    height: bottom + 42,
    margin,
    left,
    right: Math.max(width - 52, left + 60),
    top,
    bottom,
    rowHeight: height,
    narrow,
  };
}

/** Levels at which a row's curve is drawn: its own, and one for every few pixels, within what is known. */
export function samples(row: Row, axis: TimeAxis, left: number, right: number): Float64Array {
  const { levels } = row;
  if (levels.length === 0) return new Float64Array();
  const [first, last] = [levels[0]!, levels[levels.length - 1]!];
  const [lo, hi] = [Math.max(first, axis.t(right)), Math.min(last, axis.t(left))];
  const at = new Set<number>([lo, hi]);
  for (let x = left; x <= right; x += 3) {
    const t = axis.t(x);
    if (t > lo && t < hi) at.add(t);
  }
  for (let i = 0; i < levels.length; i++) {
    if (levels[i]! > lo && levels[i]! < hi) at.add(levels[i]!);
  }
  return Float64Array.from(at).sort();
}

/** Values at increasing `at`: smooth where the curve was computed, straight between few measured ones. */
function valuesAt(row: Row, curve: Numbers, at: Float64Array): Float64Array {
  if (row.levels.length > FEW) return resample(row.levels, curve, at);
  return at.map((t) => lerpAt(row.levels, curve, t));
}

function shapeOf(
  row: Row,
  label: string,
  y: number,
  frame: Frame,
  axis: TimeAxis,
  settings: Settings,
) {
  const { left, right, rowHeight: height } = frame;
  const base = height - 9;
  const crest = height > 30 ? 7 : 4;
  const x = (t: number) => Math.min(right, Math.max(left, axis.x(t)));
  const level = (d: number) =>
    base - (base - crest) * Math.min(1, Math.max(0, shown(row, d, settings.curve)));
  const at = row.state === "constant" ? new Float64Array() : samples(row, axis, left, right);
  const points = (curve: Numbers) => {
    const values = valuesAt(row, curve, at);
    return Array.from(at, (t, i) => `${f(x(t))},${f(level(values[i]!))}`);
  };
  const line = at.length < 2 ? [] : points(row.decided);
  const path = line.length === 0 ? "" : `M${line.join("L")}`;
  const ends = at.length < 2 ? [0, 0] : [f(x(at[0]!)), f(x(at[at.length - 1]!))];
  const measured = row.levels.length <= FEW && row.state !== "constant";
  const inside = (t: number) => axis.x(t) >= left - 0.5 && axis.x(t) <= right + 0.5;
  return {
    row,
    y,
    label,
    base,
    crest,
    line: path,
    area: path === "" ? "" : `${path}V${base}H${ends[0]}Z`,
    band:
      path === "" ? "" : `M${points(row.high).join("L")}L${points(row.low).reverse().join("L")}Z`,
    dots: measured
      ? Array.from(row.levels)
          .filter(inside)
          .map((t): [number, number] => [x(t), level(row.decided[locateExact(row.levels, t)]!)])
      : [],
    ...marks(row, x, axis, base, level(0.5)),
    brackets: brackets(row, x, crest),
    chance: settings.curve === "retention" && row.state !== "constant" ? level(0) : null,
  };
}

const locateExact = (levels: Numbers, t: number) => {
  const i = locate(levels, t);
  return levels[i] === t ? i : Math.min(i + 1, levels.length - 1);
};

/** The bar with its uncertain ends, and the half-way mark with its whisker. */
function marks(row: Row, x: (t: number) => number, axis: TimeAxis, base: number, middle: number) {
  const span = (a: number, b: number) => [Math.min(x(a), x(b)), Math.max(x(a), x(b))] as const;
  let bar: RowShape["bar"] = null;
  let doubt = "";
  const last = row.levels.length - 1;
  if (row.half !== null && last >= 0) {
    // An end that is not reached lies beyond what is known: the bar runs to there.
    const [from, to] = span(
      row.start?.value ?? row.levels[last]!,
      row.end?.value ?? row.levels[0]!,
    );
    const decided = Array.from({ length: STOPS }, (_, i) =>
      decidedAt(row, axis.t(from + ((to - from) * i) / (STOPS - 1))),
    );
    bar = { x: f(from), width: f(Math.max(1, to - from)), decided };
    for (const edge of [row.start, row.end]) {
      if (edge === null) continue;
      const [a, b] = span(edge.low, edge.high);
      // Below the bar; an end known to a pixel has nothing to show.
      if (b - a > 1) {
        const y = base + 6;
        doubt += `M${f(a)},${y}H${f(b)}M${f(a)},${y - 2}v4M${f(b)},${y - 2}v4`;
      }
    }
  }
  if (row.half === null) return { bar, doubt, half: null };
  const [from, to] = span(row.half.low, row.half.high);
  return { bar, doubt, half: { x: f(x(row.half.value)), y: f(middle), from: f(from), to: f(to) } };
}

function brackets(row: Row, x: (t: number) => number, crest: number): string {
  return row.jumps
    .map(([low, high]) => {
      const [a, b] = [f(x(high)), f(x(low))].sort((p, q) => p - q);
      const y = crest - 4;
      return `M${a},${y + 4}v-4H${b}v4`;
    })
    .join("");
}

export function layoutTimeline(timeline: Timeline, settings: Settings): Layout {
  const groups = groupsOf(timeline, settings.sort);
  const frame = frameOf(timeline, groups, settings);
  const axis = settings.reading.axis([frame.left, frame.right]);
  const many = timeline.models.length > 1;
  const room = frame.left - frame.margin - (many ? 26 : 12);
  const shapes: RowShape[] = [];
  const heads: Head[] = [];
  let y = frame.top;
  for (const rows of groups) {
    if (many) {
      const { feature, name } = rows[0]!;
      const label = truncate(name, frame.right - frame.margin, LABEL + 0.5, settings.measure, true);
      heads.push({ feature, name, label, y: y + 17 });
      y += HEAD;
    }
    for (const row of rows) {
      const name = many ? timeline.models[row.model]!.name : row.name;
      // As wide as it gets when it is brought forward.
      const label = truncate(name, room, LABEL, settings.measure, true);
      shapes.push(shapeOf(row, label, y, frame, axis, settings));
      y += frame.rowHeight;
    }
    y += many ? 4 : 0;
  }
  return { frame, axis, shapes, heads };
}

/** Marks of the models, so that colour is never alone: outlines around (0, 0) with radius `r`. */
export function markPath(model: number, r: number): string {
  const s = f(1.25 * r);
  switch (model % 6) {
    case 0:
      return `M${-r},0a${r},${r} 0 1 0 ${2 * r},0a${r},${r} 0 1 0 ${-2 * r},0Z`;
    case 1:
      return `M${-r},${-r}h${2 * r}v${2 * r}h${-2 * r}Z`;
    case 2:
      return `M0,${-s}L${s},0L0,${s}L${-s},0Z`;
    case 3:
      return `M0,${-s}L${s},${r}H${-s}Z`;
    case 4:
      return `M0,${s}L${s},${-r}H${-s}Z`;
    default:
      return `M${-0.55 * r},${-s}h${1.1 * r}v${2 * s}h${-1.1 * r}Z`;
  }
}
