/** The kernel's numbers are the engine's, whatever the number; labels, unknown values and runs of more than a kernel's worth of slots stand where they belong. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Series } from '../query/series.js';
import { jsonSeries } from './json-points.js';

const seriesOf = (values: ArrayLike<number>, start = 1_718_460_000, stepSeconds = 10): Series => ({
  ...{ name: 'a "b"', pathExpression: 'a', tags: { name: 'a "b"' }, start, end: start + values.length * stepSeconds, stepSeconds },
  ...{ values: Float64Array.from(values), method: 'average', xFilesFactor: 0 },
});
const read = (one: Series, noNulls = false): { target: string; datapoints: [number | null, number][] }[] =>
  JSON.parse(Buffer.from(jsonSeries([one], undefined, noNulls)).toString('utf8'));

test('numbers are written as JSON.stringify writes them', () => {
  const decimal = fc
    .tuple(fc.integer({ min: -1e9, max: 1e9 }), fc.integer({ min: 0, max: 12 }))
    .map(([digits, places]) => digits / 10 ** places);
  const edge = fc.constantFrom(0, -0, 1e-6, 1e-7, 0.1, 999_999_999.999_999, 1e9, 1e15, 1e15 - 1, 1e21, 2 ** 53, -1.5, 4_294_967_296.5);
  const number = fc.oneof(decimal, edge, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.maxSafeInteger());
  fc.assert(
    fc.property(fc.array(number, { minLength: 1, maxLength: 50 }), (values) => {
      const text = Buffer.from(jsonSeries([seriesOf(values)], undefined, false)).toString('utf8');
      const points = values.map((value, slot) => `[${JSON.stringify(value)}, ${1_718_460_000 + 10 * slot}]`).join(', ');
      assert.equal(text, `[{"target": "a \\"b\\"", "tags": {"name": "a \\"b\\""}, "datapoints": [${points}]}]`);
    }),
    { seed: 6, numRuns: 500 },
  );
});

test('unknown values, infinite ones, times of any length, many slots', () => {
  const values = Float64Array.from({ length: 10_000 }, (_, slot) => (slot % 3 === 0 ? Number.NaN : slot / (slot % 7 === 0 ? 3 : 4)));
  const [all] = read(seriesOf(values, 0, 1));
  assert.deepEqual(
    all?.datapoints,
    Array.from(values, (value, slot) => [Number.isNaN(value) ? null : value, slot]),
  );
  const [known] = read(seriesOf(values, 999_999_000, 1), true);
  assert.deepEqual(
    known?.datapoints,
    Array.from(values, (value, slot) => [value, 999_999_000 + slot]).filter(([value]) => !Number.isNaN(value)),
  );
  assert.deepEqual(read(seriesOf([Number.NaN, Number.NaN]), true), []);
  const text = Buffer.from(jsonSeries([seriesOf([Infinity, -Infinity, Number.NaN, 1])], undefined, false)).toString('utf8');
  assert.match(text, /\[\[1e9999, 1718460000\], \[-1e9999, 1718460010\], \[null, 1718460020\], \[1, 1718460030\]\]/);
});
