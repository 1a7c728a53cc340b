/** Which vertex an arrow leads to. Pure. The river flows right, so right goes into a branch. */
import type { Vertex } from "./data";

/**
 * The vertex reached from `current` by `key`, among the `visible` ones (preorder); `current` itself
 * when there is none that way. Up and down stay on a level, across branches.
 */
export function walk(visible: Vertex[], current: number, key: string): number {
  const here = visible.find((v) => v.id === current) ?? visible[0];
  if (here === undefined) return current;
  const shown = new Map(visible.map((v) => [v.id, v]));
  const parentOf = (v: Vertex): Vertex | undefined => {
    // In the dendrogram a parent may be missing: the nearest ancestor counts.
    const above = visible.filter((u) => u !== v && u.first <= v.first && v.last <= u.last);
    return shown.get(v.parent) ?? above[above.length - 1];
  };
  switch (key) {
    case "ArrowLeft":
      return parentOf(here)?.id ?? here.id;
    case "ArrowRight":
      return visible.find((v) => parentOf(v) === here)?.id ?? here.id;
    case "ArrowUp":
    case "ArrowDown": {
      const level = visible.filter((v) => v.depth === here.depth);
      const next = level[level.indexOf(here) + (key === "ArrowDown" ? 1 : -1)];
      if (next !== undefined) return next.id;
      // Past the end of the level: the nearest stream on that side, whatever its level.
      const beyond = visible.filter((v) =>
        key === "ArrowDown" ? v.first > here.last : v.last < here.first,
      );
      const near = key === "ArrowDown" ? beyond[0] : beyond[beyond.length - 1];
      return near?.id ?? here.id;
    }
    case "Home":
      return visible[0]!.id;
    case "End":
      return visible[visible.length - 1]!.id;
    default:
      return here.id;
  }
}

export const HELP: ReadonlyArray<[keys: string, what: string]> = [
  ["← → ↑ ↓", "walk the tree"],
  ["Enter", "select"],
  ["Space", "fold or unfold the branch"],
  ["[ ]  or  Shift + ← →", "move the time cursor"],
  ["+  −  0", "zoom in, out, all"],
  ["Ctrl + wheel", "zoom at the pointer"],
  ["Esc", "let go of the selection"],
];
