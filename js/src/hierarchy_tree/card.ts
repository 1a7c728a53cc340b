/** The card of a vertex: its numbers, and how each is known. Text only, never markup. */

import { sayTime } from "../lib/clocks";
import type { Clock } from "../lib/contract.gen";
import { h } from "../lib/dom";
import type { Tree, Vertex } from "./data";
import { nameOf } from "./names";
import type { ThumbSource } from "./thumbs";
import { facts, status } from "./words";

export interface CardOptions {
  tree: Tree;
  vertex: Vertex;
  t: number;
  eps: number;
  clock: Clock;
  colour: string;
  thumbs: ThumbSource | null;
}

const HOW: Record<string, string> = {
  exact: "closed form or quadrature",
  certified: "a rigorous bracket",
  estimated: "sampled, with its interval",
};

function portraits(options: CardOptions): HTMLElement | null {
  const { thumbs, vertex, t, clock } = options;
  if (thumbs === null) return null;
  const figure = (address: string, caption: string) =>
    h(
      "figure",
      {},
      h("img", { src: address, alt: "", style: `aspect-ratio: ${thumbs.aspect}` }),
      h("figcaption", {}, caption),
    );
  return h(
    "div",
    { class: "cw-portraits" },
    figure(thumbs.mean(vertex.id), "mean"),
    figure(thumbs.noised(vertex.id, t), `at ${sayTime(t, clock)}`),
  );
}

/** Fill `into` with the card; what was there goes. */
export function fillCard(into: HTMLElement, options: CardOptions): void {
  const { tree, vertex, t, eps, clock, colour } = options;
  const rows = facts(tree, vertex, t, eps, clock).flatMap((fact) => [
    h("dt", {}, fact.name),
    h(
      "dd",
      {},
      h("span", {}, fact.value),
      fact.how === ""
        ? null
        : h("span", { class: `cw-how cw-how-${fact.how}`, title: HOW[fact.how] }, fact.how),
    ),
  ]);
  const head = h(
    "div",
    { class: "cw-card-head" },
    h("span", { class: "cw-swatch", style: `background:${colour}` }),
    h("strong", {}, nameOf(vertex)),
    h("span", { class: "cw-card-note" }, note(tree, vertex, t)),
  );
  into.replaceChildren(
    h("div", { class: "cw-card-top" }, head, portraits(options)),
    h("dl", {}, ...rows),
  );
}

function note(tree: Tree, v: Vertex, t: number): string {
  const n = v.subset.length;
  if (v.parent === -1) return n === 1 ? "the only component" : `all ${n} components`;
  const count = n === 1 ? "1 component" : `${n} components`;
  return `weight ${v.weight.toFixed(2)} · ${count} · ${status(tree, v, t)}`;
}
