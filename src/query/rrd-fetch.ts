/**
 * `fetch`: rows of the archive that answers a range best, as rrdtool chooses it.
 *
 * Of the archives with the consolidation function, those that reach back to the start are preferred, and among them the one whose step is nearest to
 * the resolution asked for; if none reaches back, the one that covers most of the range. The range is then widened to whole steps of that archive; rows
 * before and after what it holds are unknown.
 * Source: rrdfetch(1), "RESOLUTION INTERVAL"; the order of preference by asking rrdtool 1.7.2.
 */

import { Refused } from '../base/faults.js';
import type { RrdArchive, RrdDatabase, RrdFunction } from '../collect/rrd-database.js';

/** Rows of all sources: row i is (start + i*step, start + (i+1)*step], labelled by its end. */
export interface RrdRows {
  readonly start: number;
  readonly end: number;
  readonly step: number;
  readonly names: readonly string[];
  readonly count: number;
  /** `names.length` values a row. */
  readonly values: Float64Array;
}

/** More values than this in one answer are refused. */
const valuesMax = 1 << 26;

/** The rows of a range, at a resolution in seconds near the one asked for. Throws Refused when no archive has the function. */
export function fetchRrd(database: RrdDatabase, cf: RrdFunction, start: number, end: number, resolution: number): RrdRows {
  const archive = chooseArchive(database, cf, start, end, resolution);
  const step = archive.step;
  const from = start - (start % step);
  const until = end + (step - (end % step));
  const count = Math.max(0, (until - from) / step);
  const width = database.sources.length;
  if (count * width > valuesMax)
    throw new Refused(`${count} rows of ${width} values (at most ${valuesMax} values in one answer)`, { file: database.file });
  // The row that ends at from + step is row `first` of the archive.
  const first = (from + step - archive.firstEnd) / step;
  const held = database.rows(archive, Math.max(0, first), Math.min(first + count, archive.rows) - Math.max(0, first));
  const values = held.length === count * width ? held : withUnknown(held, Math.max(0, Math.min(count, -first)) * width, count * width);
  return { start: from, end: until, step, names: database.sources.map((source) => source.name), count, values };
}

/** Values with unknown ones before and behind them. */
function withUnknown(held: Float64Array, before: number, length: number): Float64Array {
  const values = new Float64Array(length);
  fillUnknown(values.subarray(0, before));
  values.set(held, before);
  fillUnknown(values.subarray(before + held.length));
  return values;
}

/** Over a single point these are all the same, so an archive of single points answers for any of them. */
const plain: ReadonlySet<RrdFunction> = new Set<RrdFunction>(['AVERAGE', 'MIN', 'MAX', 'LAST']);

/** The archive that answers best. */
export function chooseArchive(database: RrdDatabase, cf: RrdFunction, start: number, end: number, resolution: number): RrdArchive {
  let full: RrdArchive | undefined;
  let part: RrdArchive | undefined;
  const away = (archive: RrdArchive): number => Math.abs(resolution - archive.step);
  // The most that an archive can cover of the range, whatever its end: an archive that starts late covers less.
  const covered = (archive: RrdArchive): number => end - Math.max(start, archive.firstEnd - archive.step);
  for (const archive of database.archives) {
    if (archive.cf !== cf && !(archive.pdpPerRow === 1 && plain.has(archive.cf) && plain.has(cf))) continue;
    if (archive.firstEnd - archive.step <= start) {
      if (full === undefined || away(archive) < away(full)) full = archive;
    } else if (
      part === undefined ||
      covered(part) < covered(archive) ||
      (covered(part) === covered(archive) && away(archive) < away(part))
    ) {
      part = archive;
    }
  }
  const chosen = full ?? part;
  if (chosen === undefined) throw new Refused('the RRD does not contain an RRA matching the chosen CF', { file: database.file });
  return chosen;
}

/** Unknown with its sign set, as rrdtool makes it: `fetch` shows the sign. */
export function fillUnknown(values: Float64Array): void {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length * 2);
  for (let index = 0; index < words.length; index += 2) {
    words[index] = 0;
    words[index + 1] = 0xfff80000;
  }
}
