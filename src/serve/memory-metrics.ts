/**
 * Metrics kept in memory alone: for tests, and until a store on disk stands behind the daemon. Each series keeps its cells on the finest step and rolls them up when
 * it is read; cells that no archive reaches are let go of when the series is next written.
 */

import { type TimerValues, timerOf } from '../fold/timer-values.js';
import type { Archive, MetricBatch, MetricStore, StoredSlots } from './metric-store.js';

interface Cell {
  count: number;
  sum: number;
  min: number;
  max: number;
  last: number;
  lastAt: number;
  values: number[];
  members: Set<string> | undefined;
}

export const defaultLadder: readonly Archive[] = [
  { stepSeconds: 10, keepSeconds: 21_600 },
  { stepSeconds: 60, keepSeconds: 518_400 },
  { stepSeconds: 600, keepSeconds: 155_520_000 },
];

/** A store of metrics that ends with the process. */
export function memoryMetrics(ladder: readonly Archive[] = defaultLadder): MetricStore {
  const series = new Map<string, Map<number, Cell>>();
  const finest = (ladder[0] as Archive).stepSeconds;
  const cellOf = (name: string, slot: number): Cell => {
    let cells = series.get(name);
    if (cells === undefined) {
      cells = new Map();
      series.set(name, cells);
    }
    let cell = cells.get(slot);
    if (cell === undefined) {
      cell = { count: 0, sum: 0, min: Infinity, max: -Infinity, last: 0, lastAt: -Infinity, values: [], members: undefined };
      cells.set(slot, cell);
    }
    return cell;
  };
  return {
    ladderOf: () => ladder,
    methodOf: () => ({ method: 'average', xFilesFactor: 0 }),
    replaces: () => false,
    keepsValues: () => false,
    names: () => series.keys(),
    commit: async (batch) => {
      commit(batch, cellOf);
      return { applied: true, repeated: 0 };
    },
    slotsOf: (_, from, until, now) => {
      const { stepSeconds } = ladder.find((one) => one.keepSeconds >= now - from) ?? (ladder.at(-1) as Archive);
      return { stepSeconds, start: from - (from % stepSeconds) + stepSeconds, end: until - (until % stepSeconds) + stepSeconds };
    },
    read: async (name, from, until, now) => {
      const archive = ladder.find((one) => one.keepSeconds >= now - from) ?? (ladder.at(-1) as Archive);
      return readSlots(series.get(name), from, until, archive.stepSeconds, finest);
    },
    sizeBytes: () => 0,
    close: async () => {},
  };
}

function commit(batch: MetricBatch, cellOf: (name: string, slot: number) => Cell): void {
  const { cells } = batch;
  for (let at = 0; at < cells.count; at++) {
    const cell = cellOf(batch.table.nameOf(cells.series[at] as number), cells.slot[at] as number);
    cell.count += cells.counts[at] as number;
    cell.sum += cells.sums[at] as number;
    cell.min = Math.min(cell.min, cells.mins[at] as number);
    cell.max = Math.max(cell.max, cells.maxs[at] as number);
    if ((cells.lastAts[at] as number) >= cell.lastAt) {
      cell.last = cells.lasts[at] as number;
      cell.lastAt = cells.lastAts[at] as number;
    }
  }
  for (const timer of batch.timers) {
    const cell = cellOf(batch.table.nameOf(timer.series), timer.slot);
    cell.count += timer.weight;
    for (const value of timer.values) cell.values.push(value);
  }
  for (const set of batch.sets) {
    const cell = cellOf(batch.table.nameOf(set.series), set.slot);
    cell.members ??= new Set();
    for (const member of set.members) cell.members.add(member);
    cell.count = 1;
  }
}

function readSlots(cells: Map<number, Cell> | undefined, from: number, until: number, step: number, finest: number): StoredSlots {
  const start = from - (from % step) + step;
  const end = until - (until % step) + step;
  const count = Math.max(0, (end - start) / step);
  const column = (): Float64Array => new Float64Array(count);
  const slots = { counts: column(), sums: column(), mins: column(), maxs: column(), lasts: column(), filled: column() };
  const values: (TimerValues | undefined)[] = new Array(count);
  const distinct = column();
  for (let slot = 0; slot < count; slot++) {
    let lastAt = -Infinity;
    const found: number[] = [];
    const members = new Set<string>();
    for (let at = start + slot * step; at < start + (slot + 1) * step; at += finest) {
      const cell = cells?.get(at);
      if (cell === undefined) continue;
      const known = slots.counts[slot] !== 0;
      slots.counts[slot] = (slots.counts[slot] as number) + cell.count;
      slots.sums[slot] = (slots.sums[slot] as number) + cell.sum;
      slots.mins[slot] = known ? Math.min(slots.mins[slot] as number, cell.min) : cell.min;
      slots.maxs[slot] = known ? Math.max(slots.maxs[slot] as number, cell.max) : cell.max;
      slots.filled[slot] = (slots.filled[slot] as number) + finest / step;
      if (cell.lastAt >= lastAt) {
        lastAt = cell.lastAt;
        slots.lasts[slot] = cell.last;
      }
      found.push(...cell.values);
      for (const member of cell.members ?? []) members.add(member);
    }
    if (found.length > 0) values[slot] = timerOf(found, slots.counts[slot] as number);
    distinct[slot] = members.size;
  }
  return { stepSeconds: step, start, ...slots, values, distinct };
}
