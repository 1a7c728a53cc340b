/** How levels are read: on a clock of the noise process, or in the process's own unit. Pure. */
import { CLOCKS, compact, sayTime, type TimeAxis, timeAxis } from "../lib/clocks";
import type { Clock, WireInterval } from "../lib/contract.gen";
import { withBracket } from "../lib/say";
import type { Timeline } from "./data";

export interface Reading {
  symbol: string;
  /** Named on the axis. */
  name: string;
  from: (value: number) => number;
  /** "t = 2.60" */
  say: (level: number) => string;
  /** "2.6" */
  number: (level: number) => string;
  /** "2.6 [2.5, 2.7]" */
  bracket: (found: WireInterval) => string;
  axis: (range: [number, number]) => TimeAxis;
  whole: boolean;
}

export function readingOf(timeline: Timeline, clock: Clock): Reading {
  const { unit, tMax, tMin } = timeline;
  const kind = CLOCKS[clock];
  if (!unit.ou) {
    const number = (level: number) => compact(level);
    return {
      symbol: unit.symbol,
      name: unit.name,
      from: (value) => value,
      say: (level) => `${unit.symbol} = ${number(level)}`,
      number,
      bracket: (found) => withBracket(found, number),
      axis: (range) => timeAxis("t", tMax, 0, range),
      whole: unit.whole,
    };
  }
  const number = (level: number) => compact(kind.to(level));
  const starts = timeline.rows.map((row) => row.start?.value ?? row.half?.value ?? 0);
  const outermost = Math.max(tMin, ...starts);
  return {
    symbol: kind.symbol,
    name: kind.name,
    from: kind.from,
    say: (level) => sayTime(level, clock),
    number,
    bracket: (found) => {
      // Clocks of the signal run the other way: the ends change places.
      const back = kind.to(found.high) < kind.to(found.low);
      const { value, low, high } = found;
      return withBracket(back ? { value, low: high, high: low } : found, number);
    },
    axis: (range) => timeAxis(clock, tMax, tMin, range, outermost),
    whole: false,
  };
}
