/** Small helpers for building pages. Strings always become text nodes, never markup. */
import type { BaseType, Selection } from "d3-selection";

type Child = Node | string | null | undefined;
type Attributes = Record<string, string | number | boolean | null | undefined>;

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) if (child !== null && child !== undefined) element.append(child);
  return element;
}

/** Run `work` once in the next frame, however often it is asked for. */
export function frameScheduler(work: () => void): { ask: () => void; cancel: () => void } {
  let pending = 0;
  const soon = globalThis.requestAnimationFrame ?? ((f: () => void) => setTimeout(f, 16));
  const never = globalThis.cancelAnimationFrame ?? clearTimeout;
  return {
    ask() {
      if (pending !== 0) return;
      pending = soon(() => {
        pending = 0;
        work();
      }) as unknown as number;
    },
    cancel() {
      if (pending !== 0) never(pending);
      pending = 0;
    },
  };
}

/** At most one call per `wait` ms, the last one always made: for saving to the kernel. */
export function throttle(work: () => void, wait: number): { ask: () => void; flush: () => void } {
  let timer: ReturnType<typeof setTimeout> | null = null;
  let again = false;
  const tick = () => {
    timer = null;
    if (!again) return;
    again = false;
    work();
    timer = setTimeout(tick, wait);
  };
  return {
    ask() {
      if (timer !== null) {
        again = true;
        return;
      }
      work();
      timer = setTimeout(tick, wait);
    },
    flush() {
      if (timer !== null) clearTimeout(timer);
      timer = null;
      if (again) {
        again = false;
        work();
      }
    },
  };
}

/** New words only where they differ: the same ones would be laid out again. */
export function setText(element: Element, words: string): void {
  if (element.textContent !== words) element.textContent = words;
}

/** What `setAttributeIfNew` last wrote: asking the page costs as much as the writing it saves. */
const written = new WeakMap<Element, Map<string, string | null>>();

/** Set one attribute if it differs from what this function set before; a null removes it. */
export function setAttributeIfNew(
  element: Element,
  name: string,
  value: string | number | null,
): void {
  let known = written.get(element);
  if (known === undefined) {
    known = new Map();
    written.set(element, known);
  }
  const text = value === null ? null : String(value);
  if (known.get(name) === text) return;
  known.set(name, text);
  if (text === null) element.removeAttribute(name);
  else element.setAttribute(name, text);
}

/**
 * Set attributes that differ, and only those: setting an equal value still costs a style pass. For
 * joins that run on every frame of a drag; nothing else may set the same attributes.
 */
export function setChanged<E extends Element, D>(
  selection: Selection<E, D, BaseType, unknown>,
  attributes: Record<string, (datum: D) => string | number | null>,
): void {
  const entries = Object.entries(attributes);
  selection.each(function (datum) {
    for (const [name, of] of entries) setAttributeIfNew(this, name, of(datum));
  });
}
