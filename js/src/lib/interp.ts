/** Interpolation on an increasing grid. All functions are pure. */

export type Row = ArrayLike<number>;

/** Index `i` with `grid[i] <= t <= grid[i + 1]`, clamped to the grid. */
export function locate(grid: Row, t: number): number {
  let lo = 0;
  let hi = grid.length - 1;
  if (hi < 1) return 0;
  while (hi - lo > 1) {
    const mid = (lo + hi) >> 1;
    if (grid[mid]! <= t) lo = mid;
    else hi = mid;
  }
  return lo;
}

/** Linear interpolation, constant outside the grid. */
export function lerpAt(grid: Row, values: Row, t: number): number {
  const n = grid.length;
  if (n === 0) return Number.NaN;
  if (n === 1 || t <= grid[0]!) return values[0]!;
  if (t >= grid[n - 1]!) return values[n - 1]!;
  const i = locate(grid, t);
  const f = (t - grid[i]!) / (grid[i + 1]! - grid[i]!);
  const a = values[i]!;
  const b = values[i + 1]!;
  // Two equal infinities would otherwise give NaN.
  if (a === b || f === 0) return a;
  return f === 1 ? b : a + f * (b - a);
}

/** Slopes of Steffen's monotone cubic (1990): no overshoot, so a fraction stays in [0, 1]. */
function slopes(grid: Row, values: Row): Float64Array {
  const n = grid.length;
  const out = new Float64Array(n);
  const secant = (i: number) => (values[i + 1]! - values[i]!) / (grid[i + 1]! - grid[i]!);
  for (let i = 1; i < n - 1; i++) {
    const h0 = grid[i]! - grid[i - 1]!;
    const h1 = grid[i + 1]! - grid[i]!;
    const s0 = secant(i - 1);
    const s1 = secant(i);
    const p = (s0 * h1 + s1 * h0) / (h0 + h1);
    out[i] =
      (Math.sign(s0) + Math.sign(s1)) * Math.min(Math.abs(s0), Math.abs(s1), Math.abs(p) / 2) || 0;
  }
  if (n > 1) {
    out[0] = secant(0);
    out[n - 1] = secant(n - 2);
  }
  return out;
}

/** Values of the monotone cubic through (grid, values) at each of `at`; constant outside. */
export function resample(grid: Row, values: Row, at: Row): Float64Array {
  const n = grid.length;
  const out = new Float64Array(at.length);
  if (n < 2) return out.fill(n === 1 ? values[0]! : Number.NaN);
  const m = slopes(grid, values);
  for (let k = 0; k < at.length; k++) {
    const t = at[k]!;
    if (t <= grid[0]!) out[k] = values[0]!;
    else if (t >= grid[n - 1]!) out[k] = values[n - 1]!;
    else {
      const i = locate(grid, t);
      const h = grid[i + 1]! - grid[i]!;
      const u = (t - grid[i]!) / h;
      const v = 1 - u;
      out[k] =
        values[i]! * v * v * (1 + 2 * u) +
        values[i + 1]! * u * u * (1 + 2 * v) +
        h * u * v * (v * m[i]! - u * m[i + 1]!);
    }
  }
  return out;
}

/**
 * The largest time at which a falling curve still reaches `level`; the first grid time if it never
 * does. Curves estimated from samples may wiggle: the outermost crossing counts.
 */
export function crossing(grid: Row, values: Row, level: number): number {
  for (let i = grid.length - 1; i >= 0; i--) {
    if (values[i]! >= level) {
      if (i === grid.length - 1) return grid[i]!;
      const f = (values[i]! - level) / (values[i]! - values[i + 1]!);
      return grid[i]! + f * (grid[i + 1]! - grid[i]!);
    }
  }
  return grid[0] ?? Number.NaN;
}
