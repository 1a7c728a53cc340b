/** The payload, decoded and checked: everything after this file can trust what it is given. */
import { decode, PayloadError } from "../lib/buffers";
import type { WireInterval } from "../lib/contract.gen";
import type { Row as Numbers } from "../lib/interp";
import { lerpAt } from "../lib/interp";
import { type RowState, TIMELINE_VERSION, type TimelinePayload } from "../lib/timeline.gen";

export interface Row {
  /** Place in the order given. */
  id: number;
  feature: string;
  /** The feature as it is shown. */
  name: string;
  model: number;
  state: RowState;
  note: string;
  half: WireInterval | null;
  start: WireInterval | null;
  end: WireInterval | null;
  /** Retention at infinite noise; NaN while unknown. */
  chance: number;
  /** Levels with results, increasing, and the decided fraction there. */
  levels: Numbers;
  decided: Numbers;
  low: Numbers;
  high: Numbers;
  jumps: Array<[low: number, high: number]>;
  /** Value of the feature for each component, where that is known. */
  values: string[] | null;
  /** Which of the line colours is its own. */
  tint: number;
}

export interface Timeline {
  title: string;
  unit: TimelinePayload["unit"];
  tMax: number;
  tMin: number;
  models: TimelinePayload["models"];
  components: string[];
  rows: Row[];
}

function floats(
  payload: TimelinePayload,
  name: "levels" | "decided" | `decided_${"low" | "high"}`,
) {
  const array = decode(payload[name], `data.${name}`).data;
  const size = payload.rows.reduce((most, row) => Math.max(most, row.from + row.count), 0);
  if (array.length < size) {
    throw new PayloadError(`data.${name} holds ${array.length} numbers; its rows need ${size}.`);
  }
  return array;
}

/** A label as it is shown: one without a visible character is said to be blank. */
export const nameOf = (label: string) => (label.trim() === "" ? "(blank)" : label);

/** Decode a payload. Throws `PayloadError` with a sentence for the reader. */
export function decodeTimeline(
  payload: TimelinePayload | Record<string, never> | null | undefined,
): Timeline {
  if (payload === null || payload === undefined || !("version" in payload)) {
    throw new PayloadError("This widget was given no data.");
  }
  const p = payload as TimelinePayload;
  if (p.version !== TIMELINE_VERSION) {
    throw new PayloadError(
      `This widget's data have version ${p.version}; this front end draws version ` +
        `${TIMELINE_VERSION}. Restart the kernel and reload the page after upgrading.`,
    );
  }
  if (!Array.isArray(p.rows) || p.rows.length === 0) {
    throw new PayloadError("data.rows is empty; a timeline has at least one feature.");
  }
  const [levels, decided] = [floats(p, "levels"), floats(p, "decided")];
  const [low, high] = [floats(p, "decided_low"), floats(p, "decided_high")];
  const rows = p.rows.map((wire, id): Row => {
    if (p.models[wire.model] === undefined) {
      throw new PayloadError(
        `data.rows[${id}] belongs to model ${wire.model}, which there is not.`,
      );
    }
    const { from, count, feature, ...rest } = wire;
    const known: number[] = [];
    for (let i = from; i < from + count; i++) if (Number.isFinite(decided[i])) known.push(i);
    const pick = (values: Numbers) =>
      Float64Array.from(known, (i) => (Number.isFinite(values[i]) ? values[i]! : decided[i]!));
    return {
      ...rest,
      id,
      feature,
      name: nameOf(feature),
      chance: wire.chance ?? Number.NaN,
      levels: pick(levels),
      decided: pick(decided),
      low: pick(low),
      high: pick(high),
    };
  });
  return {
    title: p.title,
    unit: p.unit,
    tMax: p.t_max,
    tMin: p.t_min,
    models: p.models.map(({ name, method }) => ({
      name: p.models.length > 1 ? nameOf(name) : name,
      method,
    })),
    components: p.components,
    rows,
  };
}

/** Decided fraction at `t`, inside [0, 1]; NaN where nothing is known. */
export function decidedAt(row: Row, t: number): number {
  return Math.min(1, Math.max(0, lerpAt(row.levels, row.decided, t)));
}

/** The curve shown: D itself, or the retention that it stands for. */
export const shown = (row: Row, decided: number, curve: "decided" | "retention"): number =>
  curve === "decided" || Number.isNaN(row.chance)
    ? decided
    : row.chance + decided * (1 - row.chance);

/** The value that a feature has on all of some components; null for several, or unknown ones. */
export function valueOn(row: Row, components: readonly number[]): string | null {
  const values = new Set(components.map((k) => row.values?.[k]));
  const [only] = values;
  return values.size === 1 && only !== undefined ? only : null;
}
