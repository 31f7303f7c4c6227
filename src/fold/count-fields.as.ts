/**
 * Counts a line whose fields were found, for the counting kernel `count-lines.as.ts`: its figures in its period, its keys in the table. The
 * figures are read and checked before anything is counted, so that a line is counted whole or not at all. A field that stands nowhere (at 0)
 * is one that the line does not have.
 */

import { makeRoom, note, settle, STATE } from './byte-tally.as';

import {
  emptyScratch,
  F_BYTES,
  F_KEYWORD,
  F_METHOD,
  F_QUERY,
  F_REFERER,
  F_REQUEST,
  F_STATUS,
  F_TARGET,
  fieldAt,
  fieldEnd,
  fieldSize,
  findBefore,
  joinQuery,
  keyAt,
  keySize,
  makeKey,
  numberKey,
  scratchHolds,
  setField,
  setTarget,
  targetAt,
  targetEnd,
} from './line-keys.as';

import { NO_NUMBER, NUMBER, numberValue, readNumber } from './line-number.as';

import { digit, HARD, MORE, two } from './line-time.as';

const SPECS: usize = 4096;
const PERIODS: usize = 0x10000;

// Words of STATE, in bytes from it.
const SPEC_COUNT: usize = 4;
const PERIOD: usize = 16; // index, or -1: lines of this time do not count
const LINES: usize = 40; // f64
const KEY_MAX: usize = 80;
const SERVED: usize = 108; // field of the time served, or 0
const SERVED_UNIT: usize = 152; // f64, milliseconds
const STRICT: usize = 160; // whether a time served that is no number is the caller's, and a query without a target nothing

const FULL: i32 = 3; // no room for a key

/** Counts the keys that were noted: their bytes may go. */
export function settleKeys(): void {
  settle();
  emptyScratch();
}

/** Counts the line whose fields are in FIELD; `long`: its keys may exceed their bound. */
export function countFields(long: bool): i32 {
  const statusAt = fieldAt(F_STATUS);
  if (statusAt != 0 && (fieldEnd(F_STATUS) - statusAt != 3 || <u32>digit(statusAt) > 9 || two(statusAt + 1) < 0)) return HARD;
  const bytes = fieldAt(F_BYTES) == 0 ? 0.0 : sizeOf(fieldAt(F_BYTES), fieldEnd(F_BYTES));
  if (bytes < 0 || !(fieldAt(F_REQUEST) != 0 ? splitRequest() : takeTarget())) return HARD;
  const queryAt = fieldAt(F_QUERY);
  if (queryAt != 0 && !addQuery(queryAt, fieldEnd(F_QUERY))) return HARD;
  const servedField = load<i32>(STATE + SERVED);
  const served = servedField == 0 ? NONE : servedBin(servedField);
  if (served == UNSURE) return HARD;
  const period = load<i32>(STATE + PERIOD);
  if (period >= 0) {
    // A table that has no room is found before the first key goes in.
    const specCount = load<i32>(STATE + SPEC_COUNT);
    if (!makeRoom(specCount + 1, load<i32>(STATE + KEY_MAX))) return FULL;
    if (!scratchHolds(0)) settleKeys();
    if (long && !checkSizes(specCount)) return HARD;
    for (let spec = 0; spec < specCount; spec++) {
      makeKey(SPECS + (<usize>spec << 4));
      if (keySize > 0) note(period * (specCount + 1) + spec, keyAt, keySize);
    }
    if (served >= 0) note(period * (specCount + 1) + specCount, numberKey(served), 2);
    const counts = PERIODS + (<usize>period << 7);
    store<f64>(counts, load<f64>(counts) + 1.0);
    store<f64>(counts + 8, load<f64>(counts + 8) + bytes);
    const status = counts + 16 + (statusAt == 0 ? 0 : <usize>digit(statusAt) << 3);
    store<f64>(status, load<f64>(status) + 1.0);
  }
  store<f64>(STATE + LINES, load<f64>(STATE + LINES) + 1.0);
  return MORE;
}

const NONE: i32 = -1;
const UNSURE: i32 = -2;

// The bin of the time served (`servedBin` of hit-counts.ts), by the same arithmetic.
function servedBin(field: i32): i32 {
  const result = readNumber(fieldAt(field), fieldEnd(field));
  if (result != NUMBER) return result == NO_NUMBER && load<i32>(STATE + STRICT) == 0 ? NONE : UNSURE;
  const exact = Math.floor(numberValue * load<f64>(STATE + SERVED_UNIT) * 1000 + 1e-6);
  const micros = exact > 4294967295.0 ? <u32>0xffffffff : <u32>exact;
  if (micros < 32) return <i32>micros;
  const octave = 31 - clz(micros);
  return (<i32>octave - 4) * 32 + <i32>(micros >> (octave - 5)) - 32;
}

// Bytes sent: digits, or `-` for none; below zero when it is neither.
function sizeOf(at: usize, end: usize): f64 {
  if (end - at == 1 && load<u8>(at) == 0x2d) return 0;
  if (end - at > 15 || end <= at) return -1;
  let value: u64 = 0;
  for (; at < end; at++) {
    const next = digit(at);
    if (<u32>next > 9) return -1;
    value = value * 10 + <u64>next;
  }
  return <f64>value;
}

// Keys longer than the bound are the caller's. A combined key is at most the sum of its parts, each of which is within its own field.
function checkSizes(specCount: i32): bool {
  const bound = load<i32>(STATE + KEY_MAX);
  for (let spec = 0; spec < specCount; spec++) {
    const at = SPECS + (<usize>spec << 4);
    const count = load<u8>(at);
    let size = <i32>count;
    for (let index: usize = 1; index <= <usize>count; index++) {
      const field = <i32>load<u8>(at + index);
      if (field == 32) size += <i32>(targetEnd - targetAt);
      else if (field == 33) size += <i32>(targetEnd - targetAt) + <i32>fieldSize(F_REFERER) + <i32>fieldSize(F_KEYWORD);
      else size += <i32>fieldSize(field);
    }
    if (size > bound) return false;
  }
  return true;
}

// A target that stands alone: a path, perhaps behind a scheme and a host, or none.
function takeTarget(): bool {
  const at = fieldAt(F_TARGET);
  const end = fieldEnd(F_TARGET);
  setTarget(at, end);
  if (at == end || load<u8>(at) == 0x2f) return true;
  if (end - at == 1) {
    setTarget(at, at);
    return load<u8>(at) == 0x2d;
  }
  const secure: usize = load<u8>(at + 4) == 0x73 ? 1 : 0;
  if (load<u32>(at) != 0x70747468 || (load<u32>(at + 4 + secure) & 0xffffff) != 0x2f2f3a) return false;
  const path = findBefore(at + 7 + secure, end, 0x2f);
  if (path == end || findBefore(at, path, 0x3f) < path) return false;
  setTarget(path, end);
  return true;
}

// A query that stands apart from its target, which has none of its own.
function addQuery(at: usize, end: usize): bool {
  if (at == end || (end - at == 1 && load<u8>(at) == 0x2d)) return true;
  if (targetAt == targetEnd) return load<i32>(STATE + STRICT) != 0;
  if (findBefore(targetAt, targetEnd, 0x3f) < targetEnd) return true;
  // The scratch that the target lies in is not emptied before its keys are counted.
  if (!scratchHolds(0x2000)) settleKeys();
  return joinQuery(at, end);
}

function splitRequest(): bool {
  let at = fieldAt(F_REQUEST);
  const end = fieldEnd(F_REQUEST);
  const start = at;
  while (at < end) {
    const byte = load<u8>(at) | 0x20;
    if (byte < 0x61 || byte > 0x7a) break;
    at++;
  }
  if (at == start || at - start > 32 || at + 11 > end || load<u8>(at) != 0x20 || load<u8>(at + 1) != 0x2f) return false;
  setField(F_METHOD, start, at);
  if (<u32>digit(end - 1) > 9) return false;
  const stop = load<u8>(end - 2) == 0x2e && <u32>digit(end - 3) <= 9 ? end - 9 : end - 7;
  setTarget(at + 1, stop);
  return stop > at + 1 && load<u8>(stop) == 0x20 && load<u32>(stop + 1) == 0x50545448 && load<u8>(stop + 5) == 0x2f;
}
