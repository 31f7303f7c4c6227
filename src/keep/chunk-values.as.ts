/**
 * What a series shows, out of its chunks: the values of cells that are one event each, straight from the bytes of `chunk.ts` and `column.ts` into a column of
 * slots, NaN where nothing is. Chunks that hold other cells, and all that is odd, are left to those two.
 *
 *   IN      u8, bytes of a chunk; 16 more may be looked at        CELLS   f64 a slot of the chunk        SHOWN   f64 a slot of the series
 *   ONES    f64 a slot: 1 where something is shown                SUMS    f64 a slot: what is shown, 0 where nothing is
 *
 * Law: the same bytes give the same numbers as `decodeChunk`, to the last bit; no bytes make it look beyond what it was given, or go on without end.
 */

export const SLOTS: i32 = 57344;
export const IN_SIZE: i32 = 8192;
export const IN: usize = 4096;
export const CELLS: usize = 16384;
export const SHOWN: usize = 20480;
export const ONES: usize = 479232;
export const SUMS: usize = 937984;

const SLOTS_MAX: i32 = 144;
const OTHER: i32 = 0;
const DONE: i32 = 1;

/** Nothing is shown of `count` slots. */
export function begin(count: i32): void {
  const none = f64x2.splat(NaN);
  for (let to = SHOWN, end = SHOWN + (<usize>count << 3); to < end; to += 16) v128.store(to, none);
}

/** Shows the chunk of `size` bytes and `slots` slots that begins at slot `cell`, which may lie before 0; of `count` slots. 0: it is not for here, and nothing was shown. */
export function show(size: i32, slots: i32, cell: i32, count: i32): i32 {
  const flags = <i32>load<u8>(IN);
  const first = <i32>load<u8>(IN + 1);
  const span = <i32>load<u8>(IN + 2);
  if (size < 5 || (flags & 5) !== 5 || flags > 7 || span === 0 || first + span > slots || span > SLOTS_MAX) return OTHER;
  const end = IN + <usize>size;
  const to = cell + first;
  if ((flags & 2) !== 0) {
    // What most chunks are: every slot, all of them within the range.
    if (to >= 0 && to + span <= count) return readColumn(IN + 3, end, SHOWN + (<usize>to << 3), span);
    if (readColumn(IN + 3, end, CELLS, span) === OTHER) return OTHER;
    for (let at = 0; at < span; at++) put(to + at, count, load<f64>(CELLS + (<usize>at << 3)));
    return DONE;
  }
  const bits = IN + 3;
  const columns = bits + <usize>((span + 7) >> 3);
  if (columns >= end) return OTHER;
  let cells = 0;
  for (let at = bits; at < columns; at++) cells += <i32>popcnt<u32>(<u32>load<u8>(at));
  if (cells > span || readColumn(columns, end, CELLS, cells) === OTHER) return OTHER;
  for (let at = 0, from = 0; at < span; at++) {
    if (((<i32>load<u8>(bits + <usize>(at >> 3)) >> (at & 7)) & 1) === 0) continue;
    put(to + at, count, load<f64>(CELLS + (<usize>from << 3)));
    from++;
  }
  return DONE;
}

/** Parts what is shown into ones and sums. */
export function part(count: i32): void {
  const end = <usize>count << 3;
  for (let at: usize = 0; at < end; at += 16) {
    const value = v128.load(SHOWN + at);
    const known = f64x2.eq(value, value);
    v128.store(ONES + at, v128.and(known, f64x2.splat(1)));
    v128.store(SUMS + at, v128.and(known, value));
  }
}

// @ts-ignore: decorator
@inline
function put(slot: i32, count: i32, value: f64): void {
  if (slot >= 0 && slot < count) store<f64>(SHOWN + (<usize>slot << 3), value);
}

function powerOf(scale: i32): f64 {
  let power: f64 = 1;
  for (let left = scale; left > 0; left--) power *= 10;
  return power;
}

// Reads `count` values to `to`; OTHER where the bytes are odd.
function readColumn(from: usize, end: usize, to: usize, count: i32): i32 {
  let at = from;
  const tag = <i32>load<u8>(at++);
  if (tag === 255) return readRaw(at, end, to, count);
  const scale = tag & 63;
  if (scale > 9 || (tag & ~63) > 128 || count <= 0) return OTHER;
  const packed = tag >= 128;
  const width = packed ? <u32>load<u8>(at++) : 0;
  if (width > 24) return OTHER;
  const power = powerOf(scale);
  const limit = tag >= 64 ? 1 : count;
  let scaled: i64 = 0;
  for (let index = 0; index < limit; index++) {
    let number: u64 = 0;
    for (let shift: u64 = 0; shift < 64; shift += 7) {
      if (at >= end || shift > 49) return OTHER;
      const byte = <u64>load<u8>(at++);
      number |= (byte & 127) << shift;
      if (byte < 128) break;
    }
    scaled += unzigzag(number);
    store<f64>(to + (<usize>index << 3), <f64>scaled / power);
  }
  if (packed) return readPacked(at, end, to, count, width, scaled, power);
  if (tag >= 64) {
    const value = load<f64>(to);
    for (let index = 1; index < count; index++) store<f64>(to + (<usize>index << 3), value);
  }
  return DONE;
}

// @ts-ignore: decorator
@inline
function unzigzag(number: u64): i64 {
  return (number & 1) === 0 ? <i64>(number >> 1) : -(<i64>((number + 1) >> 1));
}

function readPacked(from: usize, end: usize, to: usize, count: i32, width: u32, first: i64, power: f64): i32 {
  if (from + <usize>((<u32>(count - 1) * width + 7) >> 3) > end) return OTHER;
  const mask: u32 = (1 << width) - 1;
  let scaled = first;
  let bit: u32 = 0;
  for (let index = 1; index < count; index++, bit += width) {
    const delta = (load<u32>(from + <usize>(bit >> 3)) >> (bit & 7)) & mask;
    scaled += <i64>(<i32>(delta >> 1) ^ -(<i32>(delta & 1)));
    store<f64>(to + (<usize>index << 3), <f64>scaled / power);
  }
  return DONE;
}

function readRaw(from: usize, end: usize, to: usize, count: i32): i32 {
  if (from + (<usize>count << 3) > end) return OTHER;
  for (let index: usize = 0; index < <usize>count << 3; index += 8) {
    const value = load<f64>(from + index);
    // What is no number would be taken for nothing.
    if (isNaN(value)) return OTHER;
    store<f64>(to + index, value);
  }
  return DONE;
}
