/**
 * Folding and ageing: cells of the journal go into chunks of the archive that reaches them; a chunk that its archive no longer reaches is rolled up into
 * the next one, or dropped by the last. A point is thus in exactly one place, and each move is one transaction: put and delete together.
 */

import { type Measures, mergeMeasure, replaceMeasure, rollUpMeasure, zeroMeasures } from '../fold/measure.js';
import { chunkSlots, decodeChunk, encodeChunk, slotsMax } from './chunk.js';
import { partKinds } from './journal.js';
import { chunkKey, partKey, type Tables } from './lmdb-tables.js';
import { emptyGathered, type OpenCells, type OpenPart } from './open-cells.js';
import { archiveFor, type Codecs, type Ladder, type PartKind } from './store.js';

/** What folding needs to know of series, by number. */
export interface SeriesFacts {
  readonly ladderOf: (series: number) => Ladder;
  readonly replaces: (series: number) => boolean;
  readonly codecs: Codecs;
  /** The newest reading of a state series, epoch seconds. */
  readonly newestOf: (series: number) => number | undefined;
  /** A cell of this time was put into an archive that may reach it no more. */
  readonly touched: (stepSeconds: number, slot: number) => void;
}

const gathered = emptyGathered();
const chunkCells = zeroMeasures(slotsMax);
const fresh = zeroMeasures(1);

/** Folds the open cells of one series. Within a transaction. */
export function foldSeries(tables: Tables, facts: SeriesFacts, open: OpenCells, series: number, now: number): void {
  const ladder = facts.ladderOf(series);
  const replaces = facts.replaces(series);
  open.gather(series, 0, Number.POSITIVE_INFINITY, replaces, gathered);
  const { slots, cells } = gathered;
  const finest = ladder[0]!.stepSeconds;
  for (let at = 0; at < gathered.count; ) {
    const to = archiveFor(ladder, slots[at]!, now);
    const step = ladder[to === -2 ? 0 : to === -1 ? ladder.length - 1 : to]!.stepSeconds;
    const size = chunkSlots(step);
    const chunk = Math.floor(slots[at]! / (step * size));
    const end = (chunk + 1) * step * size;
    const key = chunkKey(chunk, series);
    const table = tables.step(step)!;
    if (to === -1) facts.touched(step, slots[at]!);
    loadChunk(table.getBinary(key), chunk, step, size);
    while (at < gathered.count && slots[at]! < end) {
      const index = archiveFor(ladder, slots[at]!, now);
      if (ladder[index === -2 ? 0 : index === -1 ? ladder.length - 1 : index]!.stepSeconds !== step) break;
      const slot = Math.floor((slots[at]! - chunk * step * size) / step);
      if (step === finest) {
        (replaces ? replaceMeasure : mergeMeasure)(chunkCells, slot, cells, at++);
        continue;
      }
      fresh.counts[0] = 0;
      const slotEnd = chunk * step * size + (slot + 1) * step;
      while (at < gathered.count && slots[at]! < slotEnd) rollUpMeasure(fresh, 0, cells, at++);
      mergeMeasure(chunkCells, slot, fresh, 0);
    }
    table.putSync(key, storedChunk(chunk, step, size));
  }
}

/** Folds a part. Within a transaction. */
export function foldPart(tables: Tables, facts: SeriesFacts, part: OpenPart, now: number): void {
  const ladder = facts.ladderOf(part.series);
  const to = archiveFor(ladder, part.slot, now);
  const step = ladder[to === -2 ? 0 : to === -1 ? ladder.length - 1 : to]!.stepSeconds;
  if (to === -1) facts.touched(step, part.slot);
  putPart(tables, facts.codecs, part, step, to > 0);
}

function putPart(tables: Tables, codecs: Codecs, part: OpenPart, step: number, rollsUp: boolean): void {
  const key = partKey(partKinds.indexOf(part.kind), step, part.series, part.slot - (part.slot % step));
  const held = tables.by.parts.getBinary(key);
  const codec = codecs[part.kind];
  const join = rollsUp ? (codec?.rollUp ?? codec?.merge) : codec?.merge;
  tables.by.parts.putSync(key, Buffer.from(held === undefined || join === undefined ? part.bytes : join(held, part.bytes)));
}

const ageing = zeroMeasures(slotsMax);

/** Moves a chunk to the next archive, or drops it. Within a transaction. */
export function ageChunk(tables: Tables, facts: SeriesFacts, step: number, key: Buffer): void {
  const series = key.readUInt32BE(4);
  const next = facts.ladderOf(series).find((one) => one.stepSeconds > step);
  const bytes = next === undefined ? undefined : tables.step(step)!.getBinary(Buffer.from(key));
  tables.step(step)!.removeSync(key);
  if (next === undefined || bytes === undefined) return;
  const start = key.readUInt32BE(0) * step * chunkSlots(step);
  ageing.counts.fill(0);
  decodeChunk(bytes, ageing, chunkSlots(step), start, step);
  facts.touched(next.stepSeconds, start);
  const size = chunkSlots(next.stepSeconds);
  const table = tables.step(next.stepSeconds)!;
  let open = -1;
  for (let slot = 0; slot < chunkSlots(step); ) {
    if (ageing.counts[slot] === 0) {
      slot++;
      continue;
    }
    const chunk = Math.floor((start + slot * step) / (next.stepSeconds * size));
    if (chunk !== open) {
      if (open >= 0) table.putSync(chunkKey(open, series), storedChunk(open, next.stepSeconds, size));
      open = chunk;
      loadChunk(table.getBinary(chunkKey(chunk, series)), chunk, next.stepSeconds, size);
    }
    const to = Math.floor((start + slot * step - chunk * next.stepSeconds * size) / next.stepSeconds);
    rollUpMeasure(chunkCells, to, ageing, slot++);
  }
  if (open >= 0) table.putSync(chunkKey(open, series), storedChunk(open, next.stepSeconds, size));
}

/** Moves a part to the next archive, or drops it. Within a transaction. */
export function agePart(tables: Tables, facts: SeriesFacts, key: Buffer): void {
  const series = key.readUInt32BE(9);
  const slot = key.readUInt32BE(13);
  const next = facts.ladderOf(series).find((one) => one.stepSeconds > key.readUInt32BE(1));
  const bytes = tables.by.parts.getBinary(key);
  const kind = partKinds[key.readUInt8(0)] as PartKind;
  if (next !== undefined && bytes !== undefined) {
    putPart(tables, facts.codecs, { kind, series, slot, bytes }, next.stepSeconds, true);
    facts.touched(next.stepSeconds, slot);
  }
  tables.by.parts.removeSync(key);
}

function loadChunk(bytes: Uint8Array | undefined, chunk: number, step: number, size: number): Measures {
  chunkCells.counts.fill(0);
  if (bytes !== undefined) decodeChunk(bytes, chunkCells, size, chunk * step * size, step);
  return chunkCells;
}

function storedChunk(chunk: number, step: number, size: number): Buffer {
  const bytes = encodeChunk(chunkCells, size, chunk * step * size, step) as Uint8Array;
  return Buffer.from(bytes);
}
