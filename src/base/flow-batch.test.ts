import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bug } from './faults.js';
import { FlowBatch } from './flow-batch.js';

test('select keeps the listed rows in every column, wide and extra ones too', () => {
  const batch = new FlowBatch(4, ['nextHop']);
  batch.count = 3;
  const names = ['a', 'b', 'c'];
  batch.extra.set('name', [...names, '']);
  for (let row = 0; row < 3; row++) {
    batch.sport[row] = row + 1;
    batch.src.fill(row + 1, row * 16, row * 16 + 16);
    batch.nextHop?.fill(row + 7, row * 16, row * 16 + 16);
  }
  batch.select(Uint32Array.of(0, 2), 2);
  assert.equal(batch.count, 2);
  assert.deepEqual([...batch.sport.subarray(0, 2)], [1, 3]);
  assert.deepEqual([batch.src[0], batch.src[16], batch.nextHop?.[31]], [1, 3, 9]);
  assert.deepEqual((batch.extra.get('name') as string[]).slice(0, 2), ['a', 'c']);
  assert.throws(() => batch.select(Uint32Array.of(0, 1, 2), 3), Bug);
});

test('optional columns are there only when asked for', () => {
  const batch = new FlowBatch(2);
  assert.equal(batch.has('packetsRev'), false);
  assert.equal(batch.isBiflow(0), false);
  batch.add('packetsRev');
  if (batch.packetsRev) batch.packetsRev[0] = 2;
  assert.equal(batch.isBiflow(0), true);
});
