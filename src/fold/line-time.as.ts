/**
 * The time of a line for the counting kernel `count-lines.as.ts`: `20/Nov/2026:17:40:27 +0100`, checked and turned into epoch seconds. Most
 * lines bear the text of the line before, which is compared whole.
 */

import { STATE } from './byte-tally.as';

export const MORE: i32 = 0; // all complete lines are counted
export const HARD: i32 = 1; // the line at the returned place is the caller's
const NEED_PERIOD: i32 = 2; // TIME is outside LOW..HIGH
const TIME: usize = 48; // f64 seconds
const LOW: usize = 56; // f64 seconds, of the period
const HIGH: usize = 64; // f64

// Time of the line before, as text; usable while its period is set.
const lastAt: usize = STATE + 512;
let lastUsable: bool = false;

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
  const time = <f64>days * 86400.0 + <f64>(hour * 3600 + minute * 60 + second - (sign == 0x2d ? -offset : offset));
  if (time < load<f64>(STATE + LOW) || time >= load<f64>(STATE + HIGH)) {
    store<f64>(STATE + TIME, time);
    lastUsable = false;
    return NEED_PERIOD;
  }
  v128.store(lastAt, v128.load(at));
  v128.store(lastAt + 10, v128.load(at + 10));
  lastUsable = true;
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
