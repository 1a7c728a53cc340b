import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { renderHierarchyTree } from "../src/hierarchy_tree/widget";
import type { State } from "../src/lib/contract.gen";
import { PageModel } from "../src/lib/host";
import { standaloneSvg } from "../src/lib/save";
import { mount } from "../src/standalone";
import { digits, penguins, scenes, single } from "./fixtures";

let el: HTMLElement;
let stops: Array<() => void> = [];

function show(state: Partial<State>) {
  const model = new PageModel(state);
  const stop = renderHierarchyTree(model, el);
  stops.push(stop);
  return { model, stop };
}

/** Wait until what was asked for before has been drawn: frames run in the order of their asking. */
const frame = () =>
  new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
const all = (selector: string) => [...el.querySelectorAll<HTMLElement>(selector)];
const items = () => all("[role=treeitem]");
const item = (label: string) =>
  items().find((i) => i.getAttribute("aria-label")!.startsWith(`${label};`))!;
const text = (selector: string) => el.querySelector(selector)!.textContent!;

function press(target: Element, key: string, extra: KeyboardEventInit = {}) {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...extra });
  target.dispatchEvent(event);
  return event;
}

beforeEach(() => {
  el = document.createElement("div");
  document.body.append(el);
});

afterEach(() => {
  for (const stop of stops) stop();
  stops = [];
  el.remove();
  document.body.removeAttribute("data-jp-theme-light");
});

describe("the widget", () => {
  it("offers no other clock where levels count tokens", async () => {
    const { model } = show({
      data: { ...scenes(), clocks: ["hidden"] },
      clock: "hidden",
      eps: 0.1,
    });
    const group = el.querySelector<HTMLElement>('[role=group][aria-label="Clock"]')!;
    expect(group.hidden).toBe(true);
    expect(text(".cw-axis")).toContain("tokens hidden h");
    model.set("time", 2);
    await frame();
    expect(text(".cw-say")).toContain("h = 2 —");
    press(el.querySelector(".cw-handle")!, "]");
    expect(Number.isInteger(model.get("time"))).toBe(true);
    expect(model.get("time")).not.toBe(2);
    model.set("data", scenes());
    model.set("clock", "t");
    await frame();
    expect(group.hidden).toBe(false);
    const shown = [...group.querySelectorAll("button")].filter((b) => !b.hidden);
    expect(shown.map((b) => b.dataset.value)).toEqual(["t", "sigma", "alpha_bar", "log_snr"]);
  });

  it("is a tree to assistive technology: levels, positions, names, one tab stop", () => {
    show({ data: scenes(), eps: 0.1 });
    expect(items()).toHaveLength(15);
    expect(item("nothing decided yet").getAttribute("aria-level")).toBe("1");
    expect(item("sand · disc").getAttribute("aria-level")).toBe("3");
    expect(item("sand · disc").getAttribute("aria-expanded")).toBe("true");
    expect(item("sea").getAttribute("aria-posinset")).toBe("2");
    expect(item("sea").getAttribute("aria-setsize")).toBe("2");
    expect(item("sea · disc · dot").hasAttribute("aria-expanded")).toBe(false);
    expect(items().filter((i) => i.getAttribute("tabindex") === "0")).toHaveLength(1);
    expect(item("sand").getAttribute("aria-label")).toContain("no certified plateau");
    const cursor = el.querySelector("[role=slider].cw-handle")!;
    expect(cursor.getAttribute("aria-valuetext")).toContain("background");
  });

  it("is walked, selected and folded by keys, and keeps those keys to itself", async () => {
    const { model } = show({ data: scenes(), eps: 0.1 });
    const heard = vi.fn();
    document.body.addEventListener("keydown", heard);
    item("nothing decided yet").focus();
    expect(press(document.activeElement!, "ArrowRight").defaultPrevented).toBe(true);
    expect(document.activeElement).toBe(item("sand"));
    press(document.activeElement!, "ArrowDown");
    expect(document.activeElement).toBe(item("sea"));
    press(document.activeElement!, "Enter");
    expect(model.get("selected")).toEqual([4, 5, 6, 7]);
    press(document.activeElement!, " ");
    await frame();
    expect(model.get("collapsed")).toEqual([item("sea").getAttribute("data-vertex")].map(Number));
    expect(items()).toHaveLength(9);
    expect(item("sea").getAttribute("aria-expanded")).toBe("false");
    expect(item("sea").getAttribute("aria-selected")).toBe("true");
    press(item("sea"), "Escape");
    expect(model.get("selected")).toEqual([]);
    expect(heard).not.toHaveBeenCalled();
    press(item("sea"), "a");
    expect(heard).toHaveBeenCalledOnce();
    document.body.removeEventListener("keydown", heard);
  });

  it("selects by a click on a label at the data end", async () => {
    const { model } = show({ data: scenes() });
    all(".cw-end-label")[7]!.dispatchEvent(new MouseEvent("click", { bubbles: true }));
    await frame();
    expect(model.get("selected")).toEqual([7]);
    expect(el.querySelector<HTMLElement>(".cw-inspector")!.hidden).toBe(false);
    expect(text(".cw-inspector strong")).toBe("sea · square · dash");
    el.querySelector<HTMLButtonElement>("[aria-label='Let go of the selection']")!.click();
    await frame();
    expect(el.querySelector<HTMLElement>(".cw-inspector")!.hidden).toBe(true);
  });

  it("moves time by keys, towards the data on the right", async () => {
    const { model } = show({ data: scenes(), time: 2.6 });
    press(item("sand"), "]");
    expect(model.get("time")).toBeLessThan(2.6);
    press(item("sand"), "[");
    press(item("sand"), "ArrowLeft", { shiftKey: true });
    expect(model.get("time")).toBeGreaterThan(2.6);
    await frame();
    expect(text(".cw-say")).toMatch(/^t = 2\.6[4-9]/);
  });

  it("zooms by keys and buttons, and back", async () => {
    show({ data: scenes(), time: 2.6 });
    const ticks = () => all(".cw-axis g text").map((t) => t.textContent);
    const before = ticks();
    press(item("sand"), "+");
    await frame();
    expect(ticks()).not.toEqual(before);
    el.querySelector<HTMLButtonElement>("[aria-label='Show all']")!.click();
    await frame();
    expect(ticks()).toEqual(before);
  });

  it("grows and prunes the certified tree with ε, without touching the river", async () => {
    const { model } = show({ data: scenes(), eps: 0.1 });
    const river = all(".cw-stream").map((p) => p.getAttribute("d"));
    const brackets = () => all(".cw-bracket").length;
    expect(brackets()).toBe(12);
    const slider = el.querySelector<HTMLInputElement>(".cw-eps")!;
    slider.value = String(Math.log10(0.05));
    slider.dispatchEvent(new Event("input"));
    await frame();
    expect(model.get("eps")).toBeCloseTo(0.05, 2);
    expect(brackets()).toBe(8);
    expect(text(".cw-census")).toContain("9 of 15");
    expect(all(".cw-stream").map((p) => p.getAttribute("d"))).toEqual(river);
    model.set("eps", 0.4);
    await frame();
    expect(brackets()).toBe(14);
    expect(Number(slider.value)).toBeCloseTo(Math.log10(0.4), 2);
  });

  it("keeps two views of one model in step", async () => {
    const { model } = show({ data: scenes(), time: 3 });
    const other = document.createElement("div");
    document.body.append(other);
    const stop = renderHierarchyTree(model, other);
    press(item("sand"), "Enter");
    model.set("time", 1.5);
    model.set("view", "dendrogram");
    model.set("eps", 0.07);
    await frame();
    const state = (root: Element) => [
      root.querySelector(".cw-say")!.textContent,
      root.querySelectorAll(".cw-bar").length,
      root.querySelector("[aria-pressed=true]")!.textContent,
    ];
    expect(state(other)).toEqual(state(el));
    expect(state(el)[0]).toMatch(/^t = 1\.50.*\{sand\}/);
    stop();
    expect(other.childElementCount).toBe(0);
    other.remove();
  });

  it("draws certified vertices only in the second view", async () => {
    const { model } = show({ data: scenes(), view: "dendrogram", eps: 0.1 });
    expect(items()).toHaveLength(13);
    model.set("eps", 0.05);
    await frame();
    expect(items()).toHaveLength(9);
    expect(all(".cw-bar")).toHaveLength(9);
    expect(all(".cw-link")).toHaveLength(8);
  });

  it("selects by a click on the name of a bar", async () => {
    const { model } = show({ data: scenes(), view: "dendrogram", eps: 0.4 });
    const name = all(".cw-bar-label").find((label) => label.textContent === "sea")!;
    name.dispatchEvent(new MouseEvent("click", { bubbles: true }));
    expect(model.get("selected")).toEqual([4, 5, 6, 7]);
  });

  it("drags ε through the second view to the picture that a fresh drawing gives", async () => {
    const state = { data: scenes(), view: "dendrogram", selected: [0, 1, 2, 3] } as const;
    const { model } = show({ ...state, selected: [...state.selected], eps: 0.03 });
    const shot = () =>
      ["path", "line", "text"]
        .flatMap((tag) => all(`.cw-dendrogram ${tag}, .cw-items ${tag}, .cw-ends ${tag}`))
        .map((mark) => mark.outerHTML.replaceAll(/cw\d+-\w+-/g, ""));
    // Steps that move bars only, steps that add and remove vertices, and back.
    for (const eps of [0.031, 0.05, 0.5, 0.4, 0.07, 0.071, 0.0715]) {
      model.set("eps", eps);
      await frame();
    }
    const dragged = shot();
    stops.pop()!();
    show({ ...state, selected: [...state.selected], eps: 0.0715 });
    expect(dragged.length).toBeGreaterThan(20);
    expect(new Set(dragged)).toEqual(new Set(shot()));
  });

  it("opens the table of the same numbers", async () => {
    show({ data: scenes(), eps: 0.1, time: 2.6 });
    el.querySelector<HTMLButtonElement>("[aria-label='Table of the numbers']")!.click();
    await frame();
    expect(all(".cw-table tbody tr")).toHaveLength(15);
    const row = all(".cw-table tbody tr").find((r) => r.textContent!.startsWith("sand · disc"))!;
    expect([...row.children].map((c) => c.textContent)).toEqual([
      "sand · disc",
      "0.300",
      "0.06",
      "exact",
      "3.56",
      "2.83",
      "2.35",
      "30 %",
      "0.99",
    ]);
  });

  it("shows labels as text, whatever is in them", async () => {
    const { model } = show({ data: penguins(), eps: 0.4, show_table: true });
    press(items()[1]!, "Enter");
    items().at(-1)!.focus();
    model.set("view", "dendrogram");
    await frame();
    expect(el.querySelector("b, script, [onerror]")).toBeNull();
    expect([...el.querySelectorAll("img")].filter((i) => !i.src.startsWith("data:"))).toEqual([]);
    expect(el.textContent).toContain("<b>bold</b>");
  });

  it("follows the page's theme, unless told otherwise", async () => {
    const { model } = show({ data: digits() });
    const root = el.querySelector<HTMLElement>(".critwin")!;
    expect(root.dataset.scheme).toBe("light");
    const before = all(".cw-water stop").map((s) => s.getAttribute("stop-color"));
    document.body.setAttribute("data-jp-theme-light", "false");
    await frame();
    expect(root.dataset.scheme).toBe("dark");
    expect(all(".cw-water stop").map((s) => s.getAttribute("stop-color"))).not.toEqual(before);
    model.set("theme", "light");
    await frame();
    expect(root.dataset.scheme).toBe("light");
    expect(root.dataset.forced).toBe("true");
  });

  it("says what is wrong instead of leaving a blank cell, and recovers", async () => {
    const broken = {
      ...scenes(),
      times: { dtype: "float64", shape: [3], data: new ArrayBuffer(8) },
    };
    const { model } = show({ data: broken as State["data"] });
    expect(text("[role=alert]")).toMatch(/data\.times holds 8 bytes/);
    model.set("data", { ...scenes(), version: 99 });
    expect(text("[role=alert]")).toMatch(/version 99/);
    model.set("data", scenes());
    expect(el.querySelector("[role=alert]")).toBeNull();
    expect(all(".cw-stream")).toHaveLength(8);
    model.set("data", { ...digits() });
    await frame();
    expect(all(".cw-stream")).toHaveLength(10);
    model.set("data", { ...digits(), order: [0, 0, 1, 2, 3, 4, 5, 6, 7, 8] });
    expect(text("[role=alert]")).toMatch(/not an ordering/);
    expect(all(".cw-stream")).toHaveLength(0);
  });

  it("says that one component has nothing to decide", () => {
    show({ data: single() });
    expect(text(".cw-say")).toBe("One component: there is nothing to decide.");
    expect(text(".cw-inner")).toContain("nothing to decide");
    expect(el.querySelector<HTMLElement>(".cw-foot")!.hidden).toBe(true);
  });

  it("leaves nothing behind when it is closed", async () => {
    const { model, stop } = show({ data: scenes() });
    expect(model.listening).toBeGreaterThan(8);
    stop();
    stops = [];
    expect(el.childElementCount).toBe(0);
    expect(model.listening).toBe(0);
    model.set("time", 1);
    document.body.setAttribute("data-jp-theme-light", "false");
    await frame();
    expect(el.childElementCount).toBe(0);
  });

  it("hides the static picture before it while it lives", () => {
    el.remove();
    const area = document.createElement("div");
    area.innerHTML = `<div class="jp-OutputArea-child" id="still"><img class="critwin-static" alt=""></div>
      <div class="jp-OutputArea-child"><div id="live"></div></div>`;
    document.body.append(area);
    const stop = renderHierarchyTree(
      new PageModel({ data: scenes() }),
      area.querySelector("#live")!,
    );
    const still = area.querySelector<HTMLElement>("#still")!;
    expect(still.style.display).toBe("none");
    stop();
    expect(still.style.display).toBe("");
    area.remove();
  });
});

describe("saving to the kernel", () => {
  it("is throttled, and the newest value always arrives", async () => {
    const { model } = show({ data: scenes(), time: 3 });
    const sent: unknown[] = [];
    model.save_changes = () => void sent.push(model.get("time"));
    for (let i = 0; i < 30; i++) press(item("sand"), "]");
    const final = model.get("time");
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(sent.length).toBeLessThan(5);
    expect(sent.at(-1)).toBe(final);
  });
});

describe("an exported SVG", () => {
  it("stands alone: no classes, no listeners' regions, no outside address", () => {
    show({ data: scenes(), eps: 0.1, view: "river" });
    const svg = el.querySelector("svg")!;
    const saved = standaloneSvg(svg, "#ffffff");
    expect(saved).toMatch(/^<svg[^>]* xmlns="http:\/\/www.w3.org\/2000\/svg"/);
    const parsed = new DOMParser().parseFromString(saved, "image/svg+xml");
    expect(parsed.querySelector("parsererror")).toBeNull();
    expect(parsed.querySelectorAll("[role=treeitem], [tabindex], script")).toHaveLength(0);
    expect(parsed.querySelectorAll("linearGradient").length).toBe(8);
    const addresses = [...saved.matchAll(/(?:href|src)="([^"]*)"/g)].map((m) => m[1]!);
    expect(addresses.every((a) => a.startsWith("data:") || a.startsWith("#"))).toBe(true);
    expect(parsed.documentElement.textContent).toContain("sand · disc · dot");
  });
});

describe("mount", () => {
  it("runs without a kernel, styles the page once, and cleans up", () => {
    const mounted = mount(el, { data: scenes(), eps: 0.1 });
    const second = mount(el, { data: digits() });
    expect(document.querySelectorAll("#critwin-style")).toHaveLength(1);
    expect(all(".critwin")).toHaveLength(2);
    mounted.destroy();
    second.destroy();
    expect(el.childElementCount).toBe(0);
    expect(mounted.model.get("clock")).toBe("t");
  });
});
