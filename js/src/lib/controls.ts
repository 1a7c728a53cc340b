/** Buttons, groups of buttons and the menu that widgets share. */
import { h } from "./dom";

export const button = (text: string, label: string, extra: Record<string, string> = {}) =>
  h("button", { type: "button", "aria-label": label, title: label, ...extra }, text);

/** Buttons of which one is pressed. */
export function segmented<T extends string>(
  name: string,
  items: ReadonlyArray<[id: T, text: string, label: string]>,
): { group: HTMLElement; buttons: Map<T, HTMLButtonElement> } {
  const buttons = new Map<T, HTMLButtonElement>();
  for (const [id, text, label] of items) {
    buttons.set(id, button(text, label, { "aria-pressed": "false", "data-value": id }));
  }
  const group = h("div", { class: "cw-segments", role: "group", "aria-label": name });
  group.append(...buttons.values());
  return { group, buttons };
}

export interface Menu {
  menuButton: HTMLButtonElement;
  menu: HTMLDivElement;
}

/** The menu behind "⋯": actions, and a list of keys below them. */
export function makeMenu<A extends string>(
  actions: ReadonlyArray<[action: A, text: string]>,
  help: ReadonlyArray<[keys: string, what: string]>,
): Menu & { actions: Record<A, HTMLButtonElement> } {
  const menuButton = button("⋯", "Save, and help with keys", {
    "aria-haspopup": "menu",
    "aria-expanded": "false",
  });
  const made = actions.map(([action, text]) => {
    const item = h("button", { type: "button", role: "menuitem", "data-action": action }, text);
    return [action, item] as const;
  });
  const keys = h("dl", { class: "cw-keys" });
  for (const [key, what] of help) keys.append(h("dt", {}, key), h("dd", {}, what));
  const menu = h(
    "div",
    { class: "cw-menu", role: "menu", "aria-label": "Picture", hidden: true },
    ...made.map(([, item]) => item),
    keys,
  );
  return {
    menuButton,
    menu,
    actions: Object.fromEntries(made) as Record<A, HTMLButtonElement>,
  };
}

/** Open and close the menu with mouse and keys, until `signal` ends it. */
export function attachMenu({ menu, menuButton }: Menu, signal: AbortSignal): void {
  const show = (open: boolean) => {
    menu.hidden = !open;
    menuButton.setAttribute("aria-expanded", String(open));
    if (open) menu.querySelector("button")?.focus();
  };
  menuButton.addEventListener("click", () => show(menu.hidden !== false), { signal });
  menu.addEventListener("click", () => show(false), { signal });
  menu.addEventListener(
    "keydown",
    (event) => {
      const buttons = [...menu.querySelectorAll("button")];
      const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
      if (event.key === "Escape") {
        show(false);
        menuButton.focus();
      } else if (event.key === "ArrowDown") buttons[(at + 1) % buttons.length]!.focus();
      else if (event.key === "ArrowUp") buttons.at(at - 1)!.focus();
      else return;
      event.preventDefault();
      event.stopPropagation();
    },
    { signal },
  );
  document.addEventListener(
    "pointerdown",
    (event) => {
      if (!menu.hidden && !menu.closest(".cw-anchor")!.contains(event.target as Node)) show(false);
    },
    { signal },
  );
}
