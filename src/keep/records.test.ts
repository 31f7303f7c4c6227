// Records as a property: whatever is put and deleted, in whatever batches, a scan of any range is what a sorted map holds; blocks stay full; a scan sees one moment.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { Corrupt } from '../base/faults.js';
import { openLmdbStore } from './lmdb.js';
import { openMemoryStore } from './memory.js';
import { blockRowsMax, compareRows, countOfBlock, decodeBlock, encodeBlock, placeInBlock, type StoredRecord } from './record-block.js';
import type { RecordPut, RecordRange, Store } from './store.js';

const now = 1_700_000_000;
const options = { ladderOf: () => [{ stepSeconds: 10, keepSeconds: 3600 }] };

type Found = StoredRecord & { readonly partition: string };

async function found(store: Store, range: RecordRange): Promise<Found[]> {
  const list: Found[] = [];
  for await (const { partition, rows } of store.scan('record', range)) for (const row of rows) list.push({ partition, ...row });
  return list;
}

const key = fc.oneof(
  fc.integer({ min: 0, max: 120 }).map((value) => `r${value}`),
  fc.constantFrom('', '\u{1f600}', '\uffee', 'é', 'r1\u0001'),
);
const put = fc.record({
  table: fc.constantFrom('t', 'tt'),
  partition: fc.constantFrom('', 'p', 'pp', 'q'),
  row: key,
  value: fc.oneof(
    { weight: 8, arbitrary: fc.string({ maxLength: 20 }) },
    { weight: 3, arbitrary: fc.string({ maxLength: 20, unit: 'grapheme' }) },
    { weight: 1, arbitrary: fc.constant('x'.repeat(40_000)) },
    { weight: 5, arbitrary: fc.constant(undefined) },
  ),
  at: fc.integer({ min: 0, max: 100 }).map((second) => (now + second) * 1e6),
});
const rangeOf = fc.record(
  {
    table: fc.constantFrom('t', 'tt'),
    partition: fc.constantFrom('p', '', 'pp'),
    fromRow: key,
    untilRow: key,
    fromTime: fc.integer({ min: 0, max: 100 }).map((second) => (now + second) * 1e6),
    untilTime: fc.integer({ min: 0, max: 100 }).map((second) => (now + second) * 1e6),
    limit: fc.integer({ min: 0, max: 200 }),
  },
  { requiredKeys: ['table'] },
);

test('lmdb holds what memory holds, after any batches, in any range', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(put, { maxLength: 150 }), { maxLength: 8 }),
      fc.array(rangeOf, { maxLength: 12 }),
      async (batches, ranges) => {
        const folder = mkdtempSync(join(tmpdir(), 'weir-records-'));
        const [plain, store] = [await openMemoryStore(options), await openLmdbStore({ ...options, folder })];
        try {
          for (const records of batches)
            for (const one of [plain, store]) await one.commit({ nowSeconds: now, records: records as RecordPut[] });
          for (const range of [...ranges, { table: 't' }, { table: 'tt', withEnd: true, partition: 'p', limit: 7 }]) {
            assert.deepEqual(await found(store, range), await found(plain, range), JSON.stringify(range));
          }
          const ends = await Promise.all(
            [plain, store].map(
              async (one) =>
                (await one.scan('record', { table: 't', partition: 'p', limit: 20, withEnd: true })[Symbol.asyncIterator]().next()).value
                  .end,
            ),
          );
          assert.deepEqual(ends[1], ends[0]);
        } finally {
          await store.close();
          rmSync(folder, { recursive: true });
        }
      },
    ),
    { numRuns: 25, seed: 20261124 },
  );
});

test('appended and prepended rows lie in full blocks', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-records-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const store = await openLmdbStore({ ...options, folder });
  const put = (partition: string, index: number): RecordPut => ({ table: 't', partition, row: String(1000 + index), value: '{}' });
  for (let index = 0; index < 330; index++) await store.commit({ nowSeconds: now, records: [put('up', index), put('down', 330 - index)] });
  for (const partition of ['up', 'down']) {
    const sizes: number[] = [];
    for await (const { rows } of store.scan('record', { table: 't', partition })) sizes.push(rows.length);
    assert.deepEqual(
      sizes.sort((one, two) => two - one),
      [...new Array(10).fill(blockRowsMax), 10],
      partition,
    );
  }
  await store.close();
});

test('a store that is closed in the middle of a scan waits for it; one that is left lying does not stop it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-records-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const records = Array.from({ length: 3000 }, (_, index) => ({ table: 't', partition: 'p', row: String(10_000 + index), value: '{}' }));
  for (const withEnd of [true, false]) {
    const store = await openLmdbStore({ ...options, folder });
    await store.commit({ nowSeconds: now, records });
    const scan = store.scan('record', { table: 't', partition: 'p', withEnd })[Symbol.asyncIterator]();
    let count = (await scan.next()).value?.rows.length ?? 0;
    const closing = store.close();
    for (let step = await scan.next(); step.done !== true; step = await scan.next()) {
      count += step.value.rows.length;
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(count, 3000);
    await closing;
  }
  const store = await openLmdbStore({ ...options, folder });
  const left = store.scan('record', { table: 't', partition: 'p', withEnd: true })[Symbol.asyncIterator]();
  await left.next();
  await store.close();
  assert.equal((await left.next()).value?.rows.length, blockRowsMax);
});

test('a scan sees one moment, whatever is committed meanwhile', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-records-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const store = await openLmdbStore({ ...options, folder });
  const rowOf = (index: number): string => String(100_000 + index);
  const records = Array.from({ length: 3000 }, (_, index) => ({ table: 't', partition: 'p', row: rowOf(index * 2), value: '{}' }));
  await store.commit({ nowSeconds: now, records });
  const seen: string[] = [];
  let turn = 0;
  for await (const { rows, end } of store.scan('record', { table: 't', partition: 'p', limit: 2500, withEnd: true })) {
    if (end !== undefined) assert.deepEqual(end, { row: rowOf(4998), count: 2500, more: true });
    seen.push(...rows.map(({ row }) => row));
    turn += 1;
    const other = (2999 - turn * 7) * 2;
    await store.commit({
      nowSeconds: now,
      records: [
        { table: 't', partition: 'p', row: rowOf(other + 1), value: '{}' },
        { table: 't', partition: 'p', row: rowOf(other), value: undefined },
      ],
    });
  }
  assert.deepEqual(
    seen,
    records.slice(0, 2500).map(({ row }) => row),
  );
  await store.close();
});

test('records go when the time of their table is over', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-records-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const keeping = { ...options, recordKeepSeconds: (table: string) => (table === 'short' ? 100 : undefined) };
  for (const store of [await openMemoryStore(keeping), await openLmdbStore({ ...keeping, folder })]) {
    const records = ['a', 'long', 'short', 'z'].flatMap((table) =>
      Array.from({ length: 200 }, (_, index) => ({
        table,
        partition: `p${index % 3}`,
        row: String(1000 + index),
        value: '{}',
        at: (now + index) * 1e6,
      })),
    );
    await store.commit({ nowSeconds: now, records });
    assert.equal(await store.expire(now + 150), 50);
    assert.equal(await store.expire(now + 150), 0);
    assert.ok((await found(store, { table: 'short' })).every(({ at }) => at >= (now + 50) * 1e6));
    assert.equal(await store.expire(now + 1000), 150);
    for (const table of ['a', 'long', 'z']) assert.equal((await found(store, { table })).length, 200);
    assert.deepEqual(await found(store, { table: 'short' }), []);
    await store.close();
  }
});

test('a damaged block is Corrupt, whatever its bytes', () => {
  const rows = ['a', 'b', 'c'].map((row) => ({ row, at: now, value: `{"x":"${row}"}` }));
  const block = encodeBlock(rows);
  const held: StoredRecord[] = [];
  decodeBlock(block, 0, 3, held);
  assert.deepEqual(held, rows);
  assert.equal(placeInBlock(block, 'b'), 1);
  const check = (bytes: Buffer): void => {
    try {
      decodeBlock(bytes, 0, countOfBlock(bytes), []);
      placeInBlock(bytes, 'b');
    } catch (error) {
      assert.ok(error instanceof Corrupt, String(error));
    }
  };
  for (let size = 0; size < block.length; size++) check(block.subarray(0, size));
  for (let at = 0; at < block.length; at++)
    for (const mask of [1, 128, 255]) {
      const bent = Buffer.from(block);
      bent[at] = (bent[at] as number) ^ mask;
      check(bent);
    }
});

test('rows are in the order of their bytes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (one, two) => {
      assert.equal(Math.sign(compareRows(one, two)), Math.sign(Buffer.compare(Buffer.from(one), Buffer.from(two))));
    }),
    { seed: 20261124 },
  );
});
