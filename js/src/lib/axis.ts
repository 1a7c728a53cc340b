/** The time axis below a picture, and the time cursor that runs through it. */
import type { Selection } from "d3-selection";
import { compact, type TimeAxis, ticks } from "./clocks";
import type { Measure } from "./text";

export type Layer = Selection<SVGGElement, unknown, null, undefined>;

const f = (value: number) => Math.round(value * 10) / 10;

export interface AxisPlace {
  axis: TimeAxis;
  left: number;
  right: number;
  /** Height of the base line. */
  y: number;
  /** What is said below it: the ends, and the clock between them. */
  caption: string;
}

/** Values at the ticks of an axis that is so many pixels wide. */
export const tickValues = ({ axis, left, right }: AxisPlace) =>
  ticks(axis, Math.max(3, Math.floor((right - left) / 90)));

/** Draw base line, ticks and captions; `from` turns a tick's value into a time. */
export function drawTimeAxis(
  layer: Layer,
  place: AxisPlace,
  from: (value: number) => number,
  values = tickValues(place),
): void {
  const { axis, left, right, y } = place;
  layer
    .selectAll<SVGLineElement, number>("line.cw-base")
    .data([0])
    .join("line")
    .attr("class", "cw-base")
    .attr("x1", left)
    .attr("x2", right)
    .attr("y1", y)
    .attr("y2", y);
  const marks = layer
    .selectAll<SVGGElement, number>("g")
    .data(values, (v) => v)
    .join((enter) => {
      const g = enter.append("g");
      g.append("line").attr("y2", 5);
      g.append("text").attr("y", 16).attr("text-anchor", "middle");
      return g;
    })
    .attr("transform", (v) => `translate(${f(axis.x(from(v)))},${y})`);
  marks.select("text").text((v) => compact(v));
  const captions = [
    { x: left, text: "◂ noise", anchor: "start" },
    { x: (left + right) / 2, text: place.caption, anchor: "middle" },
    { x: right, text: "data ▸", anchor: "end" },
  ];
  layer
    .selectAll<SVGTextElement, (typeof captions)[number]>("text.cw-caption")
    .data(captions)
    .join("text")
    .attr("class", "cw-caption")
    .attr("x", (c) => c.x)
    .attr("y", y + 33)
    .attr("text-anchor", (c) => c.anchor)
    .text((c) => c.text);
}

/** Parts of the cursor, made once; `placeCursor` only moves them. */
export function makeCursor(layer: Layer): void {
  layer.append("line").attr("class", "cw-cursor-line");
  layer.append("g").attr("class", "cw-cursor-dots").attr("aria-hidden", "true");
  const handle = layer
    .append("g")
    .attr("class", "cw-handle")
    .attr("role", "slider")
    .attr("tabindex", 0)
    .attr("aria-label", "Time cursor");
  handle.append("rect").attr("class", "cw-grip");
  handle.append("rect").attr("class", "cw-pill").attr("rx", 11).attr("height", 22);
  handle.append("text").attr("class", "cw-pill-text").attr("dy", "0.35em");
}

export interface CursorPlace {
  axis: TimeAxis;
  left: number;
  right: number;
  bottom: number;
  t: number;
  tMax: number;
  /** On the pill. */
  text: string;
  /** For a screen reader. */
  sentence: string;
  measure: Measure;
}

/** Move the cursor; returns whether it is in view. */
export function placeCursor(layer: Layer, place: CursorPlace): boolean {
  const { axis, left, right, bottom, t } = place;
  const x = axis.x(t);
  const shown = x >= left - 0.5 && x <= right + 0.5;
  layer.attr("display", shown ? null : "none");
  if (!shown) return false;
  const width = place.measure(place.text, 11.5, true) + 22;
  const centre = Math.min(Math.max(x, left + width / 2), right - width / 2);
  layer.select(".cw-cursor-line").attr("x1", x).attr("x2", x).attr("y1", 25).attr("y2", bottom);
  layer
    .select(".cw-pill")
    .attr("x", centre - width / 2)
    .attr("y", 5)
    .attr("width", width);
  layer.select(".cw-pill-text").attr("x", centre).attr("y", 16).text(place.text);
  layer
    .select(".cw-grip")
    .attr("x", x - 8)
    .attr("y", 4)
    .attr("width", 16)
    .attr("height", bottom - 4);
  layer
    .select(".cw-handle")
    .attr("aria-valuemin", 0)
    .attr("aria-valuemax", place.tMax)
    .attr("aria-valuenow", Number(t.toFixed(4)))
    .attr("aria-valuetext", place.sentence);
  return true;
}
