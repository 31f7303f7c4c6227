// A writer that is there to be killed: commits batch after batch to the embedded store of a folder and says on standard output which one is acknowledged.
// Batch n adds 1 to each of 40 series in a slot of its own and n to one part, and puts one record; so what is stored tells which batches are in it.
// A small bound of open cells makes nearly every commit fold too.
import { writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { openLmdbStore } from '../../dist/keep/lmdb.js';

export const now = 1_700_000_000;
export const seriesCount = 40;
const table = { nameOf: (index) => `killed.s${index}` };

const sumOf = (one, two) => Buffer.from(Float64Array.of(numberOf(one) + numberOf(two)).buffer);
export const numberOf = (bytes) => Buffer.from(bytes).readDoubleLE(0);

export const openStore = (folder) =>
  openLmdbStore({
    folder,
    openCellsMax: 300,
    ladderOf: () => [
      { stepSeconds: 10, keepSeconds: 3600 },
      { stepSeconds: 60, keepSeconds: 864_000 },
    ],
    codecs: { histogram: { merge: sumOf } },
  });

export function batchOf(number) {
  const column = (value) => new Float64Array(seriesCount).fill(value);
  const slot = now - 10 * (number % 2000);
  const measures = {
    count: seriesCount,
    series: Int32Array.from({ length: seriesCount }, (_, index) => index),
    slot: column(slot),
    counts: column(1),
    sums: column(1),
    mins: column(1),
    maxs: column(1),
    lasts: column(1),
    lastAts: column(slot),
  };
  const part = { kind: 'histogram', series: 'killed.part', slot: now - (now % 10), bytes: Buffer.from(Float64Array.of(number).buffer) };
  const record = { table: 'killed', partition: 'p', row: String(number).padStart(8, '0'), value: String(number) };
  return { identity: `batch ${number}`, nowSeconds: now, cells: { table, measures, parts: [part] }, records: [record] };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , folder, first] = process.argv;
  const store = await openStore(folder);
  for (let number = Number(first); ; number++) {
    await store.commit(batchOf(number));
    writeSync(1, `${number}\n`);
    // The loop of events gets its turn, as in a daemon.
    await new Promise((resolve) => setImmediate(resolve));
  }
}
