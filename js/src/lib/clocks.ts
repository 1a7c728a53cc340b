/**
 * One noise level, many clocks. Times are kept as Ornstein–Uhlenbeck time `t` (noised sample
 * `e^-t x + sqrt(1 - e^-2t) z`) and converted for people: VE/EDM noise `σ`, VP/DDPM `ᾱ`, log-SNR.
 * Masked tokens have levels of their own, which are shown as they are.
 */
import { type ScaleContinuousNumeric, scaleLinear, scaleLog } from "d3-scale";
import type { Clock } from "./contract.gen";

export const toSigma = (t: number) => Math.sqrt(Math.expm1(2 * t));
export const toAlphaBar = (t: number) => Math.exp(-2 * t);
export const toLogSnr = (t: number) => -Math.log(Math.expm1(2 * t));
export const fromSigma = (sigma: number) => Math.log1p(sigma * sigma) / 2;
export const fromAlphaBar = (alpha: number) => -Math.log(alpha) / 2;
export const fromLogSnr = (lambda: number) => Math.log1p(Math.exp(-lambda)) / 2;

interface ClockKind {
  symbol: string;
  name: string;
  to: (t: number) => number;
  from: (value: number) => number;
}

export const CLOCKS: Record<Clock, ClockKind> = {
  t: { symbol: "t", name: "OU time t", to: (t) => t, from: (t) => t },
  sigma: { symbol: "σ", name: "noise level σ", to: toSigma, from: fromSigma },
  alpha_bar: { symbol: "ᾱ", name: "signal share ᾱ", to: toAlphaBar, from: fromAlphaBar },
  log_snr: { symbol: "log SNR", name: "log SNR", to: toLogSnr, from: fromLogSnr },
  masked: { symbol: "m", name: "fraction of tokens masked m", to: (m) => m, from: (m) => m },
  hidden: { symbol: "h", name: "tokens hidden h", to: (h) => h, from: (h) => h },
};

/** Whether a clock counts masked tokens: levels of their own, with no OU time to convert to. */
export const isLevel = (clock: Clock) => clock === "masked" || clock === "hidden";

/** Whether nothing lies between two neighbouring whole numbers on a clock. */
export const isWhole = (clock: Clock) => clock === "hidden";

/** A time where a cursor may rest: a whole number where there are no others. */
export const restingTime = (t: number, clock: Clock) =>
  isWhole(clock) ? Math.round(t) : Number(t.toPrecision(6));

export type AxisScale = ScaleContinuousNumeric<number, number>;

export interface TimeAxis {
  clock: Clock;
  /** Clock value to pixels before any zoom; noise at the left, data at the right. */
  scale: AxisScale;
  x: (t: number) => number;
  t: (x: number) => number;
}

/**
 * The time axis of a clock over `[t_min, t_max]`, `t_max` at `range[0]`.
 *
 * σ and ᾱ→0 are unbounded in the logarithm, so clocks other than `t` stop at `t_min`. ᾱ is linear
 * when the whole story fits there (`outermost`, the time by which deciding has begun, has
 * ᾱ ≥ 0.02) and logarithmic otherwise: on a linear axis decisions at t = 4 would share one pixel.
 */
export function timeAxis(
  clock: Clock,
  tMax: number,
  tMin: number,
  range: [number, number],
  outermost = tMax,
): TimeAxis {
  const kind = CLOCKS[clock];
  const last = clock === "sigma" || clock === "log_snr" ? tMin : 0;
  const log = clock === "sigma" || (clock === "alpha_bar" && toAlphaBar(outermost) < 0.02);
  const scale: AxisScale = log ? scaleLog() : scaleLinear();
  scale.domain([kind.to(tMax), kind.to(last)]).range(range);
  return {
    clock,
    scale,
    x: (t) => scale(kind.to(Math.max(t, last))) as number,
    t: (x) => kind.from(scale.invert(x)),
  };
}

/** The axis in a window on it: `x' = k x + offset` in pixels. Its scale knows the part in view. */
export function zoomedAxis(axis: TimeAxis, zoom: { k: number; x: number }): TimeAxis {
  const scale = axis.scale.copy();
  const back = (x: number) => (x - zoom.x) / zoom.k;
  scale.domain((axis.scale.range() as number[]).map((x) => axis.scale.invert(back(x))));
  return {
    clock: axis.clock,
    scale,
    x: (t) => zoom.k * axis.x(t) + zoom.x,
    t: (x) => axis.t(back(x)),
  };
}

/** An axis on its way from one clock to another; ticks are those of the one it comes to. */
export function between(from: TimeAxis, to: TimeAxis, progress: number): TimeAxis {
  const x = (t: number) => (1 - progress) * from.x(t) + progress * to.x(t);
  const [left, right] = to.scale.range() as [number, number];
  const ends = [Math.max(from.t(left), to.t(left)), Math.min(from.t(right), to.t(right))] as const;
  const t = (at: number) => {
    let [lo, hi] = [ends[1], ends[0]];
    for (let i = 0; i < 40; i++) {
      const mid = (lo + hi) / 2;
      if (x(mid) > at) lo = mid;
      else hi = mid;
    }
    return (lo + hi) / 2;
  };
  return { clock: to.clock, scale: to.scale, x, t };
}

const SUPER: Record<string, string> = {
  "-": "⁻",
  ...Object.fromEntries([..."⁰¹²³⁴⁵⁶⁷⁸⁹"].entries()),
};

function power(value: number): string {
  const exponent = Math.floor(Math.log10(Math.abs(value)) + 1e-9);
  const mantissa = Number((value / 10 ** exponent).toPrecision(2));
  const sup = [...String(exponent)].map((ch) => SUPER[ch]).join("");
  return mantissa === 1 ? `10${sup}` : `${mantissa}·10${sup}`;
}

/** A short number for ticks and words: 3 significant digits, powers of ten when far from 1. */
export function compact(value: number, digits = 3): string {
  if (Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 1e-3 || size >= 1e5) return power(value).replace("-", "−");
  return String(Number(value.toPrecision(digits))).replace("-", "−");
}

/** A time in the words of a clock: "t = 2.60", "σ = 13.4". */
export function sayTime(t: number, clock: Clock): string {
  const kind = CLOCKS[clock];
  const value = kind.to(t);
  if (!Number.isFinite(value)) return `${kind.symbol} = ${value > 0 ? "∞" : "−∞"}`;
  const fixed = clock === "t" || clock === "log_snr";
  return `${kind.symbol} = ${fixed ? value.toFixed(2).replace("-", "−") : compact(value)}`;
}

/** Tick values that a scale can label at about `count` places, without crowding on log axes. */
export function ticks(axis: TimeAxis, count: number): number[] {
  const all = axis.scale.ticks(count);
  if (isWhole(axis.clock)) return all.filter(Number.isInteger);
  if (axis.clock !== "sigma" && axis.clock !== "alpha_bar") return all;
  if (all.length <= count + 2) return all;
  const decades = all.filter((v) => Math.abs(Math.log10(v) - Math.round(Math.log10(v))) < 1e-9);
  const kept = decades.length >= 2 ? decades : all;
  const step = Math.ceil(kept.length / Math.max(2, count));
  return kept.filter((_, i) => i % step === 0);
}
