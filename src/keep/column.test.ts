// Columns come back exactly as they were written, whatever form their bytes take; cut or changed bytes are Corrupt, or other numbers, and never a loop.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Corrupt } from '../base/faults.js';
import { columnSizeMax, readColumn, writeColumn } from './column.js';

function written(values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(columnSizeMax(values.length) + 4);
  return bytes.slice(0, writeColumn(bytes, 0, Float64Array.from(values), values.length));
}

function read(bytes: Uint8Array, count: number): number[] {
  const values = new Float64Array(count);
  assert.ok(readColumn(bytes, 0, values, count) <= bytes.length);
  // Minus zero may become zero.
  return [...values].map((value) => value + 0);
}

const decimals = fc
  .tuple(fc.integer({ min: -(2 ** 40), max: 2 ** 40 }), fc.integer({ min: 0, max: 4 }))
  .map(([n, scale]) => n / 10 ** scale);
const walk = fc
  .tuple(fc.integer({ min: -1e9, max: 1e9 }), fc.array(fc.integer({ min: -300, max: 300 }), { minLength: 1, maxLength: 59 }))
  .map(([first, steps]) => [first, ...steps].map((_, index) => steps.slice(0, index).reduce((sum, step) => sum + step, first) / 100));
const any = fc.double({ noNaN: true, noDefaultInfinity: true });
const columnOf = fc.oneof(
  walk,
  fc.array(decimals, { minLength: 1, maxLength: 60 }),
  fc.array(any, { minLength: 1, maxLength: 60 }),
  fc.array(fc.constantFrom(0, 1, 2 ** 24 - 1, 2 ** 24, -(2 ** 23), 2 ** 49), { minLength: 1, maxLength: 60 }),
);

test('what is read back is what was written', () => {
  fc.assert(
    fc.property(columnOf, (values) => {
      const bytes = written(values);
      assert.ok(bytes.length <= columnSizeMax(values.length));
      assert.deepEqual(
        read(bytes, values.length),
        values.map((value) => value + 0),
      );
    }),
    { seed: 3, numRuns: 2000 },
  );
});

test('a walk of small steps takes the bits that its steps need', () => {
  const values = Array.from({ length: 60 }, (_, index) => 5000 + ((index * 7919) % 127));
  assert.ok(written(values).length <= 2 + 3 + 60);
  assert.equal(written(new Array(60).fill(12.5)).length, 3);
});

test('a column that is cut, or whose bits are turned, is Corrupt or another number', () => {
  fc.assert(
    fc.property(columnOf, fc.nat(), fc.integer({ min: 0, max: 255 }), (values, place, byte) => {
      const bytes = written(values);
      assert.throws(
        () => read(bytes.subarray(0, bytes.length - 1), values.length),
        (error) => error instanceof Corrupt,
      );
      bytes[place % bytes.length] = byte;
      try {
        read(bytes, values.length);
      } catch (error) {
        assert.ok(error instanceof Corrupt || error instanceof assert.AssertionError, String(error));
      }
    }),
    { seed: 4, numRuns: 2000 },
  );
});
