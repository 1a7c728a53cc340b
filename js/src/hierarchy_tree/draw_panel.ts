/** The lower panel (decided fraction of each feature), the time axis and the time cursor. */
import { drawTimeAxis, placeCursor } from "../lib/axis";
import { CLOCKS, isWhole, sayTime } from "../lib/clocks";
import { DASHES, LINES } from "../lib/colour";
import { resample } from "../lib/interp";
import type { Feature } from "./data";
import { halfTime, valueAt } from "./draw";
import { curveLabels } from "./labels";
import { bandPath } from "./layout";
import type { Picture } from "./picture";
import { panelHeading, type Scene } from "./scene";

const f = (value: number) => Math.round(value * 10) / 10;

const level = (scene: Scene) => (fraction: number) => {
  const { curvesTop, curvesBottom } = scene.frame;
  return curvesBottom - Math.min(1, Math.max(0, fraction)) * (curvesBottom - curvesTop);
};

export function drawCurves(picture: Picture, scene: Scene): void {
  const { curves, tree, settings, frame } = scene;
  const y = level(scene);
  // The tabulated times are coarse where they matter least; the river's samples draw smoothly.
  const { times, xs } = scene.river;
  const inks = LINES[settings.scheme];
  const heights = (values: ArrayLike<number>) => resample(tree.times, values, times).map(y);
  const path = (values: ArrayLike<number>) => {
    const ys = heights(values);
    return Array.from(xs, (x, i) => `${f(x)},${f(ys[i]!)}`).join("L");
  };
  picture.curves
    .selectAll<SVGPathElement, Feature>("path.cw-band")
    .data(curves)
    .join("path")
    .attr("class", "cw-band")
    .attr("fill", (_, i) => inks[i % inks.length]!)
    .attr("d", (c) => bandPath(xs, heights(c.low), heights(c.high)));
  picture.curves
    .selectAll<SVGPathElement, Feature>("path.cw-curve")
    .data(curves)
    .join("path")
    .attr("class", "cw-curve")
    .attr("stroke", (_, i) => inks[i % inks.length]!)
    .attr("stroke-dasharray", (_, i) => DASHES[i % DASHES.length]!)
    .attr("d", (c) => `M${path(c.decided)}`);
  const lines = curves.length === 0 ? [] : [0, 0.5, 1];
  const grid = picture.curvesFrame
    .selectAll<SVGGElement, number>("g")
    .data(lines)
    .join((enter) => {
      const g = enter.append("g");
      g.append("line");
      g.append("text").attr("dy", "0.32em");
      return g;
    });
  grid.select("line").attr("x1", frame.left).attr("x2", frame.right).attr("y1", y).attr("y2", y);
  grid
    .select("text")
    .attr("x", frame.left - 5)
    .attr("y", y)
    .text((v) => `${100 * v}%`);
  picture.curvesFrame
    .selectAll("text.cw-heading")
    .data(lines.length > 0 ? [panelHeading(scene)] : [])
    .join("text")
    .attr("class", "cw-heading")
    .attr("x", frame.left)
    .attr("y", frame.curvesTop - 8)
    .text(String);
}

/** Half-way markers and direct labels: in screen pixels, so they keep their shape under zoom. */
export function drawMarks(picture: Picture, scene: Scene): void {
  const { curves, axis, tree, settings, frame } = scene;
  const y = level(scene);
  const inks = LINES[settings.scheme];
  const ink = (c: Feature) => inks[curves.indexOf(c) % inks.length]!;
  const inView = (x: number) => x >= frame.left - 1 && x <= frame.right + 1;
  const marks = curves
    // A feature that even the data leave half open has no half-way time.
    .filter((c) => c.half !== null)
    .map((c) => {
      // Between whole levels the line is a guide for the eye: the mark stands on a level.
      const t = isWhole(axis.clock) ? c.half!.value : halfTime(scene, c.decided);
      return { c, x: axis.x(t), y: isWhole(axis.clock) ? y(valueAt(scene, c.decided, t)) : y(0.5) };
    })
    .filter((m) => inView(m.x));
  picture.marks
    .selectAll<SVGCircleElement, (typeof marks)[number]>("circle.cw-half")
    .data(marks)
    .join("circle")
    .attr("class", "cw-half")
    .attr("r", 3.6)
    .attr("cx", (m) => m.x)
    .attr("cy", (m) => m.y)
    .attr("stroke", (m) => ink(m.c));
  const bounds = {
    x0: frame.left,
    y0: frame.curvesTop - 10,
    x1: frame.right,
    y1: frame.curvesBottom,
  };
  const labels = curveLabels(tree, curves, axis, y, bounds, settings.measure);
  picture.marks
    .selectAll<SVGTextElement, (typeof labels)[number]>("text")
    .data(labels)
    .join("text")
    .attr("class", "cw-curve-label")
    .attr("dy", "0.35em")
    .attr("x", (l) => l.x)
    .attr("y", (l) => l.y)
    .attr("text-anchor", (l) => l.anchor)
    .style("fill", (l) => ink(l.feature))
    .text((l) => l.text);
}

export function drawAxis(picture: Picture, scene: Scene): void {
  const { axis, frame, settings } = scene;
  const { name, from } = CLOCKS[settings.clock];
  const caption = frame.narrow ? name : `${name} — generation runs to the right`;
  const { left, right } = frame;
  drawTimeAxis(picture.axis, { axis, left, right, y: frame.curvesBottom, caption }, from);
}

export function moveCursor(picture: Picture, scene: Scene, t: number, sentence: string): void {
  const { axis, frame, settings, curves, tree } = scene;
  const g = picture.cursor;
  if (tree.order.length === 1) {
    g.attr("display", "none");
    return;
  }
  const { left, right, curvesBottom: bottom } = frame;
  const text = sayTime(t, settings.clock);
  const { measure } = settings;
  const place = { axis, left, right, bottom, t, tMax: tree.tMax, text, sentence, measure };
  if (!placeCursor(g, place)) return;
  const inks = LINES[settings.scheme];
  const y = level(scene);
  g.select(".cw-cursor-dots")
    .selectAll("circle")
    .data(curves)
    .join("circle")
    .attr("r", 3)
    .attr("cx", axis.x(t))
    .attr("cy", (c) => y(valueAt(scene, c.decided, t)))
    .attr("fill", (_, i) => inks[i % inks.length]!);
}
