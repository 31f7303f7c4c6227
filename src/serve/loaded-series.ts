/**
 * What a series brought with it from a file: its archives, its method, and up to when its points are in. Kept as notes of the store beside the series,
 * written in the same commit as its points, so a load that was cut short goes on where it stood and one that is repeated changes nothing. As with
 * carbon, what a file says goes before what the rules say of new series; a rule of `weir.toml` goes before both.
 *
 *   note `series:NAME` = {"method": "sum", "xFilesFactor": 0, "archives": [[60, 86400], [300, 604800]], "upTo": 1718460000, "coarse": [[1717855500, 1718373600, 300]]}
 */

import { Corrupt } from '../base/faults.js';
import type { CoarseRange } from '../collect/whisper-points.js';
import { aggregationMethods } from '../keep/ladder.js';
import type { Ladder, NotePut } from '../keep/store.js';

export interface LoadedSeries {
  readonly method: string;
  readonly xFilesFactor: number;
  readonly ladder: Ladder;
  /** Points up to this time are in, epoch seconds. */
  readonly upTo: number;
  /** Where its points came from the file's coarser archives. */
  readonly coarse?: readonly CoarseRange[];
  /** A series of states, fed by readings: seconds for which one holds; before `fineFrom` (epoch seconds) it was loaded from coarse archives. */
  readonly state?: { readonly heartbeat: number; readonly fineFrom?: number };
}

export const loadedPrefix = 'series:';

/** The note of a series. */
export function loadedNote(name: string, { method, xFilesFactor, ladder, upTo, coarse = [] }: LoadedSeries): NotePut {
  const archives = ladder.map(({ stepSeconds, keepSeconds }) => [stepSeconds, keepSeconds]);
  return { name: loadedPrefix + name, value: new TextEncoder().encode(JSON.stringify({ method, xFilesFactor, archives, upTo, coarse })) };
}

/** Series by name, from the notes of a store. Throws Corrupt for a note that is none. */
export function readLoaded(rows: Iterable<{ readonly name: string; readonly value: Uint8Array }>): Map<string, LoadedSeries> {
  const loaded = new Map<string, LoadedSeries>();
  for (const { name, value } of rows) {
    if (name.startsWith(loadedPrefix)) loaded.set(name.slice(loadedPrefix.length), readNote(name, value));
  }
  return loaded;
}

function readNote(name: string, bytes: Uint8Array): LoadedSeries {
  let held: { method?: unknown; xFilesFactor?: unknown; archives?: unknown; upTo?: unknown; coarse?: unknown };
  try {
    held = JSON.parse(new TextDecoder().decode(bytes)) as typeof held;
  } catch (error) {
    throw new Corrupt(`the note '${name}' cannot be read`, {}, error);
  }
  const { method, xFilesFactor, archives, upTo, coarse = [] } = held;
  const right =
    typeof method === 'string' &&
    aggregationMethods.includes(method) &&
    typeof xFilesFactor === 'number' &&
    typeof upTo === 'number' &&
    Array.isArray(archives) &&
    archives.length > 0 &&
    isNumbers(archives, 2) &&
    isNumbers(coarse, 3);
  if (!right) throw new Corrupt(`the note '${name}' is not that of a loaded series`);
  const ladder = (archives as [number, number][]).map(([stepSeconds, keepSeconds]) => ({ stepSeconds, keepSeconds }));
  return { method, xFilesFactor, ladder, upTo, coarse: coarse as CoarseRange[] };
}

// A list of rows of so many whole numbers above 0.
function isNumbers(rows: unknown, count: number): boolean {
  const isRow = (row: unknown): boolean =>
    Array.isArray(row) && row.length === count && row.every((part) => Number.isSafeInteger(part) && part > 0);
  return Array.isArray(rows) && rows.every(isRow);
}
