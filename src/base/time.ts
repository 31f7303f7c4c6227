/**
 * Instants as whole seconds and nanoseconds, read and printed as RFC 3339 and as epoch seconds.
 * A time without a zone is UTC unless a zone (IANA name) is given. Source: RFC 3339 section 5.6; time zones by Temporal.
 */

import { Temporal } from 'temporal-polyfill';
import { Usage } from './faults.js';
import type { WallClock } from './wall-clock.js';

/** An instant: `seconds` of the Unix epoch (may be negative) and 0 <= nanos < 1e9. */
export interface Instant {
  readonly seconds: number;
  readonly nanos: number;
}

const rfc3339 = /^(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9})\d*)?)?)?\s*(Z|z|[+-]\d{2}:?\d{2})?$/;

/** Parses RFC 3339 (date alone and a blank for T are taken too) or epoch seconds with decimals; undefined when it is neither. */
export function parseInstant(text: string, timeZone = 'UTC'): Instant | undefined {
  const trimmed = text.trim();
  const epoch = /^(\d{1,11})(?:\.(\d{1,9})\d*)?$/.exec(trimmed);
  if (epoch !== null) return { seconds: Number(epoch[1]), nanos: nanosOf(epoch[2]) };
  const parts = rfc3339.exec(trimmed);
  if (parts === null) return undefined;
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction, zone] = parts;
  const [y, mo, d, h, mi, s] = [year, month, day, hour, minute, second].map(Number) as [number, number, number, number, number, number];
  if (mo < 1 || mo > 12 || d < 1 || d > daysIn(y, mo) || h > 24 || mi > 59 || s > 60 || (h === 24 && (mi > 0 || s > 0))) return undefined;
  if (zone === undefined && timeZone !== 'UTC') return inZone(timeZone, y, mo, d, h, mi, Math.min(s, 59), nanosOf(fraction));
  let seconds = Date.UTC(y, mo - 1, d, h, mi, s) / 1000;
  if (zone !== undefined && zone.toUpperCase() !== 'Z') {
    const sign = zone.startsWith('-') ? -1 : 1;
    const digits = zone.slice(1).replace(':', '');
    seconds -= sign * (Number(digits.slice(0, 2)) * 3600 + Number(digits.slice(2)) * 60);
  }
  return { seconds, nanos: nanosOf(fraction) };
}

/** The same, for an option of the command line: throws Usage. */
export function instantOption(name: string, text: string | undefined, timeZone = 'UTC'): Instant | undefined {
  if (text === undefined) return undefined;
  const instant = parseInstant(text, timeZone);
  if (instant === undefined) throw new Usage(`--${name} '${text}' (expected RFC 3339 as 2026-11-23T17:40:27Z, or epoch seconds)`);
  return instant;
}

/** Throws Usage unless the zone is an IANA name that is known. */
export function checkTimeZone(timeZone: string): string {
  if (timeZone === 'UTC') return timeZone;
  try {
    return Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(timeZone).timeZoneId;
  } catch {
    throw new Usage(`time zone '${timeZone}' (expected an IANA name as Europe/London)`);
  }
}

/** The wall clock of a zone, by its IANA name. Throws Usage when it is unknown. */
export function zoneClock(timeZone: string): WallClock {
  const known = checkTimeZone(timeZone);
  return {
    offsetSeconds: (epochSeconds) =>
      Temporal.Instant.fromEpochMilliseconds(Math.floor(epochSeconds * 1000)).toZonedDateTimeISO(known).offsetNanoseconds / 1e9,
  };
}

/** RFC 3339 in UTC with the fewest of 3, 6 or 9 decimals that lose nothing. */
export function formatInstant({ seconds, nanos }: Instant): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, -5)}.${decimals(nanos)}Z`;
}

/** Epoch seconds with the fewest of 3, 6 or 9 decimals that lose nothing. */
export function formatEpoch({ seconds, nanos }: Instant): string {
  return `${seconds}.${decimals(nanos)}`;
}

/** -1, 0 or 1, as for a sort. */
export function compareInstants(left: Instant, right: Instant): number {
  return Math.sign(left.seconds - right.seconds) || Math.sign(left.nanos - right.nanos);
}

function decimals(nanos: number): string {
  const all = String(nanos).padStart(9, '0');
  if (all.endsWith('000000')) return all.slice(0, 3);
  return all.endsWith('000') ? all.slice(0, 6) : all;
}

function nanosOf(fraction: string | undefined): number {
  return fraction === undefined ? 0 : Number(fraction.padEnd(9, '0'));
}

function daysIn(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

function inZone(
  timeZone: string,
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
  nanos: number,
): Instant {
  const local = Temporal.PlainDateTime.from({ year, month, day }).add({ hours: hour, minutes: minute, seconds: second });
  return { seconds: local.toZonedDateTime(timeZone).epochMilliseconds / 1000, nanos };
}
