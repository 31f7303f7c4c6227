/**
 * Counts of hits in one slot: requests, bytes, status classes, time served, and a tally for each list asked for. A commutative monoid
 * like its parts: `zeroHitCounts`, `addHit`, `mergeHitCounts`; a coarser slot is the merge of its parts (law 1).
 *
 * Time served falls into log-linear bins: bin(ms) = 0 for below 1 ms (in microseconds: below 1), else 32 bins an octave of microseconds,
 * so that a percentile is within 1/32 of the true one and merges without loss.
 */

import type { Hit } from '../base/hit.js';
import { type KeyOptions, type KeySpec, keyOf } from './hit-keys.js';
import { addTally, mergeTally, type Tally, zeroTally } from './tally.js';

export interface HitCounts {
  requests: number;
  bytes: number;
  /** Requests by the first digit of their status; 0: unknown. */
  readonly statusClasses: number[];
  /** Bin of time served -> requests. */
  readonly served: Map<number, number>;
  /** A tally for each list, by its name; its keys are byte strings (base/hit). */
  readonly tallies: Map<string, Tally>;
}

/** Nothing counted, for these lists, each tally within its bound. */
export function zeroHitCounts(specs: readonly KeySpec[], limitBytes?: number): HitCounts {
  return {
    requests: 0,
    bytes: 0,
    statusClasses: new Array<number>(10).fill(0),
    served: new Map(),
    tallies: new Map(specs.map((spec) => [spec.name, zeroTally(limitBytes, spec.distinct)])),
  };
}

/** Counts one hit. */
export function addHit(counts: HitCounts, hit: Hit, specs: readonly KeySpec[], options: KeyOptions): void {
  counts.requests += 1;
  counts.bytes += hit.bytes;
  const digit = Math.floor(hit.status / 100);
  counts.statusClasses[digit] = (counts.statusClasses[digit] ?? 0) + 1;
  if (!Number.isNaN(hit.servedMs)) {
    const bin = servedBin(hit.servedMs);
    counts.served.set(bin, (counts.served.get(bin) ?? 0) + 1);
  }
  for (const spec of specs) {
    const key = keyOf(hit, spec, options);
    const tally = key === '' ? undefined : counts.tallies.get(spec.name);
    if (tally !== undefined) addTally(tally, key);
  }
}

/** Adds the part to the counts; the part does not change. */
export function mergeHitCounts(counts: HitCounts, part: HitCounts): void {
  counts.requests += part.requests;
  counts.bytes += part.bytes;
  part.statusClasses.forEach((value, digit) => {
    counts.statusClasses[digit] = (counts.statusClasses[digit] ?? 0) + value;
  });
  addServed(counts.served, part.served);
  for (const [name, tally] of part.tallies) {
    const own = counts.tallies.get(name);
    if (own !== undefined) mergeTally(own, tally);
  }
}

/** Adds the bins of a part; answers the whole. */
export function addServed(served: Map<number, number>, part: ReadonlyMap<number, number> = new Map()): Map<number, number> {
  for (const [bin, count] of part) served.set(bin, (served.get(bin) ?? 0) + count);
  return served;
}

/** The bin of a time served. */
export function servedBin(ms: number): number {
  const micros = Math.floor(ms * 1000 + 1e-6);
  if (micros < 32) return Math.max(0, micros);
  const octave = 31 - Math.clz32(Math.min(micros, 0xffffffff));
  const step = Math.floor(Math.min(micros, 0xffffffff) / 2 ** (octave - 5)) - 32;
  return (octave - 4) * 32 + step;
}

/** The middle of a bin in milliseconds. */
export function servedMsOf(bin: number): number {
  if (bin < 32) return bin / 1000;
  const octave = Math.floor(bin / 32) + 4;
  return ((32 + (bin % 32) + 0.5) * 2 ** (octave - 5)) / 1000;
}

/** Requests by the time that they took, each bin as long as all before it; half-open, in milliseconds, empty ones left out. */
export function servedOctaves(served: ReadonlyMap<number, number>): { from: number; to: number; count: number }[] {
  const counts = new Map<number, number>();
  // Bins below 32 are single microseconds; then there are 32 an octave.
  for (const [bin, count] of served) {
    const octave = bin < 32 ? (bin === 0 ? -1 : 31 - Math.clz32(bin)) : Math.floor(bin / 32) + 4;
    counts.set(octave, (counts.get(octave) ?? 0) + count);
  }
  const sorted = [...counts].sort(([one], [two]) => one - two);
  return sorted.map(([octave, count]) => ({ from: octave < 0 ? 0 : 2 ** octave / 1000, to: 2 ** (octave + 1) / 1000, count }));
}

/** The time within which the share `quantile` of requests was served, in milliseconds; undefined when none is known. */
export function servedQuantile(served: ReadonlyMap<number, number>, quantile: number): number | undefined {
  let total = 0;
  for (const count of served.values()) total += count;
  if (total === 0) return undefined;
  const rank = Math.max(1, Math.ceil(total * quantile));
  let seen = 0;
  for (const [bin, count] of [...served].sort(([one], [two]) => one - two)) {
    seen += count;
    if (seen >= rank) return servedMsOf(bin);
  }
  return undefined;
}
