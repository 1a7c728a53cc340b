/** The rows as SVG: a thin join on the layout. */
import { type Selection, select } from "d3-selection";
import { type AxisPlace, drawTimeAxis, makeCursor, placeCursor, tickValues } from "../lib/axis";
import { LINES, mix, NEUTRAL, type Scheme, toHex, toLab } from "../lib/colour";
import { setChanged, setText } from "../lib/dom";
import { lerpAt } from "../lib/interp";
import { isolate, percent } from "../lib/say";
import type { Measure } from "../lib/text";
import { decidedAt, shown, type Timeline, valueOn } from "./data";
import { type Head, type Layout, markPath, type RowShape } from "./layout";
import type { Reading } from "./reading";
import { spoken } from "./words";

type Layer = Selection<SVGGElement, unknown, null, undefined>;
type Rows = Selection<SVGGElement, RowShape, SVGGElement, unknown>;

export interface Picture {
  svg: Selection<SVGSVGElement, unknown, null, undefined>;
  defs: Selection<SVGDefsElement, unknown, null, undefined>;
  uid: string;
  grid: Layer;
  rows: Layer;
  heads: Layer;
  axis: Layer;
  cursor: Layer;
}

export interface Scene {
  timeline: Timeline;
  layout: Layout;
  reading: Reading;
  scheme: Scheme;
  measure: Measure;
  curve: "decided" | "retention";
}

let views = 0;

export function makePicture(stage: HTMLElement): Picture {
  const svg = select(stage).append("svg").attr("class", "cw-svg").attr("role", "group");
  const layer = (name: string): Layer => svg.append("g").attr("class", `cw-${name}`);
  views += 1;
  const uid = `cwt${views}-${Math.random().toString(36).slice(2, 7)}`;
  const defs = svg.append("defs");
  const grid = layer("grid").attr("aria-hidden", "true");
  const rows = layer("rows").attr("role", "listbox").attr("aria-orientation", "vertical");
  const heads = layer("heads").attr("aria-hidden", "true");
  const axis = layer("axis").attr("aria-hidden", "true");
  const cursor = layer("cursor");
  makeCursor(cursor);
  return { svg, defs, uid, grid, rows, heads, axis, cursor };
}

const inkOf = (scene: Scene, shape: RowShape) => {
  const inks = LINES[scene.scheme];
  return inks[shape.row.tint % inks.length]!;
};

/** Parts of a row, made once. */
function enterRow(enter: Selection<SVGGElement, RowShape, SVGGElement, unknown>): Rows {
  enter.attr("class", "cw-row").attr("role", "option").attr("aria-selected", "false");
  enter.append("rect").attr("class", "cw-hit");
  for (const name of ["rule", "chance-line", "area", "band-area", "line", "dots"])
    enter.append("path").attr("class", `cw-row-${name}`);
  enter.append("rect").attr("class", "cw-row-bar").attr("rx", 3).attr("height", 6);
  for (const name of ["doubt", "brackets", "whisker", "half", "key"])
    enter.append("path").attr("class", `cw-row-${name}`);
  for (const name of ["label", "note", "chance", "value"])
    enter.append("text").attr("class", `cw-row-${name}`).attr("dy", "0.35em");
  enter.append("circle").attr("class", "cw-row-dot").attr("r", 3.2);
  enter.append("title");
  return enter as unknown as Rows;
}

export function drawRows(picture: Picture, scene: Scene, stop: number): void {
  const { layout, timeline, reading } = scene;
  const { left, right, rowHeight, margin, width, narrow } = layout.frame;
  const many = timeline.models.length > 1;
  picture.rows.attr("aria-label", timeline.title);
  const page = picture.svg.node()!.getRootNode() as Document | ShadowRoot;
  const focused = page.activeElement;
  const rows = picture.rows
    .selectAll<SVGGElement, RowShape>("g.cw-row")
    .data(layout.shapes, (shape) => shape.row.id)
    .join((enter) => enterRow(enter.append("g")))
    .order();
  // A row that moves among its neighbours would lose the focus.
  if (focused !== page.activeElement && focused?.isConnected && focused.matches("g.cw-row")) {
    (focused as SVGGElement).focus({ preventScroll: true });
  }
  // In the style, not the attribute: a new order is then a movement that the eye can follow.
  rows.style("transform", (s) => `translate(0px, ${s.y}px)`);
  setChanged(rows, {
    "data-row": (s) => s.row.id,
    tabindex: (s) => (s.row.id === stop ? 0 : -1),
    "aria-label": (s) => spoken(timeline, s.row, reading),
    "aria-setsize": () => layout.shapes.length,
    "aria-posinset": (s) => layout.shapes.indexOf(s) + 1,
  });
  rows.select("title").text((s) => (many ? timeline.models[s.row.model]!.name : s.row.name));
  const part = (name: string) => rows.select<SVGGraphicsElement>(`.cw-row-${name}`);
  setChanged(rows.select<SVGRectElement>(".cw-hit"), {
    x: () => margin - 4,
    width: () => width - margin,
    height: () => rowHeight,
  });
  setChanged(part("rule"), { d: (s) => `M${left},${s.base}H${right}` });
  setChanged(part("chance-line"), {
    d: (s) => (s.chance === null ? "" : `M${left},${s.chance}H${right}`),
  });
  const path = { area: "area", "band-area": "band", line: "line" } as const;
  for (const [name, key] of Object.entries(path)) setChanged(part(name), { d: (s) => s[key] });
  setChanged(part("dots"), {
    d: (s) => s.dots.map(([x, y]) => `M${x.toFixed(1)},${y.toFixed(1)}h0`).join(""),
  });
  setChanged(part("bar"), {
    x: (s) => s.bar?.x ?? left,
    y: (s) => s.base - 3,
    width: (s) => s.bar?.width ?? 0,
  });
  drawGradients(picture, scene);
  part("bar").attr("fill", (s) => `url(#${picture.uid}-${s.row.id})`);
  setChanged(part("doubt"), { d: (s) => s.doubt });
  setChanged(part("brackets"), { d: (s) => s.brackets });
  setChanged(part("whisker"), {
    d: (s) =>
      s.half === null || s.half.to - s.half.from < 1
        ? ""
        : `M${s.half.from},${s.half.y}H${s.half.to}M${s.half.from},${s.half.y - 3}v6M${s.half.to},${s.half.y - 3}v6`,
  });
  setChanged(part("half"), {
    d: (s) => (s.half === null ? "" : markPath(s.row.model, 4)),
    transform: (s) => (s.half === null ? null : `translate(${s.half.x},${s.half.y})`),
  });
  setChanged(part("key"), {
    d: (s) => (many ? markPath(s.row.model, 3.6) : ""),
    transform: (s) => `translate(${margin + 8},${(s.base + s.crest) / 2})`,
  });
  const middle = (s: RowShape) => (s.base + s.crest) / 2;
  setChanged(part("label"), { x: () => margin + (many ? 20 : 2), y: middle });
  setChanged(part("note"), { x: () => left + 8, y: middle });
  part("note").text((s) => (s.row.half === null ? s.row.note : ""));
  setChanged(part("chance"), { x: () => left + 3, y: (s) => (s.chance ?? s.base) - 7 });
  const roomy = rowHeight > 30 && !narrow;
  part("chance").text((s) =>
    roomy && s.row.half !== null && !Number.isNaN(s.row.chance)
      ? `chance ${percent(s.row.chance)}`
      : "",
  );
  setChanged(part("value"), { x: () => right + 46, y: middle });
  // Colours are computed, so that a saved picture needs no stylesheet.
  rows.style("color", (s) => inkOf(scene, s));
  drawHeads(picture, layout.heads, margin);
}

/** Bars go from the grey of the undecided to the row's colour as the river's streams do. */
function drawGradients(picture: Picture, scene: Scene): void {
  const bars = scene.layout.shapes.filter((s) => s.bar !== null);
  const gradients = picture.defs
    .selectAll<SVGLinearGradientElement, RowShape>("linearGradient")
    .data(bars, (s) => s.row.id)
    .join("linearGradient")
    .attr("id", (s) => `${picture.uid}-${s.row.id}`)
    .attr("gradientUnits", "userSpaceOnUse")
    .attr("x1", (s) => s.bar!.x)
    .attr("x2", (s) => s.bar!.x + s.bar!.width);
  gradients
    .selectAll<SVGStopElement, string>("stop")
    .data((s) => {
      const ink = toLab(inkOf(scene, s));
      return s.bar!.decided.map((d) => toHex(mix(NEUTRAL[scene.scheme], ink, d)));
    })
    .join("stop")
    .attr("offset", (_, i, all) => i / (all.length - 1))
    .attr("stop-color", (colour) => colour);
}

function drawHeads(picture: Picture, heads: Head[], margin: number): void {
  const marks = picture.heads
    .selectAll<SVGTextElement, Head>("text")
    .data(heads, (head) => head.feature)
    .join((enter) => {
      const text = enter.append("text").attr("class", "cw-row-head");
      text.append("tspan");
      text.append("title");
      return text;
    })
    .attr("x", margin)
    .style("transform", (head) => `translate(0px, ${head.y}px)`);
  marks.select("tspan").text((head) => isolate(head.label));
  marks.select("title").text((head) => head.name);
}

/** Labels carry the value that the selected components share. */
export function drawLabels(picture: Picture, scene: Scene, components: readonly number[]): void {
  const { layout, measure, timeline } = scene;
  const many = timeline.models.length > 1;
  const room = layout.frame.left - layout.frame.margin - (many ? 26 : 12);
  picture.rows.selectAll<SVGTextElement, RowShape>(".cw-row-label").each(function (s) {
    const value = components.length === 0 ? null : valueOn(s.row, components);
    let words = isolate(s.label);
    if (value !== null && measure(`${s.label} = ${value}`, 12.5, true) <= room) {
      words = `${words} = ${isolate(value)}`;
    }
    setText(this, words);
  });
}

export function drawTimelineAxis(picture: Picture, scene: Scene): void {
  const { layout, reading } = scene;
  const { left, right, bottom: y, top, narrow } = layout.frame;
  const caption = narrow ? reading.name : `${reading.name} — generation runs to the right`;
  const place: AxisPlace = { axis: layout.axis, left, right, y, caption };
  let values = tickValues(place);
  if (reading.whole) values = values.filter((v) => Number.isInteger(v));
  drawTimeAxis(picture.axis, place, reading.from, values);
  picture.grid
    .selectAll<SVGLineElement, number>("line")
    .data(values, (v) => v)
    .join("line")
    .attr("y1", top)
    .attr("y2", y)
    .attr("transform", (v) => `translate(${layout.axis.x(reading.from(v)).toFixed(1)},0)`);
}

/** What moves with the cursor. */
export function drawCursor(picture: Picture, scene: Scene, t: number, sentence: string): void {
  const { layout, reading, measure, timeline, curve } = scene;
  const { left, right, bottom } = layout.frame;
  const { axis } = layout;
  const text = reading.say(t);
  const tMax = timeline.tMax;
  placeCursor(picture.cursor, { axis, left, right, bottom, t, tMax, text, sentence, measure });
  const rows = picture.rows.selectAll<SVGGElement, RowShape>("g.cw-row");
  const x = axis.x(t);
  const seen = (s: RowShape) =>
    s.row.state !== "constant" &&
    s.row.levels.length > 0 &&
    t >= s.row.levels[0]! - 1e-9 &&
    t <= s.row.levels[s.row.levels.length - 1]! + 1e-9;
  setChanged(rows.select<SVGCircleElement>(".cw-row-dot"), {
    cx: () => x,
    cy: (s) => {
      const d = Math.min(1, Math.max(0, lerpAt(s.row.levels, s.row.decided, t)));
      return s.base - (s.base - s.crest) * (Number.isNaN(d) ? 0 : shown(s.row, d, curve));
    },
    display: (s) => (seen(s) ? null : "none"),
  });
  rows.select<SVGTextElement>(".cw-row-value").each(function (s) {
    const known = s.row.state !== "constant" && s.row.levels.length > 0;
    setText(this, known ? percent(shown(s.row, decidedAt(s.row, t), curve)) : "–");
  });
}

export interface Marks {
  hover: number | null;
  feature: string;
  components: readonly number[];
}

/** Rows brought forward: the one pointed at, the feature chosen, and what the selection decides. */
export function drawMarks(picture: Picture, { hover, feature, components }: Marks): void {
  const rows = picture.rows.selectAll<SVGGElement, RowShape>("g.cw-row");
  rows.classed("cw-lit", (s) => s.row.id === hover);
  rows.classed("cw-chosen", (s) => s.row.feature === feature);
  rows.classed("cw-dim", (s) => feature !== "" && s.row.feature !== feature && s.row.id !== hover);
  rows.classed("cw-shared", (s) => components.length > 0 && valueOn(s.row, components) !== null);
  setChanged(rows, { "aria-selected": (s) => String(s.row.feature === feature) });
}
