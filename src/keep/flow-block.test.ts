// Blocks of flows give back every column exactly, whatever stands in it, and a damaged block is Corrupt or gives rows: it ends nothing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../base/faults.js';
import { FlowBatch } from '../base/flow-batch.js';
import { type ColumnArray, type OptionalColumn, optionalNames } from '../base/flow-columns.js';
import { boundsOfBlock, FlowBlockReader, FlowBlockWriter, type FlowRows } from './flow-block.js';
import { blockRows } from './flow-memory.js';

const steady = [
  ...['firstSeconds', 'firstNanos', 'lastSeconds', 'lastNanos', 'src', 'dst', 'family', 'sport', 'dport', 'proto', 'flags', 'tos'],
  ...['packets', 'bytes', 'inIf', 'outIf', 'srcAs', 'dstAs', 'place'],
] as readonly (keyof FlowBatch)[];

type Random = () => number;

function seeded(seed: number): Random {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

// Values that are small, large, equal or anything, column by column.
function fill(column: ColumnArray, random: Random, most: number): void {
  const [kind, base] = [Math.floor(random() * 5), Math.floor(random() * most)];
  for (let at = 0; at < column.length; at++) {
    const any = Math.floor(random() * (most + 1));
    column[at] = [0, base, any % 5, Math.min(most, base + at), any][kind] as number;
  }
}

function batchOf(rows: number, seed: number, optional: readonly OptionalColumn[], unit: number, texts: boolean): FlowBatch {
  const random = seeded(seed);
  const batch = new FlowBatch(rows, optional);
  batch.count = rows;
  batch.file = `flows ${seed % 3}`;
  for (const name of [...steady, ...optional]) {
    const column = batch[name] as ColumnArray;
    fill(column, random, column instanceof Float64Array ? 2 ** 53 : 2 ** (8 * column.BYTES_PER_ELEMENT) - 1);
  }
  for (const column of [batch.firstNanos, batch.lastNanos])
    for (let row = 0; row < rows; row++) column[row] = Math.floor((column[row] as number) % (1e9 / unit)) * unit;
  if (texts) {
    batch.extra.set(
      'user',
      Array.from({ length: rows }, () => ['', 'ä"b', 'root', String(random())][Math.floor(random() * 4)] as string),
    );
    batch.extra.set('share', Float64Array.from({ length: rows }, random));
  }
  return batch;
}

function rowsOf(batch: FlowBatch): unknown[] {
  const names = [...steady, ...batch.present().map(({ name }) => name)].sort();
  return Array.from({ length: batch.count }, (_, row) => [
    batch.file,
    ...names.map((name) => {
      const column = batch[name] as ColumnArray;
      const width = column.length / batch.capacity;
      return [name, ...column.subarray(row * width, (row + 1) * width)];
    }),
    ...[...batch.extra].map(([name, column]) => [name, column[row]]),
  ]);
}

function blocksOf(batches: readonly FlowBatch[]): FlowRows[] {
  const writer = new FlowBlockWriter();
  return [...batches.flatMap((batch) => [...writer.add(batch)]), ...writer.end()];
}

const shape = fc.record({
  rows: fc.integer({ min: 1, max: 300 }),
  seed: fc.integer({ min: 1, max: 2 ** 31 }),
  optional: fc.subarray([...optionalNames], { maxLength: 12 }),
  unit: fc.constantFrom(1, 1000, 1_000_000, 1_000_000_000),
  texts: fc.boolean(),
});

test('every column comes back as it was, with the bounds of its times', () => {
  const reader = new FlowBlockReader();
  fc.assert(
    fc.property(fc.array(shape, { minLength: 1, maxLength: 3 }), (shapes) => {
      const batches = shapes.map(({ rows, seed, optional, unit, texts }) => batchOf(rows, seed, optional, unit, texts));
      const blocks = blocksOf(batches);
      const found = blocks.flatMap(({ bytes }) => rowsOf(reader.read(bytes)));
      assert.deepEqual(found, batches.flatMap(rowsOf));
      for (const { rows, first, last, bytes } of blocks) {
        const { bytes: _, ...bounds } = boundsOfBlock(bytes);
        assert.deepEqual(bounds, { rows, first, last });
        const { firstSeconds, lastSeconds } = reader.read(bytes);
        assert.deepEqual(first, [Math.min(...firstSeconds.subarray(0, rows)), Math.max(...firstSeconds.subarray(0, rows))]);
        assert.deepEqual(last, [Math.min(...lastSeconds.subarray(0, rows)), Math.max(...lastSeconds.subarray(0, rows))]);
      }
    }),
    { seed: 11, numRuns: 40 },
  );
});

test('rows of several batches join in blocks of a bounded size; the same rows give the same bytes', () => {
  const batches = [1, 2, 3].map(() => batchOf(9000, 30, ['vlan'], 1_000_000, true));
  const blocks = blocksOf(batches);
  assert.deepEqual(
    blocks.map(({ rows }) => rows),
    [blockRows, 27_000 - blockRows],
  );
  assert.deepEqual(
    blocksOf(batches).map(({ bytes }) => Buffer.from(bytes).toString('latin1')),
    blocks.map(({ bytes }) => Buffer.from(bytes).toString('latin1')),
  );
});

test('only the columns that are wanted are read', () => {
  const batch = batchOf(50, 5, ['vlan', 'packetsRev'], 1000, true);
  const [block] = blocksOf([batch]);
  const read = new FlowBlockReader().read((block as FlowRows).bytes, new Set(['packets', 'packetsRev']));
  assert.deepEqual([...read.packets.subarray(0, 50)], [...batch.packets]);
  assert.deepEqual(
    read.present().map(({ name }) => name),
    ['packetsRev'],
  );
  assert.equal(read.extra.size, 0);
});

test('a block that is cut or changed anywhere is Corrupt or gives rows', () => {
  const [block] = blocksOf([batchOf(40, 9, ['nextHop', 'mpls', 'received'], 1000, true)]);
  const { bytes } = block as FlowRows;
  const reader = new FlowBlockReader();
  let refused = 0;
  const attempt = (damaged: Uint8Array): void => {
    try {
      assert.ok(rowsOf(reader.read(damaged)).length <= blockRows);
    } catch (error) {
      assert.ok(error instanceof Fault, String(error));
      refused++;
    }
  };
  for (let size = 0; size < bytes.length; size++) attempt(bytes.subarray(0, size));
  assert.equal(refused, bytes.length);
  const random = seeded(4);
  for (let at = 0; at < bytes.length; at++) {
    const changed = Uint8Array.from(bytes);
    changed[at] = Math.floor(random() * 256);
    attempt(changed);
  }
  attempt(bytes);
  assert.deepEqual(rowsOf(reader.read(bytes)).length, 40);
});
