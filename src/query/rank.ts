/**
 * Top lists: the answer made of counted hits when it is shown, never before (law 1). A row a period and list, in order of time, saying
 * what it rests on: exact, or within `error`; what is not shown is `other`; requests that have no such key are `without` (and in
 * `other`, so that the counts shown and `other` sum to `requests`).
 */

import { Usage } from '../base/faults.js';
import { showBytes } from '../base/hit.js';
import type { PeriodCounts } from '../fold/hit-counter.js';
import { servedOctaves, servedQuantile } from '../fold/hit-counts.js';
import type { KeySpec } from '../fold/hit-keys.js';
import { estimateErrorPercent } from '../fold/member-set.js';
import type { Period } from '../fold/period.js';
import { readTally, type TallyReading, zeroTally } from '../fold/tally.js';

export interface TopKey {
  readonly key: string;
  readonly count: number;
  /** How much too high `count` may be; absent when exact. */
  readonly error?: number;
  /** Count of the key in the period compared with. */
  readonly before?: number;
}

/** How long requests took to serve, of those that say so: percentiles within 1/32, and a histogram whose counts are exact. */
export interface ServedTimes {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly bins: readonly { readonly from: number; readonly to: number; readonly count: number }[];
}

/** One list of one period. */
export interface TopRow {
  readonly period: string;
  readonly by: string;
  readonly requests: number;
  readonly exact: boolean;
  readonly error: number;
  readonly other: number;
  readonly top: readonly TopKey[];
  readonly without: number;
  readonly keys: number;
  readonly bytes: number;
  readonly statuses: Readonly<Record<string, number>>;
  readonly servedMs?: ServedTimes;
  readonly visitors?: number;
  /** Standard error of `visitors` in percent; absent when it is exact. */
  readonly visitorsErrorPercent?: number;
  /** Lines of the input that were refused, by cause, all periods together; of logs that were read, not of a store. */
  readonly rejected?: Readonly<Record<string, number>>;
  /** `period` and its requests, when two are compared. */
  readonly compared?: { readonly period: string; readonly requests: number };
}

/** Counts of a period, wherever they are held. Keys are byte strings. */
export interface CountedPeriod {
  readonly period: Period;
  readonly requests: number;
  readonly bytes: number;
  readonly statusClasses: readonly number[];
  readonly served: ReadonlyMap<number, number>;
  readonly visitors?: TallyReading;
  readonly read: (list: string, n: number) => TallyReading;
  readonly countOf: (list: string, key: string) => number;
}

/** The counts that a HitCounter holds. */
export function countedPeriod({ period, counts }: PeriodCounts): CountedPeriod {
  return {
    ...counts,
    period,
    read: (list, n) => readTally(counts.tallies.get(list) ?? zeroTally(), n),
    countOf: (list, key) => counts.tallies.get(list)?.keys.get(key)?.count ?? 0,
  };
}

export interface RankOptions {
  readonly specs: readonly KeySpec[];
  readonly n: number;
  /** The list whose keys are visitors, if they are counted. */
  readonly visitors?: string | undefined;
  /** A period's name, or `previous`. */
  readonly compare?: string | undefined;
  readonly rejected?: ReadonlyMap<string, number> | undefined;
}

/** The rows of all periods, sorted by time and then as the lists were asked for. */
export function rankPeriods(counted: Iterable<CountedPeriod>, options: RankOptions): TopRow[] {
  const periods = [...counted].filter(({ requests }) => requests > 0).sort((one, two) => one.period.startMs - two.period.startMs);
  const fixed = options.compare === 'previous' ? undefined : periods.find(({ period }) => period.label === options.compare);
  if (options.compare !== undefined && options.compare !== 'previous' && fixed === undefined && periods.length > 0) {
    const [first, last] = [periods[0]?.period.label, periods.at(-1)?.period.label];
    throw new Usage(
      `compare '${options.compare}': no requests in a period of that name (expected one from ${first} to ${last}, or previous)`,
    );
  }
  const rejected = options.rejected === undefined ? undefined : Object.fromEntries(options.rejected);
  return periods.flatMap((current, index) => {
    const base = options.compare === undefined ? undefined : options.compare === 'previous' ? periods[index - 1] : fixed;
    const visitors = options.visitors === undefined ? undefined : current.read(options.visitors, 0);
    const seen = visitors === undefined ? current : { ...current, visitors };
    const rows = options.specs.map((spec) => rankOne(seen, spec, options.n, base === current ? undefined : base));
    return rejected === undefined ? rows : rows.map((row) => ({ ...row, rejected }));
  });
}

function rankOne(current: CountedPeriod, spec: KeySpec, n: number, base: CountedPeriod | undefined): TopRow {
  const { period, requests, served, visitors } = current;
  const reading = current.read(spec.name, n);
  const without = requests - reading.total;
  return {
    period: period.label,
    by: spec.name,
    requests,
    exact: reading.exact,
    error: reading.error,
    other: reading.other + without,
    top: reading.top.map((row) => ({
      key: showBytes(row.key),
      count: row.count,
      ...(reading.exact ? {} : { error: row.error }),
      ...(base === undefined ? {} : { before: base.countOf(spec.name, row.key) }),
    })),
    without,
    keys: reading.distinctKeys,
    bytes: current.bytes,
    statuses: statusesOf(current.statusClasses),
    ...(served.size === 0 ? {} : { servedMs: servedTimes(served) }),
    ...(visitors === undefined ? {} : { visitors: visitors.distinctKeys }),
    ...(visitors === undefined || visitors.exact ? {} : { visitorsErrorPercent: estimateErrorPercent }),
    ...(base === undefined ? {} : { compared: { period: base.period.label, requests: base.requests } }),
  };
}

function servedTimes(served: ReadonlyMap<number, number>): ServedTimes {
  const quantile = (share: number): number => servedQuantile(served, share) ?? 0;
  return { p50: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99), bins: servedOctaves(served) };
}

function statusesOf(classes: readonly number[]): Record<string, number> {
  const statuses: Record<string, number> = {};
  classes.forEach((count, digit) => {
    if (count > 0) statuses[digit === 0 ? 'unknown' : `${digit}xx`] = count;
  });
  return statuses;
}
