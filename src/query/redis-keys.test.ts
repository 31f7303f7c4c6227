/** Names of sorted sets: which period and list they say, and which are left out because finer ones hold their counts. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ZoneCalendar } from '../fold/period.js';
import { planRedisKeys } from './redis-keys.js';

const utc = new ZoneCalendar('UTC');

test('a name holds a date and perhaps a list', () => {
  const names = ['day:top:2026-11-23', 'top:url:20261122', 'hits.2026-11-21T07.search', 'urls:2025', 'q:top10', 'id:120261123'];
  const { taken, dateless } = planRedisKeys(names, 'host', utc);
  assert.deepEqual(
    taken.map(({ name, list, period }) => [
      name,
      list,
      new Date(period.startMs).toISOString(),
      (period.endMs - period.startMs) / 3_600_000,
    ]),
    [
      ['urls:2025', 'url', '2025-01-01T00:00:00.000Z', 8760],
      ['hits.2026-11-21T07.search', 'keyword', '2026-11-21T07:00:00.000Z', 1],
      ['top:url:20261122', 'url', '2026-11-22T00:00:00.000Z', 24],
      ['day:top:2026-11-23', 'host', '2026-11-23T00:00:00.000Z', 24],
    ],
  );
  assert.deepEqual(dateless, ['id:120261123', 'q:top10']);
});

test('a coarser set is left out where a finer one of its list covers part of it', () => {
  const names = ['url:2026-11-23', 'url:2026-11', 'url:2026', 'url:2026-10', 'host:2026-11', 'url:2025'];
  const { taken, covered } = planRedisKeys(names, 'url', utc);
  assert.deepEqual(covered, ['url:2026', 'url:2026-11']);
  assert.deepEqual(
    taken.map(({ name }) => name),
    ['url:2025', 'url:2026-10', 'host:2026-11', 'url:2026-11-23'],
  );
});

test('dates are of the zone', () => {
  const lordHowe = new ZoneCalendar('Australia/Lord_Howe');
  const periodOf = (name: string) => planRedisKeys([name], 'url', lordHowe).taken[0]?.period;
  const day = periodOf('d:2026-04-05');
  assert.equal(new Date(day?.startMs ?? 0).toISOString(), '2026-04-04T13:00:00.000Z');
  assert.equal(day?.endMs, Date.UTC(2026, 3, 5, 13, 30));
  assert.equal(periodOf('d:2026-04-05T06')?.startMs, Date.UTC(2026, 3, 4, 19, 30));
});
