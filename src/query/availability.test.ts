// Shares of unknown time: seconds are added up first, maintenance is left out, outages are stretches whose seconds sum to what is unknown.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { joinSpans, outagesOf, percentUnknownOf } from './availability.js';
import type { TargetContext, TimeSpan } from './function.js';
import { restOf, type Series } from './series.js';

const step = 60;
const start = 1_700_000_040;

// A series of states: the seconds unknown at the end of each slot; the others are known.
function seriesOf(tails: readonly number[]): Series {
  const unknown = Float64Array.from(tails);
  const known = unknown.map((seconds) => step - seconds);
  const lastAts = unknown.map((seconds, slot) => start + (slot + 1) * step - seconds);
  const values = known.map((seconds) => (seconds === 0 ? Number.NaN : 1));
  const counts = known.slice();
  const cells = { counts, sums: counts, filled: known.map((seconds) => seconds / step), states: { known, unknown, lastAts } };
  const end = start + tails.length * step;
  return {
    name: 'ping',
    tags: {},
    pathExpression: 'ping',
    start,
    end,
    stepSeconds: step,
    values,
    method: 'average',
    xFilesFactor: 0,
    cells,
  };
}

const contextOf = (maintenance: readonly TimeSpan[]): TargetContext => ({ now: start + 1e6, maintenance }) as unknown as TargetContext;
const lengths = (spans: readonly TimeSpan[]): number => spans.reduce((sum, one) => sum + one.end - one.start, 0);

test('the share of an hour is that of its seconds, and what it is a share of is told', () => {
  const series = percentUnknownOf(seriesOf(Array.from({ length: 60 }, () => 24)), { context: contextOf([]) });
  assert.deepEqual([...series.values], new Array(60).fill(40));
  assert.equal(series.merged?.(0, 60), 40);
  assert.deepEqual(series.times && restOf(series.times, 0, 60), { known: 2160, unknown: 1440, planned: 0 });
});

test('planned maintenance is in neither part of the share, and cuts outages', () => {
  const stored = seriesOf([0, 0, 60, 60, 60, 0]);
  const context = contextOf([{ start: start + 150, end: start + 200 }]);
  const series = percentUnknownOf(stored, { context });
  assert.deepEqual(series.times && restOf(series.times, 0, 6), { known: 180, unknown: 130, planned: 50 });
  assert.equal(series.merged?.(0, 6), (100 * 130) / 310);
  for (const one of [stored, series])
    assert.deepEqual(
      outagesOf(one, context).map((outage) => [outage.start - start, outage.end - start]),
      [
        [120, 150],
        [200, 300],
      ],
    );
});

test('an outage that begins and ends within slots has its own edges; one at the end of the range is open', () => {
  const found = outagesOf(seriesOf([0, 20, 60, 0, 0, 60]), contextOf([]));
  assert.deepEqual(
    found.map((outage) => [outage.start - start, outage.end - start, outage.exact, outage.open]),
    [
      [100, 180, true, false],
      [300, 360, true, true],
    ],
  );
});

test('outages do not overlap, and sum to the unknown time, with windows and without', () => {
  const windows = fc.array(fc.record({ start: fc.nat(3600), length: fc.integer({ min: 1, max: 900 }) }), { maxLength: 6 });
  fc.assert(
    fc.property(fc.array(fc.constantFrom<number>(0, 0, 0, 60, 60, 13), { minLength: 1, maxLength: 60 }), windows, (tails, list) => {
      const maintenance = joinSpans(list.map((one) => ({ start: start + one.start, end: start + one.start + one.length })));
      const series = seriesOf(tails);
      const free = outagesOf(series, contextOf([]));
      assert.equal(
        lengths(free),
        tails.reduce<number>((sum, seconds) => sum + seconds, 0),
      );
      const cut = outagesOf(series, contextOf(maintenance));
      for (const [index, one] of cut.entries()) {
        assert.ok(one.end > one.start && one.start >= (cut[index - 1]?.end ?? 0));
        for (const window of maintenance) assert.ok(one.end <= window.start || one.start >= window.end);
      }
      const planned = free.flatMap((one) =>
        maintenance.map((window) => Math.max(0, Math.min(one.end, window.end) - Math.max(one.start, window.start))),
      );
      assert.ok(Math.abs(lengths(free) - planned.reduce((sum, one) => sum + one, 0) - lengths(cut)) < 1e-6);
    }),
  );
});

test('of events, a slot without one is unknown as far as it has passed', () => {
  const series = {
    ...seriesOf([0, 0, 0, 0]),
    cells: { counts: new Float64Array(4), sums: new Float64Array(4), filled: Float64Array.of(1, 0, 0, 0) },
  };
  const context = { now: start + 150, maintenance: [] } as unknown as TargetContext;
  const share = percentUnknownOf(series, { context });
  assert.deepEqual(share.times && restOf(share.times, 0, 4), { known: 60, unknown: 90, planned: 0 });
  assert.deepEqual([...share.values], [0, 100, 100, Number.NaN]);
});
