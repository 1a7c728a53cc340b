/** Which scheme the host page uses, and word when it changes. */

import { contrast, type Scheme } from "./colour";
import type { Theme } from "./contract.gen";

function hostScheme(doc: Document): Scheme | null {
  const body = doc.body;
  const lab = body?.getAttribute("data-jp-theme-light");
  if (lab !== null && lab !== undefined) return lab === "false" ? "dark" : "light";
  const code = body?.getAttribute("data-vscode-theme-kind");
  if (code) return code.includes("light") ? "light" : "dark";
  const html = doc.documentElement;
  const named = html.getAttribute("theme") ?? html.getAttribute("data-theme");
  if (named === "dark" || named === "light") return named;
  // nbconvert and Voilà set JupyterLab's colours without its attribute.
  const layer = getComputedStyle(body ?? html)
    .getPropertyValue("--jp-layout-color0")
    .trim();
  if (layer !== "") return contrast(layer, "#ffffff") > 4 ? "dark" : "light";
  return null;
}

export function resolveScheme(theme: Theme, doc: Document): Scheme {
  if (theme !== "auto") return theme;
  const host = hostScheme(doc);
  if (host !== null) return host;
  const query = doc.defaultView?.matchMedia?.("(prefers-color-scheme: dark)");
  return query?.matches ? "dark" : "light";
}

/** Call `changed` whenever the host may have switched; returns the function that stops it. */
export function watchScheme(doc: Document, changed: () => void): () => void {
  const observer = new MutationObserver(changed);
  const attributeFilter = [
    "data-jp-theme-light",
    "data-jp-theme-name",
    "data-vscode-theme-kind",
    "theme",
    "data-theme",
  ];
  if (doc.body) observer.observe(doc.body, { attributes: true, attributeFilter });
  observer.observe(doc.documentElement, { attributes: true, attributeFilter });
  const query = doc.defaultView?.matchMedia?.("(prefers-color-scheme: dark)");
  query?.addEventListener?.("change", changed);
  return () => {
    observer.disconnect();
    query?.removeEventListener?.("change", changed);
  };
}
