import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { addTally, keyCostBytes, mergeTally, readTally, rollUpTally, type Tally, zeroTally } from './tally.js';

const events = fc.array(fc.tuple(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 1, max: 5 })), { maxLength: 1500 });
const smallBytes = keyCostBytes('k000') * 40;

function tallyOf(list: readonly (readonly [number, number])[], limitBytes?: number): Tally {
  const tally = zeroTally(limitBytes);
  for (const [key, count] of list) addTally(tally, `k${key}`, count);
  return tally;
}

function contents(tally: Tally): unknown {
  return { total: tally.total, keys: [...tally.keys].sort(([one], [two]) => (one < two ? -1 : 1)) };
}

function checkBounds(tally: Tally, list: readonly (readonly [number, number])[]): void {
  const truth = new Map<string, number>();
  for (const [key, count] of list) truth.set(`k${key}`, (truth.get(`k${key}`) ?? 0) + count);
  const reading = readTally(tally, 10);
  equal(
    reading.total,
    list.reduce((sum, [, count]) => sum + count, 0),
  );
  equal(reading.top.reduce((sum, row) => sum + row.count, 0) + reading.other, reading.total);
  ok(reading.other >= 0, `other is ${reading.other}`);
  for (const [key, { count, error }] of tally.keys) {
    const actual = truth.get(key) ?? 0;
    ok(count - error <= actual && actual <= count, `${key}: ${actual} not in [${count - error}, ${count}]`);
    ok(error <= reading.error);
  }
  for (const [key, actual] of truth)
    if (!tally.keys.has(key)) ok(actual <= tally.floor, `${key}: ${actual} above the floor ${tally.floor}`);
}

test('exact tallies: merge is associative and commutative, with a zero, and splits do not matter', () => {
  fc.assert(
    fc.property(events, events, events, (one, two, three) => {
      const whole = contents(tallyOf([...one, ...two, ...three]));
      const left = rollUpTally([rollUpTally([tallyOf(one), tallyOf(two)]), tallyOf(three), zeroTally()]);
      const right = rollUpTally([zeroTally(), tallyOf(three), rollUpTally([tallyOf(two), tallyOf(one)])]);
      deepEqual(contents(left), whole);
      deepEqual(contents(right), whole);
    }),
    { seed: 8, numRuns: 50 },
  );
});

test('bounded tallies: every true count is within its bound, and the total is kept, under any merges', () => {
  fc.assert(
    fc.property(events, events, events, (one, two, three) => {
      checkBounds(tallyOf([...one, ...two, ...three], smallBytes), [...one, ...two, ...three]);
      const first = tallyOf(one, smallBytes);
      mergeTally(first, tallyOf(two, smallBytes / 2));
      checkBounds(first, [...one, ...two]);
      const last = tallyOf(three, smallBytes);
      mergeTally(last, first);
      checkBounds(last, [...one, ...two, ...three]);
      mergeTally(first, tallyOf(three));
      checkBounds(first, [...one, ...two, ...three]);
    }),
    { seed: 9, numRuns: 150 },
  );
});

test('a million Zipf events over 200,000 keys under a bound of 2,000 keys', () => {
  let state = 12345;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const truth = new Float64Array(200_001);
  const tally = zeroTally(keyCostBytes('k00000') * 4000);
  for (let event = 0; event < 1_000_000; event++) {
    const key = Math.floor(200_001 ** random()) - 1;
    truth[key] = (truth[key] ?? 0) + 1;
    addTally(tally, `k${key}`);
  }
  const reading = readTally(tally, 100);
  equal(reading.exact, false);
  equal(reading.top.reduce((sum, row) => sum + row.count, 0) + reading.other, 1_000_000);
  for (const { key, count, error } of reading.top) {
    const actual = truth[Number(key.slice(1))] ?? 0;
    ok(count - error <= actual && actual <= count, `${key}: ${actual} not in [${count - error}, ${count}]`);
    ok(error <= reading.error);
  }
  ok(reading.error < 1_000_000 / 1000, `the error bound ${reading.error} is of the order of events / keys`);
  equal(reading.top[0]?.key, 'k0');
});

test('beyond the bound the number of distinct keys is estimated, in any split', () => {
  const parts = Array.from({ length: 4 }, () => zeroTally(64 * 1024, true));
  for (let index = 0; index < 200_000; index++) addTally(parts[index % 4] as Tally, `visitor ${(index * 7919) % 50_000}`);
  const whole = zeroTally(64 * 1024, true);
  for (const part of parts) mergeTally(whole, part);
  const reading = readTally(whole, 1);
  equal(reading.exact, false);
  ok(Math.abs(reading.distinctKeys - 50_000) < 50_000 * 0.03, String(reading.distinctKeys));
});
