// Days, weeks and months of a zone, of 23 and 25 hours too; and what must divide for a figure to be exact.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alignment, bandsOf, parseStep, stepEdges } from './calendar-steps.js';
import type { Series } from './series.js';

const at = (text: string): number => Date.parse(text) / 1000;
const hours = (edges: Float64Array): number[] => [...edges.subarray(1)].map((edge, index) => (edge - (edges[index] as number)) / 3600);

test('days of London have 23, 24 and 25 hours, and begin at its midnight', () => {
  const spring = stepEdges(parseStep('1d'), at('2026-03-28T00:00:00Z'), at('2026-03-30T23:00:00Z'), 'Europe/London');
  assert.deepEqual(hours(spring), [24, 23, 24]);
  const autumn = stepEdges(parseStep('1d'), at('2026-10-23T23:00:00Z'), at('2026-10-27T00:00:00Z'), 'Europe/London');
  assert.deepEqual(hours(autumn), [24, 25, 24]);
  assert.equal(autumn[0], at('2026-10-23T23:00:00Z'));
});

test('weeks begin on Monday, months and years on their first day', () => {
  const weeks = stepEdges(parseStep('1week'), at('2026-03-25T12:00:00Z'), at('2026-04-06T00:00:00Z'), 'Europe/London');
  assert.equal(weeks[0], at('2026-03-23T00:00:00Z'));
  assert.deepEqual(hours(weeks), [167, 168, 168]);
  const months = stepEdges(parseStep('1month'), at('2026-02-10T00:00:00Z'), at('2026-04-01T00:00:00Z'), 'UTC');
  assert.deepEqual(
    [...months],
    ['2026-02-01', '2026-03-01', '2026-04-01'].map((day) => at(`${day}T00:00:00Z`)),
  );
  assert.deepEqual(hours(stepEdges(parseStep('1y'), at('2024-06-01T00:00:00Z'), at('2025-01-01T00:00:00Z'), 'UTC')), [8784]);
});

test('hours of a zone with a half-hour offset, and six hours on a day of 25', () => {
  const india = stepEdges(parseStep('1h'), at('2026-01-01T00:00:00Z'), at('2026-01-01T02:00:00Z'), 'Asia/Kolkata');
  assert.deepEqual(
    [...india].map((edge) => edge % 3600),
    [1800, 1800, 1800, 1800],
  );
  const london = stepEdges(parseStep('6h'), at('2026-10-24T23:00:00Z'), at('2026-10-26T00:00:00Z'), 'Europe/London');
  assert.deepEqual(hours(london), [6, 6, 6, 6, 1]);
});

test('edges of days of any zone are divided by a quarter of an hour, those of hours by an hour', () => {
  for (const zone of ['UTC', 'Europe/London', 'Asia/Kathmandu', 'Australia/Lord_Howe', 'America/St_Johns'])
    assert.equal(alignment(stepEdges(parseStep('1d'), at('2026-01-01T00:00:00Z'), at('2027-01-01T00:00:00Z'), zone)) % 900, 0, zone);
  assert.equal(alignment([7200, 3600 * 5]), 3600);
  assert.equal(alignment([]), 1);
});

test('steps: seconds, words, and what is none', () => {
  assert.deepEqual(['300', '5min', '1h', '2d', '1d', 'week', '1mon', 'year'].map(parseStep), [
    { seconds: 300 },
    { seconds: 300 },
    { seconds: 3600 },
    { seconds: 172_800 },
    { unit: 'day' },
    { unit: 'week' },
    { unit: 'month' },
    { unit: 'year' },
  ]);
  for (const text of ['', '0', '-1h', 'x', '1 fortnight', '1.5h']) assert.throws(() => parseStep(text), /is no step/);
  assert.throws(() => stepEdges({ seconds: 1 }, 0, 1e9, 'UTC'), /more than 1000000 steps/);
});

test('bands take the slots that begin in them, and a series that begins late leaves the first ones empty', () => {
  const values = Float64Array.from([1, 2, 3, 4]);
  const series = {
    start: 120,
    end: 360,
    stepSeconds: 60,
    values,
    method: 'sum',
    xFilesFactor: 0,
    name: 'a',
    tags: {},
    pathExpression: 'a',
  } as Series;
  const { times, values: sums } = bandsOf(series, Float64Array.from([0, 120, 240, 360, 480]));
  assert.deepEqual(times, [0, 120, 240, 360]);
  assert.deepEqual([...sums], [Number.NaN, 3, 7, Number.NaN]);
});
