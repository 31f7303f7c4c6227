import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { compileLogFormat } from '../collect/log-format.js';
import { bench, benchKinds } from './count-lines.bench.js';
import { defaultKeyOptions, parseKeySpecs } from './hit-keys.js';
import { LineCounter } from './line-counter.js';

function counterFor(memoryBytes: number): LineCounter {
  const counter = new LineCounter(parseKeySpecs('url'), defaultKeyOptions, memoryBytes);
  counter.setPlan({ kind: 'text', program: compileLogFormat('combined') });
  counter.setPeriod(0, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY);
  return counter;
}

test('the bench counts every line of every kind', () => {
  for (const kind of benchKinds)
    equal(
      bench(2000, 2, () => undefined, kind),
      4000,
      kind,
    );
});

test('a full table stops before the line that has no room, and goes on once it is drained', () => {
  const counter = counterFor(1 << 20);
  const lines = Array.from(
    { length: 20_000 },
    (_, index) => `1.1.1.1 - - [20/Oct/2026:10:00:00 +0000] "GET /${'x'.repeat(60)}${index} HTTP/1.1" 200 1 "-" "-"\n`,
  );
  const bytes = Buffer.from(lines.join(''));
  counter.input.set(bytes);
  const seen = new Map<string, number>();
  let full = 0;
  let at = 0;
  for (;;) {
    const step = counter.scan(at, bytes.length);
    at = step.at;
    if (step.stop === 'more') break;
    equal(step.stop, 'full');
    full += 1;
    counter.drain((_group, key, count) => seen.set(key, (seen.get(key) ?? 0) + count));
    counter.clear();
  }
  counter.drain((_group, key, count) => seen.set(key, (seen.get(key) ?? 0) + count));
  equal(at, bytes.length);
  equal(full > 0, true);
  deepEqual([seen.size, [...seen.values()].every((count) => count === 1)], [20_000, true]);
});

test('entries of one counter are absorbed by another', () => {
  const one = counterFor(4 << 20);
  const two = counterFor(4 << 20);
  for (const [key, count] of [
    ['/a', 3],
    ['/b', 1],
    ['/long-enough-for-two-words', 2],
  ] as const)
    one.insert(0, key, count);
  two.insert(5, '/a', 10);
  two.absorb(
    one.entries(),
    (group) => group + 5,
    () => equal(true, false, 'there is room'),
  );
  deepEqual([two.countOf(5, '/a'), two.countOf(5, '/b'), two.countOf(5, '/c'), two.countOf(0, '/a')], [13, 1, 0, 0]);
  deepEqual(
    two
      .readings(2)
      .get(5)
      ?.top.map(({ key, count }) => [key, count]),
    [
      ['/a', 13],
      ['/long-enough-for-two-words', 2],
    ],
  );
});
