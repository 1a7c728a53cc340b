/** Numbers and lists in words. Pure. */
import type { WireInterval } from "./contract.gen";

/** A fraction in per cent; never rounds something short of certainty up to 100 %. */
export function percent(fraction: number): string {
  if (!Number.isFinite(fraction)) return "–";
  const p = 100 * Math.min(1, Math.max(0, fraction));
  if (p >= 99.95) return "100 %";
  if (p > 99.5) return "> 99 %";
  if (p > 0.05 && p < 0.5) return "< 1 %";
  return `${Math.round(p)} %`;
}

/** "a", "a and b", "a, b and c". */
export function listing(parts: string[]): string {
  if (parts.length < 2) return parts.join("");
  return `${parts.slice(0, -1).join(", ")} and ${parts[parts.length - 1]}`;
}

export function probability(p: number): string {
  if (p > 0.995 && p < 0.9995) return "> 0.99";
  if (p >= 0.9995) return "1.00";
  return p.toFixed(2);
}

/** "2.37 [2.31, 2.44]", the bracket left out where it is no wider than the digits shown. */
export function withBracket(e: WireInterval, say: (value: number) => string): string {
  const [value, low, high] = [say(e.value), say(e.low), say(e.high)];
  return low === value && high === value ? value : `${value} [${low}, ${high}]`;
}

const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/;

/** A name that may run right to left, kept from turning round the words beside it. */
export function isolate(name: string): string {
  return RIGHT_TO_LEFT.test(name) ? `\u2068${name}\u2069` : name;
}
