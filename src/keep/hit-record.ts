/**
 * How counted hits are written: slots as plain arrays, short names, JSON. What is read is checked: a store is not believed (law: check on
 * write and again on read).
 *
 *   slot: { t: start ms, r: requests, b: bytes, s: [ten status classes], v?: [[bin, count], ...], k: { list: tally } }
 *   tally: [total, floor, keysMax or null, [key, count, error, key, count, error, ...]]      error only where the floor is above 0
 */

import { Corrupt } from '../base/faults.js';
import type { PeriodCounts } from '../fold/hit-counter.js';
import type { HitCounts } from '../fold/hit-counts.js';
import { ZoneCalendar } from '../fold/period.js';
import { keyCostBytes, type Tally, zeroTally } from '../fold/tally.js';

type StoredTally = readonly [total: number, floor: number, keysMax: number | null, keys: readonly (string | number)[]];

export interface StoredSlot {
  readonly t: number;
  readonly r: number;
  readonly b: number;
  readonly s: readonly number[];
  readonly v?: readonly (readonly [number, number])[];
  readonly k: Readonly<Record<string, StoredTally>>;
}

/** Counts in the form they are written in. */
export function storeSlot({ period, counts }: PeriodCounts): StoredSlot {
  return {
    t: period.startMs,
    r: counts.requests,
    b: counts.bytes,
    s: counts.statusClasses,
    ...(counts.served.size === 0 ? {} : { v: [...counts.served] }),
    k: Object.fromEntries([...counts.tallies].map(([name, tally]) => [name, storeTally(tally)])),
  };
}

const calendar = new ZoneCalendar('UTC');

/** Reads them back. Throws Corrupt for what cannot be. */
export function readSlot(slot: StoredSlot): PeriodCounts {
  if (![slot.t, slot.r, slot.b, ...slot.s].every((value) => Number.isSafeInteger(value))) {
    throw new Corrupt('a stored slot of hits holds a figure that is no integer');
  }
  const counts: HitCounts = {
    requests: slot.r,
    bytes: slot.b,
    statusClasses: [...slot.s],
    served: new Map(slot.v ?? []),
    tallies: new Map(Object.entries(slot.k).map(([name, tally]) => [name, readTallyOf(tally)])),
  };
  return { period: calendar.periodAt('quarter', slot.t), counts };
}

function storeTally(tally: Tally): StoredTally {
  const keys: (string | number)[] = [];
  for (const [key, { count, error }] of tally.keys) {
    if (tally.floor > 0) keys.push(key, count, error);
    else keys.push(key, count);
  }
  return [tally.total, tally.floor, Number.isFinite(tally.keysMax) ? tally.keysMax : null, keys];
}

function readTallyOf([total, floor, keysMax, keys]: StoredTally): Tally {
  const tally = zeroTally(Number.POSITIVE_INFINITY);
  tally.total = total;
  tally.floor = floor;
  tally.keysMax = keysMax ?? Number.POSITIVE_INFINITY;
  const width = floor > 0 ? 3 : 2;
  if (keys.length % width !== 0) throw new Corrupt('a stored tally has an odd number of figures');
  for (let index = 0; index < keys.length; index += width) {
    const key = keys[index];
    const count = keys[index + 1];
    const error = width === 3 ? keys[index + 2] : 0;
    if (typeof key !== 'string' || typeof count !== 'number' || typeof error !== 'number')
      throw new Corrupt('a stored tally is not as written');
    tally.keys.set(key, { count, error });
    tally.usedBytes += keyCostBytes(key);
  }
  return tally;
}
