/**
 * The words of `rrdtool update`: `N:1:2`, `1700000100:17.9:U`, `1700000100.25:1`, `noon@7`, each a time and a reading for each source of the template. Messages are
 * worded as rrdtool words them. Source: the manual page rrdupdate(1), and how rrdtool 1.7.2 behaves.
 */

import { Malformed } from '../base/faults.js';

/** One update as it was told: the words of its time, and its readings. */
export interface ReadingWords {
  readonly time: string;
  /** The time is in RRDtool's words (`noon@7`). */
  readonly isAt: boolean;
  readonly readings: readonly string[];
}

/** Cuts an update into its parts; `count` readings are expected. Throws Malformed. */
export function parseReading(text: string, count: number): ReadingWords {
  const at = text.indexOf('@');
  const colon = text.indexOf(':');
  const isAt = at >= 0;
  const cut = isAt ? at : colon;
  if (cut < 0) throw new Malformed(`expected timestamp not found in data source from ${text.slice(0, 200)}`);
  const rest = text.slice(cut + 1);
  const readings = count === 1 && !rest.includes(':') ? [rest] : rest.split(':');
  if (readings.length > count) throw new Malformed(`found extra data on update argument: ${readings.slice(count).join(':').slice(0, 200)}`);
  if (readings.length < count)
    throw new Malformed(`expected ${count} data source readings (got ${readings.length}) from ${text.slice(0, 200)}`);
  return { time: text.slice(0, cut), isAt, readings };
}

/** Where the time of an update of the form `SECONDS:READING` ends: one reading, nothing else to be asked of it; -1 for every other form. */
export function plainTimeEnd(text: string): number {
  const colon = text.indexOf(':');
  return colon > 0 && !text.includes(':', colon + 1) && !text.includes('@') && secondsOf(text, colon) >= 0 ? colon : -1;
}

/** A whole number of at most twelve digits that ends at `end`; -1 for anything else. */
export function secondsOf(text: string, end: number): number {
  let seconds = 0;
  for (let at = 0; at < end; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return -1;
    seconds = seconds * 10 + digit;
  }
  return end > 0 && end <= 12 ? seconds : -1;
}

/** Epoch milliseconds of a time in digits; undefined for `N`. Throws Malformed. */
export function readingTimeMs(text: string): number | undefined {
  if (text === 'N') return undefined;
  const seconds = secondsOf(text, text.length);
  if (seconds >= 0) return seconds * 1000;
  if (/^\d{1,12}\.\d*$/.test(text)) return Math.floor(Number(text) * 1000 + 1e-6);
  throw new Malformed(`error while parsing time in get_time_from_reading - Cannot convert '${text.slice(0, 100)}' to float`);
}
