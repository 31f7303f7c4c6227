import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkTimeZone, formatEpoch, formatInstant, parseInstant } from './time.js';

test('the fewest of 3, 6 or 9 decimals that lose nothing', () => {
  const rows: [string, string][] = [
    ['2026-11-23T17:40:27.696Z', '2026-11-23T17:40:27.696Z'],
    ['2026-11-23T17:40:27Z', '2026-11-23T17:40:27.000Z'],
    ['2026-11-23T17:40:27.6961Z', '2026-11-23T17:40:27.696100Z'],
    ['2026-11-23T17:40:27.696000001Z', '2026-11-23T17:40:27.696000001Z'],
    ['2026-11-23T18:40:27+01:00', '2026-11-23T17:40:27.000Z'],
    ['2026-11-23 17:40', '2026-11-23T17:40:00.000Z'],
    ['2026-11-23', '2026-11-23T00:00:00.000Z'],
    ['1523000000.1', '2018-04-06T07:33:20.100Z'],
  ];
  for (const [text, printed] of rows) assert.equal(formatInstant(parseInstant(text) ?? { seconds: 0, nanos: 0 }), printed, text);
});

test('a time without a zone is in the zone named, the hours that are not and that are twice included', () => {
  assert.equal(formatInstant(parseInstant('2026-07-01 12:00', 'Europe/London') ?? { seconds: 0, nanos: 0 }), '2026-07-01T11:00:00.000Z');
  assert.equal(formatInstant(parseInstant('2026-03-29 01:30', 'Europe/London') ?? { seconds: 0, nanos: 0 }), '2026-03-29T01:30:00.000Z');
  assert.equal(formatInstant(parseInstant('2026-10-25 01:30', 'Europe/London') ?? { seconds: 0, nanos: 0 }), '2026-10-25T00:30:00.000Z');
});

test('what is no time is none', () => {
  for (const text of ['', 'x', '2026-13-01', '2026-02-30', '2026-11-23T25:00', '12:00', '-5', '1e9', '2026-11-23T17:60:00Z'])
    assert.equal(parseInstant(text), undefined, text);
  assert.throws(() => checkTimeZone('Europe/Nowhere'), /IANA/);
});

test('prints and parses back', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4294967295 }), fc.integer({ min: 0, max: 999_999_999 }), (seconds, nanos) => {
      assert.deepEqual(parseInstant(formatInstant({ seconds, nanos })), { seconds, nanos });
      assert.deepEqual(parseInstant(formatEpoch({ seconds, nanos })), { seconds, nanos });
    }),
    { seed: 3 },
  );
});
