/**
 * Counts the lines of an access log from bytes: finds newlines, quotes and blanks with 128-bit vectors, and counts keys in an
 * open-addressing table whose keys are the bytes themselves; a key becomes a text only in the report. It counts what it reads
 * without doubt; any other line (an escape, a request that is no HTTP, a cut line, ...) stops it, and the caller's reference reader
 * (`collect/access-log.ts`) decides on that one. It knows nothing but its memory, whose regions `line-counter.ts` lays out:
 *
 *   STATE    i32/f64 words, see below          PROGRAM  steps of 32 bytes: field, quoted, literal size, needed, literal[28]
 *   SPECS    16 bytes: count, fields[15]       NAMES    keyword parameters: 32 bytes: size, text
 *   ENGINES  64 bytes: size, label[15], count, then parameters of 8 bytes: size, text
 *   PERIODS  128 bytes each, f64: requests, bytes, status classes 0..9
 *   INPUT    lines                             SCRATCH  keys that are decoded or combined; the table of `byte-tally.as.ts`
 */

import { add, ARENA_AT, ARENA_END, ENTRIES, grow, SLOT_MASK, STATE } from './byte-tally.as';

import { F_REFERER, F_STATUS, FIELD, fieldSize, findBefore, keyAt, keySize, makeKey, setTarget, targetAt, targetEnd } from './line-keys.as';

export { countOf, insert, place } from './byte-tally.as';

const PROGRAM: usize = 2048;
const SPECS: usize = 4096;
const PERIODS: usize = 0x10000;

// Words of STATE, in bytes from it.
const STEPS: usize = 0;
const SPEC_COUNT: usize = 4;
const PERIOD: usize = 16; // index, or -1: lines of this time do not count
const LINES: usize = 40; // f64
const TIME: usize = 48; // f64 seconds
const LOW: usize = 56; // f64 seconds, of the period
const HIGH: usize = 64; // f64
const KEY_MAX: usize = 80;
const NUMBER: usize = 96; // f64, lines passed
const TAIL: usize = 88; // size of the text after the last field, 0 or 1 (a quote)

const MORE: i32 = 0; // all complete lines are counted
const HARD: i32 = 1; // the line at the returned place is the caller's
const NEED_PERIOD: i32 = 2; // TIME is outside LOW..HIGH
const FULL: i32 = 3; // no room for a key

const F_SKIP: i32 = 0;
const F_CLF: i32 = 4;
const F_REQUEST: i32 = 5;
const F_BYTES: i32 = 7;

let reason: i32 = 0;
// Time of the line before, as text, and its period.
let cachedAt: usize = STATE + 512;
let cachedUsable: bool = false;

export function why(): i32 {
  return reason;
}

/** Forgets the cached time: the period was changed by the caller. */
export function resetTime(): void {
  cachedUsable = false;
}

/** Counts complete lines in [start, end); answers where it stopped, and `why` says why. The bytes at `end` are overwritten. */
export function scan(start: usize, end: usize): usize {
  let line = start;
  store<u8>(end, 10);
  while (line < end) {
    const stop = find(line, 10);
    if (stop >= end) {
      reason = MORE;
      return line;
    }
    let last = stop;
    if (last > line && load<u8>(last - 1) == 13) last--;
    if (last > line) {
      const result = countLine(line, last);
      if (result != MORE) {
        reason = result;
        return line;
      }
    }
    line = stop + 1;
    store<f64>(STATE + NUMBER, load<f64>(STATE + NUMBER) + 1.0);
  }
  reason = MORE;
  return line;
}

// @ts-ignore: decorator
@inline
function find(from: usize, byte: u8): usize {
  const wanted = i8x16.splat(byte);
  let at = from;
  while (true) {
    const mask = i8x16.bitmask(i8x16.eq(v128.load(at), wanted));
    if (mask != 0) return at + ctz(mask);
    at += 16;
  }
}

// The first quote; 0 when a backslash or the end of the line comes first.
// @ts-ignore: decorator
@inline
function findQuote(from: usize, end: usize): usize {
  const quote = i8x16.splat(0x22);
  const slash = i8x16.splat(0x5c);
  let at = from;
  while (at < end) {
    const bytes = v128.load(at);
    const mask = i8x16.bitmask(v128.or(i8x16.eq(bytes, quote), i8x16.eq(bytes, slash)));
    if (mask != 0) {
      const found = at + ctz(mask);
      return found < end && load<u8>(found) == 0x22 ? found : 0;
    }
    at += 16;
  }
  return 0;
}

function countLine(line: usize, end: usize): i32 {
  const steps = load<i32>(STATE + STEPS);
  let at = line;
  let step = PROGRAM;
  for (let index = 0; index < steps; index++, step += 32) {
    const field = <i32>load<u8>(step);
    const size = <usize>load<u8>(step + 2);
    for (let offset: usize = 0; offset < size; offset++) {
      if (load<u8>(at + offset) != load<u8>(step + 4 + offset)) return HARD;
    }
    at += size;
    if (at > end) return HARD;
    let stop: usize;
    if (load<u8>(step + 1) != 0) {
      if (index + 1 == steps && load<u8>(step + 3) == 0 && load<u8>(end - 1) == 0x22 && load<u8>(end - 2) != 0x5c && end > at) {
        at = end;
        break;
      }
      stop = findQuote(at, end);
      if (stop == 0) return HARD;
    } else if (field == F_CLF) {
      stop = at + 26;
      if (stop > end) return HARD;
    } else if (index + 1 == steps) {
      stop = findBefore(at, end, 0x20);
    } else {
      stop = findBefore(at, end, load<u8>(step + 32 + 4));
      if (stop >= end) return HARD;
    }
    if (field != F_SKIP) {
      store<u32>(FIELD + (<usize>field << 3), <u32>at);
      store<u32>(FIELD + (<usize>field << 3) + 4, <u32>stop);
    }
    at = stop;
  }
  if (load<i32>(STATE + TAIL) != 0 && at != end && load<u8>(at) != 0x22) return HARD;

  const timed = takeTime(load<u32>(FIELD + (F_CLF << 3)));
  if (timed != MORE) return timed;
  return countFields(end - line > 448);
}

// @ts-ignore: decorator
@inline
function digit(at: usize): i32 {
  return <i32>load<u8>(at) - 48;
}

function two(at: usize): i32 {
  const high = digit(at);
  const low = digit(at + 1);
  return <u32>high > 9 || <u32>low > 9 ? -100000 : high * 10 + low;
}

function takeTime(at: usize): i32 {
  if (cachedUsable) {
    const one = v128.xor(v128.load(at), v128.load(cachedAt));
    const other = v128.xor(v128.load(at + 10), v128.load(cachedAt + 10));
    if (!v128.any_true(v128.or(one, other))) return MORE;
  }
  const month = monthOf(load<u32>(at + 3) & 0xffffff);
  const day = two(at);
  const high = two(at + 7);
  const low = two(at + 9);
  const hour = two(at + 12);
  const minute = two(at + 15);
  const second = two(at + 18);
  const zoneHour = two(at + 22);
  const zoneMinute = two(at + 24);
  if ((high | low | hour | minute | second | zoneHour | zoneMinute) < 0) return HARD;
  if (load<u8>(at + 2) != 0x2f || load<u8>(at + 6) != 0x2f || load<u8>(at + 11) != 0x3a || load<u8>(at + 14) != 0x3a) return HARD;
  if (load<u8>(at + 17) != 0x3a || load<u8>(at + 20) != 0x20) return HARD;
  if (month < 0 || day < 1 || day > 28 + extraDays(month, high * 100 + low)) return HARD;
  if (hour > 23 || minute > 59 || second > 60 || zoneHour > 23 || zoneMinute > 59 || high < 1) return HARD;
  const sign = load<u8>(at + 21);
  if (sign != 0x2b && sign != 0x2d) return HARD;
  const offset = (zoneHour * 60 + zoneMinute) * 60;
  const days = daysOf(high * 100 + low, month, day);
  const time = <f64>days * 86400.0 + <f64>(hour * 3600 + minute * 60 + second - (sign == 0x2d ? -offset : offset));
  if (time < load<f64>(STATE + LOW) || time >= load<f64>(STATE + HIGH)) {
    store<f64>(STATE + TIME, time);
    cachedUsable = false;
    return NEED_PERIOD;
  }
  v128.store(cachedAt, v128.load(at));
  v128.store(cachedAt + 10, v128.load(at + 10));
  cachedUsable = true;
  return MORE;
}

function monthOf(name: u32): i32 {
  switch (name) {
    case 0x6e614a: return 0;
    case 0x626546: return 1;
    case 0x72614d: return 2;
    case 0x727041: return 3;
    case 0x79614d: return 4;
    case 0x6e754a: return 5;
    case 0x6c754a: return 6;
    case 0x677541: return 7;
    case 0x706553: return 8;
    case 0x74634f: return 9;
    case 0x766f4e: return 10;
    case 0x636544: return 11;
  }
  return -1;
}

function extraDays(month: i32, year: i32): i32 {
  if (month == 1) return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 1 : 0;
  return month == 3 || month == 5 || month == 8 || month == 10 ? 2 : 3;
}

// Days since 1970-01-01 of the proleptic Gregorian calendar; years are counted from March.
function daysOf(year: i32, month: i32, day: i32): i32 {
  const shifted = year - (month < 2 ? 1 : 0);
  const era = shifted / 400;
  const yearOfEra = shifted - era * 400;
  const dayOfYear = (153 * ((month + 10) % 12) + 2) / 5 + day - 1;
  return era * 146097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719468;
}


// The line's figures are read and checked before anything is counted, so that a line is counted whole or not at all.
function countFields(long: bool): i32 {
  const statusAt = <usize>load<u32>(FIELD + (F_STATUS << 3));
  const statusEnd = <usize>load<u32>(FIELD + (F_STATUS << 3) + 4);
  if (statusEnd - statusAt != 3 || <u32>digit(statusAt) > 9 || two(statusAt + 1) < 0) return HARD;
  let bytes: f64 = 0;
  let at = <usize>load<u32>(FIELD + (F_BYTES << 3));
  const bytesEnd = <usize>load<u32>(FIELD + (F_BYTES << 3) + 4);
  if (bytesEnd - at > 15 || bytesEnd <= at) return HARD;
  if (bytesEnd - at != 1 || load<u8>(at) != 0x2d) {
    for (; at < bytesEnd; at++) {
      const value = digit(at);
      if (<u32>value > 9) return HARD;
      bytes = bytes * 10.0 + <f64>value;
    }
  }
  if (!splitRequest()) return HARD;
  const period = load<i32>(STATE + PERIOD);
  if (period >= 0) {
    // A table that has no room is found before the first key goes in.
    const specCount = load<i32>(STATE + SPEC_COUNT);
    const room = <usize>specCount * (<usize>load<i32>(STATE + KEY_MAX) + 32);
    if (<usize>load<u32>(STATE + ARENA_AT) + room > <usize>load<u32>(STATE + ARENA_END)) return FULL;
    if ((load<i32>(STATE + ENTRIES) + specCount) * 2 > load<i32>(STATE + SLOT_MASK) && !grow()) return FULL;
    if (long && !checkSizes(specCount)) return HARD;
    for (let spec = 0; spec < specCount; spec++) {
      makeKey(SPECS + (<usize>spec << 4));
      if (keySize > 0) add(period * specCount + spec, keyAt, keySize, 1.0);
    }
    const counts = PERIODS + (<usize>period << 7);
    store<f64>(counts, load<f64>(counts) + 1.0);
    store<f64>(counts + 8, load<f64>(counts + 8) + bytes);
    const status = counts + 16 + (<usize>digit(statusAt) << 3);
    store<f64>(status, load<f64>(status) + 1.0);
  }
  store<f64>(STATE + LINES, load<f64>(STATE + LINES) + 1.0);
  return MORE;
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
