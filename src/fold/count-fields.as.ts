/**
 * Counts a line whose fields were found, for the counting kernel `count-lines.as.ts`: its figures in its period, its keys in the table. The
 * figures are read and checked before anything is counted, so that a line is counted whole or not at all.
 */

import { makeRoom, note, settle, STATE } from './byte-tally.as';

import {
  emptyScratch,
  F_BYTES,
  F_REFERER,
  F_REQUEST,
  F_STATUS,
  FIELD,
  fieldSize,
  keyAt,
  keySize,
  makeKey,
  numberKey,
  scratchHolds,
  setTarget,
  targetAt,
  targetEnd,
} from './line-keys.as';

import { digit, HARD, MORE, two } from './line-time.as';

const SPECS: usize = 4096;
const PERIODS: usize = 0x10000;

// Words of STATE, in bytes from it.
const SPEC_COUNT: usize = 4;
const PERIOD: usize = 16; // index, or -1: lines of this time do not count
const LINES: usize = 40; // f64
const KEY_MAX: usize = 80;
const SERVED: usize = 108; // field of the time served, or 0

const F_SERVED_SECONDS: i32 = 13;
const F_SERVED_MS: i32 = 14;

const FULL: i32 = 3; // no room for a key

/** Counts the keys that were noted: their bytes may go. */
export function settleKeys(): void {
  settle();
  emptyScratch();
}

/** Counts the line whose fields are in FIELD; `long`: its keys may exceed their bound. */
export function countFields(long: bool): i32 {
  const statusAt = <usize>load<u32>(FIELD + (F_STATUS << 3));
  const statusEnd = <usize>load<u32>(FIELD + (F_STATUS << 3) + 4);
  if (statusEnd - statusAt != 3 || <u32>digit(statusAt) > 9 || two(statusAt + 1) < 0) return HARD;
  const bytes = sizeOf(<usize>load<u32>(FIELD + (F_BYTES << 3)), <usize>load<u32>(FIELD + (F_BYTES << 3) + 4));
  if (bytes < 0 || !splitRequest()) return HARD;
  const servedField = load<i32>(STATE + SERVED);
  const served = servedField == 0 ? NONE : servedBin(servedField);
  if (served == UNSURE) return HARD;
  const period = load<i32>(STATE + PERIOD);
  if (period >= 0) {
    // A table that has no room is found before the first key goes in.
    const specCount = load<i32>(STATE + SPEC_COUNT);
    if (!makeRoom(specCount + 1, load<i32>(STATE + KEY_MAX))) return FULL;
    if (!scratchHolds()) settleKeys();
    if (long && !checkSizes(specCount)) return HARD;
    for (let spec = 0; spec < specCount; spec++) {
      makeKey(SPECS + (<usize>spec << 4));
      if (keySize > 0) note(period * (specCount + 1) + spec, keyAt, keySize);
    }
    if (served >= 0) note(period * (specCount + 1) + specCount, numberKey(served), 2);
    const counts = PERIODS + (<usize>period << 7);
    store<f64>(counts, load<f64>(counts) + 1.0);
    store<f64>(counts + 8, load<f64>(counts + 8) + bytes);
    const status = counts + 16 + (<usize>digit(statusAt) << 3);
    store<f64>(status, load<f64>(status) + 1.0);
  }
  store<f64>(STATE + LINES, load<f64>(STATE + LINES) + 1.0);
  return MORE;
}

const NONE: i32 = -1;
const UNSURE: i32 = -2;

// The bin of the time served (`servedBin` of hit-counts.ts), from a number with at most as many decimals as microseconds have.
function servedBin(field: i32): i32 {
  let at = <usize>load<u32>(FIELD + (<usize>field << 3));
  const end = <usize>load<u32>(FIELD + (<usize>field << 3) + 4);
  let left = field == F_SERVED_SECONDS ? 6 : field == F_SERVED_MS ? 3 : 0;
  const start = at;
  let micros: u64 = 0;
  for (; at < end && <u32>digit(at) <= 9; at++) micros = micros * 10 + <u64>digit(at);
  if (at == start) return NONE;
  if (at - start > 9) return UNSURE;
  if (at < end) {
    if (load<u8>(at) != 0x2e || at + 1 == end) return NONE;
    for (at++; at < end; at++, left--) {
      if (<u32>digit(at) > 9) return NONE;
      if (left == 0) return UNSURE;
      micros = micros * 10 + <u64>digit(at);
    }
  }
  for (; left > 0; left--) micros *= 10;
  if (micros < 32) return <i32>micros;
  const bounded = micros > 0xffffffff ? <u32>0xffffffff : <u32>micros;
  const octave = 31 - clz(bounded);
  return (<i32>octave - 4) * 32 + <i32>(bounded >> (octave - 5)) - 32;
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
      if (field == 32 || field == 33) size += <i32>(targetEnd - targetAt) + (field == 33 ? <i32>fieldSize(F_REFERER) : 0);
      else size += <i32>fieldSize(field);
    }
    if (size > bound) return false;
  }
  return true;
}

function splitRequest(): bool {
  let at = <usize>load<u32>(FIELD + (F_REQUEST << 3));
  const end = <usize>load<u32>(FIELD + (F_REQUEST << 3) + 4);
  const start = at;
  while (at < end) {
    const byte = load<u8>(at) | 0x20;
    if (byte < 0x61 || byte > 0x7a) break;
    at++;
  }
  if (at == start || at - start > 32 || at + 11 > end || load<u8>(at) != 0x20 || load<u8>(at + 1) != 0x2f) return false;
  store<u32>(FIELD + (10 << 3), <u32>start);
  store<u32>(FIELD + (10 << 3) + 4, <u32>at);
  if (<u32>digit(end - 1) > 9) return false;
  const stop = load<u8>(end - 2) == 0x2e && <u32>digit(end - 3) <= 9 ? end - 9 : end - 7;
  setTarget(at + 1, stop);
  return stop > at + 1 && load<u8>(stop) == 0x20 && load<u32>(stop + 1) == 0x50545448 && load<u8>(stop + 5) == 0x2f;
}
