import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Malformed } from '../base/faults.js';
import { utcClock } from '../base/wall-clock.js';
import { parseRpn } from './rpn.js';
import { calculateColumn, type RrdColumn } from './rpn-column.js';
import { rpnOperators } from './rpn-operators.js';
import { reduceColumn } from './rrd-series.js';

const world = { now: 1_700_000_000, clock: utcClock, firstWeekday: 0 };
const column = (values: readonly number[], step = 60, start = 0): RrdColumn => ({
  start,
  end: start + values.length * step,
  step,
  values: Float64Array.from(values),
});
const isA = (name: string): boolean => name === 'a';
/** What an expression leaves for one row of `a`, 7. */
const one = (text: string): number => calculateColumn(parseRpn(text, isA), () => column([7]), world).values[0] ?? Number.NaN;

test("the manual's examples of the stack", () => {
  const stackOf = (text: string, count: number): number[] =>
    Array.from({ length: count }, (_, index) => one(`a,POP,${text}${',POP'.repeat(count - 1 - index)}${',EXC,POP'.repeat(index)}`));
  assert.deepEqual(stackOf('4,3,22.1,1,4,SORT', 4), [1, 3, 4, 22.1]);
  assert.deepEqual(stackOf('1,2,DEPTH', 3), [1, 2, 2]);
  assert.deepEqual(stackOf('1,2,3,4,2,COPY', 6), [1, 2, 3, 4, 3, 4]);
  assert.deepEqual(stackOf('1,2,3,4,3,INDEX', 5), [1, 2, 3, 4, 2]);
  assert.deepEqual(stackOf('1,2,3,4,3,1,ROLL', 4), [1, 4, 2, 3]);
  assert.deepEqual(stackOf('1,2,3,4,3,-1,ROLL', 4), [1, 3, 4, 2]);
  assert.deepEqual(stackOf('1,2,3,3,REV', 3), [3, 2, 1]);
  assert.equal(one('a,POP,1,9,2,8,3,7,6,SORT,POP,5,REV,POP,+,+,+,4,/'), (2 + 3 + 7 + 8) / 4);
});

test('every operator of the manual is there', () => {
  const named =
    'LT LE GT GE EQ NE UN ISINF IF MIN MAX MINNAN MAXNAN LIMIT + - * / % ADDNAN POW SIN COS LOG EXP SQRT ATAN ATAN2 FLOOR CEIL ROUND DEG2RAD RAD2DEG ABS ' +
    'SORT REV AVG SMIN SMAX MEDIAN STDEV PERCENT TREND TRENDNAN PREDICT PREDICTSIGMA PREDICTPERC UNKN INF NEGINF PREV COUNT NOW STEPWIDTH ' +
    'NEWDAY NEWWEEK NEWMONTH NEWYEAR TIME LTIME DUP POP EXC DEPTH COPY INDEX ROLL';
  assert.deepEqual([...rpnOperators.keys()].sort(), named.split(' ').sort());
});

test('ROUND goes to the nearest whole number, halves away from zero, as in rrdtool 1.8', () => {
  const round = (text: string): number => one(`a,POP,${text},ROUND`);
  assert.deepEqual(
    ['2.4', '2.5', '-2.5', '-2.4', '0.49999999999999994', '4503599627370497'].map(round),
    [2, 3, -3, -2, 0, 4503599627370497],
  );
  assert.deepEqual([round('UNKN'), round('INF'), round('NEGINF')], [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
});

test('an unknown is false to IF and passes through the rest', () => {
  assert.equal(one('a,UNKN,1,2,IF,EXC,POP'), 2);
  for (const word of ['+', '-', '*', '/', '%', 'MIN', 'MAX', 'LT', 'LE', 'GT', 'GE', 'EQ', 'NE', 'ATAN2'])
    assert.ok(Number.isNaN(one(`a,UNKN,${word}`)), word);
  assert.equal(one('a,UNKN,ADDNAN'), 7);
  assert.equal(one('UNKN,a,MAXNAN'), 7);
  assert.equal(one('a,UNKN,UNKN,UNKN,4,MEDIAN'), 7);
});

test('a coarser variable keeps its value while the finer one goes on', () => {
  const columns: Record<string, RrdColumn> = { a: column([1, 2, 3, 4, 5, 6]), b: column([10, 20], 180) };
  const made = calculateColumn(
    parseRpn('a,b,+', (name) => name in columns),
    (name) => columns[name] ?? 0,
    world,
  );
  assert.deepEqual([...made.values], [11, 12, 13, 24, 25, 26]);
});

test('the forecast of a day that repeats is that day', () => {
  const day = Array.from({ length: 24 }, (_, hour) => hour * hour);
  const made = calculateColumn(parseRpn('86400,1,3600,a,PREDICT', isA), () => column([...day, ...day, ...day], 3600), world);
  // The window is the hour a day before and the one before it.
  assert.equal(made.values[2 * 24 + 5], (36 + 25) / 2);
  const negative = calculateColumn(parseRpn('86400,-2,0,a,PREDICT', isA), () => column([...day, ...day, ...day], 3600), world);
  assert.equal(negative.values.length, 72);
});

test('rows are joined as rrdtool does: what the range does not fill is unknown', () => {
  const joined = reduceColumn(column([1, 2, 3, 4, 5, 6, 7], 60, 60), 'AVERAGE', 180);
  assert.deepEqual([joined.start, joined.end, joined.step, [...joined.values]], [0, 540, 180, [Number.NaN, 4, Number.NaN]]);
  assert.deepEqual(
    [...reduceColumn(column([1, Number.NaN, 3, Number.NaN, Number.NaN, Number.NaN]), 'AVERAGE', 180).values],
    [2, Number.NaN],
  );
});

test('whatever words come, a value or one line', () => {
  const words = [...rpnOperators.keys(), 'a', 'PREV(a)', '1', '-5', '1e9', '1e308', '0', '2.5', '100'];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 14 }), (list) => {
      try {
        const made = calculateColumn(
          parseRpn(`a,POP,${list.join(',')}`, isA),
          () => column([1, Number.NaN, 3, Number.POSITIVE_INFINITY]),
          world,
        );
        assert.equal(made.values.length, 4);
      } catch (error) {
        assert.ok(error instanceof Malformed, String(error));
      }
    }),
    { numRuns: 3000, seed: 7 },
  );
  assert.throws(() => one(`a${',DEPTH,COPY'.repeat(40)}`), /RPN stack overflow/);
});
