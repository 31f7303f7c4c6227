/**
 * What the names of a Redis user's sorted sets say: `day:top:2026-11-23`, `top:url:20261123`, `hits:2026-11:keyword`. A name holds a date
 * (an hour, day, month or year of the zone asked for) and perhaps the list that it is of. Sets of days and sets of the months made from
 * them stand side by side in such databases: a coarser set is left out where a finer one of the same list covers a part of it, since its
 * counts are in there already.
 */

import { type KeyField, keyFields } from '../fold/hit-keys.js';
import type { Per, Period, ZoneCalendar } from '../fold/period.js';

/** A set to be taken over. */
export interface RedisKey {
  readonly name: string;
  readonly list: KeyField;
  readonly period: Period;
}

/** What the names told. */
export interface RedisPlan {
  /** In order of time, then of name. */
  readonly taken: readonly RedisKey[];
  /** Coarser sets, whose counts finer ones hold. */
  readonly covered: readonly string[];
  /** Names without a date. */
  readonly dateless: readonly string[];
}

// Year, then month, day and hour, each only after the one before; with or without a dash between.
const date = /(?<!\d)(20\d\d)(?:-?(0[1-9]|1[0-2])(?:-?(0[1-9]|[12]\d|3[01])(?:[T:_ -]?([01]\d|2[0-3]))?)?)?(?!\d)/;

const otherWords: Readonly<Record<string, KeyField>> = {
  urls: 'url',
  path: 'url',
  paths: 'url',
  page: 'url',
  pages: 'url',
  keywords: 'keyword',
  query: 'keyword',
  queries: 'keyword',
  search: 'keyword',
  searches: 'keyword',
  term: 'keyword',
  terms: 'keyword',
  hosts: 'host',
  ip: 'host',
  ips: 'host',
  agents: 'agent',
  referers: 'referer',
  users: 'user',
};

/** Reads names; `list` is what sets are of whose names do not say. */
export function planRedisKeys(names: Iterable<string>, list: KeyField, calendar: ZoneCalendar): RedisPlan {
  const dateless: string[] = [];
  const found: (RedisKey & { readonly rank: number })[] = [];
  for (const name of new Set(names)) {
    const match = date.exec(name);
    if (match === null) dateless.push(name);
    else {
      const rest = `${name.slice(0, match.index)} ${name.slice(match.index + match[0].length)}`;
      found.push({ name, list: listOf(rest) ?? list, ...periodOf(match, calendar) });
    }
  }
  found.sort((one, two) => one.rank - two.rank || one.period.startMs - two.period.startMs || (one.name < two.name ? -1 : 1));
  const taken: RedisKey[] = [];
  const covered: string[] = [];
  const seen = new Set<string>();
  for (const { name, list: own, period, rank } of found) {
    const places = coarserPlaces(period, calendar);
    if (seen.has(`${own} ${rank} ${period.startMs}`)) covered.push(name);
    else {
      taken.push({ name, list: own, period });
      places.forEach((startMs, place) => {
        if (place > rank) seen.add(`${own} ${place} ${startMs}`);
      });
    }
  }
  taken.sort((one, two) => one.period.startMs - two.period.startMs || (one.name < two.name ? -1 : 1));
  return { taken, covered: covered.sort(), dateless: dateless.sort() };
}

const ranks: readonly Per[] = ['hour', 'day', 'month', 'year'];

function coarserPlaces(period: Period, calendar: ZoneCalendar): number[] {
  return ranks.map((per) => calendar.periodAt(per, period.startMs).startMs);
}

function listOf(text: string): KeyField | undefined {
  for (const word of text.toLowerCase().split(/[^a-z]+/)) {
    const field = keyFields.find((known) => known === word) ?? (Object.hasOwn(otherWords, word) ? otherWords[word] : undefined);
    if (field !== undefined) return field;
  }
  return undefined;
}

function periodOf([, year, month, day, hour]: readonly (string | undefined)[], calendar: ZoneCalendar): { period: Period; rank: number } {
  const local = Date.UTC(Number(year), Number(month ?? 1) - 1, Number(day ?? 1), 12);
  const middle = local - calendar.offsetMs(local);
  const rank = hour !== undefined ? 0 : day !== undefined ? 1 : month !== undefined ? 2 : 3;
  const coarse = calendar.periodAt(ranks[Math.max(rank, 1)] ?? 'day', middle);
  if (hour === undefined) return { period: coarse, rank };
  const wall = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour));
  return { period: calendar.periodAt('hour', Math.max(coarse.startMs, wall - calendar.offsetMs(wall - calendar.offsetMs(wall)))), rank };
}
