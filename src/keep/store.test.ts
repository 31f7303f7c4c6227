// The contract that every driver passes, with the memory driver as the plainest statement of it, and laws as properties.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { Corrupt, Refused } from '../base/faults.js';
import type { Measures } from '../fold/measure.js';
import { openLmdbStore } from './lmdb.js';
import { openMemoryStore } from './memory.js';
import type { Batch, CellRange, FlowBlock, MeasureColumns, Ranges, Store, StoreOptions } from './store.js';

interface Point {
  readonly series: string;
  readonly at: number;
  readonly value: number;
}

const now = 1_700_000_000;
const ladder = [
  { stepSeconds: 10, keepSeconds: 3600 },
  { stepSeconds: 60, keepSeconds: 86_400 },
  { stepSeconds: 600, keepSeconds: 864_000 },
];
const join16 = (one: Uint8Array, two: Uint8Array): Uint8Array => Buffer.concat([one, two]);
const options: StoreOptions = {
  ladderOf: () => ladder,
  replaces: (name) => name.startsWith('replaced.'),
  codecs: { histogram: { merge: join16 }, tally: { merge: join16 } },
  flowKeepSeconds: () => 5 * 86_400,
};

const folder = (): string => mkdtempSync(join(tmpdir(), 'weir-store-'));
const drivers: readonly { name: string; open: (at: string) => Promise<Store>; lasts: boolean }[] = [
  { name: 'memory', open: () => openMemoryStore(options), lasts: false },
  { name: 'lmdb', open: (at) => openLmdbStore({ ...options, folder: at }), lasts: true },
  { name: 'lmdb, folding at every turn', open: (at) => openLmdbStore({ ...options, folder: at, openCellsMax: 3 }), lasts: true },
];

export function batchOf(points: readonly Point[], nowSeconds = now, more: Partial<Batch> = {}): Batch {
  const names = [...new Set(points.map((point) => point.series))];
  const column = (value: (point: Point) => number): Float64Array => Float64Array.from(points, value);
  const measures: MeasureColumns = {
    count: points.length,
    series: Int32Array.from(points, (point) => names.indexOf(point.series)),
    slot: column((point) => point.at - (point.at % 10)),
    counts: column(() => 1),
    sums: column((point) => point.value),
    mins: column((point) => point.value),
    maxs: column((point) => point.value),
    lasts: column((point) => point.value),
    lastAts: column((point) => point.at),
  };
  return { nowSeconds, cells: { table: { nameOf: (index) => names[index] as string }, measures }, ...more };
}

async function rows<T>(iterable: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const row of iterable) found.push(row);
  return found;
}

const sumOf = async (store: Store, series: string, stepSeconds: number, start = now - 900_000, end = now + 90_000): Promise<number[]> => {
  const range = { series: [series], stepSeconds, start, end };
  const found = (await rows(store.scan('measure', range))).map(({ cells }) => cells);
  for (const cells of found) await sameWhenShown(store, range, cells);
  return found.flatMap((cells) => [
    cells.sums.reduce((left, value) => left + value, 0),
    cells.counts.reduce((left, value) => left + value, 0),
  ]);
};

// What is shown, and values where they alone are told, is what the cells say.
async function sameWhenShown(store: Store, range: CellRange, cells: Measures): Promise<void> {
  const filledSlots = (column: Float64Array): number[] =>
    [...column.keys()].filter((slot) => column[slot] !== 0 && !Number.isNaN(column[slot] as number));
  const slots = filledSlots(cells.counts);
  const known = (column: Float64Array): number[] => slots.map((slot) => column[slot] as number);
  for (const row of await rows(store.scan('measure', { ...range, isShown: true }))) {
    assert.deepEqual(filledSlots(row.cells.counts), slots);
    for (const field of ['counts', 'sums', 'mins', 'maxs', 'lasts', 'filled'] as const)
      assert.deepEqual(known(row.cells[field]), known(cells[field]));
  }
  for (const { values } of await rows(store.scan('measure', { ...range, isShown: true, valuesOnly: true }))) {
    if (values === undefined) continue;
    assert.equal(values.filter((value) => !Number.isNaN(value)).length, slots.length);
    for (const field of ['sums', 'mins', 'maxs', 'lasts'] as const) assert.deepEqual(known(values), known(cells[field]));
    assert.ok(slots.every((slot) => cells.counts[slot] === 1 && cells.filled[slot] === 1));
  }
}

for (const driver of drivers) {
  const contract = (title: string, body: (store: Store, reopen: () => Promise<Store>) => Promise<void>): void => {
    test(`${driver.name}: ${title}`, async () => {
      const at = folder();
      let store = await driver.open(at);
      try {
        await body(store, async () => {
          if (!driver.lasts) return store;
          await store.close();
          store = await driver.open(at);
          return store;
        });
      } finally {
        await store.close();
        rmSync(at, { recursive: true, force: true });
      }
    });
  };

  contract('points of one slot merge, and a batch that comes twice counts once', async (store, reopen) => {
    const points = [1, 2, 4].map((value, index) => ({ series: 'a', at: now + index, value }));
    assert.deepEqual((await store.commit(batchOf(points, now, { identity: 'one' }))).applied, true);
    assert.deepEqual((await store.commit(batchOf(points, now + 5, { identity: 'one' }))).applied, false);
    const again = await reopen();
    assert.deepEqual((await again.commit(batchOf(points, now + 5, { identity: 'one' }))).applied, false);
    const [row] = await rows(again.scan('measure', { series: ['a', 'none'], stepSeconds: 10, start: now, end: now + 10 }));
    assert.ok(row !== undefined);
    const { cells } = row;
    assert.deepEqual([cells.counts[0], cells.sums[0], cells.mins[0], cells.maxs[0], cells.lasts[0], cells.filled[0]], [3, 7, 1, 4, 4, 1]);
  });

  contract('late points go where they are reached, others are rejected by cause', async (store) => {
    const at = [now - 30, now - 7000, now - 90_000, now - 900_000, now + 90_000];
    const receipt = await store.commit(batchOf(at.map((time) => ({ series: 'a', at: time, value: 1 }))));
    assert.deepEqual(receipt.rejected, { 'too-old': 1, future: 1 });
    for (const step of [10, 60, 600, 3600]) assert.deepEqual(await sumOf(store, 'a', step), [3, 3]);
  });

  contract('records, flows and notes are put and deleted with the batch', async (store, reopen) => {
    const value = Buffer.from('x');
    await store.commit({
      nowSeconds: now,
      records: ['b', 'a', 'c'].map((row) => ({ table: 't', partition: 'p', row, value: '{}' })),
      flows: [{ arrived: now, rows: 1, first: [now, now], last: [now, now], bytes: value }],
      notes: [
        { name: 'tail/1', value },
        { name: 'other', value },
      ],
    });
    await store.commit({ nowSeconds: now, records: [{ table: 't', partition: 'p', row: 'b', value: undefined }] });
    const again = await reopen();
    const found = await rows(again.scan('record', { table: 't', partition: 'p', limit: 5 }));
    assert.deepEqual(
      found.flatMap((block) => block.rows.map(({ row }) => row)),
      ['a', 'c'],
    );
    assert.equal((await rows(again.scan('flow', { start: now, end: now + 1 }))).length, 1);
    assert.deepEqual(
      (await rows(again.scan('note', { prefix: 'tail/' }))).map((row) => row.name),
      ['tail/1'],
    );
  });

  contract('flows come back in order of arrival, window by window, and expire by it', async (first, reopen) => {
    const block = (arrived: number, from: number, to: number, text: string): FlowBlock => ({
      arrived,
      rows: text.length,
      first: [from, to],
      last: [from + 1, to + 9],
      bytes: Buffer.from(text),
    });
    const texts = async (store: Store, range: Partial<Ranges['flow']> = {}): Promise<string[]> =>
      (await rows(store.scan('flow', { start: 0, end: 2 ** 33, ...range }))).map(({ rows: count, bytes }) =>
        bytes.length === 0 ? `(${count})` : Buffer.from(bytes).toString(),
      );
    // Ten hours: a clock that goes back must not take another's place.
    const batches = [
      [block(now, 100, 200, 'b'), block(now, 150, 900, 'cc')],
      [block(now - 36_000, 300, 400, 'a')],
      [block(now, 50, 60, 'ddd')],
    ];
    for (const [index, flows] of batches.entries()) await first.commit({ nowSeconds: now, identity: `flows ${index}`, flows });
    assert.equal((await first.commit({ nowSeconds: now, identity: 'flows 0', flows: batches[0] ?? [] })).applied, false);
    const store = await reopen();
    await store.commit({ nowSeconds: now, flows: [block(now - 36_000, 300, 400, 'aa')] });
    assert.deepEqual(await texts(store), ['a', 'aa', 'b', 'cc', 'ddd']);
    assert.deepEqual(await texts(store, { start: now, end: now + 1 }), ['b', 'cc', 'ddd']);
    assert.deepEqual(await texts(store, { end: now }), ['a', 'aa']);
    assert.deepEqual(await texts(store, { firstFrom: 200.5 }), ['a', 'aa', 'b', 'cc', '(3)']);
    assert.deepEqual(await texts(store, { firstFrom: 60, firstTo: 150 }), ['(1)', '(2)', 'b', '(2)', 'ddd']);
    assert.deepEqual(await texts(store, { lastTo: 101 }), ['(1)', '(2)', 'b', '(2)', 'ddd']);
    assert.equal(await store.expire(now - 36_000 + 5 * 86_400), 0);
    assert.equal(await store.expire(now - 36_000 + 5 * 86_400 + 1), 2);
    assert.deepEqual(await texts(await reopen()), ['b', 'cc', 'ddd']);
  });

  contract('parts merge by their codec, and tallies keep quarters of an hour', async (store, reopen) => {
    const slot = now - (now % 900);
    for (const text of ['ab', 'cd']) {
      await store.commit({
        nowSeconds: now,
        cells: { parts: [{ kind: 'histogram', series: 'timer', slot: now, bytes: Buffer.from(text) }] },
        tallies: [{ kind: 'tally', series: 'url', slot, bytes: Buffer.from(text) }],
      });
    }
    const again = await reopen();
    await again.commit(batchOf([{ series: 'a', at: now + 700, value: 1 }], now + 700));
    const range = { stepSeconds: 60, start: now - 3600, end: now + 3600 };
    for (const [kind, series] of [['histogram', 'timer'] as const, ['tally', 'url'] as const]) {
      const [row] = await rows(again.scan(kind, { ...range, series: [series], stepSeconds: kind === 'tally' ? 900 : 60 }));
      assert.equal(Buffer.from(row?.bytes ?? []).toString(), 'abcd');
    }
    assert.ok((await rows(again.scan('series', {}))).every((row) => row.name !== 'url'));
  });

  contract('a point of the same second replaces where a rule says so', async (store, reopen) => {
    for (const value of [5, 7]) await store.commit(batchOf([{ series: 'replaced.a', at: now, value }]));
    assert.deepEqual(await sumOf(store, 'replaced.a', 10), [7, 1]);
    const again = await reopen();
    await again.commit(batchOf([{ series: 'replaced.a', at: now, value: 3 }], now + 601));
    await again.commit(batchOf([{ series: 'b', at: now, value: 3 }], now + 1300));
    assert.deepEqual(await sumOf(again, 'replaced.a', 60), [3, 1]);
  });

  contract('the sum is the same integer at every step, after ageing and after a new start', async (first, reopen) => {
    let store = first;
    let run = 0;
    const point = fc.record({ at: fc.integer({ min: now - 80_000, max: now }), value: fc.integer({ min: -1000, max: 1000 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(point, { minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 7 }), async (points, cut) => {
        const series = `run.${++run}`;
        const sum = points.reduce((left, { value }) => left + value, 0);
        for (let at = 0; at < points.length; at += cut) {
          await store.commit(batchOf(points.slice(at, at + cut).map((one) => ({ ...one, series }))));
        }
        for (const step of [10, 60, 600, 86_400]) assert.deepEqual(await sumOf(store, series, step), [sum + 0, points.length]);
        store = await reopen();
        for (const later of [now + 700, now + 5000, now + 90_000]) {
          await store.commit(batchOf([{ series: 'other', at: later, value: 1 }], later));
          while ((await store.expire(later)) > 0);
          for (const step of [60, 600]) assert.deepEqual(await sumOf(store, series, step), [sum + 0, points.length]);
        }
      }),
      { seed: 7, numRuns: driver.lasts ? 25 : 50 },
    );
  });
}

test('two writers on one folder are refused, a reader is not', async () => {
  const at = folder();
  const store = await openLmdbStore({ ...options, folder: at });
  await store.commit(batchOf([{ series: 'a', at: now, value: 2 }]));
  await assert.rejects(
    openLmdbStore({ ...options, folder: at }),
    (error) => error instanceof Refused && /another process/.test(error.message),
  );
  await store.close();
  const reader = await openLmdbStore({ ...options, folder: at, readOnly: true });
  assert.deepEqual(await sumOf(reader, 'a', 10), [2, 1]);
  await assert.rejects(reader.commit({ nowSeconds: now }), Refused);
  await reader.close();
  await assert.rejects(openLmdbStore({ ...options, folder: join(at, 'none'), readOnly: true }), Refused);
  rmSync(at, { recursive: true, force: true });
});

test('a file that is cut off anywhere, or is something else, is Corrupt and ends no process', async () => {
  const at = folder();
  const store = await openLmdbStore({ ...options, folder: at });
  for (let round = 0; round < 20; round++)
    await store.commit(batchOf(Array.from({ length: 300 }, (_, index) => ({ series: `s${index}`, at: now - round * 10, value: index }))));
  store.settle(now);
  await store.close();
  const whole = readFileSync(join(at, 'store.mdb'));
  const torn = folder();
  const open = (readOnly: boolean): Promise<Store> => openLmdbStore({ ...options, folder: torn, readOnly });
  for (const size of [1, 100, 4095, 4096, 8191, 8192, Math.floor(whole.length / 2)]) {
    writeFileSync(join(torn, 'store.mdb'), whole.subarray(0, size));
    for (const readOnly of [true, false]) await assert.rejects(open(readOnly), (error) => error instanceof Corrupt, `${size} bytes`);
  }
  // A file that is a little short may be sound: it opens, or what refers to its end is Corrupt.
  for (const [size, readOnly] of [
    [0.8, true],
    [0.9, false],
    [0.99, true],
  ] as const) {
    // A folder of its own: within a process, an environment that failed to open is remembered by its path.
    const short = folder();
    writeFileSync(join(short, 'store.mdb'), whole.subarray(0, Math.floor(whole.length * size)));
    await openLmdbStore({ ...options, folder: short, readOnly }).then(
      (opened) => opened.close(),
      (error) => assert.ok(error instanceof Corrupt, String(error)),
    );
    rmSync(short, { recursive: true, force: true });
  }
  writeFileSync(join(torn, 'store.mdb'), Buffer.alloc(100_000, 'no store'));
  await assert.rejects(open(false), (error) => error instanceof Corrupt);
  writeFileSync(join(torn, 'store.mdb'), '');
  await assert.rejects(open(true), (error) => error instanceof Corrupt);
  await (await open(false)).close();
  for (const one of [at, torn]) rmSync(one, { recursive: true, force: true });
});
