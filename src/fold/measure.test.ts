// The laws of measures: merge is associative and commutative with the empty cell as zero, roll-up is associative, and whatever way the points of a day are
// split over writers, put in order, and rolled up through steps, the integers that come out are the same.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  addMeasure,
  copyMeasure,
  type Measures,
  mergeMeasure,
  readMeasure,
  replaceMeasure,
  rollUpMeasure,
  zeroMeasures,
} from './measure.js';

interface Point {
  readonly at: number;
  readonly value: number;
}

const day = 86_400;
const pointOf = fc.record({ at: fc.integer({ min: 0, max: day - 1 }), value: fc.integer({ min: -1_000_000, max: 1_000_000 }) });
const pointsOf = fc.array(pointOf, { minLength: 1, maxLength: 60 });
const fields = ['counts', 'sums', 'mins', 'maxs', 'lasts', 'lastAts', 'filled'] as const;

function cellOf(points: readonly Point[]): Measures {
  const cell = zeroMeasures(1);
  for (const { value, at } of points) addMeasure(cell, 0, value, at);
  return cell;
}

function facts(cells: Measures, at = 0): number[] {
  return cells.counts[at] === 0 ? [0] : fields.map((field) => (cells[field][at] as number) + 0);
}

function merged(...cells: readonly Measures[]): number[] {
  const into = zeroMeasures(1);
  for (const cell of cells) mergeMeasure(into, 0, cell, 0);
  return facts(into);
}

test('merge: associative, commutative, with the empty cell as zero', () => {
  fc.assert(
    fc.property(pointsOf, pointsOf, pointsOf, (one, two, three) => {
      const [a, b, c] = [cellOf(one), cellOf(two), cellOf(three)];
      assert.deepEqual(merged(a, b, c), merged(c, b, a));
      const right = zeroMeasures(1);
      mergeMeasure(right, 0, b, 0);
      mergeMeasure(right, 0, c, 0);
      assert.deepEqual(merged(a, right), merged(a, b, c));
      assert.deepEqual(merged(zeroMeasures(1), a, zeroMeasures(1)), facts(a));
    }),
    { seed: 11 },
  );
});

// The points by slots of a step: the finest from points, in pieces; the others by rolling up through each step before them.
function ladderOf(pieces: readonly (readonly Point[])[], steps: readonly number[]): Measures {
  let held = zeroMeasures(day / (steps[0] as number));
  for (const piece of pieces) {
    const part = zeroMeasures(held.counts.length);
    for (const { at, value } of piece) addMeasure(part, Math.floor(at / (steps[0] as number)), value, at);
    for (let slot = 0; slot < held.counts.length; slot++) mergeMeasure(held, slot, part, slot);
  }
  for (const step of steps.slice(1)) {
    const coarse = zeroMeasures(day / step);
    const share = held.counts.length / coarse.counts.length;
    for (let slot = 0; slot < held.counts.length; slot++) rollUpMeasure(coarse, Math.floor(slot / share), held, slot);
    held = coarse;
  }
  return held;
}

test('any split, any order, any way through the steps: the same integers', () => {
  const ways = [
    [10, day],
    [10, 60, day],
    [10, 60, 600, day],
    [10, 600, 3600, day],
    [10, 20, 1200, 43_200, day],
  ];
  fc.assert(
    fc.property(pointsOf, fc.integer({ min: 1, max: 9 }), fc.constantFrom(...ways), (points, writers, way) => {
      // Which point of a second is the last is a question of arrival; the newest value is told apart by it alone.
      const distinct = [...new Map(points.map((point) => [point.at, point])).values()];
      const pieces = Array.from({ length: writers }, (_, writer) =>
        distinct.filter((_point, index) => index % writers === writer).reverse(),
      );
      const cells = ladderOf(pieces, way);
      const values = distinct.map(({ value }) => value);
      const newest = distinct.reduce((last, point) => (point.at > last.at ? point : last));
      const slots = new Set(distinct.map(({ at }) => Math.floor(at / 10))).size;
      const sum = values.reduce((left, value) => left + value, 0);
      const expected = [distinct.length, sum + 0, Math.min(...values) + 0, Math.max(...values) + 0, newest.value + 0, newest.at, slots];
      assert.deepEqual(facts(cells), expected);
    }),
    { seed: 13, numRuns: 60 },
  );
});

test('what is shown is derived from the cell, and hidden below xFilesFactor', () => {
  const cells = zeroMeasures(2);
  for (const [value, at] of [
    [4, 1],
    [-6, 3],
    [5, 2],
  ] as const)
    addMeasure(cells, 0, value, at);
  const shown = (method: string, factor = 0, slots = 2): number => readMeasure(cells, 0, method, factor, slots);
  const expected = { sum: 3, min: -6, max: 5, last: -6, count: 3, range: 11, absmax: -6, absmin: 5, average: 1, avg_zero: 0.5 };
  for (const [method, value] of Object.entries(expected)) assert.equal(shown(method), value, method);
  assert.equal(shown('sum', 0.5), 3);
  assert.ok(Number.isNaN(shown('sum', 0.51)));
  assert.ok(Number.isNaN(readMeasure(cells, 1, 'sum', 0, 1)));
});

test('a replaced point counts once, a later one is merged', () => {
  const cells = cellOf([{ at: 5, value: 10 }]);
  replaceMeasure(cells, 0, cellOf([{ at: 5, value: 3 }]), 0);
  assert.deepEqual(facts(cells), [1, 3, 3, 3, 3, 5, 1]);
  replaceMeasure(cells, 0, cellOf([{ at: 7, value: 20 }]), 0);
  replaceMeasure(cells, 0, cellOf([{ at: 7, value: 1 }]), 0);
  assert.deepEqual(facts(cells).slice(0, 2), [2, 4]);
  const copy = zeroMeasures(1);
  copyMeasure(copy, 0, cells, 0);
  assert.deepEqual(facts(copy), facts(cells));
});
