/** What the timeline says, in words. Every number comes with how it is known. Pure. */
import type { Method } from "../lib/contract.gen";
import { lerpAt } from "../lib/interp";
import { isolate, listing, percent, probability, withBracket } from "../lib/say";
import { decidedAt, type Row, shown, type Timeline } from "./data";
import type { Reading } from "./reading";

export interface Fact {
  name: string;
  value: string;
  how: Method | "";
}

type Stage = "decided" | "being decided" | "open" | "nothing to decide" | "no results yet";

export function stageOf(row: Row, t: number): Stage {
  if (row.state === "constant") return "nothing to decide";
  const d = decidedAt(row, t);
  if (Number.isNaN(d)) return "no results yet";
  if (d >= 0.95) return "decided";
  return d <= 0.05 ? "open" : "being decided";
}

/** A name inside a sentence: no longer than the eye takes in at once. */
function called(name: string): string {
  const letters = [...name];
  return isolate(letters.length <= 48 ? name : `${letters.slice(0, 46).join("").trimEnd()}…`);
}

/** Names, the first few of them. */
function few(names: string[], most: number): string {
  const more = names.length - most;
  return more > 1 ? `${names.slice(0, most).join(", ")} and ${more} more` : listing(names);
}

function account(rows: Row[], t: number, most: number): string {
  const parts: string[] = [];
  for (const stage of [
    "decided",
    "being decided",
    "open",
    "nothing to decide",
    "no results yet",
  ] as const) {
    const inside = rows.filter((row) => stageOf(row, t) === stage);
    const names = inside.map((row) => {
      const name = called(row.name);
      return stage === "being decided" ? `${name} (${percent(decidedAt(row, t))})` : name;
    });
    if (names.length > 0) parts.push(`${stage}: ${few(names, most)}`);
  }
  return parts.join("; ");
}

/** The sentence under the time cursor; features in the order of `rows`. */
export function sentence(timeline: Timeline, rows: Row[], t: number, reading: Reading): string {
  const head = `${reading.say(t)} — `;
  if (timeline.models.length === 1) return `${head}${account(rows, t, 6)}.`;
  const parts = timeline.models.map((model, i) => {
    const own = rows.filter((row) => row.model === i);
    return `${called(model.name)}: ${account(own, t, 3)}`;
  });
  return `${head}${parts.join(". ")}.`;
}

const whose = (timeline: Timeline, row: Row) =>
  timeline.models.length > 1 ? ` in ${called(timeline.models[row.model]!.name)}` : "";

/** One line for a screen reader standing on a row. */
export function spoken(timeline: Timeline, row: Row, reading: Reading): string {
  const parts = [`${called(row.name)}${whose(timeline, row)}`];
  if (row.half === null) parts.push(row.note);
  else parts.push(`half decided at ${reading.symbol} = ${reading.bracket(row.half)}`);
  if (row.start !== null && row.end !== null) {
    const ends = `${reading.number(row.start.value)} to ${reading.number(row.end.value)}`;
    parts.push(`being decided from ${ends}`);
  }
  for (const [low, high] of row.jumps) {
    parts.push(`critical window from ${reading.number(high)} to ${reading.number(low)}`);
  }
  return parts.join("; ");
}

/** The facts on a row's card, with the cursor at `t`. */
export function facts(timeline: Timeline, row: Row, t: number, reading: Reading): Fact[] {
  const how = timeline.models[row.model]!.method;
  const out: Fact[] = [];
  const add = (name: string, value: string, known: Method | "" = how) =>
    out.push({ name, value, how: known });
  const { symbol } = reading;
  if (row.half !== null) add("half decided at", `${symbol} = ${reading.bracket(row.half)}`);
  else add("half decided at", row.note, "");
  for (const [name, edge] of [
    ["5 % decided at", row.start],
    ["95 % decided at", row.end],
  ] as const) {
    if (edge !== null) add(name, `${symbol} = ${reading.bracket(edge)}`);
    else if (row.half !== null) add(name, "at no level known", "");
  }
  for (const [low, high] of row.jumps) {
    const ends = `${reading.number(high)} → ${reading.number(low)}`;
    add("critical window", `${symbol} ${ends}`);
  }
  if (row.levels.length > 0 && row.state !== "constant") {
    const clamp = (x: number) => Math.min(1, Math.max(0, x));
    const [value, low, high] = [row.decided, row.low, row.high].map((curve) =>
      clamp(lerpAt(row.levels, curve, t)),
    ) as [number, number, number];
    const d = { value, low: Math.min(low, value), high: Math.max(high, value) };
    add("decided at the cursor", withBracket(d, percent));
    add(
      "keeps its value with prob.",
      withBracket(
        {
          value: shown(row, d.value, "retention"),
          low: shown(row, d.low, "retention"),
          high: shown(row, d.high, "retention"),
        },
        probability,
      ),
    );
  }
  if (!Number.isNaN(row.chance)) add("by chance", probability(row.chance), "");
  return out;
}
