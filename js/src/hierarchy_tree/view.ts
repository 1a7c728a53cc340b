/**
 * One view of the model: keeps the scene, decides what a change touches, draws it in the next frame.
 * Pointer and key handling live in `gestures.ts`; this file knows no events of the page but resize.
 */
import { makeCursor } from "../lib/axis";
import { placeCard } from "../lib/card";
import type { Scheme } from "../lib/colour";
import { toHex } from "../lib/colour";
import type { State } from "../lib/contract.gen";
import { frameScheduler, setAttributeIfNew, setText, throttle } from "../lib/dom";
import type { Host } from "../lib/host";
import { motionWelcome } from "../lib/motion";
import { canvasMeasure, FONT, type Measure } from "../lib/text";
import { resolveScheme, watchScheme } from "../lib/theme";
import { fillCard } from "./card";
import { type Chrome, makeChrome, setEpsScale } from "./chrome";
import { decodeTree, type Tree, type Vertex, vertexOf } from "./data";
import {
  drawBrackets,
  drawEnds,
  drawInnerLabels,
  drawStreams,
  type Item,
  placeRiver,
  riverAnchors,
  riverItems,
} from "./draw";
import {
  type Dendrogram,
  dendrogramAnchors,
  dendrogramItems,
  drawDendrogram,
  layoutDendrogram,
  moveDendrogram,
  sameVertices,
} from "./draw_dendrogram";
import { drawAxis, drawCurves, drawMarks, moveCursor } from "./draw_panel";
import { certifyItems, drawItems, drawWindow, highlight, moveItems } from "./items";
import { Motion } from "./motion";
import { makePicture, type Picture } from "./picture";
import { makeScene, type Scene, type Zoom, zoomed } from "./scene";
import { makeTable } from "./table";
import { ThumbSource } from "./thumbs";
import { censusWords, sentence } from "./words";

/** What a change touches; later ones are implied by earlier ones. */
export const LAYOUT = 1;
export const ZOOM = 2;
export const EPS = 4;
export const TIME = 8;
export const MARK = 16;

const TOUCHES: Partial<Record<keyof State, number>> = {
  selected: MARK | TIME,
  time: TIME,
  eps: EPS,
  clock: LAYOUT,
  view: LAYOUT,
  collapsed: LAYOUT,
  height: LAYOUT,
  theme: LAYOUT,
  show_table: TIME,
};

export class View {
  tree: Tree;
  scene: Scene | null = null;
  items: Item[] = [];
  zoom: Zoom = { k: 1, x: 0 };
  hover: { id: number; x: number; y: number } | null = null;
  focus: number | null = null;
  readonly chrome: Chrome;
  readonly picture: Picture;
  /** Called after each layout, so that gestures can follow the frame. */
  onLayout: () => void = () => {};

  private dirty = 0;
  /** Counts the data drawn, to tell old cards from new ones. */
  private edition = 0;
  private marked = "";
  private dendrogram: Dendrogram | null = null;
  /** Whether the last ε moved the tree's bars and changed nothing else. */
  private moved = false;
  private thumbs: ThumbSource | null = null;
  private scheme: Scheme = "light";
  private width = 0;
  private motion: Motion;
  private cleanups: Array<() => void> = [];
  private measure: Measure;
  private frames = frameScheduler(() => this.draw());
  private saver: ReturnType<typeof throttle>;
  private lateTable: ReturnType<typeof setTimeout> | undefined;
  private lateLive: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly host: Host,
    readonly el: HTMLElement,
  ) {
    this.tree = decodeTree(host.get("data"));
    this.chrome = makeChrome(el);
    this.picture = makePicture(this.chrome.stage, this.tree.title);
    this.measure = canvasMeasure(document, FONT);
    this.saver = throttle(() => host.save_changes(), 60);
    makeCursor(this.picture.cursor);
    this.adopt(this.tree);
    this.motion = new Motion(host.get("collapsed"), host.get("clock"));
    this.listen();
    this.watchSize();
  }

  /** Time of the cursor; until it is placed it rests where the first split is half decided. */
  get time(): number {
    const t = this.host.get("time");
    const rest = this.tree.vertices[0]!.half?.value ?? this.tree.tMax / 2;
    return Math.min(this.tree.tMax, Math.max(0, t ?? rest));
  }

  get selected(): Vertex | undefined {
    return vertexOf(this.tree, this.host.get("selected"));
  }

  /** Change a trait here and now; the kernel hears of it at most every 60 ms, the newest last. */
  put<K extends keyof State>(name: K, value: State[K]): void {
    this.host.set(name, value);
    this.saver.ask();
  }

  /** The end of a gesture: draw and save what is still pending, now. */
  settle(): void {
    this.flush();
    this.saver.flush();
  }

  /** Draw now what was asked for, as an answer to a single key or click. */
  flush(): void {
    if (this.dirty === 0) return;
    this.frames.cancel();
    this.draw();
  }

  ask(what: number): void {
    this.dirty |= what;
    this.frames.ask();
  }

  destroy(): void {
    for (const cleanup of this.cleanups.splice(0)) cleanup();
    this.frames.cancel();
    this.saver.flush();
    clearTimeout(this.lateTable);
    clearTimeout(this.lateLive);
    this.chrome.root.remove();
  }

  addCleanup(cleanup: () => void): void {
    this.cleanups.push(cleanup);
  }

  /** Take new data; throws, and keeps the old picture, when they cannot be drawn. */
  replace(data: State["data"]): void {
    this.adopt(decodeTree(data));
    this.hover = null;
    this.focus = null;
    this.motion.reset(this.host.get("collapsed"));
    this.ask(LAYOUT);
  }

  private adopt(tree: Tree): void {
    this.edition += 1;
    this.tree = tree;
    this.thumbs = tree.thumbnails === null ? null : new ThumbSource(tree.thumbnails);
    this.chrome.title.textContent = tree.title;
    setEpsScale(this.chrome, tree);
    this.chrome.foot.hidden = tree.order.length === 1;
  }

  private listen(): void {
    for (const [name, what] of Object.entries(TOUCHES)) {
      const changed = () => {
        if (name === "collapsed") this.motion.fold(this.host.get("collapsed"), this.mayMove);
        if (name === "clock") this.motion.turn(this.host.get("clock"), this.mayMove);
        this.ask(what);
      };
      this.host.on(`change:${name}`, changed);
      this.cleanups.push(() => this.host.off(`change:${name}`, changed));
    }
    this.cleanups.push(watchScheme(document, () => this.ask(LAYOUT)));
  }

  private watchSize(): void {
    const measureWidth = () => {
      const width = this.chrome.stage.clientWidth;
      if (width === 0 || width === this.width) return;
      this.width = width;
      this.dirty |= LAYOUT;
      this.draw();
    };
    if (typeof ResizeObserver === "undefined") {
      // No layout engine to ask: draw once at a common width.
      this.width = 960;
      this.dirty |= LAYOUT;
      this.draw();
      return;
    }
    const observer = new ResizeObserver(measureWidth);
    observer.observe(this.chrome.stage);
    this.cleanups.push(() => observer.disconnect());
  }

  /** Only where every frame can be drawn in time. */
  private get mayMove(): boolean {
    return this.scene !== null && this.tree.order.length <= 40 && motionWelcome();
  }

  private draw(): void {
    if (this.width === 0) return;
    const dirty = this.scene === null ? LAYOUT : this.dirty;
    this.dirty = 0;
    if (dirty & LAYOUT) this.drawLayout();
    if (dirty & (LAYOUT | ZOOM)) this.drawZoom();
    this.moved = false;
    if (dirty & (LAYOUT | ZOOM | EPS)) this.drawEps(dirty);
    if (dirty & (LAYOUT | ZOOM | TIME)) this.drawTime();
    if (dirty & (LAYOUT | ZOOM | EPS | TIME)) this.drawTable();
    this.drawMark(dirty);
  }

  private drawLayout(): void {
    const { host, picture, chrome } = this;
    this.scheme = resolveScheme(host.get("theme"), document);
    chrome.root.dataset.scheme = this.scheme;
    chrome.root.dataset.forced = String(host.get("theme") !== "auto");
    chrome.root.dataset.narrow = String(this.width < 560);
    const height = host.get("height");
    picture.svg
      .attr("viewBox", `0 0 ${this.width} ${height}`)
      .attr("width", this.width)
      .attr("height", height);
    this.scene = makeScene(this.tree, {
      width: this.width,
      height,
      clock: host.get("clock"),
      view: host.get("view"),
      scheme: this.scheme,
      collapsed: this.motion.folded,
      openness: this.motion.openness(),
      morph: this.motion.morphing(),
      measure: this.measure,
      zoom: this.zoom,
    });
    drawStreams(picture, this.scene);
    drawCurves(picture, this.scene);
    for (const [id, b] of chrome.views)
      b.setAttribute("aria-pressed", String(id === host.get("view")));
    for (const [id, b] of chrome.clocks) {
      b.setAttribute("aria-pressed", String(id === host.get("clock")));
      b.hidden = !this.tree.clocks.includes(id);
    }
    // One clock alone is no choice; the axis says its name.
    chrome.clockGroup.hidden = this.tree.clocks.length < 2;
    this.onLayout();
    if (this.motion.running) queueMicrotask(() => this.ask(LAYOUT));
  }

  private drawZoom(): void {
    const scene = zoomed(this.scene!, this.zoom);
    this.scene = scene;
    placeRiver(this.picture, scene);
    drawMarks(this.picture, scene);
    drawAxis(this.picture, scene);
    drawInnerLabels(this.picture, scene, this.thumbs);
    this.chrome.zoomReset.disabled = this.zoom.k === 1;
    this.chrome.zoomOut.disabled = this.zoom.k === 1;
    if (scene.settings.view === "river") {
      drawEnds(this.picture, scene, this.thumbs, riverAnchors(scene));
      this.setItems(riverItems(scene));
    }
  }

  private drawEps(dirty: number): void {
    const scene = this.scene!;
    const eps = this.host.get("eps");
    if (scene.settings.view === "dendrogram") this.drawTree(scene, eps, dirty);
    else {
      this.dendrogram = null;
      if (dirty & LAYOUT) drawDendrogram(this.picture, scene, null);
      certifyItems(this.picture, scene, eps);
    }
    if (dirty & LAYOUT || this.dendrogram === null) drawBrackets(this.picture, scene, eps);
    const { slider, epsValue, census } = this.chrome;
    if (
      document.activeElement !== slider ||
      Math.abs(10 ** slider.valueAsNumber - eps) > 0.01 * eps
    ) {
      slider.value = String(Math.log10(eps));
    }
    const words = eps.toFixed(eps < 0.0995 ? 3 : 2);
    setText(epsValue, words);
    setAttributeIfNew(slider, "aria-valuetext", `ε = ${words}`);
    setText(census, censusWords(this.tree, eps));
  }

  private drawTree(scene: Scene, eps: number, dirty: number): void {
    const before = dirty & (LAYOUT | ZOOM) ? null : this.dendrogram;
    const drawing = layoutDendrogram(scene, eps);
    this.dendrogram = drawing;
    this.moved = before !== null && sameVertices(before, drawing);
    if (this.moved) {
      moveDendrogram(this.picture, scene, drawing);
      this.items = dendrogramItems(scene, drawing);
      moveItems(this.picture, this.items);
      return;
    }
    drawEnds(this.picture, scene, this.thumbs, dendrogramAnchors(drawing));
    this.setItems(dendrogramItems(scene, drawing));
    drawDendrogram(this.picture, scene, drawing);
  }

  private setItems(items: Item[]): void {
    this.items = items;
    drawItems(this.picture, this.scene!, items, this.focus, this.host.get("eps"));
  }

  private drawTime(): void {
    const scene = this.scene!;
    const { chrome } = this;
    const clock = this.host.get("clock");
    const words = sentence(this.tree, this.time, clock, this.selected ?? null);
    if (chrome.say.textContent !== words) {
      chrome.say.textContent = words;
      clearTimeout(this.lateLive);
      this.lateLive = setTimeout(() => {
        chrome.live.textContent = words;
      }, 600);
    }
    moveCursor(this.picture, scene, this.time, words);
  }

  private drawTable(): void {
    const { chrome } = this;
    const open = this.host.get("show_table");
    chrome.tableButton.setAttribute("aria-pressed", String(open));
    chrome.table.hidden = !open;
    clearTimeout(this.lateTable);
    if (open) {
      const build = () =>
        chrome.table.replaceChildren(
          makeTable(this.tree, this.time, this.host.get("eps"), this.host.get("clock")),
        );
      if (chrome.table.childElementCount === 0) build();
      else this.lateTable = setTimeout(build, 120);
    }
  }

  private drawMark(dirty: number): void {
    const scene = this.scene!;
    const { chrome } = this;
    const selection = this.host.get("selected");
    const chosen = this.selected;
    const pointed = this.hover?.id ?? this.focus;
    const active = pointed === null ? undefined : this.tree.vertices[pointed];
    const lit = active?.subset ?? selection;
    // Most frames of a drag change nothing here; elements that are new still need their marks.
    const marked = `${lit.join()}|${selection.join()}|${this.focus}`;
    const fresh = dirty & (LAYOUT | ZOOM) || (dirty & EPS && lit.length > 0 && !this.moved);
    if (fresh || marked !== this.marked) {
      highlight(this.picture, scene, lit, chosen?.id ?? null, this.focus);
    }
    this.marked = marked;
    drawWindow(this.picture, scene, active ?? chosen, this.host.get("eps"));
    chrome.inspector.hidden = selection.length === 0;
    if (chosen !== undefined) this.fill(chrome.inspectorBody, chosen);
    else if (selection.length > 0) {
      const names = selection.map((i) => this.tree.components[i]?.label ?? String(i));
      delete chrome.inspectorBody.dataset.shows;
      chrome.inspectorBody.textContent = `Selected, though not a vertex of the tree: ${names.join(", ")}.`;
    }
    const item = this.items.find((i) => i.vertex.id === pointed);
    if (active === undefined || item === undefined || active.id === chosen?.id) {
      chrome.card.hidden = true;
      return;
    }
    this.fill(chrome.card, active);
    const at = this.hover ?? { x: item.cx, y: item.cy };
    placeCard(chrome.card, chrome.stage, at, { top: item.top, bottom: item.bottom });
  }

  /** Fill a card unless it shows just this already: hovering must not rebuild it at every pixel. */
  private fill(card: HTMLElement, vertex: Vertex): void {
    const [t, eps, clock] = [this.time, this.host.get("eps"), this.host.get("clock")];
    const shows = [this.edition, vertex.id, t, eps, clock, this.scheme].join("|");
    if (card.dataset.shows === shows) return;
    card.dataset.shows = shows;
    const colour = toHex(this.scene!.river.colours[vertex.id]!);
    fillCard(card, { tree: this.tree, vertex, t, eps, clock, colour, thumbs: this.thumbs });
  }
}
