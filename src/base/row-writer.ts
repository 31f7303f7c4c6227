/**
 * Text rows written byte by byte into one growing chunk: numbers, times and addresses without a string a field.
 * Times are RFC 3339 in UTC with the fewest of 3, 6 or 9 decimals that lose nothing, or epoch seconds with as many.
 */

import { formatAddress } from './address.js';
import { exponentialBytesMax, writeExponential } from './exponential-bytes.js';

const [zero, dot, dash, colon, letterT, letterZ] = [0x30, 0x2e, 0x2d, 0x3a, 0x54, 0x5a];

/** The longest address: eight groups of four digits. */
const addressBytesMax = 48;

export class RowWriter {
  bytes: Buffer;
  at = 0;
  #day = -1;
  readonly #date = new Uint8Array(11);

  constructor(chunkBytes = 1 << 20) {
    this.bytes = Buffer.allocUnsafe(chunkBytes);
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    if (this.at + count <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.at + count));
    this.bytes.copy(larger, 0, 0, this.at);
    this.bytes = larger;
  }

  /** What is written, as a copy; the writer is empty afterwards. */
  take(): Buffer {
    const done = Buffer.from(this.bytes.subarray(0, this.at));
    this.at = 0;
    return done;
  }

  byte(value: number): void {
    this.bytes[this.at++] = value;
  }

  /** A short ASCII text; longer or other text goes by `text`. */
  ascii(text: string): void {
    const { bytes } = this;
    let { at } = this;
    for (let index = 0; index < text.length; index++) bytes[at++] = text.charCodeAt(index);
    this.at = at;
  }

  text(text: string): void {
    this.reserve(text.length * 3);
    this.at += this.bytes.write(text, this.at);
  }

  /** A whole number from 0 to 2^53. */
  integer(value: number): void {
    const { bytes } = this;
    if (value < 10) {
      bytes[this.at++] = zero + value;
      return;
    }
    if (value > 0x7fffffff) {
      const high = Math.floor(value / 1e9);
      this.integer(high);
      this.#padded(value - high * 1e9, 9);
      return;
    }
    let digits = 1;
    for (let bound = 10; value >= bound; bound *= 10) digits++;
    this.#padded(value, digits);
  }

  /** `%.10e`. */
  exponential(value: number): void {
    this.reserve(exponentialBytesMax);
    this.at = writeExponential(this.bytes, this.at, value);
  }

  /** An address of 16 bytes. */
  address(source: Uint8Array, offset: number, family: number): void {
    this.reserve(addressBytesMax);
    if (family === 6) this.#ipv6(source, offset);
    else if (family === 4) this.#ipv4(source, offset + 12);
    else this.ascii(formatAddress(source, offset, family));
  }

  #ipv4(source: Uint8Array, offset: number): void {
    for (let index = 0; index < 4; index++) {
      if (index > 0) this.bytes[this.at++] = dot;
      const value = source[offset + index]!;
      this.#padded(value, value > 99 ? 3 : value > 9 ? 2 : 1);
    }
  }

  // RFC 5952: the first longest run of two zero groups or more is left out.
  #ipv6(source: Uint8Array, offset: number): void {
    let [start, length, run] = [8, 1, 0];
    for (let group = 0; group < 8; group++) {
      run = source[offset + 2 * group]! === 0 && source[offset + 2 * group + 1]! === 0 ? run + 1 : 0;
      if (run > length) [start, length] = [group + 1 - run, run];
    }
    if (start === 0 && length === 5 && source[offset + 10] === 0xff && source[offset + 11] === 0xff) {
      this.ascii('::ffff:');
      this.#ipv4(source, offset + 12);
      return;
    }
    for (let group = 0; group < 8; group++) {
      if (group === start) {
        this.bytes[this.at++] = colon;
        if (group === 0) this.bytes[this.at++] = colon;
        group += length - 1;
        continue;
      }
      this.#hex((source[offset + 2 * group]! << 8) | source[offset + 2 * group + 1]!);
      if (group < 7) this.bytes[this.at++] = colon;
    }
  }

  #hex(value: number): void {
    let shift = value > 0xfff ? 12 : value > 0xff ? 8 : value > 0xf ? 4 : 0;
    for (; shift >= 0; shift -= 4) {
      const digit = (value >> shift) & 15;
      this.bytes[this.at++] = digit < 10 ? zero + digit : 87 + digit;
    }
  }

  /** RFC 3339 in UTC. */
  time(seconds: number, nanos: number): void {
    const day = Math.floor(seconds / 86400);
    if (day !== this.#day) this.#newDay(day);
    this.bytes.set(this.#date, this.at);
    this.at += 11;
    const within = seconds - day * 86400;
    const hour = (within / 3600) | 0;
    const minute = ((within - hour * 3600) / 60) | 0;
    this.#padded(hour, 2);
    this.bytes[this.at++] = colon;
    this.#padded(minute, 2);
    this.bytes[this.at++] = colon;
    this.#padded(within - hour * 3600 - minute * 60, 2);
    this.#fraction(nanos);
    this.bytes[this.at++] = letterZ;
  }

  /** Epoch seconds with 3, 6 or 9 decimals. */
  epoch(seconds: number, nanos: number): void {
    this.integer(seconds);
    this.#fraction(nanos);
  }

  /** Epoch seconds with nine decimals. */
  epochNanos(seconds: number, nanos: number): void {
    this.integer(seconds);
    this.bytes[this.at++] = dot;
    this.#padded(nanos, 9);
  }

  #fraction(nanos: number): void {
    this.bytes[this.at++] = dot;
    const millis = (nanos / 1e6) | 0;
    if (millis * 1e6 === nanos) this.#padded(millis, 3);
    else {
      const micros = (nanos / 1e3) | 0;
      if (micros * 1e3 === nanos) this.#padded(micros, 6);
      else this.#padded(nanos, 9);
    }
  }

  #padded(value: number, digits: number): void {
    const { bytes } = this;
    let left = value | 0;
    for (let at = this.at + digits - 1; at >= this.at; at--) {
      const tenth = (left / 10) | 0;
      bytes[at] = zero + left - tenth * 10;
      left = tenth;
    }
    this.at += digits;
  }

  #newDay(day: number): void {
    this.#day = day;
    const text = new Date(day * 86_400_000).toISOString();
    for (let index = 0; index < 10; index++) this.#date[index] = text.charCodeAt(index);
    this.#date[4] = dash;
    this.#date[10] = letterT;
  }
}
