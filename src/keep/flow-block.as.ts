/**
 * Columns of flow records to planes of bytes and back, in WebAssembly; `flow-block.ts` says where they stand. Plane p of a column holds byte p (from the
 * least) of every row's value less the column's base, so that what hardly differs lies together and packs well.
 *
 *     element size 1, 2, 4: unsigned integers; 8: float64, whole numbers within 2^53
 */

const whole53: f64 = 9007199254740992;

let least: f64 = 0;
let most: f64 = 0;

/** The least value that `bounds` found. */
export function leastFound(): f64 {
  return least;
}

/** The greatest value that `bounds` found. */
export function mostFound(): f64 {
  return most;
}

/** Finds least and greatest value of a column of at least one row; 0 when one of them is no whole number within 2^53. */
export function bounds(from: usize, rows: u32, size: u32): i32 {
  if (size == 8) return boundsOfFloats(from, rows);
  if (size == 4) boundsAs<u32>(from, rows);
  else if (size == 2) boundsAs<u16>(from, rows);
  else boundsAs<u8>(from, rows);
  return 1;
}

function boundsAs<T>(from: usize, rows: u32): void {
  let low: u32 = u32.MAX_VALUE;
  let high: u32 = 0;
  for (let end = from + rows * sizeof<T>(); from < end; from += sizeof<T>()) {
    const value = <u32>load<T>(from);
    low = min(low, value);
    high = max(high, value);
  }
  least = <f64>low;
  most = <f64>high;
}

function boundsOfFloats(from: usize, rows: u32): i32 {
  let low: f64 = Infinity;
  let high: f64 = -Infinity;
  let isWhole = true;
  for (let end = from + (rows << 3); from < end; from += 8) {
    const value = load<f64>(from);
    isWhole = isWhole && floor(value) == value;
    low = min(low, value);
    high = max(high, value);
  }
  least = low;
  most = high;
  return isWhole && low >= -whole53 && high <= whole53 ? 1 : 0;
}

/** Writes the values less `base` as `width` planes. */
export function split(from: usize, rows: u32, size: u32, base: f64, width: u32, to: usize): void {
  if (size == 8) splitFloats(from, rows, base, width, to);
  else if (size == 4) splitAs<u32>(from, rows, <u32>base, width, to);
  else if (size == 2) splitAs<u16>(from, rows, <u32>base, width, to);
  else splitAs<u8>(from, rows, <u32>base, width, to);
}

function splitAs<T>(from: usize, rows: u32, base: u32, width: u32, to: usize): void {
  for (let plane: u32 = 0; plane < width; plane++) {
    const shift = plane << 3;
    let at = from;
    for (let end = to + rows; to < end; to++, at += sizeof<T>()) store<u8>(to, (<u32>load<T>(at) - base) >> shift);
  }
}

function splitFloats(from: usize, rows: u32, base: f64, width: u32, to: usize): void {
  for (let row: u32 = 0; row < rows; row++) {
    let value = <u64>(load<f64>(from + (row << 3)) - base);
    let at = to + row;
    for (let plane: u32 = 0; plane < width; plane++, at += rows) {
      store<u8>(at, value);
      value >>= 8;
    }
  }
}

/** Makes a column of `width` planes and `base`. */
export function join(from: usize, rows: u32, size: u32, base: f64, width: u32, to: usize): void {
  if (size == 8) joinFloats(from, rows, base, width, to);
  else if (size == 4) joinAs<u32>(from, rows, <u32>base, width, to);
  else if (size == 2) joinAs<u16>(from, rows, <u32>base, width, to);
  else joinAs<u8>(from, rows, <u32>base, width, to);
}

function joinAs<T>(from: usize, rows: u32, base: u32, width: u32, to: usize): void {
  for (let row: u32 = 0; row < rows; row++) store<T>(to + row * sizeof<T>(), <T>(base + word(from + row, rows, width)));
}

function joinFloats(from: usize, rows: u32, base: f64, width: u32, to: usize): void {
  if (width <= 4) {
    for (let row: u32 = 0; row < rows; row++) store<f64>(to + (row << 3), base + <f64>word(from + row, rows, width));
    return;
  }
  for (let row: u32 = 0; row < rows; row++) {
    const low = word(from + row, rows, 4);
    const high = word(from + row + (rows << 2), rows, width - 4);
    store<f64>(to + (row << 3), base + (<f64>low + <f64>high * 4294967296.0));
  }
}

// @ts-ignore: decorator
@inline
function word(at: usize, rows: u32, width: u32): u32 {
  if (width == 0) return 0;
  let value = <u32>load<u8>(at);
  if (width > 1) value |= <u32>load<u8>(at + rows) << 8;
  if (width > 2) value |= <u32>load<u8>(at + (rows << 1)) << 16;
  if (width > 3) value |= <u32>load<u8>(at + rows * 3) << 24;
  return value;
}

/** Writes each value less the one before it (the first: 0). */
export function differences(from: usize, rows: u32, to: usize): void {
  let before = load<f64>(from);
  for (let row: u32 = 0; row < rows; row++) {
    const value = load<f64>(from + (row << 3));
    store<f64>(to + (row << 3), value - before);
    before = value;
  }
}

/** Undoes `differences` in place; `first` is the first value. */
export function sums(at: usize, rows: u32, first: f64): void {
  let value = first;
  for (let end = at + (rows << 3); at < end; at += 8) {
    value += load<f64>(at);
    store<f64>(at, value);
  }
}

/** Byte `p` of each row of `width` bytes into plane `p`; those that are all one byte are only that, in front: MARKS (a bit each, 1: one byte) | BYTES | PLANES. Returns the size. */
export function splitBytes(from: usize, rows: u32, width: u32, to: usize): u32 {
  const marks = to;
  const marksSize = (width + 7) >> 3;
  memory.fill(marks, 0, marksSize);
  let single = marks + marksSize;
  for (let plane: u32 = 0; plane < width; plane++) {
    if (!isOne(from + plane, rows, width)) continue;
    store<u8>(marks + (plane >> 3), <u8>(load<u8>(marks + (plane >> 3)) | (<u32>1 << (plane & 7))));
    store<u8>(single++, load<u8>(from + plane));
  }
  let at = single;
  for (let plane: u32 = 0; plane < width; plane++) {
    if (load<u8>(marks + (plane >> 3)) & (<u32>1 << (plane & 7))) continue;
    let value = from + plane;
    for (let end = at + rows; at < end; at++, value += width) store<u8>(at, load<u8>(value));
  }
  return <u32>(at - to);
}

function isOne(at: usize, rows: u32, step: u32): bool {
  const value = load<u8>(at);
  for (let row: u32 = 1; row < rows; row++) {
    at += step;
    if (load<u8>(at) != value) return false;
  }
  return true;
}

/** Undoes `splitBytes`; -1 when its `size` is not what the marks ask for. */
export function joinBytes(from: usize, size: u32, rows: u32, width: u32, to: usize): i32 {
  const marks = from;
  const marksSize = (width + 7) >> 3;
  if (size < marksSize) return -1;
  let singles: u32 = 0;
  for (let plane: u32 = 0; plane < width; plane++) singles += (load<u8>(marks + (plane >> 3)) >> (plane & 7)) & 1;
  if (size != marksSize + singles + (width - singles) * rows) return -1;
  let single = from + marksSize;
  // The first row has the single bytes, the other rows are copies of it.
  for (let plane: u32 = 0; plane < width; plane++)
    if (load<u8>(marks + (plane >> 3)) & (<u32>1 << (plane & 7))) store<u8>(to + plane, load<u8>(single++));
  if (singles > 0) repeatRow(to, rows, width);
  let at = single;
  for (let plane: u32 = 0; plane < width; plane++) {
    if (load<u8>(marks + (plane >> 3)) & (<u32>1 << (plane & 7))) continue;
    let value = to + plane;
    for (let end = at + rows; at < end; at++, value += width) store<u8>(value, load<u8>(at));
  }
  return 0;
}

function repeatRow(to: usize, rows: u32, width: u32): void {
  if (width == 16) {
    const row = v128.load(to);
    for (let at = to, end = to + (rows << 4); at < end; at += 16) v128.store(at, row);
    return;
  }
  const total = rows * width;
  for (let done: u32 = width; done < total; done <<= 1) memory.copy(to + done, to, min(done, total - done));
}

/** The largest of 1e9, 1e6, 1e3 and 1 nanoseconds that every time is a multiple of. */
export function unitOf(nanos: usize, others: usize, rows: u32): u32 {
  let unit: u32 = 1000000000;
  for (let row: u32 = 0; row < rows; row++) {
    const one = load<u32>(nanos + (row << 2));
    const two = load<u32>(others + (row << 2));
    while (unit > 1 && (one % unit | two % unit) != 0) unit /= 1000;
    if (unit == 1) break;
  }
  return unit;
}

/** Times as whole units of at least a microsecond since the epoch. */
export function toTicks(seconds: usize, nanos: usize, rows: u32, unit: u32, to: usize): void {
  const perSecond = <f64>(1000000000 / unit);
  for (let row: u32 = 0; row < rows; row++) {
    const offset = row << 2;
    store<f64>(to + (row << 3), <f64>load<u32>(seconds + offset) * perSecond + <f64>(load<u32>(nanos + offset) / unit));
  }
}

/** Undoes `toTicks`; -1 where a time is none. */
export function fromTicks(from: usize, rows: u32, unit: u32, seconds: usize, nanos: usize): i32 {
  const perSecond = <f64>(1000000000 / unit);
  let isTime = true;
  for (let row: u32 = 0; row < rows; row++) {
    const ticks = load<f64>(from + (row << 3));
    const second = floor(ticks / perSecond);
    isTime = isTime && second >= 0 && second <= 4294967295;
    store<u32>(seconds + (row << 2), <u32>second);
    store<u32>(nanos + (row << 2), <u32>(ticks - second * perSecond) * unit);
  }
  return isTime ? 0 : -1;
}

/** Adds one column of float64 to another, or takes it away. */
export function addTo(at: usize, other: usize, rows: u32, sign: f64): void {
  for (let end = at + (rows << 3); at < end; at += 8, other += 8) store<f64>(at, load<f64>(at) + sign * load<f64>(other));
}
