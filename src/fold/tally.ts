/**
 * Tally: key -> count, exact up to a memory bound, and beyond it a Space-Saving summary (Metwally, Agrawal, El Abbadi: "Efficient
 * computation of frequent and top-k elements", 2005) that merges (Agarwal et al.: "Mergeable summaries", 2012).
 *
 * Each key held has `count` and `error` with  count - error <= true count <= count.  `floor` bounds the true count of every key
 * that is not held; 0 while the tally is exact. Laws:
 *   1. `total` is the sum of all that was added, always exact.
 *   2. The counts of the keys held never sum to more than `total`: what they lack is `other`.
 *   3. While all parts are exact, add and merge give the same tally in any split and order. Beyond, the bounds hold in any order.
 * Space-Saving evicts at each new key; here new keys gather and the smallest are cut together, which is the merge of a summary
 * with an exact tally and keeps the same bounds in amortised constant time.
 */

import { addToEstimate, countMembers, emptyEstimate, mergeMembers } from './member-set.js';

/** A key's figures. */
interface Counter {
  count: number;
  error: number;
}

/** A tally; make one with `zeroTally`. */
export interface Tally {
  total: number;
  /** What a key that is not held may have counted at most; 0: exact. */
  floor: number;
  /** Keys that may be held after a cut, once the tally is approximate. */
  keysMax: number;
  /** Bytes that the keys may take, by `keyCostBytes`. */
  readonly limitBytes: number;
  usedBytes: number;
  /** Whether the number of distinct keys is asked for: beyond the bound it is estimated (`member-set.ts`) by `estimate`. */
  readonly distinct: boolean;
  estimate: Uint8Array | undefined;
  readonly keys: Map<string, Counter>;
}

/** What a tally answers: the greatest keys, and what it rests on. */
export interface TallyReading {
  readonly total: number;
  readonly exact: boolean;
  /** The greatest error of any key, shown or not. */
  readonly error: number;
  /** total - sum of the counts shown. */
  readonly other: number;
  /** Of an approximate tally: an estimate if the tally was made to give it, else the number of keys that are held. */
  readonly distinctKeys: number;
  readonly top: readonly { readonly key: string; readonly count: number; readonly error: number }[];
}

/** Bound of a tally whose maker has no other in mind. */
export const defaultTallyBytes = 64 * 1024 * 1024;

// Measured on V8: a Map entry, a two-number object and a string header.
const overheadBytes = 120;

/** What holding a key costs. */
export function keyCostBytes(key: string): number {
  return overheadBytes + key.length;
}

/** The empty tally. */
export function zeroTally(limitBytes: number = defaultTallyBytes, distinct = false): Tally {
  const keysMax = Number.POSITIVE_INFINITY;
  return { total: 0, floor: 0, keysMax, limitBytes, usedBytes: 0, distinct, estimate: undefined, keys: new Map() };
}

/** Adds `count` (a non-negative integer) to a key. */
export function addTally(tally: Tally, key: string, count = 1): void {
  tally.total += count;
  const held = tally.keys.get(key);
  if (held !== undefined) {
    held.count += count;
    return;
  }
  hold(tally, key, tally.floor + count, tally.floor);
  if (mustCut(tally)) cutTally(tally);
}

/** Adds the part to the tally, which changes; the part does not. */
export function mergeTally(tally: Tally, part: Tally): void {
  tally.total += part.total;
  if (part.estimate !== undefined) tally.estimate = mergeMembers(estimateOf(tally), part.estimate);
  const floors = tally.floor + part.floor;
  if (part.floor > 0) {
    for (const [key, held] of tally.keys) {
      if (part.keys.has(key)) continue;
      held.count += part.floor;
      held.error += part.floor;
    }
  }
  for (const [key, { count, error }] of part.keys) {
    const held = tally.keys.get(key);
    if (held === undefined) hold(tally, key, count + tally.floor, error + tally.floor);
    else {
      held.count += count;
      held.error += error;
    }
  }
  tally.floor = floors;
  tally.keysMax = Math.min(tally.keysMax, part.keysMax);
  if (mustCut(tally)) cutTally(tally);
}

/** The tally of a coarser slot: the merge of its parts, in their order. */
export function rollUpTally(parts: Iterable<Tally>, limitBytes: number = defaultTallyBytes): Tally {
  const whole = zeroTally(limitBytes);
  for (const part of parts) mergeTally(whole, part);
  return whole;
}

/** The `n` greatest keys (by count, then by key) and what is not among them. */
export function readTally(tally: Tally, n: number): TallyReading {
  if (tally.floor > 0 && tally.keys.size > tally.keysMax) cutTally(tally);
  const top = greatest(tally, n);
  let shown = 0;
  let error = tally.floor;
  for (const row of top) shown += row.count;
  if (tally.floor > 0) for (const held of tally.keys.values()) error = Math.max(error, held.error);
  return { total: tally.total, exact: tally.floor === 0, error, other: tally.total - shown, distinctKeys: distinctOf(tally), top };
}

function distinctOf({ estimate, keys }: Tally): number {
  return estimate === undefined ? keys.size : Math.max(keys.size, countMembers(estimate));
}

// The estimate of all that was added so far. A tally without one still holds every key.
function estimateOf(tally: Tally): Uint8Array {
  if (tally.estimate !== undefined) return tally.estimate;
  const estimate = emptyEstimate();
  for (const key of tally.keys.keys()) addToEstimate(estimate, key);
  return estimate;
}

function greatest(tally: Tally, n: number): { key: string; count: number; error: number }[] {
  if (n <= 0) return [];
  const counts = Float64Array.from(tally.keys.values(), (held) => held.count).sort();
  const least = counts[Math.max(0, counts.length - n)] ?? 0;
  const rows: { key: string; count: number; error: number }[] = [];
  for (const [key, { count, error }] of tally.keys) if (count >= least) rows.push({ key, count, error });
  return rows.sort((one, two) => two.count - one.count || (one.key < two.key ? -1 : 1)).slice(0, n);
}

function hold(tally: Tally, key: string, count: number, error: number): void {
  tally.keys.set(key, { count, error });
  tally.usedBytes += keyCostBytes(key);
  if (tally.estimate !== undefined) addToEstimate(tally.estimate, key);
}

function mustCut(tally: Tally): boolean {
  return tally.usedBytes > tally.limitBytes || tally.keys.size > 2 * tally.keysMax;
}

/**
 * Keeps the greatest keys: those that fit in the target (half the bound), and never more than after the last cut (the law that counts never sum
 * to more than the total rests on that). What goes raises the floor.
 */
export function cutTally(tally: Tally, targetBytes: number = tally.limitBytes / 2): void {
  if (tally.distinct) tally.estimate = estimateOf(tally);
  const rows = [...tally.keys].sort(([keyOne, one], [keyTwo, two]) => two.count - one.count || (keyOne < keyTwo ? -1 : 1));
  tally.keys.clear();
  let used = 0;
  let kept = 0;
  for (const [key, held] of rows) {
    const cost = keyCostBytes(key);
    if (kept > 0 && (kept >= tally.keysMax || used + cost > targetBytes)) {
      tally.floor = Math.max(tally.floor, held.count);
      break;
    }
    tally.keys.set(key, held);
    used += cost;
    kept += 1;
  }
  tally.usedBytes = used;
  if (tally.floor > 0) tally.keysMax = Math.max(1, Math.min(tally.keysMax, kept));
}
