/**
 * Points as JSON, `[value, time], [value, time], ...`: a run of slots at a time, until one whose value only the engine writes as JSON.stringify would
 * (more than six places behind the point, or from 1e9 on with any, or 1e15). Its caller, `json-points.ts`, writes that one and goes on behind it.
 *
 *   VALUES  f64 a slot, NaN where nothing is known          LABELS  24 bytes a slot: `, TIME]`          SIZES  u8 a slot: bytes of its label
 *   OUT     at most 3 + 17 + 24 bytes a slot
 *
 * Law: a number r / 10^6 with r below 10^15 has no other decimal of fifteen digits or fewer that reads back as it, so what is written here without its
 * last zeroes is the shortest text, which is the engine's.
 */

export const SLOTS: i32 = 4096;
export const VALUES: usize = 16384;
export const LABELS: usize = 49152;
export const SIZES: usize = 147456;
export const OUT: usize = 151552;

/** The slot at which the last run stopped. */
export let stoppedAt: i32 = 0;

/** Writes slots `[from, count)` to OUT, those after the first with `, ` before them; returns the bytes written. */
export function writePoints(from: i32, count: i32, isFirst: bool, noNulls: bool): i32 {
  let at = OUT;
  let first = isFirst;
  let slot = from;
  for (; slot < count; slot++) {
    const value = load<f64>(VALUES + (<usize>slot << 3));
    const start = at;
    if (isNaN(value) && noNulls) continue;
    if (!first) {
      store<u16>(at, 0x202c);
      at += 2;
    }
    store<u8>(at++, 91);
    const end = isNaN(value) ? putNull(at) : putNumber(at, value);
    if (end === 0) {
      at = start;
      break;
    }
    first = false;
    const label = LABELS + <usize>slot * 24;
    store<u64>(end, load<u64>(label));
    store<u64>(end + 8, load<u64>(label + 8));
    store<u64>(end + 16, load<u64>(label + 16));
    at = end + load<u8>(SIZES + <usize>slot);
  }
  stoppedAt = slot;
  return <i32>(at - OUT);
}

// @ts-ignore: decorator
@inline
function putNull(at: usize): usize {
  store<u32>(at, 0x6c6c756e);
  return at + 4;
}

// Where the number ends; 0 where it is not one for here.
function putNumber(at: usize, value: f64): usize {
  let to = at;
  const size = Math.abs(value);
  if (value < 0) store<u8>(to++, 45);
  if (size < 1e15 && Math.trunc(size) === size) return putDigits(to, <u64>size);
  if (!(size < 1e9)) return 0;
  const millionths = Math.floor(size * 1e6 + 0.5);
  if (millionths / 1e6 !== size) return 0;
  const all = <u64>millionths;
  const whole = all / 1000000;
  let rest = <u32>(all - whole * 1000000);
  to = putDigits(to, whole);
  store<u8>(to++, 46);
  for (let unit: u32 = 100000; rest > 0; unit /= 10) {
    const digit = rest / unit;
    store<u8>(to++, <u8>(48 + digit));
    rest -= digit * unit;
  }
  return to;
}

function putDigits(at: usize, value: u64): usize {
  let size = 1;
  for (let bound: u64 = 10; value >= bound; bound *= 10) size++;
  const end = at + size;
  let to = end;
  let left = value;
  while (left > 0xffffffff) {
    const next = left / 10;
    store<u8>(--to, <u8>(48 + (left - next * 10)));
    left = next;
  }
  let short = <u32>left;
  while (to > at) {
    const next = short / 10;
    store<u8>(--to, <u8>(48 + (short - next * 10)));
    short = next;
  }
  return end;
}
