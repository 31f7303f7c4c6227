/**
 * `%.10e` as bytes, a kernel: one digit, a point, ten digits and an exponent of two, where a single multiplication or division by an exact power of ten tells
 * the digits for sure. What lies near a tie, very large or very small numbers and those that are none go by `formatE`.
 */

import { formatE } from './number.js';

const [zero, dot, minus, plus, letterE] = [0x30, 0x2e, 0x2d, 0x2b, 0x65];
/** 10^0 to 10^22, which a double holds exactly. */
const powers = Float64Array.from({ length: 23 }, (_, power) => Number(`1e${power}`));
const size = new Float64Array(1);
const words = new Uint32Array(size.buffer);
/** Most bytes of a number. */
export const exponentialBytesMax = 24;

/** Writes `value` at `at` and gives the place behind it. There is to be room for `exponentialBytesMax`. */
export function writeExponential(bytes: Uint8Array, at: number, value: number): number {
  const absolute = Math.abs(value);
  if (!(absolute >= 1e-9 && absolute < 1e21)) return writeText(bytes, at, formatE(value, 10));
  size[0] = absolute;
  // The power of two tells the power of ten, or one less.
  let exponent = Math.floor((((words[1]! >>> 20) & 0x7ff) - 1023) * 0.30102999566398);
  let scaled = scale(absolute, 10 - exponent);
  if (scaled >= 1e11) scaled = scale(absolute, 10 - ++exponent);
  const floor = Math.floor(scaled);
  const rest = scaled - floor;
  const digits = rest < 0.5 ? floor : floor + 1;
  if (Math.abs(rest - 0.5) < 0.01 || digits < 1e10 || digits >= 1e11) return writeText(bytes, at, formatE(value, 10));
  let place = at;
  if (value < 0) bytes[place++] = minus!;
  const high = Math.floor(digits / 1e6);
  const first = (high / 10_000) | 0;
  bytes[place++] = zero! + first;
  bytes[place++] = dot!;
  writePadded(bytes, place, high - first * 10_000, 4);
  writePadded(bytes, place + 4, digits - high * 1e6, 6);
  place += 10;
  bytes[place++] = letterE!;
  bytes[place++] = exponent < 0 ? minus! : plus!;
  writePadded(bytes, place, exponent < 0 ? -exponent : exponent, 2);
  return place + 2;
}

function scale(value: number, power: number): number {
  return power >= 0 ? value * powers[power]! : value / powers[-power]!;
}

function writePadded(bytes: Uint8Array, at: number, value: number, count: number): void {
  let left = value | 0;
  for (let place = at + count - 1; place >= at; place--) {
    const tenth = (left / 10) | 0;
    bytes[place] = zero! + left - tenth * 10;
    left = tenth;
  }
}

function writeText(bytes: Uint8Array, at: number, text: string): number {
  for (let index = 0; index < text.length; index++) bytes[at + index] = text.charCodeAt(index);
  return at + text.length;
}
