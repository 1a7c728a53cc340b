import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { decodeTimeline, valueOn } from "../src/feature_timeline/data";
import { groupsOf, layoutTimeline, markPath, samples } from "../src/feature_timeline/layout";
import { readingOf } from "../src/feature_timeline/reading";
import { renderFeatureTimeline } from "../src/feature_timeline/widget";
import { facts, sentence, spoken, stageOf } from "../src/feature_timeline/words";
import type { Clock } from "../src/lib/contract.gen";
import { PageModel } from "../src/lib/host";
import { roughMeasure, truncate } from "../src/lib/text";
import {
  type Curve,
  type Sort,
  TIMELINE_DEFAULTS,
  type TimelinePayload,
  type TimelineState,
} from "../src/lib/timeline.gen";
import { mount } from "../src/standalone";
import { wire } from "./fixtures";

interface Spec {
  feature: string;
  model?: number;
  half: number | null;
  state?: "decided" | "constant" | "undecided" | "pending";
  jumps?: Array<[number, number]>;
  values?: string[];
}

const T = 61;
const grid = Array.from({ length: T }, (_, i) => (8 * i) / (T - 1));
const D = (t: number, half: number) => 1 / (1 + Math.exp((t - half) / 0.3));

/** Logistic decided fractions around half-way times, with a band of 0.02. */
function payload(rows: Spec[], models = ["only"], unit?: TimelinePayload["unit"]): TimelinePayload {
  const curve = (shift: number) =>
    rows.flatMap((row) =>
      grid.map((t) => (row.half === null ? Number.NaN : D(t, row.half) + shift)),
    );
  return {
    version: 1,
    title: "Which?",
    unit: unit ?? { name: "OU time", symbol: "t", ou: true, whole: false },
    t_max: 8,
    t_min: 0.05,
    models: models.map((name) => ({ name, method: "estimated" as const })),
    components: [],
    rows: rows.map((row, i) => {
      const at = (shift: number, slack: number) =>
        row.half === null
          ? null
          : {
              value: row.half + shift,
              low: row.half + shift - slack,
              high: row.half + shift + slack,
            };
      return {
        feature: row.feature,
        model: row.model ?? 0,
        state: row.state ?? (row.half === null ? "pending" : "decided"),
        note: row.half === null ? "no results yet" : "",
        half: at(0, 0.1),
        start: at(0.9, 0.2),
        end: at(-0.9, 0.2),
        chance: 0.5,
        from: i * T,
        count: T,
        jumps: row.jumps ?? [],
        values: row.values ?? null,
        tint: i,
      };
    }),
    levels: wire(
      "float64",
      [rows.length * T],
      rows.flatMap(() => grid),
    ),
    decided: wire("float32", [rows.length * T], curve(0)),
    decided_low: wire("float32", [rows.length * T], curve(-0.02)),
    decided_high: wire("float32", [rows.length * T], curve(0.02)),
  };
}

const three: Spec[] = [
  { feature: "shape", half: 3, values: ["disc", "disc", "square"] },
  { feature: "Background", half: 6, values: ["sand", "sea", "sea"] },
  { feature: "mark", half: 1.5, jumps: [[1, 2]] },
];

function laid(
  data: TimelinePayload,
  more: { width?: number; clock?: Clock; sort?: Sort; curve?: Curve } = {},
) {
  const timeline = decodeTimeline(data);
  const reading = readingOf(timeline, more.clock ?? "t");
  const { width = 900, sort = "time", curve = "decided" } = more;
  const layout = layoutTimeline(timeline, { width, reading, sort, curve, measure: roughMeasure });
  return { timeline, reading, layout };
}

describe("the order of features", () => {
  const names = (sort: Sort, specs = three) =>
    groupsOf(decodeTimeline(payload(specs)), sort).map((rows) => rows[0]!.feature);

  it("is by time, decided first in generation first; by name whatever the case; or as given", () => {
    expect(names("time")).toEqual(["Background", "shape", "mark"]);
    expect(names("name")).toEqual(["Background", "mark", "shape"]);
    expect(names("given")).toEqual(["shape", "Background", "mark"]);
  });

  it("puts what is never decided last, and keeps ties as given", () => {
    const specs = [{ feature: "none", half: null }, ...three, { feature: "tie", half: 3 }];
    expect(names("time", specs)).toEqual(["Background", "shape", "tie", "mark", "none"]);
  });

  it("keeps the models of a feature together, by the first of them to be decided", () => {
    const specs = [
      { feature: "a", half: 2, model: 0 },
      { feature: "b", half: 3, model: 0 },
      { feature: "a", half: 5, model: 1 },
    ];
    const groups = groupsOf(decodeTimeline(payload(specs, ["p", "q"])), "time");
    expect(groups.map((rows) => rows.map((row) => [row.feature, row.model]))).toEqual([
      [
        ["a", 0],
        ["a", 1],
      ],
      [["b", 0]],
    ]);
  });
});

describe("the layout", () => {
  it("puts noise left and data right, bars and marks at their times, on every clock", () => {
    for (const clock of ["t", "sigma", "alpha_bar", "log_snr"] as const) {
      const { layout } = laid(payload(three), { clock });
      const { left, right } = layout.frame;
      expect(layout.axis.x(8)).toBeCloseTo(left, 6);
      for (const { row, bar, half } of layout.shapes) {
        expect(half!.x).toBeCloseTo(layout.axis.x(row.half!.value), 0);
        expect(half!.from).toBeLessThan(half!.x);
        expect(bar!.x).toBeCloseTo(Math.max(left, layout.axis.x(row.start!.value)), 0);
        expect(bar!.x + bar!.width).toBeLessThanOrEqual(right + 0.2);
        expect([...bar!.decided].sort((a, b) => a - b)).toEqual(bar!.decided);
      }
    }
  });

  it("keeps rows apart and labels in their column, from a telephone's width on", () => {
    const long = three.map((row, i) => ({
      ...row,
      feature: `${row.feature} ${"é".repeat(40 * i)}`,
    }));
    for (const width of [320, 360, 700, 1500]) {
      const { layout } = laid(payload(long), { width });
      const { frame, shapes } = layout;
      expect(frame.right - frame.left).toBeGreaterThan(0.4 * width);
      expect(frame.right).toBeLessThan(width);
      shapes.forEach((shape, i) => {
        expect(shape.y).toBe(frame.top + i * frame.rowHeight);
        expect(roughMeasure(shape.label, 12.5)).toBeLessThanOrEqual(frame.left - frame.margin);
      });
    }
  });

  it("draws the half-way mark on its curve, whichever curve it is", () => {
    for (const curve of ["decided", "retention"] as const) {
      const { layout } = laid(payload(three), { curve });
      const { half, base, crest, chance } = layout.shapes[0]!;
      const share = curve === "decided" ? 0.5 : 0.75; // of a chance of one half
      expect(half!.y).toBeCloseTo(base - share * (base - crest), 1);
      expect(chance).toBe(curve === "decided" ? null : base - 0.5 * (base - crest));
    }
  });

  it("samples a curve within what is known, its own levels included", () => {
    const { layout, timeline } = laid(payload(three));
    const at = samples(timeline.rows[0]!, layout.axis, layout.frame.left, layout.frame.right);
    expect(at[0]).toBeCloseTo(0, 9);
    expect(at[at.length - 1]).toBeCloseTo(8, 9);
    expect([...at]).toEqual([...at].sort((a, b) => a - b));
    for (const t of grid.slice(1, -1)) expect(at).toContain(t);
  });

  it("brackets a study's jumps, and draws nothing where nothing is known", () => {
    const { layout } = laid(payload([...three, { feature: "new", half: null }]));
    const by = new Map(layout.shapes.map((shape) => [shape.row.feature, shape]));
    expect(by.get("mark")!.brackets).toMatch(/^M/);
    expect(by.get("shape")!.brackets).toBe("");
    expect(by.get("new")).toMatchObject({ line: "", area: "", bar: null, half: null });
    expect(JSON.stringify(layout.shapes)).not.toMatch(/NaN/);
  });

  it("lets the bar run on to where an end is not reached", () => {
    const data = payload(three.slice(0, 1));
    data.rows[0]!.end = null;
    const { layout, timeline, reading } = laid(data);
    const { bar } = layout.shapes[0]!;
    expect(bar!.x + bar!.width).toBeCloseTo(layout.frame.right, 0);
    const told = facts(timeline, timeline.rows[0]!, 3, reading);
    expect(told.find((fact) => fact.name === "95 % decided at")!.value).toBe("at no level known");
  });

  it("gives six models six outlines", () => {
    expect(new Set([0, 1, 2, 3, 4, 5].map((i) => markPath(i, 4))).size).toBe(6);
  });

  it("does not cut an emoji of several code points in two", () => {
    const family = "👩‍👩‍👧‍👦";
    const cut = truncate(family.repeat(30), 200, 12, roughMeasure);
    expect(cut.replaceAll(family, "")).toBe("…");
  });
});

describe("the words", () => {
  it("say what is decided, being decided and open at the cursor", () => {
    const { timeline, reading, layout } = laid(payload(three));
    const rows = layout.shapes.map((shape) => shape.row);
    expect(sentence(timeline, rows, 3, reading)).toBe(
      "t = 3.00 — decided: Background; being decided: shape (50 %); open: mark.",
    );
    expect(sentence(timeline, rows, 8, reading)).toBe(
      "t = 8.00 — open: Background, shape and mark.",
    );
    expect(stageOf(rows[0]!, 0)).toBe("decided");
  });

  it("name the models where there are several, and shorten long lists and names", () => {
    const specs = Array.from({ length: 9 }, (_, i) => ({
      feature: `f${i}`,
      half: 3,
      model: i % 2,
    }));
    const { timeline, reading } = laid(payload(specs, ["p", "q".repeat(90)]));
    const words = sentence(timeline, timeline.rows, 8, reading);
    expect(words).toContain("p: open: f0, f2, f4 and 2 more.");
    expect(words).toContain(`${"q".repeat(46)}…: open`);
  });

  it("keep a right-to-left name from turning the words beside it, and say when one is blank", () => {
    const { timeline, reading } = laid(
      payload([
        { feature: "צבע", half: 3 },
        { feature: " ", half: 2 },
      ]),
    );
    expect(spoken(timeline, timeline.rows[0]!, reading)).toMatch(
      /^\u2068צבע\u2069; half decided at t = 3 \[2\.9, 3\.1\]/,
    );
    expect(spoken(timeline, timeline.rows[1]!, reading)).toMatch(/^\(blank\);/);
  });

  it("give intervals the right way round on clocks of the signal", () => {
    const { timeline } = laid(payload(three));
    const half = timeline.rows[0]!.half!;
    const [, low, high] = readingOf(timeline, "alpha_bar")
      .bracket(half)
      .match(/\[(.+), (.+)\]/)!;
    const value = (text: string) => Number(text.replace(/·10⁻³/, "e-3"));
    expect(value(low!)).toBeLessThan(value(high!));
  });

  it("are in a process's own unit where there is no OU time", () => {
    const unit = { name: "tokens hidden", symbol: "h", ou: false, whole: true };
    const { timeline, reading, layout } = laid(payload(three, ["only"], unit), { clock: "sigma" });
    expect(reading.say(3)).toBe("h = 3");
    expect(layout.axis.x(4)).toBeCloseTo((layout.frame.left + layout.frame.right) / 2, 6);
    const told = facts(timeline, timeline.rows[2]!, 1.5, reading);
    expect(told.find((fact) => fact.name === "critical window")!.value).toBe("h 2 → 1");
    expect(told.find((fact) => fact.name === "by chance")).toMatchObject({
      value: "0.50",
      how: "",
    });
    expect(told.find((fact) => fact.name.startsWith("keeps"))!.value).toContain("0.75");
  });

  it("know the value that selected components share", () => {
    const [shape] = decodeTimeline(payload(three)).rows;
    expect(valueOn(shape!, [0, 1])).toBe("disc");
    expect(valueOn(shape!, [1, 2])).toBeNull();
    expect(valueOn(shape!, [7])).toBeNull();
  });
});

describe("the widget", () => {
  let el: HTMLElement;
  let stops: Array<() => void> = [];
  const frame = () =>
    new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  const show = (state: Partial<TimelineState>) => {
    const model = new PageModel<TimelineState>(state, TIMELINE_DEFAULTS);
    stops.push(renderFeatureTimeline(model, el));
    return model;
  };
  const press = (target: Element, key: string) =>
    target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  const rows = () => [...el.querySelectorAll("[role=option]")];
  const labels = () => rows().map((row) => row.getAttribute("aria-label")!.split(";")[0]);

  beforeEach(() => {
    el = document.createElement("div");
    document.body.append(el);
  });
  afterEach(() => {
    for (const stop of stops) stop();
    stops = [];
    el.remove();
  });

  it("rests where the first feature is half decided, and moves by keys towards the data", async () => {
    const model = show({ data: payload(three) });
    const slider = el.querySelector("[role=slider]")!;
    expect(slider.getAttribute("aria-valuenow")).toBe("6");
    press(slider, "ArrowRight");
    expect(model.get("time")).toBeLessThan(6);
    press(slider, "Home");
    expect(model.get("time")).toBe(8);
    press(rows()[0]!, "ArrowRight");
    expect(model.get("time")).toBeLessThan(8);
    press(slider, "End");
    await frame();
    expect(el.querySelector(".cw-say")!.textContent).toContain(
      "decided: Background, shape and mark",
    );
  });

  it("steps through whole levels only, where only those are levels", () => {
    const unit = { name: "tokens hidden", symbol: "h", ou: false, whole: true };
    const model = show({ data: payload(three, ["only"], unit), time: 5 });
    press(el.querySelector("[role=slider]")!, "ArrowRight");
    expect(model.get("time")).toBe(4);
    expect(el.querySelector<HTMLElement>("[aria-label=Clock]")!.hidden).toBe(true);
    press(rows()[0]!, "c");
    expect(model.get("clock")).toBe("t");
  });

  it("walks and sorts its rows, and keeps a feature's numbers open", async () => {
    const model = show({ data: payload(three) });
    expect(labels()).toEqual(["Background", "shape", "mark"]);
    (rows()[0] as unknown as HTMLElement).focus();
    press(document.activeElement!, "ArrowDown");
    expect(document.activeElement!.getAttribute("aria-label")).toMatch(/^shape;/);
    press(document.activeElement!, "Enter");
    await frame();
    expect(model.get("feature")).toBe("shape");
    expect(el.querySelector(".cw-inspector strong")!.textContent).toBe("shape");
    press(document.activeElement!, "s");
    await frame();
    expect(labels()).toEqual(["shape", "Background", "mark"]);
    expect(rows().filter((row) => row.getAttribute("tabindex") === "0")).toHaveLength(1);
    press(document.activeElement!, "t");
    await frame();
    expect([...el.querySelectorAll("tbody th")].map((th) => th.textContent)).toEqual([
      "shape",
      "Background",
      "mark",
    ]);
    press(document.activeElement!, "Escape");
    expect(model.get("feature")).toBe("");
  });

  it("follows new data and keeps the notice of a study; broken data are explained", async () => {
    const model = show({ data: payload(three.slice(0, 2)), notice: "Study in progress" });
    expect(el.querySelector(".cw-notice")!.textContent).toBe("Study in progress");
    model.set("data", payload(three));
    await frame();
    expect(rows()).toHaveLength(3);
    model.set("data", { ...payload(three), version: 9 });
    expect(el.querySelector("[role=alert]")!.textContent).toContain("version 9");
    model.set("data", payload(three));
    await frame();
    expect(rows()).toHaveLength(3);
  });

  it("shows labels as text, in a saved page too, and leaves nothing behind", async () => {
    const bad = "<img src=x onerror=alert(1)>";
    const { model, destroy } = mount(el, { data: payload([{ feature: bad, half: 2 }]) });
    await frame();
    expect(el.querySelector("img")).toBeNull();
    expect(el.textContent).toContain(bad);
    destroy();
    expect(el.childElementCount).toBe(0);
    expect(model.listening).toBe(0);
  });

  it("tells models by marks and a legend, and saves no more than 60 ms apart", () => {
    const specs = [...three, ...three.map((row) => ({ ...row, model: 1 }))];
    const model = show({ data: payload(specs, ["trained", "exact"]) });
    const saved = vi.spyOn(model, "save_changes");
    expect(el.querySelectorAll(".cw-legend li")).toHaveLength(2);
    const marks = rows().map((row) => row.querySelector(".cw-row-key")!.getAttribute("d"));
    expect(new Set(marks).size).toBe(2);
    for (let i = 0; i < 20; i++) press(rows()[0]!, "ArrowRight");
    expect(saved).toHaveBeenCalledTimes(1);
  });
});
