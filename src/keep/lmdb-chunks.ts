/** Reading the chunks of a series: as cells one by one, or what they show, by a kernel. A key is looked up for each; what is not there costs little. */

import { type Measures, zeroMeasures } from '../fold/measure.js';
import { chunkSlots, decodeChunk, slotsMax } from './chunk.js';
import { beginShown, shownSlotsMax, showValues } from './chunk-values.js';
import { chunkKey, type Table, type Tables } from './lmdb-tables.js';

const chunkCells = zeroMeasures(slotsMax);

/** Hands over the cells of an archive one by one; chunks that fit into `whole` (cells on the same step from `start` on) and meet none there go in as they are. */
export function readArchive(
  table: Table,
  series: number,
  step: number,
  start: number,
  end: number,
  whole: Measures | undefined,
  wholeEnd: number,
  take: (slot: number, chunk: Measures, at: number) => void,
): void {
  const size = chunkSlots(step);
  const seconds = step * size;
  const [first, to] = chunksWithin(table, seconds, start, end);
  for (let chunk = first; chunk <= to; chunk++) {
    const bytes = table.getBinaryFast(chunkKeyOnce(chunk, series));
    if (bytes === undefined) continue;
    const chunkStart = chunk * seconds;
    const cell = (chunkStart - start) / step;
    if (whole !== undefined && cell >= 0 && chunkStart + seconds <= wholeEnd && isEmpty(whole, cell, size)) {
      decodeChunk(bytes, whole, size, chunkStart, step, cell);
      continue;
    }
    chunkCells.counts.fill(0);
    decodeChunk(bytes, chunkCells, size, chunkStart, step);
    for (let at = 0; at < size; at++) {
      const slot = chunkStart + at * step;
      if (chunkCells.counts[at] !== 0 && slot >= start && slot < end) take(slot, chunkCells, at);
    }
  }
}

/**
 * Shows the chunks of a step in `count` slots from `start` on, as many slots at a time as the kernel holds: `take` is called for each such piece, `[from, to)`.
 * False when a chunk holds more than single events, or is odd.
 */
export function showChunks(
  tables: Tables,
  series: number,
  stepSeconds: number,
  start: number,
  count: number,
  take: (from: number, to: number) => void,
): boolean {
  const table = tables.steps().includes(stepSeconds) ? tables.step(stepSeconds) : undefined;
  const size = chunkSlots(stepSeconds);
  const seconds = stepSeconds * size;
  for (let from = 0; from < count; from += shownSlotsMax) {
    const slots = Math.min(shownSlotsMax, count - from);
    const begin = start + from * stepSeconds;
    beginShown(slots);
    const [first, last] = table === undefined ? [0, -1] : chunksWithin(table, seconds, begin, begin + slots * stepSeconds);
    for (let chunk = first; chunk <= last; chunk++) {
      const bytes = table?.getBinaryFast(chunkKeyOnce(chunk, series));
      if (bytes !== undefined && !showValues(bytes, size, (chunk * seconds - begin) / stepSeconds, slots)) return false;
    }
    take(from, from + slots);
  }
  return true;
}

const keyOnce = Buffer.alloc(8);

// The key of a chunk, good until the next is asked for.
function chunkKeyOnce(chunk: number, series: number): Buffer {
  keyOnce.writeUInt32BE(chunk, 0);
  keyOnce.writeUInt32BE(series, 4);
  return keyOnce;
}

function isEmpty({ counts }: Measures, from: number, size: number): boolean {
  for (let at = from; at < from + size; at++) if (counts[at] !== 0) return false;
  return true;
}

const fewChunks = 64;

// The first and the last chunk of a range; of a long one those that the table reaches.
function chunksWithin(table: Table, seconds: number, start: number, end: number): readonly [first: number, last: number] {
  const [first, last] = [Math.floor(start / seconds), Math.ceil(end / seconds) - 1];
  if (last - first < fewChunks) return [first, last];
  return [Math.max(first, firstChunk(table, false)), Math.min(last, firstChunk(table, true))];
}

function firstChunk(table: Table, last: boolean): number {
  const range = last ? { reverse: true, limit: 1, start: chunkKey(0xffffffff, 0xffffffff) } : { limit: 1, start: chunkKey(0, 0) };
  for (const key of table.getKeys(range)) return key.readUInt32BE(0);
  return -1;
}
