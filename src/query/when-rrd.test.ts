import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Malformed } from '../base/faults.js';
import { utcClock } from '../base/wall-clock.js';
import { dayBeforeEnd, parseRrdTime, resolveRrdRange } from './when-rrd.js';

const now = 1_700_000_000;
const at = (text: string): string => {
  const time = parseRrdTime(text, now, utcClock);
  assert.equal(time.from, 'instant');
  return time.from === 'instant' ? new Date(time.seconds * 1000).toISOString().slice(0, 19) : '';
};

test('where rrdtool strays from its manual, the manual holds', () => {
  assert.equal(at('epoch+19711205s'), '1970-08-17T03:20:05');
  assert.equal(at('epoch+1y'), '1971-01-01T00:00:00');
  assert.equal(at('12:00 Nov 14'), '2023-11-14T12:00:00');
  assert.equal(at('12:00 11/14'), '2023-11-14T12:00:00');
  assert.equal(at('Oct 12'), '2023-10-12T22:13:20');
  assert.equal(at('Nov 14 10:00'), '2023-11-14T10:00:00');
  assert.equal(at('12/31/99 -1d'), '1999-12-30T00:00:00');
  assert.equal(at('now-1h+30min'), '2023-11-14T21:43:20');
});

test('months and minutes are told apart as the manual says', () => {
  assert.equal(at('20030301 00:00 -5m'), '2002-10-01T00:00:00');
  assert.equal(at('20030301 00:00 -6m'), '2003-02-28T23:54:00');
  assert.equal(at('20030301 00:00 -1y6m'), '2001-09-01T00:00:00');
  assert.equal(at('20030301 00:00 +3w1m'), '2003-04-22T00:00:00');
  assert.equal(at('20030301 00:00 -3h20m'), '2003-02-28T20:40:00');
});

test('the range of a day up to now', () => {
  assert.deepEqual(resolveRrdRange(dayBeforeEnd, { from: 'instant', seconds: now }, utcClock), { start: now - 86_400, end: now });
});

test('what cannot be read is refused, whatever it is', () => {
  for (const text of [
    '',
    ' ',
    'n@@',
    'now-5foo',
    'constructor',
    '12:',
    '99999999999999999999',
    'now-99999999999999999999',
    '1.',
    '1/2/',
    'toString+1',
  ]) {
    assert.throws(() => parseRrdTime(text, now, utcClock), Malformed, text);
  }
  assert.throws(() => parseRrdTime('now-9999999999y', now, utcClock), Malformed);
});
