/** Colour arithmetic in OKLab (Ottosson 2020), where a half-way mix looks half-way. */
import { rgb } from "d3-color";

export type Lab = readonly [L: number, a: number, b: number];
export type Scheme = "light" | "dark";

const linear = (c: number) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
const gamma = (c: number) => (c <= 0.0031308 ? 12.92 * c : 1.055 * c ** (1 / 2.4) - 0.055);

export function toLab(css: string): Lab {
  const { r, g, b } = rgb(css);
  const [R, G, B] = [linear(r / 255), linear(g / 255), linear(b / 255)];
  const l = Math.cbrt(0.4122214708 * R + 0.5363325363 * G + 0.0514459929 * B);
  const m = Math.cbrt(0.2119034982 * R + 0.6806995451 * G + 0.1073969566 * B);
  const s = Math.cbrt(0.0883024619 * R + 0.2817188376 * G + 0.6299787005 * B);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

export function toHex([L, a, b]: Lab): string {
  const l = (L + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (L - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (L - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const channels = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
  const hex = channels.map((c) => {
    const byte = Math.round(255 * Math.min(1, Math.max(0, gamma(Math.max(0, c)))));
    return byte.toString(16).padStart(2, "0");
  });
  return `#${hex.join("")}`;
}

export function mix(p: Lab, q: Lab, f: number): Lab {
  return [p[0] + f * (q[0] - p[0]), p[1] + f * (q[1] - p[1]), p[2] + f * (q[2] - p[2])];
}

/** Relative luminance contrast of WCAG 2, from 1 to 21. */
export function contrast(one: string, other: string): number {
  const luminance = (css: string) => {
    const { r, g, b } = rgb(css);
    return 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  };
  const [a, b] = [luminance(one), luminance(other)];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

/** Black or white, whichever reads better on `background`; never below 4.58 : 1. */
export function inkOn(background: string): "#000000" | "#ffffff" {
  return contrast(background, "#000000") > contrast(background, "#ffffff") ? "#000000" : "#ffffff";
}

/**
 * Eleven hues along one path, warm to cool to red. Neighbours differ in lightness as well as in hue,
 * so that the order survives the common colour-vision deficiencies.
 */
const ANCHORS: readonly Lab[] = [
  "#c65f2b",
  "#e3a73a",
  "#c3b548",
  "#5f9a56",
  "#3fb39d",
  "#2f7f9e",
  "#5aa9e0",
  "#4a5fb4",
  "#8f7fd1",
  "#8b3f93",
  "#db7ba6",
].map(toLab);

export const NEUTRAL: Record<Scheme, Lab> = { light: toLab("#9aa0a8"), dark: toLab("#6b727d") };

/** The colour at `position` in [0, 1] along the path of hues. */
export function hueAt(position: number, scheme: Scheme, lift = 0): Lab {
  const at = Math.min(1, Math.max(0, position)) * (ANCHORS.length - 1);
  const i = Math.min(ANCHORS.length - 2, Math.floor(at));
  const [L, a, b] = mix(ANCHORS[i]!, ANCHORS[i + 1]!, at - i);
  const shade = scheme === "dark" ? L * 0.96 + 0.02 : L;
  return [shade + lift, a, b];
}

/** Line colours for features: readable as text (≥ 4.5 : 1) on the page, told apart by dashes too. */
export const LINES: Record<Scheme, readonly string[]> = {
  light: ["#1f2328", "#b0491c", "#1b66b5", "#1f7a4d", "#7a45b5", "#a8326f", "#6b5d00", "#00707a"],
  dark: ["#e8eaed", "#f2a071", "#7db8f5", "#74cf9e", "#c3a3f5", "#f296c0", "#d6c55a", "#5ccad6"],
};
export const DASHES: readonly string[] = [
  "",
  "6 3",
  "2 2.5",
  "9 3 2 3",
  "1.5 4",
  "12 4",
  "4 2",
  "",
];
