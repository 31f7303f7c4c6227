// Taking: exactly n for every n from 1 to 5,000, whatever is appended, put between and deleted meanwhile; pages that follow one another over a new start; ranges; single records.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openLmdbStore } from '../keep/lmdb.js';
import { openMemoryStore } from '../keep/memory.js';
import type { StoredRecord } from '../keep/record-block.js';
import type { Store } from '../keep/store.js';
import { get, rowLines, type TakeQuestion, take } from './take.js';

const nowSeconds = 1_700_000_000;
const options = { ladderOf: () => [{ stepSeconds: 10, keepSeconds: 3600 }] };
const rowOf = (index: number): string => `m${String(index).padStart(7, '0')}`;
const put = (index: number): { table: string; partition: string; row: string; value: string } => ({
  table: 't',
  partition: 'p',
  row: rowOf(index),
  value: `{"n":${index}}`,
});

async function taken(
  store: Store,
  question: Partial<TakeQuestion> & { readonly n: number },
): Promise<{ rows: StoredRecord[]; next: string | undefined }> {
  const { blocks, next } = await take(store, { table: 't', partition: 'p', ...question });
  const rows: StoredRecord[] = [];
  for await (const block of blocks) rows.push(...block);
  return { rows, next };
}

test('n = 1 to 5,000, while records are appended', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-take-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const store = await openLmdbStore({ ...options, folder });
  let count = 5000;
  await store.commit({ nowSeconds, records: Array.from({ length: count }, (_, index) => put(index)) });
  for (let n = 1; n <= 5000; n++) {
    const { rows, next } = await taken(store, { n });
    assert.equal(rows.length, n);
    assert.equal(rows[0]?.row, rowOf(0));
    assert.equal(rows[n >> 1]?.row, rowOf(n >> 1));
    assert.equal(rows[n - 1]?.row, rowOf(n - 1));
    assert.equal(next === undefined, count === n, String(n));
    if (n % 97 !== 0) continue;
    assert.ok(rows.every(({ row, value }, index) => row === rowOf(index) && value === `{"n":${index}}`));
    assert.equal((await taken(store, { n: 1, cursor: next })).rows[0]?.row, rowOf(n));
    await store.commit({ nowSeconds, records: [put(count++)] });
  }
  await store.close();
});

test('pages give every record once, over new starts, with what is put and deleted around them', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-take-'));
  t.after(() => rmSync(folder, { recursive: true }));
  let store = await openLmdbStore({ ...options, folder });
  await store.commit({ nowSeconds, records: Array.from({ length: 6000 }, (_, index) => put(index * 2)) });
  const seen: string[] = [];
  let cursor: string | undefined;
  for (let page = 0; page === 0 || cursor !== undefined; page++) {
    const { rows, next } = await taken(store, { n: [1, 31, 32, 33, 200, 1000, 4500][page % 7] as number, cursor });
    seen.push(...rows.map(({ row }) => row));
    cursor = next;
    const last = Number(seen.at(-1)?.slice(1));
    // Behind the place that was reached: a new one, and one that goes; before it: what can no longer be seen.
    await store.commit({
      nowSeconds,
      records: [put(last - 1), { ...put(last), value: undefined }, put(last + 101), { ...put(last + 1000), value: undefined }],
    });
    if (page % 3 === 2) {
      await store.close();
      store = await openLmdbStore({ ...options, folder });
    }
  }
  assert.deepEqual(seen, [...new Set(seen)].sort());
  assert.ok(seen.length > 5900);
  await store.close();
});

test('ranges and single records are the same from every driver', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-take-'));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const store of [await openMemoryStore(options), await openLmdbStore({ ...options, folder })]) {
    await store.commit({ nowSeconds, records: Array.from({ length: 300 }, (_, index) => ({ ...put(index), at: index * 1e6 })) });
    const numbers = async (question: Partial<TakeQuestion> & { readonly n: number }): Promise<number[]> =>
      (await taken(store, question)).rows.map(({ row }) => Number(row.slice(1)));
    assert.deepEqual(await numbers({ n: 3, fromRow: rowOf(10) }), [10, 11, 12]);
    assert.deepEqual(await numbers({ n: 9, fromRow: rowOf(10), untilRow: rowOf(12) }), [10, 11]);
    assert.deepEqual(await numbers({ n: 9, fromTime: 100e6, untilTime: 103e6 }), [100, 101, 102]);
    assert.deepEqual(await numbers({ n: 9, fromRow: rowOf(12), untilRow: rowOf(10) }), []);
    assert.deepEqual(await numbers({ n: 0 }), []);
    assert.equal((await numbers({ n: 5000, untilTime: 150e6 })).length, 150);
    const { next } = await taken(store, { n: 2, fromRow: rowOf(10), untilRow: rowOf(13) });
    const rest = await taken(store, { n: 2, untilRow: rowOf(13), cursor: next });
    assert.deepEqual([rest.rows.map(({ row }) => row), rest.next], [[rowOf(12)], undefined]);
    assert.equal((await get(store, 't', 'p', rowOf(77)))?.value, '{"n":77}');
    assert.equal(await get(store, 't', 'p', 'm00'), undefined);
    assert.equal(await get(store, 't', 'q', rowOf(77)), undefined);
    await store.close();
  }
});

test('records of a megabyte are not held, and come exactly', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-take-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const store = await openLmdbStore({ ...options, folder });
  const value = JSON.stringify({ text: 'x'.repeat(1_000_000) });
  for (let index = 0; index < 12; index++) await store.commit({ nowSeconds, records: [{ ...put(index), value }] });
  const { blocks, next } = await take(store, { table: 't', partition: 'p', n: 11 });
  assert.ok(!Array.isArray(blocks));
  let count = 0;
  for await (const rows of blocks) for (const { row, value: own } of rows) assert.ok(row === rowOf(count++) && own === value);
  assert.equal(count, 11);
  assert.deepEqual(
    (await taken(store, { n: 5, cursor: next })).rows.map(({ row }) => row),
    [rowOf(11)],
  );
  await store.close();
});

test('lines', () => {
  const rows = [
    { row: 'a', at: 0, value: '{}' },
    { row: 'q"\\\u0007é', at: 0, value: '{"x":1}' },
  ];
  assert.equal(
    rowLines('p', [{ row: 'a', at: 0, value: '{"row":1,"x":{"partition":2}}' }]),
    '{"partition":"p","row":"a","_row":1,"x":{"partition":2}}\n',
  );
  assert.equal(rowLines('p"', rows), '{"partition":"p\\"","row":"a"}\n{"partition":"p\\"","row":"q\\"\\\\\\u0007é","x":1}\n');
});
