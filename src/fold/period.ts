/**
 * Calendar periods of a time zone: the hour, day, month or year that holds an instant, as a half-open range of UTC milliseconds
 * and the name it is printed under. A day starts at the first instant that bears its date, so that days of 23, 24.5 and 25
 * hours and days without a midnight are right. Every boundary of a zone of today falls on a quarter of an hour (law 3).
 */

import { Usage } from '../base/faults.js';

/** What a top list may be made per; `all` is one period for everything. */
export type Per = 'all' | 'quarter' | 'hour' | 'day' | 'month' | 'year';

export const pers: readonly Per[] = ['all', 'hour', 'day', 'month', 'year'];

/** A half-open range `[startMs, endMs)` with its printed name. */
export interface Period {
  readonly startMs: number;
  readonly endMs: number;
  readonly label: string;
}

/** Base slots of stored tallies. */
export const quarterMs = 15 * 60_000;

const hourMs = 3_600_000;

/** A calendar of one IANA zone. Throws Usage if there is no such zone. */
export class ZoneCalendar {
  readonly zone: string;
  readonly #format: Intl.DateTimeFormat | undefined;
  #localQuarter = Number.NaN;
  #localOffset = 0;

  constructor(zone: string) {
    this.zone = zone;
    if (zone === 'UTC') return;
    try {
      this.#format = new Intl.DateTimeFormat('en-US', {
        timeZone: zone,
        calendar: 'gregory',
        hourCycle: 'h23',
        year: 'numeric',
        month: '2-digit',
        day: '2-digit',
        hour: '2-digit',
        minute: '2-digit',
        second: '2-digit',
      });
    } catch (error) {
      throw new Usage(`no such time zone: '${zone}' (expected an IANA name such as Europe/Berlin)`, {}, error);
    }
  }

  /** Milliseconds that local time is ahead of UTC at an instant. */
  offsetMs(atMs: number): number {
    if (this.#format === undefined) return 0;
    const field: Record<string, number> = {};
    for (const part of this.#format.formatToParts(atMs)) field[part.type] = Number(part.value);
    const local = Date.UTC(
      field['year'] ?? 0,
      (field['month'] ?? 1) - 1,
      field['day'] ?? 1,
      field['hour'] ?? 0,
      field['minute'] ?? 0,
      field['second'] ?? 0,
    );
    return local - Math.floor(atMs / 1000) * 1000;
  }

  /** Milliseconds that local time is ahead of UTC, at a local time written as if it were UTC: of an hour that comes twice, the first. */
  readonly localOffsetMs = (localMs: number): number => {
    if (this.#format === undefined) return 0;
    const quarter = Math.floor(localMs / quarterMs);
    if (quarter !== this.#localQuarter) {
      const before = this.offsetMs(localMs - this.offsetMs(localMs - 24 * hourMs));
      this.#localQuarter = quarter;
      this.#localOffset = before;
    }
    return this.#localOffset;
  };

  /** The period that holds an instant. */
  periodAt(per: Per, atMs: number): Period {
    if (per === 'all') return { startMs: Number.NEGATIVE_INFINITY, endMs: Number.POSITIVE_INFINITY, label: 'all' };
    if (per === 'quarter') {
      const startMs = Math.floor(atMs / quarterMs) * quarterMs;
      return { startMs, endMs: startMs + quarterMs, label: new Date(startMs).toISOString() };
    }
    if (per === 'hour') return this.#hourAt(atMs);
    const local = new Date(atMs + this.offsetMs(atMs));
    const year = local.getUTCFullYear();
    const month = per === 'year' ? 0 : local.getUTCMonth();
    const day = per === 'day' ? local.getUTCDate() : 1;
    const next =
      per === 'year' ? Date.UTC(year + 1, 0, 1) : per === 'month' ? Date.UTC(year, month + 1, 1) : Date.UTC(year, month, day + 1);
    const text = new Date(Date.UTC(year, month, day)).toISOString();
    return {
      startMs: this.#startOfDate(Date.UTC(year, month, day)),
      endMs: this.#startOfDate(next),
      label: text.slice(0, per === 'year' ? 4 : per === 'month' ? 7 : 10),
    };
  }

  // First instant whose local clock is at or past the local midnight `midnight` (local time written as UTC).
  #startOfDate(midnight: number): number {
    if (this.#format === undefined) return midnight;
    const guess = midnight - this.offsetMs(midnight);
    const reached = (at: number): boolean => at + this.offsetMs(at) >= midnight;
    if (reached(guess) && !reached(guess - 1000)) return guess;
    let low = midnight - 26 * hourMs;
    let high = midnight + 26 * hourMs;
    while (high - low > 1000) {
      const middle = Math.floor((low + high) / 2000) * 1000;
      if (reached(middle)) high = middle;
      else low = middle;
    }
    return high;
  }

  // A local hour; one that a change of offset cuts ends there.
  #hourAt(atMs: number): Period {
    const offset = this.offsetMs(atMs);
    let startMs = Math.floor((atMs + offset) / hourMs) * hourMs - offset;
    let endMs = startMs + hourMs;
    if (this.offsetMs(startMs) !== offset) startMs = this.#changeIn(startMs, atMs);
    if (this.offsetMs(endMs - 1000) !== offset) endMs = this.#changeIn(atMs, endMs);
    const minutes = Math.round(offset / 60_000);
    const sign = minutes < 0 ? '-' : '+';
    const two = (value: number): string => String(value).padStart(2, '0');
    const suffix = this.zone === 'UTC' ? 'Z' : `${sign}${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
    return { startMs, endMs, label: `${new Date(startMs + offset).toISOString().slice(0, 16)}${suffix}` };
  }

  // The instant in (low, high] at which the offset becomes that of `high`.
  #changeIn(low: number, high: number): number {
    const after = this.offsetMs(high);
    let from = Math.floor(low / 1000) * 1000;
    let to = Math.ceil(high / 1000) * 1000;
    while (to - from > 1000) {
      const middle = Math.floor((from + to) / 2000) * 1000;
      if (this.offsetMs(middle) === after) to = middle;
      else from = middle;
    }
    return to;
  }
}
