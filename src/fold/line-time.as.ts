/**
 * The time of a line for the counting kernel `count-lines.as.ts`: `20/Nov/2026:17:40:27 +0100`, ISO 8601 or a number since the epoch, checked and
 * turned into epoch milliseconds by the rules of `collect/log-time.ts`. Most lines bear the text of the line before, which is compared whole.
 */

import { STATE } from './byte-tally.as';

import { NUMBER, numberValue, readEpoch, readNumber } from './line-number.as';

export const MORE: i32 = 0; // all complete lines are counted
export const HARD: i32 = 1; // the line at the returned place is the caller's
const NEED_PERIOD: i32 = 2; // TIME is outside LOW..HIGH
export const NEED_OFFSET: i32 = 4; // TIME is a local time outside LOCAL_LOW..LOCAL_HIGH
const TIME: usize = 48; // f64 milliseconds
const LOW: usize = 56; // f64 milliseconds, of the period
const HIGH: usize = 64; // f64
const LOCAL_LOW: usize = 112; // f64 milliseconds, local times whose offset is known
const LOCAL_HIGH: usize = 120; // f64
const LOCAL_OFFSET: usize = 128; // f64 milliseconds

/** How a number since the epoch is to be understood; ANY: by its size, or a text of another kind. */
export const UNIT_ANY: i32 = 0;
export const UNIT_SECONDS: i32 = 1;
export const UNIT_MILLISECONDS: i32 = 2;
export const UNIT_MICROSECONDS: i32 = 3;
export const UNIT_NANOSECONDS: i32 = 4;

const YEARS_END: f64 = 253402300800000; // milliseconds, the year 10000

// Time of the line before, as text; usable while its period is set.
const lastAt: usize = STATE + 512;
let lastUsable: bool = false;
// Date and time of day of the last ISO time, and what it is as UTC; no zone changes that.
const lastIso: usize = STATE + 544;
let lastIsoMs: f64 = 0;
let isoUsable: bool = false;
// What the text of a time says, in milliseconds; whether it named no zone.
let textMs: f64 = 0;
let isLocal: bool = false;

/** Forgets the time of the line before: the period was changed by the caller. */
export function resetTime(): void {
  lastUsable = false;
}

// @ts-ignore: decorator
@inline
export function digit(at: usize): i32 {
  return <i32>load<u8>(at) - 48;
}

/** Whether the 26 bytes of a time are those of the line before. */
// @ts-ignore: decorator
@inline
export function isLastTime(at: usize): bool {
  const one = v128.xor(v128.load(at), v128.load(lastAt));
  const other = v128.xor(v128.load(at + 10), v128.load(lastAt + 10));
  return lastUsable && !v128.any_true(v128.or(one, other));
}

/** A number of two digits; far below zero when it is none. */
export function two(at: usize): i32 {
  const high = digit(at);
  const low = digit(at + 1);
  return <u32>high > 9 || <u32>low > 9 ? -100000 : high * 10 + low;
}

/** Takes the time of a line; answers whether its period is the one that is set. */
export function takeTime(at: usize): i32 {
  if (isLastTime(at)) return MORE;
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
  const seconds = <f64>days * 86400.0 + <f64>(hour * 3600 + minute * 60 + second - (sign == 0x2d ? -offset : offset));
  if (placeTime(seconds * 1000.0) != MORE) {
    lastUsable = false;
    return NEED_PERIOD;
  }
  v128.store(lastAt, v128.load(at));
  v128.store(lastAt + 10, v128.load(at + 10));
  lastUsable = true;
  return MORE;
}

// Whether an instant is in the period that is set.
// @ts-ignore: decorator
@inline
function placeTime(ms: f64): i32 {
  if (ms >= load<f64>(STATE + LOW) && ms < load<f64>(STATE + HIGH)) return MORE;
  store<f64>(STATE + TIME, ms);
  return NEED_PERIOD;
}

/** Takes an ISO time; `utc`: without a zone it is UTC, else the local time of the caller's zone. */
export function takeIsoTime(at: usize, end: usize, utc: bool): i32 {
  if (!readIso(at, end)) return HARD;
  if (!isLocal || utc) return placeTime(textMs);
  const local = textMs;
  if (local < load<f64>(STATE + LOCAL_LOW) || local >= load<f64>(STATE + LOCAL_HIGH)) {
    store<f64>(STATE + TIME, local);
    return NEED_OFFSET;
  }
  return placeTime(local - load<f64>(STATE + LOCAL_OFFSET));
}

/** Takes a number since the epoch. */
export function takeEpoch(at: usize, end: usize, unit: i32): i32 {
  if (unit == UNIT_ANY || unit == UNIT_SECONDS) return readEpoch(at, end) == NUMBER ? placeTime(numberValue) : HARD;
  if (readNumber(at, end) != NUMBER) return HARD;
  const scale = unit == UNIT_MILLISECONDS ? 1.0 : unit == UNIT_MICROSECONDS ? 1e-3 : 1e-6;
  const ms = Math.floor(numberValue * scale);
  return ms < YEARS_END ? placeTime(ms) : HARD;
}

/** Takes a text that may be any kind of time. */
export function takeAnyTime(at: usize, end: usize): i32 {
  if (end - at == 26 && load<u8>(at + 2) == 0x2f) return takeTime(at);
  return load<u8>(at + 4) == 0x2d ? takeIsoTime(at, end, false) : takeEpoch(at, end, UNIT_ANY);
}

/** Whether a text is an ISO time. */
export function isIsoTime(at: usize, end: usize): bool {
  return readIso(at, end);
}

// `2026-11-20T17:40:27`, perhaps a fraction, perhaps a zone; into textMs and isLocal. No seconds of a leap here, and other rarities.
function readIso(at: usize, end: usize): bool {
  if (end - at < 19 || end - at > 40) return false;
  const one = v128.xor(v128.load(at), v128.load(lastIso));
  const other = v128.xor(v128.load(at + 3), v128.load(lastIso + 3));
  if (!isoUsable || v128.any_true(v128.or(one, other))) {
    const year = two(at) * 100 + two(at + 2);
    const month = two(at + 5) - 1;
    const day = two(at + 8);
    const hour = two(at + 11);
    const minute = two(at + 14);
    const second = two(at + 17);
    if ((year | month | day | hour | minute | second) < 0 || year < 100 || month > 11) return false;
    if (load<u8>(at + 4) != 0x2d || load<u8>(at + 7) != 0x2d || load<u8>(at + 13) != 0x3a || load<u8>(at + 16) != 0x3a) return false;
    if (load<u8>(at + 10) != 0x54 && load<u8>(at + 10) != 0x20) return false;
    if (day < 1 || day > 28 + extraDays(month, year) || hour > 23 || minute > 59 || second > 60) return false;
    lastIsoMs = (<f64>daysOf(year, month, day) * 86400.0 + <f64>(hour * 3600 + minute * 60 + second)) * 1000.0;
    v128.store(lastIso, v128.load(at));
    v128.store(lastIso + 3, v128.load(at + 3));
    isoUsable = true;
  }
  textMs = lastIsoMs;
  isLocal = true;
  let from = at + 19;
  if (from < end && (load<u8>(from) == 0x2e || load<u8>(from) == 0x2c)) {
    const start = ++from;
    let ms = 0;
    let nines = 0;
    for (; from < end && <u32>digit(from) <= 9; from++) {
      if (from - start < 3) ms = ms * 10 + digit(from);
      else if (digit(from) == 9) nines++;
    }
    const count = from - start;
    // A fraction that ends in nines could be rounded up.
    if (count == 0 || count > 9 || nines > 5) return false;
    for (let missing = count; missing < 3; missing++) ms *= 10;
    textMs += <f64>ms;
  }
  if (from == end) return true;
  isLocal = false;
  if (load<u8>(from) == 0x5a) return from + 1 == end;
  const sign = load<u8>(from);
  if (sign != 0x2b && sign != 0x2d) return false;
  const colon: usize = load<u8>(from + 3) == 0x3a ? 1 : 0;
  if (from + 5 + colon != end) return false;
  const zoneHour = two(from + 1);
  const zoneMinute = two(from + 3 + colon);
  if ((zoneHour | zoneMinute) < 0 || zoneHour > 23 || zoneMinute > 59) return false;
  const offset = <f64>((zoneHour * 60 + zoneMinute) * 60000);
  textMs -= sign == 0x2d ? -offset : offset;
  return true;
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
