/**
 * Graphite's words for a point in time: `-1h`, `now`, `now-5min`, `midnight`, `noon+2h`, `yesterday`, `6pm today`, `13:50_20240615`, `20240615`,
 * `06/15/24`, `june 15`, `monday`, epoch seconds; and RFC 3339 besides. A zone (IANA name) says where a day begins.
 *
 * Law: `now` is passed in; the same words give the same second. Months are 30 days and years 365 in an offset, as Graphite has it.
 * Source: graphite-web's attime.py (behaviour), "The Render URL API: from / until".
 */

import { Temporal } from 'temporal-polyfill';
import { Malformed } from '../base/faults.js';

/** Epoch seconds that `text` means at `nowSeconds` in `timeZone`. Throws Malformed when it means nothing. */
export function parseWhen(text: string, nowSeconds: number, timeZone = 'UTC'): number {
  const trimmed = text.trim();
  if (/^\d{4}-\d{2}-\d{2}/.test(trimmed)) return parseRfc3339(trimmed, timeZone);
  const words = trimmed.toLowerCase().replace(/[_, ]/g, '');
  if (/^\d+(\.\d+)?$/.test(words) && !isDate(words)) return Math.floor(Number(words));
  const cut = words.search(/[-+]/);
  const reference = cut < 0 ? words : words.slice(0, cut);
  const offset = cut < 0 ? '' : words.slice(cut);
  return readReference(reference, nowSeconds, timeZone, text) + parseOffset(offset, text);
}

/** Seconds of an offset such as `-1h`, `+2d30min` or `5min` (no sign is plus); the empty text is 0. */
export function parseOffset(offset: string, whole = offset): number {
  let rest = offset.trim().toLowerCase().replace(/[_, ]/g, '');
  if (rest === '') return 0;
  const sign = rest.startsWith('-') ? -1 : 1;
  if (/^[-+]/.test(rest)) rest = rest.slice(1);
  let seconds = 0;
  while (rest !== '') {
    const found = /^(\d{1,12})([a-z]+)/.exec(rest);
    const size = found === null ? undefined : unitSeconds(found[2] as string);
    if (found === null || size === undefined) throw unknown(whole, 'an offset such as -1h or +30min');
    seconds += Number(found[1]) * size;
    rest = rest.slice(found[0].length);
  }
  return sign * seconds;
}

function unitSeconds(unit: string): number | undefined {
  if (unit.startsWith('s')) return 1;
  if (unit === 'm' || unit.startsWith('min')) return 60;
  if (unit.startsWith('h')) return 3600;
  if (unit.startsWith('d')) return 86_400;
  if (unit.startsWith('w')) return 604_800;
  if (unit.startsWith('mon')) return 2_592_000;
  if (unit.startsWith('y')) return 31_536_000;
  return undefined;
}

function isDate(digits: string): boolean {
  if (!/^\d{8}$/.test(digits)) return false;
  const [year, month, day] = [Number(digits.slice(0, 4)), Number(digits.slice(4, 6)), Number(digits.slice(6))];
  return year > 1900 && month > 0 && month < 13 && day > 0 && day < 32;
}

function parseRfc3339(text: string, timeZone: string): number {
  try {
    const zoned = /(z|[-+]\d\d:?\d\d)$/i.test(text) && text.length > 10;
    if (zoned) return Math.floor(Temporal.Instant.from(text).epochMilliseconds / 1000);
    return Math.floor(Temporal.PlainDateTime.from(text).toZonedDateTime(timeZone).epochMilliseconds / 1000);
  } catch {
    throw unknown(text, 'a time such as 2026-11-23T17:40:27Z');
  }
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];

function readReference(reference: string, nowSeconds: number, timeZone: string, whole: string): number {
  if (reference === '' || reference === 'now') return Math.floor(nowSeconds);
  let now: Temporal.ZonedDateTime;
  try {
    now = Temporal.Instant.fromEpochMilliseconds(Math.floor(nowSeconds) * 1000).toZonedDateTimeISO(timeZone);
  } catch {
    throw new Malformed(`time zone '${timeZone}' is unknown (expected an IANA name such as Europe/Berlin)`);
  }
  const { hour, minute, rest } = readClock(reference);
  if (hour > 23 || minute > 59) throw unknown(whole, 'a time of day below 24:00');
  const day = readDay(rest, now.toPlainDate(), whole);
  return Math.floor(day.toZonedDateTime({ timeZone, plainTime: new Temporal.PlainTime(hour, minute) }).epochMilliseconds / 1000);
}

function readClock(reference: string): { hour: number; minute: number; rest: string } {
  const clock = /^(\d{1,2}):(\d{2})(am|pm)?/.exec(reference);
  if (clock !== null) {
    const hour = Number(clock[1]) + (clock[3] === 'pm' && Number(clock[1]) < 12 ? 12 : 0);
    return { hour: clock[3] === 'am' && hour === 12 ? 0 : hour, minute: Number(clock[2]), rest: reference.slice(clock[0].length) };
  }
  const half = /^(\d{1,2})(am|pm)/.exec(reference);
  if (half !== null) {
    const hour = (Number(half[1]) % 12) + (half[2] === 'pm' ? 12 : 0);
    return { hour, minute: 0, rest: reference.slice(half[0].length) };
  }
  for (const [word, hour] of [['noon', 12] as const, ['midnight', 0] as const, ['teatime', 16] as const]) {
    if (reference.startsWith(word)) return { hour, minute: 0, rest: reference.slice(word.length) };
  }
  return { hour: 0, minute: 0, rest: reference };
}

function readDay(word: string, today: Temporal.PlainDate, whole: string): Temporal.PlainDate {
  if (word === '' || word === 'today') return today;
  if (word === 'yesterday') return today.subtract({ days: 1 });
  if (word === 'tomorrow') return today.add({ days: 1 });
  try {
    const slashed = /^(\d{1,2})\/(\d{1,2})\/(\d{2,4})$/.exec(word);
    if (slashed !== null) {
      const short = Number(slashed[3]);
      const year = short >= 1900 ? short : short < 70 ? short + 2000 : short + 1900;
      return Temporal.PlainDate.from({ year, month: Number(slashed[1]), day: Number(slashed[2]) }, { overflow: 'reject' });
    }
    if (isDate(word)) {
      const [year, month, day] = [Number(word.slice(0, 4)), Number(word.slice(4, 6)), Number(word.slice(6))];
      return Temporal.PlainDate.from({ year, month, day }, { overflow: 'reject' });
    }
    const named = /^([a-z]{3})[a-z]*(\d{1,2})$/.exec(word);
    if (named !== null && months.includes(named[1] as string)) {
      return Temporal.PlainDate.from(
        { year: today.year, month: months.indexOf(named[1] as string) + 1, day: Number(named[2]) },
        { overflow: 'reject' },
      );
    }
  } catch {
    throw unknown(whole, 'a day of the calendar');
  }
  const weekday = weekdays.indexOf(word.slice(0, 3));
  if (weekday >= 0 && /^[a-z]+$/.test(word)) return today.subtract({ days: (today.dayOfWeek - 1 - weekday + 7) % 7 });
  throw unknown(whole, 'now, -1h, midnight, yesterday, 13:50_20240615, epoch seconds or RFC 3339');
}

function unknown(text: string, expected: string): Malformed {
  return new Malformed(`'${text.slice(0, 80)}' is no time (expected ${expected})`);
}
