/**
 * Top lists: the answer made of counted hits when it is shown, never before (law 1). A row a period and list, in order of time, saying
 * what it rests on: exact, or within `error`; what is not shown is `other`; requests that have no such key are `without` (and in
 * `other`, so that the counts shown and `other` sum to `requests`).
 */

import { type HitCounts, servedQuantile } from '../fold/hit-counts.js';
import type { KeySpec } from '../fold/hit-keys.js';
import type { Period } from '../fold/period.js';
import { readTally, type Tally } from '../fold/tally.js';

export interface TopKey {
  readonly key: string;
  readonly count: number;
  /** How much too high `count` may be; absent when exact. */
  readonly error?: number;
  /** Count of the key in the period compared with. */
  readonly before?: number;
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
  readonly servedMs?: { readonly p50: number; readonly p95: number; readonly p99: number };
  readonly visitors?: number;
  /** `period` and its requests, when two are compared. */
  readonly compared?: { readonly period: string; readonly requests: number };
}

/** Counts of a period. */
export interface CountedPeriod {
  readonly period: Period;
  readonly counts: HitCounts;
  readonly visitors?: number;
}

export interface RankOptions {
  readonly specs: readonly KeySpec[];
  readonly n: number;
  /** A period's name, or `previous`. */
  readonly compare?: string | undefined;
}

/** The rows of all periods, sorted by time and then as the lists were asked for. */
export function rankPeriods(counted: Iterable<CountedPeriod>, options: RankOptions): TopRow[] {
  const periods = [...counted].sort((one, two) => one.period.startMs - two.period.startMs);
  const fixed = options.compare === 'previous' ? undefined : periods.find(({ period }) => period.label === options.compare);
  return periods.flatMap((current, index) => {
    const base = options.compare === undefined ? undefined : options.compare === 'previous' ? periods[index - 1] : fixed;
    return options.specs.map((spec) => rankOne(current, spec, options.n, base === current ? undefined : base));
  });
}

function rankOne({ period, counts, visitors }: CountedPeriod, spec: KeySpec, n: number, base: CountedPeriod | undefined): TopRow {
  const tally = counts.tallies.get(spec.name);
  const reading = tally === undefined ? undefined : readTally(tally, n);
  const before = base?.counts.tallies.get(spec.name);
  const without = counts.requests - (reading?.total ?? 0);
  const p50 = servedQuantile(counts.served, 0.5);
  return {
    period: period.label,
    by: spec.name,
    requests: counts.requests,
    exact: reading?.exact ?? true,
    error: reading?.error ?? 0,
    other: (reading?.other ?? 0) + without,
    top: (reading?.top ?? []).map((row) => topKey(row, reading?.exact ?? true, before)),
    without,
    keys: reading?.distinctKeys ?? 0,
    bytes: counts.bytes,
    statuses: statusesOf(counts.statusClasses),
    ...(p50 === undefined
      ? {}
      : { servedMs: { p50, p95: servedQuantile(counts.served, 0.95) ?? p50, p99: servedQuantile(counts.served, 0.99) ?? p50 } }),
    ...(visitors === undefined ? {} : { visitors }),
    ...(base === undefined ? {} : { compared: { period: base.period.label, requests: base.counts.requests } }),
  };
}

function topKey(row: { key: string; count: number; error: number }, exact: boolean, before: Tally | undefined): TopKey {
  return {
    key: row.key,
    count: row.count,
    ...(exact ? {} : { error: row.error }),
    ...(before === undefined ? {} : { before: before.keys.get(row.key)?.count ?? 0 }),
  };
}

function statusesOf(classes: readonly number[]): Record<string, number> {
  const statuses: Record<string, number> = {};
  classes.forEach((count, digit) => {
    if (count > 0) statuses[digit === 0 ? 'unknown' : `${digit}xx`] = count;
  });
  return statuses;
}
