/**
 * One view of the model: keeps the scene, decides what a change touches, draws it in the next frame.
 * Pointer and key handling live in `gestures.ts`.
 */
import { placeCard } from "../lib/card";
import { LINES, type Scheme } from "../lib/colour";
import { frameScheduler, h, setText, throttle } from "../lib/dom";
import type { Host } from "../lib/host";
import { canvasMeasure, FONT, type Measure } from "../lib/text";
import { resolveScheme, watchScheme } from "../lib/theme";
import { SORT_IDS, type TimelineState } from "../lib/timeline.gen";
import { makeCard } from "./card";
import { type Chrome, makeChrome } from "./chrome";
import { decodeTimeline, type Row, type Timeline } from "./data";
import {
  drawCursor,
  drawLabels,
  drawMarks,
  drawRows,
  drawTimelineAxis,
  makePicture,
  type Picture,
  type Scene,
} from "./draw";
import { layoutTimeline, markPath, type RowShape } from "./layout";
import { readingOf } from "./reading";
import { makeTable } from "./table";
import { sentence } from "./words";

/** What a change touches; later ones are implied by earlier ones. */
export const LAYOUT = 1;
export const TIME = 2;
export const MARK = 4;

const TOUCHES: Partial<Record<keyof TimelineState, number>> = {
  selected: MARK,
  feature: MARK,
  time: TIME,
  clock: LAYOUT,
  sort: LAYOUT,
  curve: LAYOUT,
  theme: LAYOUT,
  show_table: TIME,
  notice: MARK,
};

export class TimelineView {
  timeline: Timeline;
  scene: Scene | null = null;
  hover: { id: number; x: number; y: number } | null = null;
  focus: number | null = null;
  readonly chrome: Chrome;
  readonly picture: Picture;

  private dirty = 0;
  private scheme: Scheme = "light";
  private width = 0;
  private cleanups: Array<() => void> = [];
  private measure: Measure;
  private frames = frameScheduler(() => this.draw());
  private saver: ReturnType<typeof throttle>;
  private lateTable: ReturnType<typeof setTimeout> | undefined;
  private lateLive: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly host: Host<TimelineState>,
    readonly el: HTMLElement,
  ) {
    this.timeline = decodeTimeline(host.get("data"));
    this.chrome = makeChrome(el);
    this.picture = makePicture(this.chrome.stage);
    this.measure = canvasMeasure(document, FONT);
    this.saver = throttle(() => host.save_changes(), 60);
    this.listen();
    this.watchSize();
  }

  /** Level of the cursor; until it is placed it rests where the first feature is half decided. */
  get time(): number {
    const t = this.host.get("time");
    const halves = this.timeline.rows.flatMap((row) => (row.half === null ? [] : row.half.value));
    const rest = halves.length > 0 ? Math.max(...halves) : this.timeline.tMax / 2;
    return Math.min(this.timeline.tMax, Math.max(0, t ?? rest));
  }

  /** Rows in the order shown. */
  get rows(): Row[] {
    return this.scene === null ? [] : this.scene.layout.shapes.map((shape) => shape.row);
  }

  shape(id: number): RowShape | undefined {
    return this.scene?.layout.shapes.find((shape) => shape.row.id === id);
  }

  /** Change a trait here and now; the kernel hears of it at most every 60 ms, the newest last. */
  put<K extends keyof TimelineState>(name: K, value: TimelineState[K]): void {
    this.host.set(name, value);
    this.saver.ask();
  }

  /** Put the cursor at a level, on the axis and, where only those are levels, on a whole number. */
  moveTo(t: number): void {
    const inside = Math.min(this.timeline.tMax, Math.max(0, t));
    const whole = this.timeline.unit.whole && !this.timeline.unit.ou;
    this.put("time", whole ? Math.round(inside) : Number(inside.toPrecision(6)));
  }

  nextSort(): void {
    const at = SORT_IDS.indexOf(this.host.get("sort"));
    this.put("sort", SORT_IDS[(at + 1) % SORT_IDS.length]!);
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
  replace(data: TimelineState["data"]): void {
    this.timeline = decodeTimeline(data);
    this.hover = null;
    if (this.focus !== null && this.timeline.rows[this.focus] === undefined) this.focus = null;
    this.ask(LAYOUT);
  }

  private listen(): void {
    for (const [name, what] of Object.entries(TOUCHES)) {
      const changed = () => this.ask(what);
      this.host.on(`change:${name}`, changed);
      this.cleanups.push(() => this.host.off(`change:${name}`, changed));
    }
    this.cleanups.push(watchScheme(document, () => this.ask(LAYOUT)));
  }

  private watchSize(): void {
    const sized = (width: number) => {
      if (width === 0 || width === this.width) return;
      this.width = width;
      this.dirty |= LAYOUT;
      this.draw();
    };
    if (typeof ResizeObserver === "undefined") {
      // No layout engine to ask: draw once at a common width.
      sized(960);
      return;
    }
    const { stage } = this.chrome;
    const observer = new ResizeObserver(() => sized(stage.clientWidth));
    observer.observe(stage);
    this.cleanups.push(() => observer.disconnect());
  }

  private draw(): void {
    if (this.width === 0) return;
    const dirty = this.scene === null ? LAYOUT : this.dirty;
    this.dirty = 0;
    if (dirty & LAYOUT) this.drawLayout();
    if (dirty & (LAYOUT | TIME)) this.drawTime();
    this.drawMark();
  }

  private drawLayout(): void {
    const { host, picture, chrome, timeline, width, measure } = this;
    this.scheme = resolveScheme(host.get("theme"), document);
    chrome.root.dataset.scheme = this.scheme;
    chrome.root.dataset.forced = String(host.get("theme") !== "auto");
    chrome.root.dataset.narrow = String(width < 560);
    setText(chrome.title, timeline.title);
    const curve = host.get("curve");
    const reading = readingOf(timeline, host.get("clock"));
    const sort = host.get("sort");
    const layout = layoutTimeline(timeline, { width, reading, sort, curve, measure });
    this.scene = { timeline, layout, reading, scheme: this.scheme, measure, curve };
    const { height, rowHeight } = layout.frame;
    picture.svg
      .attr("viewBox", `0 0 ${width} ${height}`)
      .attr("width", width)
      .attr("height", height)
      .attr("aria-label", timeline.title)
      .classed("cw-fine", rowHeight < 30);
    drawTimelineAxis(picture, this.scene);
    drawRows(picture, this.scene, this.focus ?? layout.shapes[0]!.row.id);
    this.drawLegend();
    const press = <T>(buttons: Map<T, HTMLButtonElement>, on: T) => {
      for (const [id, b] of buttons) b.setAttribute("aria-pressed", String(id === on));
    };
    press(chrome.sorts, sort);
    press(chrome.curves, curve);
    press(chrome.clocks, host.get("clock"));
    chrome.clockGroup.hidden = !timeline.unit.ou;
  }

  private drawLegend(): void {
    const { models } = this.timeline;
    const { legend } = this.chrome;
    legend.hidden = models.length < 2;
    if (legend.hidden) return;
    const inks = LINES[this.scheme];
    const ns = "http://www.w3.org/2000/svg";
    const entries = models.map((model, i) => {
      const svg = document.createElementNS(ns, "svg");
      for (const [name, value] of Object.entries({
        viewBox: "-8 -8 16 16",
        width: "16",
        height: "16",
        "aria-hidden": "true",
      }))
        svg.setAttribute(name, value);
      const mark = document.createElementNS(ns, "path");
      mark.setAttribute("d", markPath(i, 4.4));
      mark.setAttribute("stroke", inks[i % inks.length]!);
      svg.append(mark);
      return h("li", {}, svg, h("span", { dir: "auto" }, model.name));
    });
    legend.replaceChildren(...entries);
  }

  private drawTime(): void {
    const { chrome, scene, timeline } = this;
    const words = sentence(timeline, this.rows, this.time, scene!.reading);
    if (chrome.say.textContent !== words) {
      chrome.say.textContent = words;
      clearTimeout(this.lateLive);
      this.lateLive = setTimeout(() => {
        chrome.live.textContent = words;
      }, 600);
    }
    drawCursor(this.picture, scene!, this.time, words);
    this.drawTable();
  }

  private drawTable(): void {
    const { chrome } = this;
    const open = this.host.get("show_table");
    chrome.tableButton.setAttribute("aria-pressed", String(open));
    chrome.table.hidden = !open;
    clearTimeout(this.lateTable);
    if (!open) return;
    const build = () =>
      chrome.table.replaceChildren(
        makeTable(this.timeline, this.rows, this.time, this.scene!.reading),
      );
    if (chrome.table.childElementCount === 0) build();
    else this.lateTable = setTimeout(build, 120);
  }

  private drawMark(): void {
    const { chrome, host, timeline } = this;
    const scene = this.scene!;
    const feature = host.get("feature");
    const components = host.get("selected");
    const pointed = this.hover?.id ?? this.focus;
    drawLabels(this.picture, scene, components);
    drawMarks(this.picture, { hover: this.hover?.id ?? null, feature, components });
    const notice = host.get("notice");
    setText(chrome.notice, notice);
    chrome.notice.hidden = notice === "";
    const card = (row: Row) =>
      makeCard({ timeline, row, t: this.time, reading: scene.reading, scheme: scene.scheme });
    const chosen = this.rows.filter((row) => row.feature === feature);
    chrome.inspector.hidden = chosen.length === 0;
    if (chosen.length > 0) chrome.inspectorBody.replaceChildren(...chosen.map(card));
    const shape = pointed === null ? undefined : this.shape(pointed);
    if (shape === undefined || shape.row.feature === feature) {
      chrome.card.hidden = true;
      return;
    }
    chrome.card.replaceChildren(card(shape.row));
    const x = this.hover?.x ?? scene.layout.axis.x(this.time);
    const region = { top: shape.y, bottom: shape.y + scene.layout.frame.rowHeight };
    placeCard(chrome.card, chrome.stage, { x, y: this.hover?.y ?? region.top }, region);
  }
}
