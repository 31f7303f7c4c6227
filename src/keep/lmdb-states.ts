/**
 * States in the embedded store: open cells are folded into blocks of the archive that reaches them, blocks that it no longer reaches are rolled up into the
 * next one, and a scan adds up what it finds. A state series ages by its own newest reading and by no clock, as an RRDtool file does: one that is
 * no longer fed keeps what it has. Blocks lie among the parts: kind 1, and the slot in which the block begins.
 */

import { copyState, rollUpState, type States, zeroStates } from '../fold/state.js';
import type { SeriesFacts } from './lmdb-fold.js';
import { partChunkSeconds, partKey, type Tables } from './lmdb-tables.js';
import type { OpenStates } from './open-states.js';
import { blockSlots, decodeBlock, encodeBlock } from './state-block.js';
import { archiveFor, type Ladder, type StateRow } from './store.js';

const stateKind = 1;
const held = zeroStates(blockSlots);
const part = zeroStates(1);

/** The step of the archive that holds a slot of a series; what none reaches lies in the coarsest until it is dropped. */
function stepFor(ladder: Ladder, slot: number, newest: number): number {
  const index = archiveFor(ladder, slot, newest);
  return ladder[index === -2 ? 0 : index === -1 ? ladder.length - 1 : index]!.stepSeconds;
}

/** Folds the open states of one series. Within a transaction. */
export function foldStates(tables: Tables, facts: SeriesFacts, open: OpenStates, series: number, now: number): void {
  const run = open.runOf(series);
  if (run === undefined) return;
  const newest = facts.newestOf(series) ?? now;
  putStates(tables, facts.ladderOf(series), series, run.slots, run.cells, run.count, newest, 0);
}

// Adds cells, in order of slot, to the blocks of the archives that reach them and are coarser than a step.
function putStates(
  tables: Tables,
  ladder: Ladder,
  series: number,
  slots: Float64Array,
  cells: States,
  count: number,
  newest: number,
  above: number,
): void {
  const reached = ladder.filter((archive) => archive.stepSeconds > above);
  let [openStep, openStart] = [0, 0];
  const close = (): void => {
    if (openStep === 0) return;
    const bytes = encodeBlock(held, openStart, openStep);
    if (bytes !== undefined) tables.by.parts.putSync(partKey(stateKind, openStep, series, openStart), Buffer.from(bytes));
  };
  for (let at = 0; at < count; at++) {
    const step = stepFor(reached, slots[at]!, newest);
    const seconds = step * blockSlots;
    const start = slots[at]! - (slots[at]! % seconds);
    if (step !== openStep || start !== openStart) {
      close();
      [openStep, openStart] = [step, start];
      loadBlock(tables, series, step, start);
    }
    rollUpState(held, Math.floor((slots[at]! - start) / step), cells, at);
  }
  close();
}

function loadBlock(tables: Tables, series: number, step: number, start: number): boolean {
  held.knownMs.fill(0);
  held.unknownMs.fill(0);
  const bytes = tables.by.parts.getBinary(partKey(stateKind, step, series, start));
  if (bytes === undefined) return false;
  decodeBlock(bytes, held, start, step);
  return true;
}

/** Moves or drops blocks that their archive no longer reaches, at most `limit`; returns how many went. Within a transaction. */
export function ageStates(tables: Tables, facts: SeriesFacts, series: Iterable<number>, limit: number): number {
  const due: Buffer[] = [];
  for (const [step, horizon] of horizons(facts, series)) {
    // The last stretch of keys below the horizon of every series on this step.
    const end = partKey(stateKind, step, 0xffffffff, Math.max(0, horizon));
    for (const key of tables.by.parts.getKeys({ start: partKey(stateKind, step, 0, 0), end })) {
      if (due.length >= limit) break;
      const series = key.readUInt32BE(9);
      const newest = facts.newestOf(series);
      const archive = facts.ladderOf(series).find((one) => one.stepSeconds >= step);
      if (newest === undefined || archive === undefined) continue;
      if (key.readUInt32BE(13) + step * blockSlots <= newest - archive.keepSeconds) due.push(Buffer.from(key));
    }
  }
  for (const key of due) {
    const [step, series, start] = [key.readUInt32BE(1), key.readUInt32BE(9), key.readUInt32BE(13)];
    const ladder = facts.ladderOf(series);
    if (ladder.some((one) => one.stepSeconds > step) && loadBlock(tables, series, step, start)) {
      const moved = zeroStates(blockSlots);
      const slots = Float64Array.from({ length: blockSlots }, (_, at) => start + at * step);
      for (let at = 0; at < blockSlots; at++) rollUpState(moved, at, held, at);
      putStates(tables, ladder, series, slots, moved, blockSlots, facts.newestOf(series)!, step);
    }
    tables.by.parts.removeSync(key);
  }
  return due.length;
}

// For each step, the time before which some series may have blocks to age.
function horizons(facts: SeriesFacts, all: Iterable<number>): Map<number, number> {
  const found = new Map<number, number>();
  for (const series of all) {
    const newest = facts.newestOf(series);
    if (newest === undefined) continue;
    for (const { stepSeconds, keepSeconds } of facts.ladderOf(series))
      found.set(stepSeconds, Math.max(found.get(stepSeconds) ?? 0, newest - keepSeconds));
  }
  return found;
}

/** Slots `[start, end)` of a series on a step; `open` are the generations of open cells that hold it. Undefined when it has no states. */
export function readStates(
  tables: Tables,
  facts: SeriesFacts,
  open: readonly OpenStates[],
  name: string,
  series: number,
  stepSeconds: number,
  from: number,
  end: number,
): StateRow | undefined {
  const start = from - (from % stepSeconds);
  const cells = zeroStates(Math.max(0, Math.ceil((end - start) / stepSeconds)));
  const last = start + cells.knownMs.length * stepSeconds;
  let found = false;
  for (const { stepSeconds: step } of facts.ladderOf(series)) {
    const bounds = boundsOf(tables, step);
    if (bounds === undefined) continue;
    const seconds = step * blockSlots;
    const to = Math.min(bounds.last, last - 1);
    for (let block = Math.max(bounds.first, start) - (Math.max(bounds.first, start) % seconds); block <= to; block += seconds) {
      if (!loadBlock(tables, series, step, block)) continue;
      found = true;
      for (let at = 0; at < blockSlots; at++) {
        const slot = block + at * step;
        if (slot >= start && slot < last) addTo(cells, slot - start, step, stepSeconds, at);
      }
    }
  }
  for (const generation of open) {
    const run = generation.runOf(series);
    if (run === undefined) continue;
    found = true;
    for (let at = lowerBound(run.slots, run.count, start); at < run.count && run.slots[at]! < last; at++)
      rollUpState(cells, Math.floor((run.slots[at]! - start) / stepSeconds), run.cells, at);
  }
  return found || cells.knownMs.length === 0 ? { series: name, stepSeconds, start, cells } : undefined;
}

// Adds a held cell to the slot in which it begins; where steps do not divide, each slot that it touches gets its share of a finer cell.
function addTo(cells: States, offset: number, step: number, stepSeconds: number, at: number): void {
  const to = Math.floor(offset / stepSeconds);
  const beyond = offset + step - (to + 1) * stepSeconds;
  if (beyond <= 0 || step >= stepSeconds || to + 1 >= cells.knownMs.length) {
    rollUpState(cells, to, held, at);
    return;
  }
  for (const [slot, share] of [[to, 1 - beyond / step] as const, [to + 1, beyond / step] as const]) {
    copyState(part, 0, held, at);
    for (const field of ['knownMs', 'unknownMs', 'integrals'] as const) part[field][0] = part[field][0]! * share;
    if (slot === to) part.lastAts[0] = part.lastAts[0]! - beyond * 1000;
    rollUpState(cells, slot, part, 0);
  }
}

// Between which starts a step has blocks, of any series; undefined when it has none.
function boundsOf(tables: Tables, step: number): { first: number; last: number } | undefined {
  const bound = Buffer.alloc(17, 0xff);
  bound.writeUInt8(stateKind, 0);
  bound.writeUInt32BE(step, 1);
  const stretchOf = (start: Buffer, reverse: boolean): number => {
    for (const key of tables.by.parts.getKeys({ start, reverse, limit: 1 }))
      return key.compare(bound, 0, 5, 0, 5) === 0 ? key.readUInt32BE(5) : -1;
    return -1;
  };
  const [first, last] = [stretchOf(partKey(stateKind, step, 0, 0), false), stretchOf(bound, true)];
  const seconds = partChunkSeconds(step);
  return first < 0 || last < 0 ? undefined : { first: first * seconds, last: (last + 1) * seconds - 1 };
}

function lowerBound(slots: Float64Array, count: number, least: number): number {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (slots[middle]! < least) low = middle + 1;
    else high = middle;
  }
  return low;
}
