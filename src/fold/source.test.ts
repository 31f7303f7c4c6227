// Readings into rates, type by type, and the same as what rrdtool keeps (its own program is asked in test/rrd-store.test.mjs).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { rateOf, type SourceRule, type SourceType } from './source.js';

const rule = (type: SourceType, more: Partial<SourceRule> = {}): SourceRule => ({
  type,
  heartbeat: 120,
  min: Number.NaN,
  max: Number.NaN,
  ...more,
});

test('each type makes its rate', () => {
  const rows: readonly [SourceType, string, string, number][] = [
    ['GAUGE', 'U', '17.5', 17.5],
    ['GAUGE', '1', '-1e3', -1000],
    ['ABSOLUTE', '5', '120', 2],
    ['COUNTER', '100', '700', 10],
    ['COUNTER', '4294967290', '50', 55 / 60],
    ['COUNTER', '18446744073709551610', '50', 55 / 60],
    ['COUNTER', '9007199254740993000', '9007199254740993060', 1],
    ['COUNTER', 'U', '700', Number.NaN],
    ['DERIVE', '700', '100', -10],
    ['DERIVE', '-100', '-40', 1],
    ['DCOUNTER', '1.5', '61.5', 1],
    ['DCOUNTER', '61.5', '1.5', Number.NaN],
    ['DDERIVE', '61.5', '1.5', -1],
    ['COMPUTE', '1', '2', Number.NaN],
  ];
  for (const [type, last, reading, rate] of rows)
    assert.equal(rateOf(rule(type), last, reading, 60_000), rate, `${type} ${last} ${reading}`);
});

test('unknown: beyond the heartbeat, U, nan, out of bounds; the bounds themselves are within', () => {
  assert.equal(rateOf(rule('GAUGE'), 'U', '1', 120_000), 1);
  for (const [reading, ms] of [
    ['1', 120_001] as const,
    ['U', 60_000] as const,
    ['UNKN', 60_000] as const,
    ['nan', 60_000] as const,
    ['', 60_000] as const,
  ])
    assert.ok(Number.isNaN(rateOf(rule('GAUGE'), 'U', reading, ms)), `${reading} ${ms}`);
  const bounded = rule('GAUGE', { min: 0, max: 100 });
  assert.deepEqual(
    ['-0.1', '0', '100', '100.1'].map((reading) => rateOf(bounded, 'U', reading, 60_000)),
    [Number.NaN, 0, 100, Number.NaN],
  );
  assert.ok(Number.isNaN(rateOf(rule('COUNTER'), 'U', 'abc', 121_000)), 'beyond the heartbeat nobody looks at the reading');
});

test('what cannot be read is said in the words of rrdtool', () => {
  assert.throws(() => rateOf(rule('COUNTER'), '1', '-5', 1000), /not a simple unsigned integer: '-5'/);
  assert.throws(() => rateOf(rule('COUNTER'), '1', '1.5', 1000), /not a simple unsigned integer/);
  assert.throws(() => rateOf(rule('DERIVE'), '1', 'abc', 1000), /not a simple signed integer: 'abc'/);
  assert.throws(() => rateOf(rule('GAUGE'), '1', '1.5x', 1000), /conversion of '1.5x' to float not complete: tail 'x'/);
});

test('a number is the one that its text says, however many digits it has', () => {
  const digits = fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(digits, digits, fc.constantFrom('', '-', '+'), (whole, fraction, sign) => {
      for (const text of [`${sign}${whole}`, `${sign}${whole}.${fraction}`, `${sign}.${fraction}`, `${sign}${whole}.`])
        assert.equal(rateOf(rule('GAUGE'), 'U', text, 60_000), Number(text), text);
    }),
  );
});
