// The kernel shows what decodeChunk tells, for chunks of single events; leaves the others alone; and takes no harm from bytes that are cut or turned.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { setMeasure, zeroMeasures } from '../fold/measure.js';
import { decodeChunk, encodeChunk } from './chunk.js';
import { beginShown, showValues, takeParts, takeValues } from './chunk-values.js';

const start = 1_700_000_400;
const cellOf = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 4000, max: 4400 }).map((value) => value / 100) },
  { weight: 2, arbitrary: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }) },
  { weight: 1, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }) },
  { weight: 3, arbitrary: fc.constant(undefined) },
);
const chunkOf = fc.oneof(
  fc.array(cellOf, { minLength: 1, maxLength: 60 }),
  fc.array(fc.integer({ min: -500, max: 500 }), { minLength: 1, maxLength: 60 }),
  fc.array(fc.constant(2.5), { minLength: 60, maxLength: 60 }),
);

function chunk(values: readonly (number | undefined)[], weight = 1): Buffer | undefined {
  const cells = zeroMeasures(60);
  for (const [slot, value] of values.entries())
    if (value !== undefined) setMeasure(cells, slot, weight, value * weight, value, value, value, start + slot * 10 + 3, 1);
  const bytes = encodeChunk(cells, 60, start, 10);
  return bytes === undefined ? undefined : Buffer.from(bytes);
}

function shownOf(bytes: Uint8Array, cell: number, count: number): number[] | undefined {
  const values = new Float64Array(count);
  beginShown(count);
  const isShown = showValues(bytes, 60, cell, count);
  takeValues(values);
  return isShown ? [...values] : undefined;
}

test('what is shown is what the chunk holds, wherever it lies', () => {
  fc.assert(
    fc.property(chunkOf, fc.integer({ min: -70, max: 100 }), fc.integer({ min: 1, max: 200 }), (values, cell, count) => {
      const bytes = chunk(values);
      if (bytes === undefined) return;
      const cells = zeroMeasures(60);
      decodeChunk(bytes, cells, 60, start, 10);
      const expected = new Array<number>(count).fill(Number.NaN);
      for (let slot = 0; slot < 60; slot++)
        if (cells.counts[slot] === 1 && cell + slot >= 0 && cell + slot < count) expected[cell + slot] = cells.lasts[slot] as number;
      assert.deepEqual(shownOf(bytes, cell, count), expected);
      const [ones, sums] = [new Float64Array(count), new Float64Array(count)];
      takeParts(ones, sums);
      assert.deepEqual(
        [...ones],
        expected.map((value) => Number(!Number.isNaN(value))),
      );
      assert.deepEqual(
        [...sums],
        expected.map((value) => (Number.isNaN(value) ? 0 : value)),
      );
    }),
    { seed: 11, numRuns: 1500 },
  );
});

test('chunks of other cells are not for here', () => {
  assert.equal(shownOf(chunk([1, 2, 3], 2) as Buffer, 0, 60), undefined);
});

test('chunks that are cut or turned: shown or not, never a harm', () => {
  fc.assert(
    fc.property(chunkOf, fc.nat(), fc.nat(), fc.integer({ min: 1, max: 255 }), (values, cut, place, byte) => {
      const bytes = chunk(values);
      if (bytes === undefined) return;
      const whole = shownOf(bytes, 0, 60);
      shownOf(bytes.subarray(0, cut % bytes.length), 0, 60);
      const turned = Buffer.from(bytes);
      turned[place % turned.length] = (turned[place % turned.length] as number) ^ byte;
      assert.equal(shownOf(turned, 3, 60)?.length ?? 60, 60);
      assert.deepEqual(shownOf(bytes, 0, 60), whole);
    }),
    { seed: 12, numRuns: 1500 },
  );
});

test('bytes that lie anywhere in a buffer are read where they lie', () => {
  const bytes = chunk(Array.from({ length: 60 }, (_, slot) => slot / 4)) as Buffer;
  const large = Buffer.alloc(bytes.length + 7);
  bytes.copy(large, 5);
  assert.deepEqual(shownOf(large.subarray(5, 5 + bytes.length), 0, 60), shownOf(Buffer.from(new Uint8Array(bytes).buffer), 0, 60));
});
