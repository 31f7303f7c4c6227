// Time is cut at slots without a loss, however long the span, and a span of years costs no more cells than the archives have slots.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { StateBatch } from './state-batch.js';

const ladder = [
  { stepSeconds: 60, keepSeconds: 3600 },
  { stepSeconds: 420, keepSeconds: 42_000 },
  { stepSeconds: 3600, keepSeconds: 864_000 },
];
const start = 1_700_000_000_000;

test('every millisecond within the archives is in one cell, and none in two', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          series: fc.nat(3),
          ms: fc.integer({ min: 1, max: 9_000_000 }),
          value: fc.oneof(fc.integer(), fc.constant(Number.NaN)),
        }),
        {
          minLength: 1,
          maxLength: 300,
        },
      ),
      (spans) => {
        const batch = new StateBatch();
        const ends = [start, start, start, start];
        const spoken = [0, 0, 0, 0];
        for (const { series, ms, value } of spans) {
          const from = ends[series] as number;
          ends[series] = from + ms;
          spoken[series] = (spoken[series] as number) + ms;
          batch.add(series, ladder, (from + ms) / 1000, from, from + ms, value);
        }
        const { count, series, cells } = batch.columns();
        const held = [0, 0, 0, 0];
        for (let at = 0; at < count; at++)
          held[series[at] as number] =
            (held[series[at] as number] as number) + (cells.knownMs[at] as number) + (cells.unknownMs[at] as number);
        assert.deepEqual(held, spoken);
      },
    ),
    { numRuns: 60 },
  );
});

test('a gap of months at a second a slot costs cells of the next archive, and loses no time', () => {
  const seconds = [
    { stepSeconds: 1, keepSeconds: 10_000_000 },
    { stepSeconds: 60, keepSeconds: 100_000_000 },
  ];
  const batch = new StateBatch();
  batch.add(0, seconds, start / 1000 + 9_000_000, start + 500, start + 9_000_000_000, Number.NaN);
  const { count, cells } = batch.columns();
  assert.ok(count < 150_000 + 200, `${count} cells`);
  assert.equal(
    cells.unknownMs.subarray(0, count).reduce((sum, ms) => sum + ms, 0),
    9_000_000_000 - 500,
  );
});

test('a gap of twenty years fills the archives and no more', () => {
  const batch = new StateBatch();
  const end = start + 20 * 365 * 86_400_000;
  batch.add(0, ladder, end / 1000, start, end, Number.NaN);
  const { count, slot, cells } = batch.columns();
  assert.ok(count < 60 + 7 + 100 + 9 + 240 + 2, `${count} cells`);
  const unknown = cells.unknownMs.subarray(0, count).reduce((sum, ms) => sum + ms, 0);
  assert.ok(unknown >= 864_000_000 && unknown < 864_000_000 + 3_600_000);
  for (let at = 1; at < count; at++) assert.ok((slot[at] as number) > (slot[at - 1] as number));
});
