// `weir store dump` prints every kind that a store holds, what is folded and what is open, and nothing twice.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { encodeMembers } from '../dist/fold/member-set.js';
import { zeroStates } from '../dist/fold/state.js';
import { encodeTimer, timerOf } from '../dist/fold/timer-values.js';
import { openLmdbStore } from '../dist/keep/lmdb.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const data = mkdtempSync(join(tmpdir(), 'weir-dump-'));
after(() => rmSync(data, { recursive: true, force: true }));
const now = 1_700_000_000;
const names = ['web.hits', 'web.ping', 'two "words", quoted'];
const table = { nameOf: (index) => names[index] };

function weir(...words) {
  const done = spawnSync(process.execPath, [join(root, 'bin/weir'), 'store', 'dump', '--data', data, '--now', String(now), ...words], {
    encoding: 'utf8',
  });
  assert.equal(done.stderr, '');
  return done.stdout;
}
const rowsOf = (...words) =>
  weir('--json', ...words)
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));

function batch(at) {
  const of = (...values) => Float64Array.from(values);
  const cells = zeroStates(2);
  Object.assign(cells, { knownMs: of(4000, 0), unknownMs: of(6000, 10_000), integrals: of(20_000, 0), mins: of(5, 0), maxs: of(5, 0) });
  Object.assign(cells, { lasts: of(5, 0), lastAts: of((at + 4) * 1000, 0) });
  const measures = { count: 1, series: Int32Array.of(0), slot: of(at), counts: of(3), sums: of(9), mins: of(2), maxs: of(5), lasts: of(5) };
  return {
    nowSeconds: now,
    cells: {
      table,
      measures: { ...measures, lastAts: of(at + 7) },
      states: { count: 2, series: Int32Array.of(1, 1), slot: of(at, at + 10), cells },
      parts: [
        { kind: 'histogram', series: 'web.time', slot: at, bytes: encodeTimer(timerOf([1, 2, 6], 2)) },
        { kind: 'distinct', series: 'web.users', slot: at, bytes: encodeMembers(['ann', 'bob']) },
      ],
    },
    tallies: [{ kind: 'tally', series: 'web.urls', slot: at - (at % 900), bytes: Uint8Array.of(1, 2, 255) }],
    records: [{ table: 'chat', partition: 'ann', row: `m${at}`, value: '{"text":"a, \\"b\\""}', at: at * 1e6 }],
    flows: [{ arrived: at, rows: 3, first: [at - 9, at - 5], last: [at - 7, at - 1], bytes: Uint8Array.of(0, 1) }],
    notes: [
      { name: `place.${at}`, value: Buffer.from('line 7') },
      { name: `raw.${at}`, value: Uint8Array.of(0, 200) },
    ],
  };
}

test('each kind has its lines, folded or open', async () => {
  const store = await openLmdbStore({ folder: data, ladderOf: () => [{ stepSeconds: 10, keepSeconds: 86_400 }] });
  await store.commit(batch(now - 2000));
  store.settle(now);
  await store.commit(batch(now - 1000));
  await store.close();
  const rows = rowsOf();
  const two = [now - 2000, now - 1000];

  const of = (kind) => rows.filter((row) => row.kind === kind);
  const cell = { kind: 'measure', series: 'web.hits', step: 10, count: 3, sum: 9, min: 2, max: 5, last: 5, filled: 1 };
  assert.deepEqual(
    of('measure'),
    two.map((slot) => ({ ...cell, slot, lastAt: slot + 7 })),
  );
  const known = { kind: 'state', series: 'web.ping', step: 10, knownMs: 4000, unknownMs: 6000, integral: 20_000, min: 5, max: 5, last: 5 };
  const unknown = { kind: 'state', series: 'web.ping', step: 10, knownMs: 0, unknownMs: 10_000 };
  const none = { integral: null, min: null, max: null, last: null, lastAt: null };
  assert.deepEqual(
    of('state'),
    two.flatMap((slot) => [
      { ...known, slot, lastAt: slot + 4 },
      { ...unknown, ...none, slot: slot + 10 },
    ]),
  );
  const placed = (kind, series, fields) => two.map((slot) => ({ kind, series, step: 10, slot, ...fields }));
  assert.deepEqual(of('histogram'), placed('histogram', 'web.time', { count: 2, values: 3, sum: 9, min: 1, max: 6, exact: true }));
  assert.deepEqual(of('distinct'), placed('distinct', 'web.users', { count: 2, exact: true }));
  assert.deepEqual(
    of('tally').map(({ series, step, slot, bytes }) => [series, step, slot % 900, Buffer.from(bytes, 'base64').toJSON().data]),
    [
      ['web.urls', 900, 0, [1, 2, 255]],
      ['web.urls', 900, 0, [1, 2, 255]],
    ],
  );
  const record = { kind: 'record', table: 'chat', partition: 'ann', value: '{"text":"a, \\"b\\""}' };
  assert.deepEqual(
    of('record'),
    two.map((at) => ({ ...record, row: `m${at}`, at })),
  );
  assert.deepEqual(
    of('flow'),
    two.map((arrived) => ({ kind: 'flow', arrived, flows: 3, first: arrived - 9, last: arrived - 1, size: 2, bytes: 'AAE=' })),
  );
  assert.deepEqual(of('note'), [
    ...two.map((at) => ({ kind: 'note', name: `place.${at}`, size: 6, text: 'line 7' })),
    ...two.map((at) => ({ kind: 'note', name: `raw.${at}`, size: 2, bytes: 'AMg=' })),
  ]);
});

test('a prefix and --kind choose; CSV has a header a kind', () => {
  assert.deepEqual([...new Set(rowsOf('web.p').map((row) => row.kind))], ['state']);
  assert.deepEqual([...new Set(rowsOf('chat').map((row) => row.kind))], ['record']);
  assert.deepEqual([...new Set(rowsOf('--kind', 'note,flow').map((row) => row.kind))], ['note', 'flow']);
  assert.equal(
    weir('--kind', 'state,record'),
    `series,step,time,known_ms,unknown_ms,integral,min,max,last,last_at
web.ping,10,${now - 2000},4000,6000,20000,5,5,5,${now - 1996}
web.ping,10,${now - 1990},0,10000,NaN,NaN,NaN,NaN,NaN
web.ping,10,${now - 1000},4000,6000,20000,5,5,5,${now - 996}
web.ping,10,${now - 990},0,10000,NaN,NaN,NaN,NaN,NaN

table,partition,row,at,value
chat,ann,m${now - 2000},${now - 2000},"{""text"":""a, \\""b\\""""}"
chat,ann,m${now - 1000},${now - 1000},"{""text"":""a, \\""b\\""""}"
`,
  );
  const wrong = spawnSync(process.execPath, [join(root, 'bin/weir'), 'store', 'dump', '--kind', 'states'], { encoding: 'utf8' });
  assert.deepEqual([wrong.status, wrong.stderr.slice(0, 36)], [2, "weir: --kind 'states' (expected some"]);
});
