/**
 * Arrays on the wire. Python sends `{dtype, shape, data}` with `data` a binary buffer; a saved page
 * carries the same with `b64` text instead of a buffer. Nothing is narrowed on the way.
 */

const TYPES = {
  float32: Float32Array,
  float64: Float64Array,
  uint8: Uint8Array,
  int32: Int32Array,
} as const;

export type Dtype = keyof typeof TYPES;
export type Numbers = Float32Array | Float64Array | Uint8Array | Int32Array;

export interface WireArray {
  dtype: Dtype;
  shape: number[];
  data?: DataView | ArrayBuffer | ArrayBufferView | number[];
  b64?: string;
}

export interface NdArray {
  data: Numbers;
  shape: number[];
}

/** A message for the reader of the notebook: what field is wrong and what would be right. */
export class PayloadError extends Error {}

function bytesOf(wire: WireArray, name: string): Uint8Array {
  if (typeof wire.b64 === "string") {
    const text = atob(wire.b64);
    return Uint8Array.from(text, (ch) => ch.charCodeAt(0));
  }
  const data = wire.data;
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  // A view is a window on a larger message: its offset and length must be respected.
  if (ArrayBuffer.isView(data))
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  throw new PayloadError(`${name} carries no data buffer.`);
}

/** Decode one array; `name` is used in messages. Throws `PayloadError` on any mismatch. */
export function decode(wire: unknown, name: string): NdArray {
  if (typeof wire !== "object" || wire === null || !("dtype" in wire) || !("shape" in wire)) {
    throw new PayloadError(`${name} should be an array {dtype, shape, data}, not ${typeof wire}.`);
  }
  const array = wire as WireArray;
  const Type = TYPES[array.dtype];
  if (Type === undefined) {
    throw new PayloadError(
      `${name} has dtype ${String(array.dtype)}; known: ${Object.keys(TYPES).join(", ")}.`,
    );
  }
  const size = array.shape.reduce((a, b) => a * b, 1);
  if (Array.isArray(array.data)) {
    if (array.data.length !== size) {
      throw new PayloadError(`${name} holds ${array.data.length} numbers, shape says ${size}.`);
    }
    return { data: Type.from(array.data), shape: array.shape };
  }
  const bytes = bytesOf(array, name);
  if (bytes.byteLength !== size * Type.BYTES_PER_ELEMENT) {
    throw new PayloadError(
      `${name} holds ${bytes.byteLength} bytes; shape [${array.shape.join(", ")}] of ` +
        `${array.dtype} needs ${size * Type.BYTES_PER_ELEMENT}.`,
    );
  }
  // Typed arrays must start on a multiple of their element size; copy where the message does not.
  const aligned = bytes.byteOffset % Type.BYTES_PER_ELEMENT === 0 ? bytes : bytes.slice();
  return {
    data: new Type(aligned.buffer as ArrayBuffer, aligned.byteOffset, size),
    shape: array.shape,
  };
}

/** Row `i` of a two-dimensional array, as a view. */
export function row(array: NdArray, i: number): Numbers {
  const width = array.shape[1] ?? 0;
  return array.data.subarray(i * width, (i + 1) * width) as Numbers;
}
