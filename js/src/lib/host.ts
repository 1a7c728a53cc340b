/** What a widget needs of its model, and a model for pages without a kernel. */
import { DEFAULTS, type State } from "./contract.gen";

export interface Host<S extends object = State> {
  get<K extends keyof S>(name: K): S[K];
  set<K extends keyof S>(name: K, value: S[K]): void;
  save_changes(): void;
  on(event: string, listener: () => void): void;
  off(event: string, listener: () => void): void;
}

/** A model that lives in the page: same traits, same events, nothing to save to. */
export class PageModel<S extends object = State> implements Host<S> {
  private state: S;
  private listeners = new Map<string, Set<() => void>>();

  /** The defaults are those of `HierarchyTree` unless others are given. */
  constructor(state: Partial<NoInfer<S>>, defaults: object = DEFAULTS) {
    this.state = { data: {}, ...structuredClone(defaults), ...state } as S;
  }

  get<K extends keyof S>(name: K): S[K] {
    return this.state[name];
  }

  set<K extends keyof S>(name: K, value: S[K]): void {
    if (Object.is(this.state[name], value)) return;
    this.state[name] = value;
    for (const listener of [...(this.listeners.get(`change:${String(name)}`) ?? [])]) listener();
  }

  save_changes(): void {}

  on(event: string, listener: () => void): void {
    const set = this.listeners.get(event) ?? new Set();
    set.add(listener);
    this.listeners.set(event, set);
  }

  off(event: string, listener: () => void): void {
    this.listeners.get(event)?.delete(listener);
  }

  /** Listeners still attached; a closed view leaves none. */
  get listening(): number {
    return [...this.listeners.values()].reduce((n, set) => n + set.size, 0);
  }
}
