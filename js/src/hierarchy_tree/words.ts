/** What the picture says, in words. Every number comes with how it is known. Pure. */
import { CLOCKS, compact, sayTime } from "../lib/clocks";
import type { Clock, Method, WireEstimate } from "../lib/contract.gen";
import { lerpAt, type Row } from "../lib/interp";
import { listing, percent, probability, withBracket } from "../lib/say";
import { arrived, certificate, type Interval, type Tree, type Vertex } from "./data";
import { nameOf } from "./names";
import { census, criticalWindow, type Plateau, plateauAt } from "./plateaus";

export interface Fact {
  name: string;
  value: string;
  /** "exact", "certified", "estimated", or "" where the question does not arise. */
  how: Method | "";
}

function stage(fraction: number): string {
  if (fraction >= 0.95) return `decided (${percent(fraction)})`;
  if (fraction <= 0.05) return `not yet decided (${percent(fraction)})`;
  return `${percent(fraction)} decided`;
}

/** A vertex as a set; its label does not break across lines. */
const set = (v: Vertex) => `{${v.label.replaceAll(" · ", "\u00a0·\u00a0")}}`;

/** The finest vertex on the way to the heaviest component that is already decided at `t`. */
export function decidedAt(tree: Tree, t: number): Vertex {
  let v = tree.vertices[0]!;
  for (;;) {
    if (v.children.length === 0 || lerpAt(tree.times, v.decided, t) < 0.5) return v;
    const children = v.children.map((id) => tree.vertices[id]!);
    v = children.reduce((a, b) => (b.weight > a.weight ? b : a));
  }
}

/** The sentence under the time cursor. `subject` is the selected vertex, if any. */
export function sentence(tree: Tree, t: number, clock: Clock, subject: Vertex | null): string {
  if (tree.order.length === 1) return "One component: there is nothing to decide.";
  const head = `${sayTime(t, clock)} — `;
  const parts =
    tree.features.length > 0
      ? tree.features.map((f) => `${f.name} ${stage(lerpAt(tree.times, f.decided, t))}`)
      : [
          `the choice among ${tree.vertices[0]!.children.length} branches ${stage(lerpAt(tree.times, tree.vertices[0]!.decided, t))}`,
        ];
  const v = subject ?? decidedAt(tree, t);
  if (v.parent === -1) {
    return `${head}${listing(parts)}.`;
  }
  const back = lerpAt(tree.times, v.retention, t);
  return (
    `${head}${listing(parts)}; a sample headed for ${set(v)} ` +
    `returns to it with probability ${probability(back)}.`
  );
}

/** "7 of 15 vertices" for the ε slider; says where the first appears when there is none. */
export function censusWords(tree: Tree, eps: number): string {
  const { count, first } = census(tree, eps);
  const e = eps.toFixed(eps < 0.01 ? 3 : 2);
  if (tree.order.length === 1) return "one component: nothing to decide";
  if (count > 1) return `certified at ε = ${e}: ${count} of ${tree.vertices.length} vertices`;
  if (first?.epsStar == null) return `certified at ε = ${e}: only the root; no ε below 1 adds one`;
  const at = first.epsStar.value;
  return (
    `certified at ε = ${e}: only the root. The first plateau, ${set(first)}, ` +
    `appears at ε = ${at.toFixed(at < 0.01 ? 4 : 3)}`
  );
}

const at = (tree: Tree, value: Row, low: Row, high: Row, t: number): Interval => ({
  value: lerpAt(tree.times, value, t),
  low: lerpAt(tree.times, low, t),
  high: lerpAt(tree.times, high, t),
});

function plateauFact(v: Vertex, plateau: Plateau, eps: number, clock: Clock): Fact {
  const to = CLOCKS[clock].to;
  const say = (t: number) => compact(to(t));
  const wide = (value: number, low: number, high: number) =>
    withBracket(
      clock === "alpha_bar" || clock === "log_snr"
        ? { value, low: high, high: low }
        : { value, low, high },
      say,
    );
  const end = wide(plateau.end, plateau.endLow, plateau.endHigh);
  const start = wide(plateau.start, plateau.startLow, plateau.startHigh);
  return {
    name: `plateau, ε = ${eps.toFixed(2)}`,
    value: `${CLOCKS[clock].symbol} ${start} → ${end}`,
    how: certificate(v, eps),
  };
}

const WEAKEST: readonly Method[] = ["estimated", "certified", "exact"];

function windowFact(tree: Tree, v: Vertex, eps: number, clock: Clock): Fact | null {
  const window = criticalWindow(tree, v, eps);
  if (window === null) return null;
  const { to, symbol } = CLOCKS[clock];
  const above = certificate(window.parent!, eps);
  return {
    name: "critical window",
    value: `${symbol} ${compact(to(window.from))} → ${compact(to(window.to))}`,
    // A window is known no better than the plateaus at its two ends.
    how: WEAKEST.find((m) => m === certificate(v, eps) || m === above) ?? "",
  };
}

function starFact(star: WireEstimate | null): Fact {
  if (star === null) return { name: "appears at ε*", value: "no ε below 1", how: "" };
  return {
    name: "appears at ε*",
    value: withBracket(star, (x) => (x < 1e-4 ? "< 0.0001" : compact(x))),
    how: star.method,
  };
}

/** The facts on a vertex's card, at cursor time `t` and ε. */
export function facts(tree: Tree, v: Vertex, t: number, eps: number, clock: Clock): Fact[] {
  const kind = CLOCKS[clock];
  const out: Fact[] = [];
  const plateau = plateauAt(tree, v, eps);
  if (plateau !== null) {
    const window = windowFact(tree, v, eps, clock);
    if (window !== null) out.push(window);
    out.push(plateauFact(v, plateau, eps, clock));
  } else out.push({ name: `plateau, ε = ${eps.toFixed(2)}`, value: "none certified", how: "" });
  if (v.parent !== -1) out.push(starFact(v.epsStar));
  if (v.half !== null && v.children.length > 0) {
    const half = {
      value: kind.to(v.half.value),
      low: kind.to(v.half.low),
      high: kind.to(v.half.high),
    };
    if (half.low > half.high) [half.low, half.high] = [half.high, half.low];
    out.push({
      name: `splits in ${v.children.length}, half at`,
      value: `${kind.symbol} = ${withBracket(half, (x) => compact(x))}`,
      how: tree.methods.decided,
    });
  }
  if (v.children.length > 0) {
    const d = at(tree, v.decided, v.decidedLow, v.decidedHigh, t);
    out.push({
      name: "split decided",
      value: withBracket(d, percent),
      how: tree.methods.decided,
    });
  }
  if (v.parent !== -1) {
    const o = at(tree, v.overlap, v.overlapLow, v.overlapHigh, t);
    out.push({
      name: "overlap with the rest",
      value: withBracket(o, (x) => compact(10 ** x, 2)),
      how: tree.methods.overlap,
    });
    const back = at(tree, v.retention, v.retentionLow, v.retentionHigh, t);
    out.push({
      name: "returns with prob.",
      value: withBracket(back, probability),
      how: tree.methods.decided,
    });
  }
  return out;
}

/** One line for a screen reader standing on a vertex. */
export function spoken(tree: Tree, v: Vertex, eps: number, clock: Clock): string {
  const parts = [nameOf(v), `weight ${v.weight.toFixed(2)}`];
  if (v.children.length > 0) {
    const half = v.half === null ? "" : `, half decided at ${sayTime(v.half.value, clock)}`;
    parts.push(`splits in ${v.children.length}${half}`);
  }
  parts.push(plateauAt(tree, v, eps) === null ? "no certified plateau" : "certified plateau");
  return parts.join("; ");
}

/** Whether to call a vertex decided at `t`, for its card's subtitle. */
export function status(tree: Tree, v: Vertex, t: number): string {
  const reached = arrived(tree, v, t);
  return reached >= 0.5 ? "decided at the cursor" : "not yet decided at the cursor";
}
