/** The step test: it finds a step that was put in, its size and place, and finds none in noise. */

import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { findSteps, generator } from './step-test.js';

const sizes = Array.from({ length: 40 }, (_, index) => 1 + index * 25);

function curve(noise: number, seed: number, stepAt = Number.POSITIVE_INFINITY, size = 0): number[] {
  const random = generator(seed);
  return sizes.map((n) => 0.3 + n * 0.001 + (n >= stepAt ? size : 0) + (random() + random() - 1) * noise);
}

test('a step of five times the noise is found where it is', () => {
  for (let seed = 1; seed <= 5; seed++) {
    const { steps, slope } = findSteps(sizes, curve(0.01, seed, 501, 0.05));
    equal(steps.length, 1, `seed ${seed}`);
    equal(steps[0]?.n, 501);
    ok(Math.abs((steps[0]?.size ?? 0) - 0.05) < 0.01);
    ok(Math.abs(slope - 0.001) < 0.0001);
  }
});

test('in noise alone a step is seldom found', () => {
  let found = 0;
  for (let seed = 1; seed <= 100; seed++) if (findSteps(sizes, curve(0.01, seed)).steps.length > 0) found += 1;
  ok(found <= 4, String(found));
});

test('two steps are both found; an exact line has none', () => {
  const two = curve(0.005, 7, 251, 0.05).map((value, index) => value + ((sizes[index] ?? 0) >= 751 ? 0.08 : 0));
  deepEqual(
    findSteps(sizes, two)
      .steps.map(({ n }) => n)
      .sort((one, other) => one - other),
    [251, 751],
  );
  deepEqual(findSteps(sizes, curve(0, 1)).steps, []);
});
