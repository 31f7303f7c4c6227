// weir ship, weir load and weir top --data: lines of files into the store, each once, whoever is killed when. The built program.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { folderFor, root, serve, topOf, until } from './hits-daemon.mjs';

const bin = join(root, 'bin/weir');
const lines = (from, to) =>
  Array.from(
    { length: to - from },
    (_, index) => `10.0.0.1 - - [24/Nov/2025:10:00:00 +0000] "GET /${from + index} HTTP/1.1" 200 5 "-" "-"\n`,
  ).join('');
const weir = (words, options = {}) => spawnSync(process.execPath, [bin, ...words], { encoding: 'utf8', ...options });

test('ship: through a server that is away, lost answers, kill -9 and a rotation; each line once', async (t) => {
  const folder = folderFor(t);
  const log = join(folder, 'access.log');
  const spool = join(folder, 'spool');
  writeFileSync(log, lines(0, 1000));
  const daemon = await serve(t, folder);
  // Between the two stands one that loses answers and refuses connections.
  let mode = 'away';
  const pass = async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    if (mode === 'away') return response.writeHead(503).end();
    const answer = await fetch(`${daemon.url}${request.url}`, {
      method: 'POST',
      body: Buffer.concat(chunks),
      headers: { 'Idempotency-Key': request.headers['idempotency-key'] },
    });
    const text = await answer.text();
    if (mode === 'lossy') return request.socket.destroy();
    return response.writeHead(answer.status).end(text);
  };
  // A sender that is killed in the middle of a request leaves it half read.
  const between = createServer((request, response) => pass(request, response).catch(() => response.destroy()));
  await new Promise((resolve) => between.listen(0, '127.0.0.1', resolve));
  t.after(() => between.close());
  const words = ['ship', log, '--to', `http://127.0.0.1:${between.address().port}`, '--data', spool];
  let child = spawn(process.execPath, [bin, ...words], { stdio: 'ignore' });
  t.after(() => child.kill('SIGKILL'));
  // The next one starts when this one is gone.
  const kill = async () => {
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  };
  await until('a batch on the disk', () => existsSync(spool) && readdirSync(spool).some((name) => name.endsWith('.batch')));
  await kill();
  appendFileSync(log, lines(1000, 1500));
  renameSync(log, `${log}.1`);
  writeFileSync(log, lines(1500, 2000));
  mode = 'lossy';
  child = spawn(process.execPath, [bin, ...words], { stdio: 'ignore' });
  await until('a batch that arrived', async () => ((await topOf(daemon))[0]?.requests ?? 0) >= 1000);
  await kill();
  mode = 'well';
  child = spawn(process.execPath, [bin, ...words], { stdio: 'ignore' });
  await until('all lines', async () => ((await topOf(daemon))[0]?.requests ?? 0) >= 2000);
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  assert.equal((await gone)[0], 0);
  assert.equal(weir([...words, '--once']).status, 0);
  const [row] = await topOf(daemon, 'by=url&n=3000');
  assert.equal(row.requests, 2000);
  assert.equal(row.keys, 2000);
  assert.ok(row.top.every(({ count }) => count === 1));
});

test('ship: a W3C log arrives as records', async (t) => {
  const folder = folderFor(t);
  const log = join(folder, 'u_ex.log');
  writeFileSync(
    log,
    '#Fields: date time c-ip cs-method cs-uri-stem cs-uri-query sc-status\n2025-11-24 10:00:00 10.0.0.1 GET /a q=caf%C3%A9 200\n',
  );
  const daemon = await serve(t, folder);
  const done = weir(['ship', '--once', log, '--to', daemon.url, '--data', join(folder, 'spool')]);
  assert.equal(done.status, 0, done.stderr);
  assert.match(done.stderr, /1 lines delivered/);
  const [urls, words] = await topOf(daemon, 'by=url,keyword');
  assert.deepEqual(
    [urls.top[0], words.top[0]],
    [
      { key: '/a', count: 1 },
      { key: 'café', count: 1 },
    ],
  );
  assert.equal(weir(['ship', log]).status, 2);
});

test('load: a file counts once; top --data answers by day of a zone, exactly', async (t) => {
  const folder = folderFor(t);
  const data = join(folder, 'data');
  const log = join(folder, 'access.log');
  writeFileSync(log, `${lines(0, 300)}${lines(0, 100)}broken\n`);
  assert.match(weir(['load', log, '--data', data]).stderr, /401 lines, rejected: fields 1/);
  assert.match(weir(['load', log, '--data', data]).stderr, /loaded before/);
  const answer = weir(['top', '--data', data, '--per', 'day', '--tz', 'Pacific/Auckland', '--by', 'url,status', '-n', '400', '--json']);
  const [urls, statuses] = answer.stdout
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text));
  assert.deepEqual([urls.period, urls.requests, urls.exact, urls.keys, urls.other], ['2025-11-24', 400, true, 300, 0]);
  assert.deepEqual(statuses.top, [{ key: '200', count: 400 }]);
  assert.equal(urls.top.filter(({ count }) => count === 2).length, 100);
  assert.equal(weir(['top', '--data', join(folder, 'nosuch')]).status, 1);
  assert.match(weir(['top', '--data', data, '--by', 'referer']).stderr, /the store keeps agent, host, keyword, status, url/);
  assert.equal(weir(['load', join(folder, 'nosuch.log'), '--data', data]).status, 1);
});

test('visitors of a store that keeps them are those of the logs; of one that does not, a clear word', (t) => {
  const folder = folderFor(t);
  const sample = join(root, 'samples/access.log');
  const asked = ['--by', 'status', '--per', 'day', '--tz', 'Australia/Lord_Howe', '--visitors', '--json'];
  const figures = (text) =>
    text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
      .map(({ period, visitors, requests }) => [period, visitors, requests]);
  const data = join(folder, 'data');
  assert.equal(weir(['load', sample, '--data', data, '--by', 'status,host+agent']).status, 0);
  const stored = weir(['top', '--data', data, ...asked]);
  assert.equal(stored.status, 0, stored.stderr);
  assert.deepEqual(figures(stored.stdout), figures(weir(['top', sample, ...asked]).stdout));
  assert.ok(figures(stored.stdout).every(([, visitors]) => visitors > 0));
  const other = join(folder, 'other');
  assert.equal(weir(['load', sample, '--data', other]).status, 0);
  const none = weir(['top', '--data', other, ...asked]);
  assert.deepEqual([none.status, none.stdout], [2, '']);
  assert.match(none.stderr, /'host\+agent': the store keeps/);
});
