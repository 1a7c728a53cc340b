/** The SVG skeleton of one view: layers from back to front, created once. */
import { type Selection, select } from "d3-selection";

export type Layer = Selection<SVGGElement, unknown, null, undefined>;

export interface Picture {
  svg: Selection<SVGSVGElement, unknown, null, undefined>;
  defs: Selection<SVGDefsElement, unknown, null, undefined>;
  clip: Selection<SVGRectElement, unknown, null, undefined>;
  /** Catches presses on empty water and sky. */
  backdrop: Selection<SVGRectElement, unknown, null, undefined>;
  /** Behind everything: the window in which the vertex pointed at is chosen. */
  band: Layer;
  /** Drawn in unzoomed pixels; the zoom is this layer's transform. */
  river: Layer;
  soft: Layer;
  streams: Layer;
  /** Streams that stand out while the others, as one group, are dimmed. */
  lit: Layer;
  brackets: Layer;
  curves: Layer;
  curvesFrame: Layer;
  marks: Layer;
  dendrogram: Layer;
  items: Layer;
  words: Layer;
  ends: Layer;
  axis: Layer;
  cursor: Layer;
  uid: string;
}

let views = 0;

export function makePicture(stage: HTMLElement, title: string): Picture {
  views += 1;
  const uid = `cw${views}-${Math.random().toString(36).slice(2, 7)}`;
  const svg = select(stage).append("svg").attr("class", "cw-svg").attr("role", "group");
  svg.attr("aria-label", title);
  const defs = svg.append("defs");
  const clip = defs.append("clipPath").attr("id", `${uid}-clip`).append("rect");
  const backdrop = svg.append("rect").attr("class", "cw-backdrop");
  const clipped = svg.append("g").attr("clip-path", `url(#${uid}-clip)`);
  const layer = (parent: Layer | typeof svg, name: string): Layer =>
    (parent as Layer).append("g").attr("class", `cw-${name}`);
  const band = layer(clipped, "band-layer").attr("aria-hidden", "true");
  const curvesFrame = layer(svg, "curves-frame");
  const river = layer(clipped, "river");
  const soft = layer(river, "soft");
  const streams = layer(river, "streams");
  const lit = layer(river, "lit");
  const brackets = layer(river, "brackets");
  const curves = layer(clipped, "curves");
  const dendrogram = layer(clipped, "dendrogram");
  const items = layer(clipped, "items").attr("role", "tree");
  items.attr("aria-label", title).attr("aria-orientation", "horizontal");
  const words = layer(clipped, "words").attr("aria-hidden", "true");
  const marks = layer(svg, "marks").attr("aria-hidden", "true");
  const ends = layer(svg, "ends").attr("aria-hidden", "true");
  const axis = layer(svg, "axis").attr("aria-hidden", "true");
  const cursor = layer(svg, "cursor");
  return {
    svg,
    defs,
    clip,
    backdrop,
    band,
    river,
    soft,
    streams,
    lit,
    brackets,
    curves,
    curvesFrame,
    marks,
    dendrogram,
    items,
    words,
    ends,
    axis,
    cursor,
    uid,
  };
}
