/** Joins of the river's geometry onto the SVG. Each function draws one layer from a scene. */
import { inkOn, toHex } from "../lib/colour";
import { setAttributeIfNew } from "../lib/dom";
import { crossing, lerpAt } from "../lib/interp";
import type { Vertex } from "./data";
import { type Bracket, bracketOf, type Region, regionOf } from "./geometry";
import {
  endsThatFit,
  type InnerLabel,
  innerLabels,
  type LeafLabel,
  leafLabels,
  namedEnds,
} from "./labels";
import { bandPath, bundleAt, colourAt, type Stream } from "./layout";
import { ROOT_SHORT } from "./names";
import type { Picture } from "./picture";
import { plateauAt } from "./plateaus";
import type { Scene } from "./scene";
import type { ThumbSource } from "./thumbs";

/**
 * Neighbours that touch overlap by a pixel, or the seam between two smoothed edges would shine
 * through; the overlap fades out as the gap opens, so that it opens from nothing.
 */
function streamPath(scene: Scene, s: Stream): string {
  const next = scene.river.streams[s.position + 1];
  if (next === undefined) return bandPath(scene.river.xs, s.y0, s.y1);
  const y1 = s.y1.map((y, i) => y + Math.max(0, 1 - (next.y0[i]! - y) / 1.5));
  return bandPath(scene.river.xs, s.y0, y1);
}

export function drawStreams(picture: Picture, scene: Scene): void {
  const { river, frame } = scene;
  const left = river.xs[river.xs.length - 1]!;
  const right = river.xs[0]!;
  picture.defs
    .selectAll<SVGLinearGradientElement, Stream>("linearGradient.cw-water")
    .data(river.streams, (s) => s.position)
    .join("linearGradient")
    .attr("class", "cw-water")
    .attr("id", (s) => `${picture.uid}-s${s.position}`)
    .attr("gradientUnits", "userSpaceOnUse")
    .attr("x1", left)
    .attr("x2", right)
    .selectAll("stop")
    .data((s) => s.stops)
    .join("stop")
    .attr("offset", (stop) => stop.offset.toFixed(3))
    .attr("stop-color", (stop) => stop.colour);
  const fill = (s: Stream) => `url(#${picture.uid}-s${s.position})`;
  picture.river.attr("display", scene.settings.view === "river" ? null : "none");
  picture.streams
    .selectAll<SVGPathElement, Stream>("path")
    .data(river.streams, (s) => s.position)
    .join("path")
    .attr("class", "cw-stream")
    .attr("id", (s) => `${picture.uid}-p${s.position}`)
    .attr("d", (s) => streamPath(scene, s))
    .attr("fill", fill);
  picture.soft
    .selectAll<SVGPathElement, Stream>("path")
    .data(
      river.streams.filter((s) => s.soft !== null),
      (s) => s.position,
    )
    .join("path")
    .attr("class", "cw-soft")
    .attr("d", (s) => bandPath(river.xs, s.soft!.y0, s.soft!.y1))
    .attr("fill", fill);
  placeRiver(picture, scene);
  picture.clip
    .attr("x", frame.left)
    .attr("y", 0)
    .attr("width", frame.right - frame.left)
    .attr("height", frame.height);
  picture.backdrop
    .attr("x", frame.left)
    .attr("y", 0)
    .attr("width", frame.right - frame.left)
    .attr("height", frame.height);
}

/** The zoom is a transform: no path is rebuilt. */
export function placeRiver(picture: Picture, scene: Scene): void {
  const { zoom } = scene.settings;
  const transform = `translate(${zoom.x},${scene.frame.top}) scale(${zoom.k},1)`;
  picture.river.attr("transform", transform);
  picture.curves.attr("transform", `translate(${zoom.x},0) scale(${zoom.k},1)`);
}

/** Brackets are all that depends on ε in the river: this runs on every frame of an ε drag. */
export function drawBrackets(picture: Picture, scene: Scene, eps: number): void {
  const { tree, river, frame } = scene;
  const { zoom } = scene.settings;
  const brackets: Bracket[] = [];
  if (scene.settings.view === "river" && tree.order.length > 1) {
    for (const v of scene.visible) {
      if (v.parent === -1) continue;
      const plateau = plateauAt(tree, v, eps);
      if (plateau !== null) brackets.push(bracketOf(tree, river, v, plateau, zoom.k));
    }
  }
  const groups = picture.brackets
    .selectAll<SVGGElement, Bracket>("g")
    .data(brackets, (b) => b.vertex.id)
    .join((enter) => {
      const g = enter.append("g").attr("class", "cw-bracket");
      g.append("path").attr("class", "cw-bracket-line");
      g.append("path").attr("class", "cw-bracket-doubt");
      return g;
    });
  // Among many thin streams a bracket must not outweigh the water.
  const dense = (frame.bottom - frame.top) / scene.ends.length < 9;
  picture.brackets.classed("cw-dense", dense);
  groups.each((b, i, nodes) => {
    const [line, doubt] = nodes[i]!.children as unknown as [SVGPathElement, SVGPathElement];
    nodes[i]!.classList.toggle("cw-thin", b.thin);
    setAttributeIfNew(line, "d", b.d);
    setAttributeIfNew(doubt, "d", b.doubt);
  });
}

export interface Item extends Region {
  vertex: Vertex;
}

/** Regions of the visible vertices in screen pixels, for pointing at and for focus. */
export function riverItems(scene: Scene): Item[] {
  const { tree, river, axis, frame, settings } = scene;
  return scene.visible.map((vertex) => {
    const folded = settings.collapsed.has(vertex.id);
    const region = regionOf(tree, river, vertex, folded, axis.x);
    const shift = frame.top;
    return {
      ...region,
      cy: region.cy + shift,
      top: region.top + shift,
      bottom: region.bottom + shift,
      vertex,
    };
  });
}

export function drawInnerLabels(picture: Picture, scene: Scene, thumbs: ThumbSource | null): void {
  const { tree, river, axis, base, frame, settings } = scene;
  const labels =
    settings.view === "river"
      ? innerLabels(tree, river, {
          x: axis.x,
          left: frame.left,
          right: frame.right,
          measure: settings.measure,
          thumbs: thumbs !== null,
          rootText: tree.order.length === 1 ? "nothing to decide" : ROOT_SHORT,
          folded: (v) => settings.collapsed.has(v.id) || !scene.visible.includes(v),
        })
      : [];
  const groups = picture.words
    .selectAll<SVGGElement, InnerLabel>("g")
    .data(labels, (l) => l.vertex.id)
    .join((enter) => {
      const g = enter.append("g").attr("class", "cw-inner");
      g.append("image").attr("preserveAspectRatio", "none");
      g.append("rect").attr("rx", 3).attr("fill", "none");
      g.append("text").attr("dy", "0.35em");
      return g;
    })
    .attr("transform", `translate(0,${frame.top})`);
  groups.each((l, i, nodes) => {
    const g = nodes[i]!;
    const middle = (l.vertex.first + l.vertex.last) >> 1;
    const water = colourAt(river, middle, base.x(axis.t(l.x)));
    const ink = inkOn(water);
    const text = g.querySelector("text")!;
    text.textContent = l.text;
    text.setAttribute("x", String(l.x));
    text.setAttribute("y", String(l.y));
    text.style.fill = ink;
    text.style.stroke = water;
    placeThumb(g, l.thumb, thumbs?.mean(l.vertex.id));
  });
}

function placeThumb(
  g: SVGGElement,
  at: { x: number; y: number; side: number } | null,
  address: string | undefined,
): void {
  const image = g.querySelector("image")!;
  const edge = g.querySelector("rect")!;
  const shown = at !== null && address !== undefined;
  for (const node of [image, edge]) {
    node.setAttribute("display", shown ? "inline" : "none");
    if (!shown) continue;
    node.setAttribute("x", String(at.x));
    node.setAttribute("y", String(at.y));
    node.setAttribute("width", String(at.side));
    node.setAttribute("height", String(at.side));
  }
  if (shown && image.getAttribute("href") !== address) image.setAttribute("href", address);
}

/** What the data end is called: one label per stream or folded branch. */
export function drawEnds(
  picture: Picture,
  scene: Scene,
  thumbs: ThumbSource | null,
  anchors: Array<{ vertex: Vertex; anchor: number }>,
): void {
  const { frame, river, settings } = scene;
  const labels = leafLabels(anchors, {
    height: frame.bottom - frame.top + 12,
    lead: 6,
    room: frame.width - frame.right - 14,
    measure: settings.measure,
    thumbs: thumbs !== null,
    narrow: frame.narrow,
  });
  const x = frame.right + 10;
  const groups = picture.ends
    .selectAll<SVGGElement, LeafLabel>("g")
    .data(labels, (l) => l.vertex.id)
    .join((enter) => {
      const g = enter.append("g").attr("class", "cw-end");
      g.append("path");
      g.append("image").attr("preserveAspectRatio", "none");
      g.append("rect").attr("rx", 3).attr("fill", "none");
      g.append("text").attr("class", "cw-end-label");
      g.append("text").attr("class", "cw-end-note");
      g.append("title");
      return g;
    })
    .attr("transform", `translate(${x},${frame.top - 6})`)
    .attr("data-vertex", (l) => l.vertex.id);
  groups.each((l, i, nodes) => {
    const g = nodes[i]!;
    const drawn = [l.text, l.note, l.size, l.thumb, l.y, l.anchor, river.colours[l.vertex.id]].join(
      "|",
    );
    if (g.dataset.drawn === drawn) return;
    g.dataset.drawn = drawn;
    fillEnd(g, l, toHex(river.colours[l.vertex.id]!), thumbs?.mean(l.vertex.id));
  });
}

function fillEnd(g: SVGGElement, l: LeafLabel, colour: string, address: string | undefined): void {
  const from = l.anchor;
  g.querySelector("path")!.setAttribute("d", `M-8,${from}C-3,${from} -5,${l.y} 0,${l.y}`);
  g.querySelector("path")!.setAttribute("stroke", colour);
  const side = l.thumb;
  placeThumb(g, side > 0 ? { x: 3, y: l.y - side / 2, side } : null, address);
  const textX = side > 0 ? side + 11 : 4;
  const [label, note] = g.querySelectorAll("text");
  label!.textContent = l.text;
  label!.setAttribute("font-size", `${l.size}`);
  label!.setAttribute("x", String(textX));
  label!.setAttribute("y", String(l.note === "" ? l.y + l.size * 0.35 : l.y - 2));
  note!.textContent = l.note;
  note!.setAttribute("x", String(textX));
  note!.setAttribute("y", String(l.y + 12));
  g.querySelector("title")!.textContent = l.vertex.label;
}

/** Where the river's ends lie, before labels move apart. */
export function riverAnchors(scene: Scene): Array<{ vertex: Vertex; anchor: number }> {
  const t = scene.river.times[0]!;
  const { top, bottom } = scene.frame;
  return namedEnds(scene.tree, scene.ends, endsThatFit(bottom - top)).map((vertex) => {
    const [a, b] = bundleAt(scene.river, vertex, t);
    return { vertex, anchor: (a + b) / 2 };
  });
}

/** Where a curve passes one half, and its value anywhere; used by marks and by the cursor. */
export const halfTime = (scene: Scene, decided: ArrayLike<number>) =>
  crossing(scene.tree.times, decided, 0.5);
export const valueAt = (scene: Scene, decided: ArrayLike<number>, t: number) =>
  lerpAt(scene.tree.times, decided, t);
