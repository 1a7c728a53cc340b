import { inflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { sampleTimes } from "../src/hierarchy_tree/layout";
import { decode, PayloadError } from "../src/lib/buffers";
import {
  compact,
  fromAlphaBar,
  fromLogSnr,
  fromSigma,
  restingTime,
  sayTime,
  ticks,
  timeAxis,
  toAlphaBar,
  toLogSnr,
  toSigma,
} from "../src/lib/clocks";
import { CLOCK_IDS } from "../src/lib/contract.gen";
import { crossing, lerpAt, resample } from "../src/lib/interp";
import { encodePng } from "../src/lib/png";
import { normals } from "../src/lib/random";

describe("arrays on the wire", () => {
  const values = Float32Array.of(1.5, -2, Number.NaN, Number.POSITIVE_INFINITY);

  it("respect the offset of their buffer, aligned or not", () => {
    for (const offset of [0, 3, 8]) {
      const message = new Uint8Array(offset + values.byteLength + 5).fill(255);
      message.set(new Uint8Array(values.buffer), offset);
      const view = new DataView(message.buffer, offset, values.byteLength);
      expect([...decode({ dtype: "float32", shape: [2, 2], data: view }, "x").data]).toEqual([
        ...values,
      ]);
    }
  });

  it("come from base64 too", () => {
    const b64 = btoa(String.fromCharCode(...new Uint8Array(values.buffer)));
    expect([...decode({ dtype: "float32", shape: [4], b64 }, "x").data]).toEqual([...values]);
  });

  it.each([
    [{ dtype: "float16", shape: [1], data: new ArrayBuffer(2) }, /dtype float16/],
    [{ dtype: "float64", shape: [2], data: new ArrayBuffer(8) }, /8 bytes.*needs 16/],
    [{ dtype: "float64", shape: [2] }, /no data buffer/],
    ["text", /should be an array/],
  ])("are refused by name when they do not fit", (wire, message) => {
    expect(() => decode(wire, "data.times")).toThrow(PayloadError);
    expect(() => decode(wire, "data.times")).toThrow(message);
    expect(() => decode(wire, "data.times")).toThrow(/data\.times/);
  });
});

describe("clocks", () => {
  it("agree with each other and invert", () => {
    for (const t of [1e-3, 0.1, 0.4407, 1, 3, 7]) {
      expect(fromSigma(toSigma(t))).toBeCloseTo(t, 9);
      expect(fromAlphaBar(toAlphaBar(t))).toBeCloseTo(t, 9);
      expect(fromLogSnr(toLogSnr(t))).toBeCloseTo(t, 9);
      expect(toAlphaBar(t)).toBeCloseTo(1 / (1 + toSigma(t) ** 2), 12);
      expect(toLogSnr(t)).toBeCloseTo(-2 * Math.log(toSigma(t)), 9);
    }
  });

  it.each(CLOCK_IDS)(
    "%s runs from noise at the left to data at the right, without gaps",
    (clock) => {
      const axis = timeAxis(clock, 7, 0.02, [40, 900]);
      expect(axis.x(7)).toBeCloseTo(40, 6);
      expect(axis.x(0)).toBeCloseTo(900, 6);
      let before = 39;
      for (let t = 7; t >= 0.03; t -= 0.05) {
        const x = axis.x(t);
        expect(x).toBeGreaterThan(before);
        expect(axis.t(x)).toBeCloseTo(t, 6);
        before = x;
      }
      const marks = ticks(axis, 8);
      expect(marks.length).toBeGreaterThanOrEqual(2);
      expect(marks.length).toBeLessThanOrEqual(14);
    },
  );

  it("shows ᾱ on a linear axis only where the story fits", () => {
    const near = timeAxis("alpha_bar", 2, 0.01, [0, 100], 1.5);
    const far = timeAxis("alpha_bar", 7, 0.01, [0, 100], 5);
    expect(near.x(fromAlphaBar(0.5))).toBeCloseTo(
      100 * ((0.5 - toAlphaBar(2)) / (1 - toAlphaBar(2))),
      6,
    );
    expect(far.x(3.5)).toBeCloseTo(50, 6);
  });

  it("shows levels of tokens as they are, whole numbers at whole numbers", () => {
    const hidden = timeAxis("hidden", 5, 0, [0, 100]);
    expect(hidden.x(2)).toBeCloseTo(60, 9);
    expect(ticks(hidden, 12)).toEqual([5, 4, 3, 2, 1, 0]);
    expect(restingTime(2.4, "hidden")).toBe(2);
    expect(restingTime(0.123456789, "masked")).toBe(0.123457);
    expect(sayTime(120, "hidden")).toBe("h = 120");
    expect(sayTime(0.25, "masked")).toBe("m = 0.25");
    expect(timeAxis("masked", 1, 0, [0, 100]).x(0)).toBeCloseTo(100, 9);
  });

  it("samples counts of tokens that are no OU times", () => {
    const times = sampleTimes(2000, 0, 0, 128);
    expect(times[0]).toBe(0);
    expect(times[times.length - 1]).toBe(2000);
    expect(times.every((t, i) => i === 0 || t > times[i - 1]!)).toBe(true);
    expect(times.length).toBe(128);
  });

  it("are said in few digits", () => {
    expect(sayTime(2.6, "t")).toBe("t = 2.60");
    expect(sayTime(0, "log_snr")).toBe("log SNR = ∞");
    expect([0, 1.2345, 12345, 1e-4, 2.5e7, -3].map((v) => compact(v))).toEqual([
      "0",
      "1.23",
      "12300",
      "10⁻⁴",
      "2.5·10⁷",
      "−3",
    ]);
  });
});

describe("interpolation", () => {
  const grid = [0, 1, 2, 4];

  it("passes through the table and never overshoots", () => {
    const values = [1, 0.9, 0.1, 0];
    expect([...resample(grid, values, grid)]).toEqual(values);
    const fine = Array.from({ length: 200 }, (_, i) => i / 50);
    const out = resample(grid, values, fine);
    out.forEach((v, i) => {
      expect(v).toBeLessThanOrEqual(1);
      expect(v).toBeGreaterThanOrEqual(0);
      if (i > 0) expect(v).toBeLessThanOrEqual(out[i - 1]! + 1e-12);
    });
  });

  it("keeps infinities and ends", () => {
    expect(lerpAt(grid, [-Infinity, -Infinity, 0, 1], 0.5)).toBe(-Infinity);
    expect(lerpAt(grid, [5, 6, 7, 8], -1)).toBe(5);
    expect(lerpAt(grid, [5, 6, 7, 8], 9)).toBe(8);
  });

  it("finds the outermost crossing of a falling curve", () => {
    expect(crossing(grid, [1, 0.8, 0.2, 0], 0.5)).toBeCloseTo(1.5);
    expect(crossing(grid, [1, 0.4, 0.6, 0], 0.5)).toBeCloseTo(2 + (0.1 / 0.6) * 2);
    expect(crossing(grid, [0.3, 0.2, 0.1, 0], 0.5)).toBe(0);
  });
});

describe("pictures", () => {
  it("are PNG files that decode to the pixels given", () => {
    const pixels = Uint8Array.from({ length: 5 * 4 * 3 }, (_, i) => (i * 37) % 256);
    const png = encodePng(pixels, 5, 4, 3);
    expect([...png.subarray(1, 4)]).toEqual([80, 78, 71]);
    const at = png.findIndex((_, i) => String.fromCharCode(...png.subarray(i, i + 4)) === "IDAT");
    const size = new DataView(png.buffer, at - 4).getUint32(0);
    const raw = inflateSync(png.subarray(at + 4, at + 4 + size));
    const back = Array.from({ length: 5 }, (_, y) => [
      ...raw.subarray(y * 13 + 1, y * 13 + 13),
    ]).flat();
    expect(back).toEqual([...pixels]);
  });

  it("get the same standard normal noise every time", () => {
    const a = normals(20001, 7);
    expect([...normals(20001, 7)]).toEqual([...a]);
    const mean = a.reduce((s, x) => s + x, 0) / a.length;
    const variance = a.reduce((s, x) => s + (x - mean) ** 2, 0) / a.length;
    // Four standard errors: 1/sqrt(n) for the mean, sqrt(2/n) for the variance.
    expect(Math.abs(mean)).toBeLessThan(4 / Math.sqrt(a.length));
    expect(Math.abs(variance - 1)).toBeLessThan(4 * Math.sqrt(2 / a.length));
  });
});
