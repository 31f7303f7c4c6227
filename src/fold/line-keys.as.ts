/**
 * The keys of a line, for the counting kernel `count-lines.as.ts`: the path of the target, the keyword of its query or of a search
 * engine's referer, a field as it stands, or several with a tab between. The same rules as `collect/keyword.ts` and `fold/hit-keys.ts`,
 * on bytes; a test holds them to each other.
 */

import { STATE } from './byte-tally.as';

const NAMES: usize = 4608;
const ENGINES: usize = 8192;
const SCRATCH: usize = 0x300000;
const SCRATCH_END: usize = 0x380000;
const NAME_COUNT: usize = 8;
const ENGINE_COUNT: usize = 12;
const WITH_QUERY: usize = 72;
const AGENT_PLUS: usize = 144; // whether a plus in an agent stands for a blank
// Numbers of fields, those of `logFields`.
export const F_HOST: i32 = 1;
export const F_USER: i32 = 2;
export const F_REQUEST: i32 = 5;
export const F_STATUS: i32 = 6;
export const F_BYTES: i32 = 7;
export const F_REFERER: i32 = 8;
export const F_AGENT: i32 = 9;
export const F_METHOD: i32 = 10;
export const F_TARGET: i32 = 11;
export const F_QUERY: i32 = 12;
export const F_KEYWORD: i32 = 20;

// Starts and ends of the fields of the line at hand, by the number of the field.
export const FIELD: usize = STATE + 256;

// Where the next key that is made goes: keys stay in the scratch until they are counted.
let scratchAt: usize = SCRATCH;

/** Forgets the keys that were made. */
export function emptyScratch(): void {
  scratchAt = SCRATCH;
}

/** Whether the scratch has room for the keys of one more line, 32 lists of at most 9 parts, and some bytes more. */
export function scratchHolds(more: usize): bool {
  return scratchAt + more < SCRATCH_END - 0x40000;
}

export let keyAt: usize = 0;
export let keySize: i32 = 0;
export let targetAt: usize = 0;
export let targetEnd: usize = 0;

/** Names the request target of the line at hand. */
export function setTarget(at: usize, end: usize): void {
  targetAt = at;
  targetEnd = end;
}

/** Puts a query that stands apart behind the target of the line at hand; false: together they are longer than the scratch has room for. */
export function joinQuery(query: usize, end: usize): bool {
  const size = targetEnd - targetAt;
  if (size + (end - query) > 4096) return false;
  memory.copy(scratchAt, targetAt, size);
  let to = scratchAt + size;
  if (load<u8>(query) != 0x3f) store<u8>(to++, 0x3f);
  memory.copy(to, query, end - query);
  to += end - query;
  setTarget(scratchAt, to);
  scratchAt = (to + 7) & ~7;
  return true;
}

// @ts-ignore: decorator
@inline
export function setField(field: i32, at: usize, stop: usize): void {
  store<u64>(FIELD + (<usize>field << 3), <u64>at | (<u64>stop << 32));
}

// @ts-ignore: decorator
@inline
export function fieldAt(field: i32): usize {
  return <usize>load<u32>(FIELD + (<usize>field << 3));
}

// @ts-ignore: decorator
@inline
export function fieldEnd(field: i32): usize {
  return <usize>load<u32>(FIELD + (<usize>field << 3) + 4);
}

/** Forgets the fields of the line before. */
// @ts-ignore: decorator
@inline
export function clearFields(): void {
  memory.fill(FIELD, 0, 168);
}

// @ts-ignore: decorator
@inline
export function fieldSize(field: i32): u32 {
  return load<u32>(FIELD + (<usize>field << 3) + 4) - load<u32>(FIELD + (<usize>field << 3));
}

// The first such byte before `end`, or `end`.
// @ts-ignore: decorator
@inline
export function findBefore(from: usize, end: usize, byte: u8): usize {
  const wanted = i8x16.splat(byte);
  let at = from;
  while (at < end) {
    const mask = i8x16.bitmask(i8x16.eq(v128.load(at), wanted));
    if (mask != 0) {
      const found = at + ctz(mask);
      return found < end ? found : end;
    }
    at += 16;
  }
  return end;
}

// Leaves the key of a list in keyAt and keySize; size 0: the line has no such key.
export function makeKey(spec: usize): void {
  const count = <i32>load<u8>(spec);
  if (count == 1) {
    partOf(<i32>load<u8>(spec + 1), scratchAt);
    if (keyAt == scratchAt) scratchAt += (<usize>keySize + 7) & ~7;
    return;
  }
  let to = scratchAt;
  for (let index: usize = 1; index <= <usize>count; index++) {
    if (index > 1) store<u8>(to++, 9);
    partOf(<i32>load<u8>(spec + index), to);
    if (keySize == 0 && load<u8>(spec + index) != F_AGENT) return;
    if (keySize == 0) {
      store<u8>(to++, 0x2d);
      continue;
    }
    if (keyAt != to) memory.copy(to, keyAt, <usize>keySize);
    to += <usize>keySize;
  }
  keyAt = scratchAt;
  keySize = <i32>(to - keyAt);
  scratchAt = (to + 7) & ~7;
}

/** Makes a key of two bytes of a number; answers where it stands. */
export function numberKey(value: i32): usize {
  const at = scratchAt;
  store<u64>(at, <u64>value & 0xffff);
  scratchAt += 8;
  return at;
}

// Finds a part of a key in the line; one that must be decoded is made at `to`.
function partOf(field: i32, to: usize): void {
  if (field == 32) {
    keyAt = targetAt;
    let end = targetEnd;
    if (load<i32>(STATE + WITH_QUERY) == 0) {
      end = findBefore(targetAt, end, 0x3f);
    }
    keySize = <i32>(end - targetAt);
  } else if (field == 33) {
    keyword(to);
  } else {
    keyAt = load<u32>(FIELD + (<usize>field << 3));
    keySize = <i32>fieldSize(field);
    if (keySize == 1 && load<u8>(keyAt) == 0x2d) keySize = 0;
    else if (field == F_STATUS && load<u8>(keyAt) == 0x30 && load<u8>(keyAt + 1) == 0x30 && load<u8>(keyAt + 2) == 0x30) keySize = 0;
    else if (field == F_AGENT && keySize > 0 && load<i32>(STATE + AGENT_PLUS) != 0) blankPlus(to);
  }
}

// A key with blanks where it has a plus: in the line itself if it has none, else made at `to`.
function blankPlus(to: usize): void {
  const end = keyAt + <usize>keySize;
  const first = findBefore(keyAt, end, 0x2b);
  if (first == end) return;
  const plus = i8x16.splat(0x2b);
  const blank = i8x16.splat(0x20);
  for (let offset: usize = 0; offset < <usize>keySize; offset += 16) {
    const bytes = v128.load(keyAt + offset);
    v128.store(to + offset, v128.bitselect(blank, bytes, i8x16.eq(bytes, plus)));
  }
  keyAt = to;
}

function keyword(to: usize): void {
  keySize = 0;
  const own = fieldAt(F_KEYWORD);
  if (own != 0) {
    keyAt = own;
    keySize = <i32>fieldSize(F_KEYWORD);
    if (keySize > 1 || (keySize == 1 && load<u8>(keyAt) != 0x2d)) return;
    keySize = 0;
  }
  const query = findBefore(targetAt, targetEnd, 0x3f);
  if (query < targetEnd && parameter(query, targetEnd, NAMES, load<i32>(STATE + NAME_COUNT), 5, to)) return;
  const engines = load<i32>(STATE + ENGINE_COUNT);
  if (engines == 0) return;
  const at = <usize>load<u32>(FIELD + (F_REFERER << 3));
  const end = <usize>load<u32>(FIELD + (F_REFERER << 3) + 4);
  if (end - at < 12) return;
  const mark = findBefore(at, end, 0x3f);
  if (mark >= end || (load<u32>(at) | 0x20202020) != 0x70747468) return;
  const secure: usize = (load<u8>(at + 4) | 0x20) == 0x73 ? 1 : 0;
  if ((load<u32>(at + 4 + secure) & 0xffffff) != 0x2f2f3a) return;
  let label = at + 7 + secure;
  // Labels of the host but the last one, in lower case.
  let stop = label;
  while (stop < mark) {
    const byte = load<u8>(stop);
    if (byte == 0x2f || byte == 0x3a || byte == 0x23) return;
    if (byte == 0x2e) {
      const engine = engineOf(label, stop - label, engines);
      if (engine != 0) {
        parameter(mark, end, engine + 17, <i32>load<u8>(engine + 16), 3, to);
        return;
      }
      label = stop + 1;
    }
    stop++;
  }
}

function engineOf(label: usize, size: usize, engines: i32): usize {
  let engine = ENGINES;
  for (let index = 0; index < engines; index++, engine += 64) {
    if (<usize>load<u8>(engine) != size) continue;
    let offset: usize = 0;
    while (offset < size && (load<u8>(label + offset) | 0x20) == load<u8>(engine + 1 + offset)) offset++;
    if (offset == size) return engine;
  }
  return 0;
}

// The first named parameter after `mark` that is not empty; names stand 1 << shift bytes apart.
function parameter(mark: usize, end: usize, names: usize, count: i32, shift: usize, made: usize): bool {
  let at = mark;
  while (at < end) {
    const start = at + 1;
    const stop = findBefore(start, end, 0x26);
    for (let index = 0; index < count; index++) {
      const name = names + (<usize>index << shift);
      const size = <usize>load<u8>(name);
      if (start + size + 1 >= stop || load<u8>(start + size) != 0x3d) continue;
      let offset: usize = 0;
      while (offset < size && load<u8>(start + offset) == load<u8>(name + 1 + offset)) offset++;
      if (offset == size && decode(start + size + 1, stop, made)) return true;
    }
    at = stop;
  }
  return false;
}

// @ts-ignore: decorator
@inline
function hex(byte: u8): i32 {
  if (byte >= 48 && byte <= 57) return <i32>byte - 48;
  const letter = byte | 0x20;
  return letter >= 97 && letter <= 102 ? <i32>letter - 87 : -1;
}

// Plus and percent decoding, up to a fragment.
function decode(from: usize, end: usize, made: usize): bool {
  let to = made;
  let at = from;
  while (at < end) {
    let byte = load<u8>(at++);
    if (byte == 0x23) break;
    if (byte == 0x2b) byte = 0x20;
    else if (byte == 0x25 && at + 1 < end) {
      const high = hex(load<u8>(at));
      const low = hex(load<u8>(at + 1));
      if (high >= 0 && low >= 0) {
        byte = <u8>(high * 16 + low);
        at += 2;
      }
    }
    store<u8>(to++, byte);
  }
  keyAt = made;
  keySize = <i32>(to - made);
  return keySize > 0;
}

