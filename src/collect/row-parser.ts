/**
 * A cursor over the bytes of one text row: numbers, times, ports and addresses are parsed in place, without a string a field.
 * Every function leaves the cursor at the byte that stopped it and returns a negative code instead of throwing, so that a reader
 * can name the cause. Blanks around a field are the caller's to skip.
 *
 * A kernel: one object, no allocation a row but for IPv6 and what is wrong.
 */

import { parseAddress } from '../base/address.js';

/** The text is not a number where one is expected. */
export const notNumber = -1;
/** A number, but larger than its field can hold. */
export const outOfRange = -2;

const [zero, dot, space, tab, comma, colon] = [0x30, 0x2e, 0x20, 0x09, 0x2c, 0x3a];
const powersOfTen = [1e9, 1e8, 1e7, 1e6, 1e5, 1e4, 1e3, 1e2, 1e1, 1];

export class RowParser {
  bytes: Uint8Array = new Uint8Array(0);
  at = 0;
  end = 0;
  /** Nanoseconds of the time that `seconds` parsed last. */
  nanos = 0;

  /** Sets the cursor to a row [start, end). */
  open(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
  }

  skipBlanks(): void {
    const { bytes, end } = this;
    let at = this.at;
    while (at < end && (bytes[at] === space || bytes[at] === tab)) at++;
    this.at = at;
  }

  /** After a field: skips blanks and the separator; false when something else stands there. At the row's end `atEnd` tells. */
  separator(byte = comma): boolean {
    this.skipBlanks();
    if (this.at >= this.end || this.bytes[this.at] !== byte) return false;
    this.at++;
    this.skipBlanks();
    return true;
  }

  /** Whether only blanks are left. */
  atEnd(): boolean {
    this.skipBlanks();
    return this.at >= this.end;
  }

  /** Digits to an integer of at most `limit` (itself at most 2^53). */
  integer(limit: number): number {
    const { bytes, end } = this;
    let at = this.at;
    const start = at;
    let value = 0;
    while (at < end) {
      const digit = bytes[at]! - zero;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
      at++;
    }
    this.at = at;
    if (at === start) return notNumber;
    if (!this.endsField(at)) return notNumber;
    if (value > limit || (at - start > 15 && this.beyond53(start, at))) return outOfRange;
    return value;
  }

  /** Epoch seconds with up to nine decimals: returns the seconds (or a negative code) and sets `nanos`. */
  seconds(): number {
    const { bytes, end } = this;
    let at = this.at;
    const start = at;
    let value = 0;
    while (at < end) {
      const digit = bytes[at]! - zero;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
      at++;
    }
    let nanos = 0;
    if (at > start && at < end && bytes[at] === dot) {
      at++;
      const fraction = at;
      while (at < end && at - fraction < 9) {
        const digit = bytes[at]! - zero;
        if (digit < 0 || digit > 9) break;
        nanos = nanos * 10 + digit;
        at++;
      }
      if (at === fraction) return notNumber;
      nanos *= powersOfTen[at - fraction]!;
    }
    this.at = at;
    this.nanos = nanos;
    if (at === start || !this.endsField(at)) return notNumber;
    return value > 0xffffffff ? outOfRange : value;
  }

  /** An address into `out` (16 bytes at `offset`): 4, 6, or 0 when it is none. */
  address(out: Uint8Array, offset: number): number {
    const { bytes, end } = this;
    const start = this.at;
    let at = start;
    let part = 0;
    let value = 0;
    let digits = 0;
    for (; at <= end; at++) {
      const byte = at < end ? bytes[at]! : comma;
      const digit = byte - zero;
      if (digit >= 0 && digit <= 9) {
        if (digits > 0 && value === 0) return 0;
        value = value * 10 + digit;
        digits++;
        if (value > 255) break;
      } else if (byte === dot || byte === comma || byte === space || byte === tab) {
        if (digits === 0 || part > 3) break;
        out[offset + 12 + part++] = value;
        if (byte !== dot) break;
        value = 0;
        digits = 0;
      } else break;
    }
    if (part === 4 && value <= 255 && digits > 0 && (at >= end || bytes[at] !== dot)) {
      out.fill(0, offset, offset + 10);
      out[offset + 10] = 0xff;
      out[offset + 11] = 0xff;
      this.at = at;
      return 4;
    }
    return this.#longAddress(out, offset, start);
  }

  /** The rest of the field as text, blanks trimmed; the cursor moves behind it. */
  text(): string {
    const { bytes, end } = this;
    const start = this.at;
    let at = start;
    while (at < end && bytes[at] !== comma) at++;
    this.at = at;
    let text = '';
    for (let index = start; index < at; index++) text += String.fromCharCode(bytes[index]!);
    return text.trim();
  }

  #longAddress(out: Uint8Array, offset: number, start: number): number {
    let at = start;
    let colons = 0;
    while (at < this.end && this.bytes[at] !== comma) if (this.bytes[at++] === colon) colons++;
    if (colons < 2 || at - start > 64) return 0;
    this.at = start;
    return parseAddress(this.text(), out, offset);
  }

  private endsField(at: number): boolean {
    if (at >= this.end) return true;
    const byte = this.bytes[at];
    return byte === comma || byte === space || byte === tab;
  }

  private beyond53(start: number, end: number): boolean {
    let value = 0n;
    for (let at = start; at < end; at++) value = value * 10n + BigInt(this.bytes[at]! - zero);
    return value > 9007199254740992n;
  }
}
