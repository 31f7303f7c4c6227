/** Targets: the grammar with its columns, and words of time. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Malformed } from '../base/faults.js';
import { formatTarget, parseTarget } from './target.js';
import { parseWhen } from './when.js';

test('a target is parsed and written out again', () => {
  for (const text of ['a.b.c', 'sumSeries(a.*.{b,c}.d)', 'alias(scale(a.b,0.1),"x, y")', 'f(a,n=3,flag=true)', 'x(a[0-9].b,-5)']) {
    assert.equal(formatTarget(parseTarget(text)), text);
  }
  assert.equal(formatTarget(parseTarget("a.b|scale(2)|alias('p')")), 'alias(scale(a.b,2),"p")');
});

test('errors of a target name the column', () => {
  const columns: [string, number][] = [
    ['sumSeries(a.b', 14],
    ['f(a,,b)', 5],
    ['f("x)', 3],
    ['a.{b,c', 1],
    ['a b', 3],
  ];
  for (const [text, column] of columns) {
    assert.throws(
      () => parseTarget(text),
      (error) => error instanceof Malformed && error.place.column === column,
      text,
    );
  }
});

test('words of time', () => {
  const now = 1_718_460_000; // 2024-06-15T14:00:00Z
  const cases: [string, number][] = [
    ['now', now],
    ['-1h', now - 3600],
    ['-90s', now - 90],
    ['now-5min', now - 300],
    ['midnight', 1_718_409_600],
    ['today', 1_718_409_600],
    ['yesterday', 1_718_323_200],
    ['noon+2h', now],
    ['13:50_20240615', 1_718_459_400],
    ['20240615', 1_718_409_600],
    ['06/15/24', 1_718_409_600],
    ['1718457600', 1_718_457_600],
    ['2024-06-15T13:50:00Z', 1_718_459_400],
    ['2pm', now],
    ['june 14', 1_718_323_200],
    ['-1mon', now - 2_592_000],
  ];
  for (const [text, expected] of cases) assert.equal(parseWhen(text, now), expected, text);
  assert.equal(parseWhen('midnight', now, 'Europe/Berlin'), 1_718_402_400);
  assert.throws(() => parseWhen('soonish', now), Malformed);
});
