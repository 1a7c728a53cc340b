/** Whether things may move. */

/** Motion helps the eye follow; not where it is unwelcome. */
export function motionWelcome(): boolean {
  return !(globalThis.matchMedia?.("(prefers-reduced-motion: reduce)").matches ?? true);
}
