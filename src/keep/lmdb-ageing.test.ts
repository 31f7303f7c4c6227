// Series of several ladders age side by side: nothing stays where its archive no longer reaches it, nothing is counted twice or lost, also what comes late, after
// other rules, and after a new start.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { zeroMeasures } from '../fold/measure.js';
import { chunkSlots } from './chunk.js';
import { type LmdbStore, openLmdbStore } from './lmdb.js';
import type { DumpRows } from './lmdb-dump.js';
import type { Ladder } from './store.js';

const start = 1_700_000_000 - (1_700_000_000 % 600);
let ladders: Readonly<Record<string, Ladder>> = {
  short: [
    { stepSeconds: 10, keepSeconds: 1800 },
    { stepSeconds: 60, keepSeconds: 14_400 },
    { stepSeconds: 600, keepSeconds: 864_000 },
  ],
  long: [
    { stepSeconds: 10, keepSeconds: 43_200 },
    { stepSeconds: 600, keepSeconds: 864_000 },
  ],
  only: [{ stepSeconds: 60, keepSeconds: 172_800 }],
};
const names = Object.keys(ladders);
const options = { ladderOf: (name: string): Ladder => ladders[name] as Ladder, generationSeconds: 60 };

async function put(store: LmdbStore, at: number, now: number): Promise<void> {
  const measures = { count: names.length, series: Int32Array.from(names.keys()), ...zeroMeasures(names.length) };
  const ones = new Float64Array(names.length).fill(1);
  const slot = Float64Array.from(names, (name) => at - (at % (options.ladderOf(name)[0]?.stepSeconds ?? 10)));
  const nameOf = (index: number): string => names[index] as string;
  await store.commit({
    nowSeconds: now,
    cells: {
      table: { nameOf },
      measures: { ...measures, slot, counts: ones, sums: ones, mins: ones, maxs: ones, lasts: ones, lastAts: slot },
    },
  });
}

const cellsOf = (store: LmdbStore, name: string): readonly DumpRows['measure'][] => [...store.dump('measure', name)];

async function age(store: LmdbStore, now: number): Promise<number> {
  store.settle(now);
  let gone = 0;
  for (let more = 1; more > 0; gone += more) more = await store.expire(now);
  for (const name of names) {
    const ladder = options.ladderOf(name);
    for (const { step, slot } of cellsOf(store, name)) {
      const keep = ladder.find((one) => one.stepSeconds >= step)?.keepSeconds ?? 0;
      const chunkSeconds = step * chunkSlots(step);
      const chunkEnd = (Math.floor(slot / chunkSeconds) + 1) * chunkSeconds;
      assert.ok(chunkEnd > now - keep, `${name}: a cell of ${step} s is ${now - slot} s old`);
    }
  }
  return gone;
}

const countOf = (store: LmdbStore, name: string): number => cellsOf(store, name).reduce((sum, { count }) => sum + count, 0);

test('cells of several ladders age, each by its own, and none is lost or doubled', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-ageing-'));
  let store = await openLmdbStore({ ...options, folder });
  let points = 0;
  for (let now = start; now < start + 90_000; now += 300) {
    await put(store, now, now);
    points++;
    // A late point goes behind what has been gone through.
    if (now % 4500 === 0 && now - start > 9000) {
      await put(store, now - 8000, now);
      points++;
    }
    if (now % 1800 === 0) await age(store, now);
    if (now === start + 45_000) {
      await store.close();
      store = await openLmdbStore({ ...options, folder });
    }
    for (const name of names) if (now % 1800 === 0) assert.equal(countOf(store, name), points, name);
  }
  const end = start + 90_000;
  await age(store, end);
  assert.equal(await store.expire(end), 0);
  // Other rules: what was kept for long is kept no longer.
  ladders = { ...ladders, long: ladders.short as Ladder };
  store.reload();
  assert.ok((await age(store, end)) > 0);
  for (const name of names) assert.equal(countOf(store, name), points, name);
  // All is over.
  await age(store, end + 3_000_000);
  for (const name of names) assert.equal(countOf(store, name), 0, name);
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});
