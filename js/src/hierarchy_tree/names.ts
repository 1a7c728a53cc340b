/** What vertices are called. Pure. */
import type { Payload } from "../lib/contract.gen";

type Component = Payload["components"][number];

interface Named {
  label: string;
  subset: number[];
}

const BETWEEN = " · ";

/** The root as a stage of the generation; its label says only how many components there are. */
export const ROOT_NAME = "nothing decided yet";

/** The same on the water, beside the short names of the other vertices. */
export const ROOT_SHORT = "nothing decided";

/** What a vertex is called where it stands by itself: on its card, in the table, aloud. */
export function nameOf(v: Named & { parent: number }): string {
  return v.parent === -1 && v.subset.length > 1 ? ROOT_NAME : v.label;
}

/** Features on which all components of a subset agree, with the value they share. */
function sharedFeatures(subset: number[], components: Component[]): Map<string, string> {
  const [first, ...others] = subset.map((i) => components[i]?.features ?? {});
  const shared = Object.entries(first ?? {}).filter(([name, value]) =>
    others.every((features) => features[name] === value),
  );
  return new Map(shared);
}

/** Whether a label lists just the values of these features, in any order. */
function lists(label: string, features: Array<[string, string]>): boolean {
  const sorted = (words: string) => words.split(BETWEEN).sort().join(BETWEEN);
  return sorted(label) === sorted(features.map(([, value]) => value).join(BETWEEN));
}

/**
 * What a vertex's label adds to its parent's ("sand · disc" in "sand": "disc"). Where the label lists
 * feature values, it is those of the features that the parent leaves open, whatever their words:
 * "left · left" in "left" is "left".
 */
export function shortLabel(v: Named, parent: Named | undefined, components: Component[]): string {
  const { label } = v;
  if (parent === undefined || !label.includes(BETWEEN)) return label;
  const mine = [...sharedFeatures(v.subset, components)];
  // A feature on which the whole mixture agrees tells nothing apart, so labels may leave it out.
  const constant = sharedFeatures([...components.keys()], components);
  const telling = mine.filter(([name]) => !constant.has(name));
  if (lists(label, mine) || lists(label, telling)) {
    const above = sharedFeatures(parent.subset, components);
    const added = mine.filter(([name]) => !above.has(name)).map(([, value]) => value);
    if (added.length > 0) return added.join(BETWEEN);
  }
  return wordsAdded(label, parent.label);
}

/** The parts of a label that its parent's does not have. */
function wordsAdded(label: string, parent: string): string {
  const known = new Set(parent.split(BETWEEN));
  const fresh = label.split(BETWEEN).filter((part) => !known.has(part));
  return fresh.length > 0 ? fresh.join(BETWEEN) : label;
}
