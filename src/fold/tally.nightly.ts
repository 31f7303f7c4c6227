/**
 * Ten million Zipf events over two million keys under a bound of 4 MiB: the total is kept and every shown count is within its error.
 */

import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { addTally, readTally, zeroTally } from './tally.js';

test('ten million events, two million keys, a small bound', () => {
  let state = 99;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const truth = new Float64Array(2_000_001);
  const tally = zeroTally(4 << 20);
  for (let event = 0; event < 10_000_000; event++) {
    const key = Math.floor(2_000_001 ** random()) - 1;
    truth[key] = (truth[key] ?? 0) + 1;
    addTally(tally, `k${key}`);
  }
  const reading = readTally(tally, 1000);
  equal(reading.exact, false);
  equal(reading.top.reduce((sum, row) => sum + row.count, 0) + reading.other, 10_000_000);
  for (const { key, count, error } of reading.top) {
    const actual = truth[Number(key.slice(1))] ?? 0;
    ok(count - error <= actual && actual <= count, `${key}: ${actual} not in [${count - error}, ${count}]`);
    ok(error <= reading.error);
  }
});
