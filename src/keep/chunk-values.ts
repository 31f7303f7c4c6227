/**
 * What a series shows, by the kernel `chunk-values.as.ts`: chunks are handed to it as they lie in the store, and the values of all of them come back as one
 * column. A chunk that it does not take is for `chunk.ts`, which also says what is wrong with one.
 */

import { readFileSync } from 'node:fs';

interface Kernel {
  readonly begin: (count: number) => void;
  readonly show: (size: number, slots: number, cell: number, count: number) => number;
  readonly part: (count: number) => void;
  readonly SLOTS: { readonly value: number };
  readonly IN_SIZE: { readonly value: number };
  readonly IN: { readonly value: number };
  readonly SHOWN: { readonly value: number };
  readonly ONES: { readonly value: number };
  readonly SUMS: { readonly value: number };
}

const memory = new WebAssembly.Memory({ initial: 22 });
const code = new WebAssembly.Module(readFileSync(new URL('chunk-values.wasm', import.meta.url)));
const kernel = new WebAssembly.Instance(code, { env: { memory } }).exports as unknown as Kernel;
const sizeMax = kernel.IN_SIZE.value;
const input = new Int32Array(memory.buffer, kernel.IN.value, (sizeMax >> 2) + 4);
const column = (at: number): Float64Array => new Float64Array(memory.buffer, at, kernel.SLOTS.value);
const [shown, ones, sums] = [column(kernel.SHOWN.value), column(kernel.ONES.value), column(kernel.SUMS.value)];

/** The most slots of a series. */
export const shownSlotsMax = kernel.SLOTS.value;

/** Begins a series of `count` slots: nothing is shown. */
export function beginShown(count: number): void {
  kernel.begin(count);
}

/** Shows a chunk of `slots` slots that begins at slot `cell` of `count`; false when it is not for here, and shows nothing. */
export function showValues(bytes: Uint8Array, slots: number, cell: number, count: number): boolean {
  const size = bytes.length;
  if (size > sizeMax) return false;
  const words = wordsOf(bytes);
  if (words === undefined) for (let at = 0; at < size; at++) inputBytes[at] = bytes[at]!;
  else for (let at = 0, end = (size + 3) >> 2; at < end; at++) input[at] = words[at]!;
  return kernel.show(size, slots, cell, count) === 1;
}

/** The values of the series, NaN where nothing is shown. */
export function takeValues(into: Float64Array): void {
  into.set(shown.subarray(0, into.length));
}

/** The values of the series, 0 where nothing is shown, and ones where something is. */
export function takeParts(counts: Float64Array, values: Float64Array): void {
  kernel.part(counts.length);
  counts.set(ones.subarray(0, counts.length));
  values.set(sums.subarray(0, values.length));
}

const inputBytes = new Uint8Array(memory.buffer, kernel.IN.value, sizeMax + 16);
let heldBuffer: ArrayBufferLike | undefined;
let heldWords: Int32Array | undefined;

// The bytes as words. The store hands out the same buffer again and again, as an object whose elements are slow to read.
function wordsOf(bytes: Uint8Array): Int32Array | undefined {
  const { buffer } = bytes;
  if (buffer !== heldBuffer) {
    heldBuffer = buffer;
    heldWords = new Int32Array(buffer, 0, buffer.byteLength >> 2);
  }
  return bytes.byteOffset === 0 && (bytes.length + 3) >> 2 <= heldWords!.length ? heldWords : undefined;
}
