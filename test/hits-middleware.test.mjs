// The middleware in real servers: express, fastify and node's own, against a real daemon. Counts are exact; memory is bounded.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { Agent, createServer, get } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { hits } from '../dist/serve/middleware.js';
import { hits as fastifyHits } from '../dist/serve/middleware-fastify.js';
import { folderFor, root, serve, topOf, until } from './hits-daemon.mjs';

const peers = join(root, 'test/peers');
const has = (name) => existsSync(join(peers, 'node_modules', name)) || process.env.CI === 'true';
const load = createRequire(join(peers, 'package.json'));

const listen = (server) => new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));

async function ask(port, paths, workers = 20) {
  const agent = new Agent({ keepAlive: true, maxSockets: workers });
  let next = 0;
  const one = (path) =>
    new Promise((resolve, reject) => {
      get({ port, path, agent, headers: { 'user-agent': 'tester' } }, (response) => response.resume().on('end', resolve)).on(
        'error',
        reject,
      );
    });
  await Promise.all(
    Array.from({ length: workers }, async () => {
      while (next < paths.length) await one(paths[next++]);
    }),
  );
  agent.destroy();
}

function pathsAndCounts(total) {
  const paths = Array.from({ length: total }, (_, index) =>
    index % 5 === 0 ? '/missing' : index % 3 === 0 ? `/search?q=term+${index % 7}` : `/item/${index % 11}`,
  );
  const counts = {};
  for (const path of paths) counts[path.split('?')[0]] = (counts[path.split('?')[0]] ?? 0) + 1;
  return { paths, counts };
}

async function checkCounts(daemon, counts, total) {
  const [urls, statuses] = await topOf(daemon, 'by=url,status&n=1000');
  assert.deepEqual(Object.fromEntries(urls.top.map(({ key, count }) => [key, count])), counts);
  assert.equal(urls.requests, total);
  assert.equal(statuses.top.find(({ key }) => key === '404').count, counts['/missing']);
  assert.ok(urls.servedMs.p50 > 0);
}

test('express: 3,000 requests are counted to the last', {
  skip: !has('express') && 'express is not installed in test/peers',
}, async (t) => {
  const daemon = await serve(t, folderFor(t));
  const express = load('express');
  const app = express();
  const note = hits({ url: daemon.url, intervalMs: 20 });
  app.use(note);
  const router = express.Router();
  router.get('/:id', (_request, response) => response.json({ fine: true }));
  app.use('/item', router);
  app.get('/search', (_request, response) => response.send('found'));
  const server = createServer(app);
  const port = await listen(server);
  t.after(() => server.close());
  const { paths, counts } = pathsAndCounts(3000);
  await ask(port, paths);
  await note.close(300_000);
  assert.deepEqual({ ...note.counters, failures: 0 }, { noted: 3000, delivered: 3000, dropped: 0, failures: 0, waitingBytes: 0 });
  await checkCounts(daemon, counts, 3000);
  const [words] = await topOf(daemon, 'by=keyword&n=1');
  assert.match(words.top[0].key, /^term \d$/);
});

test('fastify: the plugin counts every route', { skip: !has('fastify') && 'fastify is not installed in test/peers' }, async (t) => {
  const daemon = await serve(t, folderFor(t));
  const app = load('fastify')();
  await app.register(fastifyHits, { url: daemon.url, intervalMs: 20 });
  app.get('/item/:id', async () => ({ fine: true }));
  app.get('/search', async () => 'found');
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { paths, counts } = pathsAndCounts(400);
  await ask(app.server.address().port, paths);
  await app.close();
  await until('the answer to what waited', () => app.weirHits.delivered === 400);
  await checkCounts(daemon, counts, 400);
});

test('a Weir that is away: requests are served, memory is bounded, drops are counted; a lost answer counts once', async (t) => {
  const seen = new Map();
  let answers = 0;
  const weir = createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      seen.set(request.headers['idempotency-key'], Buffer.concat(chunks).toString().split('\n').length - 1);
      answers += 1;
      if (answers === 1) request.socket.destroy();
      else if (answers === 2) response.writeHead(429, { 'Retry-After': '0.01' }).end();
      else response.end('{}');
    });
  });
  const weirPort = await listen(weir);
  t.after(() => weir.close());
  const note = hits({ url: `http://127.0.0.1:${weirPort}`, intervalMs: 60_000, bufferBytes: 20_000 });
  const server = createServer((request, response) => note(request, response, () => response.end('ok')));
  const port = await listen(server);
  t.after(() => server.close());
  await ask(
    port,
    Array.from({ length: 500 }, () => '/x'),
  );
  assert.equal(note.counters.noted, 500);
  assert.ok(note.counters.dropped > 0 && note.counters.waitingBytes <= 20_000);
  await note.close(300_000);
  assert.equal(note.counters.delivered + note.counters.dropped, 500);
  assert.equal(note.counters.failures, 2);
  assert.deepEqual(
    [...seen.values()].reduce((sum, count) => sum + count, 0),
    note.counters.delivered,
  );
});
