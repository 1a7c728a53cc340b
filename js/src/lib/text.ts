/** Text sizes without a page: layout is pure, so it is handed a `Measure`. */

export type Measure = (text: string, size: number, bold?: boolean) => number;

/** The face that pictures are set in; the same stands in the stylesheets. */
export const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif";

const NARROW = /[iljtfrI.,:;'|!()[\] ·]/;
const WIDE = /[mwMW@%—]/;

/** Widths good to about 10 % for a sans-serif face; used under test and where no canvas exists. */
export const roughMeasure: Measure = (text, size, bold = false) => {
  let em = 0;
  for (const ch of text) {
    if (NARROW.test(ch)) em += 0.32;
    else if (WIDE.test(ch)) em += 0.88;
    else if (ch >= "A" && ch <= "Z") em += 0.68;
    else em += ch.charCodeAt(0) > 0x2e80 ? 1 : 0.56;
  }
  return em * size * (bold ? 1.06 : 1);
};

/** Measure with the browser's own fonts; falls back to the rough table. */
export function canvasMeasure(doc: Document, family: string): Measure {
  let context: CanvasRenderingContext2D | null = null;
  try {
    context = doc.createElement("canvas").getContext("2d");
  } catch {
    // jsdom throws instead of returning null.
  }
  if (context === null) return roughMeasure;
  const cache = new Map<string, number>();
  return (text, size, bold = false) => {
    const key = `${bold ? "b" : ""}${size}|${text}`;
    let width = cache.get(key);
    if (width === undefined) {
      context.font = `${bold ? "600 " : ""}${size}px ${family}`;
      width = context.measureText(text).width;
      cache.set(key, width);
    }
    return width;
  };
}

const clusters = typeof Intl !== "undefined" && "Segmenter" in Intl ? new Intl.Segmenter() : null;

/** What a reader takes for one character: an emoji of several code points is not cut in two. */
function characters(text: string): string[] {
  return clusters === null ? [...text] : Array.from(clusters.segment(text), (s) => s.segment);
}

/** `text`, or as much of it as fits `room` pixels with an ellipsis; "" when nothing does. */
export function truncate(
  text: string,
  room: number,
  size: number,
  measure: Measure,
  bold = false,
): string {
  if (measure(text, size, bold) <= room) return text;
  const chars = characters(text);
  let lo = 0;
  let hi = chars.length;
  while (lo < hi) {
    const mid = (lo + hi + 1) >> 1;
    const cut = `${chars.slice(0, mid).join("").trimEnd()}…`;
    if (measure(cut, size, bold) <= room) lo = mid;
    else hi = mid - 1;
  }
  return lo === 0 ? "" : `${chars.slice(0, lo).join("").trimEnd()}…`;
}

/**
 * Labels of parts ("a · b · c") cut to fit `room`, all alike: as few leading parts as can be give way
 * to an ellipsis, since the last ones tell siblings apart.
 */
export function elide(labels: string[], room: number, size: number, measure: Measure): string[] {
  const parts = labels.map((label) => label.split(" · "));
  const cut = (drop: number) =>
    parts.map((all) => {
      const gone = Math.min(drop, all.length - 1);
      return gone === 0 ? all.join(" · ") : `… ${all.slice(gone).join(" · ")}`;
    });
  const fits = (text: string) => measure(text, size, true) <= room;
  const most = Math.max(0, ...parts.map((all) => all.length - 1));
  // What does not fit with a single part is no reason to cut the others.
  const hopeful = cut(most).map(fits);
  let drop = 0;
  while (drop < most && cut(drop).some((text, i) => hopeful[i] && !fits(text))) drop += 1;
  return cut(drop).map((text) => truncate(text, room, size, measure, true));
}

/**
 * Move wanted centres apart until each has its `size` of room in [lo, hi], keeping their order and
 * moving as little as possible (pool adjacent violators on the displacements).
 */
export function spread(wanted: number[], sizes: number[], lo: number, hi: number): number[] {
  interface Block {
    from: number;
    sum: number;
    count: number;
    height: number;
  }
  const blocks: Block[] = [];
  const before: number[] = [];
  let total = 0;
  wanted.forEach((y, i) => {
    before.push(total);
    blocks.push({ from: i, sum: y - sizes[i]! / 2 - total, count: 1, height: sizes[i]! });
    total += sizes[i]!;
    while (blocks.length > 1) {
      const b = blocks[blocks.length - 1]!;
      const a = blocks[blocks.length - 2]!;
      if (a.sum / a.count <= b.sum / b.count) break;
      a.sum += b.sum;
      a.count += b.count;
      a.height += b.height;
      blocks.pop();
    }
  });
  const out: number[] = [];
  for (const block of blocks) {
    const start = Math.min(Math.max(block.sum / block.count, lo), Math.max(lo, hi - total));
    for (let i = block.from; i < block.from + block.count; i++) {
      out.push(start + before[i]! + sizes[i]! / 2);
    }
  }
  return out;
}
