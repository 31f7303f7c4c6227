/** Timers and sets: their laws as properties, and their error bounds. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { countMembers, encodeMembers, exactMembersMax, membersAreExact, mergeMembers } from './member-set.js';
import { binMiddle, decodeTimer, encodeTimer, mergeTimers, timerOf } from './timer-values.js';

const values = fc.array(fc.integer({ min: -1000, max: 1_000_000 }), { maxLength: 300 });

test('timers: whatever the split and order, it is the same cell, and bytes read back', () => {
  fc.assert(
    fc.property(values, values, values, (one, two, three) => {
      const cells = [one, two, three].map((list) => timerOf(list, list.length));
      const [a, b, c] = cells as [(typeof cells)[0], (typeof cells)[0], (typeof cells)[0]];
      const left = mergeTimers([mergeTimers([a, b]), c]);
      const right = mergeTimers([a, mergeTimers([c, b])]);
      assert.deepEqual(left, right);
      if (left.total > 0) assert.deepEqual(decodeTimer(encodeTimer(left)), left);
      assert.equal(left.exact, left.total <= 512);
    }),
    { seed: 5, numRuns: 200 },
  );
});

test('a bin is at most 0.8 % off, and the middle of a bin lies in it', () => {
  fc.assert(
    fc.property(fc.double({ min: 1e-9, max: 1e15, noNaN: true }), (value) => {
      const middle = binMiddle(value);
      assert.ok(Math.abs(middle - value) <= 0.008 * value);
      assert.equal(binMiddle(middle), middle);
      assert.equal(binMiddle(-value), -middle);
    }),
    { seed: 5, numRuns: 2000 },
  );
});

test('sets: exact up to the bound, then within 3 %; merge is idempotent, commutative, associative', () => {
  const members = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, index) => `user-${from + index}`);
  for (const size of [0, 1, 100, exactMembersMax]) assert.equal(countMembers(encodeMembers(members(0, size))), size);
  for (const size of [5000, 50_000, 300_000]) {
    const cell = encodeMembers(members(0, size));
    assert.equal(membersAreExact(cell), false);
    assert.ok(Math.abs(countMembers(cell) - size) <= 0.03 * size, `${countMembers(cell)} of ${size}`);
  }
  const [a, b, c] = [encodeMembers(members(0, 3000)), encodeMembers(members(2000, 6000)), encodeMembers(members(5000, 5100))];
  assert.deepEqual(mergeMembers(a, a), a);
  assert.deepEqual(mergeMembers(a, b), mergeMembers(b, a));
  assert.deepEqual(mergeMembers(mergeMembers(a, b), c), mergeMembers(a, mergeMembers(b, c)));
});
