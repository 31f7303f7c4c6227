// Logs that arrive: over HTTP, syslog and tailed files, counted once whatever happens to the daemon or the files. The built program.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { appendFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { folderFor, root, serve, topOf, until } from './hits-daemon.mjs';

const time = '24/Nov/2025:10:00:00 +0000';
const line = (path) => `10.0.0.1 - - [${time}] "GET ${path} HTTP/1.1" 200 5 "-" "curl"`;

const countsOf = async (daemon) => Object.fromEntries(((await topOf(daemon))[0]?.top ?? []).map(({ key, count }) => [key, count]));
const totalOf = async (daemon) => (await topOf(daemon))[0]?.requests ?? 0;

test('POST: durable when it answers, a repeated key counts once, gzip, JSON, broken lines by cause', async (t) => {
  const folder = folderFor(t);
  let daemon = await serve(t, folder);
  const post = async (body, headers = {}) => {
    const answer = await fetch(`${daemon.url}/ingest/logs`, { method: 'POST', body, headers });
    return { status: answer.status, ...(await answer.json()) };
  };
  assert.deepEqual(await post(`${line('/a')}\n${line('/a?q=x')}\nbroken\n`, { 'Idempotency-Key': 'one' }), {
    status: 200,
    accepted: 2,
    rejected: { fields: 1 },
    duplicate: false,
  });
  assert.equal((await post(`${line('/a')}\n`, { 'Idempotency-Key': 'one' })).duplicate, true);
  const hit = { time: '2025-11-24T10:00:01Z', url: '/b?search=y', status: 404, bytes: 7, host: '10.0.0.2', ms: 12.5 };
  assert.equal(
    (await post(gzipSync(`${JSON.stringify(hit)}\n${JSON.stringify(hit)}\n`), { 'Content-Type': 'application/json' })).accepted,
    2,
  );
  assert.equal((await post(JSON.stringify([hit]), { 'Content-Type': 'application/json' })).accepted, 1);
  const future = { ...hit, time: Date.now() + 3 * 86_400_000 };
  assert.deepEqual((await post(JSON.stringify(future))).rejected, { future: 1 });
  await daemon.stop('SIGKILL');
  daemon = await serve(t, folder);
  assert.deepEqual(await countsOf(daemon), { '/b': 3, '/a': 2 });
  assert.equal((await post(`${line('/a')}\n`, { 'Idempotency-Key': 'one' })).duplicate, true);
  const [row] = await topOf(daemon, 'by=keyword&per=day&tz=Asia/Kolkata');
  assert.deepEqual(
    [row.period, row.requests, row.top],
    [
      '2025-11-24',
      5,
      [
        { key: 'y', count: 3 },
        { key: 'x', count: 1 },
      ],
    ],
  );
  assert.deepEqual(row.statuses, { '2xx': 2, '4xx': 3 });
  assert.equal((await fetch(`${daemon.url}/api/top?by=nosuch`)).status, 422);
  assert.equal(await daemon.stop(), 0);
});

test('a copy beside the daemon is a store; what is in it; compact', async (t) => {
  const folder = folderFor(t);
  const daemon = await serve(t, folder);
  const body = `${line('/a')}\n${line('/a?q=x')}\n${line('/b,c')}\n`;
  assert.equal((await fetch(`${daemon.url}/ingest/logs`, { method: 'POST', body, headers: { 'Idempotency-Key': 'one' } })).status, 200);
  const weir = (...words) =>
    spawnSync(process.execPath, [join(root, 'bin/weir'), ...words], { cwd: folder, encoding: 'utf8', timeout: 600_000 });
  const copy = join(folder, 'copy');
  const backup = weir('store', 'backup', copy, '--data', 'data');
  assert.equal(backup.status, 0, backup.stderr);
  assert.equal(weir('store', 'backup', copy, '--data', 'data').status, 1);
  assert.match(weir('store', 'backup', 'copy.mdb', '--data', 'data').stderr, /counts of requests are not in it/);
  assert.equal(weir('store', 'compact', '--data', 'data').status, 1, 'the daemon has the store');
  assert.equal(await daemon.stop(), 0);
  const asked = ['--json', '--by', 'url,keyword', '--per', 'day'];
  const expected = weir('top', '--data', 'data', ...asked);
  assert.equal(JSON.parse(expected.stdout.split('\n')[0]).requests, 3);
  assert.equal(weir('top', '--data', copy, ...asked).stdout, expected.stdout);
  const lines = weir('store', 'dump', '--hits', '--data', copy).stdout.trim().split('\n');
  assert.equal(lines[0], 'time,by,key,count,error');
  for (const row of ['requests,,3,0', 'url,/a,2,0', 'url,"/b,c",1,0', 'keyword,,1,0'])
    assert.ok(lines.includes(`2025-11-24T10:00:00.000Z,${row}`), row);
  const slot = JSON.parse(weir('store', 'dump', '--hits', '--json', '--data', copy).stdout);
  assert.deepEqual([slot.requests, slot.lists.keyword], [3, { total: 1, exact: true, error: 0, keys: [['x', 1]] }]);
  const compact = weir('store', 'compact', '--data', 'data');
  assert.equal(compact.status, 0, compact.stderr);
  assert.match(compact.stderr, /counts of requests: \d+ bytes before, \d+ after/);
  assert.equal(weir('top', '--data', 'data', ...asked).stdout, expected.stdout);
  const again = await serve(t, folder);
  const twice = await fetch(`${again.url}/ingest/logs`, { method: 'POST', body, headers: { 'Idempotency-Key': 'one' } });
  assert.equal((await twice.json()).duplicate, true);
  assert.equal(await again.stop(), 0);
});

test('syslog over UDP and TCP, both framings', async (t) => {
  const daemon = await serve(t, folderFor(t));
  const udp = createSocket('udp4');
  const old = `<134>Nov 24 10:00:00 web nginx: ${line('/udp')}`;
  const fresh = `<134>1 2025-11-24T10:00:00Z web nginx - - - ${line('/tcp')}`;
  await new Promise((resolve) => udp.send(old, daemon.ports.syslog, '127.0.0.1', resolve));
  await new Promise((resolve) => udp.send(`${line('/bare')}\n${line('/bare')}\n`, daemon.ports.syslog, '127.0.0.1', resolve));
  udp.close();
  const socket = connect(daemon.ports['syslog-tcp'], '127.0.0.1');
  socket.end(`${fresh.length} ${fresh}${fresh}\n${fresh}`);
  await until('all lines', async () => (await totalOf(daemon)) === 6);
  assert.deepEqual(await countsOf(daemon), { '/tcp': 3, '/bare': 2, '/udp': 1 });
  assert.equal(await daemon.stop(), 0);
});

test('tail: growth, rotation, truncation, kill -9 and restart; each line once', async (t) => {
  const folder = folderFor(t);
  const log = join(folder, 'access.log');
  const toml = `[logs]\ntail = ["${log}"]\nrecords = true\n`;
  writeFileSync(log, `${line('/1')}\n${line('/2')}\n${line('/half').slice(0, 40)}`);
  let daemon = await serve(t, folder, toml);
  await until('the first lines', async () => (await totalOf(daemon)) === 2);
  appendFileSync(log, `${line('/half').slice(40)}\n`);
  await until('the rest of the cut line', async () => (await totalOf(daemon)) === 3);
  await daemon.stop('SIGKILL');
  appendFileSync(log, `${line('/3')}\n`);
  renameSync(log, `${log}.1`);
  writeFileSync(log, `${line('/4')}\n`);
  daemon = await serve(t, folder, toml);
  await until('lines before and after the rotation', async () => (await totalOf(daemon)) === 5);
  renameSync(log, `${log}.2`);
  appendFileSync(`${log}.2`, `${line('/5')}\n`);
  writeFileSync(log, `${line('/6')}\n${line('/7')}\n`);
  await until('a rotation while it runs', async () => (await totalOf(daemon)) === 8);
  truncateSync(log, 0);
  appendFileSync(log, `${line('/8')}\n`);
  await until('truncation', async () => (await totalOf(daemon)) === 9);
  appendFileSync(log, `${line('/9')}\n`);
  assert.equal(await daemon.stop(), 0);
  // Two rotations while it is down: the file between is read too.
  renameSync(log, `${log}.3`);
  writeFileSync(log, `${line('/10')}\n`);
  renameSync(log, `${log}.4`);
  writeFileSync(log, `${line('/11')}\n`);
  daemon = await serve(t, folder, toml);
  await until('what was rotated away', async () => (await totalOf(daemon)) === 12);
  const counts = await countsOf(daemon);
  assert.deepEqual(Object.values(counts), new Array(12).fill(1), JSON.stringify(counts));
  const taken = await (await fetch(`${daemon.url}/api/take?table=hits&partition=10.0.0.1&n=100`)).text();
  const records = taken
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text));
  assert.deepEqual(records.map(({ url }) => url).sort(), Object.keys(counts).sort());
  assert.ok(records.every(({ partition, row, time, status }) => partition === '10.0.0.1' && row.startsWith(time) && status === 200));
  assert.equal(await daemon.stop(), 0);
});
