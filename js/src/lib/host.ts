/** What a widget needs of its model, and a model for pages without a kernel. */
import { DEFAULTS, type State } from "./contract.gen";

export interface Host {
  get<K extends keyof State>(name: K): State[K];
  set<K extends keyof State>(name: K, value: State[K]): void;
  save_changes(): void;
  on(event: string, listener: () => void): void;
  off(event: string, listener: () => void): void;
}

/** A model that lives in the page: same traits, same events, nothing to save to. */
export class PageModel implements Host {
  private state: State;
  private listeners = new Map<string, Set<() => void>>();

  constructor(state: Partial<State>) {
    this.state = { ...structuredClone(DEFAULTS), data: {} as State["data"], ...state };
  }

  get<K extends keyof State>(name: K): State[K] {
    return this.state[name];
  }

  set<K extends keyof State>(name: K, value: State[K]): void {
    if (Object.is(this.state[name], value)) return;
    this.state[name] = value;
    for (const listener of [...(this.listeners.get(`change:${name}`) ?? [])]) listener();
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
