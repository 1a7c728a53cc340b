/** Mean images as pictures, clean and as the sampler sees them at a noise level. */
import { dataAddress, encodePng } from "../lib/png";
import { normals } from "../lib/random";
import type { Thumbnails } from "./data";

function encode(
  thumbs: Thumbnails,
  [low, high]: [number, number],
  value: (i: number) => number,
): string {
  const { height, width, channels } = thumbs;
  const shown = channels === 3 ? 3 : 1;
  const pixels = new Uint8Array(height * width * shown);
  const span = high - low || 1;
  for (let p = 0; p < height * width; p++) {
    for (let c = 0; c < shown; c++) {
      const v = (value(p * channels + c) - low) / span;
      pixels[p * shown + c] = Math.round(255 * Math.min(1, Math.max(0, v)));
    }
  }
  return dataAddress(encodePng(pixels, height, width, shown));
}

export class ThumbSource {
  private clean = new Map<number, string>();
  private noise: Float32Array;

  constructor(private thumbs: Thumbnails) {
    this.noise = normals(thumbs.height * thumbs.width * thumbs.channels, 20240305);
  }

  get aspect(): number {
    return this.thumbs.width / this.thumbs.height;
  }

  /** The mean image of a vertex's sub-mixture. */
  mean(id: number): string {
    let address = this.clean.get(id);
    if (address === undefined) {
      const image = this.thumbs.images[id]!;
      address = encode(this.thumbs, this.thumbs.range, (i) => image[i]!);
      this.clean.set(id, address);
    }
    return address;
  }

  /** `e^-t mean + sqrt(1 − e^-2t) z`, with the same z every time. */
  noised(id: number, t: number): string {
    const image = this.thumbs.images[id]!;
    const a = Math.exp(-t);
    const s = Math.sqrt(-Math.expm1(-2 * t));
    // Noise has unit scale whatever the data's: widen the range shown, or all would clip.
    const [low, high] = this.thumbs.range;
    const range: [number, number] = [a * low - 1.7 * s, a * high + 1.7 * s];
    return encode(this.thumbs, range, (i) => a * image[i]! + s * this.noise[i]!);
  }
}
