/**
 * A column of numbers as bytes: decimal scale and zigzag delta varints where every value is a decimal of at most nine places, raw float64
 * otherwise. Exact: what is read back is the number that was written (minus zero becomes zero).
 *
 *   +--------+------------------------------------------------------------+
 *   | tag u8 | 0..9: scale; n varints: zigzag of the difference to the one |
 *   |        |       before (the first to 0), in units of 10^-scale        |
 *   |        | 64+scale: one varint, all n values are the same             |
 *   |        | 128+scale: width u8; the first as a varint; n-1 differences, |
 *   |        |       zigzag, width bits each (at most 24), low bits first  |
 *   |        | 255: n x f64 little-endian                                  |
 *   +--------+------------------------------------------------------------+
 */

import { Corrupt } from '../base/faults.js';

const powers = [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
const scaledMax = 2 ** 50;
const widthMax = 24;
let deltas = new Float64Array(64);
const scratch = new DataView(new ArrayBuffer(8));

/** The most bytes that a column of `count` values takes. */
export function columnSizeMax(count: number): number {
  return 1 + 9 * count;
}

/** Writes `values[0, count)` at `at`; returns where it ends. The caller has made room for `columnSizeMax`. */
export function writeColumn(bytes: Uint8Array, at: number, values: Float64Array, count: number): number {
  const scale = scaleOf(values, count);
  if (scale < 0) return writeRaw(bytes, at, values, count);
  const power = powers[scale]!;
  let same = true;
  for (let index = 1; index < count && same; index++) same = values[index] === values[0];
  if (same) {
    bytes[at] = 64 + scale;
    return writeVarint(bytes, at + 1, zigzag(count === 0 ? 0 : Math.round(values[0]! * power)));
  }
  if (deltas.length < count) deltas = new Float64Array(2 * count);
  let [before, most, varintBytes] = [0, 0, 0];
  for (let index = 0; index < count; index++) {
    const scaled = Math.round(values[index]! * power);
    const delta = zigzag(scaled - before);
    deltas[index] = delta;
    before = scaled;
    if (index === 0) continue;
    if (delta > most) most = delta;
    varintBytes += delta < 128 ? 1 : delta < 16_384 ? 2 : delta < 2_097_152 ? 3 : 8;
  }
  const width = most < 2 ** widthMax ? 32 - Math.clz32(most) : 64;
  if (width <= widthMax && 1 + Math.ceil(((count - 1) * width) / 8) < varintBytes) {
    bytes[at] = 128 + scale;
    bytes[at + 1] = width;
    return writePacked(bytes, writeVarint(bytes, at + 2, deltas[0]!), count, width);
  }
  bytes[at++] = scale;
  for (let index = 0; index < count; index++) at = writeVarint(bytes, at, deltas[index]!);
  return at;
}

function writePacked(bytes: Uint8Array, start: number, count: number, width: number): number {
  let [at, held, bits] = [start, 0, 0];
  for (let index = 1; index < count; index++) {
    held |= deltas[index]! << bits;
    bits += width;
    while (bits >= 8) {
      bytes[at++] = held & 255;
      held >>>= 8;
      bits -= 8;
    }
  }
  if (bits > 0) bytes[at++] = held & 255;
  return at;
}

/** Reads `count` values into `values`, from `to` on; returns where the column ends. Throws Corrupt when the bytes end before it. */
export function readColumn(bytes: Uint8Array, at: number, values: Float64Array, count: number, to = 0): number {
  const tag = bytes[at++]!;
  if (tag === 255) return readRaw(bytes, at, values, count, to);
  const power = powers[tag & 63];
  if (power === undefined || (tag & ~63) > 128) throw new Corrupt(`a column has tag ${tag} (expected 0 to 9, 64 to 73, 128 to 137 or 255)`);
  const packed = tag >= 128;
  const width = packed ? bytes[at++]! : 0;
  if (width > widthMax) throw new Corrupt(`a column has differences of ${width} bits (expected at most ${widthMax})`);
  const limit = tag >= 64 ? Math.min(1, count) : count;
  let scaled = 0;
  for (let index = 0; index < limit; index++) {
    let low = bytes[at++]!;
    if (low >= 128) {
      low -= 128;
      let factor = 128;
      for (;;) {
        const byte = bytes[at++]!;
        low += (byte & 127) * factor;
        if (byte < 128) break;
        factor *= 128;
        if (factor > 2 ** 56) throw new Corrupt('a number of a column does not end');
      }
    }
    scaled += low % 2 === 0 ? low / 2 : -(low + 1) / 2;
    values[to + index] = scaled / power;
  }
  if (packed) return readPacked(bytes, at, values, count, to, width, scaled, power);
  if (tag >= 64 && count > 0) values.fill(values[to]!, to, to + count);
  if (!(at <= bytes.length)) throw new Corrupt('a column ends early');
  return at;
}

function readPacked(
  bytes: Uint8Array,
  start: number,
  values: Float64Array,
  count: number,
  to: number,
  width: number,
  first: number,
  power: number,
): number {
  const end = start + Math.ceil(((count - 1) * width) / 8);
  if (!(end <= bytes.length)) throw new Corrupt('a column ends early');
  const mask = (1 << width) - 1;
  let [at, held, bits, scaled] = [start, 0, 0, first];
  for (let index = 1; index < count; index++) {
    while (bits < width) {
      held |= bytes[at++]! << bits;
      bits += 8;
    }
    const delta = held & mask;
    held >>>= width;
    bits -= width;
    scaled += (delta & 1) === 0 ? delta >>> 1 : -((delta + 1) >>> 1);
    values[to + index] = scaled / power;
  }
  return end;
}

function scaleOf(values: Float64Array, count: number): number {
  let scale = 0;
  for (let index = 0; index < count; index++) {
    const value = values[index]!;
    for (;;) {
      const scaled = Math.round(value * powers[scale]!);
      if (!(scaled < scaledMax && scaled > -scaledMax)) return -1;
      if (scaled / powers[scale]! === value) break;
      if (++scale === powers.length) return -1;
    }
  }
  if (scale > 0) {
    for (let index = 0; index < count; index++) {
      const scaled = Math.round(values[index]! * powers[scale]!);
      if (!(Math.abs(scaled) < scaledMax) || scaled / powers[scale]! !== values[index]) return -1;
    }
  }
  return scale;
}

function zigzag(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1;
}

function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let left = value;
  while (left >= 128) {
    const rest = Math.floor(left / 128);
    bytes[at++] = 128 + (left - rest * 128);
    left = rest;
  }
  bytes[at++] = left;
  return at;
}

function writeRaw(bytes: Uint8Array, at: number, values: Float64Array, count: number): number {
  bytes[at++] = 255;
  for (let index = 0; index < count; index++, at += 8) {
    scratch.setFloat64(0, values[index]!, true);
    for (let byte = 0; byte < 8; byte++) bytes[at + byte] = scratch.getUint8(byte);
  }
  return at;
}

function readRaw(bytes: Uint8Array, at: number, values: Float64Array, count: number, to: number): number {
  if (at + 8 * count > bytes.length) throw new Corrupt('a column ends early');
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, 8 * count);
  for (let index = 0; index < count; index++) values[to + index] = view.getFloat64(8 * index, true);
  return at + 8 * count;
}
