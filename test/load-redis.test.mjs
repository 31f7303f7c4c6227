// weir load redis://...: the sorted sets that a Redis user keeps by hand, on a real server: the same lists as Redis gives, each counted once.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { hasProgram } from '../build/peers.mjs';
import { freePort, startPeer } from './free-port.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const weir = (...words) => spawnSync(process.execPath, [join(root, 'bin/weir'), ...words], { encoding: 'utf8', maxBuffer: 1 << 26 });
const skip = hasProgram('redis-server') || process.env.CI === 'true' ? false : 'redis-server is missing';

async function redisFor(t) {
  const folder = mkdtempSync(join(tmpdir(), 'weir-redis-'));
  const { server, port, ended } = await startPeer('redis-server', () => tryRedis(folder));
  const url = `redis://:secret-word@127.0.0.1:${port}`;
  const client = new Redis(url);
  t.after(async () => {
    client.disconnect();
    server.kill('SIGTERM');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });
  return { client, url, port, data: join(folder, 'data') };
}

async function tryRedis(folder) {
  const port = await freePort();
  const words = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder, '--requirepass', 'secret-word'];
  const server = spawn('redis-server', words, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => server.once('exit', resolve));
  const isReady = await new Promise((resolve) => {
    let said = '';
    server.stdout.on('data', (chunk) => {
      said = (said + chunk).slice(-1000);
      if (said.includes('Ready to accept')) resolve(true);
    });
    ended.then(() => resolve(false));
  });
  return isReady ? { server, port, ended } : undefined;
}

test('sorted sets of days become days, and a month is the sum of them', { skip }, async (t) => {
  const { client, url, port, data } = await redisFor(t);
  const days = ['2026-03-28', '2026-03-29', '2026-03-30'];
  const sums = new Map();
  for (const [index, day] of days.entries()) {
    const pipeline = client.pipeline();
    for (let key = 0; key < 3000; key += 1) {
      const count = ((key * 7919 + index * 104729) % 50) + (key < 3 ? 1000 : 0);
      pipeline.zincrby(`day:top:${day}`, count, `word ${key} é`);
      sums.set(`word ${key} é`, (sums.get(`word ${key} é`) ?? 0) + count);
    }
    pipeline.zincrby(`top:url:${day.replaceAll('-', '')}`, 5, '/a');
    await pipeline.exec();
  }
  await client.zunionstore('month:top:2026-03', 3, ...days.map((day) => `day:top:${day}`));
  await client.zadd('leaders', 3, 'someone');
  await client.zadd(`day:top:${days[0]}`, 2.5, 'half', -1, 'below');
  await client.set('day:count:2026-03-28', '5');

  const loaded = weir('load', url, '--data', data, '--tz', 'Europe/London');
  assert.equal(loaded.status, 0, loaded.stderr);
  assert.match(loaded.stderr, /6 sorted sets, 9003 members/);
  assert.match(loaded.stderr, /finer sets hold their counts: month:top:2026-03\n/);
  assert.match(loaded.stderr, /names hold no date: leaders\n/);
  assert.match(loaded.stderr, /rejected: number 2 /);
  assert.doesNotMatch(loaded.stderr, /secret-word/);

  const words = ['--data', data, '--tz', 'Europe/London', '--json', '--by', 'keyword', '-n', '5000'];
  const [month] = weir('top', ...words, '--per', 'month')
    .stdout.trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.equal(month.period, '2026-03');
  assert.deepEqual(new Map(month.top.map(({ key, count }) => [key, count])), sums);
  const perDay = weir('top', ...words, '--per', 'day')
    .stdout.trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    perDay.map(({ period }) => period),
    days,
  );
  for (const [index, day] of days.entries()) {
    const real = await client.zrevrange(`day:top:${day}`, 0, 2, 'WITHSCORES');
    assert.deepEqual(
      perDay[index].top.slice(0, 3).flatMap(({ key, count }) => [key, String(count)]),
      real,
    );
  }

  const again = weir('load', url, '--data', data, '--tz', 'Europe/London');
  assert.match(again.stderr, /0 sorted sets.*6 loaded before, counted once/);
  assert.equal(weir('top', ...words, '--per', 'month').stdout.trim(), JSON.stringify(month));

  await client.zincrby(`day:top:${days[0]}`, 1, 'word 1 é');
  const changed = weir('load', url, '--data', data, '--tz', 'Europe/London');
  assert.equal(changed.status, 1);
  assert.match(changed.stderr, /changed since they were loaded, left as they were: day:top:2026-03-28\n/);

  const refused = weir('load', `redis://:wrong@127.0.0.1:${port}`, '--data', data);
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /^weir: redis:\/\/127\.0\.0\.1:\d+: cannot be read: WRONGPASS/);
});
