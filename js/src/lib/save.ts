/** The picture as a file: SVG with every colour resolved, or PNG at twice the size. */

const KEPT = [
  "fill",
  "fill-opacity",
  "stroke",
  "stroke-width",
  "stroke-opacity",
  "stroke-dasharray",
  "stroke-linecap",
  "stroke-linejoin",
  "paint-order",
  "opacity",
  "font-family",
  "font-size",
  "font-weight",
  "text-anchor",
  "font-variant-numeric",
  "image-rendering",
] as const;

const DROPPED = ".cw-items, .cw-backdrop, .cw-grip, .cw-hit, [display='none']";

/** A copy that no stylesheet needs to accompany. */
export function standaloneSvg(svg: SVGSVGElement, background: string): string {
  const copy = svg.cloneNode(true) as SVGSVGElement;
  const originals = svg.querySelectorAll<SVGElement>("*");
  const copies = copy.querySelectorAll<SVGElement>("*");
  // Unzoomed, plain strokes are the same and also scale with the picture.
  const river = svg.querySelector(".cw-river");
  const zoomed = river !== null && !river.matches("[transform*='scale(1,1)']");
  const kept = zoomed ? [...KEPT, "vector-effect"] : KEPT;
  originals.forEach((node, i) => {
    if (node.closest("defs") !== null) return;
    const style = getComputedStyle(node);
    for (const name of kept) {
      const value = style.getPropertyValue(name);
      if (value !== "" && !value.startsWith("url(")) copies[i]!.style.setProperty(name, value);
    }
    for (const name of ["class", "role", "tabindex", "aria-hidden"]) {
      copies[i]!.removeAttribute(name);
    }
  });
  // Dropped only now, so that the two lists above stay in step.
  originals.forEach((node, i) => {
    if (node.matches(DROPPED)) copies[i]!.remove();
  });
  const { width, height } = svg.viewBox.baseVal ?? { width: 0, height: 0 };
  const sheet = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  sheet.setAttribute("width", "100%");
  sheet.setAttribute("height", "100%");
  sheet.setAttribute("fill", background);
  copy.prepend(sheet);
  copy.setAttribute("width", String(width));
  copy.setAttribute("height", String(height));
  copy.removeAttribute("style");
  return new XMLSerializer().serializeToString(copy);
}

function download(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

const fileName = (title: string, suffix: string) =>
  `${title.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-+|-+$/g, "") || "decisions"}.${suffix}`;

export function saveSvg(svg: SVGSVGElement, background: string, title: string): void {
  const text = standaloneSvg(svg, background);
  download(new Blob([text], { type: "image/svg+xml" }), fileName(title, "svg"));
}

export async function savePng(
  svg: SVGSVGElement,
  background: string,
  title: string,
  scale = 2,
): Promise<void> {
  const text = standaloneSvg(svg, background);
  const { width, height } = svg.viewBox.baseVal;
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.getContext("2d")!.drawImage(image, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
  if (blob !== null) download(blob, fileName(title, "png"));
}
