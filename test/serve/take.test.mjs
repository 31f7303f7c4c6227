// Records: stored over HTTP, taken by command, library route and cursor; exactly n at every n, under appends and over a restart.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { folderFor, serve } from '../hits-daemon.mjs';
import { startDaemon, until } from './daemon.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const weir = (...words) =>
  spawnSync(process.execPath, [join(root, 'bin/weir'), 'take', ...words], { encoding: 'utf8', maxBuffer: 1 << 28, timeout: 600_000 });
const rowName = (index) => `m${String(index).padStart(6, '0')}`;
const message = (index, partition = 'alice') =>
  JSON.stringify({ table: 'messages', partition, row: rowName(index), text: `message ${index} é`, size: index });
const post = (url, body, headers = {}) => fetch(`${url}/ingest/records`, { method: 'POST', body, headers });
async function taken(url, n, cursor, partition = 'alice') {
  const answer = await fetch(
    `${url}/api/take?table=messages&partition=${partition}&n=${n}${cursor === undefined ? '' : `&cursor=${cursor}`}`,
  );
  assert.equal(answer.status, 200);
  const text = await answer.text();
  return {
    rows: text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line)),
    next: answer.headers.get('weir-next') ?? undefined,
  };
}

// The check of a cursor, as who forges one would make it.
function sealOf(text) {
  const hash = (start) => [...text].reduce((state, letter) => Math.imul(state ^ letter.charCodeAt(0), 0x01000193), start) >>> 0;
  return [0x811c9dc5, 0x9747b28c].map((start) => hash(start).toString(16).padStart(8, '0')).join('');
}

test('exactly n rows at every n, in order, with and without a cursor', async (t) => {
  const folder = folderFor(t);
  const daemon = await serve(t, folder);
  const bodies = Array.from({ length: 5200 }, (_, index) => message(index));
  const answer = await post(daemon.url, gzipSync(bodies.join('\n')), { 'Idempotency-Key': 'first' });
  assert.deepEqual(await answer.json(), { accepted: 5200, duplicate: false });
  assert.deepEqual(await (await post(daemon.url, bodies.join('\n'), { 'Idempotency-Key': 'first' })).json(), {
    accepted: 0,
    duplicate: true,
  });
  await post(daemon.url, [message(3, 'al'), message(4, 'alicea'), message(5, 'bob')].join('\n'));
  for (const n of [0, 1, 2, 31, 32, 33, 199, 200, 201, 999, 1000, 1001, 4095, 4096, 4097, 5000, 5199]) {
    const { rows, next } = await taken(daemon.url, n);
    assert.equal(rows.length, n);
    assert.ok(
      rows.every(
        ({ row, partition, text, size }, index) =>
          row === rowName(index) && partition === 'alice' && size === index && text === `message ${index} é`,
      ),
    );
    assert.equal(next === undefined, n === 0, String(n));
    if (next !== undefined) assert.equal((await taken(daemon.url, 1, next)).rows[0].row, rowName(n));
  }
  for (const n of [5200, 6000]) {
    const { rows, next } = await taken(daemon.url, n);
    assert.deepEqual([rows.length, next], [5200, undefined]);
  }
  assert.deepEqual((await taken(daemon.url, 10, undefined, 'al')).rows, [
    { partition: 'al', row: rowName(3), text: 'message 3 é', size: 3 },
  ]);
  assert.deepEqual((await taken(daemon.url, 10, undefined, 'nobody')).rows, []);
  const range = await (
    await fetch(`${daemon.url}/api/take?table=messages&partition=alice&fromRow=${rowName(40)}&untilRow=${rowName(45)}`)
  ).text();
  assert.deepEqual(
    [...range.matchAll(/"row":"([^"]+)"/g)].map(([, row]) => row),
    [40, 41, 42, 43, 44].map(rowName),
  );
  for (const [times, count] of [
    ['from=2001-01-01T00:00:00Z', 5],
    ['until=2001-01-01T00:00:00Z', 0],
    ['from=99999999999', 0],
  ])
    assert.equal(
      (await (await fetch(`${daemon.url}/api/take?table=messages&partition=alice&n=5&${times}`)).text()).split('\n').length - 1,
      count,
      times,
    );
  const one = await fetch(`${daemon.url}/api/take?table=messages&partition=alice&row=${rowName(7)}`);
  assert.equal(JSON.parse(await one.text()).size, 7);
  assert.equal((await fetch(`${daemon.url}/api/take?table=messages&partition=alice&row=none`)).status, 404);
  for (const encoding of ['gzip', 'identity']) {
    const answer = await fetch(`${daemon.url}/api/take?table=messages&partition=alice&n=3000`, {
      headers: { 'Accept-Encoding': encoding },
    });
    assert.equal(answer.headers.get('content-encoding'), encoding === 'gzip' ? 'gzip' : null);
    assert.equal((await answer.text()).split('\n').length, 3001);
  }

  // The head and the first rows are one write; the first row waits for none behind it.
  for (const n of [1, 100, 5200]) {
    const socket = connect(new URL(daemon.url).port, '127.0.0.1');
    socket.write(`GET /api/take?table=messages&partition=alice&n=${n} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    const [first] = await once(socket, 'data');
    assert.match(String(first), /\r\n\r\n(?:[\da-f]+\r\n)?\{"partition":"alice","row":"m000000"/, String(n));
    socket.destroy();
  }

  const beside = weir('messages', 'alice', '-n', '3', '--data', join(folder, 'data'));
  assert.equal(beside.status, 0, beside.stderr);
  const asked = weir('messages', 'alice', '-n', '3', '--url', daemon.url);
  assert.equal(asked.stdout, beside.stdout);
  assert.equal(asked.stderr, beside.stderr);
  const [, cursor] = /^next: (\S+)\n$/.exec(beside.stderr);
  const rest = weir('messages', 'alice', '-n', '2', '--cursor', cursor, '--data', join(folder, 'data'));
  assert.deepEqual(
    rest.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).row),
    [rowName(3), rowName(4)],
  );
  assert.equal(await daemon.stop(), 0);
});

test('paging skips and repeats nothing while records are put, deleted, and the daemon starts anew', async (t) => {
  const folder = folderFor(t);
  let daemon = await serve(t, folder);
  const even = Array.from({ length: 1000 }, (_, index) => message(index * 2));
  await post(daemon.url, even.join('\n'));
  const seen = [];
  let cursor;
  for (let page = 0; ; page += 1) {
    const { rows, next } = await taken(daemon.url, 37, cursor);
    seen.push(...rows.map(({ row }) => row));
    if (next === undefined) break;
    cursor = next;
    // One behind the place of the cursor, one before it, and one gone that was given already.
    await post(
      daemon.url,
      [
        message(1999 - page * 2),
        message(page * 2 + 1),
        JSON.stringify({ table: 'messages', partition: 'alice', row: rows[0].row, deleted: true }),
      ].join('\n'),
    );
    // Once in good order, once as the power goes: what was acknowledged is there.
    if (page === 10 || page === 20) {
      assert.equal(await daemon.stop(page === 10 ? 'SIGTERM' : 'SIGKILL'), page === 10 ? 0 : null);
      daemon = await serve(t, folder);
    }
  }
  assert.deepEqual(seen, [...new Set(seen)].sort());
  assert.ok(even.every((_, index) => seen.includes(rowName(index * 2))));
  assert.ok(seen.includes(rowName(1999)));
  assert.equal(await daemon.stop(), 0);
});

test('hostile keys, cursors, counts and bodies', async (t) => {
  const folder = folderFor(t);
  const daemon = await serve(t, folder);
  const bad = async (body, reason) => {
    const answer = await post(daemon.url, body);
    assert.equal(answer.status, 400, reason.source);
    assert.match((await answer.json()).error.message, reason);
  };
  await bad(`${message(1)}\n{`, /line 2: no JSON.*nothing of this batch is stored/);
  await bad('{"table":"t","partition":"p"}', /line 1: 'row' is missing/);
  await bad('{"table":"t","partition":"a\\u0000b","row":"r"}', /zero character/);
  await bad(JSON.stringify({ table: 't', partition: 'p'.repeat(2000), row: 'r' }), /'partition' has 2000 bytes/);
  await bad('[1]', /no object/);
  assert.deepEqual((await taken(daemon.url, 10)).rows, []);
  await post(daemon.url, `${message(1)}\n${message(2)}`);
  const { next } = await taken(daemon.url, 1);
  const get = async (query) => (await fetch(`${daemon.url}/api/take?${query}`)).status;
  assert.equal(await get('table=messages'), 400);
  assert.equal(await get('table=messages&partition=alice&n=-1'), 400);
  assert.equal(await get('table=messages&partition=alice&n=1e9'), 400);
  assert.equal(await get(`table=messages&partition=bob&cursor=${next}`), 400);
  assert.equal(await get(`table=messages&partition=alice&cursor=${next.slice(1)}`), 400);
  assert.equal(await get(`table=messages&partition=alice&cursor=${'x'.repeat(9000)}`), 400);
  const forged = Buffer.from('no json').toString('base64url');
  assert.equal(await get(`table=messages&partition=alice&cursor=${forged}.${sealOf(forged)}`), 400);
  assert.equal(await get('table=messages&partition=alice&from=yesterday'), 400);
  await bad('{"table":"t","partition":"a\\ud800","row":"r"}', /half a character/);
  assert.equal(weir('messages').status, 2);
  assert.equal(weir('messages', 'alice', '-n', 'many').status, 2);
  assert.equal(weir('messages', 'alice', '--url', 'http://127.0.0.1:1').status, 1);
  assert.equal(await daemon.stop(), 0);
});

test('records go when the days of their table are over; hits are a table too', async (t) => {
  const configuration = '[records]\nkeepDays = 30\nkeep = ["short=1"]\n[logs]\nrecords = true\n';
  const first = await startDaemon({ words: ['--only', 'http', '--now', '2026-11-24T12:00:00Z'], configuration });
  t.after(() => first.clean());
  const lines = ['short', 'long'].flatMap((table) =>
    Array.from({ length: 100 }, (_, index) => JSON.stringify({ table, partition: 'p', row: rowName(index) })),
  );
  await post(first.url, lines.join('\n'));
  const log = '10.0.0.1 - - [24/Nov/2026:11:59:00 +0000] "GET /a?q=x HTTP/1.1" 200 5 "-" "agent"\n';
  assert.equal((await fetch(`${first.url}/ingest/logs`, { method: 'POST', body: log })).status, 200);
  const rowsOf = async (url, table, partition) =>
    (await (await fetch(`${url}/api/take?table=${table}&partition=${partition}`)).text())
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  const [hit] = await rowsOf(first.url, 'hits', '10.0.0.1');
  assert.match(hit.row, /^2026-11-24T11:59:00\.000Z/);
  assert.equal(hit.url, '/a?q=x');
  const asEntities = await (await fetch(`${first.url}/tables/hits()?$filter=status%20eq%20200`)).json();
  assert.equal(asEntities.value[0].RowKey, hit.row);
  assert.equal(await first.stop(), 0);
  const second = await startDaemon({ words: ['--only', 'http', '--now', '2026-11-26T12:00:00Z'], configuration, folder: first.folder });
  assert.deepEqual(
    await until(
      () => rowsOf(second.url, 'short', 'p'),
      (rows) => rows.length === 0,
    ),
    [],
  );
  assert.equal((await rowsOf(second.url, 'long', 'p')).length, 100);
  assert.equal((await rowsOf(second.url, 'hits', '10.0.0.1')).length, 1);
  assert.equal(await second.stop(), 0);
});

test('long takes that nobody reads let others read, and are bounded', async (t) => {
  const daemon = await startDaemon({ words: ['--only', 'http'] });
  t.after(() => daemon.clean());
  const lines = Array.from({ length: 9000 }, (_, index) =>
    JSON.stringify({ table: 'messages', partition: 'alice', row: rowName(index), text: 'x'.repeat(600) }),
  );
  assert.equal((await post(daemon.url, lines.join('\n'))).status, 200);
  const sockets = [];
  const heads = [];
  for (let index = 0; index < 130; index += 1) {
    const socket = connect(new URL(daemon.url).port, '127.0.0.1');
    sockets.push(socket);
    socket.on('error', () => {});
    const gzip = index % 2 === 0 ? 'Accept-Encoding: gzip\r\n' : '';
    socket.write(`GET /api/take?table=messages&partition=alice&n=9000 HTTP/1.1\r\nHost: x\r\n${gzip}\r\n`);
    const [piece] = await once(socket, 'data');
    socket.pause();
    heads.push(Number(String(piece).split(' ')[1]));
    // Each stands at a moment of its own.
    assert.equal((await post(daemon.url, message(index, 'bob'))).status, 200);
  }
  assert.ok(heads.every((status) => status === 200 || status === 503));
  assert.equal(heads[0], 200);
  assert.equal((await taken(daemon.url, 5, undefined, 'bob')).rows.length, 5);
  for (const socket of sockets) socket.destroy();
  // What went away holds nothing: as many again are served.
  await until(
    async () => (await fetch(`${daemon.url}/api/take?table=messages&partition=alice&n=9000`)).text(),
    (text) => text.split('\n').length === 9001,
  );
  assert.equal(await daemon.stop(), 0);
});

test('who takes nothing for the time allowed is cut off, in the second answer of a connection too', async (t) => {
  // A busy machine takes its time for the records; the limit is for those who ask.
  const { folder, url, stop, clean } = await startDaemon({ words: ['--only', 'http'] });
  t.after(() => clean());
  for (let from = 0; from < 8000; from += 1000) {
    const lines = Array.from({ length: 1000 }, (_, index) =>
      JSON.stringify({ table: 'messages', partition: 'alice', row: rowName(from + index), text: 'x'.repeat(6000) }),
    );
    assert.equal((await post(url, lines.join('\n'))).status, 200);
  }
  assert.equal(await stop(), 0);
  const daemon = await startDaemon({ folder, words: ['--only', 'http'], configuration: '[limits]\nrequestSeconds = 4\n' });
  const deaf = [];
  for (let index = 0; index < 10; index += 1) {
    const socket = connect(new URL(daemon.url).port, '127.0.0.1');
    deaf.push(socket);
    socket.on('error', () => {});
    socket.write('GET /api/take?table=messages&partition=alice&n=1 HTTP/1.1\r\nHost: x\r\n\r\n');
    const [piece] = await once(socket, 'data');
    assert.match(String(piece), /^HTTP\/1\.1 200 /);
    socket.pause();
    socket.write('GET /api/take?table=messages&partition=alice&n=8000 HTTP/1.1\r\nHost: x\r\n\r\n');
  }
  const connections = ({ listeners }) => listeners.find(({ name }) => name === 'http').connectionsNow;
  const ended = await until(
    () => daemon.status(),
    (status) => connections(status) < 5,
  );
  assert.ok(connections(ended) < 5);
  for (const socket of deaf) socket.destroy();
  assert.equal(await daemon.stop(), 0);
});
