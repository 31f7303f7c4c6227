// States in the stores: both drivers, folding at every turn or not, tell the same as plain addition, at every step, after ageing and after a stop.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { addState, rollUpState, type States, stateFields, zeroStates } from '../fold/state.js';
import { openLmdbStore } from './lmdb.js';
import { openMemoryStore } from './memory.js';
import { blockSlots, decodeBlock, encodeBlock } from './state-block.js';
import type { Batch, StateColumns, Store, StoreOptions } from './store.js';

const base = 1_700_000_040;
const ladder = [
  { stepSeconds: 60, keepSeconds: 3600 },
  { stepSeconds: 300, keepSeconds: 14_400 },
  { stepSeconds: 3600, keepSeconds: 864_000 },
];
const options: StoreOptions = { ladderOf: () => ladder };
const clock = 1_900_000_000;

interface Reading {
  readonly series: string;
  readonly minute: number;
  readonly value: number;
}

const slotOf = (minute: number): number => base - (base % 3600) + 60 * minute;

function batchOf(readings: readonly Reading[]): Batch {
  const names = [...new Set(readings.map(({ series }) => series))];
  const cells = zeroStates(readings.length);
  for (const [at, { minute, value }] of readings.entries()) addState(cells, at, slotOf(minute) * 1000, slotOf(minute + 1) * 1000, value);
  const states: StateColumns = {
    count: readings.length,
    series: Int32Array.from(readings, ({ series }) => names.indexOf(series)),
    slot: Float64Array.from(readings, ({ minute }) => slotOf(minute)),
    cells,
  };
  return { nowSeconds: clock, cells: { table: { nameOf: (index) => names[index] as string }, states } };
}

async function statesOf(store: Store, series: string, stepSeconds: number, minutes: number): Promise<States | undefined> {
  for await (const { cells } of store.scan('state', { series: [series], stepSeconds, start: slotOf(0), end: slotOf(minutes) }))
    return cells;
  return undefined;
}

const told = (cells: States | undefined): unknown[] =>
  Array.from(cells?.knownMs ?? [], (known, at) =>
    stateFields.map((field) => (known === 0 && field !== 'unknownMs' && field !== 'knownMs' ? 0 : cells?.[field][at])),
  );

const drivers: readonly { name: string; open: (at: string) => Promise<Store>; lasts: boolean }[] = [
  { name: 'memory', open: () => openMemoryStore(options), lasts: false },
  { name: 'lmdb', open: (at) => openLmdbStore({ ...options, folder: at }), lasts: true },
  { name: 'lmdb, folding at every turn', open: (at) => openLmdbStore({ ...options, folder: at, openCellsMax: 3 }), lasts: true },
];

for (const driver of drivers) {
  test(`${driver.name}: states add up at every step, after ageing and a stop, whatever the clock says`, async () => {
    const at = mkdtempSync(join(tmpdir(), 'weir-states-'));
    let store = await driver.open(at);
    try {
      const readings = Array.from({ length: 480 }, (_, minute) => ({
        series: minute % 3 === 0 ? 'b' : 'a',
        minute,
        value: minute % 5 < 2 ? Number.NaN : minute % 7,
      }));
      for (let from = 0; from < readings.length; from += 40) {
        const { rejected } = await store.commit(batchOf(readings.slice(from, from + 40)));
        assert.deepEqual(rejected, { 'too-old': 0, future: 0 });
      }
      const check = async (): Promise<void> => {
        for (const series of ['a', 'b']) {
          const expected = zeroStates(8);
          const one = zeroStates(1);
          for (const reading of readings.filter((each) => each.series === series)) {
            for (const field of stateFields) one[field][0] = 0;
            addState(one, 0, slotOf(reading.minute) * 1000, slotOf(reading.minute + 1) * 1000, reading.value);
            rollUpState(expected, Math.floor(reading.minute / 60), one, 0);
          }
          assert.deepEqual(told(await statesOf(store, series, 3600, 480)), told(expected));
        }
      };
      await check();
      if (driver.lasts) {
        await store.close();
        store = await driver.open(at);
        await check();
      }
      while ((await store.expire(clock)) > 0);
      await check();
      const fine = await statesOf(store, 'a', 60, 480);
      assert.ok((fine?.knownMs.at(-2) ?? 0) + (fine?.unknownMs.at(-2) ?? 0) === 60_000, 'the newest hour is still on its minutes');
      assert.equal(fine?.knownMs[1], 0, 'the first hours are on hours');
      assert.equal(await statesOf(store, 'none', 60, 480), undefined);
    } finally {
      await store.close();
      rmSync(at, { recursive: true, force: true });
    }
  });
}

test('a reading beyond the archives of its series is rejected as too old; a series fed no more keeps what it has', async () => {
  for (const driver of drivers) {
    const at = mkdtempSync(join(tmpdir(), 'weir-states-'));
    const store = await driver.open(at);
    try {
      await store.commit(batchOf([{ series: 'a', minute: 20_000, value: 1 }]));
      const late = await store.commit(batchOf([{ series: 'a', minute: 10, value: 1 }]));
      assert.deepEqual(late.rejected, { 'too-old': 1, future: 0 }, driver.name);
      await store.expire(clock + 86_400_000);
      assert.equal((await statesOf(store, 'a', 60, 20_001))?.knownMs[20_000], 60_000, driver.name);
    } finally {
      await store.close();
      rmSync(at, { recursive: true, force: true });
    }
  }
});

const cell = fc.record({
  slot: fc.integer({ min: 0, max: blockSlots - 1 }),
  known: fc.integer({ min: 0, max: 60_000 }),
  value: fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer({ min: -9, max: 9 })),
  noMin: fc.boolean(),
});

test('a block reads back as it was written', () => {
  fc.assert(
    fc.property(fc.array(cell, { minLength: 1, maxLength: 80 }), fc.boolean(), (list, whole) => {
      const cells = zeroStates(blockSlots);
      for (const { slot, known, value, noMin } of list) {
        if (cells.knownMs[slot] !== 0 || cells.unknownMs[slot] !== 0) continue;
        const start = (base + slot * 60) * 1000;
        const ms = whole ? 60_000 : known;
        if (ms > 0) addState(cells, slot, start, start + ms, value + 0);
        if (ms < 60_000) addState(cells, slot, start + ms, start + 60_000, Number.NaN);
        if (ms > 0 && noMin && !whole) cells.mins[slot] = Number.NaN;
      }
      const read = zeroStates(blockSlots);
      decodeBlock((encodeBlock(cells, base, 60) as Uint8Array).slice(), read, base, 60);
      assert.deepEqual(told(read), told(cells));
    }),
  );
});
