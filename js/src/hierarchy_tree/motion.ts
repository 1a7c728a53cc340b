/** What is moving: branches that open or fold, and the axis on its way from one clock to another. */
import { isLevel } from "../lib/clocks";
import type { Clock } from "../lib/contract.gen";

const FOLD_MS = 320;
const MORPH_MS = 520;

const ease = (p: number) => p * p * (3 - 2 * p);

export class Motion {
  private folding = new Map<number, { to: 0 | 1; start: number }>();
  private morph: { from: Clock; start: number } | null = null;
  folded: Set<number>;

  constructor(
    folded: number[],
    private clock: Clock,
  ) {
    this.folded = new Set(folded);
  }

  get running(): boolean {
    return this.folding.size > 0 || this.morph !== null;
  }

  reset(folded: number[]): void {
    this.folding.clear();
    this.morph = null;
    this.folded = new Set(folded);
  }

  fold(folded: number[], moving: boolean): void {
    const now = new Set(folded);
    const start = performance.now();
    for (const id of moving ? new Set([...now, ...this.folded]) : []) {
      if (now.has(id) !== this.folded.has(id))
        this.folding.set(id, { to: now.has(id) ? 0 : 1, start });
    }
    this.folded = now;
  }

  turn(clock: Clock, moving: boolean): void {
    // Between a clock of OU time and levels of tokens there is no way.
    const between = !isLevel(clock) && !isLevel(this.clock);
    this.morph = moving && between ? { from: this.clock, start: performance.now() } : null;
    this.clock = clock;
  }

  /** How open each vertex's split is now, 0 to 1. */
  openness(): (id: number) => number {
    const now = performance.now();
    const moving = new Map<number, number>();
    for (const [id, { to, start }] of this.folding) {
      const p = Math.min(1, (now - start) / FOLD_MS);
      moving.set(id, to === 1 ? ease(p) : 1 - ease(p));
      if (p >= 1) this.folding.delete(id);
    }
    return (id) => moving.get(id) ?? (this.folded.has(id) ? 0 : 1);
  }

  /** Where the axis is between two clocks; undefined when it stands still. */
  morphing(): { from: Clock; progress: number } | undefined {
    if (this.morph === null) return undefined;
    const p = (performance.now() - this.morph.start) / MORPH_MS;
    const { from } = this.morph;
    if (p >= 1) this.morph = null;
    return p >= 1 ? undefined : { from, progress: ease(p) };
  }
}
