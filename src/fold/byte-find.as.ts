/**
 * Searches in bytes with 128-bit vectors, for the counting kernel `count-lines.as.ts`. None has an end: the caller sees to it that a byte that
 * ends the search stands behind the lines (a newline does), and that what is read beyond it is memory.
 */

/** The first such byte. */
// @ts-ignore: decorator
@inline
export function find(from: usize, byte: u8): usize {
  const wanted = i8x16.splat(byte);
  let at = from;
  while (true) {
    const mask = i8x16.bitmask(i8x16.eq(v128.load(at), wanted));
    if (mask != 0) return at + ctz(mask);
    at += 16;
  }
}

/** The first of two bytes. */
// @ts-ignore: decorator
@inline
export function findEither(from: usize, one: u8, other: u8): usize {
  const first = i8x16.splat(one);
  const second = i8x16.splat(other);
  let at = from;
  while (true) {
    const bytes = v128.load(at);
    const mask = i8x16.bitmask(v128.or(i8x16.eq(bytes, first), i8x16.eq(bytes, second)));
    if (mask != 0) return at + ctz(mask);
    at += 16;
  }
}

/** The first quote, backslash or newline. */
// @ts-ignore: decorator
@inline
export function findQuote(from: usize): usize {
  const quote = i8x16.splat(0x22);
  const slash = i8x16.splat(0x5c);
  const newline = i8x16.splat(10);
  let at = from;
  while (true) {
    const bytes = v128.load(at);
    const mask = i8x16.bitmask(v128.or(v128.or(i8x16.eq(bytes, quote), i8x16.eq(bytes, slash)), i8x16.eq(bytes, newline)));
    if (mask != 0) return at + ctz(mask);
    at += 16;
  }
}

/** The first blank, tab or newline. */
// @ts-ignore: decorator
@inline
export function findSpace(from: usize): usize {
  const blank = i8x16.splat(0x20);
  const tab = i8x16.splat(9);
  const newline = i8x16.splat(10);
  let at = from;
  while (true) {
    const bytes = v128.load(at);
    const mask = i8x16.bitmask(v128.or(v128.or(i8x16.eq(bytes, blank), i8x16.eq(bytes, tab)), i8x16.eq(bytes, newline)));
    if (mask != 0) return at + ctz(mask);
    at += 16;
  }
}

/** Whether `findTextEnd` passed a byte that is no ASCII. */
export let passedHigh: bool = false;

/** The first quote, backslash or control character: what ends a JSON text or a run of it. */
// @ts-ignore: decorator
@inline
export function findTextEnd(from: usize): usize {
  const quote = i8x16.splat(0x22);
  const slash = i8x16.splat(0x5c);
  const space = i8x16.splat(0x20);
  let high: i32 = 0;
  let at = from;
  while (true) {
    const bytes = v128.load(at);
    const mask = i8x16.bitmask(v128.or(v128.or(i8x16.eq(bytes, quote), i8x16.eq(bytes, slash)), i8x16.lt_u(bytes, space)));
    const tops = i8x16.bitmask(bytes);
    if (mask != 0) {
      const count = ctz(mask);
      passedHigh = (high | (tops & ((1 << count) - 1))) != 0;
      return at + count;
    }
    high |= tops;
    at += 16;
  }
}

/** Whether `size` bytes are those of a literal. */
// @ts-ignore: decorator
@inline
export function matches(at: usize, literal: usize, size: usize): bool {
  let offset: usize = 0;
  for (; size - offset >= 8; offset += 8) if (load<u64>(at + offset) != load<u64>(literal + offset)) return false;
  return ((load<u64>(at + offset) ^ load<u64>(literal + offset)) & (((<u64>1) << ((<u64>(size - offset)) << 3)) - 1)) == 0;
}

/** Digits at a place, at most 15. */
// @ts-ignore: decorator
@inline
export function digitsAt(at: usize): usize {
  const values = i8x16.sub(v128.load(at), i8x16.splat(0x30));
  return ctz((i8x16.bitmask(i8x16.gt_u(values, i8x16.splat(9))) & 0x7fff) | 0x8000);
}

/** Whether these bytes are UTF-8: no longer form than need be, no surrogate, nothing above U+10FFFF. */
export function isUtf8(from: usize, end: usize): bool {
  let at = from;
  while (at < end) {
    const lead = load<u8>(at++);
    if (lead < 0x80) continue;
    if (lead < 0xc2 || lead > 0xf4) return false;
    const more: usize = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    if (at + more > end) return false;
    const second = load<u8>(at);
    if (lead == 0xe0 && second < 0xa0) return false;
    if (lead == 0xed && second > 0x9f) return false;
    if (lead == 0xf0 && second < 0x90) return false;
    if (lead == 0xf4 && second > 0x8f) return false;
    for (const stop = at + more; at < stop; at++) if ((load<u8>(at) & 0xc0) != 0x80) return false;
  }
  return true;
}
